//! Stored data of a session: its metrics in batches, the records for the fleet server, and their
//! erasure. Real files, a simulated clock.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use boothd::{
    clock::{Clock, SimulatedClock},
    error::ErrorKind,
    features::Features,
    metric::{FACE, FaceValues, Metric, VOICE, VoiceValues},
    names::SessionId,
    store::{
        Database, EraseTarget, EventRecord, MetricRow, NewSession, OutboxLimits, OutboxRow,
        SessionEnd, Store, StoreConfig, StoreThread, StreamKind,
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many metrics of a catalogue are stored.
fn stored(catalog: &[Metric]) -> usize {
    catalog.iter().filter(|metric| metric.stored.is_some()).count()
}

struct Bench {
    folder: TempDir,
    clock: Arc<SimulatedClock>,
    config: StoreConfig,
    store: Store,
    thread: StoreThread,
}

impl Bench {
    fn new() -> Self {
        let outbox = OutboxLimits { max_bytes: 1 << 20, max_age: DAY * 30 };
        Bench::with(StoreConfig { outbox: Some(outbox), ..StoreConfig::default() })
    }

    fn with(config: StoreConfig) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(SimulatedClock::default());
        clock.advance(DAY * 21_000);
        let path = folder.path().join("boothd.db");
        let (store, thread) = Store::open_with(&path, config.clone(), clock.clone()).unwrap();
        Bench { folder, clock, config, store, thread }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("boothd.db")
    }

    fn restart(self) -> Self {
        let Bench { folder, clock, config, store, thread } = self;
        drop(store);
        thread.join();
        let path = folder.path().join("boothd.db");
        let (store, thread) = Store::open_with(&path, config.clone(), clock.clone()).unwrap();
        Bench { folder, clock, config, store, thread }
    }

    async fn begin(&self, session_id: &str, subject_ref: &str) {
        let new = NewSession {
            session_id: id(session_id),
            stream: StreamKind::Booth,
            subject_ref: Some(subject_ref.parse().unwrap()),
            started_at: self.clock.unix_ms(),
            notice_version: "2026-10".parse().unwrap(),
            consent_at: self.clock.unix_ms(),
            features: Features::ALL,
            actor: "Anna".into(),
            owner: None,
        };
        self.store.begin_session(new).await.unwrap();
    }

    async fn end(&self, session_id: &str, summary: Value) {
        let (session_id, ended_at) = (id(session_id), self.clock.unix_ms());
        let end = SessionEnd { session_id, ended_at, summary, actor: "Anna".into() };
        self.store.end_session(end).await.unwrap();
    }

    /// Rows that are on the disk, as another process sees them.
    fn written(&self) -> u32 {
        let other = Connection::open(self.path()).unwrap();
        other.query_row("SELECT count(*) FROM video_metric", [], |row| row.get(0)).unwrap()
    }
}

fn id(text: &str) -> SessionId {
    text.parse().unwrap()
}

fn video(session_id: &str, offset_s: u32, yaw_cdeg: Option<i64>) -> MetricRow {
    let head_yaw_deg = yaw_cdeg.map(|cdeg| cdeg as f32 / 100.0);
    let values = FaceValues {
        face_detected: true,
        face_count: 1,
        head_yaw_deg,
        ..FaceValues::default()
    };
    MetricRow::video(&id(session_id), offset_s, &values)
}

fn audio(session_id: &str, offset_s: u32, pitch_dhz: i64) -> MetricRow {
    let pitch_mean = Some(pitch_dhz as f32 / 10.0);
    let values = VoiceValues { audio_detected: true, pitch_mean, ..VoiceValues::default() };
    MetricRow::audio(&id(session_id), offset_s, &values)
}

fn kinds(rows: &[boothd::store::OutboxRow]) -> Vec<&str> {
    rows.iter().map(|row| &*row.kind).collect()
}

