//! Home Assistant itself (`hass`), set up over its own HTTP API as a person does in the browser:
//! the first user, then the integration MQTT. What it shows is asked of that API too.
//!
//! BOOTHD_HASS names another `hass` for the test to run instead of the pinned one, and has the booth
//! announce itself in one message, which needs 2024.11 or later.

mod hass;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{daemon::Daemon, guest::patient, install::python, operator, scene::Scene};
use hass::{Hass, Shown};

/// Where each live entity's number stands: its key, the topic, the place in the payload.
const SHOWN: &[(&str, &str, &str)] = &[
    ("binary_sensor.face_detected", "metrics/video", "/face_detected"),
    ("sensor.eye_contact_ratio", "metrics/video", "/eye_contact_ratio"),
    ("sensor.head_pose_stability", "metrics/video", "/head_pose_stability"),
    ("sensor.head_yaw", "metrics/video", "/head_pose/yaw_deg"),
    ("sensor.head_pitch", "metrics/video", "/head_pose/pitch_deg"),
    ("sensor.blink_rate", "metrics/video", "/blink_rate_per_min"),
    ("sensor.face_count", "metrics/video", "/face_count"),
    ("sensor.dominant_emotion", "metrics/video", "/dominant_emotion"),
    ("sensor.speech_rate", "metrics/audio", "/speech_rate"),
    ("sensor.pitch_mean", "metrics/audio", "/pitch_mean"),
    ("sensor.volume", "metrics/audio", "/volume_dbfs"),
    ("sensor.clarity_score", "metrics/audio", "/clarity_score"),
    ("sensor.speech_ratio", "metrics/audio", "/speech_ratio"),
    ("sensor.voice_emotion", "metrics/audio", "/emotion"),
    ("binary_sensor.session_active", "health", "/session_active"),
    ("sensor.health", "health", "/status"),
    ("binary_sensor.camera", "health", "/camera/state"),
    ("binary_sensor.microphone", "health", "/microphone/state"),
    ("sensor.disk_free", "health", "/disk/free_bytes"),
];

/// The switches of a booth that may do all; the rest is in [`SHOWN`].
const FEATURES: [&str; 8] = [
    "video",
    "audio",
    "face_emotion",
    "face_actions",
    "gaze",
    "head_pose",
    "voice_emotion",
    "preview",
];

/// The end of every topic of an announcement.
const CONFIG: &str = "/config";

#[tokio::test(flavor = "multi_thread")]
async fn home_assistant_shows_and_switches_the_booth() {
    let (program, form) = match std::env::var_os("BOOTHD_HASS") {
        Some(program) => (PathBuf::from(program), "device"),
        None => (python("home_assistant").join("bin/hass"), "entities"),
    };
    let began = Instant::now();
    let step = |what: &str| println!("{:5.1} s: {what}", began.elapsed().as_secs_f64());
    let scene = Scene::start().await;
    let mut hass = Hass::start(program);
    step("Home Assistant answers");
    hass.sign_up(scene.broker.port);
    let announce = format!("mqtt.home_assistant={form}");
    let settings = [&*announce, "mqtt.commands=[\"features\"]", "features.preview=true"];
    let daemon = scene.daemon(&settings);

    all_that_is_announced_is_there(&scene, &mut hass);
    step("all entities");
    what_is_shown_is_what_the_booth_says(&scene, &mut hass);
    step("the numbers");
    a_switch_switches_the_booth(&daemon, &mut hass);
    step("the switch");
    a_session_is_seen_at_once(&daemon, &mut hass);
    step("the session");

    // Home Assistant is away, and the broker has forgotten all: only the booth can publish it again.
    hass.stop();
    for topic in scene.board.all("homeassistant/", CONFIG).into_keys() {
        scene.board.take_back(&topic).await;
    }
    let forgotten = patient(|| {
        let kept = scene.board.all("homeassistant/", CONFIG);
        if kept.is_empty() { Ok(()) } else { Err(format!("the broker still keeps {kept:?}")) }
    });
    forgotten.unwrap();
    step("Home Assistant has left");
    hass.start_again();
    all_that_is_announced_is_there(&scene, &mut hass);
    what_is_shown_is_what_the_booth_says(&scene, &mut hass);

    step("all is there again");
    daemon.signal(rustix::process::Signal::KILL);
    hass.wait_shown("the booth to be gone", |shown| {
        shown.values().all(|entity| entity.state == "unavailable")
    });
    step("the booth is gone");
    drop(daemon);
    let _daemon = scene.daemon(&settings);
    what_is_shown_is_what_the_booth_says(&scene, &mut hass);
    step("the booth is back");
    hass.stop();
    let complaints = hass.complaints();
    assert!(complaints.is_empty(), "Home Assistant complains: {complaints:#?}");
}

