//! [`Interview`]: the runtime state of one stream. Decides when camera and microphone may be open,
//! and what is analysed; holds no device and no socket. The booth's own devices have one, and each
//! client that sends media has one.
//!
//! Requests are processed one at a time. A device opens only after the log has the session on the
//! disk; a device closes before the new state is published.

pub mod devices;
mod session_log;
mod state;

use std::{fmt, sync::Arc};

use tokio::sync::{Mutex, MutexGuard, watch};

pub use session_log::{Answer, AuditEvent, SessionLog};
use state::Opens;
pub use state::{ActiveSession, Began, InterviewState, SessionSummary, StartSession};

use crate::{
    clock::Clock,
    engine::Stream,
    error::{Error, ErrorKind, Result},
    features::{FeatureChange, Features},
    gate::Gate,
    names::{SessionId, StreamId},
    policy::{Consent, Policy},
    store::{NewSession, SessionEnd, StreamKind, random_hex},
};

/// Random bytes in the id of a session of the booth.
const SESSION_ID_BYTES: usize = 16;

/// Gates of the devices' loops.
#[derive(Clone, Debug)]
pub struct Gates {
    /// The camera's.
    pub camera: Gate,
    /// The microphone's.
    pub microphone: Gate,
    /// There is a camera or a demo source in its place.
    pub has_camera: bool,
    /// There is a microphone or a demo source in its place.
    pub has_microphone: bool,
}

impl Gates {
    /// Closed gates: nothing is read until they are opened.
    pub fn closed() -> Self {
        let (camera, microphone) = (Gate::new(false), Gate::new(false));
        Gates { camera, microphone, has_camera: true, has_microphone: true }
    }

    /// Whether a device exists that these states let open.
    fn let_in(&self, opens: Opens) -> bool {
        (opens.camera && self.has_camera) || (opens.microphone && self.has_microphone)
    }
}

/// Dependencies of an interview.
#[derive(Clone)]
pub struct Dependencies {
    /// Limits of the configuration.
    pub policy: Policy,
    /// Initial feature switches, limited by the policy.
    pub features: Features,
    /// Durable log of sessions and audit entries.
    pub log: Arc<dyn SessionLog>,
    /// Source of wall and monotonic time.
    pub clock: Arc<dyn Clock>,
}

/// Interview of one stream. Clones are handles of the same interview.
#[derive(Clone)]
pub struct Interview {
    shared: Arc<Shared>,
}

struct Shared {
    id: StreamId,
    stream: Arc<Stream>,
    gates: Gates,
    policy: Policy,
    log: Arc<dyn SessionLog>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<InterviewState>,
    /// Held during a change of the state.
    turn: Mutex<Turn>,
}

/// Data of the task that changes the state.
struct Turn {
    /// Feature switches without a session, or where a session sets none.
    features: Features,
    /// A summary that the log did not take; the next end of the session tries again.
    unwritten: Option<SessionSummary>,
}

impl fmt::Debug for Interview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booth").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

impl Interview {
    /// The interview of the person at that stream, without a session: in the booth each gets an id
    /// of its own, at a client it is the client's. Opens the gates as far as `policy` and `features` allow.
    pub fn new(
        id: StreamId,
        stream: Arc<Stream>,
        gates: Gates,
        dependencies: Dependencies,
    ) -> Self {
        let Dependencies { policy, features, log, clock } = dependencies;
        let features = features.within(policy.ceiling);
        let mut state = InterviewState::new(&policy, features);
        state.analysing = gates.let_in(state.opens());
        let (state, _) = watch::channel(state);
        let turn = Mutex::new(Turn { features, unwritten: None });
        let shared = Shared { id, stream, gates, policy, log, clock, state, turn };
        let booth = Interview { shared: Arc::new(shared) };
        let state = booth.shared.state.borrow().clone();
        booth.obey(&state);
        booth
    }

    /// State of the interview, now and at each change.
    pub fn state(&self) -> watch::Receiver<InterviewState> {
        self.shared.state.subscribe()
    }

