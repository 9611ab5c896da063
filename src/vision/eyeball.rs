//! Where the irises are in their eyes: a dark disc fitted to the picture of both eyes at once.
//!
//! The landmark model places an iris well from left to right, but hardly follows it up and down:
//! over 50 rendered faces its iris moves by less than a third of the true way. So the model's
//! place is only the prior, and the picture decides. All lengths are in distances of the outer eye
//! corners, in the axes of an upright face: x to the picture's right, y up.

mod samples;

use multiversion::multiversion;
use samples::{FLAT, LANES, LIGHT, NUMBERS, ROOT, SHADOW, SLOPE, Samples, X, Y};

use super::{
    Point,
    crop::Crop,
    landmarks::EYES,
    lanes::{each, share},
    pyramid::Sizes,
    to_f32,
};
use crate::decode::Picture;

/// Points of the upper lid from the corner on the picture's left to the other, person's right eye
/// and left eye.
const UPPER_LIDS: [[usize; LID_POINTS]; 2] =
    [[246, 161, 160, 159, 158, 157, 173], [398, 384, 385, 386, 387, 388, 466]];
/// The points of the lower lid below them.
const LOWER_LIDS: [[usize; LID_POINTS]; 2] =
    [[7, 163, 144, 145, 153, 154, 155], [382, 381, 380, 374, 373, 390, 249]];
const LID_POINTS: usize = 7;

/// The patch that is looked at: samples of [`STEP`], [`COLUMNS`] wide and [`ROWS`] high.
const COLUMNS: usize = 32;
const ROWS: usize = 20;
const STEP: f32 = 0.0125;

/// Radius of the iris with half of its rim: 12.4 mm across, in 8.6 cm between the corners.
const IRIS_RADIUS: f32 = 0.072;
/// Width of the iris's rim, which is no sharp edge.
const RIM: f32 = 0.02;
/// From how far outside of its rim an iris is seen at all, in widths of the rim from the middle.
const EDGE: f32 = IRIS_RADIUS / RIM + 0.5;
/// So close to a lid there are lashes and the shadow of the lid.
const LID_MARGIN: f32 = 0.012;
/// How fast the shadow of the upper lid fades.
const SHADOW_REACH: f32 = 0.02;
/// Share of what looks like such a shadow that is taken for one; the rest may be iris.
const SHADOW_SHARE: f32 = 0.75;
/// Weight of the squared distance from the model's place, across and upwards: the model is
/// reliable from left to right.
const PRIOR: [f32; 2] = [200.0, 20.0];
/// A correlation lower than the best one by this is `e` times less probable.
const TEMPERATURE: f32 = 0.02;
/// A place `exp(-IMPROBABLE)` as probable as the best one counts for nothing.
const IMPROBABLE: f32 = 12.0;
/// Half the number of places that are tried, across and upwards, and their distance.
const REACH: [i8; 2] = [9, 8];
const PLACE_STEP: f32 = 0.01;
const PLACES: usize =
    (2 * REACH[0].unsigned_abs() as usize + 1) * (2 * REACH[1].unsigned_abs() as usize + 1);
/// Patches that show less of the eye, in samples, are ignored.
const MIN_SEEN: f32 = 8.0;

/// How both eyes stand in the face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Eyes {
    /// The irises' offset from the middle between the corners of their eye, mean of both.
    pub iris: [f32; 2],
    /// Mean distance of the lids.
    pub opening: f32,
}

/// One eye's place and the curves of its lids.
struct Place {
    /// Middle between the corners, px of the picture.
    middle: [f32; 2],
    /// The model's iris.
    iris: [f32; 2],
    lids: [[[f32; 2]; LID_POINTS + 2]; 2],
}

/// An upright face's axes: unit of length and direction of x in the picture.
#[derive(Clone, Copy)]
struct Axes {
    unit_px: f32,
    along: [f32; 2],
}

impl Axes {
    /// From the picture into the axes, relative to `origin`.
    fn place(self, point: [f32; 3], origin: [f32; 2]) -> [f32; 2] {
        let (x, y) = (point[0] - origin[0], point[1] - origin[1]);
        let [cos, sin] = self.along;
        [(x * cos + y * sin) / self.unit_px, (x * sin - y * cos) / self.unit_px]
    }
}

