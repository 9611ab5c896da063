//! The fleet server as a child process, and booths that MQTT clients simulate.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use boothd::mqtt::client::{Event, Packet, QoS};
use serde_json::{Value, json};

pub use crate::{broker::Broker, daemon::PATIENCE, small_disk};
use crate::{
    http::{self, Answer},
    place::{BOOTHD, PROJECT},
    process::{Process, set},
};

/// The operator's.
pub const TOKEN: &str = "fleet-test-token-0123";

/// A running `boothd fleet`.
pub struct FleetServer {
    process: Process,
    /// Where it listens.
    pub address: String,
}

impl FleetServer {
    /// With that broker.
    pub fn start(broker: &Broker, state: &Path, settings: &[&str]) -> Self {
        FleetServer::start_at(broker.port, state, settings)
    }

    /// With the broker, or what stands before it, on that port.
    pub fn start_at(port: u16, state: &Path, settings: &[&str]) -> Self {
        FleetServer::start_as(Command::new(&*BOOTHD), port, state, settings)
    }

    /// On a small disk of its own over `state`, which only the fleet server and
    /// [`FleetServer::on_its_disk`] see.
    pub fn start_on_a_small_disk(broker: &Broker, state: &Path, kib: u32) -> Self {
        let command = small_disk::command(state, kib, &BOOTHD);
        FleetServer::start_as(command, broker.port, state, &[])
    }

    /// On a small disk that holds what `from` holds, and has no room left.
    pub fn start_on_a_full_disk(broker: &Broker, from: &Path, state: &Path, kib: u32) -> Self {
        let command = small_disk::full_command_with(from, state, kib, &BOOTHD);
        FleetServer::start_as(command, broker.port, state, &[])
    }

    /// A path as the fleet server sees it.
    pub fn on_its_disk(&self, path: &Path) -> std::path::PathBuf {
        small_disk::seen_by(self.pid(), path)
    }

    fn start_as(mut command: Command, port: u16, state: &Path, settings: &[&str]) -> Self {
        command.args(["--data-dir", PROJECT, "fleet"]);
        let broker = format!("mqtt.broker=mqtt://127.0.0.1:{port}");
        let state = format!("state.dir={}", state.display());
        let token = format!("web.token={TOKEN}");
        set(&mut command, &["web.port=0", &broker, &state, &token]);
        set(&mut command, settings);
        let boothd = Process::boothd(&mut command);
        let address = boothd.address();
        let server = FleetServer { process: boothd.process, address };
        server.wait_for("/health", |health| health["broker"]["state"] == "running");
        server
    }

    /// The process, for looking at what it uses.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The answer to a request with that token.
    pub fn request(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let answer = http::request(&self.address, method, path, token, body);
        answer.expect("the door is open")
    }

    /// Status and body of one GET of the operator.
    pub fn get(&self, path: &str) -> (u16, String) {
        let answer = self.request("GET", path, TOKEN, "");
        (answer.status, answer.body)
    }

