//! What a stream is ([`StreamSpec`]), what its workers observe ([`Observation`]), and its newest results
//! ([`Live`]).

use std::{sync::Arc, time::Duration};

use crate::{
    features::Features,
    names::{SessionId, StreamId},
    report::{AudioReport, FaceResult, VisualReport, VoiceResult},
    session::SessionConfig,
    speech::VoiceObservation,
    vision::FaceObservation,
};

/// What a stream is and how it is judged.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// The source of its media. A client's sound comes in chunks, and what cannot be decoded is
    /// reported to that client only.
    pub stream: StreamId,
    /// Where its media comes from.
    pub origin: Origin,
    /// How observations become metrics.
    pub session: SessionConfig,
    /// What is analysed at first.
    pub features: Features,
}

/// Where the media of a stream comes from; every report includes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The picture is the bundled clip, since no camera was found.
    pub demo_video: bool,
    /// The sound is the bundled clip, since no microphone was found.
    pub demo_audio: bool,
}

/// The newest results of a stream. Readers `watch` it; what they miss is gone.
#[derive(Clone, Debug)]
pub struct Live {
    /// What is analysed from the next media on.
    pub features: Features,
    /// The session that runs: its results are those below.
    pub session_id: Option<SessionId>,
    /// From the newest frame.
    pub face: Option<Arc<FaceResult>>,
    /// From the newest segment.
    pub voice: Option<Arc<VoiceResult>>,
    /// The newest media that could not be decoded.
    pub refused: Option<Arc<Refused>>,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            features: Features::ALL,
            session_id: None,
            face: None,
            voice: None,
            refused: None,
        }
    }
}

impl Live {
    /// The report of the newest frame.
    pub fn visual_report(&self) -> Option<&VisualReport> {
        self.face.as_deref().map(FaceResult::report)
    }

    /// The report of the newest segment.
    pub fn audio_report(&self) -> Option<&AudioReport> {
        self.voice.as_deref().map(VoiceResult::report)
    }
}

/// Media of a stream that could not be decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// How many of this stream, so far.
    pub total: u64,
    /// A frame; else a chunk.
    pub is_video: bool,
    /// The number of the frame or chunk.
    pub sequence: u64,
    /// What its sender can do about it.
    pub sentence: String,
}

/// What a worker hands to a stream's task.
#[derive(Debug)]
pub(super) enum Observation {
    Face(Box<FaceObservation>),
    Voice(Box<VoiceObservation>),
    Refused { is_video: bool, sequence: u64, sentence: String },
}

impl Observation {
    /// When its media was in memory; `None` where nothing was observed.
    pub(super) fn captured_at(&self) -> Option<Duration> {
        match self {
            Observation::Face(seen) => Some(seen.captured_at),
            Observation::Voice(voice) => Some(voice.captured_at),
            Observation::Refused { .. } => None,
        }
    }
}

/// An [`Observation`], and how it came about.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) observation: Observation,
    pub(super) features: Features,
    pub(super) dropped_total: u64,
}
