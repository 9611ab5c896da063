//! Streams and workers: every source is a [`Stream`], and one path analyses them all.
//!
//! Media goes into a stream's lanes (newest wins, the loss is counted). Workers take from the lanes in
//! turn, each stream at most once in flight; long work is done in pieces. Observations go to the
//! stream's own task. It alone owns the stream's
//! [`SessionMetrics`](crate::session::SessionMetrics) and publishes the newest results to any number
//! of readers.

mod budget;
mod live;
mod preview;
mod task;
mod working;
mod fair_queue;
mod sound;
mod stream;
mod worker;
#[cfg(test)]
mod tests;

use std::{
    num::NonZero,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    task::Poll,
    thread,
    time::Duration,
};

pub use budget::{CLIENT_MEDIA_BYTES, MOST_WORKING_BYTES};
pub use fair_queue::{FairQueue, Media, NotTaken, Usage};
pub use live::{Live, Origin, Refused, StreamSpec};
pub use preview::Preview;
pub use stream::Stream;
pub use task::{FinishedSession, StreamTask};
pub use worker::Workers;

use budget::Budget;
pub use sound::{MOST_LONG_CHUNKS, SOUND_CHUNK_WORKING_BYTES};
use working::Working;

use crate::{
    capture::segmenter::SegmentConfig,
    component::{Component, OwnMedia},
    error::Result,
    media::Frame,
    speech::{VoiceAnalyser, VoiceObservation},
    vision::{FaceAnalyser, FaceTrack, VisionTiming},
};

/// Frames that wait in a stream's lane. One slot: a queued frame is already stale.
const FRAME_QUEUE: usize = 1;

/// A segment covers whole seconds, a frame one moment: while all clients' chunks come at once,
/// pictures are analysed first and the voices wait some tenths of a second. At 5 a thread
/// still gets a quarter of what its core has.
const SPEECH_NICENESS: i32 = 5;

/// How many workers there are and how long queues may get.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Threads that analyse frames, up to 16; 0: one for each processor core, at least two: one
    /// alone would make the booth's own frames wait for a client's large picture, which cannot be
    /// laid down half decoded.
    pub vision_workers: usize,
    /// Threads that analyse segments, 1..16.
    pub speech_workers: usize,
    /// How clients' chunks are cut into segments, as the microphone's sound is.
    pub segments: SegmentConfig,
    /// Segments that may wait in a stream's lane; the oldest is dropped.
    pub segment_queue: usize,
    /// Observations that may wait for a stream's task; the workers wait when it is full.
    pub observation_queue: usize,
}

impl EngineConfig {
    /// Threads that analyse frames, once they are counted.
    pub fn vision_threads(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        if self.vision_workers == 0 { vision_threads_on(cores()) } else { self.vision_workers }
    }
}

/// One at least is free of large pictures, however few cores there are.
fn vision_threads_on(cores: usize) -> usize {
    cores.clamp(2, MOST_WORKERS)
}

/// More threads than this would wait for memory, not for work.
const MOST_WORKERS: usize = 16;

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            vision_workers: 0,
            speech_workers: 1,
            segments: SegmentConfig::default(),
            segment_queue: 2,
            observation_queue: 8,
        }
    }
}

type FrameQueue = FairQueue<Frame, FaceTrack, stream::ObservationSink>;
type SoundQueue = FairQueue<sound::Sound, sound::SoundTrack, stream::ObservationSink>;

type SoundTask<'a> = worker::Task<'a, sound::Sound, sound::SoundTrack>;

/// The components of the workers, once these are started.
#[derive(Debug, Default)]
struct WorkerComponents {
    vision: OnceLock<Arc<Component>>,
    speech: OnceLock<Arc<Component>>,
}

/// The streams and the queues between them and the workers. Clones share them.
#[derive(Clone, Debug)]
pub struct Engine {
    config: EngineConfig,
    frames: Arc<FrameQueue>,
    sounds: Arc<SoundQueue>,
    components: Arc<WorkerComponents>,
    preview: Preview,
    next_stream: Arc<AtomicU64>,
}

impl Engine {
    /// An engine without workers and streams.
    pub fn new(config: EngineConfig) -> Self {
        let waiting = Arc::new(Budget::new(CLIENT_MEDIA_BYTES));
        let working =
            |most_bytes, workers| Working::within(Arc::new(Budget::new(most_bytes)), workers);
        let pictures = working(MOST_WORKING_BYTES, config.vision_threads());
        let voices =
            working(MOST_LONG_CHUNKS * SOUND_CHUNK_WORKING_BYTES, config.speech_workers);
        Engine {
            config,
            frames: Arc::new(FairQueue::within(waiting.clone(), pictures)),
            sounds: Arc::new(FairQueue::within(waiting, voices)),
            components: Arc::default(),
            preview: Preview::default(),
            next_stream: Arc::default(),
        }
    }

