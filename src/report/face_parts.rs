//! The parts of a [`VisualReport`](super::VisualReport).

use schemars::JsonSchema;
use serde::Serialize;

/// Gaze as older clients read it.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct GazeDirection {
    /// -100..100 of ±45°, positive to the picture's left.
    pub x: f32,
    /// -100..100 of ±45°, positive up.
    pub y: f32,
}

/// Rotation of the head, degrees.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct HeadPose {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// Positive clockwise in the picture.
    pub roll_deg: f32,
}

/// How far each action of the face goes, 0 (this person's own rest) to 1 (a full action), the mean of
/// both sides. They describe muscles, not what moved them.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct FaceActions {
    /// The corners of the mouth go outwards and up.
    pub smile: f32,
    /// The mouth grows wider and its corners do not go up.
    pub mouth_stretch: f32,
    /// The upper lip comes nearer to the nose.
    pub upper_lip_raise: f32,
    /// Lower lip and chin go down.
    pub jaw_open: f32,
    /// The mouth grows narrower.
    pub lip_pucker: f32,
    /// The brows go up.
    pub brow_up: f32,
    /// The brows go down.
    pub brow_down: f32,
    /// The lids are further apart; null while the eyes are shut.
    pub eye_wide: Option<f32>,
    /// The lower lids go up; null while the eyes are shut.
    pub eye_squint: Option<f32>,
    /// The cheeks go up.
    pub cheek_raise: f32,
}

/// Direction of the gaze relative to the camera, degrees.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Gaze {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// How surely it is known, 0..1: either angle has a standard deviation of 5.6° / confidence.
    pub confidence: f32,
}

/// The face's box in ratios of the picture's width and height.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// What the picture is good for.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Quality {
    /// Mean luminance of the face (of the picture where there is none), 0..1.
    pub brightness: f32,
    /// Variance of the Laplacian in the face.
    pub sharpness: Option<f32>,
    /// Distance of the outer eye corners, px.
    pub face_px: Option<f32>,
    /// `good`, `too_dark`, `too_blurred`, `too_small`, `occluded`, `turned` or `still_picture`.
    pub verdict: Option<&'static str>,
    /// What is covered, where the verdict is `occluded`: `eyes`, `mouth`.
    pub covered: Vec<&'static str>,
}
