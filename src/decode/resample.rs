//! [`Resampler`]: from any sample rate to 16 kHz, as the sound arrives.
//!
//! A polyphase windowed sinc (Kaiser window, see Oppenheim & Schafer, Discrete-Time Signal
//! Processing, "Design of FIR filters by windowing"): flat to 7 kHz, 80 dB down from 8 kHz on.

use std::{
    f64::consts::PI,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::media::SAMPLE_RATE_HZ;

/// Lobes of the sinc on each side, at the lower of the two rates: sets the transition's width.
const LOBES: u32 = 48;

/// Kaiser's beta for 80 dB of attenuation: 0.1102 (A - 8.7).
const BETA: f64 = 7.857;

/// The middle of the transition, as a fraction of the lower Nyquist frequency.
const CUTOFF: f64 = 0.947;

/// 11,025 Hz, the most of any usual rate, has 61,440; a table of more than this is for rates
/// that no recorder has, and a client could make a worker compute one for each chunk.
const MOST_COEFFICIENTS: u64 = 100_000;

/// Converts one channel to [`SAMPLE_RATE_HZ`].
#[derive(Debug)]
pub struct Resampler {
    /// Output sample `n` lies at input position `n * down / up`.
    up: u64,
    down: u64,
    /// Input samples that the kernel reaches on each side.
    reach: usize,
    /// `up` kernels of `2 * reach` coefficients, one for each fraction of an input sample.
    kernels: Arc<[f32]>,
    /// The input that later outputs need; the first is input number `begins_at - reach`.
    history: Vec<f32>,
    begins_at: u64,
    received: u64,
    produced: u64,
}

impl Resampler {
    /// A resampler for input of `rate_hz`; `None` where that rate has no small ratio to 16 kHz.
    pub fn new(rate_hz: u32) -> Option<Self> {
        let divisor = u64::from(gcd(rate_hz, SAMPLE_RATE_HZ));
        let (rate, own) = (u64::from(rate_hz), u64::from(SAMPLE_RATE_HZ));
        let (up, down) = (own / divisor, rate.checked_div(divisor)?);
        // Below the input's own Nyquist frequency nothing needs cutting; above ours all does.
        let reach = u64::from(LOBES) * rate.max(own).div_ceil(own);
        if rate == 0 || up * reach * 2 > MOST_COEFFICIENTS {
            return None;
        }
        let band = CUTOFF * (f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz)).min(1.0);
        let reach = usize::try_from(reach).ok()?;
        let make = || (0..up).flat_map(|phase| kernel(phase as f64 / up as f64, reach, band));
        Some(Resampler {
            up,
            down,
            reach,
            kernels: kernels(rate_hz, || make().collect()),
            history: vec![0.0; reach],
            begins_at: 0,
            received: 0,
            produced: 0,
        })
    }

    /// Adds input and appends what it makes known to `output`.
    pub fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.history.extend_from_slice(input);
        self.received += input.len() as u64;
        self.produce(self.received.saturating_sub(self.reach as u64), output);
    }

    /// Appends the rest, as if silence followed.
    pub fn finish(&mut self, output: &mut Vec<f32>) {
        self.history.resize(self.history.len() + self.reach, 0.0);
        self.produce(self.received, output);
    }

    /// Makes every output that lies before input number `end`.
    fn produce(&mut self, end: u64, output: &mut Vec<f32>) {
        let taps = 2 * self.reach;
        loop {
            let position = self.produced * self.down;
            let (index, phase) = (position / self.up, position % self.up);
            if index >= end {
                break;
            }
            let kernel = &self.kernels[small(phase) * taps..][..taps];
            // The kernel's first tap lies `reach - 1` before the index.
            let input = &self.history[small(index - self.begins_at) + 1..][..taps];
            output.push(kernel.iter().zip(input).map(|(k, x)| k * x).sum());
            self.produced += 1;
        }
        let next = (self.produced * self.down / self.up).min(end);
        self.history.drain(..small(next - self.begins_at));
        self.begins_at = next;
    }
}

/// The kernels that are in use, by the rate of their input.
static KERNELS: Mutex<Vec<(u32, Weak<[f32]>)>> = Mutex::new(Vec::new());

/// The kernels for this rate, made where none exist and shared otherwise: they cost 184 kB and a
/// millisecond at 44.1 kHz, which fifty clients must not pay each.
fn kernels(rate_hz: u32, make: impl FnOnce() -> Arc<[f32]>) -> Arc<[f32]> {
    let mut known = KERNELS.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|(_, kernels)| kernels.strong_count() > 0);
    let found = known.iter().find(|(rate, _)| *rate == rate_hz);
    if let Some(kernels) = found.and_then(|(_, kernels)| kernels.upgrade()) {
        return kernels;
    }
    let kernels = make();
    known.push((rate_hz, Arc::downgrade(&kernels)));
    kernels
}

