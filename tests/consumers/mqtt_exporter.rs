//! mqtt-exporter with the very settings of contrib/mqtt-exporter, where only the ports are others.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;

use boothd_test_support::process::free_port;

use super::{
    guest::{Guest, get},
    install::python,
    scene::Scene,
};

/// A metric, the topic it comes from, and the place in the payload.
const NUMBERS: [(&str, &str, &str); 9] = [
    ("face_count", "metrics/video", "/face_count"),
    ("face_detected", "metrics/video", "/face_detected"),
    ("head_pose_yaw_deg", "metrics/video", "/head_pose/yaw_deg"),
    ("eye_contact_ratio", "metrics/video", "/eye_contact_ratio"),
    ("pitch_mean", "metrics/audio", "/pitch_mean"),
    ("volume_dbfs", "metrics/audio", "/volume_dbfs"),
    ("speech_ratio", "metrics/audio", "/speech_ratio"),
    ("disk_free_bytes", "health", "/disk/free_bytes"),
    ("session_active", "health", "/session_active"),
];

/// The lines of contrib/mqtt-exporter/mqtt-exporter.env.
fn settings() -> BTreeMap<String, String> {
    let file = fs::read_to_string("contrib/mqtt-exporter/mqtt-exporter.env").unwrap();
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line}")));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The number of a series in Prometheus' text.
fn number(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_exporter_has_the_booths_numbers() {
    let scene = Scene::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut settings = settings();
    let ports = [("MQTT_PORT", scene.broker.port), ("PROMETHEUS_PORT", port)];
    for (key, port) in ports {
        assert!(
            settings.insert(key.into(), port.to_string()).is_some(),
            "{key} is in the file"
        );
    }
    let program = python("mqtt_exporter").join("bin/mqtt-exporter");
    let mut command = Command::new(program);
    command.envs(&settings);
    let mut exporter = Guest::start(command, &folder.path().join("log"));
    let _daemon = scene.daemon(&[]);
    for topic in ["metrics/video", "metrics/audio", "health"] {
        // All of a message at once, so that they are of the same moment.
        exporter.wait(topic, || {
            let (published, text) = (scene.newest(topic)?, get("/metrics").text(port)?);
            for (metric, _, place) in NUMBERS.iter().filter(|(_, of, _)| *of == topic) {
                let label = format!("boothd_v1_berlin_booth-1_{}", topic.replace('/', "_"));
                let series = format!("boothd_mqtt_{metric}{{topic=\"{label}\"}}");
                let expected = match published.pointer(place) {
                    Some(Value::Bool(is_so)) => f64::from(u8::from(*is_so)),
                    Some(Value::Number(number)) => number.as_f64().unwrap(),
                    other => return Err(format!("the booth published {other:?} at {place}")),
                };
                let has = number(&text, &series);
                if has.is_none_or(|has| (has - expected).abs() > 1e-9 * expected.abs().max(1.0))
                {
                    return Err(format!("{series} is {has:?}, not {expected}"));
                }
            }
            Ok(())
        });
    }
    // No text has become a number, above all no id of a session.
    let text = get("/metrics").text(port).unwrap();
    let names = text.lines().filter(|line| line.starts_with("boothd_mqtt_"));
    let wrong: Vec<&str> =
        names.filter(|n| n.contains("session_id") || n.contains("subject")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let log = exporter.log();
    assert!(!log.contains("ERROR") && !log.contains("Traceback"), "{log}");
    exporter.terminate();
}
