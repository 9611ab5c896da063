//! [`VoiceAnalyser`]: all steps of a segment, in order. One a worker.

use std::time::Duration;

use super::{
    F0Statistics, STEP_SAMPLES, SpeechTiming, VoiceObservation,
    activity::{Activity, ActivityConfig, ActivityDetector, ActivityTrack},
    arousal,
    clarity::{ClarityEvidence, clarity, speech_to_noise_db},
    f0::{F0Config, F0Tracker},
    loudness::{self, Loudness, loudness},
    spectrum::{SpectrumAnalyser, VoicedSpectrum},
    statistics::summarise,
    syllables::SyllableCounter,
};
use crate::{
    cost::Stopwatch, error::Result, features::Features, inference::Catalog, media::Segment,
};

/// What an operator may want to tune.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SpeechConfig {
    /// What counts as speech.
    pub activity: ActivityConfig,
    /// Where to look for the pitch.
    pub f0: F0Config,
}

/// The models of this stage, loaded once and shared read-only.
#[derive(Clone, Debug)]
pub struct VoiceModels {
    activity: ActivityDetector,
    load_times: [(&'static str, Duration); 1],
}

impl VoiceModels {
    /// Loads `voice_activity`.
    ///
    /// # Errors
    /// `Config` when the catalog lacks it or its file is missing, changed or no model.
    pub fn load(catalog: &Catalog) -> Result<Self> {
        let mut stopwatch = Stopwatch::start();
        let activity = ActivityDetector::load(catalog)?;
        let load_times = [("voice_activity", stopwatch.lap().wall)];
        Ok(VoiceModels { activity, load_times })
    }

    /// What runs them, such as `tract`.
    pub fn runtimes(&self) -> String {
        self.activity.runtime().to_owned()
    }

    /// How long each took to load.
    pub fn load_times(&self) -> &[(&'static str, Duration)] {
        &self.load_times
    }
}

/// What is remembered of one stream between its segments.
#[derive(Clone, Debug, Default)]
pub struct VoiceTrack {
    activity: ActivityTrack,
}

/// Turns segments into observations. Owns every plan and buffer that this takes.
#[derive(Debug)]
pub struct VoiceAnalyser {
    models: VoiceModels,
    config: SpeechConfig,
    f0: F0Tracker,
    spectrum: SpectrumAnalyser,
    syllables: SyllableCounter,
    /// The segment's samples, -1..1.
    samples: Vec<f32>,
    /// Mean square a step.
    powers: Vec<f32>,
    sorted: Vec<f32>,
}

impl VoiceAnalyser {
    /// An analyser with its own buffers and a share of the models.
    pub fn new(models: VoiceModels, config: SpeechConfig) -> Self {
        let f0 = F0Tracker::new(config.f0);
        VoiceAnalyser {
            models,
            config,
            spectrum: SpectrumAnalyser::new(),
            syllables: SyllableCounter::new(f0.bins()),
            f0,
            samples: Vec::new(),
            powers: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// Analyses one segment of a stream. `track` is the stream's own, and its segments come in
    /// order; one that is left out costs the voice activity model its memory, no more.
    ///
    /// # Errors
    /// `Internal` when the model fails to run.
    pub fn observe(
        &mut self,
        segment: &Segment,
        track: &mut VoiceTrack,
        features: Features,
    ) -> Result<VoiceObservation> {
        let (mut whole, mut step) = (Stopwatch::start(), Stopwatch::start());
        let mut timing = SpeechTiming::default();
        loudness::to_unit_scale(&segment.samples, &mut self.samples);
        loudness::powers(&self.samples, &mut self.powers);
        let loudness = loudness(&segment.samples);
        step.lap();
        let detector = &self.models.activity;
        let activity = detector.observe(
            segment,
            &self.samples,
            self.config.activity,
            &mut track.activity,
        )?;
        timing.activity = step.lap();
        let f0_track_hz = self.track_f0();
        let f0 = summarise(&f0_track_hz, &mut self.sorted);
        timing.f0 = step.lap();
        let voiced = self.voiced_spectrum(&activity, &f0_track_hz, f0);
        let clarity = voiced.and_then(|voiced| self.clarity(&voiced, &loudness, &f0_track_hz));
        let arousal = f0.zip(voiced).filter(|_| features.voice_emotion);
        let arousal = arousal
            .map(|(f0, voiced)| arousal::features(&f0, &self.powers, voiced.hf500_ratio));
        timing.spectrum = step.lap();
        let syllables =
            if activity.detected { self.syllables.nuclei(&f0_track_hz) } else { Vec::new() };
        timing.syllables = step.lap();
        timing.total = whole.lap();
        Ok(VoiceObservation {
            sequence: segment.sequence,
            captured_at: segment.captured_at,
            unix_ms: segment.unix_ms,
            duration: segment.duration(),
            new_duration: crate::media::duration_of(segment.new_samples),
            audio_detected: activity.detected,
            speech_ratio: activity.speech_ratio,
            speech: activity.speech,
            pauses: activity.pauses,
            rms: loudness.rms,
            dbfs: loudness.dbfs,
            clipping_ratio: loudness.clipping_ratio,
            f0_track_hz,
            f0,
            spectral_centroid_hz: voiced.map(|voiced| voiced.centroid_hz),
            clarity,
            syllables,
            arousal,
            timing,
        })
    }

    /// The f0 track; on the way the syllable envelope, which reads the same spectra.
    fn track_f0(&mut self) -> Vec<Option<f32>> {
        self.syllables.begin(self.samples.len() / STEP_SAMPLES);
        let syllables = &mut self.syllables;
        self.f0.track(&self.samples, |step, power| syllables.push(step, power))
    }

    /// `None` without speech and without enough voiced frames.
    fn voiced_spectrum(
        &mut self,
        activity: &Activity,
        f0_track_hz: &[Option<f32>],
        f0: Option<F0Statistics>,
    ) -> Option<VoicedSpectrum> {
        if !activity.detected || f0.is_none() {
            return None;
        }
        let voiced =
            |sample: usize| f0_track_hz.get(sample / STEP_SAMPLES).is_some_and(Option::is_some);
        self.spectrum.measure(&self.samples, voiced)
    }

    fn clarity(
        &mut self,
        voiced: &VoicedSpectrum,
        loudness: &Loudness,
        f0_track_hz: &[Option<f32>],
    ) -> Option<f32> {
        let speech_to_noise_db =
            speech_to_noise_db(&self.powers, f0_track_hz, &mut self.sorted)?;
        Some(clarity(ClarityEvidence {
            presence_ratio: voiced.presence_ratio,
            clipping_ratio: loudness.clipping_ratio,
            speech_to_noise_db,
        }))
    }
}
