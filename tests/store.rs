//! The store through its handle, on real files and a simulated clock.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use boothd::{
    clock::{Clock, SimulatedClock},
    error::{ErrorKind, Result},
    features::Features,
    names::SessionId,
    store::{
        Database, Denied, NewSession, NewToken, Role, Secret, SessionEnd, SessionState, Store,
        StoreConfig, StoreThread, StreamKind, Token, TokenId,
    },
};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// Far longer than any tested limit.
const PATIENCE: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A store that is closed in order, with its dependencies.
struct Bench {
    folder: TempDir,
    clock: Arc<SimulatedClock>,
    store: Store,
    thread: StoreThread,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let clock = Arc::new(SimulatedClock::default());
        clock.advance(DAY * 21_000);
        let (store, thread) = open(&path(&folder), &clock).expect("opens");
        Bench { folder, clock, store, thread }
    }

    fn now(&self) -> i64 {
        self.clock.unix_ms()
    }

    /// Closes the store and opens it again, with a daemon's new start.
    fn restart(self) -> Self {
        let Bench { folder, clock, store, thread } = self;
        drop(store);
        thread.join();
        let (store, thread) = open(&path(&folder), &clock).expect("opens again");
        Bench { folder, clock, store, thread }
    }

    async fn add(&self, role: Role, session_id: Option<&str>) -> (Token, Secret) {
        let session_id = session_id.map(id);
        let new = NewToken {
            name: "Anna".parse().expect("is a label"),
            role,
            session_id,
            expires_at: None,
        };
        self.store.add_token(new, "operator").await.expect("is made")
    }

    async fn add_until(&self, expires_at: i64) -> (Token, Secret) {
        let expires_at = Some(expires_at);
        let new = NewToken {
            name: "B".parse().expect("is a label"),
            role: Role::Guest,
            session_id: None,
            expires_at,
        };
        self.store.add_token(new, "operator").await.expect("is made")
    }

    async fn begin(&self, session_id: &str) {
        self.store.begin_session(self.session(session_id)).await.expect("begins");
    }

    /// A guest's session.
    async fn begin_for(&self, session_id: &str, token: &Token) -> Result<()> {
        let new = NewSession { owner: Some(token.id), ..self.session(session_id) };
        self.store.begin_session(new).await
    }

    async fn end(&self, session_id: &str, summary: serde_json::Value) -> Result<()> {
        let (session_id, ended_at) = (id(session_id), self.now());
        let actor = "operator".into();
        self.store.end_session(SessionEnd { session_id, ended_at, summary, actor }).await
    }

    fn session(&self, session_id: &str) -> NewSession {
        NewSession {
            session_id: id(session_id),
            stream: StreamKind::Booth,
            subject_ref: Some("candidate 7".parse().expect("is a label")),
            started_at: self.now(),
            notice_version: "2026-10".parse().expect("is a label"),
            consent_at: self.now() - 5_000,
            features: Features::ALL,
            actor: "Anna".into(),
            owner: None,
        }
    }
}

fn id(text: &str) -> SessionId {
    text.parse().expect("is an id")
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("state/boothd.db")
}

fn open(path: &Path, clock: &Arc<SimulatedClock>) -> Result<(Store, StoreThread)> {
    let config = StoreConfig::default();
    Store::open_with(path, config, clock.clone())
}

#[tokio::test]
async fn a_token_is_known_by_its_secret_until_it_expires_or_is_revoked() {
    let bench = Bench::new();
    let book = bench.store.tokens();
    let now = bench.now();
    let (token, secret) = bench.add_until(now + 1_000).await;
    assert_eq!(book.borrow().check(secret.reveal(), now), Ok(token.clone()));
    assert_eq!(book.borrow().check(secret.reveal(), now + 999), Ok(token.clone()));
    assert_eq!(book.borrow().check(secret.reveal(), now + 1_000), Err(Denied::Expired));
    assert_eq!(book.borrow().still_valid(token.id, now + 1_000), Err(Denied::Expired));
    assert_eq!(book.borrow().check("0123456789abcdef", now), Err(Denied::Unknown));
    assert_eq!(book.borrow().check("", now), Err(Denied::Unknown));
    let revoked = bench.store.revoke_token(token.id, "operator").await.expect("is revoked");
    assert_eq!(revoked.revoked_at, Some(now));
    assert_eq!(book.borrow().check(secret.reveal(), now), Err(Denied::Revoked));
    assert_eq!(book.borrow().still_valid(token.id, now), Err(Denied::Revoked));
    let again = bench.store.revoke_token(token.id, "operator").await.expect_err("was revoked");
    assert_eq!(again.kind(), ErrorKind::InvalidInput);
    assert_eq!(bench.store.list_tokens().await.expect("listed"), [revoked]);
}

