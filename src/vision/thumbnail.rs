//! [`Thumbnail`]: a face of 16x16 grey pixels, to tell whether it changed.

use super::to_f32;

/// Side of a thumbnail, px.
pub(super) const THUMBNAIL_SIDE: usize = 16;
/// Two thumbnails show the same when they differ by less than this many grey levels in the mean
/// (the light, the place) and nowhere by more than [`SAME_SPOT_LEVELS`] (mouth, lids, brows).
const SAME_LEVELS: f32 = 2.0;
const SAME_SPOT_LEVELS: f32 = 16.0;

/// The face, 16x16, grey: enough to see that it has hardly changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thumbnail([f32; THUMBNAIL_SIDE * THUMBNAIL_SIDE]);

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

    /// Each of its pixels, row by row, as `level` gives it.
    pub(super) fn of(level: impl FnMut(usize) -> f32) -> Self {
        Thumbnail(std::array::from_fn(level))
    }

    /// Whether two thumbnails hardly differ.
    pub(super) fn shows_the_same(&self, other: &Thumbnail) -> bool {
        let differences = self.0.iter().zip(other.0).map(|(a, b)| (a - b).abs());
        mean(differences.clone()) < SAME_LEVELS
            && differences.fold(0.0, f32::max) < SAME_SPOT_LEVELS
    }
}

/// Arithmetic mean; 0 of nothing.
pub(super) fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    sum / to_f32(count.max(1))
}
