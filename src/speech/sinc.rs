//! Band-limited interpolation between samples, from a table.

use std::f32::consts::PI;

use super::sums::dot;

/// Samples used on either side.
pub(super) const HALF_TAPS: usize = 16;
/// Positions between two samples that the table holds.
const PHASES: usize = 16;

/// Hann-windowed sinc at [`PHASES`] positions between two samples.
pub(super) struct SincTable {
    taps: Vec<[f32; 2 * HALF_TAPS]>,
}

impl SincTable {
    pub(super) fn new() -> Self {
        let taps = (0..PHASES).map(|phase| {
            let shift = phase as f32 / PHASES as f32;
            std::array::from_fn(|k| tap(k as f32 - (HALF_TAPS - 1) as f32 - shift))
        });
        SincTable { taps: taps.collect() }
    }

    /// Top of the hump around the sample `index`, a local maximum: its distance from `index` in
    /// samples, and its height. `values` reach [`HALF_TAPS`] + 1 past `index` on either side.
    pub(super) fn peak(&self, values: &[f32], index: usize) -> (f32, f32) {
        let guess = parabola(values[index - 1], values[index], values[index + 1]).0;
        let limit = PHASES.cast_signed();
        let mut position = nearest(guess * PHASES as f32).clamp(1 - limit, limit - 1);
        let mut around = [-1, 0, 1].map(|step| self.at(values, index, position + step));
        while around[2] > around[1] && position < limit - 1 {
            position += 1;
            around = [around[1], around[2], self.at(values, index, position + 1)];
        }
        while around[0] > around[1] && position > 1 - limit {
            position -= 1;
            around = [self.at(values, index, position - 1), around[0], around[1]];
        }
        let (shift, top) = parabola(around[0], around[1], around[2]);
        ((position as f32 + shift) / PHASES as f32, top)
    }

    /// Value at `index` + `position` / [`PHASES`].
    fn at(&self, values: &[f32], index: usize, position: isize) -> f32 {
        let phases = PHASES.cast_signed();
        let base = index.strict_add_signed(position.div_euclid(phases));
        let taps = &self.taps[position.rem_euclid(phases).cast_unsigned()];
        let window = &values[base + 1 - HALF_TAPS..=base + HALF_TAPS];
        dot(window, taps)
    }
}

fn tap(distance: f32) -> f32 {
    if distance == 0.0 {
        return 1.0;
    }
    let hann = 0.5 + 0.5 * (PI * distance / (HALF_TAPS as f32 + 0.5)).cos();
    hann * (PI * distance).sin() / (PI * distance)
}

/// Top of the parabola through three values one apart: its shift from the middle, its height.
pub(super) fn parabola(before: f32, here: f32, after: f32) -> (f32, f32) {
    let (slope, bend) = (0.5 * (after - before), 2.0 * here - before - after);
    if bend <= 0.0 {
        return (0.0, here);
    }
    let shift = (slope / bend).clamp(-1.0, 1.0);
    (shift, here + 0.5 * slope * shift)
}

#[allow(clippy::cast_possible_truncation, reason = "a position between two samples")]
fn nearest(position: f32) -> isize {
    position.round() as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_cosine_is_found_to_a_thousandth_of_a_sample() {
        for period in [2.7f32, 5.3, 32.4, 160.9] {
            let values: Vec<f32> =
                (0..400).map(|k| (2.0 * PI * (k as f32 - 200.0) / period).cos()).collect();
            let index = (200.0 + period).round();
            #[allow(
                clippy::cast_sign_loss,
                clippy::cast_possible_truncation,
                reason = "near 200"
            )]
            let (shift, top) = SincTable::new().peak(&values, index as usize);
            let error = index + shift - 200.0 - period;
            assert!(
                error.abs() < 2e-3 * period.max(1.0) / 5.0,
                "period {period}: off by {error}"
            );
            assert!((top - 1.0).abs() < 5e-3, "period {period}: height {top}");
        }
    }
}
