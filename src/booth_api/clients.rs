//! [`Clients`]: the streams of clients that send media of their own, by session.
//!
//! A stream outlives its connection for 60 s, so that a client can resume after a network failure. A
//! session has one sender at a time: a new connection takes over from the old one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Settings,
    claims::{Claim, Claims},
    guest_log::{Allowances, GuestLog},
    message::{refusal::Refusal, stamp::Stamp},
};
use crate::{
    clock::Clock,
    engine::{Engine, Live, Origin, Stream, StreamSpec},
    error::{Error, ErrorKind},
    gate::Gate,
    interview::{Dependencies, Gates, Interview},
    media::{Frame, Orientation, PixelFormat, SoundChunk, SoundFormat},
    names::SessionId,
    recorder,
    store::{Store, Token},
};

/// How long a stream outlives its connection.
const RESUME_WITHIN: Duration = Duration::from_secs(60);

/// Timestamps that wait for their report: of queued, analysed and not yet reported media.
const STAMPS: usize = 16;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// See the module.
pub(super) struct Clients {
    engine: Engine,
    settings: watch::Receiver<Settings>,
    dependencies: Dependencies,
    store: Store,
    most: usize,
    open: Mutex<HashMap<SessionId, Arc<Client>>>,
    claims: Claims,
    allowances: Arc<Allowances>,
}

/// One client's stream, its interview, and the timestamps of what it sent.
pub(super) struct Client {
    pub(super) session_id: SessionId,
    pub(super) interview: Interview,
    pub(super) live: watch::Receiver<Live>,
    stream: Arc<Stream>,
    gates: Gates,
    clock: Arc<dyn Clock>,
    /// The connection that sends; `None` while the client is away.
    sender: watch::Sender<Option<String>>,
    sent: Mutex<Sent>,
    log: Arc<GuestLog>,
}

#[derive(Default)]
struct Sent {
    /// The id is its sender's while the stream is open.
    claim: Option<Arc<Claim>>,
    frames: Stamps,
    chunks: Stamps,
    left_at: Option<Duration>,
}

/// The client's own timestamps, by sequence.
#[derive(Default)]
struct Stamps {
    next: u64,
    kept: VecDeque<(u64, Option<Stamp>)>,
}

impl Stamps {
    fn add(&mut self, stamp: Option<Stamp>) -> u64 {
        let sequence = self.next;
        self.next += 1;
        if self.kept.len() == STAMPS {
            self.kept.pop_front();
        }
        self.kept.push_back((sequence, stamp));
        sequence
    }

    fn of(&self, sequence: u64) -> Option<Stamp> {
        self.kept.iter().find(|(kept, _)| *kept == sequence)?.1.clone()
    }
}

impl Clients {
    /// Without clients; at most `most` streams.
    pub(super) fn new(
        engine: Engine,
        settings: watch::Receiver<Settings>,
        dependencies: Dependencies,
        store: Store,
        most: usize,
    ) -> Self {
        Clients {
            allowances: Arc::new(Allowances::new(dependencies.clock.clone())),
            engine,
            settings,
            dependencies,
            store,
            most,
            open: Mutex::default(),
            claims: Claims::default(),
        }
    }

    /// Claims a session's id for a token that sends media of its own; `None` while it is
    /// another's.
    pub(super) fn claim(&self, token: &Token, session_id: &SessionId) -> Option<Arc<Claim>> {
        let is_used = self.find(session_id).is_some();
        self.claims.claim(token, session_id, is_used, self.dependencies.clock.monotonic())
    }

    /// The stream of a session, opened if it is new; `connection` is its sender from now on.
    pub(super) fn attach(
        &self,
        session_id: &SessionId,
        connection: &str,
        token: &Token,
        claim: Option<Arc<Claim>>,
    ) -> Result<Arc<Client>, Refusal> {
        let mut open = self.open.lock().expect(UNPOISONED);
        let client = match open.get(session_id) {
            Some(client) => client.clone(),
            None if open.len() >= self.most => {
                let sentence = "too many sessions; try again in a minute";
                return Err(Refusal::new("exhausted", sentence));
            }
            None => {
                let client = Arc::new(self.make(session_id));
                open.insert(session_id.clone(), client.clone());
                client
            }
        };
        client.log.belongs_to(token);
        let mut sent = client.sent.lock().expect(UNPOISONED);
        (sent.left_at, sent.claim) = (None, claim);
        drop(sent);
        client.sender.send_replace(Some(connection.to_owned()));
        Ok(client)
    }

    /// The stream of a session, if one is open.
    pub(super) fn find(&self, session_id: &SessionId) -> Option<Arc<Client>> {
        self.open.lock().expect(UNPOISONED).get(session_id).cloned()
    }

    /// Ends the streams whose clients are away for longer than [`RESUME_WITHIN`]; called periodically.
    pub(super) async fn clean_up(&self, now: Duration) {
        for client in self.open.lock().expect(UNPOISONED).values() {
            client.interview.look_at_clock();
        }
        self.close(|left_at| left_at.is_some_and(|at| now.saturating_sub(at) >= RESUME_WITHIN))
            .await;
        for event in self.allowances.unlisted() {
            if let Err(error) = self.dependencies.log.audit(event).await {
                let chain = error.chain().to_string();
                log::warn!(target: "web", error = chain.as_str();
                    "what a guest did and was only counted could not be noted");
            }
        }
    }