#[tokio::test]
async fn the_configured_token_is_an_operator_and_survives_every_change_of_the_book() {
    let bench = Bench::new();
    let secret = Secret::new("correct-horse-battery".into());
    bench.store.admit_config_token(&secret);
    bench.add(Role::Viewer, None).await;
    let book = bench.store.tokens().borrow().clone();
    let token = book.check(secret.reveal(), bench.now()).expect("is known");
    assert_eq!((&*token.name, token.role), ("operator", Role::Operator));
    assert_eq!(book.still_valid(token.id, bench.now()), Ok(()));
    assert_eq!(book.tokens().count(), 2);
    let refused = bench.store.revoke_token(token.id, "x").await.expect_err("has no row");
    assert!(refused.to_string().contains("web.token"), "{refused}");
    assert!(bench.store.may_use_session(&id("s"), token.id).await.expect("looks"));
}

#[tokio::test]
async fn what_another_connection_changes_reaches_the_book() {
    let bench = Bench::new();
    let (token, secret) = bench.add(Role::Guest, None).await;
    let mut book = bench.store.tokens();
    let mut other = Database::open(&path(&bench.folder)).expect("opens beside it");
    other.revoke_token(token.id, "command line", bench.now()).expect("is revoked");
    let denied = |book: &Arc<boothd::store::TokenBook>| {
        book.check(secret.reveal(), bench.now()) == Err(Denied::Revoked)
    };
    tokio::time::timeout(PATIENCE, book.wait_for(denied)).await.expect("in time").expect("on");
    let log = bench.store.audit_log(1).await.expect("read");
    assert_eq!((&*log[0].actor, &*log[0].action), ("command line", "token.revoke"));
    assert_eq!((&*log[0].object, &*log[0].detail), ("token 1", "Anna"));
}

#[tokio::test]
async fn a_session_id_belongs_to_the_token_that_began_it() {
    let bench = Bench::new();
    let (first, _) = bench.add(Role::Guest, None).await;
    let (second, _) = bench.add(Role::Guest, None).await;
    let (operator, _) = bench.add(Role::Operator, None).await;
    let (only, _) = bench.add(Role::Guest, Some("meant")).await;
    let may = async |text: &str, token: &Token| {
        bench.store.may_use_session(&id(text), token.id).await.unwrap()
    };
    assert!(may("a", &first).await && may("a", &second).await, "no token has begun it");
    bench.begin_for("a", &first).await.expect("begins");
    assert!(may("a", &first).await && may("a", &operator).await, "an operator may touch all");
    assert!(!may("a", &second).await, "another's");
    let refused = bench.begin_for("meant", &second).await.expect_err("is meant for one token");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(!may("meant", &second).await);
    assert!(may("meant", &only).await && !may("c", &only).await);
    bench.begin("booths").await;
    assert!(!may("booths", &first).await && may("booths", &operator).await);
    assert!(
        !bench.store.may_use_session(&id("d"), TokenId(99)).await.unwrap(),
        "no such token"
    );
    let bench = bench.restart();
    assert!(!bench.store.may_use_session(&id("a"), second.id).await.unwrap(), "ever after");
}

#[tokio::test]
async fn names_that_an_older_boothd_bound_and_no_session_used_go() {
    let bench = Bench::new();
    let (guest, _) = bench.add(Role::Guest, None).await;
    let (other, _) = bench.add(Role::Guest, None).await;
    bench.begin_for("begun", &guest).await.expect("begins");
    let database = Connection::open(path(&bench.folder)).expect("opens beside it");
    for name in ["candidate-7", "x\u{ffff}", ".."] {
        let row = (name, guest.id.0, bench.now());
        database
            .execute("INSERT INTO session_binding VALUES (?1, ?2, ?3, NULL)", row)
            .expect("bound");
    }
    let bound = || -> i64 {
        let count = "SELECT count(*) FROM session_binding";
        database.query_row(count, [], |row| row.get(0)).expect("counted")
    };
    assert_eq!(bound(), 4);
    bench.clock.advance(Duration::from_secs(3600));
    let may = bench.store.may_use_session(&id("candidate-7"), other.id).await.expect("looks");
    assert!(may && bound() == 1, "the session's own binding stays");
}

