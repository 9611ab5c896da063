//! Energy from 500 Hz up against that from 80 to 500 Hz: the spectral tilt that arousal is judged
//! by. Short frames, so that no fricative or pause beside a vowel is measured with it.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::sums::dot;
use crate::media::SAMPLE_RATE_HZ;

/// Samples of a frame: 25 ms.
pub(super) const TILT_FRAME_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 40;
/// Values that are transformed: the frame and zeros.
const SIZE: usize = TILT_FRAME_SAMPLES.next_power_of_two();
/// Bins up to the one that the two bands share.
const LOW_BINS: usize = 500 * SIZE / SAMPLE_RATE_HZ as usize + 1;
/// Where the lower band begins, where it ends and the upper begins, and where that ends.
const EDGES_HZ: [f32; 3] = [80.0, 500.0, SAMPLE_RATE_HZ as f32 / 2.0];

/// Takes Hann-windowed spectra of 25 ms. Owns its plan and buffers: one a worker.
pub(super) struct TiltAnalyser {
    forward: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// Share of each of the low bins that lies in the lower and in the upper band: a bin is wide, and
    /// which side a whole one falls on moves the ratio by several per cent.
    shares: [[f32; LOW_BINS]; 2],
}

impl std::fmt::Debug for TiltAnalyser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TiltAnalyser").finish_non_exhaustive()
    }
}

/// Energies of the two bands; the frames may come one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TiltSums {
    low: f32,
    high: f32,
}

impl TiltSums {
    /// Upper against lower band; `None` without a frame that is not silent.
    pub(super) fn hf500_ratio(&self) -> Option<f32> {
        let all = self.low + self.high;
        (all > 0.0).then(|| self.high / self.low.max(f32::MIN_POSITIVE))
    }
}

impl TiltAnalyser {
    pub(super) fn new() -> Self {
        let forward = RealFftPlanner::new().plan_fft_forward(SIZE);
        let turn = std::f32::consts::TAU / (TILT_FRAME_SAMPLES - 1) as f32;
        TiltAnalyser {
            window: (0..TILT_FRAME_SAMPLES)
                .map(|k| 0.5 - 0.5 * (turn * k as f32).cos())
                .collect(),
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: forward.make_scratch_vec(),
            shares: [0, 1].map(|band| shares(EDGES_HZ[band], EDGES_HZ[band + 1])),
            forward,
        }
    }

    /// Adds the frame centred at sample `centre`, unless `samples` hold only part of it.
    pub(super) fn add(&mut self, samples: &[f32], centre: usize, sums: &mut TiltSums) {
        let Some(start) = centre.checked_sub(TILT_FRAME_SAMPLES / 2) else { return };
        let Some(source) = samples.get(start..start + TILT_FRAME_SAMPLES) else { return };
        self.frame[TILT_FRAME_SAMPLES..].fill(0.0);
        for ((out, sample), weight) in self.frame.iter_mut().zip(source).zip(&self.window) {
            *out = sample * weight;
        }
        let frame = &self.frame[..TILT_FRAME_SAMPLES];
        let energy = dot(frame, frame);
        self.forward
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers are the plan's own");
        let power = |bin: usize| self.spectrum[bin].norm_sqr();
        // Parseval: what the samples have is what all bins have, each but the first and the last
        // twice. So only the low ones are added up. The upper band ends in the middle of the last.
        let mut above = f32::midpoint(energy * SIZE as f32, power(0));
        let [low, high] = &self.shares;
        for (bin, (low, high)) in low.iter().zip(high).enumerate() {
            sums.low += power(bin) * low;
            above -= power(bin) * (1.0 - high);
        }
        sums.high += above.max(0.0);
    }
}

/// How much of each of the low bins lies between two frequencies.
fn shares(from_hz: f32, to_hz: f32) -> [f32; LOW_BINS] {
    let width_hz = SAMPLE_RATE_HZ as f32 / SIZE as f32;
    let bin_at = |hz: f32| hz / width_hz;
    std::array::from_fn(|bin| {
        let (start, end) = (bin as f32 - 0.5, bin as f32 + 0.5);
        (end.min(bin_at(to_hz)) - start.max(bin_at(from_hz))).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(samples: usize) -> Vec<f32> {
        let tone = |hz: f32, k: usize| {
            (std::f32::consts::TAU * hz * k as f32 / SAMPLE_RATE_HZ as f32).sin()
        };
        (0..samples).map(|k| 0.2 * tone(200.0, k) + 0.1 * tone(2000.0, k)).collect()
    }

    #[test]
    fn the_ratio_is_that_of_the_energies() {
        let (samples, mut analyser, mut sums) =
            (tones(1600), TiltAnalyser::new(), TiltSums::default());
        assert_eq!(sums.hf500_ratio(), None);
        analyser.add(&[0.0; 1600], 800, &mut sums);
        assert_eq!(sums.hf500_ratio(), None, "silence");
        (0..1600).step_by(160).for_each(|centre| analyser.add(&samples, centre, &mut sums));
        // Half the amplitude is a quarter of the energy.
        let ratio = sums.hf500_ratio().expect("two tones");
        assert!((ratio - 0.25).abs() < 0.005, "{ratio}");
    }

    #[test]
    fn a_frame_that_is_cut_off_does_not_count() {
        let (samples, mut analyser, mut sums) =
            (tones(400), TiltAnalyser::new(), TiltSums::default());
        for centre in [0, 199, 201, 400] {
            analyser.add(&samples, centre, &mut sums);
            assert_eq!(sums.hf500_ratio(), None, "{centre}");
        }
        analyser.add(&samples, 200, &mut sums);
        assert!(sums.hf500_ratio().is_some());
    }

    #[test]
    fn the_bands_hold_each_hertz_once() {
        let analyser = TiltAnalyser::new();
        let width_hz = |band: usize| analyser.shares[band].iter().sum::<f32>() * 31.25;
        // The last of the low bins is half in either.
        assert!((width_hz(0) - 420.0).abs() < 0.01 && (width_hz(1) - 15.625).abs() < 0.01);
    }

    /// Against the powers of all bins, one by one.
    #[test]
    fn what_is_above_is_what_all_bins_have_but_the_low_ones() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let samples: Vec<f32> = (0..400).map(|_| noise()).collect();
        let (mut analyser, mut sums) = (TiltAnalyser::new(), TiltSums::default());
        analyser.add(&samples, 200, &mut sums);
        let power = |bin: usize| analyser.spectrum[bin].norm_sqr();
        let high: f32 = (17..256).map(power).sum::<f32>() + 0.5 * (power(16) + power(256));
        assert!((sums.high / high - 1.0).abs() < 1e-4, "{} {high}", sums.high);
    }
}
