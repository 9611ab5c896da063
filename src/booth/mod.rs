//! [`Booth`]: one stream's interview: consent, switches, pause, session. Decides when a device
//! may be used at all, and tells the store what must be remembered.
//!
//! The booth's own devices have one, and so has each client that sends media of its own. Holds
//! no media and no metrics.

mod state;

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Mutex, watch};

pub use state::{ActiveSession, BoothState, SessionSummary, StartSession};

use crate::{
    clock::Clock,
    engine::Stream,
    error::{Error, ErrorKind, Result},
    features::{FeatureChange, Features},
    gate::Gate,
    policy::{Consent, Policy},
    report::SummaryReport,
    store::{NewSession, Store, StreamKind, random_hex},
};

/// Random bytes in the name of a session of the booth.
const SESSION_ID_BYTES: usize = 16;

/// The gates of the devices; those of a client's stream are asked before its media is taken.
#[derive(Clone, Debug)]
pub struct Gates {
    /// Pictures.
    pub camera: Gate,
    /// Sound.
    pub microphone: Gate,
}

impl Gates {
    /// Closed: nothing is read until somebody opens them.
    pub fn closed() -> Self {
        Gates { camera: Gate::new(false), microphone: Gate::new(false) }
    }
}

/// Whose interview it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// Of the person in the booth.
    Booth,
    /// Of the person at a client.
    Client {
        /// The client's own name for it.
        session_id: String,
    },
}

/// What an interview stands on.
#[derive(Clone)]
pub struct Ground {
    /// What is allowed at all.
    pub policy: Policy,
    /// The switches at first.
    pub features: Features,
    /// Where sessions are remembered.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// See the module. Clones are the same interview.
#[derive(Clone)]
pub struct Booth {
    shared: Arc<Shared>,
}

struct Shared {
    subject: Subject,
    stream: Arc<Stream>,
    gates: Gates,
    ground: Ground,
    state: watch::Sender<BoothState>,
    /// One change at a time.
    change: Mutex<Progress>,
}

/// What a change must know and nobody else.
#[derive(Debug, Default)]
struct Progress {
    began_at: Duration,
    /// The switches of before, where the session has its own.
    features_after: Option<Features>,
    /// A session that is over, and whose summary the store has not taken yet.
    untold: Option<SessionSummary>,
}

impl fmt::Debug for Booth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booth").field("subject", &self.shared.subject).finish_non_exhaustive()
    }
}

impl Booth {
    /// Opens the gates as far as the policy allows without a session.
    pub fn new(subject: Subject, stream: Arc<Stream>, gates: Gates, ground: Ground) -> Self {
        let state = BoothState::at_first(&ground.policy, ground.features);
        let state = watch::channel(state).0;
        let change = Mutex::default();
        let shared = Shared { subject, stream, gates, ground, state, change };
        let booth = Booth { shared: Arc::new(shared) };
        booth.publish(|_| ());
        booth
    }

    /// How it stands.
    pub fn state(&self) -> watch::Receiver<BoothState> {
        self.shared.state.subscribe()
    }

    /// Switches features, from the next media on; a device that is switched off is closed.
    ///
    /// # Errors
    /// `InvalidInput` when the policy forbids it; `Unavailable` when it cannot be noted.
    pub async fn configure(&self, change: &FeatureChange, actor: &str) -> Result<()> {
        let _one = self.shared.change.lock().await;
        let now = self.shared.state.borrow().features;
        let features = self.shared.ground.policy.apply(now, change)?;
        // Privacy does not wait for the disk: what is to be off is off at once.
        self.publish(|state| state.features = now.within(features));
        if features != now {
            self.note(actor, "configure", &described(change)).await?;
            self.publish(|state| state.features = features);
        }
        Ok(())
    }

