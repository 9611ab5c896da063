//! Mean, variance and range of every metric over a whole session, in constant memory.

use std::{collections::BTreeMap, time::Duration};

use super::{FaceMetrics, VoiceMetrics, window::MAX_GAP};
use crate::{
    speech::VoiceObservation,
    vision::{EXPRESSIONS, FaceActions, FaceObservation},
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

    pub(super) fn add_face(&mut self, seen: &FaceObservation, metrics: &FaceMetrics) {
        let span = self
            .last_frame
            .map_or(Duration::ZERO, |last| seen.captured_at.saturating_sub(last).min(MAX_GAP));
        self.last_frame = Some(seen.captured_at);
        self.frames_total += 1;
        if metrics.eye_contact == Some(true) {
            self.eye_contact += span;
        }
        let mut add = |name, value: Option<f32>| self.add(name, value, span);
        let face = seen.person();
        let flag = |truth: Option<bool>| truth.map(|truth| f32::from(u8::from(truth)));
        add("face_present_ratio", flag(Some(face.is_some())));
        add("horizontal_deviation", metrics.horizontal_deviation);
        let pose = face.and_then(|face| face.head_pose);
        add("head_pose.yaw_deg", pose.map(|pose| pose.yaw_deg));
        add("head_pose.pitch_deg", pose.map(|pose| pose.pitch_deg));
        add("head_pose.roll_deg", pose.map(|pose| pose.roll_deg));
        add("head_pose_stability", metrics.head_pose_stability);
        add("gaze.yaw_deg", metrics.gaze.map(|gaze| gaze.yaw_deg));
        add("gaze.pitch_deg", metrics.gaze.map(|gaze| gaze.pitch_deg));
        add("eye_contact_ratio", flag(metrics.eye_contact));
        add("blink_rate_per_min", metrics.blink_rate_per_min);
        add("mouth_open_ratio", face.and_then(|face| face.mouth_open_ratio));
        add("emotion_stability", metrics.emotion_stability);
        for (name, value) in metrics.face_actions.iter().flat_map(FaceActions::by_name) {
            add(name, value);
        }
        let expression = face.and_then(|face| face.expression.as_ref());
        for (k, name) in EXPRESSIONS.into_iter().enumerate() {
            add(name, expression.map(|e| e.probabilities[k]));
        }
    }

    pub(super) fn add_voice(&mut self, heard: &VoiceObservation, metrics: &VoiceMetrics) {
        self.segments_total += 1;
        let mut add = |name, value: Option<f32>| self.add(name, value, heard.new_duration);
        add("speech_ratio", Some(heard.speech_ratio));
        add("volume_mean", Some(heard.rms));
        add("volume_dbfs", heard.dbfs);
        add("clipping_ratio", Some(heard.clipping_ratio));
        // What is a voice's stands for the time in which somebody speaks. A segment whose new part
        // is silent says once more what overlapping ones said.
        let spoken = heard.new_speech();
        if spoken.is_zero() {
            return;
        }
        let mut add = |name, value: Option<f32>| self.add(name, value, spoken);
        let count = |count: usize| u16::try_from(count).map_or(f32::MAX, f32::from);
        add("pause_count", heard.audio_detected.then(|| count(heard.pauses.len())));
        add("longest_pause_ms", heard.longest_pause().map(|pause| pause.as_secs_f32() * 1e3));
        add("pitch_mean", heard.f0.map(|f0| f0.mean_hz));
        add("pitch_median", heard.f0.map(|f0| f0.median_hz));
        add("pitch_variance", heard.f0.map(|f0| f0.variance_hz2));
        add("pitch_range", heard.f0.map(|f0| f0.p95_hz - f0.p5_hz));
        add("spectral_centroid_hz", heard.spectral_centroid_hz);
        add("clarity_score", heard.clarity);
        add("speech_rate", metrics.speech_rate.map(|rate| rate.per_min));
        add("articulation_rate", metrics.speech_rate.map(|rate| rate.per_second));
        add("arousal", metrics.arousal.map(|arousal| arousal.value));
    }

    fn add(&mut self, name: &'static str, value: Option<f32>, span: Duration) {
        if let Some(value) = value {
            self.metrics.entry(name).or_default().add(f64::from(value), span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{Arousal, ArousalLabel, SpeechRate},
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
        let mut heard =
            super::super::speech_rate::tests::spoken(Duration::from_secs(end_s), &[]);
        let ms = Duration::from_millis;
        heard.new_duration = Duration::from_secs(new_s);
        heard.speech = vec![
            Interval { start: ms(0), end: ms(1000) },
            Interval { start: ms(1400), end: ms(2000) },
        ];
        heard.pauses = vec![Interval { start: ms(1000), end: ms(1400) }];
        heard.f0 = Some(F0Statistics {
            voiced_frames: 100,
            mean_hz: 100.0,
            variance_hz2: 9.0,
            median_hz: 99.0,
            p5_hz: 90.0,
            p95_hz: 120.0,
        });
        (heard.clarity, heard.spectral_centroid_hz) = (Some(0.5), Some(1400.0));
        heard
    }

    fn metrics() -> VoiceMetrics {
        VoiceMetrics {
            speech_rate: Some(SpeechRate { per_min: 240.0, per_second: 4.0 }),
            no_rate: None,
            arousal: Some(Arousal {
                value: 0.1,
                label: ArousalLabel::Neutral,
                confidence: 0.9,
            }),
        }
    }

    #[test]
    fn every_row_of_the_printed_summary_is_gathered() {
        let page = include_str!("../../page/lib/metrics.js");
        let (_, voice) = page.split_once("VOICE_METRICS = [").expect("the rows of the voice");
        let (voice, _) = voice.split_once("\n];").expect("their end");
        let names = voice.split("key: \"").skip(1).filter_map(|row| row.split('"').next());
        let mut statistics = Statistics::default();
        statistics.add_voice(&spoken(3, 3), &metrics());
        let gathered: Vec<&str> = statistics.metrics().map(|(name, _)| name).collect();
        for name in names {
            assert!(gathered.contains(&name), "{name} is printed and never gathered");
        }
        assert_eq!(gathered.len(), 15);
    }

    #[test]
    fn what_is_a_voices_counts_while_somebody_speaks() {
        let mut statistics = Statistics::default();
        statistics.add_voice(&spoken(3, 3), &metrics());
        // The third second of each is silent: it says nothing new of the voice.
        statistics.add_voice(&spoken(4, 1), &metrics());
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
