//! The archive's file changes under the fleet server, or cannot be opened when it starts: nothing
//! that was acknowledged is lost, nothing comes twice, and /health names the remedy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use boothd::mqtt::client::QoS;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::{
    Broker, FleetServer, PATIENCE, TOKEN, online, publish, session, small_disk::seen_by, topic,
};

const SESSIONS: &str = "/api/v1/fleet/sessions?limit=1000";

/// Interviews of one booth, each with its beginning and its summary.
async fn interviews(broker: &Broker, range: std::ops::Range<i64>) {
    let all: Vec<_> =
        range.flat_map(|k| session("one", &format!("s{k}"), ("b1", k * 2))).collect();
    publish(broker, "publisher", &all).await;
}

fn has(wanted: usize) -> impl Fn(&Value) -> bool {
    move |reply| {
        let is_whole = |s: &Value| s["started"].is_object() && s["summary"].is_object();
        reply["sessions"]
            .as_array()
            .is_some_and(|s| s.len() == wanted && s.iter().all(is_whole))
    }
}

fn finds(health: &Value, code: &str, severity: &str) -> bool {
    let findings = health["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    findings.iter().any(|found| found["code"] == code && found["severity"] == severity)
}

fn is_well(health: &Value) -> bool {
    health["status"] == "healthy" && health["findings"] == json!([])
}

/// Names in the state folder that hold these words.
fn files_with(folder: &Path, words: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("is readable").path());
    paths.filter(|path| path.to_string_lossy().contains(words)).collect()
}

/// Records and sessions of a file.
fn count(file: &Path) -> (i64, i64) {
    let archive = Connection::open(file).expect("opens");
    let count = |table: &str| {
        let ask = format!("SELECT count(*) FROM {table}");
        archive.query_row(&ask, [], |row| row.get(0)).expect("asks")
    };
    (count("record"), count("session"))
}

/// A fleet server with twenty interviews, and a back-up from when there were ten.
async fn scene(broker: &Broker, state: &Path) -> (FleetServer, PathBuf) {
    let server = FleetServer::start(broker, state, &[]);
    publish(broker, "announcer", &online("one", "1")).await;
    interviews(broker, 0..10).await;
    server.wait_for(SESSIONS, has(10));
    let copy = state.join("copy.db");
    let output = Command::new(env!("CARGO_BIN_EXE_boothd"))
        .args(["--set", &format!("state.dir={}", state.display()), "backup", "--archive"])
        .arg(&copy)
        .output()
        .expect("boothd can be started");
    assert!(output.status.success(), "{output:?}");
    interviews(broker, 10..20).await;
    server.wait_for(SESSIONS, has(20));
    (server, copy)
}

/// Held: unhealthy with a remedy; acknowledges nothing, neither to the broker nor to people.
fn is_held(server: &FleetServer, state: &Path) -> PathBuf {
    let health =
        server.wait_for("/health", |health| finds(health, "archive_replaced", "unhealthy"));
    assert_eq!(health["status"], "unhealthy", "{health:#}");
    assert_eq!((server.get("/health").0, server.get("/health/ready").0), (503, 503));
    assert!(server.metric("boothd_fleet_archive_up") < 0.5);
    let kept = files_with(state, "fleet.db.replaced-").remove(0);
    let sentence = health["findings"][0]["sentence"].as_str().expect("a sentence");
    let back = format!("mv {} {}", kept.display(), state.join("fleet.db").display());
    assert!(sentence.contains(&back) && sentence.contains("start boothd fleet"), "{sentence}");
    let erase = server.request("DELETE", "/api/v1/fleet/sessions/hq/one/s3", TOKEN, "");
    assert_eq!(erase.status, 503, "{}", erase.body);
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_deleted_under_the_fleet_server_loses_nothing() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let (server, _) = scene(&broker, state.path()).await;
    for file in files_with(state.path(), "fleet.db") {
        fs::remove_file(file).expect("is there");
    }
    interviews(&broker, 20..30).await;
    // The page reads the file that was written again, too.
    server.wait_for(SESSIONS, has(30));
    server.wait_for("/health", is_well);
    let erase = server.request("DELETE", "/api/v1/fleet/sessions/hq/one/s3", TOKEN, "");
    assert_eq!(erase.status, 200);
    server.wait_for(SESSIONS, has(29));
    server.kill();
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, has(29));
    server.terminate();
    assert_eq!(count(&state.path().join("fleet.db")), (58, 29), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_the_archive_that_is_deleted_loses_nothing() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let (server, _) = scene(&broker, state.path()).await;
    for ending in ["-wal", "-shm"] {
        let file = state.path().join(format!("fleet.db{ending}"));
        fs::remove_file(file).expect("is there");
    }
    interviews(&broker, 20..30).await;
    server.wait_for(SESSIONS, has(30));
    server.kill();
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, has(30));
    server.terminate();
    assert_eq!(count(&state.path().join("fleet.db")), (60, 30), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_replaced_holds_until_the_right_one_is_back() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let archive = state.path().join("fleet.db");
    let (server, copy) = scene(&broker, state.path()).await;
    fs::rename(copy, &archive).expect("replaces");
    interviews(&broker, 20..30).await;
    let kept = is_held(&server, state.path());
    assert_eq!(count(&archive), (20, 10), "what was put there is not written to");
    fs::rename(&kept, &archive).expect("moves back");
    server.wait_for("/health", is_well);
    server.wait_for(SESSIONS, has(30));
    server.kill();
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, has(30));
    server.terminate();
    assert_eq!(count(&archive), (60, 30), "each once");
}

