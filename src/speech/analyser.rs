//! [`VoiceAnalyser`]: all steps of a segment, in order. One a worker.

use std::{mem::take, ops::Range, time::Duration};

use super::{
    F0Statistics, STEP_SAMPLES, SpeechTiming, VoiceObservation,
    activity::{Activity, ActivityConfig, ActivityDetector, ActivityTrack},
    arousal,
    clarity::{ClarityEvidence, clarity, speech_to_noise_db},
    clipping::FlatTops,
    f0::{F0Config, F0Tracker, Part, PeakAroundMean},
    harmonicity,
    highpass::{self, HighPass},
    loudness::{self, LoudnessSums},
    path::PathFinder,
    spectrum::{FRAME_SAMPLES, HOP_SAMPLES, SpectrumAnalyser, VoicedSums},
    statistics::{keep_spoken, steps_near_speech, summarise},
    syllables::SyllableCounter,
    tilt::{TiltAnalyser, TiltSums},
};
use crate::{
    cost::Stopwatch,
    error::Result,
    features::Features,
    inference::Catalog,
    media::{SAMPLE_RATE_HZ, Segment, duration_of},
};

/// What an operator may want to tune.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SpeechConfig {
    /// What counts as speech.
    pub activity: ActivityConfig,
    /// Where to look for the pitch.
    pub f0: F0Config,
}

/// The models of this component, loaded once and shared read-only.
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

/// A segment that is longer is analysed in pieces, each of about the work of a segment so long:
/// between two of them a worker can serve other streams.
pub const PIECE_SAMPLES: usize = 3 * SAMPLE_RATE_HZ as usize;

// Sums in pieces are the same to the bit only so, and steps lie in one piece.
const _: () =
    assert!(PIECE_SAMPLES.is_multiple_of(16) && PIECE_SAMPLES.is_multiple_of(STEP_SAMPLES));

/// The pitch is followed so far beyond the speech on either side: the best path through a stretch of
/// speech hardly knows what lies farther away, and a transform costs most of a segment.
const SEARCH_MARGIN: Duration = Duration::from_millis(200);

/// Turns segments into observations. Owns every plan and buffer that this takes.
#[derive(Debug)]
pub struct VoiceAnalyser {
    models: VoiceModels,
    config: SpeechConfig,
    piece_samples: usize,
    high_pass: HighPass,
    f0: F0Tracker,
    spectrum: SpectrumAnalyser,
    tilt: TiltAnalyser,
    syllables: SyllableCounter,
    flat_tops: FlatTops,
    /// Samples of the piece in hand, -1..1 and without what lies below a voice, and where in the
    /// segment they begin.
    samples: Vec<f32>,
    start: usize,
    /// `samples` are the whole segment's.
    is_loaded: bool,
    sorted: Vec<f32>,
    /// The steps in hand whose pitch is looked for.
    searched: Vec<bool>,
    /// Of a segment that is done.
    spare: Buffers,
}

/// What is kept of each 10 ms of a segment until all of it is known.
#[derive(Debug, Default)]
struct Buffers {
    /// Mean square.
    powers: Vec<f32>,
    /// The same of each 2.5 ms.
    parts: Vec<f32>,
    filter: highpass::States,
    /// As the syllables are counted by.
    loudness: Vec<f32>,
    path: PathFinder,
}

/// The analysis of one segment, under way: nothing of it is a worker's.
#[derive(Debug)]
pub struct Analysis {
    next: Next,
    /// The first sample that the voice activity model has not judged.
    judged: usize,
    /// Mean of the samples, in steps of the 16-bit range.
    offset: f64,
    loudness: LoudnessSums,
    peak: PeakAroundMean,
    activity: Activity,
    f0_track_hz: Vec<Option<f32>>,
    f0: Option<F0Statistics>,
    harmonics_to_noise_db: Option<f32>,
    voiced: VoicedSums,
    /// The first step that arousal is judged by.
    newest: usize,
    tilt: TiltSums,
    buffers: Buffers,
    timing: SpeechTiming,
}

