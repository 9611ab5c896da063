//! Wall clocks that no time server vouches for: random histories of a booth's clock, against what a right
//! clock would have done. A real store on a real file and real interviews; the clock is simulated.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use boothd::{
    clock::{Clock, SimulatedClock, Trust, keeper::SETTLES_IN_MS},
    engine::{Engine, EngineConfig, StreamSpec},
    features::Features,
    interview::{Dependencies, Gates, Interview, StartSession},
    names::StreamId,
    policy::{Policy, Profile},
    session::SessionConfig,
    store::{
        Database, Denied, NewToken, OutboxLimits, Role, Secret, SessionRecord, Store,
        StoreConfig, StoreThread, TokenId,
    },
};
use proptest::prelude::*;
use tempfile::TempDir;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// True wall time less the simulation's monotonic time: the booth is unpacked in September 2026.
const TRUE_OFFSET_MS: i64 = 1_790_000_000_000;

const RETENTION: i64 = 30 * DAY;
const AUDIT: i64 = 365 * DAY;
const TOKENS: i64 = 30 * DAY;

/// A consent by a client's clock that is so near to the booth's wrong time cannot be distinguished
/// from one by the booth's.
const AMBIGUOUS: i64 = 10 * MINUTE + SECOND;

fn span(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap())
}

/// What happens to the machine's clock.
#[derive(Clone, Copy, Debug)]
enum Jolt {
    Nothing,
    /// A person or a program sets it, forward or back; no time server stands by it.
    Step(i64),
    /// A time server sets it right.
    Right,
    /// The time server is gone; the clock runs on.
    Lonely,
    /// A time server is wrong by so much, for two minutes.
    Lie(i64),
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Wait(i64),
    Jolt(Jolt),
    /// An interview of two parts with a jolt between; whether the consent is by a client's clock.
    Interview {
        before: i64,
        jolt: Jolt,
        after: i64,
        by_client: bool,
    },
    /// One that boothd does not end.
    Abandoned(i64),
    /// A token that is good for so long.
    Token(i64),
    /// boothd restarts, the machine runs on.
    Restart,
    /// The machine was off, and starts with its wall clock wrong by so much; `None`: in 1970.
    Reboot {
        off: i64,
        wrong_by: Option<i64>,
    },
}

struct Session {
    began: i64,
    ended: i64,
    consented: i64,
    by_client: bool,
}

/// A booth, and the truth.
struct World {
    folder: TempDir,
    clock: Arc<SimulatedClock>,
    store: Store,
    thread: StoreThread,
    booth: Interview,
    sessions: BTreeMap<String, Session>,
    /// In their order, by true time of the begin.
    begun: Vec<String>,
    notes: Vec<i64>,
    tokens: Vec<(TokenId, Secret, i64)>,
    is_lying: bool,
}

fn config() -> StoreConfig {
    let limits = OutboxLimits { max_bytes: 1 << 24, max_age: span(RETENTION) };
    StoreConfig { retention: span(RETENTION), outbox: Some(limits), ..StoreConfig::default() }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("boothd.db")
}

fn interviews(store: &Store) -> Interview {
    let engine = Engine::new(EngineConfig::default());
    let spec = StreamSpec {
        stream: StreamId::Booth,
        origin: Default::default(),
        session: SessionConfig::default(),
        features: Features::ALL,
    };
    let (stream, task, _) = engine.open(&spec);
    tokio::spawn(task.run(store.clock()));
    let policy = Policy {
        profile: Profile::Standard,
        require_consent: false,
        ceiling: Features::ALL,
        notice_version: "7".parse().unwrap(),
    };
    let dependencies = Dependencies {
        policy,
        features: Features::ALL,
        log: Arc::new(store.clone()),
        clock: store.clock(),
    };
    Interview::new(StreamId::Booth, Arc::new(stream), Gates::closed(), dependencies)
}

