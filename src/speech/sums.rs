//! Sums that a processor can add side by side, which the language's own order forbids.

const LANES: usize = 16;

/// Sum of the values.
pub(super) fn sum(values: &[f32]) -> f32 {
    let mut sum = RunningSum::default();
    sum.push(values);
    sum.total()
}

/// [`sum`] of values that come in pieces: the same number to the bit, where every piece but the
/// last is a multiple of 16 values long.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RunningSum {
    lanes: [f32; LANES],
    /// Of the values after the last 16.
    rest: f32,
}

impl RunningSum {
    pub(super) fn push(&mut self, values: &[f32]) {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let mut lanes = self.lanes;
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        (self.lanes, self.rest) = (lanes, rest.iter().sum::<f32>());
    }

    pub(super) fn total(&self) -> f32 {
        self.lanes.iter().sum::<f32>() + self.rest
    }
}

/// Sum of the products of two equally long slices.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0.0; LANES];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) =
        (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_in_pieces_is_the_same_to_the_bit() {
        let values: Vec<f32> =
            (0..1003_u16).map(|k| (f32::from(k) * 0.7).sin() / 3.0).collect();
        let mut running = RunningSum::default();
        values.chunks(48).for_each(|piece| running.push(piece));
        assert_eq!(running.total().to_bits(), sum(&values).to_bits());
    }

    #[test]
    fn whole_chunks_and_the_rest_are_summed() {
        for length in [0u8, 1, 16, 37] {
            let values: Vec<f32> = (0..length).map(f32::from).collect();
            let expected: f32 = values.iter().sum();
            let squares: f32 = values.iter().map(|value| value * value).sum();
            assert!((sum(&values) - expected).abs() < 1e-3);
            assert!((dot(&values, &values) - squares).abs() < 1e-1);
        }
    }
}
