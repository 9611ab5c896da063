//! What the muscles of a face do, from distances between its landmarks.
//!
//! The landmarks are turned to the front and scaled to the canonical face by the fit of `head_pose`, so
//! that neither the head's direction nor its distance counts. A face at rest differs from person to
//! person: [`FaceMeasures`] are absolute, and [`FaceActions`] compare them with those of the same
//! person's face at rest, which `session` knows. docs/ref/metrics.md has what was measured of them.

use super::{
    HeadPose,
    head_pose::FrontView,
    landmarks::{EYES, distance_3d},
    refinement::MOUTH_CORNERS,
};

/// Heads turned further from the line to the camera are not measured.
const MAX_YAW_DEG: f32 = 25.0;
/// The same for heads that look up or down.
const MAX_PITCH_DEG: f32 = 20.0;

/// What the landmark model adds to a measure for each degree that the head looks up, cm: the mean
/// of ten photographed faces that were turned by -20 to 20 degrees.
const MOUTH_WIDTH_PER_DEG: f32 = 0.004;
const BROW_HEIGHT_PER_DEG: f32 = -0.007;
const LOWER_LID_PER_DEG: f32 = -0.005;

/// Changes of less than this share of a full action are the noise of the landmarks.
const NOISE: f32 = 0.1;

/// Lids that are closer than this share of their gap at rest are shut. `blink` begins at 0.6, which is
/// where some people squint.
const SHUT: f32 = 0.25;

const NOSE_WINGS: [usize; 2] = [129, 358];
const NOSE_BASE: usize = 2;
/// Upper edge of the upper lip, between its middle and its corners: the middle also rises where the
/// mouth opens wide.
const UPPER_LIP: [usize; 4] = [40, 39, 269, 270];
/// Lower edge of the lower lip.
const LOWER_LIP: usize = 17;
const CHIN: usize = 152;
/// Upper edges of both brows.
const BROWS: [usize; 10] = [70, 63, 105, 66, 107, 300, 293, 334, 296, 336];
const CHEEKS: [usize; 4] = [50, 205, 280, 425];
/// The middle of each lid, three points an eye.
const UPPER_LIDS: [usize; 6] = [160, 159, 158, 385, 386, 387];
const LOWER_LIDS: [usize; 6] = [144, 145, 153, 380, 374, 373];

/// Distances of a face that is turned to the front, cm of the canonical face. Each is the mean of the
/// face's two halves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaceMeasures {
    /// From corner to corner.
    pub mouth_width: f32,
    /// Corners of the mouth over the wings of the nose.
    pub mouth_corner_height: f32,
    /// Base of the nose over the upper lip's edge.
    pub upper_lip_drop: f32,
    /// Base of the nose over the middle between the lower lip's edge and the chin.
    pub chin_drop: f32,
    /// Upper edges of the brows over the corners of the eyes.
    pub brow_height: f32,
    /// Upper lids over lower lids.
    pub lid_gap: f32,
    /// Lower lids over the corners of the eyes.
    pub lower_lid_height: f32,
    /// Cheeks over the corners of the eyes.
    pub cheek_height: f32,
}

impl FaceMeasures {
    /// Measures the landmarks; `None` where the head, whose `pose` is relative to the line to the
    /// camera, is turned too far.
    pub(super) fn of(
        landmarks: &[[f32; 3]],
        front: &FrontView,
        pose: &HeadPose,
    ) -> Option<Self> {
        let is_frontal =
            pose.yaw_deg.abs() <= MAX_YAW_DEG && pose.pitch_deg.abs() <= MAX_PITCH_DEG;
        is_frontal.then(|| {
            let seen = Self::distances(landmarks, front);
            FaceMeasures {
                mouth_width: seen.mouth_width - MOUTH_WIDTH_PER_DEG * pose.pitch_deg,
                brow_height: seen.brow_height - BROW_HEIGHT_PER_DEG * pose.pitch_deg,
                lower_lid_height: seen.lower_lid_height - LOWER_LID_PER_DEG * pose.pitch_deg,
                ..seen
            }
        })
    }