    /// Switches features, for now and for the sessions to come.
    ///
    /// # Errors
    /// `InvalidInput` when the policy forbids it; then nothing changes. Errors of the log: then the
    /// switches that were to go off are off, and none was switched on.
    pub async fn configure(&self, change: &FeatureChange, actor: &str) -> Result<()> {
        let mut turn = self.turn().await;
        let now = self.now();
        let features = self.shared.policy.apply(now.features, change)?;
        let later = self.shared.policy.apply(turn.features, change)?;
        if features == now.features && later == turn.features {
            return Ok(());
        }
        // Switching off takes effect even if the log fails.
        self.change(|state| state.features = now.features.within(features));
        turn.features = turn.features.within(later);
        let detail = Some(described(change));
        self.audit(actor, "features.change", &self.object(&now), detail).await?;
        turn.features = later;
        self.change(|state| state.features = features);
        Ok(())
    }

    /// Begins an interview: with the consent on the disk, the devices open.
    ///
    /// # Errors
    /// `InvalidInput` when one runs already, when the consent is not to this booth's notice, or
    /// when the policy forbids a feature or is not chosen. Errors of the log. On an error nothing is
    /// opened.
    pub async fn start_session(
        &self,
        start: StartSession,
        actor: &str,
    ) -> Result<ActiveSession> {
        let _turn = self.turn().await;
        let now = self.now();
        let began = Began::now(&*self.shared.clock);
        let started_at = self.shared.clock.unix_ms_at(began.since_boot);
        let features = self.judge(&start, &now, started_at)?;
        let StartSession { notice_version, consent_at, subject_ref, .. } = start;
        let session = ActiveSession {
            session_id: self.session_id(),
            subject_ref,
            notice_version,
            consent_at,
            started_at,
            began,
        };
        let new = NewSession {
            session_id: session.session_id.clone(),
            stream: self.stream_kind(),
            subject_ref: session.subject_ref.clone(),
            notice_version: session.notice_version.clone(),
            consent_at,
            started_at,
            features,
            actor: actor.into(),
            owner: None,
        };
        self.shared.log.begin(new).await?;
        self.shared.stream.begin_session(session.session_id.clone()).await?;
        self.change(|state| {
            state.features = features;
            state.session = Some(session.clone());
            state.paused = false;
        });
        Ok(session)
    }