/// With the file itself and not with the copy that was kept of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_moved_away_and_back_goes_on() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let (archive, moved) = (state.path().join("fleet.db"), state.path().join("moved.db"));
    let (server, copy) = scene(&broker, state.path()).await;
    // Without a moment at which nothing stands at the name.
    fs::hard_link(&archive, &moved).expect("links");
    fs::rename(copy, &archive).expect("replaces");
    interviews(&broker, 20..30).await;
    is_held(&server, state.path());
    fs::rename(&moved, &archive).expect("moves back");
    server.wait_for("/health", is_well);
    server.wait_for(SESSIONS, has(30));
    let left = files_with(state.path(), "fleet.db.replaced-");
    assert!(left.is_empty(), "all that the copy holds is back: {left:?}");
    server.kill();
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, has(30));
    server.terminate();
    assert_eq!(count(&archive), (60, 30), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_start_goes_on_with_what_was_put_in_the_archives_place() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let archive = state.path().join("fleet.db");
    let (server, copy) = scene(&broker, state.path()).await;
    fs::rename(copy, &archive).expect("replaces");
    interviews(&broker, 20..30).await;
    let kept = is_held(&server, state.path());
    server.terminate();
    assert!(count(&kept).1 >= 20, "all that was acknowledged");
    let server = FleetServer::start(&broker, state.path(), &[]);
    // Those of the back-up, and those that were never acknowledged.
    server.wait_for(SESSIONS, has(20));
    let health =
        server.wait_for("/health", |health| finds(health, "archive_replaced", "degraded"));
    assert_eq!(health["status"], "degraded", "{health:#}");
    let name = kept.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(health["findings"][0]["sentence"].as_str().expect("one").contains(&name));
    fs::rename(&kept, state.path().join("elsewhere.db")).expect("moves away");
    server.wait_for("/health", is_well);
    server.terminate();
    assert_eq!(count(&archive), (40, 20), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_as_the_archive_is_replaced_is_not_acknowledged() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let archive = state.path().join("fleet.db");
    let (server, copy) = scene(&broker, state.path()).await;
    let counts = || {
        let count = |name: &str| server.metric(&format!("boothd_fleet_{name}"));
        (count("records_total"), count("records_waiting"), count("kept_records_total"))
    };
    let before = counts();
    let other = Connection::open(&archive).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    interviews(&broker, 20..21).await;
    // Until the writer has begun a transaction, which waits for the other's.
    let began = Instant::now();
    loop {
        let (came, waiting, kept) = counts();
        assert!(kept - before.2 < 0.5, "nothing can be committed");
        if came - before.0 > waiting {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the writer takes the records");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(copy, &archive).expect("replaces");
    other.execute_batch("ROLLBACK").expect("unlocks");
    drop(other);
    is_held(&server, state.path());
    server.kill();
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, has(11));
    server.terminate();
    assert_eq!(count(&archive), (22, 11), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_start_holds_until_there_is_room() {
    let broker = Broker::roomy();
    let (before, state) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let (server, _) = scene(&broker, before.path()).await;
    let known = server.json("/api/v1/fleet/booths/hq/one")["booth"]["first_seen_at"].clone();
    let offline =
        json!({"status": "offline", "since": 1, "boot_id": "b1", "reason": "stopped"});
    publish(&broker, "booth", &[(topic("one", "status"), QoS::AtLeastOnce, true, offline)])
        .await;
    let is_open = |reply: &Value| reply["alerts"].as_array().is_some_and(|a| a.len() == 1);
    server.wait_for("/api/v1/fleet/alerts?open=true", is_open);
    server.terminate();
    publish(&broker, "booth", &online("one", "1")).await;
    let server = FleetServer::start_on_a_full_disk(&broker, before.path(), state.path(), 8192);
    let health =
        server.wait_for("/health", |health| finds(health, "archive_away", "unhealthy"));
    assert_eq!(health["archive"]["state"], "unavailable", "{health:#}");
    let why = health["archive"]["error"].as_str().expect("a sentence");
    assert!(why.contains("make room"), "{why}");
    assert!(health["erase_orders_open"].is_null(), "it is unknown: {health:#}");
    let (_, metrics) = server.get("/metrics");
    assert!(!metrics.contains("boothd_fleet_erase_orders_open "), "{metrics}");
    assert_eq!((server.get("/health").0, server.get(SESSIONS).0), (503, 503));
    interviews(&broker, 20..30).await;
    fs::remove_file(seen_by(server.pid(), &state.path().join("filler"))).expect("is there");
    server.wait_for(SESSIONS, has(30));
    let health = server.wait_for("/health", |health| health["archive"]["state"] == "running");
    assert_eq!(health["erase_orders_open"], 0, "{health:#}");
    // The fleet state takes what the archive knew before, and ends the alert that is over.
    server.wait_for("/api/v1/fleet/alerts?open=false", is_open);
    server
        .wait_for("/api/v1/fleet/booths/hq/one", |one| one["booth"]["first_seen_at"] == known);
    server.terminate();
}
