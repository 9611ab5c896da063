//! The threads that analyse: take, observe, give back.

use std::{
    sync::Arc,
    task::Poll,
    thread::{self, JoinHandle},
};

use super::{
    fair_queue::{FairQueue, Media, Taken},
    live::{Observation, Observed},
    sound::Sound,
    stream::ObservationSink,
};
use crate::{
    component::{Component, State},
    decode,
    error::{Error, ErrorKind, Result},
    features::Features,
    heartbeat::Heartbeat,
    media::Frame,
};

/// Threads that end when the engine is closed.
#[derive(Debug)]
pub struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// Waits until all of them have ended.
    pub fn join(self) {
        for worker in self.0 {
            let name = worker.thread().name().unwrap_or_default().to_owned();
            if worker.join().is_err() {
                log::error!(target: "engine", thread = name.as_str(); "worker panicked");
            }
        }
    }
}

/// Media that a worker can identify: by kind and number.
pub(super) trait Subject: Media {
    const IS_VIDEO: bool;
    fn sequence(&self) -> u64;
}

impl Media for Frame {
    fn bytes(&self) -> usize {
        self.data.len()
    }

    fn working_bytes(&self) -> usize {
        // Where the header is broken, the decoder takes no memory and returns the reason.
        decode::still::working_bytes(self).unwrap_or_default()
    }
}

impl Subject for Frame {
    const IS_VIDEO: bool = true;
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Subject for Sound {
    const IS_VIDEO: bool = false;
    fn sequence(&self) -> u64 {
        Sound::sequence(self)
    }
}

/// The media of a worker, with its stream's track.
pub(super) struct Task<'a, M, T> {
    pub(super) media: &'a mut M,
    pub(super) track: &'a mut T,
    pub(super) features: Features,
    /// The media is a client's, not the booth's own.
    pub(super) is_client: bool,
}

/// What one worker does with one kind of media.
pub(super) struct Job<M, T, F> {
    lanes: Arc<FairQueue<M, T, ObservationSink>>,
    observe: F,
}

impl<M, T, F> Job<M, T, F>
where
    M: Subject,
    F: FnMut(Task<'_, M, T>) -> Result<Poll<Option<Observation>>>,
{
    /// `observe` works on media by one piece; while it is pending there is more to be done.
    pub(super) fn new(lanes: Arc<FairQueue<M, T, ObservationSink>>, observe: F) -> Self {
        Job { lanes, observe }
    }

    fn run(mut self, component: &Component, heartbeat: &Heartbeat) {
        component.update(|status| status.state = State::Running);
        while let Some(taken) = self.lanes.take(heartbeat) {
            self.turn(taken, component);
        }
        component.update(|status| status.state = State::Stopped);
    }

    /// Works on the taken media by one piece, then returns the lane.
    pub(super) fn turn(
        &mut self,
        mut taken: Taken<M, T, ObservationSink>,
        component: &Component,
    ) {
        let features = taken.sink.features();
        // It may have been switched off while it waited.
        let is_on = if M::IS_VIDEO { features.video } else { features.audio };
        if is_on && self.work(&mut taken, features, component).is_pending() {
            self.lanes.put_back(taken);
            return;
        }
        self.lanes.give_back(taken);
        let dropped_total = self.lanes.usage().dropped_total;
        component.update(|status| status.dropped_total = dropped_total);
    }

    /// Works on what was taken by one piece.
    fn work(
        &mut self,
        taken: &mut Taken<M, T, ObservationSink>,
        features: Features,
        component: &Component,
    ) -> Poll<()> {
        let Taken { media, track, sink, dropped_total, .. } = taken;
        let (dropped_total, is_client) = (*dropped_total, sink.is_client);
        let done = (self.observe)(Task { media, track, features, is_client });
        match done {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(None)) => (),
            Ok(Poll::Ready(Some(observation))) => {
                let captured_at = observation.captured_at();
                component.update(|status| {
                    status.last_media_at = captured_at.or(status.last_media_at);
                    if !is_client {
                        status.own.analysed(captured_at);
                    }
                    // A client's good media does not hide that the booth's own is bad.
                    status.error.clone_from(&status.own.error);
                });
                sink.send(Observed { observation, features, dropped_total });
            }
            Err(error) => {
                let is_theirs =
                    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Exhausted);
                if is_client && is_theirs {
                    log::debug!(target: component.name(), error = error.chain().to_string().as_str(); "a client's media cannot be read");
                } else {
                    note(component, &error, is_client);
                }
                let (is_video, sequence) = (M::IS_VIDEO, media.sequence());
                let sentence = if is_theirs {
                    error.to_string()
                } else {
                    "the media could not be analysed; the fault is boothd's".into()
                };
                let observation = Observation::Refused { is_video, sequence, sentence };
                sink.send(Observed { observation, features, dropped_total });
            }
        }
        Poll::Ready(())
    }
}

/// Media that cannot be used is counted; the first of a run of them is logged.
fn note(component: &Component, error: &Error, is_client: bool) {
    let chain = error.chain().to_string();
    let mut is_first = false;
    component.update(|status| {
        is_first = status.error.is_none();
        status.errors_total += 1;
        if !is_client {
            status.own.failed(chain.clone());
        }
        status.error = Some(chain.clone());
    });
    if is_first {
        log::warn!(target: component.name(), error = chain.as_str(); "media could not be analysed");
    }
}

/// How many threads, and their priority.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerPool {
    pub(super) count: usize,
    /// Added to the nice value of each: 0 for work that is watched live.
    pub(super) niceness: i32,
}

/// Starts the threads of `pool`, each with the job that `job` makes for it.
pub(super) fn start<M, T, F>(
    pool: WorkerPool,
    component: Arc<Component>,
    job: impl Fn() -> Job<M, T, F>,
) -> Result<Workers>
where
    M: Subject + Send + 'static,
    T: Send + 'static,
    F: FnMut(Task<'_, M, T>) -> Result<Poll<Option<Observation>>> + Send + 'static,
{
    let spawn = |number: usize| {
        let (job, component) = (job(), component.clone());
        let name = format!("{}-{number}", component.name());
        let heartbeat = component.heartbeat(&*name);
        thread::Builder::new()
            .name(name)
            .spawn(move || {
                stand_back(pool.niceness);
                job.run(&component, &heartbeat);
            })
            .map_err(|cause| {
                Error::new(
                    ErrorKind::Exhausted,
                    "no thread for a worker; lower the worker counts",
                )
                .because(cause)
            })
    };
    (0..pool.count).map(spawn).collect::<Result<_>>().map(Workers)
}

/// Makes the calling thread nicer; on Linux nice(2) is a thread's, not the process's.
fn stand_back(niceness: i32) {
    if niceness != 0
        && let Err(cause) = rustix::process::nice(niceness)
    {
        log::debug!(target: "engine", cause:display; "a worker keeps its priority");
    }
}
