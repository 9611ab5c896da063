//! The doors, as a client meets them: a real server on a free port of the loopback, real sockets.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, sync::Arc, time::Duration};

use boothd::{
    clock::{Clock, SimulatedClock},
    engine::{Engine, EngineConfig, FaceResult, Live, Origin, VoiceResult},
    features::Features,
    session::{FaceMetrics, VoiceMetrics},
    speech::{SpeechTiming, VoiceObservation},
    stage::{Stage, State},
    stop::Stop,
    store::TokenHash,
    vision::{FaceObservation, VisionTiming},
    web::{self, ModelInfo, WebConfig, WebState},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http},
};

const TOKEN: &str = "correct-horse-battery-staple";
const PATH: &str = "/ws/multimodal-analysis";

/// Long enough never to be reached by a test that works.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than any test: a limit that is not meant.
const NEVER: Duration = Duration::from_secs(3600);

struct Booth {
    address: String,
    live: watch::Sender<Live>,
    clock: Arc<SimulatedClock>,
    camera: Arc<Stage>,
    microphone: Arc<Stage>,
    stop: Stop,
    server: JoinHandle<boothd::error::Result<()>>,
}

fn patient() -> WebConfig {
    WebConfig {
        auth_timeout: NEVER,
        idle_timeout: NEVER,
        heartbeat: NEVER,
        ..WebConfig::default()
    }
}

fn running(name: &'static str) -> Arc<Stage> {
    let stage = Arc::new(Stage::new(name));
    stage.update(|status| status.state = State::Running);
    stage
}

impl Booth {
    async fn open(config: WebConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (live, booth) = watch::channel(Live::default());
        let clock = Arc::new(SimulatedClock::default());
        let (camera, microphone) = (running("camera"), running("microphone"));
        let state = WebState {
            config,
            booth_id: "test".into(),
            token: TokenHash::of(TOKEN),
            features: Features { gaze: false, ..Features::ALL },
            stages: vec![camera.clone(), microphone.clone(), running("vision")],
            models: vec![ModelInfo { name: "iris".into(), sha256: "ab".repeat(32) }],
            engine: Engine::new(EngineConfig::default()),
            booth,
        };
        let stop = Stop::default();
        let server = tokio::spawn(web::serve(listener, state, clock.clone(), stop.clone()));
        Booth { address, live, clock, camera, microphone, stop, server }
    }

    fn url(&self) -> String {
        format!("ws://{}{PATH}", self.address)
    }

    /// A client that was told `connected`.
    async fn client(&self) -> Client {
        let (socket, _) = connect_async(self.url()).await.unwrap();
        let mut client = Client(socket);
        client.expect("connected").await;
        client
    }

    /// A client that was let in.
    async fn operator(&self) -> Client {
        let mut client = self.client().await;
        let data = json!({ "session_id": "s1", "access_token": TOKEN });
        client.say(json!({ "type": "auth", "data": data })).await;
        client.expect("auth_success").await;
        client
    }

    async fn watcher(&self) -> Client {
        self.watching(self.operator().await).await
    }

    /// A watcher whose system holds hardly anything for it.
    async fn cramped_watcher(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        let stream = socket.connect(self.address.parse().unwrap()).await.unwrap();
        let url = format!("{}?token={TOKEN}", self.url());
        let (socket, _) = client_async(url, MaybeTlsStream::Plain(stream)).await.unwrap();
        let mut client = Client(socket);
        client.expect("connected").await;
        client.expect("auth_success").await;
        self.watching(client).await
    }

