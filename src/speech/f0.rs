//! Pitch of the voice: short-time autocorrelation, as Praat's "To Pitch (ac)" computes it.
//!
//! Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the
//! harmonics-to-noise ratio of a sampled sound". Each frame gives candidates; `path`
//! chooses among them over time. The constants are Praat's standard settings.

mod peak;
mod window;

use std::{ops::Range, sync::Arc};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

pub(super) use peak::PeakAroundMean;
use window::{hann, window_gain};

use super::{
    STEP_SAMPLES,
    path::{Candidate, PathFinder, Pitch},
    sinc::{HALF_TAPS, SincTable},
    sums::{RunningSum, dot, sum},
};
use crate::media::SAMPLE_RATE_HZ;

/// Periods of the floor that a window holds.
const PERIODS_PER_WINDOW: f32 = 3.0;
/// Candidates kept a frame, the unvoiced one included.
const MAX_CANDIDATES: usize = 15;
/// Preference for the higher of two equally good candidates, per octave.
const OCTAVE_COST: f32 = 0.01;
/// Frames whose peak is under this share of the segment's peak tend to be silence.
const SILENCE_THRESHOLD: f32 = 0.03;

/// Where to look for the fundamental, and how strictly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct F0Config {
    /// Lowest f0 that is looked for, Hz; the window is 3 periods of it.
    pub floor_hz: f32,
    /// Highest, Hz.
    pub ceiling_hz: f32,
    /// Strength (about the share of periodic energy) that the unvoiced candidate has: higher
    /// means fewer voiced frames.
    pub voicing_threshold: f32,
}

impl Default for F0Config {
    fn default() -> Self {
        F0Config { floor_hz: 75.0, ceiling_hz: 500.0, voicing_threshold: 0.45 }
    }
}

/// Finds the f0 track of a segment. Owns plans and buffers: one a worker.
pub struct F0Tracker {
    config: F0Config,
    window: Vec<f32>,
    /// 1 / (the window's own normalised autocorrelation), per lag.
    window_gain: Vec<f32>,
    lags: Range<usize>,
    /// Half of the longest period, samples.
    half_period: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    power: Vec<f32>,
    scratch: Vec<Complex32>,
    /// Normalised autocorrelation of lags -HALF_TAPS.. of the frame in hand.
    correlation: Vec<f32>,
    sinc: SincTable,
    candidates: Vec<Candidate>,
    /// Of each frame of the track that was solved last.
    chosen: Vec<Option<Pitch>>,
}

impl std::fmt::Debug for F0Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("F0Tracker").field("config", &self.config).finish_non_exhaustive()
    }
}

impl F0Tracker {
    /// Plans the transforms for this range.
    pub fn new(config: F0Config) -> Self {
        let rate_hz = SAMPLE_RATE_HZ as f32;
        let longest = floor_index(rate_hz / config.floor_hz);
        let half_window = floor_index(PERIODS_PER_WINDOW * rate_hz / config.floor_hz) / 2 - 1;
        let window: Vec<f32> = hann(2 * half_window);
        let lags = floor_index(rate_hz / config.ceiling_hz).max(2)..longest + 1;
        let lag_limit = lags.end + 1 + HALF_TAPS;
        let size = (window.len() + lag_limit).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) =
            (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        F0Tracker {
            config,
            window_gain: (0..lag_limit).map(|lag| window_gain(&window, lag)).collect(),
            lags,
            half_period: longest / 2 + 1,
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            power: vec![0.0; size / 2 + 1],
            scratch: vec![Complex32::default(); scratch],
            correlation: vec![0.0; HALF_TAPS + lag_limit],
            sinc: SincTable::new(),
            candidates: Vec::new(),
            chosen: Vec::new(),
            window,
            forward,
            inverse,
        }
    }

    /// Bins of 0 Hz to half the sample rate in the power spectra that [`F0Tracker::track`] shows.
    pub fn bins(&self) -> usize {
        self.power.len()
    }