/// What is done next, and from where on.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Level and voice activity; a sample.
    Listen(usize),
    /// Pitch; a step.
    Follow(usize),
    /// Spectra of what is voiced; the centre of a frame, as a sample.
    Measure(usize),
    /// All is known that the observation is made of.
    Conclude,
}

impl VoiceAnalyser {
    /// An analyser with its own buffers and a share of the models.
    pub fn new(models: VoiceModels, config: SpeechConfig) -> Self {
        let f0 = F0Tracker::new(config.f0);
        VoiceAnalyser {
            models,
            config,
            piece_samples: PIECE_SAMPLES,
            high_pass: HighPass::new(),
            spectrum: SpectrumAnalyser::new(),
            tilt: TiltAnalyser::new(),
            syllables: SyllableCounter::new(f0.bins()),
            flat_tops: FlatTops::new(),
            f0,
            samples: Vec::new(),
            start: 0,
            is_loaded: false,
            sorted: Vec::new(),
            searched: Vec::new(),
            spare: Buffers::default(),
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
        let mut analysis = self.begin(segment, track);
        loop {
            if let Some(observation) = self.advance(&mut analysis, segment, track, features)? {
                return Ok(observation);
            }
        }
    }

    /// Begins a segment of a stream, as [`VoiceAnalyser::observe`] takes it.
    pub fn begin(&mut self, segment: &Segment, track: &mut VoiceTrack) -> Analysis {
        let mut buffers = take(&mut self.spare);
        let offset = highpass::mean(&segment.samples);
        buffers.powers.clear();
        buffers.parts.clear();
        buffers.filter.begin(offset, segment.samples.len() > self.piece_samples);
        buffers.path.clear();
        buffers.loudness.clear();
        // A step without a spectrum is silent.
        buffers.loudness.resize(segment.samples.len() / STEP_SAMPLES, 0.0);
        Analysis {
            next: Next::Listen(0),
            judged: track.activity.begin(segment),
            offset,
            loudness: LoudnessSums::default(),
            peak: PeakAroundMean::default(),
            activity: Activity::default(),
            f0_track_hz: Vec::new(),
            f0: None,
            harmonics_to_noise_db: None,
            voiced: VoicedSums::default(),
            newest: 0,
            tilt: TiltSums::default(),
            buffers,
            timing: SpeechTiming::default(),
        }
    }

    /// Goes on with a segment that was begun, by one piece; up to [`PIECE_SAMPLES`] are one. Any
    /// analyser of the same configuration may, and others may come between. `None`: there is more
    /// to be done. The numbers are the same as of the whole at once.
    ///
    /// # Errors
    /// `Internal` when the model fails to run; the analysis is then over.
    pub fn advance(
        &mut self,
        analysis: &mut Analysis,
        segment: &Segment,
        track: &mut VoiceTrack,
        features: Features,
    ) -> Result<Option<VoiceObservation>> {
        let mut whole = Stopwatch::start();
        self.is_loaded = false;
        let is_short = segment.samples.len() <= self.piece_samples;
        loop {
            match analysis.next {
                Next::Listen(from) => self.listen(from, analysis, segment, track)?,
                Next::Follow(from) => self.follow(from, analysis, segment),
                Next::Measure(from) => self.measure(from, analysis, segment, features),
                Next::Conclude => {
                    let mut concluded = self.conclude(analysis, segment);
                    analysis.timing.total += whole.lap();
                    concluded.timing = analysis.timing;
                    return Ok(Some(concluded));
                }
            }
            if !is_short {
                analysis.timing.total += whole.lap();
                return Ok(None);
            }
        }
    }

    /// Makes `samples` hold those of `part` at least, or all where the segment is one piece.
    fn load(&mut self, segment: &Segment, part: Range<usize>, buffers: &mut Buffers) {
        let length = segment.samples.len();
        if self.is_loaded {
            return;
        }
        self.is_loaded = length <= self.piece_samples;
        // The filter goes on where a step begins.
        let first = if self.is_loaded { 0 } else { part.start / STEP_SAMPLES };
        let end = if self.is_loaded { length } else { part.end.min(length) };
        self.start = first * STEP_SAMPLES;
        let samples = &segment.samples[self.start..end];
        self.high_pass.run(samples, first, &mut buffers.filter, &mut self.samples);
    }

    /// Level, and voice activity.
    fn listen(
        &mut self,
        from: usize,
        analysis: &mut Analysis,
        segment: &Segment,
        track: &mut VoiceTrack,
    ) -> Result<()> {
        let length = segment.samples.len();
        let to = from.saturating_add(self.piece_samples).min(length);
        self.load(segment, from..to, &mut analysis.buffers);
        loudness::push_powers(&self.samples, &mut analysis.buffers.powers);
        arousal::push_parts(&self.samples, &mut analysis.buffers.parts);
        let raw = &segment.samples[from..to];
        analysis.loudness.push(raw, &self.samples);
        analysis.peak.push(&self.samples);
        let mut step = Stopwatch::start();
        let detector = &self.models.activity;
        let judged = analysis.judged.clamp(from, to);
        detector.judge(&self.samples[judged - from..], &mut track.activity)?;
        analysis.next = Next::Listen(to);
        if to == length {
            analysis.activity =
                detector.finish(segment, self.config.activity, &mut track.activity)?;
            // Who does not speak has no pitch and no syllables.
            analysis.next = if analysis.activity.detected {
                Next::Follow(self.f0.frames(length).start)
            } else {
                analysis.f0_track_hz = vec![None; length / STEP_SAMPLES];
                Next::Conclude
            };
        }
        analysis.timing.activity += step.lap();
        Ok(())
    }

    /// The f0 track; on the way the syllable envelope, which reads the same spectra.
    fn follow(&mut self, from: usize, analysis: &mut Analysis, segment: &Segment) {
        let mut step = Stopwatch::start();
        let (length, frames) = (segment.samples.len(), self.f0.frames(segment.samples.len()));
        let to = from.saturating_add(self.piece_samples / STEP_SAMPLES).min(frames.end);
        let reach = self.f0.reach_samples();
        self.load(
            segment,
            (from * STEP_SAMPLES).saturating_sub(reach)..to * STEP_SAMPLES + reach,
            &mut analysis.buffers,
        );
        let (Buffers { path, loudness, .. }, syllables) =
            (&mut analysis.buffers, &self.syllables);
        self.searched.clear();
        let near = steps_near_speech(&analysis.activity, SEARCH_MARGIN);
        self.searched.extend(near.skip(from).take(to - from));
        let (samples, searched) = (&self.samples[..], Some(&self.searched[..]));
        let part = Part { samples, start: self.start, steps: from..to, searched };
        let mut on_frame =
            |step: usize, power: &[f32]| loudness[step] = syllables.loudness(power);
        self.f0.follow(&part, analysis.peak.get(), path, &mut on_frame);
        analysis.next = Next::Follow(to);
        if to == frames.end {
            analysis.f0_track_hz = self.f0.solve(length, path);
            keep_spoken(&mut analysis.f0_track_hz, &analysis.activity);
            analysis.f0 = summarise(&analysis.f0_track_hz, &mut self.sorted);
            let voiced = analysis.f0.map(|_| &*analysis.f0_track_hz);
            analysis.harmonics_to_noise_db = voiced
                .and_then(|track| harmonicity::mean_db(track, self.f0.periodicity(length)));
            let new_steps = segment.new_samples.div_ceil(STEP_SAMPLES);
            let (activity, track) = (&analysis.activity, &analysis.f0_track_hz);
            analysis.newest = arousal::newest_speech(activity, track, new_steps);
            // Without speech, or with too few voiced frames of it, there is nothing to measure.
            analysis.next =
                if analysis.f0.is_some() { Next::Measure(0) } else { Next::Conclude };
        }
        analysis.timing.f0 += step.lap();
    }

    /// The spectra of the voiced frames.
    fn measure(
        &mut self,
        from: usize,
        analysis: &mut Analysis,
        segment: &Segment,
        features: Features,
    ) {
        let mut step = Stopwatch::start();
        let length = segment.samples.len();
        let to = from.saturating_add(self.piece_samples.next_multiple_of(HOP_SAMPLES));
        let to = to.min(length + 1);
        let half = FRAME_SAMPLES / 2;
        self.load(segment, from.saturating_sub(half)..to + half, &mut analysis.buffers);
        let track = &analysis.f0_track_hz;
        for centre in (from..to).step_by(HOP_SAMPLES) {
            if track.get(centre / STEP_SAMPLES).is_some_and(Option::is_some) {
                self.spectrum.add(&self.samples, centre - self.start, &mut analysis.voiced);
            }
        }
        let steps = from.div_ceil(STEP_SAMPLES)..to.div_ceil(STEP_SAMPLES).min(track.len());
        for step in steps.filter(|_| features.voice_emotion) {
            if step >= analysis.newest && track[step].is_some() {
                let centre = step * STEP_SAMPLES - self.start;
                self.tilt.add(&self.samples, centre, &mut analysis.tilt);
            }
        }
        analysis.next = if to > length { Next::Conclude } else { Next::Measure(to) };
        analysis.timing.spectrum += step.lap();
    }

    fn conclude(&mut self, analysis: &mut Analysis, segment: &Segment) -> VoiceObservation {
        let mut step = Stopwatch::start();
        let (buffers, f0_track_hz) =
            (take(&mut analysis.buffers), take(&mut analysis.f0_track_hz));
        let activity = take(&mut analysis.activity);
        let (loudness, voiced) = (analysis.loudness.loudness(), analysis.voiced.spectrum());
        // A tone has flat tops by nature.
        let tops =
            activity.detected.then(|| self.flat_tops.ratio(&segment.samples, analysis.offset));
        let clipping_ratio = loudness.clipping_ratio.max(tops.unwrap_or(0.0));
        let clarity = voiced.and_then(|voiced| {
            Some(clarity(ClarityEvidence {
                presence_ratio: voiced.presence_ratio,
                clipping_ratio,
                speech_to_noise_db: speech_to_noise_db(
                    &buffers.powers,
                    &f0_track_hz,
                    &mut self.sorted,
                )?,
            }))
        });
        // Nothing was added where arousal is off.
        let arousal = analysis.tilt.hf500_ratio().and_then(|hf500_ratio| {
            let powers =
                arousal::powers_near_speech(&buffers.parts, &activity, analysis.newest);
            let track = &f0_track_hz[analysis.newest.min(f0_track_hz.len())..];
            arousal::features(track, powers, hf500_ratio, &mut self.sorted)
        });
        analysis.timing.spectrum += step.lap();
        let nuclei = || self.syllables.nuclei(&buffers.loudness, &f0_track_hz);
        let syllables = activity.detected.then(nuclei).unwrap_or_default();
        analysis.timing.syllables += step.lap();
        if segment.samples.len() <= self.piece_samples {
            self.spare = buffers;
        }
        VoiceObservation {
            sequence: segment.sequence,
            captured_at: segment.captured_at,
            unix_ms: segment.unix_ms,
            duration: segment.duration(),
            new_duration: duration_of(segment.new_samples),
            audio_detected: activity.detected,
            speech_ratio: activity.speech_ratio,
            speech: activity.speech,
            pauses: activity.pauses,
            rms: loudness.rms,
            dbfs: loudness.dbfs,
            clipping_ratio,
            offset: highpass::share(analysis.offset),
            channel_fault: segment.channel_fault,
            f0_track_hz,
            f0: analysis.f0,
            harmonics_to_noise_db: analysis.harmonics_to_noise_db,
            spectral_centroid_hz: voiced.map(|voiced| voiced.centroid_hz),
            clarity,
            syllables,
            arousal,
            timing: SpeechTiming::default(),
        }
    }
}

#[cfg(test)]
mod tests;
