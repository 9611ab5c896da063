//! Voice activity: where somebody speaks. The model is Silero's, 32 ms at a time.

use std::{collections::VecDeque, time::Duration};

use super::Interval;
use crate::{
    error::Result,
    inference::{Catalog, Model},
    media::{Segment, duration_of},
};

/// New samples that a run of the model judges.
const CHUNK_SAMPLES: usize = 512;
/// Samples before them that it sees again.
const CONTEXT_SAMPLES: usize = 64;
/// Size of the model's recurrent state.
const STATE_VALUES: usize = 2 * 128;

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

/// What the model remembers of a stream, and what it said of the samples that may come again in
/// an overlapping segment. Each sample of a stream is judged once.
#[derive(Clone, Debug, Default)]
pub struct ActivityTrack {
    next_sequence: Option<u64>,
    state: Vec<f32>,
    context: Vec<f32>,
    /// Samples that do not fill a chunk yet.
    pending: Vec<f32>,
    /// Of the newest chunks, the last of which ended where `pending` begins.
    probabilities: VecDeque<f32>,
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

    /// Judges the samples that are new, then describes the whole segment. `samples` are the
    /// segment's, -1..1.
    pub(super) fn observe(
        &self,
        segment: &Segment,
        samples: &[f32],
        config: ActivityConfig,
        track: &mut ActivityTrack,
    ) -> Result<Activity> {
        let mut new_samples = segment.new_samples.min(samples.len());
        if track.next_sequence != Some(segment.sequence) {
            track.forget();
            new_samples = samples.len();
        }
        // A failed run leaves the track torn; the next segment then begins afresh.
        track.next_sequence = None;
        self.judge(&samples[samples.len() - new_samples..], track)?;
        track.next_sequence = Some(segment.sequence + 1);
        track.probabilities.drain(..track.surplus(samples.len()));
        Ok(track.describe(config, samples.len()))
    }

    fn judge(&self, mut samples: &[f32], track: &mut ActivityTrack) -> Result<()> {
        while track.pending.len() + samples.len() >= CHUNK_SAMPLES {
            let (fresh, rest) = samples.split_at(CHUNK_SAMPLES - track.pending.len());
            track.pending.extend_from_slice(fresh);
            samples = rest;
            let outputs = self.model.run(|input, values| match input {
                0 => {
                    let (context, chunk) = values.split_at_mut(CONTEXT_SAMPLES);
                    context.copy_from_slice(&track.context);
                    chunk.copy_from_slice(&track.pending);
                }
                _ => values.copy_from_slice(&track.state),
            })?;
            track.probabilities.push_back(outputs.values(0)[0]);
            track.state.copy_from_slice(outputs.values(1));
            track.context.copy_from_slice(&track.pending[CHUNK_SAMPLES - CONTEXT_SAMPLES..]);
            track.pending.clear();
        }
        track.pending.extend_from_slice(samples);
        Ok(())
    }
}

impl ActivityTrack {
    fn forget(&mut self) {
        self.state.clear();
        self.state.resize(STATE_VALUES, 0.0);
        self.context.clear();
        self.context.resize(CONTEXT_SAMPLES, 0.0);
        self.pending.clear();
        self.probabilities.clear();
    }

    /// Probabilities to stretches of speech, with hysteresis. Samples too new to be judged are
    /// like the last chunk.
    fn describe(&self, config: ActivityConfig, length: usize) -> Activity {
        let judged = self.probabilities.len() * CHUNK_SAMPLES + self.pending.len();
        let mut spans = Vec::new();
        let mut begun = None;
        for (chunk, probability) in self.probabilities.iter().enumerate() {
            let at = (chunk * CHUNK_SAMPLES + length).saturating_sub(judged);
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

    /// Chunks that end before the newest `length` samples begin.
    fn surplus(&self, length: usize) -> usize {
        let judged = self.probabilities.len() * CHUNK_SAMPLES + self.pending.len();
        judged.saturating_sub(length) / CHUNK_SAMPLES
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
