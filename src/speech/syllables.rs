//! Syllable nuclei: humps of the voice's loudness that are voiced. No words are recognised.
//!
//! After de Jong & Wempe 2009, "Praat script to detect syllable nuclei and measure speech rate
//! automatically", with two changes. The intensity gives way to a loudness: the power of the
//! band of the first formant and of that of the second, each to the power of 1/3 (Stevens), so
//! that the vowel's colour counts beside its strength. And a hump's prominence is judged on
//! both sides, so a step on the way up is none.

use std::time::Duration;

use super::STEP_MS;
use crate::media::SAMPLE_RATE_HZ;

/// Edges of the bands of the first and of the second formant, Hz.
const BAND_EDGES_HZ: [usize; 3] = [300, 1000, 3000];
/// Width of the smoothing, steps of 10 ms; the window of a spectrum smooths by another 0.6.
const SIGMA_STEPS: f32 = 0.9;
/// Steps on either side that the smoothing looks at.
const REACH_STEPS: usize = 3;
/// How far a nucleus stands over the higher of the dips beside it, dB.
const PROMINENCE_DB: f32 = 1.25;
/// How far under the top of what is voiced a nucleus may be, dB.
const RANGE_DB: f32 = 37.0;
/// Level under the top from which everything counts as equally silent, dB.
const SILENT_DB: f32 = 90.0;

/// Makes a loudness of each step's spectrum, and of a segment's loudness its nuclei.
/// Keeps its allocations from segment to segment.
#[derive(Debug)]
pub struct SyllableCounter {
    /// First bin of each band, and the end of the last.
    edges: [usize; 3],
    kernel: [f32; 2 * REACH_STEPS + 1],
    levels_db: Vec<f32>,
}

impl SyllableCounter {
    /// For power spectra of `bins` bins from 0 Hz to half the sample rate.
    pub fn new(bins: usize) -> Self {
        let width_hz = SAMPLE_RATE_HZ as usize / 2;
        let weights: [f32; 2 * REACH_STEPS + 1] = std::array::from_fn(|k| {
            let distance = (k as f32 - REACH_STEPS as f32) / SIGMA_STEPS;
            (-0.5 * distance * distance).exp()
        });
        let sum: f32 = weights.iter().sum();
        SyllableCounter {
            edges: BAND_EDGES_HZ.map(|edge_hz| edge_hz * (bins - 1) / width_hz),
            kernel: weights.map(|weight| weight / sum),
            levels_db: Vec::new(),
        }
    }

    /// The loudness of a step of 10 ms, from its power spectrum; that of silence is 0.
    pub fn loudness(&self, power: &[f32]) -> f32 {
        let bands = self.edges.windows(2);
        bands.map(|band| power[band[0]..band[1]].iter().sum::<f32>().cbrt()).sum()
    }

    /// The nuclei, in order, from the start of the segment; `loudness` is each step's.
    ///
    /// A nucleus is a hump with a dip on either side, so one whose hump is cut by the segment's
    /// edge is found only if it dips by 1.25 dB inside: **within about 100 ms of an
    /// edge a nucleus may be missing**; code that joins segments should take those from the
    /// overlapping neighbour.
    pub fn nuclei(&mut self, loudness: &[f32], f0_track_hz: &[Option<f32>]) -> Vec<Duration> {
        self.smooth(loudness, f0_track_hz);
        let levels = &self.levels_db;
        let voiced = |step: usize| {
            let near = step.saturating_sub(1)..(step + 2).min(f0_track_hz.len());
            f0_track_hz[near].iter().any(Option::is_some)
        };
        (0..levels.len())
            .filter(|step| {
                levels[*step] > -RANGE_DB && is_prominent(levels, *step) && voiced(*step)
            })
            .map(|step| Duration::from_millis(step as u64 * STEP_MS))
            .collect()
    }

    /// Loudness to smoothed level under the top of what is voiced, dB: a door that falls shut does
    /// not make the voice beside it quiet.
    fn smooth(&mut self, loudness: &[f32], f0_track_hz: &[Option<f32>]) {
        let last = loudness.len().saturating_sub(1);
        let smoothed = (0..loudness.len()).map(|step| -> f32 {
            let around = self.kernel.iter().enumerate();
            around
                .map(|(k, weight)| {
                    let at = (step + k).saturating_sub(REACH_STEPS).min(last);
                    weight * loudness[at]
                })
                .sum()
        });
        self.levels_db.clear();
        self.levels_db.extend(smoothed);
        let voiced = self.levels_db.iter().zip(f0_track_hz).filter(|(_, f0)| f0.is_some());
        let top = voiced.fold(f32::MIN_POSITIVE, |top, (level, _)| top.max(*level));
        for level in &mut self.levels_db {
            // Loudness is the cube root of a power.
            *level = (30.0 * (*level / top).log10()).max(-SILENT_DB);
        }
    }
}

/// Whether the level is a local maximum that stands [`PROMINENCE_DB`] over the higher of the
/// two dips that part it from something higher (or from the segment's edge).
fn is_prominent(levels: &[f32], step: usize) -> bool {
    let here = levels[step];
    // No longer than it must: a minute of one tone would be walked through from each of its steps.
    let dips = |walk: &mut dyn Iterator<Item = &f32>| {
        walk.take_while(|level| **level <= here).any(|level| here - level >= PROMINENCE_DB)
    };
    let first_of_plateau = step == 0 || levels[step - 1] < here;
    first_of_plateau
        && dips(&mut levels[..step].iter().rev())
        && dips(&mut levels[step + 1..].iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINS: usize = 513;

    /// Nuclei, in steps, of a voice whose power follows `levels_db`.
    fn nuclei(levels_db: &[f32], voiced: bool) -> Vec<u128> {
        let mut counter = SyllableCounter::new(BINS);
        let powers = levels_db.iter().map(|level_db| [10f32.powf(level_db / 10.0); BINS]);
        let loudness: Vec<f32> = powers.map(|power| counter.loudness(&power)).collect();
        let f0 = vec![voiced.then_some(120.0); levels_db.len()];
        counter.nuclei(&loudness, &f0).iter().map(|at| at.as_millis() / 10).collect()
    }

    fn humps(depth_db: f32) -> Vec<f32> {
        let turn = std::f32::consts::TAU / 20.0;
        (0..100).map(|step| -0.5 * depth_db * (1.0 + (turn * step as f32).cos())).collect()
    }

    #[test]
    fn each_voiced_hump_is_a_nucleus() {
        assert_eq!(nuclei(&humps(6.0), true), [10, 30, 50, 70, 90]);
        assert_eq!(nuclei(&humps(6.0), false), []);
    }

    #[test]
    fn ripples_and_a_steady_sound_are_none() {
        assert_eq!(nuclei(&humps(1.0), true), []);
        assert_eq!(nuclei(&[0.0; 100], true), []);
        assert_eq!(nuclei(&[], true), []);
    }

    #[test]
    fn a_hump_cut_by_the_edge_needs_a_dip_on_either_side() {
        let cut: Vec<f32> = humps(6.0)[10..].to_vec();
        assert_eq!(nuclei(&cut, true), [20, 40, 60, 80]);
    }
}
