//! How the head is turned: a rigid fit of MediaPipe's canonical face to the landmarks.
//!
//! Axes: x to the picture's right, y up, z towards the camera.

use super::{HeadPose, Point};
use crate::{
    decode::Picture,
    error::{Error, ErrorKind, Result},
    vision::crop::to_f32,
};

/// 468 vertices in cm, and the weight of each in the fit. From MediaPipe's
/// geometry_pipeline_metadata (Apache-2.0).
const CANONICAL_FACE: &str = include_str!("canonical_face.csv");

/// A rotation matrix, row by row.
pub(super) type Rotation = [[f32; 3]; 3];

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

    /// The rotation that best lays the canonical face on the landmarks, relative to the line
    /// from the camera to the face: weighted least squares, closed form by quaternions
    /// (Horn 1987, "Closed-form solution of absolute orientation using unit quaternions").
    pub(super) fn fit(&self, landmarks: &[[f32; 3]]) -> Rotation {
        let seen = |point: &Weighted| {
            let [x, y, z] = landmarks[point.landmark];
            [x, -y, -z]
        };
        let middle = weighted_mean(self.points.iter().map(|point| (seen(point), point.weight)));
        let mut covariance = [[0.0; 3]; 3];
        for point in &self.points {
            let seen = minus(seen(point), middle);
            for (row, canonical) in covariance.iter_mut().zip(point.place) {
                for (cell, seen) in row.iter_mut().zip(seen) {
                    *cell += point.weight * canonical * seen;
                }
            }
        }
        rotation_of(largest_eigenvector(horn_matrix(&covariance)))
    }

    /// The landmarks turned back by their own `rotation` and scaled to the canonical face.
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

/// Turns by the inverse of the rotation.
fn turned_back(rotation: &Rotation, place: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| (0..3).map(|row| rotation[row][i] * place[row]).sum())
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Turns a rotation relative to the line of sight into one relative to the camera's axis, for a
/// face whose middle is at `centre`.
pub(super) fn relative_to_camera(
    rotation: &Rotation,
    centre: Point,
    picture: &Picture,
    hfov_deg: f32,
) -> Rotation {
    let (width, height) =
        (to_f32(picture.width_px as usize), to_f32(picture.height_px as usize));
    let focal_px = width / 2.0 / (hfov_deg.to_radians() / 2.0).tan();
    let (right, down) = (centre.x - width / 2.0, centre.y - height / 2.0);
    // The camera as seen from the face is to the left of a face on the right, and so on.
    let about_y = (-right).atan2(focal_px);
    let about_x = -down.atan2(right.hypot(focal_px));
    let ((sin_y, cos_y), (sin_x, cos_x)) = (about_y.sin_cos(), about_x.sin_cos());
    let sight = [
        [cos_y, sin_y * sin_x, sin_y * cos_x],
        [0.0, cos_x, -sin_x],
        [-sin_y, cos_y * sin_x, cos_y * cos_x],
    ];
    std::array::from_fn(|row| {
        std::array::from_fn(|column| (0..3).map(|i| sight[row][i] * rotation[i][column]).sum())
    })
}

/// The angles of a rotation, taken as yaw, then pitch, then roll about the head's own axes.
pub(super) fn angles(rotation: &Rotation) -> HeadPose {
    let [[_, _, nose_x], [up_x, up_y, nose_y], [_, _, nose_z]] = *rotation;
    HeadPose {
        yaw_deg: (-nose_x).atan2(nose_z).to_degrees(),
        pitch_deg: nose_y.clamp(-1.0, 1.0).asin().to_degrees(),
        roll_deg: (-up_x).atan2(up_y).to_degrees(),
    }
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

type Matrix4 = [[f32; 4]; 4];

/// Horn's symmetric matrix, whose largest eigenvector is the rotation's quaternion.
fn horn_matrix(s: &[[f32; 3]; 3]) -> Matrix4 {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = *s;
    [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]
}

/// By Jacobi's method: rotates away one off-diagonal cell after the other.
fn largest_eigenvector(mut a: Matrix4) -> [f32; 4] {
    const SWEEPS: usize = 12;
    let mut vectors: Matrix4 =
        std::array::from_fn(|i| std::array::from_fn(|j| f32::from(u8::from(i == j))));
    for _ in 0..SWEEPS {
        for (p, q) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            let angle = (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]) / 2.0;
            let (sin, cos) = angle.sin_cos();
            for row in a.iter_mut().chain(&mut vectors) {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
            let (row_p, row_q) = (a[p], a[q]);
            a[p] = std::array::from_fn(|i| cos * row_p[i] - sin * row_q[i]);
            a[q] = std::array::from_fn(|i| sin * row_p[i] + cos * row_q[i]);
        }
    }
    let largest = (1..4).fold(0, |best, i| if a[i][i] > a[best][best] { i } else { best });
    vectors.map(|row| row[largest])
}

