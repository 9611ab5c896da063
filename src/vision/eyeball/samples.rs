//! [`Samples`]: the samples of one eye as vectors.

use super::{COLUMNS, ROWS};

/// What is known of each sample of the eye between the lids: its place, the root of its weight (how much
/// of it lies between the lids), and four numbers times that root, which over all samples are vectors.
pub(super) const X: usize = 0;
pub(super) const Y: usize = 1;
pub(super) const ROOT: usize = 2;
/// Even light.
pub(super) const FLAT: usize = 3;
/// Light that grows from left to right.
pub(super) const SLOPE: usize = 4;
/// The upper lid's shadow.
pub(super) const SHADOW: usize = 5;
/// What the picture shows.
pub(super) const LIGHT: usize = 6;
pub(super) const NUMBERS: usize = 7;

/// Samples that are computed with at once.
pub(super) const LANES: usize = 8;

/// The samples of one eye, some after some; the last ones that are not there have no weight.
pub(super) struct Samples {
    pub(super) blocks: [[[f32; LANES]; NUMBERS]; COLUMNS * ROWS / LANES],
    pub(super) count: usize,
}

impl Samples {
    pub(super) fn push(&mut self, numbers: [f32; NUMBERS]) {
        let block = &mut self.blocks[self.count / LANES];
        for (lanes, number) in block.iter_mut().zip(numbers) {
            lanes[self.count % LANES] = number;
        }
        self.count += 1;
    }

    pub(super) fn used(&self) -> &[[[f32; LANES]; NUMBERS]] {
        &self.blocks[..self.count.div_ceil(LANES)]
    }

    pub(super) fn used_mut(&mut self) -> &mut [[[f32; LANES]; NUMBERS]] {
        &mut self.blocks[..self.count.div_ceil(LANES)]
    }

    /// The scalar product of two vectors.
    pub(super) fn product(&self, a: usize, b: usize) -> f32 {
        let blocks = self.used().iter();
        blocks.map(|block| block[a].iter().zip(block[b]).map(|(a, b)| a * b).sum::<f32>()).sum()
    }

    /// Gives a vector the length 1.
    pub(super) fn normalize(&mut self, vector: usize) {
        let length = (self.product(vector, vector) + 1e-9).sqrt();
        for block in self.used_mut() {
            block[vector].iter_mut().for_each(|value| *value /= length);
        }
    }

    /// Takes away from a vector what lies along `unit`.
    pub(super) fn orthogonalize(&mut self, vector: usize, unit: usize) {
        let along = self.product(vector, unit);
        for block in self.used_mut() {
            let unit = block[unit];
            block[vector].iter_mut().zip(unit).for_each(|(value, unit)| *value -= along * unit);
        }
    }
}