    fn distances(landmarks: &[[f32; 3]], front: &FrontView) -> Self {
        let place = |landmark: usize| front.place(landmarks[landmark]);
        let height = |points: &[usize]| {
            let sum: f32 = points.iter().map(|&point| place(point)[1]).sum();
            sum / points.len() as f32
        };
        let [[a, b], [c, d]] = EYES.map(|eye| eye.corners);
        let (eyes, nose) = (height(&[a, b, c, d]), height(&[NOSE_BASE]));
        let (upper_lids, lower_lids) = (height(&UPPER_LIDS), height(&LOWER_LIDS));
        let [left, right] = MOUTH_CORNERS.map(place);
        FaceMeasures {
            mouth_width: distance_3d(left, right),
            mouth_corner_height: height(&MOUTH_CORNERS) - height(&NOSE_WINGS),
            upper_lip_drop: nose - height(&UPPER_LIP),
            chin_drop: nose - height(&[LOWER_LIP, CHIN]),
            brow_height: height(&BROWS) - eyes,
            lid_gap: upper_lids - lower_lids,
            lower_lid_height: lower_lids - eyes,
            cheek_height: height(&CHEEKS) - eyes,
        }
    }

    /// The measures that `value` gives for the reader of each.
    pub fn from_each(mut value: impl FnMut(fn(&FaceMeasures) -> f32) -> f32) -> Self {
        FaceMeasures {
            mouth_width: value(|m| m.mouth_width),
            mouth_corner_height: value(|m| m.mouth_corner_height),
            upper_lip_drop: value(|m| m.upper_lip_drop),
            chin_drop: value(|m| m.chin_drop),
            brow_height: value(|m| m.brow_height),
            lid_gap: value(|m| m.lid_gap),
            lower_lid_height: value(|m| m.lower_lid_height),
            cheek_height: value(|m| m.cheek_height),
        }
    }
}

/// How far each action goes, 0 (the face's own rest) to 1 (a full action). They describe muscles, not
/// their cause, which may be a feeling or speech.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaceActions {
    /// The corners of the mouth go outwards and up.
    pub smile: f32,
    /// The mouth grows wider and its corners stay where they are.
    pub mouth_stretch: f32,
    /// The upper lip comes nearer to the nose.
    pub upper_lip_raise: f32,
    /// Lower lip and chin go down.
    pub jaw_open: f32,
    /// The mouth grows narrower.
    pub lip_pucker: f32,
    /// The brows go up.
    pub brow_up: f32,
    /// The brows go down.
    pub brow_down: f32,
    /// The lids are further apart; `None` while the eyes are shut.
    pub eye_wide: Option<f32>,
    /// The lower lids go up; `None` while the eyes are shut.
    pub eye_squint: Option<f32>,
    /// The cheeks go up.
    pub cheek_raise: f32,
}

impl FaceActions {
    /// What leads from `rest` to `now`, both of one person. The divisors are changes of a full
    /// action, cm.
    pub fn between(rest: &FaceMeasures, now: &FaceMeasures) -> Self {
        let widening = now.mouth_width - rest.mouth_width;
        let corners_up = now.mouth_corner_height - rest.mouth_corner_height;
        let brows_up = now.brow_height - rest.brow_height;
        let is_open = now.lid_gap >= SHUT * rest.lid_gap;
        let of_open_eyes = |change: f32| is_open.then(|| share(change));
        FaceActions {
            smile: share((widening / 2.0 + corners_up) / 1.5),
            // In a smile the corners go up by 0.6 of how far each goes outwards.
            mouth_stretch: share((widening / 2.0 - 1.7 * corners_up.max(0.0)) / 0.5),
            upper_lip_raise: share((rest.upper_lip_drop - now.upper_lip_drop) / 0.7),
            jaw_open: share((now.chin_drop - rest.chin_drop) / 1.8),
            lip_pucker: share(-widening),
            brow_up: share(brows_up / 0.8),
            brow_down: share(-brows_up / 0.6),
            eye_wide: of_open_eyes((now.lid_gap - rest.lid_gap) / 0.4),
            eye_squint: of_open_eyes((now.lower_lid_height - rest.lower_lid_height) / 0.25),
            cheek_raise: share((now.cheek_height - rest.cheek_height) / 0.6),
        }
    }

    /// Every action with the name of its metric.
    pub fn by_name(&self) -> [(&'static str, Option<f32>); 10] {
        [
            ("face_actions.smile", Some(self.smile)),
            ("face_actions.mouth_stretch", Some(self.mouth_stretch)),
            ("face_actions.upper_lip_raise", Some(self.upper_lip_raise)),
            ("face_actions.jaw_open", Some(self.jaw_open)),
            ("face_actions.lip_pucker", Some(self.lip_pucker)),
            ("face_actions.brow_up", Some(self.brow_up)),
            ("face_actions.brow_down", Some(self.brow_down)),
            ("face_actions.eye_wide", self.eye_wide),
            ("face_actions.eye_squint", self.eye_squint),
            ("face_actions.cheek_raise", Some(self.cheek_raise)),
        ]
    }
}

/// 0..1 of a full action, without the noise.
fn share(change: f32) -> f32 {
    ((change - NOISE) / (1.0 - NOISE)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
