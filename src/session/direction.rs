//! [`Direction`]: where a gaze goes.

use crate::vision::Gaze;

/// A direction of gaze relative to the camera, degrees; signs as [`Gaze`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Direction {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
}

impl Direction {
    pub(super) fn of(gaze: Gaze) -> Self {
        Direction { yaw_deg: gaze.yaw_deg, pitch_deg: gaze.pitch_deg }
    }
}
