//! Where the eyes look, how far they are open, and the mouth: geometry of the landmarks.

use super::{
    Gaze,
    head_pose::Rotation,
    landmarks::{EYES, Eye, distance_2d, distance_3d},
};

/// Under this aspect ratio an eye shows too little of its iris to say where it looks.
const SHUT: f32 = 0.10;

/// Width of the eye (corner to corner, canonical face, 2.6 cm) over the distance of the iris
/// from the centre about which the eyeball turns (1.0 cm: Le Grand's eye has the pupil 3.6 mm
/// behind the cornea and the centre of rotation 13.5 mm).
const EYE_WIDTH_IN_RADII: f32 = 2.6;

/// The lines of sight of both eyes, averaged with their openness as weight; `None` when both
/// are shut or the irises are missing.
///
/// In each eye, the iris's offset from the middle of the corners is measured along the line
/// through the corners and across it, in widths of the eye; the eyeball's radius makes angles
/// of them, and the head's rotation (relative to the line from the camera to the face) turns
/// them outwards: 0, 0 looks into the camera.
pub(super) fn gaze(landmarks: &[[f32; 3]], head: &Rotation) -> Option<Gaze> {
    let (mut sum, mut total) = ([0.0; 2], 0.0);
    for eye in EYES {
        let iris = *landmarks.get(eye.iris)?;
        let weight = (aspect_ratio(landmarks, &eye) - SHUT).max(0.0);
        let offset = iris_offset(landmarks, &eye, iris);
        sum.iter_mut().zip(offset).for_each(|(sum, offset)| *sum += weight * offset);
        total += weight;
    }
    if total <= 0.0 {
        return None;
    }
    let [right, up] = sum.map(|sum| sum / total * EYE_WIDTH_IN_RADII);
    // No eye turns further than some 60 degrees.
    let reach = right.hypot(up);
    let [right, up] = [right, up].map(|offset| offset * 0.87 / reach.max(0.87));
    let ahead = (1.0 - right * right - up * up).sqrt();
    let [x, y, z] = head.map(|row| row[0] * right + row[1] * up + row[2] * ahead);
    Some(Gaze {
        yaw_deg: (-x).atan2(z).to_degrees(),
        pitch_deg: y.clamp(-1.0, 1.0).asin().to_degrees(),
    })
}

/// The iris's offset from the middle between the corners, in widths of the eye: to the face's
/// right as the picture shows it, and up.
fn iris_offset(landmarks: &[[f32; 3]], eye: &Eye, iris: [f32; 3]) -> [f32; 2] {
    let [left, right] = eye.corners.map(|corner| landmarks[corner]);
    let (seen, width) = (distance_2d(left, right), distance_3d(left, right));
    if seen <= f32::EPSILON {
        return [0.0; 2];
    }
    let along = [(right[0] - left[0]) / seen, (right[1] - left[1]) / seen];
    let offset = [
        iris[0] - f32::midpoint(left[0], right[0]),
        iris[1] - f32::midpoint(left[1], right[1]),
    ];
    [
        // A turned head shortens the offset and the eye alike.
        (offset[0] * along[0] + offset[1] * along[1]) / seen,
        (offset[0] * along[1] - offset[1] * along[0]) / width,
    ]
}

/// Mean eye aspect ratio: lid gap over width of the eye, both in space (after Soukupová and
/// Čech 2016, "Real-time eye blink detection using facial landmarks").
pub(super) fn eye_aspect_ratio(landmarks: &[[f32; 3]]) -> f32 {
    let [right, left] = EYES.map(|eye| aspect_ratio(landmarks, &eye));
    f32::midpoint(right, left)
}

fn aspect_ratio(landmarks: &[[f32; 3]], eye: &Eye) -> f32 {
    let gap = |i: usize| distance_3d(landmarks[eye.upper[i]], landmarks[eye.lower[i]]);
    let [left, right] = eye.corners;
    ratio(f32::midpoint(gap(0), gap(1)), distance_3d(landmarks[left], landmarks[right]))
}