    /// Begins the session of a person who has agreed to the notice.
    ///
    /// # Errors
    /// `InvalidInput` when a session runs, when the consent is to another notice or lies in the
    /// future, or when a switch is forbidden; `Unavailable` when it cannot be remembered: then
    /// nothing begins.
    pub async fn start_session(&self, start: StartSession, actor: &str) -> Result<ActiveSession> {
        let mut progress = self.shared.change.lock().await;
        self.store_untold(&mut progress, actor).await?;
        let Ground { policy, store, clock, .. } = &self.shared.ground;
        let state = self.shared.state.borrow().clone();
        if let Some(running) = &state.session {
            let what = format!("session {} runs; end it first", running.session_id);
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let features = match &start.features {
            Some(change) => policy.apply(state.features, change)?,
            None => state.features,
        };
        let StartSession { notice_version, consent_at, subject_ref, .. } = start.clone();
        let consent = Consent { notice_version, consent_at };
        let started_at = clock.unix_ms();
        policy.check_consent(&consent, started_at)?;
        let (stream, session_id) = self.kind_and_id();
        store
            .begin_session(NewSession {
                session_id: session_id.clone(),
                stream,
                token_name: Some(actor.to_owned()),
                subject_ref: subject_ref.clone(),
                started_at,
                consent: Some((consent.notice_version.clone(), consent_at)),
                features: serde_json::to_value(features).expect("switches are plain"),
                actor: actor.to_owned(),
            })
            .await?;
        self.shared.stream.begin_session(&session_id).await?;
        progress.began_at = clock.monotonic();
        progress.features_after = start.features.map(|_| state.features);
        let notice_version = consent.notice_version;
        let session =
            ActiveSession { session_id, subject_ref, notice_version, consent_at, started_at };
        self.publish(|state| {
            state.features = features;
            state.paused = false;
            state.session = Some(session.clone());
        });
        log::info!(target: "booth", session = session.session_id.as_str(); "session started");
        Ok(session)
    }

    /// Closes the devices for a while, or opens them again.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be noted.
    pub async fn pause(&self, paused: bool, actor: &str) -> Result<()> {
        let _one = self.shared.change.lock().await;
        if self.shared.state.borrow().paused == paused {
            return Ok(());
        }
        if paused {
            // Privacy does not wait for the disk.
            self.publish(|state| state.paused = true);
            return self.note(actor, "pause", "").await;
        }
        self.note(actor, "resume", "").await?;
        self.publish(|state| state.paused = false);
        Ok(())
    }

    /// Ends the session: what it came to. Where the store fails the session is over all the
    /// same, and its summary is kept for the next try.
    ///
    /// # Errors
    /// `InvalidInput` when no session runs; `Unavailable` when it cannot be remembered.
    pub async fn end_session(&self, actor: &str) -> Result<SessionSummary> {
        let mut progress = self.shared.change.lock().await;
        let running = self.shared.state.borrow().session.clone();
        if let Some(session) = running {
            let summary = self.finish(session, &mut progress).await?;
            progress.untold = Some(summary);
        }
        let nothing = || Error::new(ErrorKind::InvalidInput, "no session runs; start one first");
        let summary = progress.untold.clone().ok_or_else(nothing)?;
        self.store_untold(&mut progress, actor).await?;
        log::info!(target: "booth", session = summary.session_id.as_str(); "session ended");
        Ok(summary)
    }

    /// The stream closes: ends the session if there is one.
    ///
    /// # Errors
    /// `Unavailable` when its summary cannot be remembered.
    pub async fn leave(&self, actor: &str) -> Result<()> {
        let is_over = self.shared.state.borrow().session.is_none()
            && self.shared.change.lock().await.untold.is_none();
        if is_over { Ok(()) } else { self.end_session(actor).await.map(drop) }
    }

    async fn finish(
        &self,
        session: ActiveSession,
        progress: &mut Progress,
    ) -> Result<SessionSummary> {
        let Ground { clock, .. } = &self.shared.ground;
        let features = self.shared.state.borrow().features;
        let took = clock.monotonic().saturating_sub(progress.began_at);
        let finished = self.shared.stream.finish_session().await?;
        let features_after = progress.features_after.take().unwrap_or(features);
        self.publish(|state| {
            state.session = None;
            state.paused = false;
            state.features = features_after;
        });
        Ok(SessionSummary {
            session_id: session.session_id,
            started_at: session.started_at,
            ended_at: clock.unix_ms(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            subject_ref: session.subject_ref,
            notice_version: session.notice_version,
            consent_at: session.consent_at,
            features,
            report: SummaryReport::of_session(&finished),
        })
    }

    async fn store_untold(&self, progress: &mut Progress, actor: &str) -> Result<()> {
        if let Some(summary) = &progress.untold {
            let store = &self.shared.ground.store;
            let (id, ended_at) = (&summary.session_id, summary.ended_at);
            store.end_session(id, ended_at, summary.to_json(), actor).await?;
            progress.untold = None;
        }
        Ok(())
    }

    async fn note(&self, actor: &str, action: &str, detail: &str) -> Result<()> {
        let object = match &self.shared.subject {
            Subject::Booth => "booth",
            Subject::Client { session_id } => session_id,
        };
        self.shared.ground.store.audit(actor, action, object, detail).await
    }

    fn kind_and_id(&self) -> (StreamKind, String) {
        match &self.shared.subject {
            Subject::Booth => (StreamKind::Booth, random_hex(SESSION_ID_BYTES)),
            Subject::Client { session_id } => (StreamKind::Client, session_id.clone()),
        }
    }

    /// Changes the state, and the gates with it.
    fn publish(&self, change: impl FnOnce(&mut BoothState)) {
        let Shared { stream, gates, state, .. } = &*self.shared;
        state.send_modify(|state| {
            change(state);
            let (video, audio) = (state.may_see(), state.may_hear());
            state.analysing = video || audio;
            gates.camera.set_open(video);
            gates.microphone.set_open(audio);
            // What waits in the lanes may no longer be looked at either.
            stream.set_features(Features { video, audio, ..state.features });
        });
    }
}

/// The switches that are to change, for the audit log.
fn described(change: &FeatureChange) -> String {
    serde_json::to_string(change).expect("switches are plain")
}

#[cfg(test)]
mod tests;
