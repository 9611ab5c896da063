//! How the head is turned: a rigid fit of MediaPipe's canonical face to the landmarks, seen in
//! perspective.
//!
//! Axes: x to the picture's right, y up, z towards the camera.

use super::{
    camera::Camera,
    landmarks::eye_line_rad,
    rotation::{Rotation, best_rotation, level, multiply, transposed, turned_back},
};
use crate::error::{Error, ErrorKind, Result};

/// 468 vertices in cm, and the weight of each in the fit. From MediaPipe's
/// geometry_pipeline_metadata (Apache-2.0).
const CANONICAL_FACE: &str = include_str!("canonical_face.csv");

/// Rounds after which turn and distance no longer change.
const ROUNDS: usize = 5;
/// The model's depth relative to its width, and by how much more of it a face turned sideways
/// needs: the model makes turned faces too flat.
const DEPTH: f32 = 0.97;
const DEPTH_BY_TURN: f32 = 0.25;
/// Share of the pitch that the model leaves out where the face is turned sideways by 90 degrees.
const PITCH_LOST_BY_TURN: f32 = 0.28;
/// By how much the axis about which the model lets a head turn sideways leans towards the camera,
/// degrees. The scan's best is 3; that is one head, and what is read of heads' pitch differs by 4.
const LEAN_DEG: f32 = 2.0;

/// The points of the canonical face that have a weight.
#[derive(Clone, Debug)]
pub(super) struct CanonicalFace {
    points: Vec<Weighted>,
}

#[derive(Clone, Debug)]
struct Weighted {
    landmark: usize,
    /// Relative to the weighted mean, cm.
    place: [f32; 3],
    /// The weights sum to 1.
    weight: f32,
}

impl CanonicalFace {
    /// Reads the table.
    pub(super) fn read() -> Result<Self> {
        let rows = CANONICAL_FACE.lines().filter(|line| !line.starts_with('#')).skip(1);
        let points: Option<Vec<Weighted>> = rows
            .map(|row| {
                let mut cells = row.split(',');
                let landmark = cells.next()?.parse().ok()?;
                let mut number = || cells.next()?.trim().parse().ok();
                let place = [number()?, number()?, number()?];
                Some(Weighted { landmark, place, weight: number()? })
            })
            .filter(|point| point.as_ref().is_none_or(|point| point.weight > 0.0))
            .collect();
        let mut points = points.filter(|points| !points.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the canonical face's table is malformed")
        })?;
        let total: f32 = points.iter().map(|point| point.weight).sum();
        points.iter_mut().for_each(|point| point.weight /= total);
        let middle = weighted_mean(points.iter().map(|point| (point.place, point.weight)));
        points.iter_mut().for_each(|point| point.place = minus(point.place, middle));
        Ok(CanonicalFace { points })
    }

    /// How the head is turned relative to the line of sight from the camera to the face, which is
    /// turned by `sight` from the camera's axis.
    ///
    /// On 75 renders of a head scan the angle between the fit and the truth is 2.3 degrees in the
    /// mean (4.5 where the head is turned sideways by more than 30); 2.4 (5.1) without [`LEAN_DEG`];
    /// 2.5 (6.3) also without perspective, [`DEPTH_BY_TURN`] and [`PITCH_LOST_BY_TURN`].
    pub(super) fn fit(
        &self,
        landmarks: &[[f32; 3]],
        camera: &Camera,
        sight: &Rotation,
    ) -> Rotation {
        let turn = self.fit_in_perspective(landmarks, camera, sight);
        corrected(&turn, eye_line_rad(landmarks))
    }

    /// Puts the landmarks into space along the rays on which the camera sees them and lays the
    /// canonical face on them. Its size gives the distance, its turn the depth of the landmarks, and
    /// with those it is laid on them again.
    fn fit_in_perspective(
        &self,
        landmarks: &[[f32; 3]],
        camera: &Camera,
        sight: &Rotation,
    ) -> Rotation {
        // Relative to the line of sight, as the model sees a face.
        let (mut turn, mut scale) = self.lay_on(|landmark| upright(landmarks[landmark]));
        let from_sight = transposed(sight);
        for _ in 0..ROUNDS {
            let depth = DEPTH + DEPTH_BY_TURN * turn[0][2] * turn[0][2];
            let distance = camera.focal_px / scale;
            let (rotation, grown) = self.lay_on(|landmark| {
                let [x, y, z] = landmarks[landmark];
                camera.place([x, y], distance + depth * z / scale)
            });
            turn = multiply(&from_sight, &rotation);
            scale *= grown;
        }
        turn
    }

    /// The rotation and the scale that best lay the canonical face on the points `seen`: weighted
    /// least squares in closed form ([`best_rotation`]).
    fn lay_on(&self, seen: impl Fn(usize) -> [f32; 3]) -> (Rotation, f32) {
        let weighted = self.points.iter().map(|point| (seen(point.landmark), point.weight));
        let middle = weighted_mean(weighted);
        let (mut covariance, mut size) = ([[0.0; 3]; 3], 0.0);
        for point in &self.points {
            let seen = minus(seen(point.landmark), middle);
            for (row, canonical) in covariance.iter_mut().zip(point.place) {
                size += point.weight * canonical * canonical;
                for (cell, seen) in row.iter_mut().zip(seen) {
                    *cell += point.weight * canonical * seen;
                }
            }
        }
        let rotation = best_rotation(&covariance);
        let along = |i: usize| (0..3).map(|j| rotation[j][i] * covariance[i][j]).sum::<f32>();
        (rotation, (0..3).map(along).sum::<f32>() / size)
    }

    /// The landmarks turned back by their own `rotation` and scaled to the canonical face.
    ///
    /// Without perspective, unlike the fit: with it, the lengths that are read there spread as much
    /// over the poses of a head (docs/ref/metrics.md).
    pub(super) fn front_view(&self, landmarks: &[[f32; 3]], rotation: &Rotation) -> FrontView {
        let seen = |point: &Weighted| upright(landmarks[point.landmark]);
        let middle = weighted_mean(self.points.iter().map(|point| (seen(point), point.weight)));
        let (mut along, mut size) = (0.0, 0.0);
        for point in &self.points {
            let turned = turned_back(rotation, minus(seen(point), middle));
            along += point.weight * dot(point.place, turned);
            size += point.weight * dot(point.place, point.place);
        }
        FrontView { rotation: *rotation, middle, px_per_cm: (along / size).max(f32::EPSILON) }
    }
}

