//! Level of the samples: RMS, dBFS, clipping, and the level of each 10 ms. No spectra.

use super::{STEP_SAMPLES, sums::dot};
use crate::media::FULL_SCALE;

/// How loud a segment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Root mean square, 0..1 of full scale.
    pub rms: f32,
    /// 20 log10 of the rms; `None` for digital silence.
    pub dbfs: Option<f32>,
    /// Share of samples at either end of the 16-bit range, 0..1.
    pub clipping_ratio: f32,
}

/// RMS, dBFS and clipping of these samples, as they are. Without samples: silence.
pub fn loudness(samples: &[i16]) -> Loudness {
    let (mut sums, mut scaled) = (LoudnessSums::default(), Vec::new());
    to_unit_scale(samples, &mut scaled);
    sums.push(samples, &scaled);
    sums.loudness()
}

/// What the loudness of a segment is made of; its samples may come in pieces, each but the last of
/// whole steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoudnessSums {
    energy: f64,
    clipped: usize,
    count: usize,
}

impl LoudnessSums {
    /// `samples` as they came, and -1..1 as they are measured.
    pub(super) fn push(&mut self, samples: &[i16], measured: &[f32]) {
        // One by one: so the sum of pieces is that of the whole to the bit.
        for step in measured.chunks(STEP_SAMPLES) {
            self.energy += f64::from(dot(step, step));
        }
        self.clipped += samples.iter().filter(|s| matches!(**s, i16::MIN | i16::MAX)).count();
        self.count += samples.len();
    }

    #[allow(clippy::cast_possible_truncation, reason = "a level is an f32")]
    pub(super) fn loudness(&self) -> Loudness {
        let count = self.count.max(1) as f64;
        let rms = (self.energy / count).sqrt() as f32;
        let dbfs = (rms > 0.0).then(|| 20.0 * rms.log10());
        Loudness { rms, dbfs, clipping_ratio: (self.clipped as f64 / count) as f32 }
    }
}

/// Writes the samples as -1..1 into `out`, which keeps its allocation.
pub(super) fn to_unit_scale(samples: &[i16], out: &mut Vec<f32>) {
    out.clear();
    out.extend(samples.iter().map(|sample| f32::from(*sample) / FULL_SCALE));
}

/// Appends the mean square of each 10 ms to `out`.
pub(super) fn push_powers(samples: &[f32], out: &mut Vec<f32>) {
    let steps = samples.chunks_exact(STEP_SAMPLES);
    out.extend(steps.map(|step| dot(step, step) / STEP_SAMPLES as f32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_no_level_in_db() {
        let silent = loudness(&[0; 480]);
        assert_eq!((silent.rms, silent.dbfs, silent.clipping_ratio), (0.0, None, 0.0));
        assert_eq!(loudness(&[]), silent);
    }

    #[test]
    fn a_full_scale_square_wave_is_0_dbfs_and_clips_throughout() {
        let square: Vec<i16> =
            (0..480).map(|k| if k % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
        let loud = loudness(&square);
        assert!((loud.rms - 1.0).abs() < 1e-4);
        assert!(loud.dbfs.is_some_and(|dbfs| dbfs.abs() < 1e-3));
        assert!((loud.clipping_ratio - 1.0).abs() < 1e-6);
    }

    #[test]
    fn each_step_has_its_own_power() {
        let mut samples = vec![0.0; STEP_SAMPLES * 10 + 7];
        samples[STEP_SAMPLES * 5..STEP_SAMPLES * 6].fill(0.5);
        let mut out = Vec::new();
        push_powers(&samples, &mut out);
        assert_eq!(out.len(), 10);
        let loud: Vec<usize> = (0..10).filter(|k| out[*k] > 0.0).collect();
        assert_eq!(loud, [5]);
        assert!((out[5] - 0.25).abs() < 1e-6);
    }
}
