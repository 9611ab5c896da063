//! Where the eyes look, how far they are open, and the mouth: geometry of the landmarks.

use super::{
    Gaze,
    eyeball::{self, Eyes},
    landmarks::{EYES, Eye, distance_2d, distance_3d, eye_line_rad},
    rotation::{Rotation, level, multiply},
};
use crate::decode::Picture;

// Lengths are in distances of the outer eye corners, 8.6 cm.

/// How far the lids must be apart for an eye's gaze to be known.
const SHUT: f32 = 0.03;
/// Eyes that are open less than so are read less surely, and the height of their irises counts less.
const OPEN: f32 = 0.05;
/// The opening from which [`LIFT`] counts.
const USUAL_OPENING: f32 = 0.06;
/// What an offset of the iris sideways is in the sine of the eye's turn: 0.89 cm from the centre
/// about which the eyeball turns.
const SIDEWAYS: f32 = 9.68;
/// The same upwards, of eyes that are open. Lids that close hide the rims that hold the disc: its
/// height depends less and less on the eye's turn, and nothing at [`SHUT`] (see [`turned_eyes`]).
const UPWARDS: f32 = 7.22;
/// What the lids' opening adds: eyes that look down lower their lids.
const LIFT: f32 = 5.06;
/// The iris of an eye that looks ahead stands above the line of its corners.
const ZERO: f32 = 0.25;
/// The model puts all landmarks a sixth of its pixel too far to the right.
const SHIFT: f32 = 0.0022;
/// How far behind the corners the eyeball's centre lies: with a turned head the iris of an eye that
/// looks into the camera moves against the turn.
const CENTRE_DEPTH: f32 = 0.09;
/// The pitch of the head is known to 4 degrees only, as faces differ; that much of it is believed.
const PITCH_SHARE: f32 = 0.5;
/// Sine of 30 degrees, beyond which eyes hardly turn and a head follows.
const REACH: f32 = 0.5;
/// Eyes further apart in the picture do not show more, px.
const ENOUGH_PX: f32 = 40.0;

/// The lines of sight of both eyes; `None` when the lids cover the irises or the irises are missing.
///
/// The irises' offset from the middle of their eyes' corners, less what the turn of the head makes
/// of it, gives the turn of the eyeballs. `head` is relative to the line from the camera to the
/// face, and so is the result: 0, 0 looks into the camera.
///
/// The constants are least squares over 50 rendered faces with known gaze, the mirror images of
/// their pictures, and two crops of each; of the upward ones also over 81 photographs of ten people
/// who look into the camera, each person with a quarter of a rendered one's weight
/// (docs/ref/metrics.md has the errors).
pub(super) fn gaze(picture: &Picture, landmarks: &[[f32; 3]], head: &Rotation) -> Option<Gaze> {
    let angle = eye_line_rad(landmarks);
    let upright = multiply(&level(angle), head);
    let foreshortening = upright[0][0].hypot(upright[1][0]).max(0.6);
    let eyes = eyeball::look(picture, landmarks, foreshortening)?;
    if eyes.opening < SHUT {
        return None;
    }
    let [right, up, ahead] = turned_eyes(&eyes, &upright);
    // Back from the upright face to the picture.
    let (sin, cos) = angle.sin_cos();
    let (x, y) = (cos * right + sin * up, cos * up - sin * right);
    let apart_px = distance_2d(landmarks[33], landmarks[263]);
    Some(Gaze {
        yaw_deg: (-x).atan2(ahead).to_degrees(),
        pitch_deg: y.clamp(-1.0, 1.0).asin().to_degrees(),
        confidence: confidence(eyes.opening, apart_px, upright[2][2]),
    })
}

/// Where the eyes of an upright face look: to the picture's right, up, towards the camera, length 1.
///
/// The slope upwards falls with the lids, as that of a regression does where what it is given grows
/// less reliable (Fuller 1987, "Measurement Error Models", 1.1: attenuation): half-shut eyes are read
/// as half-shut eyes look in the mean, down, instead of by the disc's noise.
fn turned_eyes(eyes: &Eyes, head: &Rotation) -> [f32; 3] {
    let [x, y] = eyes.iris;
    let right = SIDEWAYS * (x + SHIFT + CENTRE_DEPTH * head[0][2]);
    let seen = ((eyes.opening - SHUT) / (OPEN - SHUT)).clamp(0.0, 1.0);
    let up = UPWARDS * seen * (y + CENTRE_DEPTH * PITCH_SHARE * head[1][2])
        + LIFT * (eyes.opening - USUAL_OPENING)
        - ZERO;
    let reach = right.hypot(up);
    let [right, up] = [right, up].map(|turn| turn * REACH / reach.max(REACH));
    [right, up, (1.0 - right * right - up * up).sqrt()]
}

