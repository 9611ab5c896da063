//! Node-RED with the very flow of contrib/node-red, where only the broker's port is another.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use boothd_test_support::process::free_port;

use super::{
    guest::{Guest, get},
    install::{node, source},
    operator,
    scene::{Scene, is_same},
};

/// What it keeps under which key, of which topic.
const KEPT: [(&str, &str); 5] = [
    ("status", "status"),
    ("info", "info"),
    ("health", "health"),
    ("video", "metrics/video"),
    ("audio", "metrics/audio"),
];

/// Starts Node-RED with the flow in `folder`; where it listens.
fn start(folder: &Path, broker_port: u16) -> (Guest, u16) {
    let flow = fs::read_to_string("contrib/node-red/boothd.json").unwrap();
    let mut flow: Value = serde_json::from_str(&flow).unwrap();
    let nodes = flow.as_array_mut().unwrap();
    let broker = nodes.iter_mut().find(|node| node["type"] == "mqtt-broker").unwrap();
    broker["port"] = json!(broker_port.to_string());
    fs::write(folder.join("flows.json"), flow.to_string()).unwrap();
    let port = free_port();
    let mut command = Command::new("node");
    command.arg(node("node_red").join("node_modules/node-red/red.js"));
    command.arg("--settings").arg(source("node_red/settings.js"));
    command.arg("--userDir").arg(folder).arg("flows.json");
    command.env("NODE_RED_PORT", port.to_string()).current_dir(folder);
    let log = folder.join("log");
    let mut node_red = Guest::start(command, &log);
    // Records are not retained: it must subscribe before they are published.
    node_red.wait("connection to the broker", || {
        let text = fs::read_to_string(&log).unwrap();
        if text.contains("Connected to broker") { Ok(()) } else { Err("none yet".into()) }
    });
    (node_red, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_has_every_booth_as_an_object() {
    let scene = Scene::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut node_red, port) = start(folder.path(), scene.broker.port);
    let daemon = scene.daemon(&[]);
    let booth =
        || -> Result<Value, String> { Ok(get("/booths").json(port)?["berlin/booth-1"].take()) };
    node_red.wait("health", || {
        let booth = booth()?;
        if booth["health"]["status"] == "healthy" { Ok(()) } else { Err(format!("{booth:#}")) }
    });
    for (key, topic) in KEPT {
        // As a whole: every key and every number of the newest message.
        node_red.wait(key, || {
            let (has, published) = (&booth()?[key], scene.newest(topic)?);
            let is_there = published.is_object() && is_same(has, &published);
            if is_there { Ok(()) } else { Err(format!("it has {has:#}, not {published:#}")) }
        });
    }
    let shown = booth().unwrap();
    assert_eq!(shown["status"]["status"], "online");
    assert!(shown["video"]["face_count"].is_u64(), "{shown:#}");
    assert_eq!(
        (&shown["features"]["gaze"], &shown["features"]["preview"]),
        (&json!(true), &json!(false))
    );

    let id = operator::begin(&daemon.address).unwrap();
    let record = |word: &str| -> Result<Value, String> {
        let sessions = booth()?["sessions"].take();
        let (has, published) =
            (sessions[0][word].clone(), scene.newest(&format!("session/{id}/{word}"))?);
        // Whom it is about stands in the message, and is not for everybody who asks Node-RED.
        let mut public = published.clone();
        let subject = public.as_object_mut().unwrap().remove("subject_ref");
        assert_eq!(subject, Some(json!("candidate 7")));
        let is_there = sessions[0]["id"] == *id && is_same(&has, &public);
        if is_there { Ok(has) } else { Err(format!("it has {sessions:#}, not {published:#}")) }
    };
    let started = node_red.wait("session/…/started", || record("started"));
    assert_eq!(
        (&started["session_id"], &started["features"]["gaze"]),
        (&json!(id), &json!(true))
    );
    assert_eq!(operator::end(&daemon.address, &id), Some(200));
    let summary = node_red.wait("session/…/summary", || record("summary"));
    assert!(summary["frames_total"].is_u64(), "{summary:#}");

    let path = format!("/api/v1/sessions/{id}");
    let (status, _) = operator::ask(&daemon.address, "DELETE", &path, &Value::Null).unwrap();
    assert_eq!(status, 200);
    node_red.wait("erasing", || match booth()? {
        booth if booth["sessions"] == json!([]) => Ok(()),
        booth => Err(format!("it still has {booth:#}")),
    });
    let log = node_red.log();
    assert!(!log.contains("[error]"), "{log}");
    node_red.terminate();
}