#[tokio::test]
async fn metrics_come_back_in_their_own_units_and_null_stays_null() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    bench.store.record(video("one", 0, Some(-1234)));
    bench.store.record(video("one", 1, None));
    bench.store.record(audio("one", 1, 2105));
    let history = bench.store.history("one", 100).await.unwrap();
    assert_eq!((history.step_s, history.lost_rows), (1, 0));
    let at = |name| history.video.columns.iter().position(|c| *c == name).unwrap();
    let yaw: Vec<_> =
        history.video.rows.iter().map(|row| (row[0], row[at("head_yaw_deg")])).collect();
    assert_eq!(yaw, [(Some(0.0), Some(-12.34)), (Some(1.0), None)]);
    let pitch = history.audio.columns.iter().position(|c| *c == "pitch_mean").unwrap();
    assert_eq!(history.audio.rows[0][pitch], Some(210.5));
    assert_eq!(bench.store.history("none", 100).await.unwrap().video.rows, [[None; 0]; 0]);
}

#[tokio::test]
async fn a_long_session_is_reported_in_means_of_several_seconds() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    (0..100).for_each(|s| bench.store.record(video("one", s, Some(i64::from(s) * 100))));
    let history = bench.store.history("one", 10).await.unwrap();
    assert_eq!((history.step_s, history.video.rows.len()), (10, 10));
    assert_eq!((history.video.rows[1][0], history.video.rows[1][11]), (Some(10.0), Some(14.5)));
}

#[tokio::test]
async fn rows_wait_for_their_batch_and_the_end_of_a_session_waits_for_none() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    bench.store.record(video("one", 0, Some(1)));
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    assert_eq!(bench.written(), 0, "the card is spared");
    bench.clock.advance(bench.config.flush_interval);
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    assert_eq!(bench.written(), 1);
    bench.store.record(video("one", 21, Some(1)));
    bench.end("one", json!({})).await;
    assert_eq!(bench.written(), 2);
    bench.store.record(video("one", 22, Some(1)));
    let bench = bench.restart();
    assert_eq!(bench.written(), 3, "what came last is written when the store is closed");
}

#[tokio::test]
async fn rows_that_the_schema_refuses_and_those_of_no_session_spoil_no_others() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    bench.store.record(video("one", 0, Some(99_999)));
    bench.store.record(video("unknown", 0, Some(1)));
    bench.store.record(video("one", 1, Some(1)));
    let history = bench.store.history("one", 100).await.unwrap();
    assert_eq!((history.video.rows.len(), history.lost_rows), (1, 1));
}

#[tokio::test]
async fn rows_wait_while_the_database_is_locked_and_come_in_order_after_it() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..3).for_each(|s| bench.store.record(video("one", s, Some(1))));
    bench.clock.advance(bench.config.flush_interval);
    let refused = bench.store.audit("a", "b", "c", "d").await.expect_err("is locked");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    other.execute_batch("ROLLBACK").unwrap();
    let history = bench.store.history("one", 100).await.unwrap();
    assert_eq!((history.video.rows.len(), history.lost_rows), (3, 0));
}

#[tokio::test]
async fn the_size_limit_takes_the_oldest_metrics_and_leaves_the_sessions() {
    let config = StoreConfig { max_bytes: 300_000, ..StoreConfig::default() };
    let bench = Bench::with(config);
    for k in 0..30 {
        let id = format!("session-{k}");
        bench.begin(&id, "candidate").await;
        (0..600).for_each(|s| bench.store.record(video(&id, s, Some(1234))));
        bench.end(&id, json!({"k": k})).await;
        bench.clock.advance(Duration::from_secs(600));
    }
    bench.clock.advance(Duration::from_secs(2 * 60 * 60));
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    let size = fs::metadata(bench.path()).unwrap().len();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    let first = bench.store.history("session-0", 10).await.unwrap();
    let last = bench.store.history("session-29", 10).await.unwrap();
    assert_eq!((first.video.rows.len(), last.video.rows.len()), (0, 10));
    assert_eq!(bench.store.sessions(100, None).await.unwrap().len(), 30);
    let Bench { folder, store, thread, .. } = bench;
    drop(store);
    thread.join();
    let after = fs::metadata(folder.path().join("boothd.db")).unwrap().len();
    assert!(after <= 400_000, "{size} became {after}");
}

