//! [`VisualReport`]: a frame, and the metrics of the face up to it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    context::{Performance, ResultContext, ms},
    face_parts::{FaceActions, FaceBox, Gaze, GazeDirection, HeadPose, Quality},
    reasons,
};
use crate::{
    features::Features,
    names::SessionId,
    session::FaceMetrics,
    vision::{self, Covered, EXPRESSIONS, Expression, Face, FaceObservation},
};

/// `visual_analysis`: one frame and the metrics of the face up to it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct VisualReport {
    /// Wall time of the frame, ms since 1970.
    pub timestamp: i64,
    /// Analysis of this frame, ms.
    pub processing_time: f64,
    /// A person is there; a picture of a face is none (`quality.verdict` `still_picture`).
    pub face_detected: bool,
    /// The face may be another person's than before: what is measured over time begins with this
    /// frame.
    pub new_person: bool,
    /// Persons of the session so far, one after the other. No identity: a person who comes
    /// back counts again.
    pub person_count: u32,
    /// 0..1.
    pub head_pose_stability: Option<f32>,
    /// 0..1.
    pub horizontal_deviation: Option<f32>,
    /// -100..100 of ±45°.
    pub gaze_direction: Option<GazeDirection>,
    /// Most probable expression.
    pub dominant_emotion: Option<&'static str>,
    /// Its probability.
    pub emotion_confidence: Option<f32>,
    /// Probabilities by label, sum 1.
    pub emotion_distribution: Option<BTreeMap<&'static str, f32>>,
    /// 0..1.
    pub emotion_stability: Option<f32>,
    /// 0..1.
    pub eye_contact_ratio: Option<f32>,
    /// Times.
    pub performance_metrics: Performance,
    /// Degrees.
    pub head_pose: Option<HeadPose>,
    /// What the muscles of the face do, 0 (this person's rest) to 1; no emotions.
    pub face_actions: Option<FaceActions>,
    /// Degrees relative to the camera.
    pub gaze: Option<Gaze>,
    /// Inside the cone now.
    pub eye_contact: Option<bool>,
    /// Probability that the eyes are within 12° of the cone's centre, 0..1.
    pub eye_contact_probability: Option<f32>,
    /// In picture ratios.
    pub face_box: Option<FaceBox>,
    /// Faces in the picture.
    pub face_count: u32,
    /// Eyes shut now.
    pub blink: Option<bool>,
    /// Blinks a minute; null where frames come too slowly to see them.
    pub blink_rate_per_min: Option<f32>,
    /// Lip gap / mouth width.
    pub mouth_open_ratio: Option<f32>,
    /// Time with a face / time.
    pub face_present_ratio: Option<f32>,
    /// The expression is an earlier frame's, since the face hardly changed.
    pub cached: bool,
    /// The frame's number.
    pub sequence: u64,
    /// Frames that were dropped because no worker was free, so far.
    pub dropped_frames: u64,
    /// How good the picture is.
    pub quality: Quality,
    /// Why a metric of the face is null, by the metric's name: `no_face`, `still_picture`, `turned`,
    /// `eyes_covered`, `mouth_covered`, `eyes_shut`, `turned_away`, `needs_10_s`, `too_dark`,
    /// `too_blurred`, `too_small` or `off`.
    pub reasons: BTreeMap<&'static str, &'static str>,
    /// What was analysed; what is off is null.
    pub features: Features,
    /// The session that this belongs to.
    pub session_id: Option<SessionId>,
    /// The bundled clip stands in for a camera: these numbers belong to no person.
    pub demo_source: bool,
}

/// Degrees that are 100 of the older clients' gaze scale.
const GAZE_SCALE_DEG: f32 = 45.0;

