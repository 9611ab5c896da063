//! Faults of the archive: a full disk, a broker that leaves while records are on their way to the
//! disk, and history that is old enough.

use std::{
    fs,
    time::{Duration, Instant},
};

use boothd::mqtt::client::QoS;
use rusqlite::Connection;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::common::{
    Broker, FleetServer, PATIENCE, audio, online, publish, session, small_disk::fill, topic,
};

const SESSIONS: &str = "/api/v1/fleet/sessions?limit=1000";

/// A summary of some length, so that the disk is full soon.
fn sessions(range: std::ops::Range<i64>) -> Vec<(String, QoS, bool, serde_json::Value)> {
    range.flat_map(|k| session("one", &format!("s{k}"), ("b1", k * 2))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_no_record_and_what_waited_is_kept_when_there_is_room() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start_on_a_small_disk(&broker, state.path(), 4096);
    publish(&broker, "announcer", &online("one", "1")).await;
    publish(&broker, "publisher", &sessions(0..10)).await;
    server.wait_for(SESSIONS, |reply| {
        reply["sessions"].as_array().is_some_and(|s| s.len() == 10)
    });
    let filler = server.on_its_disk(&state.path().join("filler"));
    fill(&filler);
    publish(&broker, "publisher", &sessions(10..60)).await;
    let health =
        server.wait_for("/health", |health| health["archive"]["state"] == "unavailable");
    assert!(
        health["archive"]["error"].as_str().is_some_and(|e| e.contains("full")),
        "{health}"
    );
    // What is live is shown all the same.
    let live = (topic("one", "metrics/audio"), QoS::AtMostOnce, false, audio(7, None));
    publish(&broker, "publisher", &[live]).await;
    server
        .wait_for("/api/v1/fleet/booths/hq/one", |one| one["audio"]["report"]["sequence"] == 7);
    fs::remove_file(&filler).expect("is there");
    server.wait_for("/health", |health| health["archive"]["state"] == "running");
    let reply = server.wait_for(SESSIONS, |reply| {
        reply["sessions"].as_array().is_some_and(|s| s.len() == 60)
    });
    let all = reply["sessions"].as_array().expect("a list");
    assert!(all.iter().all(|s| s["summary"].is_object() && s["started"].is_object()));
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_backed_up_while_it_runs_and_restored_while_it_is_stopped() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let there = |wanted| {
        move |reply: &serde_json::Value| {
            reply["sessions"].as_array().is_some_and(|s| s.len() == wanted)
        }
    };
    let server = FleetServer::start(&broker, state.path(), &[]);
    publish(&broker, "announcer", &online("one", "1")).await;
    publish(&broker, "publisher", &sessions(0..5)).await;
    server.wait_for(SESSIONS, there(5));
    let copy = state.path().join("copy.db");
    let command = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_boothd"));
        command.args(["--set", &format!("state.dir={}", state.path().display())]);
        command.args(arguments).arg(&copy).output().expect("boothd can be started")
    };
    let copied = command(&["backup", "--archive"]);
    assert!(copied.status.success(), "{copied:?}");
    publish(&broker, "publisher", &sessions(5..10)).await;
    server.wait_for(SESSIONS, there(10));
    let refused = command(&["restore"]);
    assert_eq!(refused.status.code(), Some(69), "{refused:?}");
    server.terminate();
    let restored = command(&["restore"]);
    assert!(restored.status.success(), "{restored:?}");
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for(SESSIONS, there(5));
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_server_with_a_full_disk_stops_on_request_and_the_broker_keeps_the_rest() {
    let broker = Broker::roomy();
    let (state, other) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let server = FleetServer::start_on_a_small_disk(&broker, state.path(), 4096);
    publish(&broker, "announcer", &online("one", "1")).await;
    fill(&server.on_its_disk(&state.path().join("filler")));
    // More than may wait in the fleet server.
    for part in 0..4 {
        publish(&broker, "publisher", &sessions(part * 600..(part + 1) * 600)).await;
    }
    server.wait_for("/health", |health| health["archive"]["state"] == "unavailable");
    // A few records fitted into the last free bytes.
    let kept = server.metric("boothd_fleet_kept_records_total");
    assert!(kept < 1000.0, "{kept} records on a full disk");
    server.terminate();
    // The disk is gone with it. What it had not acknowledged comes to the next one.
    let server = FleetServer::start(&broker, other.path(), &[]);
    server.wait_for("/health", |_| true);
    let began = Instant::now();
    while server.metric("boothd_fleet_kept_records_total") < 4800.0 - kept {
        assert!(began.elapsed() < PATIENCE, "all of them come");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_when_it_is_old_enough_and_a_clock_that_was_not_set_makes_nothing_old() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    publish(&broker, "announcer", &online("one", "1")).await;
    let mut messages = sessions(0..2);
    // A booth without a battery, that begins in 1970.
    for (topic, _, _, message) in &mut messages[2..] {
        assert!(topic.contains("/s1/"));
        message["ts"] = 5000.into();
        message["clock_set"] = json!(false);
    }
    publish(&broker, "publisher", &messages).await;
    server
        .wait_for(SESSIONS, |reply| reply["sessions"].as_array().is_some_and(|s| s.len() == 2));
    server.terminate();
    // A hundred days later.
    let archive = Connection::open(state.path().join("fleet.db")).expect("opens");
    let age = "UPDATE session SET listed_at = listed_at - 8640000000 WHERE session_id = 's0';
               UPDATE record SET received_at = received_at - 8640000000 WHERE session_id = 's0'";
    archive.execute_batch(age).expect("ages");
    drop(archive);
    // A clock that no time server has confirmed deletes nothing.
    let vouch = "UPDATE clock_epoch SET certain_ms = origin_ms, is_vouched = 1";
    let store = Connection::open(state.path().join("boothd.db")).expect("opens");
    assert_eq!(store.execute(vouch, []).expect("vouches"), 1);
    drop(store);
    let server = FleetServer::start(&broker, state.path(), &["fleet.history_days=30"]);
    let reply = server
        .wait_for(SESSIONS, |reply| reply["sessions"].as_array().is_some_and(|s| s.len() == 1));
    assert_eq!(reply["sessions"][0]["session_id"], "s1");
    server.terminate();
    let archive = Connection::open(state.path().join("fleet.db")).expect("opens");
    let count = |what: &str| -> i64 {
        archive
            .query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0))
            .expect("asks")
    };
    assert_eq!(
        (count("record"), count("pragma_freelist_count WHERE freelist_count > 0")),
        (2, 0)
    );
}

