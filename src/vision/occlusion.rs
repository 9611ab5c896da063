//! What of the face is covered: a mask, a scarf or a hand on the mouth; sunglasses or a hand on
//! the eyes.
//!
//! The landmarks stand where a face has its mouth and eyes even if there is cloth, so the colours
//! there decide. Lips are redder than the skin round them, and the skin round them is that of the
//! nose and the forehead; an eye has light and dark, and its surroundings are skin. Two logistic
//! regressions of a handful of such numbers, fitted on 98 pictures of 74 faces of every skin, each bare, under
//! eight lights, with glasses, beards and lipstick, and with 18 kinds of masks, scarves and hands
//! and 9 of sunglasses and hands drawn on; docs/ref/metrics.md has the rates.

use super::{
    Covered,
    colour::{chroma, distance, ln_luma, median},
    landmarks::Mesh,
    quality::FaceCrop,
};

/// Skin over the nose and on it, which no mask reaches.
const UPPER: [usize; 8] = [151, 108, 337, 9, 168, 6, 119, 348];
/// Skin that a mask covers.
const LOWER: [usize; 7] = [164, 205, 425, 202, 422, 200, 199];
const NOSE: [usize; 4] = [4, 5, 98, 327];
const LIPS: [usize; 8] = [0, 11, 16, 17, 37, 267, 84, 314];
const ROUND_LIPS: [usize; 6] = [164, 202, 422, 200, 205, 425];
/// Lids and the skin above and below them, of each eye.
const ROUND_EYES: [[usize; 8]; 2] =
    [[27, 223, 28, 221, 23, 230, 110, 229], [257, 443, 258, 441, 253, 450, 339, 449]];
/// The rim of each eye's opening.
const RIMS: [[usize; 8]; 2] =
    [[33, 160, 159, 158, 133, 153, 145, 144], [362, 385, 386, 387, 263, 373, 374, 380]];
const CHEEKS: [usize; 7] = [50, 280, 205, 425, 4, 195, 151];
const FOREHEAD: [usize; 3] = [151, 108, 337];

/// Reach of a patch to each side, px of the 96 px crop.
const SKIN_REACH: usize = 3;
const DETAIL_REACH: usize = 1;

/// Levels under this are noise.
const LEAST_LEVEL: f32 = 3.0;

/// Weights and bias of the two regressions. The biases are lower than the fit's by what asks for
/// at most one false alarm in 200 on faces that were not fitted.
const MOUTH: [f32; 5] = [-1.661, -2.196, 0.269, -0.261, 4.27];
const MOUTH_BIAS: f32 = -5.1;
const EYES: [f32; 3] = [-4.811, -2.307, 2.802];
const EYES_BIAS: f32 = -5.86;

/// Judges the face of `mesh`, which `crop` holds.
pub(super) fn judge(crop: &FaceCrop, mesh: &Mesh) -> Covered {
    let face = Patches { crop, mesh };
    Covered { eyes: eyes_score(&face) > 0.0, mouth: mouth_score(&face) > 0.0 }
}

/// Log odds that the mouth is covered, less a margin.
fn mouth_score(face: &Patches<'_>) -> f32 {
    let upper = face.median(UPPER, SKIN_REACH);
    let lower = face.median(LOWER, SKIN_REACH);
    let nose = face.median(NOSE, SKIN_REACH);
    let lips = face.median(LIPS, DETAIL_REACH);
    let round = face.median(ROUND_LIPS, SKIN_REACH);
    let lip_contrast = (distance(lips, round) + 0.03).ln();
    let lip_red = ((chroma(lips)[0] - chroma(round)[0]) / 0.3).tanh();
    let other_skin = (distance(lower, upper) + 0.03).ln();
    let other_light = (ln_luma(lower) - ln_luma(upper)).abs();
    let other_nose = distance(nose, upper);
    MOUTH_BIAS
        + MOUTH[0] * lip_contrast
        + MOUTH[1] * lip_red
        + MOUTH[2] * other_skin
        + MOUTH[3] * other_light
        + MOUTH[4] * other_nose
}

/// The same of the eyes; what is seen of one of them is enough.
fn eyes_score(face: &Patches<'_>) -> f32 {
    let cheeks = face.median(CHEEKS, SKIN_REACH);
    let forehead = face.median(FOREHEAD, SKIN_REACH);
    let round = ROUND_EYES.map(|round| face.median(round, DETAIL_REACH));
    let contrast = RIMS.map(|rim| face.contrast(rim)).into_iter().fold(0.0, f32::max);
    let shade = round.map(|round| ln_luma(round) - ln_luma(cheeks));
    let shade = shade.into_iter().fold(f32::MIN, f32::max);
    let other_skin = round.map(|round| {
        let to = |skin| distance(round, skin);
        to(cheeks).min(to(forehead))
    });
    let other_skin = other_skin.into_iter().fold(f32::MAX, f32::min);
    EYES_BIAS + EYES[0] * (contrast + 0.05).ln() + EYES[1] * shade + EYES[2] * other_skin
}

/// The crop, read by landmarks.
struct Patches<'a> {
    crop: &'a FaceCrop,
    mesh: &'a Mesh,
}

impl Patches<'_> {
    /// Median colour of the patches round some landmarks.
    fn median<const N: usize>(&self, landmarks: [usize; N], reach: usize) -> [f32; 3] {
        median(landmarks.map(|landmark| self.crop.patch(self.mesh.points[landmark], reach)))
    }

    /// ln of the bright over the dark tenth of the box round some landmarks.
    fn contrast(&self, landmarks: [usize; 8]) -> f32 {
        let (dark, bright) = self.crop.tenths(landmarks.map(|at| self.mesh.points[at]));
        (bright.max(LEAST_LEVEL) / dark.max(LEAST_LEVEL)).ln()
    }
}