    /// The JSON of one GET of the operator, which succeeds.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert!(status == 200 || path == "/health", "{path}: {status} {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Polls `path` until `is_so` holds for the answer.
    pub fn wait_for(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            // What is not known yet may come.
            let (status, body) = self.get(path);
            let reply = serde_json::from_str(&body).unwrap_or(Value::String(body));
            if status != 404 && is_so(&reply) {
                return reply;
            }
            assert!(began.elapsed() < PATIENCE, "{path} did not become so: {reply:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A number of /metrics.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Ends the process with SIGTERM, as systemd does.
    pub fn terminate(mut self) {
        let (status, _) = self.process.terminate();
        assert!(status.success(), "{status}");
    }
}

/// Publishes messages and waits until the broker has acknowledged every one of QoS 1.
pub async fn publish(broker: &Broker, id: &str, messages: &[(String, QoS, bool, Value)]) {
    let (client, mut events) = broker.client(id, Duration::ZERO);
    for (topic, qos, is_retained, payload) in messages {
        client.try_publish(topic, *qos, *is_retained, payload.to_string()).expect("has room");
    }
    let sure = messages.iter().filter(|(_, qos, _, _)| *qos == QoS::AtLeastOnce).count();
    let (mut acknowledged, mut sent) = (0, 0);
    while acknowledged < sure || sent < messages.len() {
        match tokio::time::timeout(PATIENCE, events.poll()).await.expect("in time") {
            Ok(Event::Incoming(Packet::PubAck(_))) => acknowledged += 1,
            Ok(Event::Outgoing(boothd::mqtt::client::Outgoing::Publish(_))) => sent += 1,
            Ok(_) => (),
            Err(error) => panic!("{error}"),
        }
    }
    // What was written goes out with the next turn, at the latest with the disconnect.
    client.try_disconnect().ok();
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(500), events.poll()).await
    {
    }
}

/// A topic of that booth.
pub fn topic(booth: &str, what: &str) -> String {
    format!("boothd/v1/hq/{booth}/{what}")
}

/// /health of a healthy booth.
pub fn health() -> Value {
    let component = |source: &str| {
        json!({"state": "running", "source": source, "demo": false, "last_media_ms_ago": 120,
            "restarts_total": 0, "dropped_total": 0, "overruns_total": 0, "errors_total": 0,
            "error": null})
    };
    let models: serde_json::Map<String, Value> = [
        "face_det_short",
        "face_attention",
        "left_eye",
        "right_eye",
        "lips",
        "expression",
        "emotion_fer",
        "silero_vad",
    ]
    .iter()
    .map(|name| ((*name).to_owned(), json!({"sha256": "ab".repeat(32)})))
    .collect();
    json!({
        "status": "healthy", "version": "0.1.0", "booth_id": "booth", "uptime_s": 86_400,
        "demo": false, "camera": component("USB camera 640x480 MJPG 15 fps"),
        "microphone": component("plughw:1,0"), "vision": component("tract"), "speech": component("tract"),
        "store": component("boothd.db"), "mqtt": component("mqtts://broker.example:8883"),
        "models": models, "features": features(), "session_active": true, "analysing": true,
        "paused": false, "policy": {"profile": "default", "require_consent": true,
        "notice_version": "2026-11"}, "connections": 1, "connections_max": 50,
        "outbox": {"depth": 2, "bytes": 2048, "oldest_at": null, "fallen_out_total": 0},
        "board": {"model": "Raspberry Pi 5", "temperature_c": 52.5, "throttled": false},
        "disk": {"free_bytes": 21_474_836_480_u64},
    })
}

/// The switches of a booth.
pub fn features() -> Value {
    json!({"video": true, "audio": true, "face_emotion": true, "gaze": true, "head_pose": true,
        "voice_emotion": true, "preview": false})
}

/// A `visual_analysis`; `k` makes it move.
pub fn video(k: u64, session_id: Option<&str>) -> Value {
    let wave = |step: f64| (k as f64 * step).sin();
    json!({
        "timestamp": 1_795_521_600_000_u64 + k * 1000, "processing_time": 21.482,
        "face_detected": true, "head_pose_stability": 0.91 + 0.05 * wave(0.1),
        "horizontal_deviation": 0.08, "gaze_direction": {"x": 12.4, "y": -4.2},
        "dominant_emotion": "neutral", "emotion_confidence": 0.71,
        "emotion_distribution": {"angry": 0.02, "disgust": 0.01, "fear": 0.02, "happy": 0.16,
            "sad": 0.04, "surprise": 0.04, "neutral": 0.71},
        "emotion_stability": 0.88, "eye_contact_ratio": 0.64 + 0.2 * wave(0.05),
        "performance_metrics": {"analysis_time_ms": 21.482, "total_time_ms": 48.113,
            "timestamp": 1_795_521_600_000_u64 + k * 1000},
        "head_pose": {"yaw_deg": 8.0 * wave(0.2), "pitch_deg": -3.1, "roll_deg": 1.4},
        "gaze": {"yaw_deg": 5.6 * wave(0.3), "pitch_deg": -1.9, "confidence": 0.9},
        "eye_contact": true, "eye_contact_probability": 0.8,
        "face_box": {"x": 0.31, "y": 0.22, "width": 0.34, "height": 0.45}, "face_count": 1,
        "blink": false, "blink_rate_per_min": null, "mouth_open_ratio": 0.04,
        "face_present_ratio": 0.99, "cached": false, "sequence": k, "dropped_frames": 0,
        "quality": {"brightness": 0.52, "sharpness": 143.1, "face_px": 96.2, "verdict": "good"},
        "features": features(), "session_id": session_id, "demo_source": false,
    })
}

/// An `audio_analysis`.
pub fn audio(k: u64, session_id: Option<&str>) -> Value {
    json!({
        "timestamp": 1_795_521_600_000_u64 + k * 1000, "processing_time": 14.2,
        "audio_detected": true, "speech_rate": 231.0, "pitch_mean": 182.4,
        "pitch_variance": 812.1, "volume_mean": 0.061, "clarity_score": 0.83,
        "emotion": "neutral", "emotion_confidence": 0.61,
        "performance_metrics": {"analysis_time_ms": 14.2, "total_time_ms": 31.0,
            "timestamp": 1_795_521_600_000_u64 + k * 1000},
        "pitch_range": 92.4, "pitch_median": 179.0, "volume_dbfs": -24.3,
        "spectral_centroid_hz": 1520.2, "speech_ratio": 0.74, "pause_count": 2,
        "longest_pause_ms": 480.0, "articulation_rate": 4.9, "arousal": 0.12,
        "clipping_ratio": 0.0, "sequence": k, "dropped_segments": 0, "features": features(),
        "session_id": session_id, "demo_source": false,
    })
}

/// A session's beginning and its summary, as the outbox sends them.
pub fn session(
    booth: &str,
    id: &str,
    (boot_id, seq): (&str, i64),
) -> [(String, QoS, bool, Value); 2] {
    let at = 1_795_521_600_000_i64;
    let started = json!({
        "session_id": id, "stream": "booth", "subject_ref": format!("ref of {id}"),
        "started_at": at, "notice_version": "2026-11", "consent_at": at - 5000,
        "features": features(), "started_by": "operator",
        "seq": seq, "ts": at, "boot_id": boot_id, "clock_set": true,
    });
    let metric = json!({"count": 1200, "mean": 0.62, "variance": 0.01, "min": 0.1, "max": 0.98,
        "covered_ms": 600_000});
    let names = [
        "face_present_ratio",
        "head_pose.yaw_deg",
        "head_pose_stability",
        "eye_contact_ratio",
        "emotion_stability",
        "happy",
        "neutral",
        "speech_ratio",
        "clarity_score",
        "volume_dbfs",
    ];
    let metrics: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), metric.clone())).collect();
    let summary = json!({
        "frames_total": 1200, "segments_total": 200, "dropped_frames": 0, "dropped_segments": 0,
        "eye_contact_ms": 380_000, "metrics": metrics, "session_id": id,
        "seq": seq + 1, "ts": at + 600_000, "boot_id": boot_id, "clock_set": true,
    });
    let topic = |kind: &str| topic(booth, &format!("session/{id}/{kind}"));
    [
        (topic("started"), QoS::AtLeastOnce, false, started),
        (topic("summary"), QoS::AtLeastOnce, false, summary),
    ]
}

/// The messages of a booth that connects.
pub fn online(booth: &str, version: &str) -> [(String, QoS, bool, Value); 3] {
    let status = json!({"status": "online", "since": 1_795_500_000_000_u64, "boot_id": "b1",
        "reason": null});
    let info = json!({"version": version, "board": "Raspberry Pi 5", "models": {},
        "config_sha256": "cd".repeat(32), "addresses": ["192.0.2.7:8000"],
        "features": features(), "allowed": features(), "profile": "default", "boot_id": "b1"});
    let mut health = health();
    health["version"] = version.into();
    [
        (topic(booth, "status"), QoS::AtLeastOnce, true, status),
        (topic(booth, "info"), QoS::AtLeastOnce, true, info),
        (topic(booth, "health"), QoS::AtMostOnce, true, health),
    ]
}

/// A new token of that role, made by the command as an operator makes it.
pub fn token(state: &Path, role: &str) -> String {
    let setting = format!("state.dir={}", state.display());
    let output = Command::new(&*BOOTHD)
        .args(["token", "add", "--name", role, "--role", role, "--set", &setting])
        .output()
        .expect("boothd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().expect("the secret").to_owned()
}