#[tokio::test]
async fn a_session_reports_its_begin_its_events_and_its_end_to_the_fleet_server() {
    let bench = Bench::new();
    let mut outbox = bench.store.outbox();
    bench.begin("one", "candidate 7").await;
    let event = EventRecord {
        session_id: Some("one".into()),
        at: bench.clock.unix_ms(),
        kind: "camera_lost".into(),
        data: json!({"reason": "unplugged"}),
    };
    bench.store.event(event.clone()).await.unwrap();
    bench.end("one", json!({"frames_total": 3})).await;
    assert_eq!(outbox.borrow_and_update().unwrap().depth, 3);
    let bench = bench.restart();
    let rows = bench.store.outbox_after(0, 10).await.unwrap();
    assert_eq!(kinds(&rows), ["started", "event/camera_lost", "summary"]);
    assert_eq!(rows[0].payload["subject_ref"], "candidate 7");
    assert_eq!(rows[2].payload, json!({"frames_total": 3}));
    assert_ne!(rows[0].boot_id, bench.store.boot_id(), "they keep the start that made them");
    assert_eq!(bench.store.events("one").await.unwrap(), [event]);
    let second = bench.store.outbox_after(rows[0].outbox_id, 1).await.unwrap();
    assert_eq!(second, rows[1..2]);
    bench.store.outbox_done(vec![rows[0].outbox_id, rows[1].outbox_id]).await.unwrap();
    let state = bench.store.outbox().borrow().unwrap();
    assert_eq!((state.depth, state.oldest_at), (1, Some(rows[2].at)));
    assert_eq!(state.bytes, rows[2].payload.to_string().len() as u64);
    bench.store.outbox_done(vec![rows[2].outbox_id]).await.unwrap();
    bench.begin("two", "candidate 8").await;
    let next = bench.store.outbox_after(0, 10).await.unwrap();
    assert!(next[0].outbox_id > rows[2].outbox_id, "a seq is never given twice");
}

