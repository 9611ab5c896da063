//! A session from its begin to its erasure, through the interfaces of a real daemon on the bundled
//! clip: the stored values are the reported ones.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{path::PathBuf, process::Command, time::Instant};

use boothd_test_support::{daemon, doubles, operator};
use daemon::{BOOTHD, Daemon, PATIENCE};
use doubles::Booth;
use operator::{ask, ask_whole, begin, consent};
use serde_json::{Value, json};

const DEMO: [&str; 4] = [
    "video.source=file",
    "video.file=demo/face_640x480.mjpeg",
    "audio.source=file",
    "audio.file=demo/speech_16k.wav",
];

/// The values of one column, by second.
fn column(series: &Value, name: &str) -> Vec<(f64, Option<f64>)> {
    let columns = series["columns"].as_array().unwrap();
    let at = columns.iter().position(|column| column == name).unwrap();
    let rows = series["rows"].as_array().unwrap().iter();
    rows.map(|row| (row[0].as_f64().unwrap(), row[at].as_f64())).collect()
}

#[test]
fn what_is_kept_of_a_session_is_what_was_reported() {
    let daemon = Daemon::start(Command::new(&*BOOTHD), &DEMO);
    let address = &daemon.address;
    daemon.wait_for_health("analysis", |health| health["status"] == "healthy");
    let mut watcher = daemon.watch();
    let session = begin(address).expect("begins");
    let mut yaws = Vec::new();
    let mut pitches = Vec::new();
    let mut until = Vec::new();
    // Four seconds of media: two frames and a segment a second.
    while until.len() < 4 {
        let (kind, report) = watcher.next_of(&["visual_analysis", "audio_analysis"]);
        if report["session_id"] != *session {
            continue;
        }
        if kind == "visual_analysis" {
            yaws.push(report["head_pose"]["yaw_deg"].as_f64());
        } else {
            pitches.push(report["pitch_mean"].as_f64());
            until.push(report);
        }
    }
    let path = format!("/api/v1/sessions/{session}");
    let end = ask(address, "POST", &format!("{path}/end"), &Value::Null).unwrap();
    assert_eq!(end.0, 200);
    let (status, history) =
        ask(address, "GET", &format!("{path}/history"), &Value::Null).unwrap();
    assert_eq!((status, &history["lost_rows"]), (200, &json!(0)));
    let near = |reported: &[Option<f64>], kept: Option<f64>, within: f64| {
        reported.iter().any(|reported| match (reported, kept) {
            (Some(reported), Some(kept)) => (reported - kept).abs() <= within,
            (reported, kept) => reported.is_none() && kept.is_none(),
        })
    };
    let kept = column(&history["video"], "head_yaw_deg");
    assert!(kept.len() >= 3, "{kept:?}");
    assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0), "a row a second: {kept:?}");
    // A frame that came after the last one that was read may be the last row.
    let known = &kept[..kept.len() - 1];
    assert!(known.iter().all(|(_, yaw)| near(&yaws, *yaw, 0.006)), "{kept:?} of {yaws:?}");
    let kept = column(&history["audio"], "pitch_mean");
    let known = &kept[..kept.len() - 1];
    assert!(known.iter().all(|(_, f0)| near(&pitches, *f0, 0.06)), "{kept:?} of {pitches:?}");

    let csv = ask_whole(address, "GET", &format!("{path}/export?format=csv")).unwrap();
    let rows = history["video"]["rows"].as_array().unwrap().len();
    assert!(
        csv.head.contains("text/csv")
            && csv.body.lines().filter(|l| l.contains(',')).count() >= rows
    );
    let (_, export) = ask(address, "GET", &format!("{path}/export"), &Value::Null).unwrap();
    let summary = &export["session"]["summary"];
    for part in ["session_id", "frames_total", "segments_total", "ended_at", "features"] {
        assert_eq!(summary[part], end.1[part], "{part}");
    }
    let names = |summary: &Value| summary["metrics"].as_object().map(|m| m.len());
    assert!(names(summary).is_some_and(|count| count > 20) && names(summary) == names(&end.1));
    assert_eq!(export["history"]["video"]["rows"].as_array().unwrap().len(), rows);
    erase(address, &session);
}

