//! Why what is null is null, by the metric's name.

use std::collections::BTreeMap;

use crate::{
    features::Features,
    metric::Needs,
    session::{FaceMetrics, NoRate, VoiceMetrics},
    speech::VoiceObservation,
    vision::{FaceObservation, QualityVerdict},
};

/// Why what is null of a face in a frame's report is null.
pub(super) fn of_face(
    observation: &FaceObservation,
    metrics: &FaceMetrics,
    features: Features,
) -> BTreeMap<&'static str, &'static str> {
    let mut reasons = BTreeMap::new();
    let mut add = |is_known: bool, reason: &'static str, names: &[&'static str]| {
        if !is_known {
            reasons.extend(names.iter().map(|name| (*name, reason)));
        }
    };
    let Some(face) = &observation.face else {
        FACE_METRICS.iter().for_each(|names| add(false, "no_face", names));
        return reasons;
    };
    let (verdict, is_covered) = (face.quality.verdict, face.quality.covered);
    let name = verdict.name();
    if matches!(verdict, QualityVerdict::StillPicture | QualityVerdict::Turned) {
        FACE_METRICS.iter().for_each(|names| add(false, name, names));
        return reasons;
    }
    let or_off = |is_on: bool, reason| if is_on { reason } else { "off" };
    add(face.head_pose.is_some(), "off", POSE);
    let gaze = if is_covered.eyes { "eyes_covered" } else { "eyes_shut" };
    add(metrics.gaze.is_some(), or_off(features.gaze, gaze), GAZE);
    add(face.eye_aspect_ratio.is_some(), "eyes_covered", BLINK);
    add(face.mouth_open_ratio.is_some(), "mouth_covered", MOUTH);
    let unfit = match verdict {
        QualityVerdict::Occluded if is_covered.mouth => Some("mouth_covered"),
        QualityVerdict::Occluded => Some("eyes_covered"),
        QualityVerdict::Good => None,
        _ => Some(name),
    };
    let expression = unfit.unwrap_or("off");
    add(face.expression.is_some(), or_off(features.face_emotion, expression), EXPRESSION);
    let no_rest = if face.measures.is_some() { "needs_10_s" } else { "turned_away" };
    let actions = or_off(features.face_actions, unfit.unwrap_or(no_rest));
    add(metrics.face_actions.is_some(), actions, ACTIONS);
    reasons
}

const FACE_METRICS: [&[&str]; 6] = [POSE, GAZE, BLINK, MOUTH, EXPRESSION, ACTIONS];
const ACTIONS: &[&str] = &["face_actions"];
const POSE: &[&str] = &["head_pose"];
const GAZE: &[&str] = &["gaze", "gaze_direction", "eye_contact", "eye_contact_probability"];
const BLINK: &[&str] = &["blink", "blink_rate_per_min"];
const MOUTH: &[&str] = &["mouth_open_ratio"];
const EXPRESSION: &[&str] = &["emotion_distribution", "dominant_emotion", "emotion_confidence"];

/// Why what is null of a segment's report is null.
pub(super) fn of_voice(
    voice: &VoiceObservation,
    metrics: &VoiceMetrics,
    features: Features,
) -> BTreeMap<&'static str, &'static str> {
    let without_speech = |reason| if voice.audio_detected { reason } else { "no_speech" };
    let reason = |needs| match needs {
        _ if voice.duration.is_zero() => "no_sound",
        Needs::Frame | Needs::Sound => "digital_silence",
        Needs::Voice => without_speech("unvoiced"),
        Needs::Pauses => without_speech("no_pause"),
        Needs::Syllables => metrics.no_rate.map_or("no_speech", NoRate::name),
        Needs::Baseline if !features.voice_emotion => "off",
        Needs::Baseline if voice.arousal.is_none() => without_speech("unvoiced"),
        Needs::Baseline => "needs_15_s",
    };
    let unknown = metrics.values.iter().filter(|(_, value)| value.is_none());
    let mut reasons: BTreeMap<_, _> =
        unknown.map(|(metric, _)| (metric.name, reason(metric.needs))).collect();
    if metrics.arousal.is_none() {
        let arousal = reason(Needs::Baseline);
        reasons.extend([("emotion", arousal), ("emotion_confidence", arousal)]);
    }
    reasons
}
