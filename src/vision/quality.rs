//! Whether a face can be judged: light, sharpness and size; and whether it has changed.

use super::{
    Covered, FaceQuality, Point, QualityFloors, QualityVerdict,
    colour::{chroma, median},
    crop::{Crop, luma},
    landmarks::Mesh,
    person::Appearance,
    pyramid::Sizes,
    thumbnail::{THUMBNAIL_SIDE, Thumbnail, mean},
    to_f32, to_index,
};
use crate::decode::Picture;

/// Side of the grey crop, px.
const SIDE: usize = 96;
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

impl FaceCrop {
    /// Replaces the contents by the square round the landmarks.
    pub(super) fn look(&mut self, sizes: Sizes<'_>, mesh: &Mesh) {
        let crop = Crop::around(mesh.mesh_points(), mesh.eye_line_rad(), 1.0, 0.0);
        self.pixels.resize(SIDE * SIDE, 0.0);
        self.colours.resize(SIDE * SIDE, [0.0; 3]);
        let samples = crop.samples(sizes, SIDE);
        for (row, colours) in self.colours.chunks_exact_mut(SIDE).enumerate() {
            samples.row(row, 0, colours);
        }
        for (grey, colour) in self.pixels.iter_mut().zip(&self.colours) {
            *grey = luma(*colour);
        }
        self.crop = Some(crop);
    }

    /// What the face of `mesh`, which was looked at last, looks like; `None` where none was.
    pub(super) fn appearance(&self, mesh: &Mesh) -> Option<Appearance> {
        self.crop?;
        let skin = median(SKIN.map(|landmark| self.patch(mesh.points[landmark], PATCH_REACH)));
        Some(Appearance { chroma: chroma(skin), thumbnail: self.thumbnail() })
    }

    /// Mean colour round a landmark, up to `reach` px of the crop to each side.
    pub(super) fn patch(&self, landmark: [f32; 3], reach: usize) -> [f32; 3] {
        let [column, row] = self.pixel_of(landmark);
        let span = |middle: usize| middle.saturating_sub(reach)..(middle + reach + 1).min(SIDE);
        let (columns, rows) = (span(column), span(row));
        let count = to_f32(columns.len() * rows.len());
        let pixels = rows.flat_map(|row| &self.colours[row * SIDE..][columns.clone()]);
        let sum = pixels.fold([0.0; 3], |sum, px| std::array::from_fn(|i| sum[i] + px[i]));
        sum.map(|sum: f32| sum / count)
    }

    /// The grey levels under which a tenth, and over which another tenth lies, in the upright box
    /// round some landmarks.
    pub(super) fn tenths<const N: usize>(&self, landmarks: [[f32; 3]; N]) -> (f32, f32) {
        let pixels = landmarks.map(|landmark| self.pixel_of(landmark));
        let span = |axis: usize| {
            let places = pixels.map(|pixel| pixel[axis]);
            let first = places.into_iter().min().unwrap_or_default().min(SIDE - 2);
            first..places.into_iter().max().unwrap_or_default().max(first + 1) + 1
        };
        let (columns, rows) = (span(0), span(1));
        let mut histogram = [0_usize; 256];
        let pixels = rows.flat_map(|row| &self.pixels[row * SIDE..][columns.clone()]);
        pixels.for_each(|level| histogram[to_index(*level).min(255)] += 1);
        let tenth = histogram.iter().sum::<usize>() / 10;
        let mut dark = histogram.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let dark = dark.position(|sum| sum > tenth).unwrap_or_default();
        let mut bright = histogram.iter().rev().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let bright = 255 - bright.position(|sum| sum > tenth).unwrap_or_default();
        (to_f32(dark), to_f32(bright))
    }

    /// Column and row of the crop where a landmark is; its edge for one that is outside.
    fn pixel_of(&self, [x, y, _]: [f32; 3]) -> [usize; 2] {
        let Some(crop) = self.crop else { return [0; 2] };
        let (u, v) = crop.to_crop(Point { x, y });
        [u, v].map(|share| to_index((share * to_f32(SIDE)).clamp(0.0, to_f32(SIDE - 1))))
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
        let covered = Covered::default();
        FaceQuality { brightness, sharpness, inter_ocular_px, verdict, covered }
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
        const BLOCK: usize = SIDE / THUMBNAIL_SIDE;
        Thumbnail::of(|i| {
            let corner = i / THUMBNAIL_SIDE * BLOCK * SIDE + i % THUMBNAIL_SIDE * BLOCK;
            mean((0..BLOCK * BLOCK).map(|j| self.pixels[corner + j / BLOCK * SIDE + j % BLOCK]))
        })
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
    fn the_tenths_of_a_box_are_its_dark_and_its_bright() {
        // Grey levels are twice the column; a crop that is the picture itself.
        let mut face = grey(|x, _| 2.0 * to_f32(x));
        let middle = to_f32(SIDE) / 2.0;
        face.crop = Some(Crop::new(Point { x: middle, y: middle }, to_f32(SIDE), 0.0));
        let (dark, bright) = face.tenths([[20.5, 30.5, 0.0], [59.5, 50.5, 0.0]]);
        assert!((dark - 48.0).abs() < 2.1 && (bright - 110.0).abs() < 2.1, "{dark} {bright}");
        let (dark, bright) = face.tenths([[-50.0, 200.0, 0.0]]);
        assert!(dark < 3.0 && bright < 3.0, "a box outside is the nearest edge");
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