/// Where the canonical face lies in the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrontView {
    rotation: Rotation,
    middle: [f32; 3],
    px_per_cm: f32,
}

impl FrontView {
    /// A landmark on the face that is turned to the front, cm: to the picture's right, up, towards
    /// the camera.
    pub(super) fn place(&self, landmark: [f32; 3]) -> [f32; 3] {
        let relative = minus(upright(landmark), self.middle);
        turned_back(&self.rotation, relative).map(|px| px / self.px_per_cm)
    }
}

/// A landmark of the picture in the axes of this module.
fn upright([x, y, z]: [f32; 3]) -> [f32; 3] {
    [x, -y, -z]
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Takes off what the model does to turned faces. It is shown every face with its eyes on a level, so
/// that is the frame in which it does so.
fn corrected(turn: &Rotation, eye_line_rad: f32) -> Rotation {
    let level = level(eye_line_rad);
    let upright = straighten(&undo_shrinkage(&multiply(&level, turn)));
    multiply(&transposed(&level), &upright)
}

/// Gives back the pitch that is lost in an upright face that is turned sideways.
fn undo_shrinkage(upright: &Rotation) -> Rotation {
    let [[_, _, nose_x], [_, _, nose_y], [_, _, nose_z]] = *upright;
    let sideways = nose_x * nose_x / (nose_x * nose_x + nose_z * nose_z).max(f32::EPSILON);
    let pitch = nose_y.clamp(-1.0, 1.0).asin();
    multiply(&lowered(PITCH_LOST_BY_TURN * -sideways * pitch), upright)
}

/// Takes off the lean of the axis about which the model lets an upright face turn: a face that looks
/// into the camera, or up or down, stays as it is.
fn straighten(upright: &Rotation) -> Rotation {
    let lean = LEAN_DEG.to_radians();
    multiply(&multiply(&lowered(-lean), upright), &lowered(lean))
}

/// Lets the nose of a face sink by so much.
fn lowered(angle_rad: f32) -> Rotation {
    let (sin, cos) = angle_rad.sin_cos();
    [[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]]
}

fn minus(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

/// The mean of points whose weights sum to 1.
fn weighted_mean(points: impl Iterator<Item = ([f32; 3], f32)>) -> [f32; 3] {
    points.fold([0.0; 3], |sum, (place, weight)| {
        std::array::from_fn(|i| sum[i] + weight * place[i])
    })
}

#[cfg(test)]
pub(super) mod tests;