/// Gap of the inner lips (13, 14) over the width of the mouth (61, 291).
pub(super) fn mouth_open_ratio(landmarks: &[[f32; 3]]) -> f32 {
    ratio(distance_3d(landmarks[13], landmarks[14]), distance_3d(landmarks[61], landmarks[291]))
}

fn ratio(part: f32, whole: f32) -> f32 {
    part / whole.max(f32::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRAIGHT: Rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    /// Two eyes of 30 px, lids `gap` px apart, irises off their middle by `right` and `up` px.
    fn eyes(gap: f32, right: f32, up: f32) -> Vec<[f32; 3]> {
        let mut landmarks = vec![[0.0; 3]; 478];
        for (eye, x) in EYES.iter().zip([100.0, 160.0]) {
            landmarks[eye.corners[0]] = [x, 50.0, 0.0];
            landmarks[eye.corners[1]] = [x + 30.0, 50.0, 0.0];
            for i in 0..2 {
                let x = if i == 0 { x + 10.0 } else { x + 20.0 };
                landmarks[eye.upper[i]] = [x, 50.0 - gap / 2.0, 0.0];
                landmarks[eye.lower[i]] = [x, 50.0 + gap / 2.0, 0.0];
            }
            landmarks[eye.iris] = [x + 15.0 + right, 50.0 - up, 0.0];
        }
        landmarks
    }

    #[test]
    fn centred_irises_look_into_the_camera_and_signs_are_left_and_up() {
        let at = |right, up| gaze(&eyes(9.0, right, up), &STRAIGHT).unwrap();
        assert!(at(0.0, 0.0).yaw_deg.abs() < 1e-3 && at(0.0, 0.0).pitch_deg.abs() < 1e-3);
        assert!(at(-3.0, 0.0).yaw_deg > 10.0 && at(3.0, 0.0).yaw_deg < -10.0);
        assert!(at(0.0, 2.0).pitch_deg > 5.0 && at(0.0, -2.0).pitch_deg < -5.0);
        // 3 of 30 px is 0.26 of the eyeball's radius.
        assert!((at(-3.0, 0.0).yaw_deg - 0.26_f32.asin().to_degrees()).abs() < 1e-3);
    }

    #[test]
    fn eyes_that_counter_a_turned_head_still_look_into_the_camera() {
        let (sin, cos) = 0.3_f32.sin_cos();
        // The head is turned to the picture's left, the eyes as far to the right.
        let head = [[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]];
        let right_px = sin / EYE_WIDTH_IN_RADII * 30.0;
        let found = gaze(&eyes(9.0, right_px, 0.0), &head).unwrap();
        assert!(found.yaw_deg.abs() < 0.01, "{found:?}");
        assert!(gaze(&eyes(9.0, 0.0, 0.0), &head).unwrap().yaw_deg > 15.0);
    }

    #[test]
    fn shut_eyes_and_absent_irises_give_no_gaze() {
        assert_eq!(gaze(&eyes(2.0, 0.0, 0.0), &STRAIGHT), None);
        assert_eq!(gaze(&eyes(9.0, 0.0, 0.0)[..468], &STRAIGHT), None);
    }

    #[test]
    fn an_eye_that_is_shut_does_not_pull() {
        let mut landmarks = eyes(9.0, -3.0, 0.0);
        let both = gaze(&landmarks, &STRAIGHT).unwrap();
        for lid in EYES[1].upper.into_iter().chain(EYES[1].lower) {
            landmarks[lid][1] = 50.0;
        }
        landmarks[EYES[1].iris][0] += 9.0;
        assert_eq!(gaze(&landmarks, &STRAIGHT), Some(both));
    }

    #[test]
    fn ratios_are_gap_over_width() {
        let mut landmarks = eyes(9.0, 0.0, 0.0);
        assert!((eye_aspect_ratio(&landmarks) - 0.3).abs() < 1e-6);
        (landmarks[61], landmarks[291]) = ([0.0; 3], [40.0, 0.0, 0.0]);
        (landmarks[13], landmarks[14]) = ([20.0, 0.0, 0.0], [20.0, 10.0, 0.0]);
        assert!((mouth_open_ratio(&landmarks) - 0.25).abs() < 1e-6);
    }
}