    /// The f0 at each step of 10 ms: **value `k` is the f0 at `k * 10 ms`** from the start of
    /// the segment (the window is centred there, as Praat's frames are for a sound that lasts a
    /// multiple of 10 ms). A window must lie inside the segment, so the 20 ms at either edge
    /// repeat the value nearest to them. All `None` in a segment shorter than a window (40 ms).
    ///
    /// `on_frame` gets each step and its power spectrum, except where the frame is so quiet
    /// that it cannot be voiced: those need no transform.
    pub fn track(
        &mut self,
        samples: &[f32],
        mut on_frame: impl FnMut(usize, &[f32]),
    ) -> Vec<Option<f32>> {
        let mut peak = PeakAroundMean::default();
        peak.push(samples);
        let mut path = PathFinder::default();
        let part =
            Part { samples, start: 0, steps: self.frames(samples.len()), searched: None };
        self.follow(&part, peak.get(), &mut path, &mut on_frame);
        self.solve(samples.len(), &path)
    }

    /// The steps of a segment of `length` samples that have a frame: none where it is shorter
    /// than a window.
    pub(super) fn frames(&self, length: usize) -> Range<usize> {
        let half = self.window.len() / 2;
        let first = half.div_ceil(STEP_SAMPLES);
        let end = (length.saturating_sub(half) / STEP_SAMPLES + 1).min(length / STEP_SAMPLES);
        if length < self.window.len() { first..first } else { first..end.max(first) }
    }

    /// Samples on either side of a step that its frame looks at.
    pub(super) fn reach_samples(&self) -> usize {
        self.lags.end.max(self.window.len() / 2)
    }

    /// Adds the frames of a part of a segment to `path`. `peak` is the whole segment's; the parts
    /// of [`F0Tracker::frames`] come in order.
    pub(super) fn follow(
        &mut self,
        part: &Part<'_>,
        peak: f32,
        path: &mut PathFinder,
        on_frame: &mut impl FnMut(usize, &[f32]),
    ) {
        for (index, step) in part.steps.clone().enumerate() {
            if part.searched.is_some_and(|searched| !searched[index]) {
                path.push(self.config.voicing_threshold, &[]);
                continue;
            }
            let centre = step * STEP_SAMPLES - part.start;
            let intensity = self.cut_frame(part.samples, centre) / peak.max(f32::MIN_POSITIVE);
            let unvoiced = self.unvoiced_strength(intensity);
            self.candidates.clear();
            // A candidate's strength is at most 1 and a detour to it costs more than it wins.
            if unvoiced < 1.1 + 2.0 * super::path::VOICING_COST {
                self.transform();
                on_frame(step, &self.power);
                self.find_candidates();
            }
            path.push(unvoiced, &self.candidates);
        }
    }

    /// The track of a segment of `length` samples of which all frames are in `path`.
    pub(super) fn solve(&mut self, length: usize, path: &PathFinder) -> Vec<Option<f32>> {
        path.solve(&mut self.chosen);
        let pitch = self.pitch(length);
        pitch.map(|pitch| pitch.map(|pitch| pitch.frequency_hz)).collect()
    }

    /// The periodicity of each step of the track that was solved last, of a segment of `length`
    /// samples: normalised autocorrelation at its f0, 0..1; 0 where it is unvoiced.
    pub(super) fn periodicity(&self, length: usize) -> impl Iterator<Item = f32> {
        self.pitch(length).map(|pitch| pitch.map_or(0.0, |pitch| pitch.periodicity))
    }

    /// Of each step of a segment of `length` samples; steps at its edges repeat the nearest frame.
    fn pitch(&self, length: usize) -> impl Iterator<Item = Option<Pitch>> {
        let first = self.frames(length).start;
        (0..length / STEP_SAMPLES).map(move |step| {
            let last = self.chosen.len().checked_sub(1)?;
            self.chosen[step.saturating_sub(first).min(last)]
        })
    }