fn rotation_of([w, x, y, z]: [f32; 4]) -> Rotation {
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

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
        let multiply = |a: Rotation, b: Rotation| -> Rotation {
            std::array::from_fn(|r| {
                std::array::from_fn(|c| (0..3).map(|i| a[r][i] * b[i][c]).sum())
            })
        };
        let about_y = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
        let about_x = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
        let about_z = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
        multiply(multiply(about_y, about_x), about_z)
    }

    /// The canonical face turned, scaled and moved, as landmarks in a picture.
    fn turned(face: &CanonicalFace, rotation: &Rotation) -> Vec<[f32; 3]> {
        let mut landmarks = vec![[0.0; 3]; 468];
        for point in &face.points {
            let [x, y, z] =
                rotation.map(|row| (0..3).map(|i| row[i] * point.place[i]).sum::<f32>());
            landmarks[point.landmark] = [320.0 + 13.0 * x, 240.0 - 13.0 * y, 5.0 - 13.0 * z];
        }
        landmarks
    }

    #[test]
    fn a_known_turn_is_found_again() {
        let face = CanonicalFace::read().unwrap();
        for (yaw_deg, pitch_deg, roll_deg) in
            [(0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (-45.0, 20.0, 10.0), (70.0, -35.0, -60.0)]
        {
            let pose = HeadPose { yaw_deg, pitch_deg, roll_deg };
            let found = angles(&face.fit(&turned(&face, &rotation(pose))));
            assert!((found.yaw_deg - yaw_deg).abs() < 0.01, "{found:?} for {pose:?}");
            assert!((found.pitch_deg - pitch_deg).abs() < 0.01, "{found:?} for {pose:?}");
            assert!((found.roll_deg - roll_deg).abs() < 0.01, "{found:?} for {pose:?}");
        }
    }

    #[test]
    fn signs_are_left_up_and_clockwise() {
        // A nose that points left, up; a right side that has sunk.
        let left = [[0.8, 0.0, -0.6], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]];
        assert!(angles(&left).yaw_deg > 30.0);
        let up = [[1.0, 0.0, 0.0], [0.0, 0.8, 0.6], [0.0, -0.6, 0.8]];
        assert!(angles(&up).pitch_deg > 30.0);
        let clockwise = [[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]];
        assert!(angles(&clockwise).roll_deg > 30.0);
    }

    #[test]
    fn a_face_at_the_right_edge_that_looks_frontal_is_turned_to_the_camera() {
        let picture = Picture { width_px: 640, height_px: 480, rgb: Vec::new() };
        let straight = rotation(HeadPose { yaw_deg: 0.0, pitch_deg: 0.0, roll_deg: 0.0 });
        let at = |x, y| angles(&relative_to_camera(&straight, Point { x, y }, &picture, 60.0));
        assert!((at(640.0, 240.0).yaw_deg - 30.0).abs() < 1e-3);
        assert!((at(0.0, 240.0).yaw_deg + 30.0).abs() < 1e-3);
        assert!(at(320.0, 480.0).pitch_deg > 20.0);
        assert!(at(320.0, 240.0).yaw_deg.abs() < 1e-4);
    }
}