/// Erases a session: no interface returns it then, and the audit log holds only the receipt.
fn erase(address: &str, session: &str) {
    let path = format!("/api/v1/sessions/{session}");
    let (status, receipt) = ask(address, "DELETE", &path, &Value::Null).unwrap();
    assert_eq!((status, &receipt["session_ids"]), (200, &json!([session])));
    for gone in [path.clone(), format!("{path}/history"), format!("{path}/export")] {
        assert_eq!(ask(address, "GET", &gone, &Value::Null).unwrap().0, 404, "{gone}");
    }
    assert_eq!(ask(address, "DELETE", &path, &Value::Null).unwrap().0, 404);
    let (_, audit) = ask(address, "GET", "/api/v1/audit", &Value::Null).unwrap();
    let text = audit.to_string();
    assert!(!text.contains(session), "the audit log names no erased session");
    assert!(text.contains(receipt["receipt_id"].as_str().unwrap()));
}

#[test]
fn a_camera_that_was_away_stands_in_the_sessions_events() {
    let booth = Booth::new();
    let clip = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo/face_640x480.mjpeg");
    let media = format!("media={}", clip.display());
    let camera = [&*media, "formats=MJPG", "fps=15"];
    booth.camera(0, &camera);
    let settings = ["video.source=device", "video.device=auto", "audio.source=off"];
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    let address = &daemon.address;
    let mut watcher = daemon.watch();
    watcher.next("visual_analysis");
    let session = begin(address).expect("begins");
    booth.unplug_camera(0);
    assert_eq!(watcher.next("device")["state"], "lost");
    booth.camera(1, &camera);
    assert_eq!(watcher.next("device")["state"], "back");
    let path = format!("/api/v1/sessions/{session}");
    let noted = || {
        let (_, export) = ask(address, "GET", &format!("{path}/export"), &Value::Null).unwrap();
        let events = export["events"].as_array().unwrap().iter();
        events.map(|e| (e["kind"].clone(), e["data"]["reason"].is_string())).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while noted().len() < 2 && Instant::now() < deadline {}
    assert_eq!(noted(), [(json!("camera_lost"), true), (json!("camera_back"), false)]);
}

#[test]
fn erasing_refuses_what_runs_and_what_is_not_there() {
    let daemon =
        Daemon::start(Command::new(&*BOOTHD), &["video.source=off", "audio.source=off"]);
    let address = &daemon.address;
    let session = begin(address).expect("begins");
    let path = format!("/api/v1/sessions/{session}");
    let (status, refused) = ask(address, "DELETE", &path, &Value::Null).unwrap();
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")));
    assert!(refused["error"].as_str().unwrap().contains("end it first"));
    let subject = json!({"subject_ref": "unknown"});
    let (status, refused) = ask(address, "POST", "/api/v1/erase", &subject).unwrap();
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")));
    ask(address, "POST", &format!("{path}/end"), &Value::Null).unwrap();
    let subject = json!({"subject_ref": consent()["subject_ref"]});
    let (status, receipt) = ask(address, "POST", "/api/v1/erase", &subject).unwrap();
    assert_eq!((status, &receipt["session_ids"]), (200, &json!([session])));
    let points = format!("{path}/history?points=0");
    assert_eq!(ask(address, "GET", &points, &Value::Null).unwrap().0, 400);
}

#[test]
fn sessions_whose_ids_no_address_can_carry_are_listed_exported_and_erased() {
    let state = tempfile::tempdir().unwrap();
    let setting = format!("state.dir={}", state.path().display());
    let settings = ["video.source=off", "audio.source=off", &*setting];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &settings);
    let address = &daemon.address;
    // As boothd let clients call their sessions once.
    let database = rusqlite::Connection::open(state.path().join("boothd.db")).unwrap();
    let odd = ["..", "x\u{ffff}", "booth"];
    for id in odd {
        let begun =
            "INSERT INTO session (session_id, stream, state, started_at, ended_at, features)
            VALUES (?1, 'client', 'ended', 1790000000000, 1790000001000, '{}')";
        database.execute(begun, [id]).unwrap();
    }
    let listed = || {
        let (_, list) = ask(address, "GET", "/api/v1/sessions", &Value::Null).unwrap();
        list["sessions"].as_array().unwrap().len()
    };
    assert_eq!(listed(), 3);
    for id in odd {
        let (code, export, _) = command(state.path(), &["export", id]);
        let export: Value = serde_json::from_str(&export).unwrap();
        assert_eq!((code, &export["session"]["session_id"]), (Some(0), &json!(id)));
    }
    let erase = json!({ "session_id": ".." });
    let (status, receipt) = ask(address, "POST", "/api/v1/erase", &erase).unwrap();
    assert_eq!((status, &receipt["session_ids"]), (200, &json!([".."])));
    let (code, _, printed) = command(state.path(), &["erase", "--session", "x\u{ffff}"]);
    assert_eq!(code, Some(0), "{printed}");
    let (status, _) = ask(address, "DELETE", "/api/v1/sessions/booth", &Value::Null).unwrap();
    assert_eq!((status, listed()), (200, 0));
    for wrong in [json!({}), json!({ "session_id": "a", "subject_ref": "b" })] {
        let (status, refused) = ask(address, "POST", "/api/v1/erase", &wrong).unwrap();
        assert_eq!(status, 400, "{refused}");
    }
}

