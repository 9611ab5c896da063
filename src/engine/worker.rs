//! The threads that analyse: take, observe, give back.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{
    lanes::Lanes,
    stream::{Observation, ObservationSink},
};
use crate::{
    error::{Error, ErrorKind, Result},
    stage::{Stage, State},
};

/// Threads that leave when the engine is closed.
#[derive(Debug)]
pub struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// Waits for all of them to leave.
    pub fn join(self) {
        for worker in self.0 {
            let name = worker.thread().name().unwrap_or_default().to_owned();
            if worker.join().is_err() {
                log::error!(target: "engine", thread = name.as_str(); "worker panicked");
            }
        }
    }
}

/// What one worker does with one kind of media.
pub(super) struct Job<M, T, F> {
    lanes: Arc<Lanes<M, T, ObservationSink>>,
    observe: F,
}

impl<M, T, F> Job<M, T, F>
where
    F: FnMut(&M, &mut T) -> Result<Observation>,
{
    pub(super) fn new(lanes: Arc<Lanes<M, T, ObservationSink>>, observe: F) -> Self {
        Job { lanes, observe }
    }

    fn run(mut self, stage: &Stage) {
        stage.update(|status| status.state = State::Running);
        while let Some(mut taken) = self.lanes.take() {
            match (self.observe)(&taken.media, &mut taken.track) {
                Ok(observation) => {
                    stage.update(|status| {
                        status.error = None;
                        status.last_media_at = Some(observation.captured_at());
                    });
                    taken.sink.send(observation, taken.dropped_total);
                }
                Err(error) => note(stage, &error),
            }
            self.lanes.give_back(taken.lane, taken.track);
            let dropped_total = self.lanes.usage().dropped_total;
            stage.update(|status| status.dropped_total = dropped_total);
        }
        stage.update(|status| status.state = State::Stopped);
    }
}

/// Media that cannot be used is counted; the first of a run of them is logged.
fn note(stage: &Stage, error: &Error) {
    let chain = error.chain().to_string();
    let mut is_first = false;
    stage.update(|status| {
        is_first = status.error.is_none();
        status.errors_total += 1;
        status.error = Some(chain.clone());
    });
    if is_first {
        log::warn!(target: stage.name(), error = chain.as_str(); "media could not be analysed");
    }
}

/// Starts `count` threads, each with the job that `job` makes for it.
pub(super) fn start<M, T, F>(
    count: usize,
    stage: Arc<Stage>,
    job: impl Fn() -> Job<M, T, F>,
) -> Result<Workers>
where
    M: Send + 'static,
    T: Send + 'static,
    F: FnMut(&M, &mut T) -> Result<Observation> + Send + 'static,
{
    let spawn = |number: usize| {
        let (job, stage) = (job(), stage.clone());
        let name = format!("{}-{number}", stage.name());
        thread::Builder::new().name(name).spawn(move || job.run(&stage)).map_err(|cause| {
            Error::new(ErrorKind::Exhausted, "no thread for a worker; lower the worker counts")
                .because(cause)
        })
    };
    (0..count).map(spawn).collect::<Result<_>>().map(Workers)
}
