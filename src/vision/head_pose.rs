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
pub(super) mod tests {
    use super::*;
    use crate::vision::{HeadPose, Point, crop::bounds_of, rotation::angles};

    /// Landmarks in a picture of 640 x 480, 13 px a cm: all of the canonical face in this pose, each
    /// put by `place` (landmark, cm) first.
    pub(in crate::vision) fn turned_by(
        pose: HeadPose,
        place: impl Fn(usize, [f32; 3]) -> [f32; 3],
    ) -> Vec<[f32; 3]> {
        let rotation = rotation(pose);
        let rows = CANONICAL_FACE.lines().filter(|line| !line.starts_with('#')).skip(1);
        rows.enumerate()
            .map(|(landmark, row)| {
                let numbers: Vec<f32> = row
                    .split(',')
                    .skip(1)
                    .map(|cell| cell.trim().parse().expect("a number"))
                    .collect();
                let at = place(landmark, [numbers[0], numbers[1], numbers[2]]);
                let [x, y, z] = rotation.map(|row| dot(row, at));
                [320.0 + 13.0 * x, 240.0 - 13.0 * y, -13.0 * z]
            })
            .collect()
    }

    /// The rotation with these angles, by its definition: Ry(-yaw) Rx(-pitch) Rz(-roll).
    fn rotation(pose: HeadPose) -> Rotation {
        let [(sy, cy), (sp, cp), (sr, cr)] = [pose.yaw_deg, pose.pitch_deg, pose.roll_deg]
            .map(|deg| (-deg.to_radians()).sin_cos());
        let about_y = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
        let about_x = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
        let about_z = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
        multiply(&multiply(&about_y, &about_x), &about_z)
    }

    const CAMERA: Camera = Camera { middle: Point { x: 320.0, y: 240.0 }, focal_px: 554.0 };

    /// The line of sight to the middle of the landmarks' box.
    fn sight(landmarks: &[[f32; 3]]) -> Rotation {
        CAMERA.sight_to(bounds_of(landmarks.iter().map(|&[x, y, _]| Point { x, y })).centre())
    }

    /// The canonical face, turned and 50 cm away, as landmarks in a picture; as deep as the model
    /// would have it.
    fn seen(face: &CanonicalFace, rotation: &Rotation, aside_cm: [f32; 2]) -> Vec<[f32; 3]> {
        const AWAY_CM: f32 = 50.0;
        let [x, y] = aside_cm;
        let project = |depth: f32| {
            let at = |[right, up, near]: [f32; 3]| {
                let away = AWAY_CM - near;
                let px = CAMERA.focal_px / away;
                let z = -near * CAMERA.focal_px / AWAY_CM / depth;
                [320.0 + (x + right) * px, 240.0 - (y + up) * px, z]
            };
            let mut landmarks = vec![at([0.0; 3]); 468];
            for point in &face.points {
                let place = rotation.map(|row| {
                    row.iter().zip(point.place).map(|(cell, place)| cell * place).sum()
                });
                landmarks[point.landmark] = at(place);
            }
            landmarks
        };
        let turn = multiply(&transposed(&sight(&project(1.0))), rotation);
        project(DEPTH + DEPTH_BY_TURN * turn[0][2] * turn[0][2])
    }

    #[test]
    fn a_known_turn_is_found_again_anywhere_in_the_picture() {
        let face = CanonicalFace::read().unwrap();
        for aside_cm in [[0.0, 0.0], [18.0, 0.0], [-12.0, 9.0]] {
            for (yaw_deg, pitch_deg, roll_deg) in
                [(0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (-45.0, 20.0, 10.0), (60.0, -35.0, -50.0)]
            {
                let pose = HeadPose { yaw_deg, pitch_deg, roll_deg };
                let landmarks = seen(&face, &rotation(pose), aside_cm);
                let sight = sight(&landmarks);
                let turn = face.fit_in_perspective(&landmarks, &CAMERA, &sight);
                let found = angles(&multiply(&sight, &turn));
                assert!((found.yaw_deg - yaw_deg).abs() < 0.1, "{found:?} for {pose:?}");
                assert!((found.pitch_deg - pitch_deg).abs() < 0.1, "{found:?} for {pose:?}");
                assert!((found.roll_deg - roll_deg).abs() < 0.1, "{found:?} for {pose:?}");
            }
        }
    }

    #[test]
    fn pitch_is_given_back_only_to_a_face_that_is_turned_sideways() {
        let undone = |yaw_deg, pitch_deg| {
            let turn = rotation(HeadPose { yaw_deg, pitch_deg, roll_deg: 0.0 });
            angles(&undo_shrinkage(&turn))
        };
        let frontal = undone(0.0, 20.0);
        assert!((frontal.pitch_deg - 20.0).abs() < 1e-3, "{frontal:?}");
        let [down, up] = [-20.0, 20.0].map(|pitch_deg| undone(45.0, pitch_deg));
        assert!((21.0..24.0).contains(&up.pitch_deg), "{up:?}");
        assert!((up.pitch_deg + down.pitch_deg).abs() < 1e-3, "{down:?}");
    }

    #[test]
    fn the_lean_is_taken_off_a_turned_face_only_and_off_either_side_alike() {
        let straight = |yaw_deg, pitch_deg| {
            let turn = rotation(HeadPose { yaw_deg, pitch_deg, roll_deg: 0.0 });
            angles(&straighten(&turn))
        };
        for pitch_deg in [-25.0, 0.0, 15.0] {
            let frontal = straight(0.0, pitch_deg);
            assert!((frontal.pitch_deg - pitch_deg).abs() < 1e-3, "{frontal:?}");
            assert!(frontal.yaw_deg.abs() + frontal.roll_deg.abs() < 1e-3, "{frontal:?}");
        }
        let [right, left] = [-60.0, 60.0].map(|yaw_deg| straight(yaw_deg, 0.0));
        assert!((right.pitch_deg - left.pitch_deg).abs() < 1e-3, "{right:?} {left:?}");
        assert!((right.roll_deg + left.roll_deg).abs() < 1e-3, "{right:?} {left:?}");
        // As seen by the camera the head is lowered by the lean where it is turned by 90 degrees.
        assert!((left.roll_deg.abs() - LEAN_DEG * 60_f32.to_radians().sin()).abs() < 0.1);
    }

    #[test]
    fn a_turned_face_is_corrected_alike_however_it_is_rolled() {
        let of = |roll_deg: f32| {
            let turn = rotation(HeadPose { yaw_deg: 45.0, pitch_deg: 20.0, roll_deg: 0.0 });
            // Turned in the picture, with its line of the eyes.
            let rolled = rotation(HeadPose { yaw_deg: 0.0, pitch_deg: 0.0, roll_deg });
            let turn = corrected(&multiply(&rolled, &turn), roll_deg.to_radians());
            angles(&multiply(&transposed(&rolled), &turn))
        };
        let (upright, rolled) = (of(0.0), of(40.0));
        assert!((upright.yaw_deg - rolled.yaw_deg).abs() < 1e-3, "{upright:?} {rolled:?}");
        assert!((upright.pitch_deg - rolled.pitch_deg).abs() < 1e-3, "{upright:?} {rolled:?}");
        assert!((upright.pitch_deg - 20.0).abs() > 1.0, "{upright:?}");
    }
}