/// Looks at both eyes; `None` without irises or without a face of any size. `foreshortening` is
/// what the line between the eyes has lost of its length by the head's turn.
pub(super) fn look(
    picture: &Picture,
    landmarks: &[[f32; 3]],
    foreshortening: f32,
) -> Option<Eyes> {
    landmarks.get(EYES[1].iris)?;
    let (left, right) = (landmarks[33], landmarks[263]);
    let (x, y) = (right[0] - left[0], right[1] - left[1]);
    let seen = x.hypot(y);
    if seen < 1.0 {
        return None;
    }
    let axes = Axes { unit_px: seen / foreshortening, along: [x / seen, y / seen] };
    let places = [0, 1].map(|eye| Place::of(landmarks, eye, axes));
    let openings = places.each_ref().map(Place::opening);
    let views = places.each_ref().map(|place| View::of(picture, place, axes));
    Some(Eyes {
        iris: best_place(&places, &views),
        opening: f32::midpoint(openings[0], openings[1]),
    })
}

impl Place {
    fn of(landmarks: &[[f32; 3]], eye: usize, axes: Axes) -> Self {
        let corners = EYES[eye].corners.map(|corner| landmarks[corner]);
        let middle = [0, 1].map(|axis| f32::midpoint(corners[0][axis], corners[1][axis]));
        let lids = [UPPER_LIDS[eye], LOWER_LIDS[eye]].map(|lid| {
            std::array::from_fn(|i| {
                let point = match i {
                    0 => corners[0],
                    i if i > LID_POINTS => corners[1],
                    i => landmarks[lid[i - 1]],
                };
                axes.place(point, middle)
            })
        });
        Place { middle, iris: axes.place(landmarks[EYES[eye].iris], middle), lids }
    }

    /// Mean distance of the lids.
    fn opening(&self) -> f32 {
        let [upper, lower] = &self.lids;
        let gaps = upper.iter().zip(lower).map(|(upper, lower)| upper[1] - lower[1]);
        gaps.sum::<f32>() / to_f32(LID_POINTS)
    }

    /// The heights of the upper and the lower lid at `x`; `None` beside the eye.
    fn lids_at(&self, x: f32) -> Option<[f32; 2]> {
        let [upper, lower] = [0, 1].map(|lid| height(&self.lids[lid], x));
        Some([upper?, lower?])
    }
}

/// The height of a lid at `x`; `None` beside the eye.
fn height(lid: &[[f32; 2]], x: f32) -> Option<f32> {
    lid.windows(2).find_map(|pair| {
        let [[from, start], [to, end]] = [pair[0], pair[1]];
        let share = (x - from) / (to - from);
        (from..to).contains(&x).then_some(start + (end - start) * share)
    })
}

/// What the picture shows between the lids of one eye.
struct View {
    samples: Samples,
    /// Length of the light's vector, less what is taken for shadow.
    light: f32,
    light_in_shadow: f32,
    seen: f32,
}

impl View {
    fn of(picture: &Picture, place: &Place, axes: Axes) -> Self {
        let mut samples = samples(picture, place, axes);
        let seen = samples.product(ROOT, ROOT);
        // Gram-Schmidt.
        samples.normalize(FLAT);
        samples.orthogonalize(SLOPE, FLAT);
        samples.normalize(SLOPE);
        for vector in [SHADOW, LIGHT] {
            samples.orthogonalize(vector, FLAT);
            samples.orthogonalize(vector, SLOPE);
        }
        samples.normalize(SHADOW);
        let light_in_shadow = samples.product(LIGHT, SHADOW);
        let light =
            samples.product(LIGHT, LIGHT) - SHADOW_SHARE * light_in_shadow * light_in_shadow;
        View { samples, light: (light.max(0.0) + 1e-6).sqrt(), light_in_shadow, seen }
    }

