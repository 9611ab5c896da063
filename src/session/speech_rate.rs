//! Syllables a minute of speaking time, over the last seconds, from segments that may overlap.

use std::{collections::VecDeque, time::Duration};

use crate::speech::VoiceObservation;

/// Time over which the rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// Speaking time below which a rate would be noise.
const MIN_SPEAKING: Duration = Duration::from_secs(1);
/// At the start of a segment that overlaps the one before, the earlier segment knew better:
/// it had the sound on both sides.
const EDGE: Duration = Duration::from_millis(250);

/// How fast somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechRate {
    /// Syllable nuclei a minute of speaking time.
    pub per_min: f32,
    /// The same a second: the articulation rate.
    pub per_second: f32,
}

/// Nuclei and stretches of speech of the last seconds, on the stream's own time.
#[derive(Debug, Default)]
pub(super) struct SpeechTimeline {
    end: Duration,
    syllables: VecDeque<Duration>,
    speech: VecDeque<(Duration, Duration)>,
}

impl SpeechTimeline {
    /// Puts a segment's findings in the place of what an overlapping one said before.
    pub(super) fn push(&mut self, heard: &VoiceObservation) {
        let start = heard.captured_at.saturating_sub(heard.duration);
        let cut = if start < self.end { start + EDGE } else { start };
        self.end = heard.captured_at;
        self.syllables.retain(|at| *at < cut);
        self.syllables
            .extend(heard.syllables.iter().map(|at| start + *at).filter(|at| *at >= cut));
        self.speech.retain(|(from, _)| *from < cut);
        if let Some((_, to)) = self.speech.back_mut() {
            *to = (*to).min(cut);
        }
        let fresh = heard.speech.iter().map(|span| (start + span.start, start + span.end));
        self.speech
            .extend(fresh.filter(|span| span.1 > cut).map(|(from, to)| (from.max(cut), to)));
        self.forget();
    }

    /// `None` under a second of speaking time in the last 10 s.
    pub(super) fn rate(&self) -> Option<SpeechRate> {
        let from = self.end.saturating_sub(RATE_WINDOW);
        let speaking: Duration =
            self.speech.iter().map(|(begin, end)| end.saturating_sub((*begin).max(from))).sum();
        if speaking < MIN_SPEAKING {
            return None;
        }
        let per_second = self.syllables.len() as f32 / speaking.as_secs_f32();
        Some(SpeechRate { per_min: per_second * 60.0, per_second })
    }

    fn forget(&mut self) {
        let from = self.end.saturating_sub(RATE_WINDOW);
        self.syllables.retain(|at| *at >= from);
        self.speech.retain(|(_, to)| *to > from);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::speech::{Interval, SpeechTiming};

    /// A segment of 3 s that ends at `end`, spoken through, with nuclei at these times.
    pub(in super::super) fn spoken(end: Duration, syllables: &[Duration]) -> VoiceObservation {
        let duration = Duration::from_secs(3);
        let start = end - duration;
        let inside = syllables.iter().filter(|at| **at >= start && **at < end);
        VoiceObservation {
            sequence: 0,
            captured_at: end,
            unix_ms: 0,
            duration,
            new_duration: duration,
            audio_detected: true,
            speech_ratio: 1.0,
            speech: vec![Interval { start: Duration::ZERO, end: duration }],
            pauses: Vec::new(),
            rms: 0.1,
            dbfs: Some(-20.0),
            clipping_ratio: 0.0,
            f0_track_hz: Vec::new(),
            f0: None,
            spectral_centroid_hz: None,
            clarity: None,
            syllables: inside.map(|at| *at - start).collect(),
            arousal: None,
            timing: SpeechTiming::default(),
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
        let mut heard = spoken(Duration::from_secs(3), &every(250, 3));
        heard.speech[0].end = Duration::from_millis(1500);
        heard.syllables.retain(|at| *at < Duration::from_millis(1500));
        let mut timeline = SpeechTimeline::default();
        timeline.push(&heard);
        assert_eq!(timeline.rate().map(|rate| rate.per_second), Some(4.0));
        heard.captured_at = Duration::from_secs(30);
        heard.speech.clear();
        heard.syllables.clear();
        timeline.push(&heard);
        assert_eq!(timeline.rate(), None);
    }
}
