//! Segment -> [`VoiceObservation`]. Pure: no clock, no device.
//!
//! In the order of the work: `highpass`, [`loudness`], [`activity`] (the one model), [`f0`] (with `sinc` and
//! `path`), `harmonicity`, [`spectrum`], `clarity`, `tilt`, `arousal`, [`syllables`]; [`VoiceAnalyser`] strings them
//! together. The speaker's baseline and anything over time is the session's.

pub mod activity;
mod clipping;
mod harmonicity;
mod highpass;
mod path;
mod statistics;
pub mod clarity;
mod sums;
mod arousal;
pub mod loudness;
mod sinc;
pub mod f0;
pub mod spectrum;
pub mod syllables;
mod tilt;
mod analyser;

use std::{ops::Range, time::Duration};

pub use analyser::{
    Analysis, PIECE_SAMPLES, SpeechConfig, VoiceAnalyser, VoiceModels, VoiceTrack,
};

use crate::{
    cost::Cost,
    media::{ChannelFault, SAMPLE_RATE_HZ, SoundChunk},
};

/// Milliseconds between two values of the f0 track and of every envelope.
pub const STEP_MS: u64 = 10;
/// The same in samples.
pub const STEP_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 100;

/// What one segment of sound holds.
#[derive(Clone, Debug, Default)]
pub struct VoiceObservation {
    /// The segment's.
    pub sequence: u64,
    /// The segment's: when its last sample was in memory.
    pub captured_at: Duration,
    /// The segment's.
    pub unix_ms: i64,
    /// Length of the segment.
    pub duration: Duration,
    /// Length of the part that was not in the segment before.
    pub new_duration: Duration,
    /// Voice activity over 0.3 s in the segment.
    pub audio_detected: bool,
    /// Share of the segment with voice activity, 0..1.
    pub speech_ratio: f32,
    /// Stretches of speech, from the start of the segment; gaps under 0.3 s are closed.
    pub speech: Vec<Interval>,
    /// Silences of at least 0.3 s between two stretches of speech.
    pub pauses: Vec<Interval>,
    /// Root mean square of the segment, 0..1 of full scale, of what lies above 25 Hz.
    pub rms: f32,
    /// 20 log10 of the rms; `None` for digital silence.
    pub dbfs: Option<f32>,
    /// Share of samples at full scale or, in speech, on a flat top at the signal's own ceiling, 0..1.
    pub clipping_ratio: f32,
    /// Mean of the samples as they came, -1..1 of full scale: a converter's constant error. It is
    /// in no other number.
    pub offset: f32,
    /// The segment's: what is wrong with the channels that its samples were mixed from.
    pub channel_fault: Option<ChannelFault>,
    /// Value `k` is the f0 at `k * 10 ms` from the start of the segment; `None` where unvoiced and
    /// without speech: a fan, a beep and the mains hum have a pitch, too.
    pub f0_track_hz: Vec<Option<f32>>,
    /// Statistics of the track; `None` without speech and with under 10 voiced frames of it.
    pub f0: Option<F0Statistics>,
    /// Harmonics-to-noise ratio of the voiced frames, dB; `None` where `f0` is.
    pub harmonics_to_noise_db: Option<f32>,
    /// Magnitude-weighted mean frequency over voiced frames, Hz; `None` without speech.
    pub spectral_centroid_hz: Option<f32>,
    /// 0..1; `None` without speech.
    pub clarity: Option<f32>,
    /// Times of the syllable nuclei, from the start of the segment.
    pub syllables: Vec<Duration>,
    /// What arousal is judged by; `None` without enough voiced speech or when switched off.
    pub arousal: Option<ArousalFeatures>,
    /// What each step cost.
    pub timing: SpeechTiming,
}

/// What the sound of a voice is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SoundVerdict {
    /// Nothing is wrong with it.
    Good,
    /// The microphone or its amplifier was too small for it.
    Clipped,
    /// It is so faint that part of it is not taken for speech.
    TooQuiet,
}

impl SoundVerdict {
    /// As reports have it.
    pub fn name(self) -> &'static str {
        match self {
            SoundVerdict::Good => "good",
            SoundVerdict::Clipped => "clipped",
            SoundVerdict::TooQuiet => "too_quiet",
        }
    }
}

/// Share of samples from which flat tops are audible.
const CLIPPED_RATIO: f32 = 0.005;
/// Under this level the voice activity model misses speech.
const QUIET_DBFS: f32 = -60.0;

impl VoiceObservation {
    /// What the voice's sound is good for; `None` without speech.
    pub fn verdict(&self) -> Option<SoundVerdict> {
        let verdict = if self.clipping_ratio >= CLIPPED_RATIO {
            SoundVerdict::Clipped
        } else if self.dbfs.is_some_and(|dbfs| dbfs < QUIET_DBFS) {
            SoundVerdict::TooQuiet
        } else {
            SoundVerdict::Good
        };
        self.audio_detected.then_some(verdict)
    }

    /// What a chunk without any sound holds: its `duration` is zero, and nothing is known.
    pub fn of_nothing(chunk: &SoundChunk) -> Self {
        VoiceObservation {
            sequence: chunk.sequence,
            captured_at: chunk.captured_at,
            unix_ms: chunk.unix_ms,
            ..VoiceObservation::default()
        }
    }

    /// The longest of the pauses.
    pub fn longest_pause(&self) -> Option<Duration> {
        self.pauses.iter().map(|pause| pause.end - pause.start).max()
    }

    /// Duration of speech in the part that was not in the segment before.
    pub fn new_speech(&self) -> Duration {
        let from = self.duration.saturating_sub(self.new_duration);
        self.speech.iter().map(|span| span.end.saturating_sub(span.start.max(from))).sum()
    }
}

/// A stretch of time from the start of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interval {
    /// Where it begins.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
}

impl Interval {
    /// The steps of a track of `length` steps that lie in it, and in so much on either side.
    pub fn steps(&self, length: usize, margin: Duration) -> Range<usize> {
        let step = |at: Duration| {
            let step = usize::try_from(at.as_millis() / u128::from(STEP_MS));
            step.unwrap_or(length).min(length)
        };
        step(self.start.saturating_sub(margin))..step(self.end + margin)
    }
}

/// Statistics of the fundamental frequency over the voiced 10 ms frames of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct F0Statistics {
    /// Voiced frames.
    pub voiced_frames: usize,
    /// Arithmetic mean, Hz.
    pub mean_hz: f32,
    /// Variance, Hz².
    pub variance_hz2: f32,
    /// Median, Hz.
    pub median_hz: f32,
    /// 5th percentile, Hz.
    pub p5_hz: f32,
    /// 95th percentile, Hz.
    pub p95_hz: f32,
}

/// The three features of Bone, Lee & Narayanan 2014, before any baseline, of the newest speech of a
/// segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArousalFeatures {
    /// log2 of the f0 median in Hz.
    pub log2_f0_median: f32,
    /// Mean level in dB of the 25 ms frames within 25 dB of the loudest.
    pub level_db: f32,
    /// log10 of the energy ratio 500 Hz and up to 80-500 Hz, of voiced frames.
    pub log10_hf500: f32,
}

/// What each step of one segment cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SpeechTiming {
    /// Voice activity model.
    pub activity: Cost,
    /// Pitch track.
    pub f0: Cost,
    /// Spectrum, centroid, clarity.
    pub spectrum: Cost,
    /// Syllable nuclei.
    pub syllables: Cost,
    /// All of it.
    pub total: Cost,
}
