//! Syllables a minute of speaking time, over the last seconds, from segments that may overlap.

use std::{collections::VecDeque, time::Duration};

use crate::speech::{Interval, VoiceObservation};

/// Time over which the rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// Speaking time below which a rate would be noise.
const MIN_SPEAKING: Duration = Duration::from_secs(1);
/// At the start of a segment that overlaps the one before, the earlier segment is more exact: it had
/// the sound on both sides.
const EDGE: Duration = Duration::from_millis(250);

/// How fast a person speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechRate {
    /// Syllable nuclei a minute of speaking time.
    pub per_min: f32,
    /// The same a second: the articulation rate.
    pub per_second: f32,
}

/// Why a speech rate is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoRate {
    /// Under a second of speaking time in the last 10 s.
    TooLittle,
    /// What is spoken is whispered: without a voice there are no nuclei.
    Unvoiced,
    /// A voice without a syllable, such as a held tone.
    NoSyllables,
}

impl NoRate {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            NoRate::TooLittle => "needs_1_s",
            NoRate::Unvoiced => "unvoiced",
            NoRate::NoSyllables => "no_syllables",
        }
    }
}

/// Nuclei and stretches of speech of the last seconds, on the stream's own time.
#[derive(Debug, Default)]
pub(super) struct SpeechTimeline {
    end: Duration,
    syllables: VecDeque<Duration>,
    speech: VecDeque<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Duration,
    to: Duration,
    is_voiced: bool,
}

impl SpeechTimeline {
    /// Replaces the findings of an overlapping earlier segment by those of this one.
    pub(super) fn push(&mut self, voice: &VoiceObservation) {
        let start = voice.captured_at.saturating_sub(voice.duration);
        let cut = if start < self.end { start + EDGE } else { start };
        self.end = voice.captured_at;
        self.syllables.retain(|at| *at < cut);
        self.speech.retain(|stretch| stretch.from < cut);
        if let Some(last) = self.speech.back_mut() {
            last.to = last.to.min(cut);
        }
        let stretch = |span: &Interval| Stretch {
            from: (start + span.start).max(cut),
            to: start + span.end,
            is_voiced: is_voiced(voice, span),
        };
        let fresh = voice.speech.iter().map(stretch).filter(|stretch| stretch.to > cut);
        self.speech.extend(fresh);
        self.syllables
            .extend(voice.syllables.iter().map(|at| start + *at).filter(|at| *at >= cut));
        self.forget();
    }

    /// Of the voiced speaking time in the last 10 s, of which there is a second at least.
    pub(super) fn rate(&self) -> Result<SpeechRate, NoRate> {
        let from = self.end.saturating_sub(RATE_WINDOW);
        let lasts = |stretch: &Stretch| stretch.to.saturating_sub(stretch.from.max(from));
        let all: Duration = self.speech.iter().map(lasts).sum();
        let speaking: Duration =
            self.speech.iter().filter(|stretch| stretch.is_voiced).map(lasts).sum();
        if all < MIN_SPEAKING {
            return Err(NoRate::TooLittle);
        }
        if speaking < MIN_SPEAKING {
            return Err(NoRate::Unvoiced);
        }
        if self.syllables.is_empty() {
            return Err(NoRate::NoSyllables);
        }
        let per_second = self.syllables.len() as f32 / speaking.as_secs_f32();
        Ok(SpeechRate { per_min: per_second * 60.0, per_second })
    }

    fn forget(&mut self) {
        let from = self.end.saturating_sub(RATE_WINDOW);
        self.syllables.retain(|at| *at >= from);
        self.speech.retain(|stretch| stretch.to > from);
    }
}

/// Something of the stretch has a pitch. A whisper has none, and no nuclei to count.
fn is_voiced(voice: &VoiceObservation, span: &Interval) -> bool {
    let steps = span.steps(voice.f0_track_hz.len(), Duration::ZERO);
    voice.f0_track_hz[steps].iter().any(Option::is_some)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A segment of 3 s that ends at `end`, spoken through, with nuclei at these times.
    pub(in super::super) fn spoken(end: Duration, syllables: &[Duration]) -> VoiceObservation {
        let duration = Duration::from_secs(3);
        let start = end - duration;
        let inside = syllables.iter().filter(|at| **at >= start && **at < end);
        VoiceObservation {
            captured_at: end,
            duration,
            new_duration: duration,
            audio_detected: true,
            speech_ratio: 1.0,
            speech: vec![Interval { start: Duration::ZERO, end: duration }],
            rms: 0.1,
            dbfs: Some(-20.0),
            f0_track_hz: vec![Some(120.0); 300],
            syllables: inside.map(|at| *at - start).collect(),
            ..VoiceObservation::default()
        }
    }

    fn every(ms: u64, until_s: u64) -> Vec<Duration> {
        (0..until_s * 1000 / ms).map(|k| Duration::from_millis(100 + k * ms)).collect()
    }

    #[test]
    fn overlapping_segments_count_each_syllable_once() {
        let syllables = every(250, 20);
        let mut timeline = SpeechTimeline::default();
        for end_s in 3..=20 {
            timeline.push(&spoken(Duration::from_secs(end_s), &syllables));
        }
        let rate = timeline.rate().expect("10 s of speech");
        assert!((rate.per_second - 4.0).abs() < 0.11, "{rate:?}");
    }

    #[test]
    fn segments_side_by_side_agree_with_overlapping_ones() {
        let syllables = every(200, 12);
        let mut timeline = SpeechTimeline::default();
        for end_s in [3, 6, 9, 12] {
            timeline.push(&spoken(Duration::from_secs(end_s), &syllables));
        }
        let rate = timeline.rate().expect("10 s of speech");
        assert!((rate.per_min - 300.0).abs() < 8.0, "{rate:?}");
    }

    #[test]
    fn pauses_are_left_out_and_silence_has_no_rate() {
        let mut voice = spoken(Duration::from_secs(3), &every(250, 3));
        voice.speech[0].end = Duration::from_millis(1500);
        voice.syllables.retain(|at| *at < Duration::from_millis(1500));
        let mut timeline = SpeechTimeline::default();
        timeline.push(&voice);
        assert_eq!(timeline.rate().map(|rate| rate.per_second), Ok(4.0));
        voice.captured_at = Duration::from_secs(30);
        voice.speech.clear();
        voice.syllables.clear();
        timeline.push(&voice);
        assert_eq!(timeline.rate(), Err(NoRate::TooLittle));
    }

    #[test]
    fn a_whisper_has_no_rate_and_does_not_slow_the_voice_beside_it() {
        let mut whispered = spoken(Duration::from_secs(3), &[]);
        whispered.f0_track_hz.fill(None);
        let mut timeline = SpeechTimeline::default();
        timeline.push(&whispered);
        assert_eq!(timeline.rate(), Err(NoRate::Unvoiced));
        timeline.push(&spoken(Duration::from_secs(6), &every(250, 6)));
        assert_eq!(timeline.rate().map(|rate| rate.per_second), Ok(4.0));
    }

    #[test]
    fn a_held_tone_has_no_rate_instead_of_none_a_minute() {
        let mut timeline = SpeechTimeline::default();
        timeline.push(&spoken(Duration::from_secs(3), &[]));
        assert_eq!(timeline.rate(), Err(NoRate::NoSyllables));
    }
}