/// A TCP proxy in front of the broker; cuts all its connections on request.
async fn cable(port: u16) -> (u16, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let own = listener.local_addr().expect("is bound").port();
    let (cuts, cut) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut cut = cut.clone();
            tokio::spawn(async move {
                cut.mark_unchanged();
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.expect("listens");
                tokio::select! {
                    _ = cut.changed() => (),
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => (),
                }
            });
        }
    });
    (own, cuts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_again_and_again_loses_no_record_and_repeats_none() {
    const RECORDS: u32 = 4000;
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let (port, cuts) = cable(broker.port).await;
    let server = FleetServer::start_at(port, state.path(), &[]);
    publish(&broker, "announcer", &online("one", "1")).await;
    let all = sessions(0..i64::from(RECORDS / 2));
    let publishing = publish(&broker, "publisher", &all);
    let cutting = async {
        for _ in 0..12 {
            let before = server.metric("boothd_fleet_kept_records_total");
            cuts.send_modify(|cuts| *cuts += 1);
            let began = Instant::now();
            while server.metric("boothd_fleet_kept_records_total")
                < (before + 100.0).min(f64::from(RECORDS))
            {
                assert!(began.elapsed() < PATIENCE, "records go on coming");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    };
    tokio::join!(publishing, cutting);
    let began = Instant::now();
    while server.metric("boothd_fleet_kept_records_total") < f64::from(RECORDS) {
        assert!(began.elapsed() < PATIENCE, "all of them come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.terminate();
    let archive = Connection::open(state.path().join("fleet.db")).expect("opens");
    let kept: u32 =
        archive.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).expect("asks");
    assert_eq!(kept, RECORDS, "each once");
}