impl World {
    fn new(clock: SimulatedClock) -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Arc::new(clock));
        let (store, thread) =
            Store::open_with(&path(folder.path()), config(), clock.clone()).unwrap();
        let booth = interviews(&store);
        World {
            folder,
            clock,
            store,
            thread,
            booth,
            sessions: BTreeMap::new(),
            begun: Vec::new(),
            notes: Vec::new(),
            tokens: Vec::new(),
            is_lying: false,
        }
    }

    /// True wall time.
    fn truth(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap() + TRUE_OFFSET_MS
    }

    async fn restart(self, reboot: Option<(i64, Option<i64>)>) -> Self {
        let World { folder, clock, store, thread, booth, .. } = self;
        drop((store, booth));
        thread.join();
        if let Some((off, wrong_by)) = reboot {
            clock.set_synchronized(false);
            clock.reboot(span(off));
            let now = i64::try_from(clock.monotonic().as_millis()).unwrap();
            let wall = wrong_by.map_or(5 * SECOND, |by| (now + TRUE_OFFSET_MS + by).max(0));
            clock.step_wall(wall - clock.unix_ms());
        }
        let (store, thread) =
            Store::open_with(&path(folder.path()), config(), clock.clone()).unwrap();
        let booth = interviews(&store);
        World { folder, clock, store, thread, booth, ..self }
    }

    /// Time passes, and the thread sees it.
    async fn wait(&mut self, ms: i64) {
        self.clock.advance(span(ms));
        self.note().await;
        self.note().await;
    }

    /// The second is after everything that the thread does unasked.
    async fn note(&mut self) {
        let number = self.notes.len().to_string();
        self.notes.push(self.truth());
        self.store.audit("test", "note", &number, "").await.unwrap();
    }

    async fn jolt(&mut self, jolt: Jolt) {
        let set_by = |by: i64| self.clock.step_wall(by.max(-self.clock.unix_ms()));
        match jolt {
            Jolt::Nothing => (),
            Jolt::Lonely => self.clock.set_synchronized(false),
            Jolt::Step(by) => {
                self.clock.set_synchronized(false);
                set_by(by);
            }
            Jolt::Right => {
                set_by(self.truth() - self.clock.unix_ms());
                self.clock.set_synchronized(true);
            }
            Jolt::Lie(by) => {
                self.clock.set_synchronized(false);
                set_by(self.truth() + by - self.clock.unix_ms());
                self.clock.set_synchronized(true);
                self.is_lying = true;
                self.wait(2 * MINUTE).await;
                self.clock.set_synchronized(false);
                self.is_lying = false;
            }
        }
        self.wait(SECOND).await;
    }

    /// A client that knows the time sends when the consent was given; or the booth's own page does.
    async fn begin(&mut self, by_client: bool) -> String {
        // Pages go by the time of a begin, which two starts of the machine may share.
        self.clock.advance(span(1 + i64::try_from(self.begun.len()).unwrap()));
        let consented = self.truth() - 2 * SECOND;
        let start = |consent_at| StartSession {
            notice_version: "7".parse().unwrap(),
            consent_at,
            subject_ref: None,
            features: None,
        };
        let own = (self.store.clock().unix_ms() - 2 * SECOND).max(1);
        let consent_at = if by_client { consented } else { own };
        let began = self.truth();
        let session = match self.booth.start_session(start(consent_at), "test").await {
            Ok(session) => session,
            Err(error) => {
                assert!(self.is_lying, "{error}");
                self.booth.start_session(start(own), "test").await.unwrap()
            }
        };
        let session_id = session.session_id.to_string();
        let lasting = Session { began, ended: began, consented, by_client };
        self.sessions.insert(session_id.clone(), lasting);
        self.begun.push(session_id.clone());
        session_id
    }

    async fn interview(&mut self, (before, jolt, after): (i64, Jolt, i64), by_client: bool) {
        let session_id = self.begin(by_client).await;
        self.wait(before).await;
        self.jolt(jolt).await;
        self.wait(after).await;
        let truth = self.truth();
        let session = self.sessions.get_mut(&session_id).unwrap();
        session.ended = truth;
        let lasted = truth - session.began;
        let summary = self.booth.end_session("test").await.unwrap();
        near(summary.duration_ms, lasted, SECOND, "the summary's duration");
        near(summary.ended_at - summary.started_at, lasted, SECOND, "its times");
    }

    async fn token(&mut self, lifetime: i64) {
        // As `boothd token add --expires` makes one, beside the daemon.
        let mut beside = Database::open(&path(self.folder.path())).unwrap();
        let now = beside.keep_time(self.clock.clone()).unwrap().unix_ms();
        let name = "T".parse().unwrap();
        let new = NewToken { name, role: Role::Viewer, session_id: None, expires_at: None };
        let made = beside.add_token_for(new, span(lifetime), "test", now);
        let (token, secret) = made.unwrap();
        self.tokens.push((token.id, secret, self.truth() + lifetime));
        let mut book = self.store.tokens();
        let seen = book.wait_for(|book| book.get(token.id).is_some());
        tokio::time::timeout(Duration::from_secs(60), seen).await.unwrap().unwrap();
    }

    async fn all_sessions(&self) -> Vec<SessionRecord> {
        let all = self.store.sessions(10_000, None).await.unwrap();
        // The same in pages.
        let (mut paged, mut before) = (Vec::new(), None);
        for _ in 0..=all.len() {
            let page = self.store.sessions(3, before).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.started_at);
            paged.extend(page);
        }
        let ids = |list: &[SessionRecord]| -> Vec<String> {
            list.iter().map(|s| s.session_id.to_string()).collect()
        };
        assert_eq!(ids(&all), ids(&paged), "pages are parts of the list");
        all
    }

    /// Nothing is gone that a right clock would have kept, and all is in order.
    async fn check(&self) {
        let (truth, listed) = (self.truth(), self.all_sessions().await);
        let kept: Vec<_> = listed.iter().rev().map(|s| s.session_id.to_string()).collect();
        for (id, session) in &self.sessions {
            let is_due = truth - session.ended >= RETENTION;
            assert!(is_due || kept.contains(id), "{id} is gone before its time");
        }
        let in_order: Vec<_> = self.begun.iter().filter(|id| kept.contains(id)).collect();
        assert_eq!(kept.iter().collect::<Vec<_>>(), in_order, "sessions are listed in order");
        for record in &listed {
            self.check_session(record);
        }
        self.check_notes().await;
        for (id, secret, until) in &self.tokens {
            let certain = self.store.clock().certain_unix_ms();
            let judged = self.store.tokens().borrow().check(secret.reveal(), certain);
            let is_good = judged.is_ok();
            assert!(
                is_good || truth >= *until,
                "token {id} is dead before its time: {judged:?}"
            );
            let is_gone = judged == Err(Denied::Unknown);
            assert!(!is_gone || truth >= *until + TOKENS, "token {id} is gone");
        }
    }

    fn check_session(&self, record: &SessionRecord) {
        let session = &self.sessions[&record.session_id.to_string()];
        let lasted = session.ended - session.began;
        if let Some(ended_at) = record.ended_at {
            near(ended_at - record.started_at, lasted, SECOND, "the row's times");
            let summary = record.summary.as_ref().unwrap();
            near(
                summary["duration_ms"].as_i64().unwrap(),
                lasted,
                SECOND,
                "the row's duration",
            );
            assert_eq!(summary["started_at"], record.started_at);
            assert_eq!(summary["ended_at"], ended_at);
        }
        if record.clock_set {
            near(record.started_at, session.began, SECOND, "a time that is vouched for");
            // One that was given just before the machine's first second of 1970 is not older.
            let about = if session.by_client { AMBIGUOUS } else { 3 * SECOND };
            near(record.consent_at.unwrap(), session.consented, about, "the consent");
        }
    }

    async fn check_notes(&self) {
        if self.notes.is_empty() {
            return;
        }
        let log = self.store.audit_log(100_000).await.unwrap();
        let numbers = log.iter().rev().filter(|entry| entry.action == "note");
        let numbers: Vec<usize> = numbers.map(|entry| entry.object.parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "the audit log is in order");
        let oldest = self.notes.len() - numbers.len();
        assert_eq!(numbers.first(), Some(&oldest), "what is gone is the oldest");
        let gone = oldest.checked_sub(1).map(|k| self.notes[k]);
        assert!(gone.is_none_or(|at| self.truth() - at >= AUDIT), "an entry is gone too early");
    }

    async fn happen(mut self, happening: Happening) -> Self {
        match happening {
            Happening::Wait(ms) => self.wait(ms).await,
            Happening::Jolt(jolt) => self.jolt(jolt).await,
            Happening::Interview { before, jolt, after, by_client } => {
                self.interview((before, jolt, after), by_client).await;
            }
            Happening::Abandoned(ms) => {
                self.begin(false).await;
                self.wait(ms).await;
                self = self.restart(None).await;
            }
            Happening::Token(lifetime) => self.token(lifetime).await,
            Happening::Restart => self = self.restart(None).await,
            Happening::Reboot { off, wrong_by } => {
                self = self.restart(Some((off, wrong_by))).await;
            }
        }
        self.check().await;
        self
    }

    /// A time server comes for good: what a right clock would have deleted goes.
    async fn settle(mut self) {
        self.jolt(Jolt::Right).await;
        self.wait(SETTLES_IN_MS + SECOND).await;
        // It may have leapt.
        self.wait(DAY).await;
        assert_eq!(self.store.clock().status().trust, Trust::Vouched);
        near(self.store.clock().unix_ms(), self.truth(), SECOND, "the time");
        self.check().await;
        for record in self.all_sessions().await.iter().filter(|record| record.clock_set) {
            let session = &self.sessions[&record.session_id.to_string()];
            let age = self.truth() - session.ended;
            assert!(age < RETENTION + HOUR, "{} should be gone", record.session_id);
        }
        self.wait(RETENTION + HOUR).await;
        assert_eq!(self.all_sessions().await, [], "all of before is gone now");
        let books = self.store.outbox_after(0, 100).await.unwrap();
        assert!(books.is_empty(), "and so are its messages");
        self.check().await;
        self.wait(AUDIT + TOKENS).await;
        self.wait(2 * HOUR).await;
        self.check().await;
        let log = self.store.audit_log(100_000).await.unwrap();
        assert!(log.len() <= 6, "the audit log of before is gone: {}", log.len());
        assert_eq!(self.store.list_tokens().await.unwrap(), []);
    }
}

