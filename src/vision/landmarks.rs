//! 468 points of a face (MediaPipe's mesh) and 5 of each iris, in pixels of the picture.

use super::{
    Point, Rect,
    crop::{Crop, bounds_of, to_f32},
    detector::sigmoid,
};
use crate::{decode::Picture, error::Result, inference::Model};

/// Points of the mesh; the irises follow.
pub(super) const MESH_POINTS: usize = 468;
/// Points of one iris: its middle, then four of its rim.
pub(super) const IRIS_POINTS: usize = 5;

const MESH_INPUT_PX: usize = 192;
const IRIS_INPUT_PX: usize = 64;

/// The landmarks of one eye that boothd reads, named as an upright face shows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eye {
    /// The corner on the picture's left, then on its right.
    pub corners: [usize; 2],
    /// Two points of the upper lid, each above the one of the lower lid in the same place.
    pub upper: [usize; 2],
    /// Two points of the lower lid.
    pub lower: [usize; 2],
    /// Where its iris begins.
    pub iris: usize,
    /// The iris model knows the other eye: this one is shown to it mirrored.
    pub mirrored: bool,
}

/// The person's right eye (on the picture's left), then the left one.
pub(super) const EYES: [Eye; 2] = [
    Eye {
        corners: [33, 133],
        upper: [160, 158],
        lower: [144, 153],
        iris: MESH_POINTS,
        mirrored: false,
    },
    Eye {
        corners: [362, 263],
        upper: [385, 387],
        lower: [380, 373],
        iris: MESH_POINTS + IRIS_POINTS,
        mirrored: true,
    },
];

/// What the mesh model says about one crop.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    /// Probability that the crop holds a face.
    pub presence: f32,
    /// x, y, z (px, negative towards the camera).
    pub points: Vec<[f32; 3]>,
    /// By how much all points of the mesh lie too far to the right and down in the picture, px:
    /// half a pixel of the model's input. See [`Mesh::find_irises`].
    half_pixel: [f32; 2],
}

impl Mesh {
    /// Runs the mesh model on `crop`.
    pub(super) fn find(model: &Model, picture: &Picture, crop: Crop) -> Result<Self> {
        let outputs = model.run(|_, tensor| {
            crop.sample(picture, MESH_INPUT_PX, |index, colour| {
                let pixel = &mut tensor[index * 3..][..3];
                pixel.copy_from_slice(&colour.map(|value| value / 255.0));
            });
        })?;
        let mut points = Vec::with_capacity(MESH_POINTS + 2 * IRIS_POINTS);
        points.extend(
            outputs.values(0).chunks_exact(3).map(|p| to_picture(p, crop, MESH_INPUT_PX)),
        );
        let (origin, half) = (crop.to_picture(0.0, 0.0), 0.5 / to_f32(MESH_INPUT_PX));
        let half = crop.to_picture(half, half);
        let half_pixel = [half.x - origin.x, half.y - origin.y];
        Ok(Mesh { presence: sigmoid(outputs.values(1)[0]), points, half_pixel })
    }

    /// Adds the 5 points of each iris, in the mesh's place.
    ///
    /// Both models count from the corner of their first pixel, and a crop's first sample stands in
    /// its corner (as in MediaPipe), so that their points lie half a pixel of their input too far
    /// along. In the mirrored eye that is to the other side, while the corners of both eyes are off to
    /// the same side, and so was the gaze. The irises are therefore put right and then moved by as
    /// much as the mesh is off. (Mean of the yaw of 128 faces
    /// and of their mirror images: 3.0 degrees before, -0.3 since.)
    pub(super) fn find_irises(&mut self, model: &Model, picture: &Picture) -> Result<()> {
        let [right, down] = self.half_pixel;
        for eye in EYES {
            let crop = self.eye_crop(&eye);
            let outputs = model.run(|_, tensor| {
                crop.sample(picture, IRIS_INPUT_PX, |index, colour| {
                    let pixel = &mut tensor[index * 3..][..3];
                    pixel.copy_from_slice(&colour.map(|value| value / 255.0));
                });
            })?;
            let depth = mean(eye.corners.map(|corner| self.points[corner][2]));
            self.points.extend(outputs.values(0).chunks_exact(3).map(|point| {
                let [x, y, _] =
                    to_picture(&[point[0] - 0.5, point[1] - 0.5, 0.0], crop, IRIS_INPUT_PX);
                [x + right, y + down, depth]
            }));
        }
        Ok(())
    }

    /// Where the face will be looked for in the next frame: the box of the mesh, seen upright
    /// by the outer eye corners.
    ///
    /// MediaPipe's face_landmark_landmarks_to_roi takes 1.5 times the upright box and no shift.
    /// The model answers a little differently for each crop; with this one the followed mesh
    /// stays closest to the mesh that a fresh detection gives (mean difference on the bundled
    /// clip 1.1 % of the inter-ocular distance instead of 1.9 %, at the same jitter).
    pub(super) fn next_crop(&self) -> Crop {
        Crop::around(self.mesh_points(), self.eye_line_rad(), 1.42, 0.04)
    }

    /// The upright box of the mesh.
    pub(super) fn bbox(&self) -> Rect {
        bounds_of(self.mesh_points().iter().map(|&[x, y, _]| Point { x, y }))
    }

    /// The mesh without the irises.
    pub(super) fn mesh_points(&self) -> &[[f32; 3]] {
        &self.points[..MESH_POINTS]
    }

    /// How far the line through the outer eye corners is turned clockwise, radians.
    pub(super) fn eye_line_rad(&self) -> f32 {
        let ([left_x, left_y, _], [right_x, right_y, _]) = (self.points[33], self.points[263]);
        (right_y - left_y).atan2(right_x - left_x)
    }

    /// Distance of the outer eye corners in the picture, px.
    pub(super) fn inter_ocular_px(&self) -> f32 {
        distance_2d(self.points[33], self.points[263])
    }

    /// As MediaPipe's iris_landmark_landmarks_to_roi: 2.3 times the width of the eye.
    fn eye_crop(&self, eye: &Eye) -> Crop {
        let [[x0, y0, _], [x1, y1, _]] = eye.corners.map(|corner| self.points[corner]);
        let centre = Point { x: f32::midpoint(x0, x1), y: f32::midpoint(y0, y1) };
        let crop = Crop::new(centre, (x1 - x0).hypot(y1 - y0) * 2.3, (y1 - y0).atan2(x1 - x0));
        if eye.mirrored { crop.mirrored() } else { crop }
    }
}

/// Maps a model's point (px of its input) into the picture.
fn to_picture(point: &[f32], crop: Crop, input_px: usize) -> [f32; 3] {
    let size = to_f32(input_px);
    let place = crop.to_picture(point[0] / size, point[1] / size);
    [place.x, place.y, point[2] / size * crop.side_px]
}

/// Distance in the picture, px.
pub(super) fn distance_2d(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Distance in space, px.
pub(super) fn distance_3d(a: [f32; 3], b: [f32; 3]) -> f32 {
    distance_2d(a, b).hypot(a[2] - b[2])
}

fn mean([a, b]: [f32; 2]) -> f32 {
    f32::midpoint(a, b)
}