/// A command on the daemon's own state, while it runs.
fn command(state: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(&*BOOTHD);
    command.args(["--set", &format!("state.dir={}", state.display())]).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_commands_work_beside_the_daemon() {
    let state = tempfile::tempdir().unwrap();
    let setting = format!("state.dir={}", state.path().display());
    let settings = ["video.source=off", "audio.source=off", &*setting];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &settings);
    let address = &daemon.address;
    let session = begin(address).expect("begins");
    let (code, _, printed) = command(state.path(), &["erase", "--session", &session]);
    assert!(code != Some(0) && printed.contains("end it first"), "{printed}");
    let path = format!("/api/v1/sessions/{session}");
    ask(address, "POST", &format!("{path}/end"), &Value::Null).unwrap();
    let (code, export, _) = command(state.path(), &["export", &session]);
    let export: Value = serde_json::from_str(&export).unwrap();
    assert_eq!((code, &export["session"]["state"]), (Some(0), &json!("ended")));
    let (code, csv, _) = command(state.path(), &["export", &session, "--format", "csv"]);
    assert!(code == Some(0) && csv.starts_with("offset_s,at,face_detected,"), "{csv}");
    let copy = state.path().join("copy.db");
    let (code, printed, _) = command(state.path(), &["backup", &copy.display().to_string()]);
    assert!(code == Some(0) && printed.contains("copy.db"), "{printed}");
    boothd::store::Database::open(&copy).unwrap().check().unwrap();
    let (code, receipt, _) = command(state.path(), &["erase", "--subject", "candidate 7"]);
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["session_ids"]), (Some(0), &json!([session])));
    assert_eq!(ask(address, "GET", &path, &Value::Null).unwrap().0, 404);
    let (code, log, _) = command(state.path(), &["audit", "--action", "session.erase"]);
    assert!(code == Some(0) && log.lines().count() == 1, "{log}");
    assert!(log.contains("command line  session.erase  receipt "), "{log}");
    let (code, log, _) = command(state.path(), &["audit", "--actor", "unknown"]);
    assert!(code == Some(0) && log.is_empty(), "{log}");
    let (code, _, printed) = command(state.path(), &["erase"]);
    assert!(code == Some(2) && printed.contains("--session"), "{printed}");
}
