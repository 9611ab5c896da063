//! Frame + what is known of the face so far -> [`FaceObservation`]. Pure: no clock, no device.

use std::time::Duration;

/// The 7 basic expressions, in the order of every distribution inside boothd.
pub const EXPRESSIONS: [&str; 7] =
    ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/// A point in the picture, pixels from the top left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right, px.
    pub x: f32,
    /// Downwards, px.
    pub y: f32,
}

/// An upright rectangle in the picture, pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge, px.
    pub x: f32,
    /// Top edge, px.
    pub y: f32,
    /// Width, px.
    pub width: f32,
    /// Height, px.
    pub height: f32,
}

/// What one frame shows.
#[derive(Clone, Debug)]
pub struct FaceObservation {
    /// The frame's.
    pub sequence: u64,
    /// The frame's.
    pub captured_at: Duration,
    /// The frame's.
    pub unix_ms: i64,
    /// Width of the decoded picture.
    pub width_px: u32,
    /// Height of the decoded picture.
    pub height_px: u32,
    /// Mean luminance of the whole picture, 0..1.
    pub brightness: f32,
    /// Faces seen at the last detection (the tracked one included).
    pub face_count: u32,
    /// The tracked face.
    pub face: Option<Face>,
    /// The detector ran on this frame (false: the landmarks followed the face by themselves).
    pub detected_anew: bool,
    /// What each step cost, wall time.
    pub timing: VisionTiming,
}

/// The tracked face in one frame.
#[derive(Clone, Debug)]
pub struct Face {
    /// Changes when the track was lost and another began: perhaps another person.
    pub track: u64,
    /// Bounding box of the landmarks.
    pub bbox: Rect,
    /// Presence probability that the landmark model itself gives, 0..1.
    pub presence: f32,
    /// x, y (px of the picture) and z (px, towards the camera negative) of 468 mesh points in
    /// MediaPipe's order, then 5 points of the right iris (468..473) and 5 of the left.
    pub landmarks: Vec<[f32; 3]>,
    /// `None` when switched off.
    pub head_pose: Option<HeadPose>,
    /// `None` when switched off or when the eyes do not show it. A blink is judged later, by
    /// the session, which knows the person's open eyes.
    pub gaze: Option<Gaze>,
    /// Eye aspect ratio (lid gap / eye width), mean of both eyes.
    pub eye_aspect_ratio: f32,
    /// Lip gap / mouth width.
    pub mouth_open_ratio: f32,
    /// `None` when switched off or withheld.
    pub expression: Option<Expression>,
    /// How good the picture of the face is.
    pub quality: FaceQuality,
}

/// Rotation of the head relative to the camera, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadPose {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// Positive clockwise in the picture.
    pub roll_deg: f32,
}

/// Where the eyes look, relative to the direction of the camera, degrees; signs as [`HeadPose`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaze {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
}

/// Calibrated probabilities of the [`EXPRESSIONS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// Sum to 1, in the order of [`EXPRESSIONS`].
    pub probabilities: [f32; 7],
    /// Reused from an earlier frame of the same track whose crop hardly differed.
    pub cached: bool,
}

/// What the picture of the face is good for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceQuality {
    /// Mean luminance inside the face box, 0..1.
    pub brightness: f32,
    /// Variance of the Laplacian inside the face crop.
    pub sharpness: f32,
    /// Distance of the outer eye corners (33 and 263), px.
    pub inter_ocular_px: f32,
    /// Why the expression is withheld, if the picture is too bad.
    pub verdict: QualityVerdict,
}

/// Whether the face can be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QualityVerdict {
    /// Good enough.
    Good,
    /// Under the luminance floor.
    TooDark,
    /// Under the sharpness floor.
    TooBlurred,
    /// Under the inter-ocular floor.
    TooSmall,
}

/// Wall time of each step of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VisionTiming {
    /// Bytes to RGB.
    pub decode: Duration,
    /// The face detector, when it ran.
    pub detect: Duration,
    /// Crop and landmark model.
    pub landmarks: Duration,
    /// Both irises.
    pub iris: Duration,
    /// Head pose and gaze geometry.
    pub geometry: Duration,
    /// Expression models.
    pub expression: Duration,
    /// All of it.
    pub total: Duration,
}

/// To come.
#[derive(Debug)]
pub struct FaceAnalyser;
/// To come.
#[derive(Debug, Default)]
pub struct FaceTrack;
impl FaceAnalyser {
    /// To come.
    #[allow(clippy::missing_errors_doc, reason = "x")]
    pub fn observe(
        &mut self,
        _: &crate::media::Frame,
        _: &mut FaceTrack,
        _: crate::features::Features,
    ) -> crate::error::Result<FaceObservation> {
        unreachable!()
    }
}
