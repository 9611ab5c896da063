//! [`Interview`]: one stream's interview. Decides when camera and microphone may be open, and what is
//! analysed; holds no device and no socket. The booth's own devices have one, and so has each
//! client that sends media of its own.
//!
//! What is asked of it happens one after the other. It opens nothing before the log has it on
//! the disk, and closes before it tells anybody.

pub mod devices;
mod session_log;
mod state;

use std::{fmt, sync::Arc};

use tokio::sync::{Mutex, MutexGuard, watch};

pub use session_log::{Answer, AuditEvent, BegunSession, EndedSession, SessionLog};
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
    store::random_hex,
};

/// Random bytes in the id of a session of the booth.
const SESSION_ID_BYTES: usize = 16;

/// Where the devices' loops wait.
#[derive(Clone, Debug)]
pub struct Gates {
    /// The camera's.
    pub camera: Gate,
    /// The microphone's.
    pub microphone: Gate,
    /// There is a camera, or what stands in for it.
    pub has_camera: bool,
    /// The same of a microphone.
    pub has_microphone: bool,
}

impl Gates {
    /// Closed: nothing is read until somebody opens them.
    pub fn closed() -> Self {
        let (camera, microphone) = (Gate::new(false), Gate::new(false));
        Gates { camera, microphone, has_camera: true, has_microphone: true }
    }

    /// Whether something comes in where the state lets these open.
    fn let_in(&self, opens: Opens) -> bool {
        (opens.camera && self.has_camera) || (opens.microphone && self.has_microphone)
    }
}

/// What an interview stands on.
#[derive(Clone)]
pub struct Dependencies {
    /// What is allowed at all.
    pub policy: Policy,
    /// The switches at first, as far as the policy allows them.
    pub features: Features,
    /// Where sessions are written down.
    pub log: Arc<dyn SessionLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The booth. Clones are handles of the same.
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
    /// Held by whoever changes the state.
    turn: Mutex<Turn>,
}

/// What only the one who changes the state knows.
struct Turn {
    /// What is analysed when no session says otherwise.
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

    /// What the booth does, now and at each change.
    pub fn state(&self) -> watch::Receiver<InterviewState> {
        self.shared.state.subscribe()
    }

    /// Switches features, for now and for the sessions to come.
    ///
    /// # Errors
    /// `InvalidInput` when the policy forbids it; then nothing changes. What the log says; then
    /// what was switched off is off, and nothing was switched on.
    pub async fn configure(&self, change: &FeatureChange, actor: &str) -> Result<()> {
        let mut turn = self.turn().await;
        let now = self.now();
        let features = self.shared.policy.apply(now.features, change)?;
        let later = self.shared.policy.apply(turn.features, change)?;
        if features == now.features && later == turn.features {
            return Ok(());
        }
        // Off is obeyed whatever comes of the log.
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
    /// when the policy forbids a feature or is not chosen. What the log says. Nothing is opened
    /// then.
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
        let begun = BegunSession {
            session_id: session.session_id.clone(),
            is_client: self.is_client(),
            subject_ref: session.subject_ref.clone(),
            notice_version: session.notice_version.clone(),
            consent_at,
            started_at,
            features,
            actor: actor.into(),
            owner: None,
        };
        self.shared.log.begin(begun).await?;
        self.shared.stream.begin_session(session.session_id.clone()).await?;
        self.change(|state| {
            state.features = features;
            state.session = Some(session.clone());
            state.paused = false;
        });
        Ok(session)
    }

    /// What the session that begins now analyses, if it may.
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
    /// What the log says: a pause holds all the same, and what was paused stays so.
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

    /// Ends the interview: what it came to, once that is on the disk.
    ///
    /// # Errors
    /// `InvalidInput` when none runs, or when the log refuses the summary for good; the session has
    /// then ended without it. What else the log says: the devices are then closed, and asking again
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
        let ended = EndedSession {
            session_id: summary.session_id.clone(),
            ended_at: summary.ended_at,
            summary: serde_json::to_value(&summary).map_err(|cause| {
                Error::new(ErrorKind::Internal, "a summary is no JSON").because(cause)
            })?,
            actor: actor.into(),
        };
        let refused = match self.shared.log.end(ended).await {
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

    /// Tells the time of the running session's begin anew where the clock was set since; to be
    /// called now and then.
    pub fn look_at_clock(&self) {
        let clock = &*self.shared.clock;
        self.shared.state.send_if_modified(|state| {
            let Some(session) = &mut state.session else { return false };
            let before = session.started_at;
            session.started_at = session.started_at_by(clock);
            session.started_at != before
        });
    }

    /// The stream closes: ends the session, if one runs.
    ///
    /// # Errors
    /// What the log says.
    pub async fn leave(&self, actor: &str) -> Result<()> {
        if self.now().session.is_none() {
            return Ok(());
        }
        self.end_session(actor).await.map(drop)
    }

    /// Nobody guesses another's session.
    fn session_id(&self) -> SessionId {
        match &self.shared.id {
            StreamId::Booth => {
                random_hex(SESSION_ID_BYTES).parse().expect("hexadecimal digits are an id")
            }
            StreamId::Session(id) => id.clone(),
        }
    }

    /// What something was done to, for the audit log: the session that runs or that a client
    /// names, as erasing it finds it there, or the booth.
    fn object(&self, now: &InterviewState) -> String {
        let running = now.session.as_ref().map(|session| &session.session_id);
        running
            .or(self.shared.id.session())
            .map_or("booth".into(), |id| format!("session {id}"))
    }

    fn is_client(&self) -> bool {
        self.shared.id != StreamId::Booth
    }

    async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.shared.turn.lock().await
    }

    fn now(&self) -> InterviewState {
        self.shared.state.borrow().clone()
    }

    /// Obeys first, then tells.
    fn change(&self, change: impl FnOnce(&mut InterviewState)) {
        let mut state = self.now();
        change(&mut state);
        state.analysing = self.shared.gates.let_in(state.opens());
        self.obey(&state);
        self.shared.state.send_if_modified(|told| {
            let is_new = *told != state;
            *told = state;
            is_new
        });
    }

    /// Makes the gates and the stream do what the state says.
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

/// What a change says, as JSON without what it does not say.
fn described(change: &FeatureChange) -> String {
    let mut said = serde_json::to_value(change).expect("switches are plain");
    if let Some(switches) = said.as_object_mut() {
        switches.retain(|_, on| !on.is_null());
    }
    said.to_string()
}

#[cfg(test)]
mod tests;
