//! How each metric of the catalogue is read from an observation and from what it means over time.

use super::{FaceMetrics, VoiceMetrics};
use crate::{
    metric::{FaceValues, VoiceValues},
    speech::VoiceObservation,
    vision::FaceObservation,
};

/// The face's values after one frame.
pub fn face_values(seen: &FaceObservation, metrics: &FaceMetrics) -> FaceValues {
    let face = seen.person();
    let pose = face.and_then(|face| face.head_pose);
    let actions = metrics.face_actions.as_ref();
    let probabilities = face.and_then(|face| Some(face.expression.as_ref()?.probabilities));
    let [angry, disgust, fear, happy, sad, surprise, neutral] =
        probabilities.map_or([None; 7], |probabilities| probabilities.map(Some));
    FaceValues {
        face_detected: face.is_some(),
        face_count: seen.face_count,
        angry,
        disgust,
        fear,
        happy,
        sad,
        surprise,
        neutral,
        emotion_stability: metrics.emotion_stability,
        head_yaw_deg: pose.map(|pose| pose.yaw_deg),
        head_pitch_deg: pose.map(|pose| pose.pitch_deg),
        head_roll_deg: pose.map(|pose| pose.roll_deg),
        head_pose_stability: metrics.head_pose_stability,
        horizontal_deviation: metrics.horizontal_deviation,
        gaze_yaw_deg: metrics.gaze.map(|gaze| gaze.yaw_deg),
        gaze_pitch_deg: metrics.gaze.map(|gaze| gaze.pitch_deg),
        eye_contact: metrics.eye_contact,
        eye_contact_ratio: metrics.eye_contact_ratio,
        blink_rate_per_min: metrics.blink_rate_per_min,
        mouth_open_ratio: face.and_then(|face| face.mouth_open_ratio),
        face_present_ratio: metrics.face_present_ratio,
        brightness: seen.face.as_ref().map_or(seen.brightness, |face| face.quality.brightness),
        smile: actions.map(|actions| actions.smile),
        mouth_stretch: actions.map(|actions| actions.mouth_stretch),
        upper_lip_raise: actions.map(|actions| actions.upper_lip_raise),
        jaw_open: actions.map(|actions| actions.jaw_open),
        lip_pucker: actions.map(|actions| actions.lip_pucker),
        brow_up: actions.map(|actions| actions.brow_up),
        brow_down: actions.map(|actions| actions.brow_down),
        eye_wide: actions.and_then(|actions| actions.eye_wide),
        eye_squint: actions.and_then(|actions| actions.eye_squint),
        cheek_raise: actions.map(|actions| actions.cheek_raise),
    }
}

/// The voice's values after one segment; nothing is known of a chunk without any sound.
pub fn voice_values(voice: &VoiceObservation, metrics: &VoiceMetrics) -> VoiceValues {
    let has_sound = !voice.duration.is_zero();
    let pause_count = u32::try_from(voice.pauses.len()).unwrap_or(u32::MAX);
    VoiceValues {
        audio_detected: voice.audio_detected,
        speech_rate: metrics.speech_rate.map(|rate| rate.per_min),
        articulation_rate: metrics.speech_rate.map(|rate| rate.per_second),
        pitch_mean: voice.f0.map(|f0| f0.mean_hz),
        pitch_median: voice.f0.map(|f0| f0.median_hz),
        pitch_variance: voice.f0.map(|f0| f0.variance_hz2),
        pitch_range: voice.f0.map(|f0| f0.p95_hz - f0.p5_hz),
        volume_mean: has_sound.then_some(voice.rms),
        volume_dbfs: voice.dbfs,
        clarity_score: voice.clarity,
        harmonics_to_noise_db: voice.harmonics_to_noise_db,
        spectral_centroid_hz: voice.spectral_centroid_hz,
        speech_ratio: has_sound.then_some(voice.speech_ratio),
        pause_count: voice.audio_detected.then_some(pause_count),
        longest_pause_ms: voice.longest_pause().map(|pause| pause.as_micros() as f64 / 1e3),
        arousal: metrics.arousal.map(|arousal| arousal.value),
        clipping_ratio: has_sound.then_some(voice.clipping_ratio),
    }
}

#[cfg(test)]
mod tests {
    use crate::{metric::FACE, vision::EXPRESSIONS};

    /// The labels stand in the catalogue in the order in which the model gives their probabilities.
    #[test]
    fn expressions_are_read_in_the_models_order() {
        let labels =
            FACE.iter().filter_map(|m| m.pointer.strip_prefix("/emotion_distribution/"));
        assert!(labels.eq(EXPRESSIONS));
    }
}
