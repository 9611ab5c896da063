//! Rotations of the head: their algebra, their angles, and the one that best turns one set of points
//! onto another.
//!
//! Axes: x to the picture's right, y up, z towards the camera.

use super::HeadPose;

/// A rotation matrix, row by row.
pub(super) type Rotation = [[f32; 3]; 3];

/// The angles of a rotation, taken as yaw, then pitch, then roll about the head's own axes.
pub(super) fn angles(rotation: &Rotation) -> HeadPose {
    let [[_, _, nose_x], [up_x, up_y, nose_y], [_, _, nose_z]] = *rotation;
    HeadPose {
        yaw_deg: (-nose_x).atan2(nose_z).to_degrees(),
        pitch_deg: nose_y.clamp(-1.0, 1.0).asin().to_degrees(),
        roll_deg: (-up_x).atan2(up_y).to_degrees(),
    }
}

/// First `b`, then `a`.
pub(super) fn multiply(a: &Rotation, b: &Rotation) -> Rotation {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| (0..3).map(|i| a[row][i] * b[i][column]).sum())
    })
}

/// The inverse.
pub(super) fn transposed(a: &Rotation) -> Rotation {
    std::array::from_fn(|row| std::array::from_fn(|column| a[column][row]))
}

/// Turns by the inverse of the rotation.
pub(super) fn turned_back(rotation: &Rotation, place: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| (0..3).map(|row| rotation[row][i] * place[row]).sum())
}

/// Turns a face whose eye line is turned clockwise by so much until its eyes are on a level.
pub(super) fn level(eye_line_rad: f32) -> Rotation {
    let (sin, cos) = eye_line_rad.sin_cos();
    [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]
}

/// The rotation that best turns points onto others, least squares, from their covariance (row: axis of
/// the points, column: axis of the others): the largest eigenvector of a symmetric matrix is its
/// quaternion (Horn 1987, "Closed-form solution of absolute orientation using unit quaternions").
pub(super) fn best_rotation(covariance: &[[f32; 3]; 3]) -> Rotation {
    rotation_of(largest_eigenvector(horn_matrix(covariance)))
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
mod tests {
    use super::*;

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
    fn the_best_rotation_is_the_one_by_which_the_points_were_turned() {
        let (sin, cos) = 0.7_f32.sin_cos();
        let turn = [[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]];
        let points = [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, -2.0, 0.5], [0.0, 0.0, -0.5]];
        let mut covariance = [[0.0; 3]; 3];
        for point in points {
            let turned = turned_back(&transposed(&turn), point);
            for (row, here) in covariance.iter_mut().zip(point) {
                row.iter_mut().zip(turned).for_each(|(cell, there)| *cell += here * there);
            }
        }
        let found = best_rotation(&covariance);
        let off = (0..9).map(|i| (found[i / 3][i % 3] - turn[i / 3][i % 3]).abs());
        assert!(off.fold(0.0, f32::max) < 1e-5, "{found:?}");
        let back = multiply(&found, &transposed(&turn));
        assert!(angles(&back).yaw_deg.abs() < 1e-3, "{back:?}");
    }
}
