//! [`StreamTask`]: the task between a stream's observations and its readers; the sole owner of
//! the session.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Interval,
};

use super::{
    WorkerComponents,
    live::{Live, Observation, Observed, Origin, Refused, StreamSpec},
};
use crate::{
    clock::Clock,
    features::Features,
    heartbeat::{Heartbeat, idle_turns},
    names::{SessionId, StreamId},
    report::{Dropped, FaceResult, ResultContext, VoiceResult},
    session::{SessionConfig, SessionMetrics, Statistics},
    speech::VoiceObservation,
    vision::FaceObservation,
};

/// What a session came to.
#[derive(Clone, Debug)]
pub struct FinishedSession {
    /// Every metric's mean, variance and range.
    pub statistics: Statistics,
    /// Media of the session that was dropped.
    pub dropped: Dropped,
}

/// What a stream's owner asks of its task.
#[derive(Debug)]
pub(super) enum Command {
    Begin { session_id: SessionId, done: oneshot::Sender<()> },
    Finish { done: oneshot::Sender<FinishedSession> },
    Configure { session: Box<SessionConfig> },
}

/// See the module.
#[derive(Debug)]
pub struct StreamTask {
    stream: StreamId,
    origin: Origin,
    config: SessionConfig,
    session: SessionMetrics,
    /// The stream's own id where no session was begun.
    default_id: Option<SessionId>,
    session_id: Option<SessionId>,
    /// When the session began; media from before is ignored.
    begun_at: Duration,
    /// Since the stream was opened, as far as its observations report it.
    dropped: Dropped,
    dropped_before: Dropped,
    observations: mpsc::Receiver<Observed>,
    commands: mpsc::Receiver<Command>,
    live: watch::Sender<Live>,
    components: Arc<WorkerComponents>,
    heartbeat: Option<Arc<Heartbeat>>,
}

impl StreamTask {
    pub(super) fn new(
        spec: &StreamSpec,
        observations: mpsc::Receiver<Observed>,
        commands: mpsc::Receiver<Command>,
        live: watch::Sender<Live>,
        components: Arc<WorkerComponents>,
    ) -> Self {
        let session_id = live.borrow().session_id.clone();
        StreamTask {
            stream: spec.stream.clone(),
            origin: spec.origin,
            config: spec.session.clone(),
            session: SessionMetrics::new(&spec.session),
            default_id: session_id.clone(),
            session_id,
            begun_at: Duration::ZERO,
            dropped: Dropped::default(),
            dropped_before: Dropped::default(),
            observations,
            commands,
            live,
            components,
            heartbeat: None,
        }
    }

    /// The same, beating at least once a second while it runs.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: Arc<Heartbeat>) -> Self {
        StreamTask { heartbeat: Some(heartbeat), ..self }
    }

    /// Turns observations into results until the stream is closed and its last observation is
    /// published; returns the session for its summary.
    pub async fn run(mut self, clock: Arc<dyn Clock>) -> SessionMetrics {
        let mut turns = self.heartbeat.as_ref().map(|_| idle_turns());
        loop {
            self.heartbeat.iter().for_each(|heartbeat| heartbeat.beat());
            // What was observed before a session ends still belongs to it.
            tokio::select! {
                biased;
                observed = self.observations.recv() => match observed {
                    Some(observed) => self.publish(observed, &*clock),
                    None => break,
                },
                Some(command) = self.commands.recv() => self.obey(command, &*clock),
                () = next(&mut turns) => (),
            }
        }
        log::debug!(target: "session", stream = self.stream.as_str(); "stream closed");
        self.session
    }

    fn obey(&mut self, command: Command, clock: &dyn Clock) {
        // Who asked may have gone; the session has begun or ended all the same.
        match command {
            Command::Configure { session } => {
                self.session.configure(&session);
                self.config = *session;
            }
            Command::Begin { session_id, done } => {
                self.begin(Some(session_id), clock.monotonic());
                done.send(()).ok();
            }
            Command::Finish { done } => {
                let finished = FinishedSession {
                    statistics: self.session.statistics().clone(),
                    dropped: Dropped {
                        frames: self.dropped.frames - self.dropped_before.frames,
                        segments: self.dropped.segments - self.dropped_before.segments,
                    },
                };
                self.begin(self.default_id.clone(), clock.monotonic());
                done.send(finished).ok();
            }
        }
    }

    /// Starts again; what is live until now belongs to another session.
    fn begin(&mut self, session_id: Option<SessionId>, now: Duration) {
        self.session = SessionMetrics::new(&self.config);
        self.session_id = session_id.clone();
        self.begun_at = now;
        self.dropped_before = self.dropped;
        self.live.send_modify(|live| {
            live.session_id = session_id;
            (live.face, live.voice) = (None, None);
        });
    }

    fn publish(&mut self, observed: Observed, clock: &dyn Clock) {
        let Observed { observation, features, dropped_total } = observed;
        match observation {
            Observation::Face(seen) => {
                self.dropped.frames = dropped_total;
                if seen.captured_at >= self.begun_at {
                    self.publish_face(*seen, features, clock);
                }
            }
            Observation::Voice(voice) => {
                self.dropped.segments = dropped_total;
                if voice.captured_at >= self.begun_at {
                    self.publish_voice(*voice, features, clock);
                }
            }
            Observation::Refused { is_video, sequence, sentence } => {
                self.live.send_modify(|live| {
                    let total = 1 + live.refused.as_ref().map_or(0, |refused| refused.total);
                    let refused = Refused { total, is_video, sequence, sentence };
                    live.refused = Some(Arc::new(refused));
                });
            }
        }
    }

    fn publish_face(&mut self, seen: FaceObservation, features: Features, clock: &dyn Clock) {
        let metrics = self.session.observe_face(&seen);
        let latency = clock.monotonic().saturating_sub(seen.captured_at);
        if let Some(component) = self.components.vision.get() {
            component.record("latency", latency);
        }
        let context = ResultContext {
            latency,
            dropped_total: self.dropped.frames,
            features,
            session_id: self.session_id.clone(),
            demo_source: self.origin.demo_video,
        };
        let result = FaceResult::new(seen, metrics, context);
        self.live.send_modify(|live| live.face = Some(Arc::new(result)));
    }

    fn publish_voice(
        &mut self,
        voice: VoiceObservation,
        features: Features,
        clock: &dyn Clock,
    ) {
        let metrics = self.session.observe_voice(&voice);
        let latency = clock.monotonic().saturating_sub(voice.captured_at);
        if let Some(component) = self.components.speech.get() {
            component.record("latency", latency);
        }
        let context = ResultContext {
            latency,
            dropped_total: self.dropped.segments,
            features,
            session_id: self.session_id.clone(),
            demo_source: self.origin.demo_audio,
        };
        let result = VoiceResult::new(voice, metrics, context);
        self.live.send_modify(|live| live.voice = Some(Arc::new(result)));
    }
}

/// The next turn; never where there is no heartbeat.
async fn next(turns: &mut Option<Interval>) {
    match turns {
        Some(turns) => drop(turns.tick().await),
        None => std::future::pending().await,
    }
}