    /// The feature switches of the session that begins now, if it may begin.
    fn judge(
        &self,
        start: &StartSession,
        now: &InterviewState,
        started_at: i64,
    ) -> Result<Features> {
        self.shared.policy.check_chosen()?;
        if let Some(session) = &now.session {
            let what = format!("session {} still runs; end it first", session.session_id);
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let notice_version = start.notice_version.clone();
        let consent = Consent { notice_version, consent_at: start.consent_at };
        let known = self.shared.clock.is_set().then_some(started_at);
        self.shared.policy.check_consent(&consent, known)?;
        let change = start.features.unwrap_or_default();
        self.shared.policy.apply(now.features, &change)
    }

    /// Closes the devices for a while, or opens them again as far as the rest allows it.
    ///
    /// # Errors
    /// Errors of the log: a pause takes effect all the same, and a paused interview stays paused.
    /// `InvalidInput` for going on with a session that has ended but for its summary.
    pub async fn pause(&self, paused: bool, actor: &str) -> Result<()> {
        let turn = self.turn().await;
        if !paused && turn.unwritten.is_some() {
            let what = "the session has ended and only its summary is unwritten; end it again";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        if paused {
            self.change(|state| state.paused = true);
        }
        let now = self.now();
        let action = if paused { "session.pause" } else { "session.resume" };
        self.audit(actor, action, &self.object(&now), None).await?;
        self.change(|state| state.paused = paused);
        Ok(())
    }

    /// Ends the session; returns its summary once that is on the disk.
    ///
    /// # Errors
    /// `InvalidInput` when none runs, or when the log refuses the summary for good; the session has
    /// then ended without it. Other errors of the log: the devices are then closed, and the next call
    /// writes the same summary.
    pub async fn end_session(&self, actor: &str) -> Result<SessionSummary> {
        let mut turn = self.turn().await;
        let now = self.now();
        let Some(session) = now.session else {
            return Err(Error::new(ErrorKind::InvalidInput, "no session runs"));
        };
        let summary = match turn.unwritten.take() {
            Some(summary) => summary,
            None => {
                if self.shared.policy.require_consent {
                    // The consent ends here, before anything else takes its time.
                    self.shared.gates.camera.set_open(false);
                    self.shared.gates.microphone.set_open(false);
                }
                let finished = self.shared.stream.finish_session().await?;
                SessionSummary::new(&session, now.features, &*self.shared.clock, &finished)
            }
        };
        let end = SessionEnd {
            session_id: summary.session_id.clone(),
            ended_at: summary.ended_at,
            summary: serde_json::to_value(&summary).map_err(|cause| {
                Error::new(ErrorKind::Internal, "a summary is no JSON").because(cause)
            })?,
            actor: actor.into(),
        };
        let refused = match self.shared.log.end(end).await {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::InvalidInput => Some(error),
            Err(error) => {
                turn.unwritten = Some(summary);
                self.change(|state| state.paused = true);
                return Err(error);
            }
        };
        let features = turn.features;
        self.change(|state| {
            state.session = None;
            state.features = features;
            state.paused = false;
        });
        refused
            .map_or_else(|| Ok(summary), |cause| Err(is_not_kept(&session.session_id, &cause)))
    }

    /// Corrects and publishes the begin of the running session after the clock was set. Called
    /// periodically.
    pub fn look_at_clock(&self) {
        let clock = &*self.shared.clock;
        self.shared.state.send_if_modified(|state| {
            let Some(session) = &mut state.session else { return false };
            let before = session.started_at;
            session.started_at = session.started_at_by(clock);
            session.started_at != before
        });
    }

    /// Ends the running session, if any, as the stream closes.
    ///
    /// # Errors
    /// Errors of the log.
    pub async fn leave(&self, actor: &str) -> Result<()> {
        if self.now().session.is_none() {
            return Ok(());
        }
        self.end_session(actor).await.map(drop)
    }

    /// Id of a new session: random in the booth, so that it cannot be guessed; a client's own otherwise.
    fn session_id(&self) -> SessionId {
        match &self.shared.id {
            StreamId::Booth => {
                random_hex(SESSION_ID_BYTES).parse().expect("hexadecimal digits are an id")
            }
            StreamId::Session(id) => id.clone(),
        }
    }

    /// Object of an audit entry: the running session or the one that a client names (an erasure finds
    /// it by this text), else the booth.
    fn object(&self, now: &InterviewState) -> String {
        let running = now.session.as_ref().map(|session| &session.session_id);
        running
            .or(self.shared.id.session())
            .map_or("booth".into(), |id| format!("session {id}"))
    }

    fn stream_kind(&self) -> StreamKind {
        match self.shared.id {
            StreamId::Booth => StreamKind::Booth,
            StreamId::Session(_) => StreamKind::Client,
        }
    }

    async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.shared.turn.lock().await
    }

    fn now(&self) -> InterviewState {
        self.shared.state.borrow().clone()
    }

    /// Applies a change to gates and stream, then publishes it.
    fn change(&self, change: impl FnOnce(&mut InterviewState)) {
        let mut state = self.now();
        change(&mut state);
        state.analysing = self.shared.gates.let_in(state.opens());
        self.obey(&state);
        self.shared.state.send_if_modified(|published| {
            let is_new = *published != state;
            *published = state;
            is_new
        });
    }

    /// Sets the gates and the stream according to the state.
    fn obey(&self, state: &InterviewState) {
        let (opens, gates) = (state.opens(), &self.shared.gates);
        gates.camera.set_open(opens.camera);
        gates.microphone.set_open(opens.microphone);
        self.shared.stream.set_features(state.features);
        if !opens.camera {
            self.shared.stream.clear_preview();
        }
    }

    async fn audit(
        &self,
        actor: &str,
        action: &'static str,
        object: &str,
        detail: Option<String>,
    ) -> Result<()> {
        let (actor, object) = (actor.into(), object.into());
        self.shared.log.audit(AuditEvent { actor, action, object, detail }).await
    }
}

/// The log refuses the end of a session for good: no later try would be taken, and the session is
/// over here all the same, or no other could ever begin.
fn is_not_kept(session_id: &str, cause: &Error) -> Error {
    log::error!(target: "booth", session_id = session_id, error = &*cause.to_string(); "the session has ended, and its summary is not kept");
    let what = format!(
        "session {session_id} has ended, but its summary is not kept: it was erased meanwhile, or \
         the database was replaced"
    );
    Error::new(ErrorKind::InvalidInput, what).because(cause.to_string())
}

/// The switches that a change sets, as JSON without the others.
fn described(change: &FeatureChange) -> String {
    let mut change = serde_json::to_value(change).expect("switches are plain");
    if let Some(switches) = change.as_object_mut() {
        switches.retain(|_, on| !on.is_null());
    }
    change.to_string()
}

#[cfg(test)]
mod tests;
