//! [`Stream`]: the input of one source (its lanes) and its output ([`Live`]). `task` has the task
//! between them.

use std::sync::{Arc, Mutex, atomic::Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Engine, FRAME_QUEUE, FrameQueue, Preview, SoundQueue,
    fair_queue::{LaneId, NotTaken, Room},
    live::{Live, Observed, StreamSpec},
    sound::{Sound, SoundTrack},
    task::{Command, FinishedSession, StreamTask},
};
use crate::{
    capture::{FrameSink, SegmentSink},
    error::{Error, ErrorKind, Result},
    features::Features,
    media::{Frame, Segment, SoundChunk},
    names::SessionId,
    session::SessionConfig,
    vision::FaceTrack,
};

/// Chunks of a client that may wait; the oldest is dropped.
const CHUNK_QUEUE: usize = 4;

/// Begins and ends of sessions that may wait for the task; the caller waits, too.
const COMMAND_QUEUE: usize = 4;

/// The way from the workers to a stream's task, and what they must know of the stream.
#[derive(Debug)]
pub(super) struct ObservationSink {
    observed: mpsc::Sender<Observed>,
    features: Mutex<Features>,
    pub(super) is_client: bool,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl ObservationSink {
    /// What may be analysed now.
    pub(super) fn features(&self) -> Features {
        *self.features.lock().expect(UNPOISONED)
    }

    /// Waits while the task is behind: the pressure goes back to the lanes, which drop.
    /// Does nothing where the task has ended.
    pub(super) fn send(&self, observed: Observed) {
        self.observed.blocking_send(observed).ok();
    }
}

/// The input of one source. Dropping it closes the stream's lanes, and its task ends.
#[derive(Debug)]
pub struct Stream {
    lane: LaneId,
    frames: Arc<FrameQueue>,
    sounds: Arc<SoundQueue>,
    sink: Arc<ObservationSink>,
    commands: mpsc::Sender<Command>,
    live: watch::Sender<Live>,
    /// The booth's stream alone has one.
    preview: Option<Preview>,
}

impl FrameSink for Stream {
    fn put(&self, frame: Frame) {
        // `put_frame` refuses a client's frame with an error; the booth's own is never refused.
        self.put_frame(frame).ok();
    }
}

impl SegmentSink for Stream {
    fn put(&self, segment: Segment) {
        self.put_sound(segment.into()).ok();
    }
}

impl Stream {
    /// Puts in a frame. Never blocks; the newest wins.
    ///
    /// # Errors
    /// `Exhausted` when too much of all clients' media waits already; `InvalidInput` when decoding
    /// it takes more memory than there is.
    pub fn put_frame(&self, frame: Frame) -> Result<()> {
        if !self.features().video {
            return Ok(());
        }
        self.frames.put(self.lane, frame).map_err(not_taken)
    }

    /// Puts in what a client sent. Never blocks; where the lane is full the oldest chunk is
    /// dropped and the next one is marked as following a gap.
    ///
    /// # Errors
    /// As [`Stream::put_frame`]; the next chunk is marked as following a gap, too.
    pub fn put_chunk(&self, chunk: SoundChunk) -> Result<()> {
        self.put_sound(chunk.into())
    }

    fn put_sound(&self, sound: Sound) -> Result<()> {
        if !self.features().audio {
            return Ok(());
        }
        self.sounds.put(self.lane, sound).map_err(not_taken)
    }

    /// What is analysed.
    pub fn features(&self) -> Features {
        self.sink.features()
    }

    /// Changes what is analysed, from the next media on; what waits and may no longer be looked
    /// at or listened to is thrown away.
    pub fn set_features(&self, features: Features) {
        *self.sink.features.lock().expect(UNPOISONED) = features;
        if !features.video {
            self.frames.clear_lane(self.lane);
        }
        if !features.video || !features.preview {
            self.clear_preview();
        }
        if !features.audio {
            self.sounds.clear_lane(self.lane);
        }
        self.live.send_if_modified(|live| {
            let is_new = live.features != features;
            live.features = features;
            is_new
        });
    }

