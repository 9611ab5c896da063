//! A real Mosquitto on the loopback, the centre as a child process, and booths that are only words.

#![allow(dead_code, unreachable_pub, reason = "shared: each test binary uses its own part")]

#[path = "small_disk.rs"]
pub mod small_disk;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use boothd::mqtt::{
    Identity, MqttConfig,
    client::{AsyncClient, Event, EventLoop, Packet, QoS},
    connect,
    topics::BoothName,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The operator's.
pub const TOKEN: &str = "fleet-test-token-0123";

/// A broker that keeps nothing on the disk.
pub struct Broker {
    child: Child,
    pub port: u16,
    _folder: TempDir,
}

impl Broker {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("is bound").port();
        drop(free);
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             max_queued_messages 100000\nmax_inflight_messages 1000\nlog_type error\n"
        );
        fs::write(&config, text).expect("the folder is ours");
        let installed = Path::new("/usr/sbin/mosquitto");
        let program = if installed.exists() { installed } else { Path::new("mosquitto") };
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed: scripts/install-packages.sh test");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "the broker does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Broker { child, port, _folder: folder }
    }

    /// A client of that broker, named `id`.
    pub fn client(&self, id: &str, session_expiry: Duration) -> (AsyncClient, EventLoop) {
        let config = MqttConfig::new("127.0.0.1", self.port, BoothName::new("test", id));
        let identity = Identity {
            client_id: id.into(),
            session_expiry,
            will: None,
            queue: 10_000,
            inflight: 1000,
            most_bytes: 1 << 20,
            manual_acks: false,
        };
        connect(&config, &identity).expect("the configuration is right")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A running `boothd fleet`.
pub struct Centre {
    child: Child,
    pub address: String,
}

impl Centre {
    pub fn start(broker: &Broker, state: &Path, settings: &[&str]) -> Self {
        Centre::start_at(broker.port, state, settings)
    }

    /// With the broker, or what stands before it, on that port.
    pub fn start_at(port: u16, state: &Path, settings: &[&str]) -> Self {
        Centre::start_as(Command::new(env!("CARGO_BIN_EXE_boothd")), port, state, settings)
    }

    /// On a small disk of its own over `state`, which only the centre and
    /// [`Centre::on_its_disk`] see.
    pub fn start_on_a_small_disk(broker: &Broker, state: &Path, kib: u32) -> Self {
        let command = small_disk::command(state, kib, env!("CARGO_BIN_EXE_boothd"));
        Centre::start_as(command, broker.port, state, &[])
    }

    /// On a small disk that holds what `from` holds, and has no room left.
    pub fn start_on_a_full_disk(broker: &Broker, from: &Path, state: &Path, kib: u32) -> Self {
        let program = env!("CARGO_BIN_EXE_boothd");
        let command = small_disk::full_command_with(from, state, kib, program);
        Centre::start_as(command, broker.port, state, &[])
    }

    /// A path as the centre sees it.
    pub fn on_its_disk(&self, path: &Path) -> std::path::PathBuf {
        small_disk::seen_by(self.pid(), path)
    }

    fn start_as(mut command: Command, port: u16, state: &Path, settings: &[&str]) -> Self {
        command.args(["--data-dir", env!("CARGO_MANIFEST_DIR"), "fleet"]);
        let broker = format!("mqtt.broker=mqtt://127.0.0.1:{port}");
        let state = format!("state.dir={}", state.display());
        let token = format!("web.token={TOKEN}");
        for setting in ["web.port=0", &broker, &state, &token].iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("boothd can be started");
        let mut told = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("is piped"));
        stdout.read_line(&mut told).expect("boothd tells its address");
        let address = told.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:"));
        let address = address.unwrap_or_else(|| panic!("no address in {told:?}")).to_owned();
        let centre = Centre { child, address };
        centre.wait_for("/health", |health| health["broker"]["state"] == "running");
        centre
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status, head and body of a request.
    pub fn request(
        &self,
        (method, path): (&str, &str),
        token: &str,
        body: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the door is open");
        let host = &self.address;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("the door listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer in UTF-8");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (status.expect("a status line"), head.to_owned(), body.to_owned())
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.request(("GET", path), TOKEN, "");
        (status, body)
    }

    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert!(status == 200 || path == "/health", "{path}: {status} {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Asks until it is so.
    pub fn wait_for(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            // What is not known yet may come.
            let (status, body) = self.get(path);
            let told = serde_json::from_str(&body).unwrap_or(Value::String(body));
            if status != 404 && is_so(&told) {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "{path} did not become so: {told:#}");
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

    /// Without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// As systemd ends it.
    pub fn terminate(mut self) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it was ours");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Says messages and waits until the broker has every one of QoS 1.
pub async fn say(broker: &Broker, id: &str, messages: &[(String, QoS, bool, Value)]) {
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
    // What was written goes out with the next turn, at the latest with the goodbye.
    client.try_disconnect().ok();
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(500), events.poll()).await
    {
    }
}

pub fn topic(booth: &str, what: &str) -> String {
    format!("boothd/v1/hq/{booth}/{what}")
}

/// /health of a booth that is well.
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

/// That a booth is there, as it says itself.
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
    let output = Command::new(env!("CARGO_BIN_EXE_boothd"))
        .args(["token", "add", "--name", role, "--role", role, "--set", &setting])
        .output()
        .expect("boothd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().expect("the secret").to_owned()
}
