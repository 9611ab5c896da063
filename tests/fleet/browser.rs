//! The fleet server's page in a real Chromium: tests/browser/fleet.mjs against a fleet server with booths.
//!
//! BOOTHD_SCREENSHOTS names a folder for pictures of all that was looked at.

use std::{path::Path, time::Duration};

use boothd::{
    clock::{Clock, SystemClock},
    mqtt::client::QoS,
};
use serde_json::{Value, json};

use boothd_test_support::node;

use crate::common::{
    Broker, FleetServer, TOKEN, audio, online, publish, session, token, topic, video,
};

/// Minutes of a booth from before, with a gap.
fn remember_half_an_hour(state: &Path) {
    let archive = rusqlite::Connection::open(state.join("fleet.db")).expect("opens");
    let now = SystemClock::default().unix_ms() / 60_000 * 60_000;
    archive
        .execute(
            "INSERT INTO booth (site, booth, first_seen_at, last_seen_at) \
             VALUES ('hq', 'room-0', ?1, ?1)",
            [now - 3_600_000],
        )
        .expect("is new");
    for k in (0..30).filter(|k| !(12..16).contains(k)) {
        let (at, wave) = (now - (31 - k) * 60_000, f64::from(i32::try_from(k).expect("small")));
        let wave = (wave / 4.0).sin();
        let video = (at, 0.9 + wave / 20.0, 0.6 + wave / 4.0, 0.85, 22.0 + wave * 4.0);
        archive
            .execute(
                "INSERT INTO video_minute (booth_id, minute_at, session_id, samples, \
                 face_present_ratio, eye_contact_ratio, head_pose_stability_ratio, processing_ms) \
                 VALUES (1, ?1, '', 60, ?2, ?3, ?4, ?5)",
                video,
            )
            .expect("is right");
        archive
            .execute(
                "INSERT INTO audio_minute (booth_id, minute_at, session_id, samples, \
                 speech_ratio, clarity_ratio, volume_dbfs, processing_ms) \
                 VALUES (1, ?1, '', 60, ?2, 0.8, ?3, 14)",
                (at, 0.5 + wave / 3.0, -30.0 + wave * 8.0),
            )
            .expect("is right");
    }
}

/// A booth with invalid values in place of numbers.
fn evil() -> Vec<(String, QoS, bool, Value)> {
    let x = "<img src=x>";
    let [status, mut info, mut health] = online("evil", "1.2.0");
    for field in ["board", "addresses", "profile", "features"] {
        info.3[field] = x.into();
    }
    health.3["camera"]["state"] = "constructor".into();
    health.3["uptime_s"] = x.into();
    health.3["findings"] = json!([{"code": "constructor", "severity": x, "sentence": 7}, x]);
    let mut report = video(1, None);
    for field in ["head_pose", "gaze", "eye_contact_ratio", "emotion_distribution", "features"]
    {
        report[field] = x.into();
    }
    report["dominant_emotion"] = "toString".into();
    let live = (topic("evil", "metrics/video"), QoS::AtMostOnce, false, report);
    vec![status, info, health, live]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_booths() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    FleetServer::start(&broker, state.path(), &[]).terminate();
    remember_half_an_hour(state.path());
    let server = FleetServer::start(&broker, state.path(), &[]);
    let mut messages = Vec::new();
    for k in 0..9 {
        messages.extend(online(&format!("room-{k}"), if k == 7 { "0.9.0" } else { "1.2.0" }));
    }
    messages[5].3["camera"] = json!({"state": "unavailable", "error": "no such device"});
    messages[5].3["status"] = "degraded".into();
    messages[8].3["policy"]["profile"] = "unchosen".into();
    messages[8].3["status"] = "unhealthy".into();
    messages.extend(session("room-0", "interview-1", ("b1", 1)));
    messages.extend(session("room-1", "interview-2", ("b1", 1)));
    messages.extend(session("room-1", "interview-3", ("b1", 3)));
    let offline = json!({"status": "offline", "since": null, "boot_id": "b1", "reason": null});
    messages.push((topic("room-8", "status"), QoS::AtLeastOnce, true, offline));
    let lost = json!({"reason": "unplugged", "seq": 5, "ts": 1_795_521_600_000_i64,
        "boot_id": "b1", "clock_set": true});
    messages.push((topic("room-0", "event/camera_lost"), QoS::AtLeastOnce, false, lost));
    messages.extend(evil());
    publish(&broker, "publisher", &messages).await;
    server.wait_for("/api/v1/fleet/alerts?open=true", |reply| {
        reply["alerts"].as_array().is_some_and(|alerts| alerts.len() == 4)
    });
    let mut node = node::tests(&["fleet.mjs"]);
    node.env("BOOTHD_URL", format!("http://{}", server.address)).env("BOOTHD_TOKEN", TOKEN);
    node.env("BOOTHD_VIEWER_TOKEN", token(state.path(), "viewer"));
    let looked = tokio::task::spawn_blocking(move || node.output());
    let mut k = 0;
    while !looked.is_finished() {
        let (face, voice) = (video(k, None), audio(k, None));
        // What is acknowledged comes last: the publisher leaves then, and without an
        // acknowledgement its last message may not have left with it.
        let mut messages = vec![
            (topic("room-0", "metrics/video"), QoS::AtMostOnce, false, face),
            (topic("room-0", "metrics/audio"), QoS::AtMostOnce, false, voice),
        ];
        messages.extend(evil());
        messages.extend(online("room-0", "1.2.0"));
        publish(&broker, "publisher", &messages).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        k += 1;
    }
    node::passed(looked.await.expect("no panic"));
}