    /// Removes the preview's picture, where this stream is shown: its camera is closed.
    pub fn clear_preview(&self) {
        if let Some(preview) = &self.preview {
            preview.clear();
        }
    }

    /// The stream's newest results and their changes.
    pub fn watch(&self) -> watch::Receiver<Live> {
        self.live.subscribe()
    }

    /// Begins a session: statistics and every metric over time start again, and media from before
    /// counts no more.
    ///
    /// # Errors
    /// `Exhausted` when the stream's task has ended: the daemon stops.
    pub async fn begin_session(&self, session_id: SessionId) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        let begin = Command::Begin { session_id, done };
        self.commands.send(begin).await.map_err(|_| left())?;
        is_done.await.map_err(|_| left())
    }

    /// Sets how observations become metrics: the cone of eye contact at once, the rest with the
    /// next session.
    ///
    /// # Errors
    /// As [`Stream::begin_session`].
    pub async fn configure(&self, session: SessionConfig) -> Result<()> {
        let configure = Command::Configure { session: Box::new(session) };
        self.commands.send(configure).await.map_err(|_| left())
    }

    /// Ends the session and returns its results. The metrics start again, without a session.
    ///
    /// # Errors
    /// As [`Stream::begin_session`].
    pub async fn finish_session(&self) -> Result<FinishedSession> {
        let (done, finished) = oneshot::channel();
        self.commands.send(Command::Finish { done }).await.map_err(|_| left())?;
        finished.await.map_err(|_| left())
    }
}

fn not_taken(why: NotTaken) -> Error {
    match why {
        NotTaken::TooMuchWaits => Error::new(
            ErrorKind::Exhausted,
            "too much media waits already; send less, or a moment later",
        ),
        NotTaken::TooLarge { bytes, most_bytes } => {
            let what = format!(
                "decoding this takes {} MB of memory, and this booth has {} MB for it; send a \
                 smaller one, or a baseline JPEG",
                bytes.div_ceil(1_000_000),
                most_bytes / 1_000_000
            );
            Error::new(ErrorKind::InvalidInput, what)
        }
    }
}

fn left() -> Error {
    Error::new(ErrorKind::Exhausted, "the stream is closing; try again once boothd is back")
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.frames.close_lane(self.lane);
        self.sounds.close_lane(self.lane);
    }
}

impl Engine {
    /// Opens a stream: the way in, the task to be spawned, and what is live.
    pub fn open(&self, spec: &StreamSpec) -> (Stream, StreamTask, watch::Receiver<Live>) {
        let lane = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let (observed, observations) = mpsc::channel(self.config.observation_queue);
        let (commands, obeyed) = mpsc::channel(COMMAND_QUEUE);
        let session_id = spec.stream.session().cloned();
        let is_client = session_id.is_some();
        let features = spec.features;
        let (live, readers) = watch::channel(Live { features, session_id, ..Live::default() });
        let features = Mutex::new(features);
        let sink = ObservationSink { observed, features, is_client };
        let sink = Arc::new(sink);
        let sounds_waiting = if is_client { CHUNK_QUEUE } else { self.config.segment_queue };
        let (goes_first, is_metered) = (!is_client, is_client);
        let room = |capacity| Room { capacity, goes_first, is_metered };
        self.frames.open(lane, room(FRAME_QUEUE), FaceTrack::default(), sink.clone());
        self.sounds.open(
            lane,
            room(sounds_waiting),
            SoundTrack::new(self.config.segments),
            sink.clone(),
        );
        let (frames, sounds) = (self.frames.clone(), self.sounds.clone());
        let task =
            StreamTask::new(spec, observations, obeyed, live.clone(), self.components.clone());
        let preview = (!is_client).then(|| self.preview.clone());
        let stream = Stream { lane, frames, sounds, sink, commands, live, preview };
        (stream, task, readers)
    }
}
