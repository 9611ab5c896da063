//! Voice activity: where a segment holds speech. The model is Silero's: it judges chunks of 32 ms, and
//! takes eight of them a run, which costs a quarter less than one by one.

use std::{collections::VecDeque, time::Duration};

use super::Interval;
use crate::{
    error::Result,
    inference::{Catalog, Model, Outputs},
    media::{Segment, duration_of},
};

/// New samples of a chunk.
const CHUNK_SAMPLES: usize = 512;
/// Samples before them that the model sees again.
const CONTEXT_SAMPLES: usize = 64;
/// Chunks of a run, as the catalog has it.
const BLOCK_CHUNKS: usize = 8;
const BLOCK_SAMPLES: usize = BLOCK_CHUNKS * CHUNK_SAMPLES;
/// Size of each of the model's two recurrent states.
const STATE_VALUES: usize = 128;

/// What counts as speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivityConfig {
    /// Probability from which speech begins.
    pub begin_probability: f32,
    /// Probability under which it ends; lower, so that a weak syllable does not cut it.
    pub end_probability: f32,
}

impl Default for ActivityConfig {
    fn default() -> Self {
        ActivityConfig { begin_probability: 0.5, end_probability: 0.35 }
    }
}

/// Gaps under this are closed: what is left between two stretches of speech is a pause.
const MIN_PAUSE: Duration = Duration::from_millis(300);
/// Stretches under this are clicks.
const MIN_STRETCH: Duration = Duration::from_millis(90);
/// Speech in a segment over which the segment counts as spoken.
const MIN_SPEECH: Duration = Duration::from_millis(300);

/// The voice activity model, and what of a segment is speech.
#[derive(Clone, Debug)]
pub(super) struct ActivityDetector {
    model: Model,
}

/// The model's state for a stream, and its results for the samples that may come again in
/// an overlapping segment. Each sample of a stream is judged once.
#[derive(Clone, Debug, Default)]
pub struct ActivityTrack {
    next_sequence: Option<u64>,
    hidden: Vec<f32>,
    cell: Vec<f32>,
    /// The last samples judged for good, then those that do not fill a block yet.
    recent: Vec<f32>,
    /// Of the newest chunks, in order.
    probabilities: VecDeque<f32>,
    /// How many of these, at the end, are of a block that is not full; it is judged again with
    /// what comes next.
    provisional: usize,
}

/// Speech and pauses of a segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Activity {
    pub(super) detected: bool,
    pub(super) speech_ratio: f32,
    pub(super) speech: Vec<Interval>,
    pub(super) pauses: Vec<Interval>,
}

impl ActivityDetector {
    pub(super) fn load(catalog: &Catalog) -> Result<Self> {
        Ok(ActivityDetector { model: catalog.load("voice_activity")? })
    }

    pub(super) fn runtime(&self) -> &str {
        self.model.runtime()
    }

    /// Judges the next samples of a segment that [`ActivityTrack::begin`] began, -1..1, as far as
    /// they fill blocks.
    pub(super) fn judge(&self, samples: &[f32], track: &mut ActivityTrack) -> Result<()> {
        track.recent.extend_from_slice(samples);
        let mut at = 0;
        while track.recent.len() - at >= CONTEXT_SAMPLES + BLOCK_SAMPLES {
            let outputs = self.run(&track.recent[at..], track)?;
            track.probabilities.extend(outputs.values(0));
            track.hidden.copy_from_slice(outputs.values(1));
            track.cell.copy_from_slice(outputs.values(2));
            at += BLOCK_SAMPLES;
        }
        track.recent.drain(..at);
        Ok(())
    }

    /// Describes the whole segment, once its samples are judged.
    pub(super) fn finish(
        &self,
        segment: &Segment,
        config: ActivityConfig,
        track: &mut ActivityTrack,
    ) -> Result<Activity> {
        let length = segment.samples.len();
        track.provisional = track.unblocked() / CHUNK_SAMPLES;
        if track.provisional > 0 {
            let outputs = self.run(&track.recent, track)?;
            track.probabilities.extend(&outputs.values(0)[..track.provisional]);
        }
        track.next_sequence = Some(segment.sequence + 1);
        track.probabilities.drain(..track.surplus(length));
        Ok(track.describe(config, length))
    }

    /// Runs the model on a block, each chunk with its context; what is missing is silence, which
    /// comes after the chunks that count.
    fn run(&self, samples: &[f32], track: &ActivityTrack) -> Result<Outputs> {
        self.model.run(|input, values| match input {
            0 => {
                let rows = values.chunks_exact_mut(CONTEXT_SAMPLES + CHUNK_SAMPLES);
                for (row, start) in rows.zip((0..samples.len()).step_by(CHUNK_SAMPLES)) {
                    let count = row.len().min(samples.len() - start);
                    row[..count].copy_from_slice(&samples[start..start + count]);
                }
            }
            1 => values.copy_from_slice(&track.hidden),
            _ => values.copy_from_slice(&track.cell),
        })
    }
}

