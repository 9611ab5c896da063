//! [`Camera`]: which rays the picture's points stand for.

use super::{Point, rotation::Rotation, to_f32};
use crate::decode::Picture;

/// A pinhole in the middle of the picture, without distortion.
///
/// Axes of space: x to the picture's right, y up, z towards the camera, which is at 0, 0, 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    pub(super) middle: Point,
    pub(super) focal_px: f32,
}

impl Camera {
    /// The camera that took `picture` with this horizontal field of view: its focal length is
    /// width / 2 / tan(hfov / 2), px.
    pub(super) fn new(picture: &Picture, hfov_deg: f32) -> Self {
        let (width, height) =
            (to_f32(picture.width_px as usize), to_f32(picture.height_px as usize));
        Camera {
            middle: Point { x: width / 2.0, y: height / 2.0 },
            focal_px: width / 2.0 / (hfov_deg.to_radians() / 2.0).tan(),
        }
    }

    /// The place in space that is seen at x, y (px) and lies `away` in front of the camera, in the
    /// unit of `away`.
    pub(super) fn place(&self, [x, y]: [f32; 2], away: f32) -> [f32; 3] {
        let along = away / self.focal_px;
        [(x - self.middle.x) * along, (self.middle.y - y) * along, -away]
    }

    /// Turns what is relative to the line of sight to `place` (px) into what is relative to the
    /// camera's axis.
    pub(super) fn sight_to(&self, place: Point) -> Rotation {
        let (right, down) = (place.x - self.middle.x, place.y - self.middle.y);
        // The camera as seen from the face is to the left of a face on the right, and so on.
        let about_y = (-right).atan2(self.focal_px);
        let about_x = -down.atan2(right.hypot(self.focal_px));
        let ((sin_y, cos_y), (sin_x, cos_x)) = (about_y.sin_cos(), about_x.sin_cos());
        [
            [cos_y, sin_y * sin_x, sin_y * cos_x],
            [0.0, cos_x, -sin_x],
            [-sin_y, cos_y * sin_x, cos_y * cos_x],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rotation::angles, *};

    fn camera() -> Camera {
        let picture = Picture { width_px: 640, height_px: 480, rgb: Vec::new() };
        Camera::new(&picture, 60.0)
    }

    #[test]
    fn a_face_at_the_right_edge_that_looks_frontal_is_turned_to_the_camera() {
        let at = |x, y| angles(&camera().sight_to(Point { x, y }));
        assert!((at(640.0, 240.0).yaw_deg - 30.0).abs() < 1e-3);
        assert!((at(0.0, 240.0).yaw_deg + 30.0).abs() < 1e-3);
        assert!(at(320.0, 480.0).pitch_deg > 20.0);
        assert!(at(320.0, 240.0).yaw_deg.abs() < 1e-4);
    }

    #[test]
    fn a_place_at_the_edge_lies_half_the_field_of_view_aside() {
        let [x, y, z] = camera().place([640.0, 240.0], 50.0);
        assert!((x / 50.0 - 30_f32.to_radians().tan()).abs() < 1e-5, "{x}");
        assert!(y.abs() < 1e-5 && (z + 50.0).abs() < 1e-5);
        assert!(camera().place([320.0, 0.0], 50.0)[1] > 10.0, "y is up");
    }
}