/// The coefficients for an output that lies `fraction` of an input sample after an input.
fn kernel(fraction: f64, reach: usize, band: f64) -> Vec<f32> {
    let coefficient = |tap: usize| {
        let x = tap as f64 - (reach as f64 - 1.0) - fraction;
        let edge = 1.0 - (x / reach as f64).powi(2);
        let window =
            if edge > 0.0 { bessel_i0(BETA * edge.sqrt()) / bessel_i0(BETA) } else { 0.0 };
        let angle = PI * band * x;
        let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
        sinc * window
    };
    let taps: Vec<f64> = (0..2 * reach).map(coefficient).collect();
    // Each phase passes a constant unchanged, or a loud low tone would be modulated.
    let sum: f64 = taps.iter().sum();
    #[allow(clippy::cast_possible_truncation, reason = "f32 holds 24 bits; sound has 16")]
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// The modified Bessel function of the first kind, order 0, to 2e-7: Abramowitz & Stegun,
/// Handbook of Mathematical Functions, 9.8.1 and 9.8.2. (A power series makes a kernel for
/// 44.1 kHz cost 10 ms, which a client's every WAV would pay.)
fn bessel_i0(x: f64) -> f64 {
    const SMALL: [f64; 7] =
        [1.0, 3.515_622_9, 3.089_942_4, 1.206_749_2, 0.265_973_2, 0.036_076_8, 0.004_581_3];
    const LARGE: [f64; 9] = [
        0.398_942_28,
        0.013_285_92,
        0.002_253_19,
        -0.001_575_65,
        0.009_162_81,
        -0.020_577_06,
        0.026_355_37,
        -0.016_476_33,
        0.003_923_77,
    ];
    let polynomial =
        |terms: &[f64], t: f64| terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    if x < 3.75 {
        polynomial(&SMALL, (x / 3.75).powi(2))
    } else {
        polynomial(&LARGE, 3.75 / x) * x.exp() / x.sqrt()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("an offset into a buffer in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of one second of a sine, in pieces of `piece` samples.
    fn resampled(rate_hz: u32, tone_hz: f64, piece: usize) -> Vec<f32> {
        let step = 2.0 * PI * tone_hz / f64::from(rate_hz);
        #[allow(clippy::cast_possible_truncation, reason = "a sample needs no more than f32")]
        let input: Vec<f32> =
            (0..rate_hz).map(|i| (step * f64::from(i)).sin() as f32).collect();
        let (mut resampler, mut output) = (Resampler::new(rate_hz).unwrap(), Vec::new());
        input.chunks(piece).for_each(|chunk| resampler.push(chunk, &mut output));
        resampler.finish(&mut output);
        output
    }

    const RATES: [u32; 8] = [8000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

    #[test]
    fn a_tone_stays_the_same_tone() {
        for rate_hz in RATES {
            let output = resampled(rate_hz, 1000.0, 997);
            assert_eq!(output.len(), 16_000, "{rate_hz}");
            // Away from the ends, where the tone begins and stops abruptly.
            let error = (200..15_800).map(|n| {
                let exact = (2.0 * PI * 1000.0 * n as f64 / 16_000.0).sin();
                (f64::from(output[n]) - exact).abs()
            });
            let worst = error.fold(0.0, f64::max);
            assert!(worst < 2e-4, "{rate_hz}: {worst}");
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_80_db_down() {
        for (rate_hz, tone_hz) in [(48_000, 8100.0), (48_000, 15_000.0), (44_100, 12_000.0)] {
            let output = resampled(rate_hz, tone_hz, 4096);
            let worst = output[200..15_800].iter().fold(0.0_f32, |worst, x| worst.max(x.abs()));
            assert!(worst < 1.5e-4, "{rate_hz} {tone_hz}: {worst}");
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        for piece in [1, 7, 441, 100_000] {
            assert_eq!(resampled(44_100, 440.0, piece), resampled(44_100, 440.0, 500));
        }
    }

    #[test]
    fn bessel_is_as_tabulated() {
        // Abramowitz & Stegun, table 9.8; the last by its power series.
        for (x, expected) in [(0.0, 1.0), (1.0, 1.266_065_878), (5.0, 27.239_871_82)] {
            assert!((bessel_i0(x) / expected - 1.0).abs() < 3e-7, "{x}");
        }
    }

    #[test]
    fn odd_rates_are_refused_and_not_tabulated_for_ever() {
        assert!(Resampler::new(0).is_none());
        assert!(Resampler::new(383_999).is_none());
    }
}