    /// Ends every stream, so that each summary is written.
    pub(super) async fn end_all(&self) {
        self.close(|_| true).await;
    }

    fn make(&self, session_id: &SessionId) -> Client {
        let Settings { session, features, .. } = self.settings.borrow().clone();
        let spec = StreamSpec {
            stream: session_id.clone().into(),
            origin: Origin::default(),
            session,
            features,
        };
        let (stream, task, live) = self.engine.open(&spec);
        let clock = self.dependencies.clock.clone();
        tokio::spawn(task.run(clock.clone()));
        let (stream, gates) = (Arc::new(stream), Gates::closed());
        let log =
            Arc::new(GuestLog::new(self.dependencies.log.clone(), self.allowances.clone()));
        let dependencies =
            Dependencies { log: log.clone(), features, ..self.dependencies.clone() };
        let interview =
            Interview::new(spec.stream, stream.clone(), gates.clone(), dependencies);
        let (state, store) = (interview.state(), self.store.clone());
        tokio::spawn(recorder::follow(live.clone(), state, store, None));
        Client {
            session_id: session_id.clone(),
            interview,
            live,
            stream,
            gates,
            clock,
            sender: watch::channel(None).0,
            sent: Mutex::default(),
            log,
        }
    }

    async fn close(&self, is_over: impl Fn(Option<Duration>) -> bool) {
        let is_over = |client: &Client| is_over(client.sent.lock().expect(UNPOISONED).left_at);
        let over: Vec<Arc<Client>> = {
            let mut open = self.open.lock().expect(UNPOISONED);
            open.extract_if(|_, client| is_over(client)).map(|(_, client)| client).collect()
        };
        for client in over {
            if let Err(error) = client.interview.leave("boothd").await {
                let chain = error.chain().to_string();
                log::warn!(target: "web", session = client.session_id.as_str(), error = chain.as_str();
                    "a client's session could not be ended in the store");
            }
        }
    }
}

impl Client {
    /// The id of the sending connection; changes when another one takes over.
    pub(super) fn sender(&self) -> watch::Receiver<Option<String>> {
        self.sender.subscribe()
    }

    /// `connection` has ended: the client may come back within [`RESUME_WITHIN`].
    pub(super) fn detach(&self, connection: &str) {
        let left = self.sender.send_if_modified(|sender| {
            let is_theirs = sender.as_deref() == Some(connection);
            if is_theirs {
                *sender = None;
            }
            is_theirs
        });
        if left {
            self.sent.lock().expect(UNPOISONED).left_at = Some(self.clock.monotonic());
        }
    }

    /// Takes a picture; `stamp` comes back with its report.
    pub(super) fn put_frame(
        &self,
        format: PixelFormat,
        data: Vec<u8>,
        stamp: Option<Stamp>,
    ) -> Result<(), Refusal> {
        self.admit(&self.gates.camera, "video")?;
        let sequence = self.sent.lock().expect(UNPOISONED).frames.add(stamp);
        let frame = Frame {
            sequence,
            captured_at: self.clock.monotonic(),
            unix_ms: self.clock.unix_ms(),
            // The decoder finds the truth.
            width_px: 0,
            height_px: 0,
            format,
            // The orientation is in the file that the client sends.
            orientation: Orientation::Upright,
            data,
        };
        self.stream.put_frame(frame).map_err(|error| not_taken(&error))
    }

    /// Takes some sound; `stamp` comes back with the report on it.
    pub(super) fn put_chunk(
        &self,
        format: SoundFormat,
        data: Vec<u8>,
        stamp: Option<Stamp>,
    ) -> Result<(), Refusal> {
        self.admit(&self.gates.microphone, "audio")?;
        let sequence = self.sent.lock().expect(UNPOISONED).chunks.add(stamp);
        let chunk = SoundChunk {
            sequence,
            captured_at: self.clock.monotonic(),
            unix_ms: self.clock.unix_ms(),
            format,
            gap_before: false,
            data,
        };
        self.stream.put_chunk(chunk).map_err(|error| not_taken(&error))
    }

    /// The client's timestamp of a frame, while it is kept.
    pub(super) fn frame_stamp(&self, sequence: u64) -> Option<Stamp> {
        self.sent.lock().expect(UNPOISONED).frames.of(sequence)
    }

    /// The client's timestamp of a chunk, while it is kept.
    pub(super) fn chunk_stamp(&self, sequence: u64) -> Option<Stamp> {
        self.sent.lock().expect(UNPOISONED).chunks.of(sequence)
    }

    /// Admits media only while the gate is open; the error names why it is closed.
    fn admit(&self, gate: &Gate, feature: &str) -> Result<(), Refusal> {
        if gate.is_open() {
            return Ok(());
        }
        let state = self.interview.state().borrow().clone();
        Err(if let Some(why) = state.profile.forbids_all() {
            Refusal::new("policy_unchosen", why)
        } else if state.paused {
            Refusal::new("paused", "the session is paused; send resume_session first")
        } else if state.require_consent && state.session.is_none() {
            let sentence =
                "nothing is analysed before start_session with the candidate's consent";
            Refusal::new("consent_required", sentence)
        } else {
            Refusal::new("feature_off", format!("{feature} is switched off"))
        })
    }
}

fn not_taken(error: &Error) -> Refusal {
    let code = match error.kind() {
        ErrorKind::InvalidInput => "invalid_media",
        _ => "exhausted",
    };
    Refusal::new(code, error.to_string())
}
