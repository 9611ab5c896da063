use super::*;
use crate::{
    decode::Picture,
    vision::{
        Point,
        camera::Camera,
        crop::bounds_of,
        head_pose::{CanonicalFace, tests::turned_by},
        rotation::{Rotation, angles},
    },
};

/// The two halves of a face: each landmark of one has its own in the other.
const PAIRS: [(usize, usize); 30] = [
    (127, 356),
    (132, 361),
    (61, 291),
    (40, 270),
    (39, 269),
    (129, 358),
    (70, 300),
    (63, 293),
    (105, 334),
    (66, 296),
    (107, 336),
    (50, 280),
    (205, 425),
    (160, 387),
    (159, 386),
    (158, 385),
    (144, 373),
    (145, 374),
    (153, 380),
    (33, 263),
    (133, 362),
    (54, 284),
    (67, 297),
    (117, 346),
    (119, 348),
    (121, 350),
    (136, 365),
    (143, 372),
    (147, 376),
    (198, 420),
];

fn face() -> CanonicalFace {
    CanonicalFace::read().expect("it is in the program")
}

/// The canonical face as landmarks of a frontal picture, 13 px a cm.
fn at_rest() -> Vec<[f32; 3]> {
    turned_by(HeadPose { yaw_deg: 0.0, pitch_deg: 0.0, roll_deg: 0.0 }, |_, place| place)
}