    /// How well a dark disc at `centre` explains the light, -1..1.
    #[inline(always)]
    fn correlation(&self, centre: [f32; 2]) -> f32 {
        if self.seen < MIN_SEEN {
            return 0.0;
        }
        let mut length = [0.0; LANES];
        let mut along = [[0.0; LANES]; NUMBERS - FLAT];
        for block in self.samples.used() {
            let x: [f32; LANES] = each(|lane| block[X][lane] - centre[0]);
            let y: [f32; LANES] = each(|lane| block[Y][lane] - centre[1]);
            // Not `hypot`: a call for each sample and place was most of the fit.
            let distance: [f32; LANES] =
                each(|lane| (x[lane] * x[lane] + y[lane] * y[lane]).sqrt());
            let rim: [f32; LANES] = each(|lane| share(EDGE - distance[lane] * (1.0 / RIM)));
            let inside: [f32; LANES] = each(|lane| rim[lane] * block[ROOT][lane]);
            length = each(|lane| length[lane] + inside[lane] * inside[lane]);
            for (sums, values) in along.iter_mut().zip(&block[FLAT..]) {
                *sums = each(|lane| sums[lane] + inside[lane] * values[lane]);
            }
        }
        let [flat, slope, shadow, light] = along.map(|lanes| lanes.iter().sum::<f32>());
        let length: f32 = length.iter().sum();
        let rest = length - flat * flat - slope * slope - SHADOW_SHARE * shadow * shadow;
        // A disc that is hardly seen must not count for much.
        let floor = 1e-3 * self.seen / to_f32(COLUMNS);
        let agreement = light - SHADOW_SHARE * shadow * self.light_in_shadow;
        -agreement / ((rest.max(0.0) + floor).sqrt() * self.light)
    }
}

/// The samples that lie between the lids. Blue, since sclera and skin differ most from the iris
/// there.
fn samples(picture: &Picture, place: &Place, axes: Axes) -> Samples {
    const FIRST_ROW: usize = (COLUMNS - ROWS) / 2;
    let middle = Point { x: place.middle[0], y: place.middle[1] };
    let [cos, sin] = axes.along;
    let side_px = axes.unit_px * STEP * to_f32(COLUMNS);
    let crop = Crop::new(middle, side_px, sin.atan2(cos)).centred_for(COLUMNS);
    let mut samples =
        Samples { blocks: [[[0.0; LANES]; NUMBERS]; COLUMNS * ROWS / LANES], count: 0 };
    let seen = crop.samples(Sizes::full(picture), COLUMNS);
    let half = to_f32(COLUMNS - 1) / 2.0;
    let across = |column: usize| (to_f32(column) - half) * STEP;
    let lids: [_; COLUMNS] = std::array::from_fn(|column| place.lids_at(across(column)));
    let mut colours = [[0.0; 3]; COLUMNS];
    for row in FIRST_ROW..FIRST_ROW + ROWS {
        seen.row(row, 0, &mut colours);
        let y = (half - to_f32(row)) * STEP;
        for (column, (lids, [_, _, blue])) in lids.iter().zip(&colours).enumerate() {
            let Some([upper, lower]) = lids else { continue };
            let (x, below, above) = (across(column), upper - y, y - lower);
            let weight = ((below.min(above) - LID_MARGIN) / STEP + 0.5).clamp(0.0, 1.0);
            if weight > 0.0 {
                let root = weight.sqrt();
                let shadow = (-below.max(0.0) / SHADOW_REACH).exp();
                samples.push([x, y, root, root, root * x, root * shadow, root * blue]);
            }
        }
    }
    samples
}

/// Where the discs fit best: mean over all places, weighted by their probability.
#[multiversion(targets("x86_64+avx2+fma"))]
fn best_place(places: &[Place; 2], views: &[View; 2]) -> [f32; 2] {
    let steps = |reach: i8| (-reach..=reach).map(|step| f32::from(step) * PLACE_STEP);
    let mut scored = [([0.0; 2], 0.0); PLACES];
    let grid = steps(REACH[1]).flat_map(|y| steps(REACH[0]).map(move |x| [x, y]));
    for (entry, at) in scored.iter_mut().zip(grid) {
        let penalty = |place: &Place| {
            let [right, up] = [0, 1].map(|axis| at[axis] - place.iris[axis]);
            PRIOR[0] * right * right + PRIOR[1] * up * up
        };
        *entry = (at, -places.iter().map(penalty).sum::<f32>() / 2.0);
    }
    // The likeliest places first, so that most others need no look at the picture.
    scored.sort_unstable_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut best = f32::MIN;
    for (at, score) in &mut scored {
        // No correlation is above 1.
        if *score + 1.0 < best - IMPROBABLE * TEMPERATURE {
            *score = f32::MIN;
            continue;
        }
        *score += views.iter().map(|view| view.correlation(*at)).sum::<f32>() / 2.0;
        best = best.max(*score);
    }
    let (mut sum, mut total) = ([0.0; 2], 0.0);
    for (place, score) in scored {
        let probability = ((score - best) / TEMPERATURE).exp();
        sum.iter_mut().zip(place).for_each(|(sum, at)| *sum += probability * at);
        total += probability;
    }
    sum.map(|sum| sum / total)
}

#[cfg(test)]
pub(super) mod tests;