impl ActivityTrack {
    /// Begins a segment; returns the place of its first sample that must be judged.
    pub(super) fn begin(&mut self, segment: &Segment) -> usize {
        let length = segment.samples.len();
        let mut new_samples = segment.new_samples.min(length);
        if self.next_sequence != Some(segment.sequence) {
            self.forget();
            new_samples = length;
        }
        // A run that fails, or an analysis that is given up, leaves the track torn: the next
        // segment then begins afresh.
        self.next_sequence = None;
        self.probabilities.truncate(self.probabilities.len() - self.provisional);
        self.provisional = 0;
        length - new_samples
    }

    fn forget(&mut self) {
        for (values, size) in [
            (&mut self.hidden, STATE_VALUES),
            (&mut self.cell, STATE_VALUES),
            (&mut self.recent, CONTEXT_SAMPLES),
        ] {
            values.clear();
            values.resize(size, 0.0);
        }
        self.probabilities.clear();
        self.provisional = 0;
    }

    /// Samples that do not fill a block yet.
    fn unblocked(&self) -> usize {
        self.recent.len() - CONTEXT_SAMPLES
    }

    /// Samples from the start of the oldest chunk that is remembered to the newest sample.
    fn remembered(&self) -> usize {
        (self.probabilities.len() - self.provisional) * CHUNK_SAMPLES + self.unblocked()
    }

    /// Probabilities to stretches of speech, with hysteresis. Samples too new to be judged are
    /// like the last chunk.
    fn describe(&self, config: ActivityConfig, length: usize) -> Activity {
        let remembered = self.remembered();
        let mut spans = Vec::new();
        let mut begun = None;
        for (chunk, probability) in self.probabilities.iter().enumerate() {
            let at = (chunk * CHUNK_SAMPLES + length).saturating_sub(remembered);
            match begun {
                None if *probability >= config.begin_probability => begun = Some(at),
                Some(start) if *probability < config.end_probability => {
                    spans.push(Interval { start: duration_of(start), end: duration_of(at) });
                    begun = None;
                }
                _ => {}
            }
        }
        if let Some(start) = begun {
            spans.push(Interval { start: duration_of(start), end: duration_of(length) });
        }
        Activity::from_spans(&spans, duration_of(length))
    }

    /// Chunks, judged for good, that end before the newest `length` samples begin.
    fn surplus(&self, length: usize) -> usize {
        let judged = self.probabilities.len() - self.provisional;
        judged.min(self.remembered().saturating_sub(length) / CHUNK_SAMPLES)
    }
}

impl Activity {
    fn from_spans(spans: &[Interval], duration: Duration) -> Self {
        let mut speech: Vec<Interval> = Vec::new();
        for span in spans {
            match speech.last_mut() {
                Some(last) if span.start - last.end < MIN_PAUSE => last.end = span.end,
                _ => speech.push(*span),
            }
        }
        speech.retain(|stretch| stretch.end - stretch.start >= MIN_STRETCH);
        let pauses = speech.windows(2);
        let pauses =
            pauses.map(|pair| Interval { start: pair[0].end, end: pair[1].start }).collect();
        let spoken: Duration = speech.iter().map(|stretch| stretch.end - stretch.start).sum();
        Activity {
            detected: spoken > MIN_SPEECH,
            speech_ratio: spoken.as_secs_f32() / duration.as_secs_f32().max(f32::MIN_POSITIVE),
            speech,
            pauses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(ms: &[(u64, u64)]) -> Vec<Interval> {
        let ms = ms.iter().map(|(start, end)| Interval {
            start: Duration::from_millis(*start),
            end: Duration::from_millis(*end),
        });
        ms.collect()
    }

    #[test]
    fn short_gaps_close_and_long_ones_are_pauses() {
        let found = Activity::from_spans(
            &spans(&[(0, 500), (799, 1000), (1300, 2000)]),
            Duration::from_secs(3),
        );
        assert_eq!(found.speech, spans(&[(0, 1000), (1300, 2000)]));
        assert_eq!(found.pauses, spans(&[(1000, 1300)]));
        assert!(found.detected && (found.speech_ratio - 1.7 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_click_is_no_speech() {
        let click = Activity::from_spans(&spans(&[(1000, 1064)]), Duration::from_secs(3));
        assert_eq!(click, Activity::default());
        let word = Activity::from_spans(&spans(&[(1000, 1300)]), Duration::from_secs(3));
        assert!(!word.detected, "0.3 s is not over 0.3 s");
    }
}