#[tokio::test]
async fn without_a_fleet_server_the_outbox_stays_empty() {
    let bench = Bench::with(StoreConfig::default());
    bench.begin("one", "candidate 7").await;
    assert_eq!(bench.store.outbox_after(0, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_too_old_or_too_much_falls_out_oldest_first_and_is_counted() {
    let limits = OutboxLimits { max_bytes: 5_000, max_age: DAY };
    let bench = Bench::with(StoreConfig { outbox: Some(limits), ..StoreConfig::default() });
    for k in 0..40 {
        bench.begin(&format!("session-{k}"), "candidate").await;
    }
    let all = bench.store.outbox_after(0, 100).await.unwrap();
    let newest = all.last().unwrap().outbox_id;
    bench.clock.advance(Duration::from_secs(2 * 60 * 60));
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    let kept = bench.store.outbox_after(0, 100).await.unwrap();
    let state = bench.store.outbox().borrow().unwrap();
    assert!(state.bytes <= 5_000 && state.bytes > 4_000, "{state:?}");
    assert_eq!(kept.last().unwrap().outbox_id, newest);
    assert_eq!(state.fallen_out_total, (40 - kept.len()) as u64);
    bench.clock.advance(DAY);
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    assert_eq!(bench.store.outbox().borrow().unwrap().fallen_out_total, 40);
}

#[tokio::test]
async fn a_row_that_is_set_aside_waits_for_a_person_and_the_others_go_on() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    bench.begin("two", "candidate 8").await;
    let all = bench.store.outbox_after(0, 10).await.unwrap();
    let (first, second) = (all[0].outbox_id, all[1].outbox_id);
    bench.clock.advance(Duration::from_secs(5));
    assert!(bench.store.set_row_aside(first, "too large".repeat(99)).await.unwrap());
    assert!(!bench.store.set_row_aside(first, "again".into()).await.unwrap());
    assert!(!bench.store.set_row_aside(77, "is not there".into()).await.unwrap());
    let bench = bench.restart();
    assert_eq!(bench.store.outbox_after(0, 10).await.unwrap(), all[1..]);
    let aside = bench.store.set_aside().borrow().clone();
    assert_eq!((aside.rows, aside.released_total), (1, 0));
    let listed = bench.store.rows_set_aside(10).await.unwrap();
    assert_eq!(aside.reason.as_deref(), Some(&*listed[0].reason));
    assert_eq!((listed.len(), listed[0].outbox_id), (1, first));
    assert_eq!(
        (listed[0].kind.as_str(), listed[0].session_id.as_deref()),
        ("started", Some("one"))
    );
    assert_eq!(
        (listed[0].reason.len(), listed[0].bytes),
        (400, all[0].payload.to_string().len() as u64)
    );
    assert_eq!(listed[0].set_aside_at, bench.clock.unix_ms());
    // It still fills the outbox; only the age of what waits is another's.
    let state = bench.store.outbox().borrow().unwrap();
    assert_eq!((state.depth, state.oldest_at), (2, Some(all[1].at)));
    // Sent again by hand, and who did it is noted.
    assert_eq!(bench.store.send_again(Some(vec![second]), "Anna").await.unwrap(), 0);
    assert_eq!(bench.store.send_again(Some(vec![first]), "Anna").await.unwrap(), 1);
    assert_eq!(bench.store.outbox_after(0, 10).await.unwrap(), all);
    assert_eq!(bench.store.set_aside().borrow().released_total, 1);
    let log = bench.store.audit_log(1).await.unwrap();
    assert_eq!(
        (&*log[0].action, &*log[0].object),
        ("outbox.send_again", &*format!("outbox row {first}"))
    );
    // Erasing its session erases it, and a command beside the daemon is seen.
    bench.store.set_row_aside(first, "no".into()).await.unwrap();
    bench.store.set_row_aside(second, "no".into()).await.unwrap();
    bench.store.erase(EraseTarget::Session("one".into()), "Anna").await.unwrap();
    assert_eq!(bench.store.rows_set_aside(10).await.unwrap().len(), 1);
    let mut aside = bench.store.set_aside();
    assert_eq!((aside.borrow().rows, aside.borrow().released_total), (1, 2));
    let mut beside = Database::open(&bench.path()).unwrap();
    assert_eq!(beside.send_again(None, "command", 1).unwrap(), 1);
    let seen = aside.wait_for(|aside| aside.rows == 0 && aside.released_total == 3);
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("is seen").unwrap();
}

#[tokio::test]
async fn an_order_to_erase_many_sessions_fits_into_the_messages_that_the_fleet_server_takes() {
    let bench = Bench::new();
    for k in 0..1_000 {
        bench.begin(&format!("{k:0>64}"), "candidate 7").await;
    }
    // They are over.
    let bench = bench.restart();
    let newest = bench.store.outbox().borrow().unwrap().newest_id;
    bench.store.erase(EraseTarget::Subject("candidate 7".into()), "Anna").await.unwrap();
    let rows = bench.store.outbox_after(newest, 10).await.unwrap();
    assert_eq!(kinds(&rows), ["event/erased"; 3]);
    let ids = |row: &OutboxRow| row.payload["session_ids"].as_array().unwrap().len();
    assert_eq!(rows.iter().map(ids).sum::<usize>(), 1_000);
    assert!(rows.iter().all(|row| row.payload.to_string().len() < 64 * 1024));
}

#[tokio::test]
async fn a_row_that_is_set_aside_falls_out_of_a_full_outbox_as_the_others_do() {
    let limits = OutboxLimits { max_bytes: 400, max_age: DAY };
    let bench = Bench::with(StoreConfig { outbox: Some(limits), ..StoreConfig::default() });
    bench.begin("first", "candidate").await;
    let first = bench.store.outbox_after(0, 1).await.unwrap()[0].outbox_id;
    bench.store.set_row_aside(first, "too large".into()).await.unwrap();
    for k in 0..10 {
        bench.begin(&format!("session-{k}"), "candidate").await;
    }
    assert_eq!(bench.store.rows_set_aside(10).await.unwrap(), []);
    assert_eq!(bench.store.set_aside().borrow().rows, 0);
    assert!(bench.store.outbox().borrow().unwrap().bytes <= 400);
}

/// Whether the words stand anywhere in the database, its log or its index.
fn stands(folder: &TempDir, words: &str) -> bool {
    fs::read_dir(folder.path()).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

#[tokio::test]
async fn erasing_a_subject_leaves_no_byte_of_it() {
    let bench = Bench::new();
    for (id, subject) in
        [("jane-a", "Jane Doe 1984"), ("jane-b", "Jane Doe 1984"), ("x", "Bob")]
    {
        bench.begin(id, subject).await;
        (0..200).for_each(|s| bench.store.record(video(id, s, Some(777))));
        let event = EventRecord {
            session_id: Some(id.into()),
            at: bench.clock.unix_ms(),
            kind: "note".into(),
            data: json!({"reported_by": subject}),
        };
        bench.store.event(event).await.unwrap();
        bench.end(id, json!({"subject_ref": subject, "secret_value": 0.123_456_789})).await;
    }
    assert!(stands(&bench.folder, "Jane Doe 1984"));
    let unknown = EraseTarget::Subject("Unknown".into());
    let refused = bench.store.erase(unknown, "Anna").await.expect_err("there is none");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let target = EraseTarget::Subject("Jane Doe 1984".into());
    let receipt = bench.store.erase(target, "Anna").await.unwrap();
    assert_eq!(receipt.session_ids, ["jane-a", "jane-b"]);
    assert!(receipt.is_log_clear && receipt.rows > 400, "{receipt:?}");
    assert!(!stands(&bench.folder, "Jane Doe 1984"));
    // The erase order still names the sessions; after its delivery the names are gone too.
    let rows = bench.store.outbox_after(0, 100).await.unwrap();
    assert_eq!(kinds(&rows), ["started", "event/note", "summary", "event/erased"]);
    assert_eq!(rows[3].payload["session_ids"], json!(["jane-a", "jane-b"]));
    bench.store.outbox_done(vec![rows[3].outbox_id]).await.unwrap();
    let target = EraseTarget::Session("x".into());
    bench.store.erase(target, "Anna").await.unwrap();
    for words in ["jane-a", "jane-b", "0.123456789", "Bob"] {
        assert!(!stands(&bench.folder, words), "{words}");
    }
    let log = bench.store.audit_log(100).await.unwrap();
    let erased: Vec<_> = log.iter().filter(|e| e.action == "session.erase").collect();
    assert_eq!(erased.len(), 2);
    assert_eq!(erased[1].object, format!("receipt {}", receipt.receipt_id));
    assert_eq!(log.iter().filter(|e| e.object == "session (erased)").count(), 6);
}

/// SQLite moves rows about within and between pages; no copy may stay behind.
#[tokio::test]
async fn erasing_leaves_no_byte_wherever_rows_have_moved() {
    let bench = with_moved_rows().await;
    for k in (0..120).map(|k| k * 77 % 120) {
        bench.store.erase(EraseTarget::Subject(subject(k)), "Anna").await.unwrap();
        let rows = bench.store.outbox_after(0, 1000).await.unwrap();
        let rows = rows.iter().filter(|row| row.kind == "event/erased");
        bench.store.outbox_done(rows.map(|row| row.outbox_id).collect()).await.unwrap();
        assert!(!stands(&bench.folder, &format!("subject-{k:03}")), "{k}");
    }
    let bench = bench.restart();
    assert!(!stands(&bench.folder, "session-0"), "nor do the sessions' names");
}

#[tokio::test]
async fn what_is_too_old_leaves_no_byte_wherever_rows_have_moved() {
    let bench = with_moved_rows().await;
    let rows = bench.store.outbox_after(0, 1000).await.unwrap();
    bench.store.outbox_done(rows.iter().map(|row| row.outbox_id).collect()).await.unwrap();
    bench.clock.advance(bench.config.retention + DAY);
    let bench = bench.restart();
    assert!(!stands(&bench.folder, "subject-0"));
}

fn subject(k: usize) -> String {
    format!("subject-{k:03}-{}", "x".repeat(k * 37 % 90))
}

/// 120 sessions of such lengths that SQLite moves their rows from page to page.
async fn with_moved_rows() -> Bench {
    let bench = Bench::new();
    for k in 0..120 {
        let id = format!("session-{k:03}");
        bench.begin(&id, &subject(k)).await;
        (0..20).for_each(|s| bench.store.record(video(&id, s, Some(777))));
        let summary = json!({"subject_ref": subject(k), "words": "y".repeat(k * 131 % 3000)});
        bench.end(&id, summary).await;
    }
    bench
}

#[tokio::test]
async fn a_session_that_runs_is_not_erased_and_a_reader_only_puts_the_log_off() {
    let bench = Bench::new();
    bench.begin("one", "Jane Doe 1984").await;
    let target = || EraseTarget::Session("one".into());
    let refused = bench.store.erase(target(), "Anna").await.expect_err("it runs");
    assert!(refused.to_string().contains("end it first"));
    bench.end("one", json!({})).await;
    let reader = Connection::open(bench.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM session").unwrap();
    let receipt = bench.store.erase(target(), "Anna").await.unwrap();
    assert!(!receipt.is_log_clear && stands(&bench.folder, "Jane Doe 1984"));
    reader.execute_batch("COMMIT").unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    assert!(!stands(&bench.folder, "Jane Doe 1984"), "cleared as soon as it can be");
}

#[tokio::test]
async fn what_a_command_erased_leaves_the_log_once_no_process_reads_it() {
    let bench = Bench::new();
    bench.begin("one", "Jane Doe 1984").await;
    bench.end("one", json!({})).await;
    let reader = Connection::open(bench.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM session").unwrap();
    let mut command = Database::open(&bench.path()).unwrap();
    let target = EraseTarget::Session("one".into());
    let clock = bench.clock.clone();
    let receipt = command.erase_by_command(&target, "command line", true, clock).unwrap();
    drop(command);
    assert!(!receipt.is_log_clear && stands(&bench.folder, "Jane Doe 1984"));
    reader.execute_batch("COMMIT").unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    bench.store.audit("a", "b", "c", "d").await.unwrap();
    assert!(!stands(&bench.folder, "Jane Doe 1984"), "the daemon clears it");
}

#[tokio::test]
async fn a_backup_made_while_rows_come_is_a_whole_database() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    bench.store.record(video("one", 0, Some(1)));
    bench.store.history("one", 10).await.unwrap();
    let copy = bench.folder.path().join("copy.db");
    Database::open(&bench.path()).unwrap().back_up(&copy).unwrap();
    let again = Database::open(&bench.path()).unwrap().back_up(&copy).expect_err("is there");
    assert_eq!(again.kind(), ErrorKind::InvalidInput);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copied = Database::open(&copy).unwrap();
    copied.check().unwrap();
    assert_eq!(copied.export("one").unwrap().unwrap().history.video.rows.len(), 1);
}

#[tokio::test]
async fn an_export_has_a_line_a_second_and_empty_fields_for_what_is_not_known() {
    let bench = Bench::new();
    bench.begin("one", "candidate 7").await;
    let began = bench.clock.unix_ms();
    bench.store.record(video("one", 0, Some(-1250)));
    bench.store.record(audio("one", 2, 1987));
    let export = bench.store.export("one").await.unwrap().unwrap();
    let csv = export.to_csv();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.iter().all(|line| line.len() == 2 + stored(FACE) + stored(VOICE)), "{csv}");
    let field = |line: usize, name| {
        lines[line][lines[0].iter().position(|column| *column == name).unwrap()]
    };
    assert_eq!((field(1, "offset_s"), field(1, "head_yaw_deg")), ("0", "-12.5"));
    assert_eq!((field(1, "pitch_mean"), field(2, "pitch_mean")), ("", "198.7"));
    assert_eq!(field(2, "at"), (began + 2000).to_string());
    assert_eq!(bench.store.export("none").await.unwrap(), None);
}

#[test]
fn every_column_of_the_tables_is_written_and_reported() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("boothd.db");
    drop(Database::open(&path).unwrap());
    let connection = Connection::open(path).unwrap();
    for (table, columns) in [("video_metric", stored(FACE)), ("audio_metric", stored(VOICE))] {
        let ask = format!("SELECT count(*) FROM pragma_table_info('{table}')");
        let found: usize = connection.query_row(&ask, [], |row| row.get(0)).unwrap();
        assert_eq!(found, columns + 2, "{table}");
    }
}
