//! [`Stream`]: one source's way in (lanes) and way out (what is live), and the task between.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::{Engine, FRAME_QUEUE, FrameLanes, SegmentLanes, lanes::LaneId};
use crate::{
    capture::{FrameSink, SegmentSink},
    clock::Clock,
    media::{Frame, Segment},
    session::{FaceMetrics, Session, SessionConfig, VoiceMetrics},
    speech::{VoiceObservation, VoiceTrack},
    vision::{FaceObservation, FaceTrack},
};

/// What a stream is and how it is judged.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// "booth", or the id of a client's session.
    pub name: String,
    /// Where its media comes from.
    pub origin: Origin,
    /// How observations become metrics.
    pub session: SessionConfig,
}

/// Where the media of a stream comes from; every report says so.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The picture is the bundled clip, since no camera was found.
    pub demo_video: bool,
    /// The sound is the bundled clip, since no microphone was found.
    pub demo_audio: bool,
}

/// The newest results of a stream. Readers `watch` it; what they miss is gone.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Where the media comes from.
    pub origin: Origin,
    /// From the newest frame.
    pub face: Option<Arc<FaceResult>>,
    /// From the newest segment.
    pub voice: Option<Arc<VoiceResult>>,
}

/// What one frame gave.
#[derive(Clone, Debug)]
pub struct FaceResult {
    /// From the frame alone.
    pub observation: FaceObservation,
    /// In the light of those before.
    pub metrics: FaceMetrics,
    /// Frames of this stream that nobody was free to analyse, so far.
    pub dropped_total: u64,
    /// From the frame in memory to this result.
    pub latency: Duration,
}

/// What one segment gave.
#[derive(Clone, Debug)]
pub struct VoiceResult {
    /// From the segment alone.
    pub observation: VoiceObservation,
    /// In the light of those before.
    pub metrics: VoiceMetrics,
    /// Segments of this stream that nobody was free to analyse, so far.
    pub dropped_total: u64,
    /// From the last sample in memory to this result.
    pub latency: Duration,
}

/// What a worker hands to a stream's task.
#[derive(Debug)]
pub(super) enum Observation {
    Face(Box<FaceObservation>),
    Voice(Box<VoiceObservation>),
}

impl Observation {
    /// When its media was in memory.
    pub(super) fn captured_at(&self) -> Duration {
        match self {
            Observation::Face(seen) => seen.captured_at,
            Observation::Voice(heard) => heard.captured_at,
        }
    }
}

impl From<FaceObservation> for Observation {
    fn from(seen: FaceObservation) -> Self {
        Observation::Face(Box::new(seen))
    }
}

impl From<VoiceObservation> for Observation {
    fn from(heard: VoiceObservation) -> Self {
        Observation::Voice(Box::new(heard))
    }
}

/// The way from the workers to a stream's task.
#[derive(Debug)]
pub(super) struct ObservationSink(mpsc::Sender<(Observation, u64)>);

impl ObservationSink {
    /// Waits while the task is behind: the pressure goes back to the lanes, which drop.
    /// A task that has left has nobody to tell.
    pub(super) fn send(&self, observation: Observation, dropped_total: u64) {
        self.0.blocking_send((observation, dropped_total)).ok();
    }
}

/// The way in. Dropping it closes the stream's lanes, and its task ends.
#[derive(Debug)]
pub struct Stream {
    lane: LaneId,
    frames: Arc<FrameLanes>,
    segments: Arc<SegmentLanes>,
}

impl FrameSink for Stream {
    fn put(&self, frame: Frame) {
        self.frames.put(self.lane, frame);
    }
}

impl SegmentSink for Stream {
    fn put(&self, segment: Segment) {
        self.segments.put(self.lane, segment);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.frames.close_lane(self.lane);
        self.segments.close_lane(self.lane);
    }
}

/// The task between a stream's observations and its readers; the sole owner of the session.
#[derive(Debug)]
pub struct StreamTask {
    name: String,
    session: Session,
    observations: mpsc::Receiver<(Observation, u64)>,
    live: watch::Sender<Live>,
}

impl Engine {
    /// Opens a stream: the way in, the task to be spawned, and what is live.
    pub fn open(&self, spec: &StreamSpec) -> (Stream, StreamTask, watch::Receiver<Live>) {
        let lane = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let (observed, observations) = mpsc::channel(self.config.observation_queue);
        let (live, readers) = watch::channel(Live { origin: spec.origin, ..Live::default() });
        let sink = Arc::new(ObservationSink(observed));
        self.frames.open(lane, FRAME_QUEUE, FaceTrack::default(), sink.clone());
        self.segments.open(lane, self.config.segment_queue, VoiceTrack::default(), sink);
        let (frames, segments) = (self.frames.clone(), self.segments.clone());
        let stream = Stream { lane, frames, segments };
        let session = Session::new(&spec.session);
        let task = StreamTask { name: spec.name.clone(), session, observations, live };
        (stream, task, readers)
    }
}

impl StreamTask {
    /// Turns observations into results until the stream is closed and its last observation is
    /// told; gives back the session for its summary.
    pub async fn run(mut self, clock: Arc<dyn Clock>) -> Session {
        while let Some((observation, dropped_total)) = self.observations.recv().await {
            match observation {
                Observation::Face(seen) => self.publish_face(*seen, dropped_total, &*clock),
                Observation::Voice(heard) => self.publish_voice(*heard, dropped_total, &*clock),
            }
        }
        log::debug!(target: "session", stream = self.name.as_str(); "stream closed");
        self.session
    }

    fn publish_face(&mut self, seen: FaceObservation, dropped_total: u64, clock: &dyn Clock) {
        let metrics = self.session.observe_face(&seen);
        let latency = clock.monotonic().saturating_sub(seen.captured_at);
        let result = FaceResult { observation: seen, metrics, dropped_total, latency };
        self.live.send_modify(|live| live.face = Some(Arc::new(result)));
    }

    fn publish_voice(
        &mut self,
        heard: VoiceObservation,
        dropped_total: u64,
        clock: &dyn Clock,
    ) {
        let metrics = self.session.observe_voice(&heard);
        let latency = clock.monotonic().saturating_sub(heard.captured_at);
        let result = VoiceResult { observation: heard, metrics, dropped_total, latency };
        self.live.send_modify(|live| live.voice = Some(Arc::new(result)));
    }
}