    async fn watching(&self, mut client: Client) -> Client {
        client.say(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
        client.expect("watching").await;
        client
    }

    fn publish_frame(&self, sequence: u64) {
        let face = Some(Arc::new(frame(sequence)));
        self.live.send_modify(|live| live.face = face);
    }

    /// Status, headers and body of one GET.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    async fn health(&self) -> (u16, Value) {
        let (status, _, body) = self.get("/health").await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

/// What an empty room gives.
fn frame(sequence: u64) -> FaceResult {
    let observation = FaceObservation {
        sequence,
        captured_at: Duration::from_secs(sequence),
        unix_ms: 1_700_000_000_000 + i64::try_from(sequence).unwrap(),
        width_px: 640,
        height_px: 480,
        brightness: 0.5,
        face_count: 0,
        face: None,
        detected_anew: true,
        timing: VisionTiming::default(),
    };
    FaceResult {
        observation,
        metrics: FaceMetrics::default(),
        dropped_total: 7,
        latency: Duration::from_millis(12),
        features: Features::ALL,
        session_id: None,
    }
}

/// What a silent room gives.
fn segment(sequence: u64) -> VoiceResult {
    let observation = VoiceObservation {
        sequence,
        captured_at: Duration::from_secs(sequence),
        unix_ms: 1_700_000_000_500,
        duration: Duration::from_secs(3),
        new_duration: Duration::from_secs(1),
        audio_detected: false,
        speech_ratio: 0.0,
        speech: Vec::new(),
        pauses: Vec::new(),
        rms: 0.0,
        dbfs: None,
        clipping_ratio: 0.0,
        f0_track_hz: Vec::new(),
        f0: None,
        spectral_centroid_hz: None,
        clarity: None,
        syllables: Vec::new(),
        arousal: None,
        timing: SpeechTiming::default(),
    };
    VoiceResult {
        observation,
        metrics: VoiceMetrics::default(),
        dropped_total: 2,
        latency: Duration::from_millis(8),
        features: Features::ALL,
        session_id: None,
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("an answer in time").expect("not closed").expect("a whole message")
    }

    /// The next message, which must be of this type.
    async fn expect(&mut self, kind: &str) -> Value {
        let message = self.next().await;
        let value: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(value["type"], kind, "{value}");
        value
    }

    async fn expect_error(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert!(error["data"].is_string() && error["ref"].is_string(), "{error}");
        error
    }

    /// The code with which the server closes; what it says before is passed over.
    async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a reason").code.into();
            }
        }
    }
}

fn auth(session_id: &str, access_token: &str) -> Value {
    let data = json!({ "session_id": session_id, "access_token": access_token });
    json!({ "type": "auth", "data": data })
}

#[tokio::test]
async fn a_client_is_greeted_at_once_and_let_in_with_the_token() {
    let booth = Booth::open(patient()).await;
    let (socket, _) = connect_async(booth.url()).await.unwrap();
    let mut client = Client(socket);
    let hello = client.expect("connected").await;
    assert!(hello["data"]["connection_id"].is_string());
    assert!(hello["data"]["timestamp"].is_i64());
    client.say(auth("s1", TOKEN)).await;
    let success = client.expect("auth_success").await;
    assert_eq!(success["data"]["session_id"], "s1");
    assert_eq!(success["data"]["user_id"], "operator");
    assert!(success["data"]["authenticated_at"].is_i64());
}

#[tokio::test]
async fn before_auth_only_auth_and_ping_are_served() {
    let booth = Booth::open(patient()).await;
    let mut client = booth.client().await;
    client.say(json!({ "type": "ping", "timestamp": [1, "x"] })).await;
    let pong = client.expect("pong").await;
    assert_eq!(pong["timestamp"], json!([1, "x"]));
    for kind in ["get_status", "watch", "video_frame", "end_session"] {
        client.say(json!({ "type": kind, "data": { "stream": "booth" } })).await;
        client.expect_error("unauthorized").await;
    }
    client.send(Message::binary(vec![1, 2, 3])).await;
    client.expect_error("unauthorized").await;
}