/// Every entity of the booth's announcement by `platform.key`, with the payload about it.
fn announced(scene: &Scene) -> BTreeMap<String, Value> {
    let mut announced = BTreeMap::new();
    for (topic, received) in scene.board.all("homeassistant/", CONFIG) {
        let levels: Vec<&str> = topic.split('/').collect();
        let payload = received.json();
        match payload["components"].as_object() {
            Some(components) => {
                for (key, component) in components {
                    let platform = component["platform"].as_str().unwrap();
                    let mut component = component.clone();
                    component["device"] = payload["device"].clone();
                    announced.insert(format!("{platform}.{key}"), component);
                }
            }
            None => {
                announced.insert(format!("{}.{}", levels[1], levels[3]), payload);
            }
        }
    }
    announced
}

fn all_that_is_announced_is_there(scene: &Scene, hass: &mut Hass) {
    let features = FEATURES.map(|feature| format!("switch.feature_{feature}"));
    let expected: Vec<String> =
        SHOWN.iter().map(|(key, ..)| (*key).to_owned()).chain(features).collect();
    let (shown, announced) = hass.wait_until("all entities", |hass| {
        let (shown, announced) = (hass.shown()?, announced(scene));
        let missing = expected.iter().find(|key| {
            !announced.contains_key(*key) || shown.get(*key).is_none_or(Shown::is_old)
        });
        match missing {
            Some(key) => Err(format!("{key}: {announced:#?} {shown:#?}")),
            None => Ok((shown, announced)),
        }
    });
    // Nothing else, and nothing twice.
    assert_eq!(shown.keys().collect::<Vec<_>>(), announced.keys().collect::<Vec<_>>());
    let info = scene.newest("info").unwrap();
    for (key, config) in &announced {
        let Shown { attributes, device, .. } = &shown[key];
        let name = format!("Booth booth-1 {}", config["name"].as_str().unwrap());
        assert_eq!(attributes["friendly_name"], name, "{key}");
        for attribute in ["unit_of_measurement", "device_class", "state_class"] {
            assert_eq!(attributes[attribute], config[attribute], "{key}");
        }
        assert_eq!(config["device"]["sw_version"], info["version"]);
        let expected = json!({
            "name": "Booth booth-1", "manufacturer": "boothd", "sw_version": info["version"],
            "model": info["board"].as_str().unwrap_or("interview booth"), "area": "berlin",
        });
        assert_eq!(device, &expected, "{key}");
    }
}

/// As Home Assistant writes it.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "unknown".into(),
        Value::Bool(is_on) => if *is_on { "on" } else { "off" }.into(),
        Value::String(word) => word.clone(),
        number => number.to_string(),
    }
}

/// A state as a number.
fn read(state: &str) -> Option<f64> {
    state.parse().ok()
}

/// The newest numbers of all three topics at once, each exactly.
fn what_is_shown_is_what_the_booth_says(scene: &Scene, hass: &mut Hass) {
    // A booth that publishes only null, as at its start, would match everything.
    hass.wait_shown("live numbers of a healthy booth", |shown| {
        let known = |key: &&str| read(&shown[*key].state).is_some();
        let live = ["sensor.head_yaw", "sensor.face_count", "sensor.volume"];
        shown["sensor.health"].state == "healthy" && live.iter().all(known)
    });
    for topic in ["metrics/video", "metrics/audio", "health"] {
        hass.wait_until(topic, |hass| {
            let (published, shown) = (scene.newest(topic)?, hass.shown()?);
            for (key, _, place) in SHOWN.iter().filter(|(_, of, _)| *of == topic) {
                let value = published.pointer(place).unwrap_or(&Value::Null);
                let expected = match *key {
                    "binary_sensor.camera" | "binary_sensor.microphone" => {
                        word(&json!(value == "running"))
                    }
                    _ => word(value),
                };
                let state = &shown[*key].state;
                let is_same = match (read(state), read(&expected)) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
                    _ => *state == expected,
                };
                if !is_same {
                    return Err(format!(
                        "{key} is {state}, but the booth published {expected}"
                    ));
                }
            }
            Ok(())
        });
    }
}

fn a_switch_switches_the_booth(daemon: &Daemon, hass: &mut Hass) {
    let gaze = || {
        let path = "/api/v1/features";
        let (_, state) = operator::ask(&daemon.address, "GET", path, &Value::Null).unwrap();
        state["features"]["gaze"].as_bool().unwrap_or_else(|| panic!("{state:#}"))
    };
    assert!(gaze());
    for (service, word, is_on) in [("turn_off", "off", false), ("turn_on", "on", true)] {
        hass.serve("switch", service, "switch.feature_gaze");
        hass.wait_shown(service, |shown| shown["switch.feature_gaze"].state == word);
        // The state is the booth's answer, so the booth has done it.
        assert_eq!(gaze(), is_on, "{service}");
    }
}

/// Far sooner than the 30 s after which the health is published anyway.
fn a_session_is_seen_at_once(daemon: &Daemon, hass: &mut Hass) {
    let session = |word: &'static str| {
        move |shown: &BTreeMap<String, Shown>| {
            shown["binary_sensor.session_active"].state == word
        }
    };
    let began = Instant::now();
    let id = operator::begin(&daemon.address).unwrap();
    hass.wait_shown("the session", session("on"));
    assert_eq!(operator::end(&daemon.address, &id), Some(200));
    hass.wait_shown("the end of the session", session("off"));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "it is published too late: {took:?}");
}
