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
    let [(sy, cy), (sp, cp), (sr, cr)] =
        [pose.yaw_deg, pose.pitch_deg, pose.roll_deg].map(|deg| (-deg.to_radians()).sin_cos());
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
            let place = rotation
                .map(|row| row.iter().zip(point.place).map(|(cell, place)| cell * place).sum());
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