fn near(is: i64, should: i64, within: i64, what: &str) {
    assert!((is - should).abs() <= within, "{what}: {is} ms, should be {should}");
}

/// From seconds to years, both ways.
fn step() -> impl Strategy<Value = i64> {
    let size = prop_oneof![
        2 * SECOND..2 * MINUTE,
        MINUTE..2 * HOUR,
        HOUR..40 * DAY,
        30 * DAY..3 * YEAR,
        YEAR..60 * YEAR
    ];
    (size, any::<bool>()).prop_map(|(by, is_back)| if is_back { -by } else { by })
}

fn jolt() -> impl Strategy<Value = Jolt> {
    prop_oneof![
        2 => Just(Jolt::Nothing),
        4 => step().prop_map(Jolt::Step),
        4 => Just(Jolt::Right),
        1 => Just(Jolt::Lonely),
        1 => step().prop_map(Jolt::Lie),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![SECOND..MINUTE, MINUTE..2 * HOUR, HOUR..3 * DAY, DAY..50 * DAY]
}

fn happening() -> impl Strategy<Value = Happening> {
    let lasts = || SECOND..2 * HOUR;
    let interview = (lasts(), jolt(), lasts(), any::<bool>());
    let wrong_by = prop_oneof![
        3 => Just(None),
        2 => Just(Some(0)),
        3 => step().prop_map(Some)
    ];
    prop_oneof![
        5 => time().prop_map(Happening::Wait),
        4 => jolt().prop_map(Happening::Jolt),
        7 => interview.prop_map(|(before, jolt, after, by_client)| {
            Happening::Interview { before, jolt, after, by_client }
        }),
        1 => lasts().prop_map(Happening::Abandoned),
        1 => (HOUR..60 * DAY).prop_map(Happening::Token),
        1 => Just(Happening::Restart),
        3 => (time(), wrong_by).prop_map(|(off, wrong_by)| Happening::Reboot { off, wrong_by }),
    ]
}

/// A clock as the booth is unpacked: in 1970 or wrong by so much, and not set.
fn unpacked(wrong_by: Option<i64>) -> SimulatedClock {
    let clock = SimulatedClock::default();
    clock.set_synchronized(false);
    clock.advance(span(5 * SECOND));
    if let Some(by) = wrong_by {
        clock.step_wall((TRUE_OFFSET_MS + by).max(0));
    }
    clock
}

fn live(wrong_by: Option<i64>, history: &[Happening]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(unpacked(wrong_by));
        for happening in history {
            world = world.happen(*happening).await;
        }
        world.settle().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    /// Unset, jumps of seconds to years both ways, set in the midst of an interview, restarts of
    /// boothd and of the machine between.
    #[test]
    fn no_clock_deletes_what_a_right_one_keeps_or_bends_a_duration_or_the_order(
        wrong_by in prop_oneof![Just(None), Just(Some(0)), step().prop_map(Some)],
        history in prop::collection::vec(happening(), 1..16),
    ) {
        live(wrong_by, &history);
    }
}

/// The two histories that were lived through by hand.
#[test]
fn a_start_with_the_clock_ahead_and_an_interview_in_which_it_is_set_lose_nothing() {
    let interview = |jolt| Happening::Interview {
        before: 5 * MINUTE,
        jolt,
        after: 5 * MINUTE,
        by_client: true,
    };
    let erased = [
        interview(Jolt::Nothing),
        Happening::Token(30 * DAY),
        Happening::Reboot { off: HOUR, wrong_by: Some(400 * DAY) },
        Happening::Wait(2 * HOUR),
        interview(Jolt::Nothing),
        Happening::Reboot { off: HOUR, wrong_by: Some(0) },
    ];
    live(Some(0), &erased);
    for wrong_by in [-300 * DAY, -30 * DAY, 100 * DAY, HOUR] {
        live(Some(wrong_by), &[Happening::Token(HOUR), interview(Jolt::Right)]);
    }
}
