//! Streams and workers: every source is a [`Stream`], and one path analyses them all.
//!
//! Media goes into a stream's lanes (newest wins, the loss is counted); workers take from the
//! lanes in turn, each stream at most once in flight; what they observe goes to the stream's own
//! task, which alone owns its [`Session`](crate::session::Session) and publishes what is newest to any number of readers.

mod lanes;
mod stream;
mod worker;

use std::sync::{Arc, atomic::AtomicU64};

pub use lanes::{Lanes, Usage};
pub use stream::{FaceResult, Live, Origin, Stream, StreamSpec, StreamTask, VoiceResult};
pub use worker::Workers;

use crate::{
    error::Result,
    features::Features,
    media::{Frame, Segment},
    speech::{VoiceAnalyser, VoiceTrack},
    stage::Stage,
    vision::{FaceAnalyser, FaceTrack},
};

/// Frames that wait in a stream's lane: a frame that waits is a frame that lies about now.
const FRAME_QUEUE: usize = 1;

/// How many workers there are and how long queues may get.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Threads that analyse frames, 1..16.
    pub vision_workers: usize,
    /// Threads that analyse segments, 1..16.
    pub speech_workers: usize,
    /// Segments that may wait in a stream's lane; the oldest is dropped.
    pub segment_queue: usize,
    /// Observations that may wait for a stream's task; the workers wait when it is full.
    pub observation_queue: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            vision_workers: 1,
            speech_workers: 1,
            segment_queue: 2,
            observation_queue: 8,
        }
    }
}

type FrameLanes = Lanes<Frame, FaceTrack, stream::ObservationSink>;
type SegmentLanes = Lanes<Segment, VoiceTrack, stream::ObservationSink>;

/// The streams and the queues between them and the workers. Clones share them.
#[derive(Clone, Debug)]
pub struct Engine {
    config: EngineConfig,
    frames: Arc<FrameLanes>,
    segments: Arc<SegmentLanes>,
    next_stream: Arc<AtomicU64>,
}

impl Engine {
    /// An engine without workers and streams.
    pub fn new(config: EngineConfig) -> Self {
        Engine {
            config,
            frames: Arc::default(),
            segments: Arc::default(),
            next_stream: Arc::default(),
        }
    }

    /// Starts the threads that analyse frames. `analyser` makes one analyser a worker.
    ///
    /// # Errors
    /// `Exhausted` when the system gives no more threads.
    pub fn start_vision(
        &self,
        features: Features,
        stage: Arc<Stage>,
        analyser: impl Fn() -> FaceAnalyser,
    ) -> Result<Workers> {
        worker::start(self.config.vision_workers, stage, || {
            let (lanes, mut analyser) = (self.frames.clone(), analyser());
            worker::Job::new(lanes, move |frame, track| {
                analyser.observe(frame, track, features).map(stream::Observation::from)
            })
        })
    }

    /// Starts the threads that analyse segments. `analyser` makes one analyser a worker.
    ///
    /// # Errors
    /// `Exhausted` when the system gives no more threads.
    pub fn start_speech(
        &self,
        features: Features,
        stage: Arc<Stage>,
        analyser: impl Fn() -> VoiceAnalyser,
    ) -> Result<Workers> {
        worker::start(self.config.speech_workers, stage, || {
            let (lanes, mut analyser) = (self.segments.clone(), analyser());
            worker::Job::new(lanes, move |segment, track| {
                analyser.observe(segment, track, features).map(stream::Observation::from)
            })
        })
    }

    /// Media that waits or is being analysed, over all streams.
    pub fn usage(&self) -> Usage {
        self.frames.usage() + self.segments.usage()
    }

    /// Lets the workers leave once the queues are empty.
    pub fn close(&self) {
        self.frames.close();
        self.segments.close();
    }
}
