//! What is measured of a face in one frame.

use crate::cost::Cost;

/// Rotation of the head relative to the camera's axis, degrees; applied as yaw, then pitch,
/// then roll. A rigid weighted fit of MediaPipe's canonical face (see `head_pose`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadPose {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// Positive clockwise in the picture.
    pub roll_deg: f32,
}

/// Where the eyes look, relative to the direction of the camera as the face sees it, degrees;
/// signs as [`HeadPose`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaze {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// How surely it is known, 0..1, by the opening of the lids, the size of the face in the
    /// picture and its turn. The angles have standard deviations of
    /// [`GAZE_SPREAD_DEG`]` / confidence`.
    pub confidence: f32,
}

/// Standard deviations of yaw and pitch of a [`Gaze`] of confidence 1, degrees: lids hide how high an
/// iris stands, not how far to the side.
pub const GAZE_SPREAD_DEG: [f32; 2] = [4.3, 6.5];

/// Calibrated probabilities of the [`EXPRESSIONS`](super::EXPRESSIONS).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// Sum to 1, in the order of [`EXPRESSIONS`](super::EXPRESSIONS).
    pub probabilities: [f32; 7],
    /// Reused from an earlier frame of the same track whose crop hardly differed.
    pub cached: bool,
}

/// The quality of the picture of the face.
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
    /// What is covered, where the verdict is `Occluded`.
    pub covered: Covered,
}

/// Parts of the face that something covers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Covered {
    /// Both eyes: sunglasses, a hand.
    pub eyes: bool,
    /// The mouth: a mask, a scarf, a hand.
    pub mouth: bool,
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
    /// The eyes or the mouth are covered; what hangs on them is `None`.
    Occluded,
    /// The picture seems to be turned, and nothing of the face can be measured.
    Turned,
    /// It has done nothing for a minute: a poster, or a face on a screen. Nothing of it is
    /// measured.
    StillPicture,
}

impl QualityVerdict {
    /// As in reports.
    pub fn name(self) -> &'static str {
        match self {
            QualityVerdict::Good => "good",
            QualityVerdict::TooDark => "too_dark",
            QualityVerdict::TooBlurred => "too_blurred",
            QualityVerdict::TooSmall => "too_small",
            QualityVerdict::Occluded => "occluded",
            QualityVerdict::Turned => "turned",
            QualityVerdict::StillPicture => "still_picture",
        }
    }
}

/// What each step of one frame cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VisionTiming {
    /// Bytes to RGB.
    pub decode: Cost,
    /// The face detector, when it ran.
    pub detect: Cost,
    /// Crop, mesh, lids, lips and irises.
    pub landmarks: Cost,
    /// Head pose and gaze geometry.
    pub geometry: Cost,
    /// Expression models.
    pub expression: Cost,
    /// All of it.
    pub total: Cost,
}
