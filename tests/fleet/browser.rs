//! The centre's page in a real Chromium: tests/browser/fleet.mjs against a centre with booths.
//!
//! BOOTHD_SCREENSHOTS names a folder for pictures of all that was looked at.

use std::{path::PathBuf, process::Command, time::Duration};

use boothd::mqtt::client::QoS;
use serde_json::json;

use crate::common::{Broker, Centre, TOKEN, audio, online, say, session, topic, video};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_booths() {
    let broker = Broker::start();
    let state = tempfile::tempdir().expect("a folder");
    let centre = Centre::start(&broker, state.path(), &[]);
    let mut said = Vec::new();
    for k in 0..9 {
        said.extend(online(&format!("room-{k}"), if k == 7 { "0.9.0" } else { "1.2.0" }));
    }
    said[5].3["camera"] = json!({"state": "unavailable", "error": "no such device"});
    said[5].3["status"] = "degraded".into();
    said.extend(session("room-0", "interview-1", ("b1", 1)));
    let offline = json!({"status": "offline", "since": null, "boot_id": "b1", "reason": null});
    said.push((topic("room-8", "status"), QoS::AtLeastOnce, true, offline));
    let lost = json!({"reason": "unplugged", "seq": 5, "ts": 1_795_521_600_000_i64,
        "boot_id": "b1", "clock_set": true});
    said.push((topic("room-0", "event/camera_lost"), QoS::AtLeastOnce, false, lost));
    say(&broker, "publisher", &said).await;
    centre.wait_for("/api/v1/fleet/alerts?open=true", |told| {
        told["alerts"].as_array().is_some_and(|alerts| alerts.len() == 3)
    });
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    if !folder.join("node_modules").is_dir() {
        let status = Command::new("npm").arg("ci").current_dir(&folder).status();
        assert!(status.expect("npm is installed").success(), "npm ci failed");
    }
    let mut node = Command::new("node");
    node.args(["--test", "fleet.mjs"]).current_dir(&folder);
    node.env("BOOTHD_URL", format!("http://{}", centre.address)).env("BOOTHD_TOKEN", TOKEN);
    let looked = tokio::task::spawn_blocking(move || node.output());
    let mut k = 0;
    while !looked.is_finished() {
        let (face, voice) = (video(k, None), audio(k, None));
        let mut said: Vec<_> = online("room-0", "1.2.0").into_iter().collect();
        said.push((topic("room-0", "metrics/video"), QoS::AtMostOnce, false, face));
        said.push((topic("room-0", "metrics/audio"), QoS::AtMostOnce, false, voice));
        say(&broker, "publisher", &said).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        k += 1;
    }
    let output = looked.await.expect("no panic").expect("node is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
