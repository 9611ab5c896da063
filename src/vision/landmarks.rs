//! 468 points of a face (MediaPipe's mesh, with refined lids and lips) and 5 of each iris, in pixels of the
//! picture.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use super::{
    Point, Rect,
    crop::{Crop, bounds_of},
    detector::sigmoid,
    pyramid::Sizes,
    refinement::{EYE_CONTOURS, LIPS, MESH_INPUT_PX, MOUTH_CORNERS, Window, iris_depth},
    to_f32,
};
use crate::{
    error::Result,
    inference::{Model, Outputs, Runner},
};

/// Points of the mesh; the irises follow.
pub(super) const MESH_POINTS: usize = 468;
/// Points of one iris: its middle, then four of its rim.
pub(super) const IRIS_POINTS: usize = 5;

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
}

/// The person's right eye (on the picture's left), then the left one.
pub(super) const EYES: [Eye; 2] = [
    Eye { corners: [33, 133], upper: [160, 158], lower: [144, 153], iris: MESH_POINTS },
    Eye {
        corners: [362, 263],
        upper: [385, 387],
        lower: [380, 373],
        iris: MESH_POINTS + IRIS_POINTS,
    },
];

/// The networks of the attention mesh.
#[derive(Clone, Debug)]
pub(super) struct LandmarkModels {
    /// Mesh, presence and feature map of a face.
    pub face: Model,
    /// Contour and iris of each eye, in the order of [`EYES`].
    pub eyes: [Model; 2],
    /// The lips; `None` where the operator saves their cost.
    pub lips: Option<Model>,
}

impl LandmarkModels {
    /// What one worker runs.
    pub(super) fn runners(&self) -> LandmarkRunners {
        LandmarkRunners {
            face: Runner::new(&self.face),
            eyes: self.eyes.each_ref().map(Runner::new),
            lips: self.lips.as_ref().map(Runner::new),
        }
    }
}

/// The [`LandmarkModels`] as one worker runs them.
#[derive(Debug)]
pub(super) struct LandmarkRunners {
    face: Runner,
    eyes: [Runner; 2],
    lips: Option<Runner>,
}

/// The result of the models for one crop.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    /// Probability that the crop holds a face.
    pub presence: f32,
    /// x, y, z (px, negative towards the camera) of the mesh, then of both irises.
    pub points: Landmarks,
    /// The box of the mesh in the picture, px.
    bbox: Rect,
}

impl Mesh {
    /// Finds the face in `crop`; `None` where it is there with less than `presence`.
    pub(super) fn find(
        models: &mut LandmarkRunners,
        sizes: Sizes<'_>,
        crop: Crop,
        presence: f32,
    ) -> Result<Option<Self>> {
        let samples = crop.samples(sizes, MESH_INPUT_PX);
        let face = models.face.run_picture(|row, pixels| {
            samples.row(row, 0, pixels.as_chunks_mut().0);
            pixels.iter_mut().for_each(|level| *level *= 1.0 / 255.0);
        })?;
        let found = sigmoid(face.values(1)[0]);
        if found < presence {
            return Ok(None);
        }
        let mut points = Landmarks::default();
        points.extend(face.values(0).as_chunks().0.iter().copied());
        refine(face, &mut models.eyes, models.lips.as_mut(), &mut points)?;
        for point in points.iter_mut() {
            *point = to_picture(*point, crop);
        }
        let mesh = points[..MESH_POINTS].iter();
        let bbox = bounds_of(mesh.map(|&[x, y, _]| Point { x, y }));
        Ok(Some(Mesh { presence: found, points, bbox }))
    }

    /// Where to look for the face in the next frame: MediaPipe's face_landmark_landmarks_to_roi, a
    /// square of 1.5 times the longer side of the mesh's box in the picture, turned with the outer eye
    /// corners.
    pub(super) fn next_crop(&self) -> Crop {
        let bbox = self.bbox;
        Crop::new(bbox.centre(), bbox.width.max(bbox.height) * 1.5, self.eye_line_rad())
    }

    /// The box of the mesh in the picture, px.
    pub(super) fn bbox(&self) -> Rect {
        self.bbox
    }

