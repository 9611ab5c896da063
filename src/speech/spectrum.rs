//! Long spectra of the voice: centroid, the energy band behind clarity. No pitch.

use std::{ops::Range, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::sums::{dot, sum};
use crate::media::SAMPLE_RATE_HZ;

/// Samples of a frame.
pub const FRAME_SAMPLES: usize = 2048;
/// Bins of its spectrum.
const BINS: usize = FRAME_SAMPLES / 2 + 1;
/// Samples between the centres of two frames.
pub const HOP_SAMPLES: usize = 512;

/// Takes Hann-windowed spectra. Owns its plan and buffers: one a worker.
pub struct SpectrumAnalyser {
    forward: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    magnitude: Vec<f32>,
    /// Frequency of each bin.
    bin_hz: Vec<f32>,
}

impl std::fmt::Debug for SpectrumAnalyser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpectrumAnalyser").finish_non_exhaustive()
    }
}

/// What the voiced frames of a segment hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VoicedSpectrum {
    /// Frames that were voiced and not silent.
    pub frames: usize,
    /// Mean of their centroids, Hz.
    pub centroid_hz: f32,
    /// Energy from 1 to 4 kHz against all, 0..1.
    pub presence_ratio: f32,
}

/// What a [`VoicedSpectrum`] is made of; the frames may come one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VoicedSums {
    frames: usize,
    centroids_hz: f32,
    all: f32,
    presence: f32,
}

impl VoicedSums {
    /// `None` without a frame.
    pub(super) fn spectrum(&self) -> Option<VoicedSpectrum> {
        let frames = self.frames;
        (frames > 0).then(|| VoicedSpectrum {
            frames,
            centroid_hz: self.centroids_hz / frames as f32,
            presence_ratio: self.presence / self.all,
        })
    }
}

impl Default for SpectrumAnalyser {
    fn default() -> Self {
        Self::new()
    }
}

impl SpectrumAnalyser {
    /// Plans the transform.
    pub fn new() -> Self {
        let forward = RealFftPlanner::new().plan_fft_forward(FRAME_SAMPLES);
        let width_hz = SAMPLE_RATE_HZ as f32 / FRAME_SAMPLES as f32;
        let turn = std::f32::consts::TAU / FRAME_SAMPLES as f32;
        SpectrumAnalyser {
            window: (0..FRAME_SAMPLES).map(|k| 0.5 - 0.5 * (turn * k as f32).cos()).collect(),
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: forward.make_scratch_vec(),
            power: vec![0.0; BINS],
            magnitude: vec![0.0; BINS],
            bin_hz: (0..BINS).map(|bin| bin as f32 * width_hz).collect(),
            forward,
        }
    }

    /// Magnitude-weighted mean frequency of every frame, Hz; 0 where a frame is silent.
    ///
    /// Frame `j` is centred at sample `j * 512`, with zeros outside of the samples: what
    /// `librosa.feature.spectral_centroid(n_fft=2048, hop_length=512)` computes.
    pub fn centroids_hz(&mut self, samples: &[f32]) -> Vec<f32> {
        (0..=samples.len() / HOP_SAMPLES)
            .map(|index| {
                self.transform(samples, index * HOP_SAMPLES);
                self.centroid_hz().unwrap_or(0.0)
            })
            .collect()
    }

    /// Sums up the frames whose centre is voiced; `voiced` is asked with a sample's index.
    /// `None` without such a frame.
    pub fn measure(
        &mut self,
        samples: &[f32],
        voiced: impl Fn(usize) -> bool,
    ) -> Option<VoicedSpectrum> {
        let mut sums = VoicedSums::default();
        let centres = (0..=samples.len()).step_by(HOP_SAMPLES);
        centres
            .filter(|centre| voiced(*centre))
            .for_each(|centre| self.add(samples, centre, &mut sums));
        sums.spectrum()
    }

    /// Adds the frame centred at sample `centre`. Of a segment, `samples` have at least the
    /// frame's, as far as the segment has them.
    pub(super) fn add(&mut self, samples: &[f32], centre: usize, sums: &mut VoicedSums) {
        self.transform(samples, centre);
        let Some(centroid_hz) = self.centroid_hz() else { return };
        sums.frames += 1;
        sums.centroids_hz += centroid_hz;
        sums.all += self.energy(0..self.power.len());
        sums.presence += self.energy(bins(1000, 4000));
    }

    /// Power spectrum of the frame centred at sample `centre`, zeros outside of the samples.
    fn transform(&mut self, samples: &[f32], centre: usize) {
        let missing = (FRAME_SAMPLES / 2).saturating_sub(centre);
        let start = (centre + missing).saturating_sub(FRAME_SAMPLES / 2);
        let end = (centre + FRAME_SAMPLES / 2).min(samples.len());
        let source = &samples[start.min(end)..end];
        self.frame.fill(0.0);
        let windowed = self.frame[missing..].iter_mut().zip(&self.window[missing..]);
        for ((out, weight), sample) in windowed.zip(source) {
            *out = weight * sample;
        }
        self.forward
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers are the plan's own");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
    }

    fn centroid_hz(&mut self) -> Option<f32> {
        for (magnitude, power) in self.magnitude.iter_mut().zip(&self.power) {
            *magnitude = power.sqrt();
        }
        let all = sum(&self.magnitude);
        (all > 0.0).then(|| dot(&self.magnitude, &self.bin_hz) / all)
    }

    fn energy(&self, bins: Range<usize>) -> f32 {
        sum(&self.power[bins])
    }
}

/// The bins of a frequency range, Hz.
const fn bins(from_hz: usize, to_hz: usize) -> Range<usize> {
    let rate_hz = SAMPLE_RATE_HZ as usize;
    (from_hz * FRAME_SAMPLES).div_ceil(rate_hz)..(to_hz * FRAME_SAMPLES).div_ceil(rate_hz)
}