#[tokio::test]
async fn a_session_is_kept_with_its_consent_and_its_summary() {
    let bench = Bench::new();
    bench.begin("one").await;
    let began = bench.now();
    let twice = bench.store.begin_session(bench.session("one")).await.expect_err("is taken");
    assert_eq!(twice.kind(), ErrorKind::InvalidInput);
    bench.clock.advance(Duration::from_secs(60));
    let unnamed = NewSession { subject_ref: None, ..bench.session("two") };
    bench.store.begin_session(unnamed).await.expect("begins");
    let summary = json!({"frames_total": 120});
    let end = async |id: &str| bench.end(id, summary.clone()).await;
    end("one").await.expect("ends");
    end("one").await.expect("a try whose answer was lost is answered again");
    let other = bench.end("one", json!({"frames_total": 121})).await;
    assert_eq!(other.expect_err("is over").kind(), ErrorKind::InvalidInput);
    assert_eq!(end("none").await.expect_err("never began").kind(), ErrorKind::InvalidInput);
    let bench = bench.restart();
    let one = bench.store.session("one").await.expect("read").expect("is there");
    assert_eq!((one.state, one.started_at), (SessionState::Ended, began));
    assert_eq!(one.ended_at, Some(began + 60_000));
    assert_eq!(one.notice_version.as_deref(), Some("2026-10"));
    assert_eq!(one.consent_at, Some(began - 5_000));
    assert_eq!(one.summary, Some(json!({"frames_total": 120})));
    assert_eq!(one.features, json!(Features::ALL));
    let all = bench.store.sessions(10, None).await.expect("read");
    assert_eq!(all.iter().map(|s| &*s.session_id).collect::<Vec<_>>(), ["two", "one"]);
    assert_eq!(all[0].subject_ref, None);
    let earlier = bench.store.sessions(10, Some(all[0].started_at)).await.expect("read");
    assert_eq!(earlier, [one]);
    let log = bench.store.audit_log(100).await.expect("read");
    let entries: Vec<_> = log.iter().map(|e| (&*e.action, &*e.object, &*e.detail)).collect();
    let expected = [
        ("session.abandon", "session two", ""),
        ("session.end", "session one", ""),
        ("session.start", "session two", "booth, consent to notice 2026-10"),
        ("session.start", "session one", "booth, consent to notice 2026-10"),
    ];
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn a_session_left_running_by_a_crash_is_abandoned_and_a_command_abandons_none() {
    let bench = Bench::new();
    bench.begin("crashed").await;
    // A crash: the files as they are on the disk while the daemon still holds them.
    let copy = TempDir::new().expect("a folder");
    for file in fs::read_dir(bench.folder.path().join("state")).expect("a folder") {
        let file = file.expect("an entry");
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    drop(Database::open(&path(&bench.folder)).expect("a command beside it"));
    let state = async |store: &Store| {
        let session = store.session("crashed").await.expect("read").expect("is there");
        (session.state, session.ended_at)
    };
    assert_eq!(state(&bench.store).await, (SessionState::Running, None));
    let (store, thread) = open(&copy.path().join("boothd.db"), &bench.clock).expect("opens");
    assert_eq!(state(&store).await, (SessionState::Abandoned, None));
    drop(store);
    thread.join();
}

#[tokio::test]
async fn what_is_old_is_forgotten_by_itself() {
    let bench = Bench::new();
    let (guest, secret) = bench.add_until(bench.now() + 1_000).await;
    let (revoked, _) = bench.add(Role::Viewer, None).await;
    let (kept, kept_secret) = bench.add(Role::Viewer, None).await;
    bench.store.revoke_token(revoked.id, "operator").await.expect("is revoked");
    bench.begin_for("old", &guest).await.expect("begins");
    bench.end("old", json!({})).await.expect("ends");
    bench.begin("running").await;
    let ids = async || {
        let sessions = bench.store.sessions(10, None).await.expect("read");
        sessions.into_iter().map(|session| session.session_id).collect::<Vec<_>>()
    };
    bench.clock.advance(DAY * 29);
    assert_eq!(ids().await, ["running", "old"]);
    assert_eq!(bench.store.list_tokens().await.expect("listed").len(), 3);
    let may = bench.store.may_use_session(&id("old"), kept.id).await.unwrap();
    assert!(!may, "no token may use it now");
    bench.clock.advance(DAY * 2);
    let tokens = bench.store.list_tokens().await.expect("listed");
    assert_eq!(tokens.iter().map(|token| token.id).collect::<Vec<_>>(), [kept.id]);
    let book = bench.store.tokens().borrow().clone();
    assert_eq!(book.check(secret.reveal(), bench.now()), Err(Denied::Unknown));
    assert!(book.check(kept_secret.reveal(), bench.now()).is_ok());
    assert_eq!(ids().await, ["running", "old"]);
    bench.clock.advance(DAY * 60);
    assert_eq!(ids().await, ["running"]);
    assert!(!bench.store.audit_log(100).await.expect("read").is_empty());
    bench.clock.advance(DAY * 366);
    assert!(bench.store.audit_log(100).await.expect("read").is_empty());
}

#[tokio::test]
async fn no_file_holds_a_secret_and_only_the_owner_reads_them() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let (token, secret) = bench.add(Role::Operator, None).await;
    bench.store.revoke_token(token.id, "operator").await.expect("is revoked");
    let mut files = 0;
    for entry in fs::read_dir(bench.folder.path().join("state")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("readable");
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|found| found == text);
        assert!(!holds(secret.reveal().as_bytes()), "{}", path.display());
        files += usize::from(holds(b"Anna"));
        let mode = fs::metadata(&path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    assert!(files > 0, "the search finds what is there");
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_and_nothing_is_half_done() {
    let bench = Bench::new();
    let late = NewSession { started_at: i64::MAX, ..bench.session("half") };
    let refused = bench.store.begin_session(late).await.expect_err("no such time");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(bench.store.session("half").await.expect("read"), None);
    assert!(bench.store.audit_log(10).await.expect("read").is_empty());
    let refused = bench.store.audit("a", &"x".repeat(65), "", "").await.expect_err("too long");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    bench.store.audit("Anna", "feature.set", "video", "off").await.expect("noted");
    assert_eq!(bench.store.audit_log(10).await.expect("read")[0].at, bench.now());
}

#[tokio::test]
async fn a_store_that_was_joined_has_done_everything_and_takes_nothing_more() {
    let Bench { folder, clock, store, thread } = Bench::new();
    let asked = store.audit("a", "b", "c", "d");
    asked.await.expect("is done");
    thread.join();
    let refused = store.audit("a", "b", "c", "d").await.expect_err("has left");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let database = Database::open(&path(&folder)).expect("opens");
    assert_eq!(database.audit_log(10).expect("read").len(), 1);
    assert_eq!(store.component().status().state.name(), "stopped");
    assert!(clock.unix_ms() > 0);
}

#[test]
fn errors_of_a_damaged_and_of_a_newer_file_name_the_remedy() {
    let folder = TempDir::new().expect("a folder");
    let clock = Arc::new(SimulatedClock::default());
    let path = folder.path().join("boothd.db");
    let refused = |words: &[&str]| {
        let error = open(&path, &clock).expect_err("cannot be used");
        let sentence = error.chain().to_string();
        assert_eq!(error.kind(), ErrorKind::Config, "{sentence}");
        assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
    };
    fs::write(&path, "this is no database, only some text that is long enough".repeat(99))
        .expect("written");
    refused(&["boothd.db", "damaged", "out of"]);
    fs::remove_file(&path).expect("ours");
    let (store, thread) = open(&path, &clock).expect("opens");
    drop(store);
    thread.join();
    let whole = fs::read(&path).expect("readable");
    let mut bytes = whole.clone();
    bytes[4096..8192].fill(0xA5);
    fs::write(&path, &bytes).expect("written");
    refused(&["boothd.db", "damaged"]);
    let mut bytes = whole;
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    fs::write(&path, &bytes).expect("written");
    refused(&["version 77", "newer boothd"]);
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so_and_mends_by_itself() {
    let bench = Bench::new();
    let other = Connection::open(path(&bench.folder)).expect("opens beside it");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let refused = bench.store.audit("a", "b", "c", "d").await.expect_err("is locked");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let status = bench.store.component().status();
    assert_eq!((status.state.name(), status.restarts_total), ("unavailable", 1));
    assert!(status.error.expect("has a reason").contains("locked"));
    other.execute_batch("ROLLBACK").expect("unlocks");
    bench.store.audit("a", "b", "c", "d").await.expect("works again");
    let status = bench.store.component().status();
    assert_eq!((status.state.name(), status.error), ("running", None));
}

const SCHEMA: &str = include_str!("../src/store/schema.sql");

/// Every table and index.
fn shape(database: &Connection) -> Vec<(String, String, Option<String>)> {
    let ask = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
    let mut ask = database.prepare(ask).expect("SQL");
    let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("readable").collect::<rusqlite::Result<_>>().expect("rows")
}

/// Columns of metrics that schema.sql does not name come from the catalogue.
#[test]
fn a_file_without_the_columns_of_later_metrics_gets_them() {
    let folder = TempDir::new().expect("a folder");
    let (plain, new) = (folder.path().join("plain.db"), folder.path().join("new.db"));
    let schema = Connection::open(&plain).expect("opens");
    schema.execute_batch(SCHEMA).expect("schema.sql");
    drop(Database::open(&new).expect("opens"));
    let look = |path: &Path| Connection::open(path).expect("opens");
    let version: u32 =
        look(&new).query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number");
    schema.pragma_update(None, "user_version", version).expect("set");
    drop(schema);
    drop(Database::open(&plain).expect("opens"));
    assert_eq!(shape(&look(&plain)), shape(&look(&new)));
}

#[test]
fn the_schema_refuses_nonsense() {
    let database = Connection::open_in_memory().expect("opens");
    database.execute_batch(SCHEMA).expect("schema.sql");
    database.pragma_update(None, "foreign_keys", true).expect("set");
    let good = "INSERT INTO token (token_id, name, role, secret_sha256, created_at)
            VALUES (1, 'a', 'guest', zeroblob(32), 1000);
        INSERT INTO session (session_id, stream, state, started_at, ended_at, features, summary)
            VALUES ('s', 'booth', 'ended', 1000, 1001, '{}', '{}');";
    database.execute_batch(good).expect("sense is taken");
    let refused = [
        "UPDATE token SET role = 'king'",
        "UPDATE token SET name = ''",
        "UPDATE token SET secret_sha256 = zeroblob(31)",
        "UPDATE token SET secret_sha256 = 'text'",
        "UPDATE token SET created_at = -1",
        "UPDATE token SET created_at = 1795521600000000",
        "UPDATE token SET created_at = 'today'",
        "INSERT INTO token (name, role, secret_sha256, created_at)
            SELECT name, role, secret_sha256, 1 FROM token",
        "UPDATE session SET state = 'lost'",
        "UPDATE session SET state = 'running'",
        "UPDATE session SET ended_at = NULL",
        "UPDATE session SET ended_at = 999",
        "UPDATE session SET stream = 'radio'",
        "UPDATE session SET summary = 'no json'",
        "UPDATE session SET features = '{'",
        "UPDATE session SET subject_ref = ''",
        "UPDATE session SET state = 'abandoned', ended_at = NULL",
        "INSERT INTO consent VALUES ('none', 'v1', 1000)",
        "INSERT INTO consent VALUES ('s', '', 1000)",
        "INSERT INTO session_binding VALUES ('s', 99, 1000, NULL)",
        "INSERT INTO audit VALUES (1, 1000, '', 'a', '', '', NULL)",
        "INSERT INTO audit VALUES (1, 1000, 'a', 'b', '', printf('%1001d', 1), NULL)",
    ];
    for statement in refused {
        let error = database.execute_batch(statement).expect_err(statement);
        let code = error.sqlite_error_code();
        assert_eq!(code, Some(rusqlite::ErrorCode::ConstraintViolation), "{statement}");
    }
}