    /// Starts the threads that analyse frames. `analyser` makes one analyser a worker.
    ///
    /// # Errors
    /// `Exhausted` when the system has no more threads.
    pub fn start_vision(
        &self,
        component: Arc<Component>,
        analyser: impl Fn() -> FaceAnalyser,
    ) -> Result<Workers> {
        self.components.vision.set(component.clone()).ok();
        let pool = worker::WorkerPool { count: self.config.vision_threads(), niceness: 0 };
        worker::start(pool, component.clone(), || {
            let (lanes, component, mut analyser) =
                (self.frames.clone(), component.clone(), analyser());
            let preview = self.preview.clone();
            worker::Job::new(lanes, move |task: worker::Task<'_, Frame, FaceTrack>| {
                let seen = analyser.observe(task.media, task.track, task.features);
                let seen = seen.and_then(|seen| {
                    record_vision(&component, &seen.timing);
                    if !task.is_client {
                        note_brightness(&component, seen.brightness, seen.captured_at);
                        component.update(|status| status.own.turned_deg = seen.turned_deg);
                    }
                    if !task.is_client && task.features.preview {
                        let landmarks = seen.face.as_ref().map(|face| &*face.landmarks);
                        let landmarks = landmarks.unwrap_or_default();
                        if let Some(took) = preview.show(analyser.picture(), landmarks)? {
                            component.record("preview", took);
                        }
                    }
                    Ok(Poll::Ready(Some(live::Observation::Face(Box::new(seen)))))
                });
                // The memory of the picture is free for another worker from now on.
                analyser.rest();
                seen
            })
        })
    }

    /// Starts the threads that analyse sound. `analyser` makes one analyser a worker.
    ///
    /// # Errors
    /// `Exhausted` when the system has no more threads.
    pub fn start_speech(
        &self,
        component: Arc<Component>,
        analyser: impl Fn() -> VoiceAnalyser,
    ) -> Result<Workers> {
        self.components.speech.set(component.clone()).ok();
        let pool =
            worker::WorkerPool { count: self.config.speech_workers, niceness: SPEECH_NICENESS };
        worker::start(pool, component.clone(), || self.speech_job(&component, analyser()))
    }

    /// What a worker that analyses sound does.
    fn speech_job(
        &self,
        component: &Arc<Component>,
        mut analyser: VoiceAnalyser,
    ) -> worker::Job<
        sound::Sound,
        sound::SoundTrack,
        impl FnMut(SoundTask<'_>) -> Result<Poll<Option<live::Observation>>> + use<>,
    > {
        let component = component.clone();
        worker::Job::new(self.sounds.clone(), move |task: SoundTask<'_>| {
            let voice = task.track.observe(task.media, &mut analyser, task.features)?;
            if let Some(took) = task.track.decode {
                component.record("decode", took);
            }
            let observed = |voice: VoiceObservation| {
                if !voice.duration.is_zero() {
                    component.record("total", voice.timing.total.wall);
                    if !task.is_client {
                        note_sound(&component, &voice);
                    }
                }
                live::Observation::Voice(Box::new(voice))
            };
            Ok(voice.map(|voice| voice.map(observed)))
        })
    }

    /// What the booth's camera sees; other streams are never shown.
    pub fn preview(&self) -> Preview {
        self.preview.clone()
    }

    /// Sets how much memory clients' pictures may take while they are decoded, over all workers:
    /// more than [`MOST_WORKING_BYTES`] is never taken. A picture that needs more by itself is
    /// refused from now on.
    pub fn limit_decoding(&self, most_bytes: usize) {
        self.frames.limit_working(most_bytes.min(MOST_WORKING_BYTES));
    }

    /// Media that waits or is being analysed, over all streams.
    pub fn usage(&self) -> Usage {
        self.frames.usage() + self.sounds.usage()
    }

    /// Ends the workers once the queues are empty.
    pub fn close(&self) {
        self.frames.close();
        self.sounds.close();
    }
}

/// A mean of less than this share of white is a covered lens or no light at all: 2 of 255 is what
/// a dark sensor's noise comes to.
const BLACK: f32 = 0.015;

/// A fault that lasts is not the one of before a gap like this: the booth was paused, or the device
/// away.
const LONGEST_GAP: Duration = Duration::from_secs(10);

/// Since when what was so `before`, and is so in the media captured now, lasts without a gap.
fn lasting_since(own: &OwnMedia, before: Option<Duration>, captured_at: Duration) -> Duration {
    let is_continued = own
        .last_analysed_at
        .is_some_and(|last| captured_at.saturating_sub(last) <= LONGEST_GAP);
    before.filter(|_| is_continued).unwrap_or(captured_at)
}

fn note_brightness(component: &Component, brightness: f32, captured_at: Duration) {
    component.update(|status| {
        let since = lasting_since(&status.own, status.own.black_since, captured_at);
        status.own.black_since = (brightness < BLACK).then_some(since);
    });
}

/// An offset of this share of full scale (-40 dB) is a fault of the microphone or its socket; those
/// of good recordings are smaller, and without one the mean of a sound is a hundredth of it.
const OFFSET: f32 = 0.01;

/// Under this level there is nothing but the noise of a converter: its last bit or two. A quiet room is 20 dB
/// louder.
const QUIET_DBFS: f32 = -80.0;

fn note_sound(component: &Component, voice: &VoiceObservation) {
    component.update(|status| {
        let own = &mut status.own;
        let since = |before| lasting_since(own, before, voice.captured_at);
        let (offset, quiet) = (since(own.offset_since), since(own.quiet_since));
        own.offset_since = (voice.offset.abs() >= OFFSET).then_some(offset);
        own.offset = voice.offset;
        own.channel_fault = voice.channel_fault;
        let is_quiet = voice.dbfs.is_none_or(|dbfs| dbfs < QUIET_DBFS);
        own.quiet_since = is_quiet.then_some(quiet);
    });
}

/// Steps that were not taken (a model that is off, a face that was followed) took no time and
/// are no part of the picture.
fn record_vision(component: &Component, timing: &VisionTiming) {
    let VisionTiming { decode, detect, landmarks, expression, total, .. } = timing;
    let steps = [
        ("decode", decode),
        ("detect", detect),
        ("landmarks", landmarks),
        ("expression", expression),
        ("total", total),
    ];
    for (step, cost) in steps {
        if !cost.wall.is_zero() {
            component.record(step, cost.wall);
        }
    }
}