impl VisualReport {
    pub(super) fn new(
        seen: &FaceObservation,
        metrics: &FaceMetrics,
        context: &ResultContext,
    ) -> Self {
        let (found, face) = (seen.face.as_ref(), seen.person());
        let expression = face.and_then(|face| face.expression.as_ref());
        let dominant = expression.map(dominant);
        let gaze = metrics.gaze;
        VisualReport {
            timestamp: seen.unix_ms,
            processing_time: ms(seen.timing.total.wall),
            face_detected: face.is_some(),
            new_person: metrics.new_person,
            person_count: metrics.person_count,
            head_pose_stability: metrics.head_pose_stability,
            horizontal_deviation: metrics.horizontal_deviation,
            gaze_direction: gaze
                .map(|g| GazeDirection { x: scaled(g.yaw_deg), y: scaled(g.pitch_deg) }),
            dominant_emotion: dominant.map(|(label, _)| label),
            emotion_confidence: dominant.map(|(_, probability)| probability),
            emotion_distribution: expression.map(distribution),
            emotion_stability: metrics.emotion_stability,
            eye_contact_ratio: metrics.eye_contact_ratio,
            performance_metrics: Performance::new(
                seen.timing.total.wall,
                context.latency,
                seen.unix_ms,
            ),
            head_pose: face.and_then(|face| face.head_pose).map(|pose| HeadPose {
                yaw_deg: pose.yaw_deg,
                pitch_deg: pose.pitch_deg,
                roll_deg: pose.roll_deg,
            }),
            face_actions: metrics.face_actions.as_ref().map(face_actions),
            gaze: gaze.map(|g| Gaze {
                yaw_deg: g.yaw_deg,
                pitch_deg: g.pitch_deg,
                confidence: g.confidence,
            }),
            eye_contact: metrics.eye_contact,
            eye_contact_probability: metrics.eye_contact_probability,
            face_box: found.map(|face| face_box(face, seen.width_px, seen.height_px)),
            face_count: seen.face_count,
            blink: metrics.blink,
            blink_rate_per_min: metrics.blink_rate_per_min,
            mouth_open_ratio: face.and_then(|face| face.mouth_open_ratio),
            face_present_ratio: metrics.face_present_ratio,
            cached: expression.is_some_and(|expression| expression.cached),
            sequence: seen.sequence,
            dropped_frames: context.dropped_total,
            quality: Quality {
                brightness: found.map_or(seen.brightness, |face| face.quality.brightness),
                sharpness: found.map(|face| face.quality.sharpness),
                face_px: found.map(|face| face.quality.inter_ocular_px),
                verdict: found.map(|face| face.quality.verdict.name()),
                covered: found.map(|face| covered(face.quality.covered)).unwrap_or_default(),
            },
            reasons: reasons::of_face(seen, metrics, context.features),
            features: context.features,
            session_id: context.session_id.clone(),
            demo_source: context.demo_source,
        }
    }
}

/// The most probable label and its probability.
fn dominant(expression: &Expression) -> (&'static str, f32) {
    let labelled = EXPRESSIONS.into_iter().zip(expression.probabilities);
    labelled.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are seven")
}

fn distribution(expression: &Expression) -> BTreeMap<&'static str, f32> {
    EXPRESSIONS.into_iter().zip(expression.probabilities).collect()
}

fn face_actions(actions: &vision::FaceActions) -> FaceActions {
    FaceActions {
        smile: actions.smile,
        mouth_stretch: actions.mouth_stretch,
        upper_lip_raise: actions.upper_lip_raise,
        jaw_open: actions.jaw_open,
        lip_pucker: actions.lip_pucker,
        brow_up: actions.brow_up,
        brow_down: actions.brow_down,
        eye_wide: actions.eye_wide,
        eye_squint: actions.eye_squint,
        cheek_raise: actions.cheek_raise,
    }
}

fn face_box(face: &Face, width_px: u32, height_px: u32) -> FaceBox {
    let (width, height) = (width_px as f32, height_px as f32);
    FaceBox {
        x: face.bbox.x / width,
        y: face.bbox.y / height,
        width: face.bbox.width / width,
        height: face.bbox.height / height,
    }
}

fn covered(covered: Covered) -> Vec<&'static str> {
    let parts = [(covered.eyes, "eyes"), (covered.mouth, "mouth")];
    parts.into_iter().filter_map(|(is_covered, part)| is_covered.then_some(part)).collect()
}

fn scaled(angle_deg: f32) -> f32 {
    (angle_deg / GAZE_SCALE_DEG * 100.0).clamp(-100.0, 100.0)
}
