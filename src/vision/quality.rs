//! Whether a face can be judged: light, sharpness and size; and whether it has changed.

use super::{
    FaceQuality, Point, QualityFloors, QualityVerdict,
    crop::{Crop, luma, to_f32, to_index},
    landmarks::Mesh,
    person::{Appearance, Chroma},
};
use crate::decode::Picture;

/// Side of the grey crop, px.
const SIDE: usize = 96;
/// Side of a thumbnail, px.
const THUMB_SIDE: usize = 16;
/// Two thumbnails show the same when they differ by less than this many grey levels in the mean
/// (the light, the place) and nowhere by more than [`SAME_SPOT_LEVELS`] (mouth, lids, brows).
const SAME_LEVELS: f32 = 2.0;
const SAME_SPOT_LEVELS: f32 = 16.0;

/// Reach of a patch of skin to each side, px of the crop: a 10th of the inter-ocular distance.
const PATCH_REACH: usize = 4;
/// Forehead, both cheeks and the tip of the nose: skin of every face.
const SKIN: [usize; 4] = [151, 50, 280, 4];

/// The face, upright, 96x96, in colours and grey; its buffers are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct FaceCrop {
    colours: Vec<[f32; 3]>,
    pixels: Vec<f32>,
    crop: Option<Crop>,
}

/// The face, 16x16, grey: enough to see that it has hardly changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thumbnail([f32; THUMB_SIDE * THUMB_SIDE]);

impl FaceCrop {
    /// Replaces the contents by the square round the landmarks.
    pub(super) fn look(&mut self, picture: &Picture, mesh: &Mesh) {
        let crop = Crop::around(mesh.mesh_points(), mesh.eye_line_rad(), 1.0, 0.0);
        self.pixels.resize(SIDE * SIDE, 0.0);
        self.colours.resize(SIDE * SIDE, [0.0; 3]);
        crop.sample(picture, SIDE, |index, colour| {
            self.pixels[index] = luma(colour);
            self.colours[index] = colour;
        });
        self.crop = Some(crop);
    }

    /// What the face of `mesh`, which was looked at last, looks like; `None` where none was.
    pub(super) fn appearance(&self, mesh: &Mesh) -> Option<Appearance> {
        let crop = self.crop?;
        let patches = SKIN.map(|landmark| self.patch(crop, mesh.points[landmark]));
        let median = |i: usize| {
            let mut levels = patches.map(|colour| colour[i]);
            levels.sort_by(f32::total_cmp);
            f32::midpoint(levels[1], levels[2])
        };
        let [red, green, blue] = [0, 1, 2].map(median);
        Some(Appearance { chroma: chroma([red, green, blue]), thumbnail: self.thumbnail() })
    }

    /// Mean colour round a landmark.
    fn patch(&self, crop: Crop, [x, y, _]: [f32; 3]) -> [f32; 3] {
        let (u, v) = crop.to_crop(Point { x, y });
        let span = |share: f32| {
            let middle = to_index((share * to_f32(SIDE)).clamp(0.0, to_f32(SIDE - 1)));
            middle.saturating_sub(PATCH_REACH)..(middle + PATCH_REACH + 1).min(SIDE)
        };
        let (columns, rows) = (span(u), span(v));
        let count = to_f32(columns.len() * rows.len());
        let pixels = rows.flat_map(|row| &self.colours[row * SIDE..][columns.clone()]);
        let sum = pixels.fold([0.0; 3], |sum, px| std::array::from_fn(|i| sum[i] + px[i]));
        sum.map(|sum: f32| sum / count)
    }

    /// Judges it.
    pub(super) fn judge(&self, inter_ocular_px: f32, floors: &QualityFloors) -> FaceQuality {
        let brightness = mean(self.pixels.iter().copied()) / 255.0;
        let sharpness = self.laplacian_variance();
        let verdict = if inter_ocular_px < floors.inter_ocular_px {
            QualityVerdict::TooSmall
        } else if brightness < floors.brightness {
            QualityVerdict::TooDark
        } else if sharpness < floors.sharpness {
            QualityVerdict::TooBlurred
        } else {
            QualityVerdict::Good
        };
        FaceQuality { brightness, sharpness, inter_ocular_px, verdict }
    }

    /// Variance of the 4-neighbour Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing").
    fn laplacian_variance(&self) -> f32 {
        let inner = (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| y * SIDE + x));
        let laplacian = |at: usize| {
            let p = &self.pixels;
            p[at - 1] + p[at + 1] + p[at - SIDE] + p[at + SIDE] - 4.0 * p[at]
        };
        let middle = mean(inner.clone().map(laplacian));
        mean(inner.map(|at| (laplacian(at) - middle).powi(2)))
    }

    /// Shrinks it.
    pub(super) fn thumbnail(&self) -> Thumbnail {
        const BLOCK: usize = SIDE / THUMB_SIDE;
        Thumbnail(std::array::from_fn(|i| {
            let corner = i / THUMB_SIDE * BLOCK * SIDE + i % THUMB_SIDE * BLOCK;
            mean((0..BLOCK * BLOCK).map(|j| self.pixels[corner + j / BLOCK * SIDE + j % BLOCK]))
        }))
    }
}

