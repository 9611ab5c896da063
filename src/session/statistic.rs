//! Mean, variance and range of every metric over a whole session, in constant memory.

use std::{collections::BTreeMap, time::Duration};

use super::window::MAX_GAP;
use crate::{
    metric::{FaceValues, Metric, VoiceValues},
    speech::VoiceObservation,
};

/// Running statistics of one metric (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistic {
    /// Values seen.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Time for which the values stand.
    pub covered: Duration,
    sum_of_squares: f64,
}

impl Statistic {
    /// Takes in a value that stands for `covered` of time.
    pub(super) fn add(&mut self, value: f64, covered: Duration) {
        self.count += 1;
        self.covered += covered;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.sum_of_squares += delta * (value - self.mean);
        let is_first = self.count == 1;
        self.min = if is_first { value } else { self.min.min(value) };
        self.max = if is_first { value } else { self.max.max(value) };
    }

    /// Population variance, in the metric's unit squared.
    pub fn variance(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_of_squares / self.count as f64 }
    }
}

/// The [`Statistic`] of every metric that was ever known in a session, by name.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    metrics: BTreeMap<&'static str, Statistic>,
    last_frame: Option<Duration>,
    /// Frames analysed.
    pub frames_total: u64,
    /// Segments analysed.
    pub segments_total: u64,
    /// Time in eye contact.
    pub eye_contact: Duration,
    /// Persons whose faces were seen, one after the other; who comes back counts again.
    pub person_count: u32,
}

impl Statistics {
    /// The metrics by name; one that was never known is absent.
    pub fn metrics(&self) -> impl Iterator<Item = (&'static str, &Statistic)> {
        self.metrics.iter().map(|(name, statistic)| (*name, statistic))
    }

    pub(super) fn add_face(&mut self, captured_at: Duration, values: &FaceValues) {
        let span = self
            .last_frame
            .map_or(Duration::ZERO, |last| captured_at.saturating_sub(last).min(MAX_GAP));
        self.last_frame = Some(captured_at);
        self.frames_total += 1;
        if values.eye_contact == Some(true) {
            self.eye_contact += span;
        }
        for (metric, value) in values.iter() {
            self.add(metric, value, span);
        }
    }

    /// A metric of the voice counts for the time in which the person speaks: a segment whose new part
    /// is silent repeats what the segments that it overlaps had.
    pub(super) fn add_voice(&mut self, voice: &VoiceObservation, values: &VoiceValues) {
        self.segments_total += 1;
        let spoken = voice.new_speech();
        for (metric, value) in values.iter() {
            match metric.needs.speech() {
                true if spoken.is_zero() => (),
                true => self.add(metric, value, spoken),
                false => self.add(metric, value, voice.new_duration),
            }
        }
    }

    fn add(&mut self, metric: &Metric, value: Option<f64>, span: Duration) {
        if let (Some(name), Some(value)) = (metric.summary, value) {
            self.metrics.entry(name).or_default().add(value, span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{Arousal, ArousalLabel, SpeechRate, VoiceMetrics, voice_values},
        speech::{F0Statistics, Interval},
    };

    #[test]
    fn mean_variance_and_range_are_those_of_the_values() {
        let mut statistic = Statistic::default();
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            statistic.add(value, Duration::from_millis(500));
        }
        assert!((statistic.mean - 5.0).abs() < 1e-12);
        assert!((statistic.variance() - 4.0).abs() < 1e-12);
        assert_eq!((statistic.min, statistic.max), (2.0, 9.0));
        assert_eq!(statistic.covered, Duration::from_secs(4));
    }

    /// A segment of which everything is known.
    fn spoken(end_s: u64, new_s: u64) -> VoiceObservation {
        let mut voice =
            super::super::speech_rate::tests::spoken(Duration::from_secs(end_s), &[]);
        let ms = Duration::from_millis;
        voice.new_duration = Duration::from_secs(new_s);
        voice.speech = vec![
            Interval { start: ms(0), end: ms(1000) },
            Interval { start: ms(1400), end: ms(2000) },
        ];
        voice.pauses = vec![Interval { start: ms(1000), end: ms(1400) }];
        voice.f0 = Some(F0Statistics {
            voiced_frames: 100,
            mean_hz: 100.0,
            variance_hz2: 9.0,
            median_hz: 99.0,
            p5_hz: 90.0,
            p95_hz: 120.0,
        });
        (voice.clarity, voice.spectral_centroid_hz) = (Some(0.5), Some(1400.0));
        voice
    }

    fn known(voice: &VoiceObservation) -> VoiceValues {
        let metrics = VoiceMetrics {
            speech_rate: Some(SpeechRate { per_min: 240.0, per_second: 4.0 }),
            no_rate: None,
            arousal: Some(Arousal {
                value: 0.1,
                label: ArousalLabel::Neutral,
                confidence: 0.9,
            }),
            values: VoiceValues::default(),
        };
        voice_values(voice, &metrics)
    }

    fn add(statistics: &mut Statistics, voice: &VoiceObservation) {
        statistics.add_voice(voice, &known(voice));
    }

    #[test]
    fn metrics_of_the_voice_count_the_time_of_speech() {
        let mut statistics = Statistics::default();
        add(&mut statistics, &spoken(3, 3));
        // The third second of each is silent: it says nothing new of the voice.
        add(&mut statistics, &spoken(4, 1));
        let of = |name: &str| {
            *statistics.metrics().find(|(known, _)| *known == name).expect("gathered").1
        };
        for name in ["pitch_mean", "clarity_score", "speech_rate", "arousal", "pause_count"] {
            let covered = of(name).covered;
            assert_eq!((of(name).count, covered), (1, Duration::from_millis(1600)), "{name}");
        }
        assert!((of("longest_pause_ms").mean - 400.0).abs() < 1e-3);
        assert_eq!((of("speech_ratio").count, of("volume_mean").count), (2, 2));
        assert_eq!(of("volume_mean").covered, Duration::from_secs(4));
    }
}