/// The face in this pose with `moved` landmarks, by how many cm to the right, up, forward.
fn posed(pose: HeadPose, moved: &[Moved<'_>]) -> Vec<[f32; 3]> {
    turned_by(pose, |landmark, place| {
        let by = moved.iter().filter(|(points, _)| points.contains(&landmark));
        by.fold(place, |place, (_, by)| std::array::from_fn(|i| place[i] + by[i]))
    })
}

/// How the face is turned, as a camera sees it that is far away.
fn turn(landmarks: &[[f32; 3]]) -> Rotation {
    let picture = Picture { width_px: 640, height_px: 480, rgb: Vec::new() };
    let camera = Camera::new(&picture, 1.0);
    let mesh = bounds_of(landmarks.iter().map(|&[x, y, _]| Point { x, y }));
    face().fit(landmarks, &camera, &camera.sight_to(mesh.centre()))
}

fn distances(landmarks: &[[f32; 3]]) -> FaceMeasures {
    let face = face();
    FaceMeasures::distances(landmarks, &face.front_view(landmarks, &turn(landmarks)))
}

fn frontal(moved: &[Moved<'_>]) -> Vec<[f32; 3]> {
    posed(HeadPose { yaw_deg: 0.0, pitch_deg: 0.0, roll_deg: 0.0 }, moved)
}

/// Landmarks, and by how many cm they move to the right, up, forward.
type Moved<'a> = (&'a [usize], [f32; 3]);

/// The names of the actions over a half, and the others.
fn acting(moved: &[Moved<'_>]) -> Vec<&'static str> {
    let actions = FaceActions::between(&distances(&at_rest()), &distances(&frontal(moved)));
    let by_name = actions.by_name().into_iter();
    by_name.filter(|(_, value)| value.is_some_and(|v| v > 0.5)).map(|(n, _)| n).collect()
}

#[test]
fn each_movement_is_its_own_action() {
    let up = |cm: f32| [0.0, cm, 0.0];
    let corners: [&[usize]; 2] = [&[61], &[291]];
    let sideways =
        |out: f32, up: f32| [(corners[0], [-out, up, 0.0]), (corners[1], [out, up, 0.0])];
    let cases: [(&[Moved<'_>], &str); 9] = [
        (&sideways(0.9, 0.6), "face_actions.smile"),
        (&sideways(0.4, 0.0), "face_actions.mouth_stretch"),
        (&sideways(-0.4, 0.0), "face_actions.lip_pucker"),
        (&[(&UPPER_LIP, up(0.55))], "face_actions.upper_lip_raise"),
        (&[(&[17, 152], up(-1.5))], "face_actions.jaw_open"),
        (&[(&BROWS, up(0.7))], "face_actions.brow_up"),
        (&[(&BROWS, up(-0.5))], "face_actions.brow_down"),
        (&[(&UPPER_LIDS, up(0.35))], "face_actions.eye_wide"),
        (&[(&LOWER_LIDS, up(0.2))], "face_actions.eye_squint"),
    ];
    for (moved, name) in cases {
        assert_eq!(acting(moved), [name], "{name}");
    }
    // The cheeks bear on the fit of the pose, with little weight.
    assert_eq!(acting(&[(&CHEEKS, up(0.55))]), ["face_actions.cheek_raise"]);
    assert!(acting(&[]).is_empty());
}

#[test]
fn shut_eyes_neither_widen_nor_squint_and_the_rest_of_the_face_goes_on() {
    let rest = distances(&at_rest());
    let lids = |share: f32| FaceMeasures {
        lid_gap: rest.lid_gap * share,
        lower_lid_height: rest.lower_lid_height + 0.2,
        brow_height: rest.brow_height - 0.5,
        ..rest
    };
    let squint = FaceActions::between(&rest, &lids(0.4));
    assert!(squint.eye_squint.is_some_and(|squint| squint > 0.7), "{squint:?}");
    let shut = FaceActions::between(&rest, &lids(0.1));
    assert_eq!((shut.eye_wide, shut.eye_squint), (None, None));
    assert!(shut.brow_down > 0.7, "{shut:?}");
}

#[test]
fn known_distances_are_found_in_cm() {
    let (rest, now) =
        (distances(&at_rest()), distances(&frontal(&[(&BROWS, [0.0, 0.4, 0.0])])));
    assert!((now.brow_height - rest.brow_height - 0.4).abs() < 1e-3, "{rest:?} {now:?}");
    let actions = FaceActions::between(&rest, &now);
    let expected = (0.5 - NOISE) / (1.0 - NOISE);
    assert!((actions.brow_up - expected).abs() < 1e-3, "{actions:?}");
    assert!(actions.brow_down.abs() < f32::EPSILON, "{actions:?}");
}

#[test]
fn neither_pose_nor_size_nor_place_changes_a_distance() {
    let smile: [(&[usize], [f32; 3]); 2] =
        [(&[61], [-0.7, 0.5, 0.1]), (&[291], [0.7, 0.5, 0.1])];
    let frontal = distances(&frontal(&smile));
    for (yaw_deg, pitch_deg, roll_deg) in
        [(25.0, 0.0, 0.0), (-25.0, 10.0, 15.0), (0.0, 20.0, -40.0), (12.0, -20.0, 5.0)]
    {
        let mut turned = posed(HeadPose { yaw_deg, pitch_deg, roll_deg }, &smile);
        for point in &mut turned {
            *point = [point[0] * 0.4 + 50.0, point[1] * 0.4 - 20.0, point[2] * 0.4];
        }
        let turned = distances(&turned);
        let worst = FaceMeasures::from_each(|read| (read(&turned) - read(&frontal)).abs());
        assert!(worst.mouth_width < 0.01, "{worst:?}");
        let actions = FaceActions::between(&frontal, &turned);
        assert!(actions.by_name().iter().all(|(_, value)| *value == Some(0.0)));
    }
}

#[test]
fn a_mirrored_face_does_the_same() {
    let crooked: [(&[usize], [f32; 3]); 3] = [
        (&[61], [-0.6, 0.4, 0.0]),
        (&[70, 63, 105], [0.0, 0.5, 0.0]),
        (&[159], [0.0, 0.2, 0.0]),
    ];
    let one = frontal(&crooked);
    let flip = |[x, y, z]: [f32; 3]| [640.0 - x, y, z];
    let mut other: Vec<_> = one.iter().copied().map(flip).collect();
    for (left, right) in PAIRS {
        other.swap(left, right);
    }
    let rest = distances(&at_rest());
    let [one, other] = [one, other].map(|seen| FaceActions::between(&rest, &distances(&seen)));
    for ((name, one), (_, other)) in one.by_name().into_iter().zip(other.by_name()) {
        let (one, other) = (one.expect("is known"), other.expect("is known"));
        assert!((one - other).abs() < 0.005, "{name}: {one} and {other}");
    }
    assert!(one.smile > 0.1, "{one:?}");
}

#[test]
fn a_head_that_is_turned_too_far_is_not_measured() {
    let face = face();
    let seen = |yaw_deg, pitch_deg| {
        let landmarks = posed(HeadPose { yaw_deg, pitch_deg, roll_deg: 0.0 }, &[]);
        let turn = turn(&landmarks);
        FaceMeasures::of(&landmarks, &face.front_view(&landmarks, &turn), &angles(&turn))
    };
    assert!(seen(24.0, 18.0).is_some() && seen(-24.0, -18.0).is_some());
    assert!(seen(27.0, 0.0).is_none() && seen(0.0, -22.0).is_none());
}

#[test]
fn what_the_model_adds_with_the_pitch_is_taken_off() {
    let face = face();
    let seen = |pitch_deg| {
        let landmarks = posed(HeadPose { yaw_deg: 0.0, pitch_deg, roll_deg: 0.0 }, &[]);
        let turn = turn(&landmarks);
        FaceMeasures::of(&landmarks, &face.front_view(&landmarks, &turn), &angles(&turn))
            .expect("is frontal")
    };
    let (level, up) = (seen(0.0), seen(10.0));
    assert!((up.mouth_width - level.mouth_width + 0.04).abs() < 1e-2, "{level:?} {up:?}");
    assert!((up.brow_height - level.brow_height - 0.07).abs() < 1e-2, "{level:?} {up:?}");
}