/// See [`Chroma`]; levels are sRGB's, of which the power 2.2 is linear light.
fn chroma(colour: [f32; 3]) -> Chroma {
    let [red, green, blue] = colour.map(|level| 2.2 * level.max(2.0).ln());
    [red - green, blue - green]
}

impl Thumbnail {
    /// Pearson's correlation, -1..1: the same under any light that is even.
    pub(super) fn correlation(&self, other: &Thumbnail) -> f32 {
        let centred = |thumbnail: &Thumbnail| {
            let middle = mean(thumbnail.0.iter().copied());
            thumbnail.0.map(|level| level - middle)
        };
        let (a, b) = (centred(self), centred(other));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(f32::EPSILON)
    }

    /// Made up, level by level.
    #[cfg(test)]
    pub(super) fn from_fn(level: impl FnMut(usize) -> f32) -> Self {
        Thumbnail(std::array::from_fn(level))
    }

    /// Whether two thumbnails hardly differ.
    pub(super) fn shows_the_same(&self, other: &Thumbnail) -> bool {
        let differences = self.0.iter().zip(other.0).map(|(a, b)| (a - b).abs());
        mean(differences.clone()) < SAME_LEVELS
            && differences.fold(0.0, f32::max) < SAME_SPOT_LEVELS
    }
}

/// Mean luminance of the whole picture, 0..1, from every 4th pixel of every 4th row.
pub(super) fn brightness(picture: &Picture) -> f32 {
    let rows = picture.rgb.chunks_exact(picture.width_px as usize * 3).step_by(4);
    let pixels = rows.flat_map(|row| row.chunks_exact(3).step_by(4));
    let sum = pixels.fold(([0_u64; 3], 0_usize), |(sum, count), px| {
        (std::array::from_fn(|i| sum[i] + u64::from(px[i])), count + 1)
    });
    let ([red, green, blue], count) = sum;
    let share = |sum: u64| to_f32(usize::try_from(sum).unwrap_or(usize::MAX)) / to_f32(count);
    luma([share(red), share(green), share(blue)]) / 255.0
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    sum / to_f32(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(value: impl Fn(usize, usize) -> f32) -> FaceCrop {
        FaceCrop {
            pixels: (0..SIDE * SIDE).map(|i| value(i % SIDE, i / SIDE)).collect(),
            ..FaceCrop::default()
        }
    }

    #[test]
    fn each_floor_has_its_verdict() {
        let floors = QualityFloors::default();
        let checks = |level: f32| {
            grey(move |x, y| if (x / 4 + y / 4) % 2 == 0 { level } else { level / 2.0 })
        };
        let verdict = |face: &FaceCrop, px| face.judge(px, &floors).verdict;
        assert_eq!(verdict(&checks(200.0), 60.0), QualityVerdict::Good);
        assert_eq!(verdict(&checks(200.0), 5.0), QualityVerdict::TooSmall);
        assert_eq!(verdict(&checks(20.0), 60.0), QualityVerdict::TooDark);
        assert_eq!(verdict(&grey(|x, _| to_f32(x) + 60.0), 60.0), QualityVerdict::TooBlurred);
    }

    #[test]
    fn the_laplacian_of_one_dot_has_the_variance_it_must_have() {
        let face = grey(|x, y| if (x, y) == (40, 40) { 10.0 } else { 0.0 });
        // One -40 and four 10s among 94 x 94, mean 0.
        let expected = (1600.0 + 400.0) / (94.0 * 94.0);
        assert!((face.laplacian_variance() - expected).abs() < 1e-4);
    }

    #[test]
    fn noise_shows_the_same_and_a_moved_edge_does_not() {
        let edge = |at: usize| grey(move |x, _| if x < at { 60.0 } else { 160.0 }).thumbnail();
        let noisy = grey(|x, y| {
            let noise = to_f32((x * 7 + y * 13) % 9) - 4.0;
            noise + if x < 48 { 60.0 } else { 160.0 }
        });
        assert!(edge(48).shows_the_same(&noisy.thumbnail()));
        assert!(!edge(48).shows_the_same(&edge(52)));
        let mouth = grey(|x, y| {
            let opened = (40..56).contains(&x) && (70..76).contains(&y);
            if opened { 20.0 } else { 60.0 + to_f32(x) }
        });
        let shut = grey(|x, _| 60.0 + to_f32(x));
        assert!(!mouth.thumbnail().shows_the_same(&shut.thumbnail()));
    }

    #[test]
    fn brightness_is_a_share_of_white() {
        let picture = |value| Picture { width_px: 7, height_px: 5, rgb: vec![value; 105] };
        assert!((brightness(&picture(255)) - 1.0).abs() < 1e-6);
        assert!((brightness(&picture(51)) - 0.2).abs() < 1e-6);
        let one = Picture { width_px: 1, height_px: 1, rgb: vec![0; 3] };
        assert!(brightness(&one).abs() < 1e-6);
    }
}
