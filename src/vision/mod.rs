//! Frame + track of the face so far -> [`FaceObservation`]. Pure: no device, and no clock but the
//! stopwatch of [`VisionTiming`].
//!
//! The path of a frame ([`FaceAnalyser::observe`]): decode, follow the face or detect it
//! (`track`, `detector`), `landmarks`, `head_pose`, `gaze`, `face_actions`, `quality`, whether it lives
//! (`stillness`), is covered (`occlusion`) or still the same person's (`person`), `expression`. Now
//! and then, whether the picture is `upright`.
//!
//! # Signs
//! All angles are as the picture shows them, not as the person feels them (a camera does not
//! mirror: the person's right eye is on the picture's left).
//!
//! | angle | positive |
//! |---|---|
//! | yaw | the nose points to the picture's left |
//! | pitch | the nose points up |
//! | roll | the head is turned clockwise in the picture |
//!
//! [`HeadPose`] is relative to the camera's axis: 0, 0, 0 is parallel to it. [`Gaze`] is
//! relative to the line from the face to the camera: 0, 0 looks into the camera, wherever in
//! the picture the face is.

mod face_parts;
mod config;
mod lanes;
mod pyramid;
mod crop;
mod colour;
mod detector;
mod picture_model;
mod refinement;
mod landmarks;
mod expression;
mod eyeball;
mod rotation;
mod camera;
mod gaze;
mod head_pose;
mod face_actions;
mod models;
mod stillness;
mod thumbnail;
mod person;
mod quality;
mod occlusion;
mod upright;
mod track;
mod analyser;

use std::time::Duration;

pub use analyser::FaceAnalyser;
pub use config::{ExpressionChoice, QualityFloors, VisionConfig};
pub use expression::{ExpressionModels, ExpressionRunner, Prior, Probabilities};
pub use face_actions::{FaceActions, FaceMeasures};
pub use face_parts::{
    Covered, Expression, FaceQuality, GAZE_SPREAD_DEG, Gaze, HeadPose, QualityVerdict,
    VisionTiming,
};
pub use landmarks::Landmarks;
pub use models::FaceModels;
pub use track::FaceTrack;

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

impl Rect {
    /// The middle of the rectangle.
    pub fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// Intersection over union with `other`, 0..1.
    pub fn iou(&self, other: &Rect) -> f32 {
        let overlap = |a: f32, a_size: f32, b: f32, b_size: f32| {
            ((a + a_size).min(b + b_size) - a.max(b)).max(0.0)
        };
        let both = overlap(self.x, self.width, other.x, other.width)
            * overlap(self.y, self.height, other.y, other.height);
        let union = self.width * self.height + other.width * other.height - both;
        if union > 0.0 { both / union } else { 0.0 }
    }
}

/// Sizes and indices of pictures, which are far below 2^24.
#[allow(clippy::cast_precision_loss, reason = "pictures are at most 4096 px a side")]
fn to_f32(index: usize) -> f32 {
    index as f32
}

/// Rounds towards zero; negative and NaN become 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as documented"
)]
fn to_index(value: f32) -> usize {
    value as u32 as usize
}

/// The result of the analysis of one frame by itself.
#[derive(Clone, Debug)]
pub struct FaceObservation {
    /// Number of the frame in its source, from 0 ([`crate::media::Frame`]).
    pub sequence: u64,
    /// When the frame was in memory: the clock's monotonic time, or the media time of a file.
    pub captured_at: Duration,
    /// Wall time of the same moment, ms since 1970.
    pub unix_ms: i64,
    /// Width of the decoded picture, px.
    pub width_px: u32,
    /// Height of the decoded picture, px.
    pub height_px: u32,
    /// Mean luminance of the whole picture, 0..1.
    pub brightness: f32,
    /// Faces seen at the last detection (the tracked one included).
    pub face_count: u32,
    /// The tracked face.
    pub face: Option<Face>,
    /// By how many degrees the pictures must be turned clockwise to be upright, where the detector
    /// was surer of a face in the turned one at several looks.
    pub turned_deg: Option<u16>,
    /// The detector ran on this frame (false: the landmarks followed the face by themselves).
    pub detector_ran: bool,
    /// What each step cost.
    pub timing: VisionTiming,
}

impl FaceObservation {
    /// The face, where a person is there: a picture of one is none.
    pub fn person(&self) -> Option<&Face> {
        self.face.as_ref().filter(|face| face.quality.verdict != QualityVerdict::StillPicture)
    }
}

/// The tracked face in one frame.
#[derive(Clone, Debug)]
pub struct Face {
    /// Changes when the track was lost and another began: perhaps another person.
    pub track: u64,
    /// Changes when this may be another person, who then has nothing to do with what was
    /// measured before. A number of this stream, no identity: a person who comes back has a new one.
    pub person: u64,
    /// Bounding box of the 468 mesh points, px of the picture.
    pub bbox: Rect,
    /// Presence probability that the landmark model itself gives, 0..1.
    pub presence: f32,
    /// x, y (px of the picture) and z (px, towards the camera negative) of 468 mesh points in
    /// MediaPipe's order, then, unless gaze is switched off, 5 points of the person's right
    /// iris (468..473) and 5 of the left; the first of each is its middle.
    pub landmarks: Landmarks,
    /// `None` when switched off.
    pub head_pose: Option<HeadPose>,
    /// `None` when switched off or when the eyes do not show it. The session judges blinks: it holds
    /// the baseline of the person's open eyes.
    pub gaze: Option<Gaze>,
    /// Eye aspect ratio: lid gap / eye width, both in space, mean of both eyes (after Soukupová and
    /// Čech 2016, "Real-time eye blink detection using facial landmarks"); `None` where they are covered.
    pub eye_aspect_ratio: Option<f32>,
    /// Lip gap / mouth width; `None` where the mouth is covered.
    pub mouth_open_ratio: Option<f32>,
    /// Input of the face's actions; `None` when switched off, where the picture is too bad, part of
    /// the face is covered, or the head is turned too far.
    pub measures: Option<FaceMeasures>,
    /// `None` when switched off or withheld.
    pub expression: Option<Expression>,
    /// How good the picture of the face is.
    pub quality: FaceQuality,
}
