//! [`HighPass`]: takes away what lies below every voice, before anything is measured.
//!
//! The converter of a cheap sound card adds a constant to each sample. It is inaudible, and it
//! would be most of the level of a quiet voice and most of the energy that its clarity is judged
//! by; so would the rumble of a building. A Butterworth filter of the second order takes 0.02 dB
//! from a voice of 100 Hz, 0.05 dB from one of 75 Hz, 16 dB from what has 10 Hz, and all of a
//! constant.

use super::STEP_SAMPLES;
use crate::media::SAMPLE_RATE_HZ;

/// What has this frequency loses 3 dB.
const CUTOFF_HZ: f64 = 25.0;
/// Full scale of 16-bit samples.
const FULL_SCALE: f64 = 32_768.0;
/// Under this (-180 dBFS) the filter only fades out: that is silence, and fading on would slow a
/// processor down.
const SILENCE: f64 = 1e-9;

/// The filter, without a signal's state.
#[derive(Clone, Copy, Debug)]
pub(super) struct HighPass {
    gain: f64,
    /// What is taken of the two outputs before.
    feedback: [f64; 2],
}

/// What the filter remembers of a signal: its last two samples and outputs, newest first.
#[derive(Clone, Copy, Debug)]
struct State {
    samples: [f64; 2],
    outputs: [f64; 2],
}

/// What the filter remembers where each step of a signal begins.
#[derive(Debug, Default)]
pub(super) struct States {
    known: Vec<State>,
    /// Steps that were reached are added.
    keeps: bool,
}

impl States {
    /// Begins a signal as if it had always been this, so that there is no click. A signal that
    /// comes in more than one part keeps the states (`keeps`).
    pub(super) fn begin(&mut self, constant: f64, keeps: bool) {
        self.known.clear();
        self.known.push(State { samples: [constant; 2], outputs: [0.0; 2] });
        self.keeps = keeps;
    }
}

impl HighPass {
    pub(super) fn new() -> Self {
        let w = (std::f64::consts::PI * CUTOFF_HZ / f64::from(SAMPLE_RATE_HZ)).tan();
        let damping = std::f64::consts::SQRT_2 * w;
        let gain = 1.0 / (1.0 + damping + w * w);
        let feedback = [2.0 * (w * w - 1.0) * gain, (1.0 - damping + w * w) * gain];
        HighPass { gain, feedback }
    }

    /// Writes these samples, filtered, as -1..1 into `out`, which keeps its allocation. They begin
    /// at the step `first`, to which the filter has come before: **a run that begins there later
    /// gives the same to the bit**.
    pub(super) fn run(
        &self,
        samples: &[i16],
        first: usize,
        states: &mut States,
        out: &mut Vec<f32>,
    ) {
        out.clear();
        out.reserve(samples.len());
        let mut state = states.known[first];
        for (step, samples) in (first + 1..).zip(samples.chunks(STEP_SAMPLES)) {
            out.extend(samples.iter().map(|sample| self.next(*sample, &mut state)));
            if state.outputs.iter().all(|output| output.abs() < SILENCE) {
                state.outputs = [0.0; 2];
            }
            if states.keeps && step == states.known.len() {
                states.known.push(state);
            }
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "samples are f32 from here on")]
    fn next(&self, sample: i16, state: &mut State) -> f32 {
        let sample = f64::from(sample);
        let [newest, older] = state.samples;
        // All but the newest output is known early: a processor waits for one product only.
        let known = self.gain * ((sample - newest) - (newest - older))
            - self.feedback[1] * state.outputs[1];
        let output = known - self.feedback[0] * state.outputs[0];
        state.samples = [sample, newest];
        state.outputs = [output, state.outputs[0]];
        (output / FULL_SCALE) as f32
    }
}

/// A mean as a share of full scale, -1..1.
#[allow(clippy::cast_possible_truncation, reason = "an f32 is enough")]
pub(super) fn share(mean: f64) -> f32 {
    (mean / FULL_SCALE) as f32
}

/// Mean of the samples, in steps of the 16-bit range; 0 without samples.
pub(super) fn mean(samples: &[i16]) -> f64 {
    // In blocks whose sum has room in 32 bits, which a processor adds side by side.
    let blocks = samples.chunks(1 << 15);
    let sum: i64 =
        blocks.map(|block| i64::from(block.iter().map(|s| i32::from(*s)).sum::<i32>())).sum();
    sum as f64 / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(samples: &[i16]) -> Vec<f32> {
        let (mut states, mut out) = (States::default(), Vec::new());
        states.begin(mean(samples), false);
        HighPass::new().run(samples, 0, &mut states, &mut out);
        out
    }

    fn sine(hz: f64, offset: f64) -> Vec<i16> {
        let turn = std::f64::consts::TAU * hz / 16_000.0;
        let sample = |k: i32| (8000.0 * (turn * f64::from(k)).sin() + offset).round();
        #[allow(clippy::cast_possible_truncation, reason = "within 16 bits")]
        (0..32_000).map(|k| sample(k) as i16).collect()
    }

    /// How much of a sine is left, dB; of its second second, when the filter has settled.
    fn gain_db(hz: f64) -> f64 {
        let rms = |samples: &[f32]| {
            let squares = samples.iter().map(|sample| f64::from(*sample).powi(2));
            (squares.sum::<f64>() / samples.len() as f64).sqrt()
        };
        20.0 * (rms(&filtered(&sine(hz, 0.0))[16_000..]) * 4.0 * 2f64.sqrt() / 0.976_562_5)
            .log10()
    }

    #[test]
    fn a_voice_passes_and_rumble_does_not() {
        for (hz, db) in
            [(300.0, 0.0), (100.0, -0.017), (75.0, -0.053), (25.0, -3.01), (10.0, -16.0)]
        {
            assert!((gain_db(hz) - db).abs() < 0.1, "{hz} Hz: {}", gain_db(hz));
        }
    }

    #[test]
    fn a_constant_is_silence_and_takes_nothing_from_a_voice() {
        for constant in [0, 1, -700, i16::MAX, i16::MIN] {
            assert!(filtered(&vec![constant; 5000]).iter().all(|sample| *sample == 0.0));
        }
        let (plain, shifted) = (filtered(&sine(150.0, 0.0)), filtered(&sine(150.0, 655.0)));
        let differ = plain.iter().zip(&shifted).map(|(a, b)| (a - b).abs());
        assert!(differ.fold(0.0, f32::max) < 1e-6);
    }

    #[test]
    fn what_begins_at_any_step_is_the_same_to_the_bit() {
        let samples = sine(110.0, 300.0);
        let samples = &samples[..20 * STEP_SAMPLES + 77];
        let whole = filtered(samples);
        let high_pass = HighPass::new();
        let (mut states, mut out) = (States::default(), Vec::new());
        states.begin(mean(samples), true);
        for (first, steps) in [(0, 7), (7, 7), (14, 7), (3, 9), (20, 1)] {
            let (from, to) = (first * STEP_SAMPLES, (first + steps) * STEP_SAMPLES);
            let part = from..to.min(samples.len());
            high_pass.run(&samples[part.clone()], first, &mut states, &mut out);
            assert_eq!(out, whole[part], "from step {first}");
        }
    }

    #[test]
    fn after_a_sound_digital_silence_is_reached() {
        let mut samples = sine(150.0, 0.0);
        samples.extend([0; 32_000]);
        assert_eq!(filtered(&samples)[50_000..], [0.0; 14_000]);
    }
}
