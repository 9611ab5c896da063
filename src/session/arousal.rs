//! Vocal arousal against the speaker's own baseline.
//!
//! After Bone, Lee & Narayanan 2014, "Robust unsupervised arousal rating": log f0 median,
//! intensity and HF500 ratio, each as a z-score against the speaker's own speech, averaged.

use std::time::Duration;

use super::statistic::Statistic;
use crate::speech::{ArousalFeatures, VoiceObservation};

/// Speech that a baseline needs.
const BASELINE_SPEECH: Duration = Duration::from_secs(15);
/// Speech up to which it goes on to learn, of what it finds neutral itself: the spread of 15 s,
/// which are a handful of utterances, is a guess.
const LEARNT_SPEECH: Duration = Duration::from_secs(30);
/// Segments that a spread needs at least.
const MIN_SEGMENTS: u64 = 4;
/// The least spread that each feature is given (about a semitone; 1 dB; 0.05): a monotonous
/// first 15 s must not turn each later breath into excitement.
const MIN_SPREAD: [f64; 3] = [0.08, 1.0, 0.05];
/// Mean z-score from which a voice is called calm or activated.
const BOUNDARY_Z: f64 = 1.0;
/// Slope of the logistic that turns the distance from the boundary into a confidence.
const CONFIDENCE_SLOPE: f64 = 3.0;

/// How activated the voice is, compared with the same speaker before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arousal {
    /// -1..1: tanh(mean z-score / 2).
    pub value: f32,
    /// The label of `value`.
    pub label: ArousalLabel,
    /// 0..1: logistic distance from the label's boundary; monotone, not a calibrated probability.
    pub confidence: f32,
}

/// The labels of arousal. There are three: these numbers do not support more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArousalLabel {
    /// Mean z-score under -1.
    Calm,
    /// In between.
    Neutral,
    /// Mean z-score over 1.
    Activated,
}

impl ArousalLabel {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            ArousalLabel::Calm => "calm",
            ArousalLabel::Neutral => "neutral",
            ArousalLabel::Activated => "activated",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ArousalBaseline {
    /// Speech that the baseline is made of.
    learnt: Duration,
    features: [Statistic; 3],
}

impl ArousalBaseline {
    /// `None` until 15 s of this speaker's speech came, and for a segment without features.
    pub(super) fn push(&mut self, voice: &VoiceObservation) -> Option<Arousal> {
        let values = voice.arousal.as_ref().map(values_of)?;
        let is_known = self.learnt >= BASELINE_SPEECH && self.features[0].count >= MIN_SEGMENTS;
        let arousal = is_known.then(|| judge(self.mean_z(&values)));
        let is_neutral = |arousal: Arousal| arousal.label == ArousalLabel::Neutral;
        let spoken = voice.new_speech();
        let learns = match arousal {
            Some(arousal) => self.learnt < LEARNT_SPEECH && is_neutral(arousal),
            None => true,
        };
        if learns && !spoken.is_zero() {
            self.learnt += spoken;
            for (feature, value) in self.features.iter_mut().zip(values) {
                feature.add(value, spoken);
            }
        }
        arousal
    }

    fn mean_z(&self, values: &[f64; 3]) -> f64 {
        let z = |k: usize| {
            let spread = self.features[k].variance().sqrt().max(MIN_SPREAD[k]);
            (values[k] - self.features[k].mean) / spread
        };
        (z(0) + z(1) + z(2)) / 3.0
    }
}

fn values_of(features: &ArousalFeatures) -> [f64; 3] {
    [features.log2_f0_median, features.level_db, features.log10_hf500].map(f64::from)
}

#[allow(clippy::cast_possible_truncation, reason = "reports carry f32")]
fn judge(z: f64) -> Arousal {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let activated = logistic(CONFIDENCE_SLOPE * (z - BOUNDARY_Z));
    let calm = logistic(CONFIDENCE_SLOPE * (-z - BOUNDARY_Z));
    let (label, confidence) = if z > BOUNDARY_Z {
        (ArousalLabel::Activated, activated)
    } else if z < -BOUNDARY_Z {
        (ArousalLabel::Calm, calm)
    } else {
        (ArousalLabel::Neutral, 1.0 - activated - calm)
    };
    Arousal { value: (z / 2.0).tanh() as f32, label, confidence: confidence as f32 }
}

#[cfg(test)]
mod tests {
    use super::{super::speech_rate::tests::spoken, *};

    fn voice(second: u64, log2_f0_median: f32, level_db: f32) -> VoiceObservation {
        let mut voice = spoken(Duration::from_secs(second), &[]);
        voice.new_duration = Duration::from_secs(1);
        let features = ArousalFeatures { log2_f0_median, level_db, log10_hf500: -0.3 };
        voice.arousal = Some(features);
        voice
    }

    fn after_baseline() -> ArousalBaseline {
        let mut baseline = ArousalBaseline::default();
        for second in 3..18 {
            let wobble = if second % 2 == 0 { 0.05 } else { -0.05 };
            let arousal = baseline.push(&voice(second, 7.0 + wobble, -30.0));
            assert_eq!(arousal, None, "second {second}");
        }
        baseline
    }

    #[test]
    fn the_speakers_own_voice_is_neutral() {
        let arousal = after_baseline().push(&voice(18, 7.0, -30.0)).expect("baseline is there");
        assert_eq!(arousal.label, ArousalLabel::Neutral);
        assert!(arousal.value.abs() < 0.05 && arousal.confidence > 0.85, "{arousal:?}");
    }

    #[test]
    fn higher_and_louder_is_activated_and_the_reverse_calm() {
        let up = after_baseline().push(&voice(18, 7.4, -22.0)).expect("baseline is there");
        assert_eq!(up.label, ArousalLabel::Activated);
        let down = after_baseline().push(&voice(18, 6.7, -38.0)).expect("baseline is there");
        assert_eq!(down.label, ArousalLabel::Calm);
        assert!(up.value > 0.5 && down.value < -0.5, "{up:?} {down:?}");
    }

    #[test]
    fn the_baseline_goes_on_to_learn_what_is_neutral_and_nothing_else() {
        let mut baseline = after_baseline();
        let of = |baseline: &ArousalBaseline| (baseline.features[0].count, baseline.learnt);
        let (count, learnt) = of(&baseline);
        for second in 18..40 {
            baseline.push(&voice(second, 7.4, -22.0));
        }
        assert_eq!(of(&baseline), (count, learnt), "activated");
        for second in 40..80 {
            baseline.push(&voice(second, 7.05, -30.5));
        }
        assert_eq!(of(&baseline), (count + 15, Duration::from_secs(30)));
        assert!((baseline.features[1].mean + 30.25).abs() < 0.01, "half of it");
    }

    #[test]
    fn silence_does_not_make_a_baseline() {
        let mut baseline = ArousalBaseline::default();
        for second in 3..60 {
            assert_eq!(baseline.push(&spoken(Duration::from_secs(second), &[])), None);
        }
        assert_eq!(baseline.push(&voice(60, 7.0, -30.0)), None);
    }
}