/// How surely the gaze is known, 0..1: 1 stands for standard deviations of [`GAZE_SPREAD_DEG`](super::GAZE_SPREAD_DEG), 0.5
/// for twice those. `ahead` is the cosine between the nose and the line of sight.
fn confidence(opening: f32, apart_px: f32, ahead: f32) -> f32 {
    let lids = (opening / OPEN).min(1.0).powf(2.5);
    lids * (apart_px / ENOUGH_PX).min(1.0) * ahead.max(0.0).powi(2)
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
    use super::{super::eyeball::tests::face, *};

    const STRAIGHT: Rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    /// The offset upwards of an iris that looks ahead.
    const AHEAD: f32 = ZERO / UPWARDS;

    fn found(right: f32, up: f32, head: &Rotation) -> Gaze {
        let (picture, landmarks) = face([right - SHIFT, AHEAD + up], USUAL_OPENING);
        gaze(&picture, &landmarks, head).unwrap()
    }

    #[test]
    fn irises_ahead_look_into_the_camera_and_signs_are_left_and_up() {
        let ahead = found(0.0, 0.0, &STRAIGHT);
        assert!(ahead.yaw_deg.abs() < 2.0 && ahead.pitch_deg.abs() < 5.0, "{ahead:?}");
        assert!((ahead.confidence - 1.0).abs() < 1e-3, "{ahead:?}");
        let [left, right] = [-0.03, 0.03].map(|x| found(x, 0.0, &STRAIGHT).yaw_deg);
        assert!(left > 13.0 && right < -13.0, "{left} {right}");
        let [down, up] = [-0.03, 0.02].map(|y| found(0.0, y, &STRAIGHT).pitch_deg);
        assert!(up > ahead.pitch_deg + 4.0 && down < ahead.pitch_deg - 6.0, "{down} {up}");
    }

    #[test]
    fn eyes_that_counter_a_turned_head_still_look_into_the_camera() {
        let (sin, cos) = 0.3_f32.sin_cos();
        // The head is turned to the picture's left, the eyes as far to the right.
        let head = [[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]];
        let countering = found(CENTRE_DEPTH * sin, 0.0, &head);
        assert!(countering.yaw_deg.abs() < 3.0, "{countering:?}");
        assert!((0.85..0.95).contains(&countering.confidence), "{countering:?}");
        assert!(found(0.0, 0.0, &head).yaw_deg > 10.0);
    }

    #[test]
    fn shut_eyes_and_absent_irises_give_no_gaze_and_half_shut_ones_less_confidence() {
        let at = |opening| {
            let (picture, landmarks) = face([0.0, 0.0], opening);
            gaze(&picture, &landmarks, &STRAIGHT)
        };
        assert_eq!(at(0.02), None);
        let half = at(0.04).unwrap().confidence;
        assert!((0.4..0.7).contains(&half), "{half}");
        let (picture, landmarks) = face([0.0, 0.0], 0.06);
        assert_eq!(gaze(&picture, &landmarks[..468], &STRAIGHT), None);
    }

    #[test]
    fn the_height_of_the_iris_counts_less_the_further_the_lids_close() {
        let turned =
            |y: f32, opening| turned_eyes(&Eyes { iris: [0.0, y], opening }, &STRAIGHT);
        let slope = |opening| turned(0.02, opening)[1] - turned(0.0, opening)[1];
        assert!((slope(0.08) - slope(OPEN)).abs() < 1e-5);
        assert!((slope(0.04) / slope(OPEN) - 0.5).abs() < 1e-3);
        assert!(slope(SHUT).abs() < 1e-6);
        assert!(turned(0.03, SHUT)[1] < -0.25, "half-shut eyes look down");
    }

    #[test]
    fn eyes_turn_no_further_than_30_degrees() {
        let eyes = Eyes { iris: [0.09, 0.08], opening: 0.06 };
        let [right, up, ahead] = turned_eyes(&eyes, &STRAIGHT);
        assert!((right.hypot(up) - REACH).abs() < 1e-6 && ahead > 0.86);
    }

    #[test]
    fn small_and_turned_faces_are_read_less_surely() {
        let full = confidence(0.06, 130.0, 1.0);
        assert!((full - 1.0).abs() < 1e-6);
        assert!((confidence(0.06, 20.0, 1.0) - 0.5).abs() < 1e-6);
        assert!((confidence(0.06, 130.0, 0.7) - 0.49).abs() < 1e-6);
        assert!(confidence(0.06, 130.0, -0.1).abs() < 1e-6);
    }

    /// Lids `gap` px apart in eyes of 30 px.
    fn eyes(gap: f32) -> Vec<[f32; 3]> {
        let mut landmarks = vec![[0.0; 3]; 478];
        for (eye, x) in EYES.iter().zip([100.0, 160.0]) {
            landmarks[eye.corners[0]] = [x, 50.0, 0.0];
            landmarks[eye.corners[1]] = [x + 30.0, 50.0, 0.0];
            for i in 0..2 {
                let x = if i == 0 { x + 10.0 } else { x + 20.0 };
                landmarks[eye.upper[i]] = [x, 50.0 - gap / 2.0, 0.0];
                landmarks[eye.lower[i]] = [x, 50.0 + gap / 2.0, 0.0];
            }
        }
        landmarks
    }

    #[test]
    fn ratios_are_gap_over_width() {
        let mut landmarks = eyes(9.0);
        assert!((eye_aspect_ratio(&landmarks) - 0.3).abs() < 1e-6);
        (landmarks[61], landmarks[291]) = ([0.0; 3], [40.0, 0.0, 0.0]);
        (landmarks[13], landmarks[14]) = ([20.0, 0.0, 0.0], [20.0, 10.0, 0.0]);
        assert!((mouth_open_ratio(&landmarks) - 0.25).abs() < 1e-6);
    }
}