    /// The mesh without the irises.
    pub(super) fn mesh_points(&self) -> &[[f32; 3]] {
        &self.points[..MESH_POINTS]
    }

    /// How far the line through the outer eye corners is turned clockwise, radians.
    pub(super) fn eye_line_rad(&self) -> f32 {
        eye_line_rad(&self.points)
    }

    /// Distance of the outer eye corners in the picture, px.
    pub(super) fn inter_ocular_px(&self) -> f32 {
        distance_2d(self.points[33], self.points[263])
    }
}

/// The most points of a face.
const MOST_POINTS: usize = MESH_POINTS + 2 * IRIS_POINTS;

/// x, y, z of the points of a face, in place: a frame allocates nothing for them.
#[derive(Clone)]
pub struct Landmarks {
    points: [[f32; 3]; MOST_POINTS],
    count: usize,
}

impl Landmarks {
    /// Takes more points; what goes beyond the mesh and both irises is left out.
    fn extend(&mut self, more: impl Iterator<Item = [f32; 3]>) {
        for (place, point) in self.points[self.count..].iter_mut().zip(more) {
            *place = point;
            self.count += 1;
        }
    }

    /// Leaves out the points of the irises.
    pub(super) fn without_irises(&mut self) {
        self.count = self.count.min(MESH_POINTS);
    }
}

impl Default for Landmarks {
    fn default() -> Self {
        Landmarks { points: [[0.0; 3]; MOST_POINTS], count: 0 }
    }
}

impl Deref for Landmarks {
    type Target = [[f32; 3]];

    fn deref(&self) -> &Self::Target {
        &self.points[..self.count]
    }
}

impl DerefMut for Landmarks {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.points[..self.count]
    }
}

impl fmt::Debug for Landmarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Puts the points of each eye, and of the lips, where the second look sees them, and adds the irises;
/// all in pixels of the mesh's input.
fn refine(
    face: &Outputs,
    eyes: &mut [Runner; 2],
    lips: Option<&mut Runner>,
    points: &mut Landmarks,
) -> Result<()> {
    for ((eye, contour), model) in EYES.iter().zip(&EYE_CONTOURS).zip(eyes) {
        let (found, window) = look_again(model, face, points, eye.corners, contour)?;
        let depth = iris_depth(points, contour);
        points.extend(found.values(1).as_chunks().0.iter().map(|&point| {
            let [x, y] = window.to_input(point);
            [x, y, depth]
        }));
    }
    if let Some(model) = lips {
        look_again(model, face, points, MOUTH_CORNERS, &LIPS)?;
    }
    Ok(())
}

/// Moves the landmarks of one contour to where its model sees them.
fn look_again<'a>(
    model: &'a mut Runner,
    face: &Outputs,
    points: &mut [[f32; 3]],
    corners: [usize; 2],
    contour: &[usize],
) -> Result<(&'a Outputs, Window)> {
    let window = Window::around(points, contour, corners);
    let found = model.run_picture(|row, pixels| window.sample(face.values(2), row, pixels))?;
    for (&landmark, &point) in contour.iter().zip(found.values(0).as_chunks().0) {
        let [x, y] = window.to_input(point);
        (points[landmark][0], points[landmark][1]) = (x, y);
    }
    Ok((found, window))
}

/// Maps a point in pixels of the mesh's input into the picture.
fn to_picture([x, y, z]: [f32; 3], crop: Crop) -> [f32; 3] {
    let size = to_f32(MESH_INPUT_PX);
    let place = crop.to_picture(x / size, y / size);
    [place.x, place.y, z / size * crop.side_px]
}

/// How far the line through the outer eye corners is turned clockwise, radians.
pub(super) fn eye_line_rad(landmarks: &[[f32; 3]]) -> f32 {
    let ([left_x, left_y, _], [right_x, right_y, _]) = (landmarks[33], landmarks[263]);
    (right_y - left_y).atan2(right_x - left_x)
}

/// Distance in the picture, px.
pub(super) fn distance_2d(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Distance in space, px.
pub(super) fn distance_3d(a: [f32; 3], b: [f32; 3]) -> f32 {
    distance_2d(a, b).hypot(a[2] - b[2])
}
