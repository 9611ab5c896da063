//! `boothd fleet` itself, with a real Mosquitto.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use boothd::mqtt::client::QoS;
use serde_json::json;

use boothd_test_support::http::Answer;

use crate::common::{
    Broker, FleetServer, PATIENCE, TOKEN, audio, online, publish, session, token, topic, video,
};
use crate::script::{self, Script};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_fleet_server_is_killed() {
    const ROUNDS: i64 = 6;
    const SESSIONS: i64 = 100;
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    // The broker knows the fleet server's session before anything is published.
    publish(&broker, "announcer", &online("one", "1")).await;
    let server = FleetServer::start(&broker, state.path(), &[]);
    server.wait_for("/api/v1/fleet/booths", |reply| reply["total"] == 1);
    server.kill();
    let mut kept_before = 0;
    for round in 0..ROUNDS {
        let server = FleetServer::start(&broker, state.path(), &[]);
        let messages: Vec<_> = (0..SESSIONS)
            .flat_map(|k| {
                session("one", &format!("s{round}-{k}"), ("b1", (round * 1000 + k) * 2))
            })
            .collect();
        // The fleet server is killed at some point of taking them.
        let publishing = publish(&broker, "publisher", &messages);
        let killing = async {
            let began = std::time::Instant::now();
            let at_least = 20.0 + 30.0 * f64::from(i32::try_from(round).expect("small"));
            while server.metric("boothd_fleet_records_total") < at_least {
                assert!(began.elapsed() < PATIENCE, "the records come");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
        };
        tokio::join!(publishing, killing);
        let archive = rusqlite::Connection::open(state.path().join("fleet.db")).expect("opens");
        let sound: String =
            archive.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("asks");
        assert_eq!(sound, "ok");
        let kept: i64 = archive
            .query_row("SELECT count(*) FROM record", [], |row| row.get(0))
            .expect("asks");
        assert!(kept >= kept_before, "{kept} of {kept_before}");
        kept_before = kept;
    }
    // The same again, as a booth repeats it after a lost acknowledgement.
    publish(&broker, "publisher", &session("one", "s0-0", ("b1", 0))).await;
    let server = FleetServer::start(&broker, state.path(), &[]);
    let wanted = usize::try_from(ROUNDS * SESSIONS).expect("small");
    let reply = server.wait_for("/api/v1/fleet/sessions?limit=1000", |reply| {
        let sessions = reply["sessions"].as_array().expect("a list");
        sessions.len() == wanted && sessions.iter().all(|s| s["summary"].is_object())
    });
    assert!(reply["sessions"][0]["started"]["subject_ref"].is_string());
    server.terminate();
    let archive = rusqlite::Connection::open(state.path().join("fleet.db")).expect("opens");
    let records: i64 =
        archive.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).expect("asks");
    assert_eq!(records, 2 * ROUNDS * SESSIONS, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_refused_or_granted_in_part_is_reported() {
    let take_all = Box::new(|_: &str, _: &str, _| script::Answer::Code(0));
    let script = Script::with(take_all, &[], Some(0)).await;
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start_at(script.port, state.path(), &[]);
    let reports = |words: &'static str| {
        server.wait_for("/health", |health| {
            health["broker"]["error"].as_str().is_some_and(|error| error.contains(words))
        })
    };
    reports("grants QoS 0 only");
    script.end_and_grant(Some(0x87));
    let health = reports("refuses the subscription to boothd/v1/#");
    assert_eq!(health["broker"]["state"], "unavailable", "{health}");
    assert_eq!(server.get("/health/ready").0, 503);
    script.end_and_grant(Some(1));
    server.wait_for("/health", |health| health["broker"]["state"] == "running");
    assert_eq!(server.get("/health/ready").0, 200);
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_leaves_no_byte_of_the_subject() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let secret = "SUBJECT-4711-REFERENCE";
    let [mut started, summary] = session("one", "forget-me", ("b1", 1));
    started.3["subject_ref"] = secret.into();
    let live =
        (topic("one", "metrics/video"), QoS::AtMostOnce, false, video(1, Some("forget-me")));
    publish(&broker, "publisher", &[started, summary, live]).await;
    publish(&broker, "publisher", &session("one", "stays", ("b1", 3))).await;
    let list = "/api/v1/fleet/sessions";
    server.wait_for(list, |reply| reply["sessions"].as_array().is_some_and(|s| s.len() == 2));
    let erased = json!({"receipt_id": "r1", "session_ids": ["forget-me"], "seq": 9, "ts": 1,
        "boot_id": "b1", "clock_set": true});
    publish(
        &broker,
        "publisher",
        &[(topic("one", "event/erased"), QoS::AtLeastOnce, false, erased)],
    )
    .await;
    server.wait_for(list, |reply| reply["sessions"].as_array().is_some_and(|s| s.len() == 1));
    let left = || {
        let mut left = Vec::new();
        for name in ["fleet.db", "fleet.db-wal", "boothd.db", "boothd.db-wal"] {
            let bytes = fs::read(state.path().join(name)).unwrap_or_default();
            for word in [secret, "forget-me"] {
                if bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                    left.push(format!("{word} is in {name}"));
                }
            }
        }
        left
    };
    // While it runs: at its end SQLite would clear the log by itself.
    let deadline = Instant::now() + PATIENCE;
    while !left().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", left());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.terminate();
    assert_eq!(left(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_acknowledge_and_export_by_their_role() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let mut messages: Vec<_> = ["a", "b", "c"].iter().flat_map(|b| online(b, "1.2")).collect();
    messages[8].3["camera"] = json!({"state": "unavailable", "error": "=unplugged, \"gone\""});
    messages.push((topic("a", "metrics/audio"), QoS::AtMostOnce, false, audio(1, None)));
    messages.extend(session("a", "s1", ("b1", 1)));
    publish(&broker, "publisher", &messages).await;
    let alerts = server.wait_for("/api/v1/fleet/alerts?open=true", |reply| {
        reply["alerts"].as_array().is_some_and(|alerts| alerts.len() == 1)
    });
    let alert = &alerts["alerts"][0];
    assert_eq!((&alert["booth"], &alert["kind"]), (&"c".into(), &"camera".into()));
    let viewer = token(state.path(), "viewer");
    let list = "/api/v1/fleet/booths?q=c";
    let began = std::time::Instant::now();
    while server.request("GET", list, &viewer, "").status != 200 {
        assert!(began.elapsed() < PATIENCE, "the token is seen within a second");
    }
    // Wrong ones are slowed down: the loop above has shown some.
    assert!([401, 429].contains(&server.request("GET", list, "wrong", "").status));
    assert_eq!(server.request("GET", "/api/v1/fleet/sessions", &viewer, "").status, 403);
    let acknowledge = format!("/api/v1/fleet/alerts/{}/acknowledge", alert["alert_id"]);
    let note = json!({"note": "on my way"}).to_string();
    assert_eq!(server.request("POST", &acknowledge, &viewer, &note).status, 403);
    let Answer { status, body, .. } = server.request("POST", &acknowledge, TOKEN, &note);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("on my way") && body.contains("operator"), "{body}");
    assert_eq!(
        server.request("POST", "/api/v1/fleet/alerts/99/acknowledge", TOKEN, "{}").status,
        404
    );
    let Answer { head, body: csv, .. } =
        server.request("GET", "/api/v1/fleet/alerts.csv", TOKEN, "");
    assert!(head.contains("text/csv") && head.contains("alerts.csv"), "{head}");
    assert!(csv.contains("\"'=unplugged, \"\"gone\"\"\""), "{csv}");
    let (status, csv) = server.get("/api/v1/fleet/sessions.csv");
    assert!(status == 200 && csv.contains("ref of s1") && csv.contains("eye_contact_ratio"));
    let (_, csv) = server.get("/api/v1/fleet/booths.csv?site=hq");
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let one = server.json("/api/v1/fleet/booths/hq/a");
    assert_eq!(one["info"]["board"], "Raspberry Pi 5");
    assert_eq!(one["audio"]["report"]["speech_ratio"], 0.74);
    assert_eq!(server.get("/api/v1/fleet/booths/hq/unknown").0, 404);
    assert_eq!(server.get("/api/v1/fleet/booths?limit=0").0, 400);
    let document = server.json("/api/v1/openapi.json");
    assert!(document["paths"]["/api/v1/fleet/booths"].is_object());
    let head = server.request("GET", "/", "", "").head;
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
}

#[test]
fn without_a_broker_the_fleet_server_names_the_remedy() {
    let state = tempfile::tempdir().expect("a folder");
    let setting = format!("state.dir={}", state.path().display());
    let output = Command::new(env!("CARGO_BIN_EXE_boothd"))
        .args(["fleet", "--set", "web.port=0", "--set", &setting])
        .output()
        .expect("boothd runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("mqtt.broker"), "{stderr}");
}