#[tokio::test]
async fn three_failures_close_the_door() {
    let booth = Booth::open(patient()).await;
    let mut client = booth.client().await;
    client.say(json!({ "type": "auth", "data": { "session_id": "s" } })).await;
    let error = client.expect("auth_error").await;
    assert_eq!(error["data"], "缺少session_id或access_token");
    assert_eq!(error["code"], "missing_credentials");
    for _ in 0..2 {
        client.say(auth("s", "wrong")).await;
        let error = client.expect("auth_error").await;
        assert_eq!(error["data"], "token验证失败");
        assert_eq!(error["code"], "invalid_token");
    }
    assert_eq!(client.close_code().await, 4401);
}

#[tokio::test]
async fn a_stranger_may_not_stay() {
    let config = WebConfig { auth_timeout: Duration::from_millis(50), ..patient() };
    let booth = Booth::open(config).await;
    assert_eq!(booth.client().await.close_code().await, 4401);
}

#[tokio::test]
async fn who_was_let_in_may_stay() {
    let config = WebConfig { auth_timeout: Duration::from_millis(500), ..patient() };
    let booth = Booth::open(config.clone()).await;
    let mut client = booth.operator().await;
    // A stranger that came later is closed; by then the operator's time would be over too.
    assert_eq!(booth.client().await.close_code().await, 4401);
    client.say(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

async fn connect_with(
    booth: &Booth,
    name: &'static str,
    value: &str,
) -> Result<(Client, http::HeaderMap), u16> {
    let mut request = booth.url().into_client_request().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    connect(request).await
}

async fn connect(request: http::Request<()>) -> Result<(Client, http::HeaderMap), u16> {
    match connect_async(request).await {
        Ok((socket, response)) => Ok((Client(socket), response.headers().clone())),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_token_may_come_with_the_request() {
    let booth = Booth::open(patient()).await;
    let bearer = format!("Bearer {TOKEN}");
    let (mut client, _) = connect_with(&booth, "authorization", &bearer).await.unwrap();
    let id = client.expect("connected").await["data"]["connection_id"].clone();
    assert_eq!(client.expect("auth_success").await["data"]["session_id"], id);

    let protocols = format!("bearer, {TOKEN}");
    let (mut client, headers) =
        connect_with(&booth, "sec-websocket-protocol", &protocols).await.unwrap();
    assert_eq!(headers["sec-websocket-protocol"], "bearer");
    client.expect("connected").await;
    client.expect("auth_success").await;

    let query = format!("{}?token={TOKEN}", booth.url()).into_client_request().unwrap();
    let (mut client, _) = connect(query).await.unwrap();
    client.expect("connected").await;
    client.expect("auth_success").await;

    assert_eq!(connect_with(&booth, "authorization", "Bearer wrong").await.err(), Some(401));
}

#[tokio::test]
async fn only_the_own_page_may_connect() {
    let booth = Booth::open(patient()).await;
    let own = format!("http://{}", booth.address);
    assert!(connect_with(&booth, "origin", &own).await.is_ok());
    for origin in ["http://elsewhere.example", "null"] {
        assert_eq!(connect_with(&booth, "origin", origin).await.err(), Some(403));
    }
}

#[tokio::test]
async fn a_watcher_gets_the_newest_and_then_each_next_report() {
    let booth = Booth::open(patient()).await;
    booth.publish_frame(1);
    let mut client = booth.watcher().await;
    let report = client.expect("visual_analysis").await;
    assert_eq!(report["timestamp"], 1_700_000_000_001_i64);
    let data = &report["data"];
    assert_eq!((&data["sequence"], &data["dropped_frames"]), (&json!(1), &json!(7)));
    assert_eq!(data["face_detected"], false);
    for unknown in ["emotion_distribution", "gaze_direction", "head_pose", "eye_contact_ratio"]
    {
        assert_eq!(data[unknown], Value::Null, "{unknown}");
        assert!(data.as_object().unwrap().contains_key(unknown), "{unknown}");
    }
    booth.publish_frame(2);
    assert_eq!(client.expect("visual_analysis").await["data"]["sequence"], 2);
}

#[tokio::test]
async fn sound_is_reported_beside_pictures() {
    let booth = Booth::open(patient()).await;
    let mut client = booth.watcher().await;
    booth.live.send_modify(|live| live.voice = Some(Arc::new(segment(4))));
    let report = client.expect("audio_analysis").await;
    assert_eq!(report["timestamp"], 1_700_000_000_500_i64);
    let data = &report["data"];
    assert_eq!((&data["sequence"], &data["dropped_segments"]), (&json!(4), &json!(2)));
    assert_eq!(data["audio_detected"], false);
    for unknown in ["pitch_mean", "speech_rate", "clarity_score", "emotion", "volume_dbfs"] {
        assert_eq!(data[unknown], Value::Null, "{unknown}");
        assert!(data.as_object().unwrap().contains_key(unknown), "{unknown}");
    }
    booth.publish_frame(1);
    client.expect("visual_analysis").await;
}

#[tokio::test]
async fn who_does_not_read_is_let_go_and_slows_nobody() {
    let config = WebConfig {
        send_timeout: Duration::from_millis(50),
        rate_limit_per_s: 1e9,
        ..patient()
    };
    let booth = Booth::open(config).await;
    let (mut good, _deaf) = (booth.watcher().await, booth.cramped_watcher().await);
    let until_alone = async {
        for sequence in 1.. {
            booth.publish_frame(sequence);
            let report = good.expect("visual_analysis").await;
            assert_eq!(report["data"]["sequence"], sequence, "the reader misses nothing");
            good.say(json!({ "type": "get_status" })).await;
            let status = good.expect("status").await;
            if status["data"]["server_stats"]["active_connections"] == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, until_alone).await.expect("the deaf one is let go");
}

#[tokio::test]
async fn the_reference_names_every_field_and_code() {
    let reference = fs::read_to_string("docs/ref/api.md").unwrap();
    let booth = Booth::open(patient()).await;
    booth.publish_frame(1);
    booth.live.send_modify(|live| live.voice = Some(Arc::new(segment(1))));
    let mut client = booth.operator().await;
    client.say(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    let mut told = vec![booth.health().await.1, client.expect("watching").await];
    for _ in 0..2 {
        let report = client.next().await;
        told.push(serde_json::from_str(report.to_text().unwrap()).unwrap());
    }
    client.say(json!({ "type": "get_status" })).await;
    told.push(client.expect("status").await);
    for value in &told {
        for name in names(value) {
            assert!(reference.contains(&format!("`{name}`")), "docs/ref/api.md lacks {name}");
        }
    }
}

/// Every field name, the names of models left out.
fn names(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let of = |(name, value): (&String, &Value)| match name.as_str() {
        "models" => {
            let inner = value.as_object().unwrap().values().flat_map(names);
            inner.chain([name.clone()]).collect::<Vec<_>>()
        }
        _ => names(value).into_iter().chain([name.clone()]).collect(),
    };
    object.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_watcher_gets_the_same_report() {
    let booth = Booth::open(patient()).await;
    let (mut first, mut second) = (booth.watcher().await, booth.watcher().await);
    booth.publish_frame(5);
    let (a, b) = (first.next().await, second.next().await);
    assert_eq!(a, b);
}

#[tokio::test]
async fn a_demo_source_is_said_in_every_report() {
    let booth = Booth::open(patient()).await;
    let origin = Origin { demo_video: true, demo_audio: false };
    booth.live.send_modify(|live| live.origin = origin);
    booth.publish_frame(1);
    let mut client = booth.watcher().await;
    assert_eq!(client.expect("visual_analysis").await["data"]["demo_source"], true);
}

#[tokio::test]
async fn status_tells_what_is() {
    let booth = Booth::open(patient()).await;
    let mut other = booth.client().await;
    let mut client = booth.operator().await;
    client.say(json!({ "type": "get_status" })).await;
    let status = client.expect("status").await["data"].clone();
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["session_id"], "s1");
    assert_eq!(status["analysis_active"], false);
    let nothing = json!({ "video": null, "audio": null, "timestamp": null });
    assert_eq!(status["latest_results"], nothing);
    let stats = json!({ "active_connections": 2, "processing_queue_size": 0 });
    assert_eq!(status["server_stats"], stats);

    booth.publish_frame(3);
    client.say(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    client.expect("watching").await;
    client.expect("visual_analysis").await;
    client.say(json!({ "type": "get_status" })).await;
    let status = client.expect("status").await["data"].clone();
    assert_eq!(status["analysis_active"], true);
    assert_eq!(status["latest_results"]["video"]["sequence"], 3);
    assert_eq!(status["latest_results"]["timestamp"], 1_700_000_000_003_i64);
    other.say(json!({ "type": "ping" })).await;
    other.expect("pong").await;
}

#[tokio::test]
async fn every_wrong_message_is_answered_and_the_connection_stays() {
    let booth = Booth::open(patient()).await;
    let mut client = booth.operator().await;
    let wrong = [
        ("{", "invalid_json"),
        ("[1]", "invalid_message"),
        (r#"{"data": 1}"#, "invalid_message"),
        (r#"{"type": "dance"}"#, "unknown_type"),
        (r#"{"type": "watch"}"#, "invalid_message"),
        (r#"{"type": "watch", "data": {"stream": "other"}}"#, "unknown_stream"),
        (r#"{"type": "video_frame", "data": {"frame": "x"}}"#, "not_supported"),
        (r#"{"type": "audio_chunk", "data": {"audio": "x"}}"#, "not_supported"),
        (r#"{"type": "get_performance_stats"}"#, "not_supported"),
    ];
    for (text, code) in wrong {
        client.send(Message::text(text)).await;
        client.expect_error(code).await;
    }
    client.send(Message::binary(vec![1])).await;
    client.expect_error("not_supported").await;
    client.say(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn a_message_over_the_limit_closes_1009() {
    let booth = Booth::open(WebConfig { max_message_bytes: 1024, ..patient() }).await;
    let mut client = booth.operator().await;
    client.send(Message::text("x".repeat(1025))).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn one_clients_garbage_does_not_reach_anothers_stream() {
    let booth = Booth::open(WebConfig { max_message_bytes: 1024, ..patient() }).await;
    let mut good = booth.watcher().await;
    let mut bad = booth.operator().await;
    bad.send(Message::text("x".repeat(5000))).await;
    assert_eq!(bad.close_code().await, 1009);
    booth.publish_frame(9);
    assert_eq!(good.expect("visual_analysis").await["data"]["sequence"], 9);
}

#[tokio::test]
async fn too_many_messages_are_refused_until_time_has_passed() {
    let booth = Booth::open(WebConfig { rate_limit_per_s: 2.0, ..patient() }).await;
    let mut client = booth.client().await;
    for _ in 0..4 {
        client.say(json!({ "type": "ping" })).await;
        client.expect("pong").await;
    }
    client.say(json!({ "type": "ping" })).await;
    client.expect_error("rate_limited").await;
    booth.clock.advance(Duration::from_secs(1));
    client.say(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn a_full_house_answers_503_and_when_to_come_again() {
    let booth = Booth::open(WebConfig { max_connections: 1, ..patient() }).await;
    let mut first = booth.client().await;
    match connect_async(booth.url()).await {
        Err(tungstenite::Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(booth.get("/health").await.0, 200, "health has room");
    first.0.close(None).await.unwrap();
    while first.0.next().await.is_some() {}
    let back = async {
        while connect_async(booth.url()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("room again");
}

#[tokio::test]
async fn a_silent_client_is_closed_1001() {
    let config = WebConfig { idle_timeout: Duration::from_millis(50), ..patient() };
    let booth = Booth::open(config).await;
    assert_eq!(booth.client().await.close_code().await, 1001);
}

#[tokio::test]
async fn a_heartbeat_comes_by_itself() {
    let config = WebConfig { heartbeat: Duration::from_millis(20), ..patient() };
    let booth = Booth::open(config).await;
    let mut client = booth.client().await;
    assert!(matches!(client.next().await, Message::Ping(_)));
    assert!(matches!(client.next().await, Message::Ping(_)));
}

#[tokio::test]
async fn stop_says_goodbye_and_the_server_leaves() {
    let booth = Booth::open(patient()).await;
    let mut client = booth.watcher().await;
    booth.stop.request();
    assert_eq!(client.close_code().await, 1001);
    let left = tokio::time::timeout(PATIENCE, booth.server).await.expect("in time");
    left.unwrap().unwrap();
}

#[tokio::test]
async fn health_says_what_each_part_says() {
    let booth = Booth::open(patient()).await;
    booth.clock.advance(Duration::from_secs(100));
    booth.camera.media_passed(booth.clock.monotonic() - Duration::from_millis(250));
    booth.camera.update(|status| {
        status.source = Some("cam 640x480".into());
        status.dropped_total = 3;
        status.errors_total = 2;
    });
    let (code, health) = booth.health().await;
    assert_eq!((code, &health["status"]), (200, &json!("healthy")));
    assert_eq!(health["uptime_s"], 100);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["demo"], false);
    let camera = json!({
        "state": "running", "source": "cam 640x480", "demo": false, "last_media_ms_ago": 250,
        "restarts_total": 0, "dropped_total": 3, "overruns_total": 0, "errors_total": 2,
        "error": null,
    });
    assert_eq!(health["camera"], camera);
    assert_eq!(health["microphone"]["last_media_ms_ago"], Value::Null);
    assert_eq!(health["models"]["iris"]["sha256"], "ab".repeat(32));
    assert_eq!(health["features"]["gaze"], false);
    assert_eq!(health["features"]["head_pose"], true);
}

#[tokio::test]
async fn health_follows_the_devices() {
    let booth = Booth::open(patient()).await;
    booth.camera.lost("camera is unplugged");
    let (code, health) = booth.health().await;
    assert_eq!((code, &health["status"]), (200, &json!("degraded")));
    assert_eq!(health["camera"]["state"], "unavailable");
    assert_eq!(health["camera"]["error"], "camera is unplugged");
    assert_eq!(booth.get("/health/ready").await.0, 200);
    booth.microphone.lost("microphone is unplugged");
    let (code, health) = booth.health().await;
    assert_eq!((code, &health["status"]), (503, &json!("unhealthy")));
    assert_eq!(booth.get("/health/ready").await.0, 503);
    assert_eq!(booth.get("/health/live").await.0, 200);
    booth.camera.update(|status| status.demo = true);
    assert_eq!(booth.health().await.1["demo"], true);
}

#[tokio::test]
async fn the_page_and_every_file_it_names_are_served_with_strict_headers() {
    let booth = Booth::open(patient()).await;
    let (code, head, html) = booth.get("/").await;
    assert_eq!(code, 200);
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    let mut pages = vec![html];
    for file in ["app.js", "connection.js", "view.js", "words.js", "style.css", "icon.svg"] {
        let (code, _, text) = booth.get(&format!("/page/{file}")).await;
        assert_eq!(code, 200, "{file}");
        pages.push(text);
    }
    for text in &pages {
        let outside = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("://") || outside.contains("${scheme}//"), "an outside host");
        assert!(!outside.contains("https://") && !outside.contains("http://"));
    }
    assert_eq!(booth.get("/page/none.js").await.0, 404);
    assert_eq!(booth.get("/page/..%2fmod.rs").await.0, 404);
    assert_eq!(booth.get("/nowhere").await.0, 404);
}