    /// Windows the frame centred at sample `centre`, less its local mean; gives the peak of its
    /// middle period.
    fn cut_frame(&mut self, samples: &[f32], centre: usize) -> f32 {
        let half = self.window.len() / 2;
        let around = &samples
            [centre.saturating_sub(self.lags.end)..(centre + self.lags.end).min(samples.len())];
        let mean = sum(around) / around.len() as f32;
        let source = &samples[centre - half..centre + half];
        for ((out, sample), weight) in self.frame.iter_mut().zip(source).zip(&self.window) {
            *out = (sample - mean) * weight;
        }
        self.frame[half - self.half_period..half + self.half_period]
            .iter()
            .fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    fn unvoiced_strength(&self, intensity: f32) -> f32 {
        let threshold = self.config.voicing_threshold;
        let silence = 2.0 - intensity / (SILENCE_THRESHOLD / (1.0 + threshold));
        threshold + silence.max(0.0)
    }

    /// Frame to power spectrum and normalised autocorrelation.
    fn transform(&mut self) {
        self.frame[self.window.len()..].fill(0.0);
        self.forward
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers are the plan's own");
        for (power, bin) in self.power.iter_mut().zip(&mut self.spectrum) {
            *power = bin.norm_sqr();
            *bin = Complex32::new(*power, 0.0);
        }
        self.inverse
            .process_with_scratch(&mut self.spectrum, &mut self.frame, &mut self.scratch)
            .expect("the buffers are the plan's own, and a power spectrum is real");
        let scale = 1.0 / self.frame[0].max(f32::MIN_POSITIVE);
        for (lag, gain) in self.window_gain.iter().enumerate() {
            self.correlation[HALF_TAPS + lag] = self.frame[lag] * scale * gain;
        }
        for lag in 1..=HALF_TAPS {
            self.correlation[HALF_TAPS - lag] = self.correlation[HALF_TAPS + lag];
        }
    }

    /// The maxima of the autocorrelation, the best [`MAX_CANDIDATES`] of them.
    fn find_candidates(&mut self) {
        let rate_hz = SAMPLE_RATE_HZ as f32;
        let at = |lag: usize| self.correlation[HALF_TAPS + lag];
        for lag in self.lags.clone() {
            let (before, here, after) = (at(lag - 1), at(lag), at(lag + 1));
            if here <= 0.5 * self.config.voicing_threshold || here <= before || here < after {
                continue;
            }
            let (shift, top) = self.sinc.peak(&self.correlation, HALF_TAPS + lag);
            let frequency_hz = rate_hz / (lag as f32 + shift);
            if frequency_hz >= self.config.ceiling_hz {
                continue;
            }
            // Past 1 the normalisation exaggerates; Praat reflects the excess likewise.
            let correlation = if top > 1.0 { 1.0 / top } else { top };
            let cost = OCTAVE_COST * (self.config.ceiling_hz / frequency_hz).log2();
            let pitch = Pitch { frequency_hz, periodicity: correlation };
            self.candidates.push(Candidate::new(pitch, cost));
        }
        if self.candidates.len() >= MAX_CANDIDATES {
            self.candidates.sort_unstable_by(|a, b| b.strength.total_cmp(&a.strength));
            self.candidates.truncate(MAX_CANDIDATES - 1);
        }
    }
}

/// Some samples of a segment, and the steps in them.
pub(super) struct Part<'a> {
    /// They reach [`F0Tracker::reach_samples`] beyond the steps, as far as the segment does.
    pub(super) samples: &'a [f32],
    /// Where in the segment they begin.
    pub(super) start: usize,
    /// Counted from the start of the segment.
    pub(super) steps: Range<usize>,
    /// Which of the steps are looked at, the others are unvoiced; `None`: all.
    pub(super) searched: Option<&'a [bool]>,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number of samples"
)]
fn floor_index(samples: f32) -> usize {
    samples as usize
}
