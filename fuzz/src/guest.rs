//! Everything that guests send once they are let in, as a sequence over two connections with the
//! booth's own state behind them: streams, sessions, stamps, the WebM decoder, the store. The
//! booth runs in the fuzzer's process; nothing goes over a network. Rules as in `targets.rs`.
//!
//! The input is a script: an operation a byte (the highest bit selects the connection), with
//! what it needs after it. Beside panics it looks for what a guest must never get: a word of the
//! booth's own session, or of another guest's.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs, panic,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use boothd_whole::{
    board::Reading,
    booth_api::{BoothApiState, Inside, Settings},
    certificate::Certificates,
    clock::{Clock, SimulatedClock},
    component::{Component, ComponentId},
    engine::{Engine, EngineConfig, StreamSpec, Workers},
    features::Features,
    health::{Monitor, Pace},
    http::HttpConfig,
    inference::Catalog,
    interview::{Dependencies, Gates, Interview, StartSession, devices},
    names::StreamId,
    policy::{Policy, Profile},
    session::SessionConfig,
    speech::{VoiceAnalyser, VoiceModels},
    stop::Stop,
    store::{AuditQuery, NewToken, Role, Store, StoreThread},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    runtime::Runtime,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Whom the booth's own session is about: no guest may ever read it.
const SECRET: &str = "the-person-in-the-booth";

/// A booth serves so many scripts; then a new one begins.
const SCRIPTS: u64 = 200;

/// Messages of one script.
const MOST_OPERATIONS: usize = 48;

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(8);

const UPGRADE: &[u8] = b"GET /ws/multimodal-analysis HTTP/1.1\r\nHost: localhost\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// Plays one script.
pub fn guest(data: &[u8]) {
    thread_local!(static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) });
    SCENE.with_borrow_mut(|scene| {
        let mut now = scene.take().unwrap_or_else(Scene::open);
        now.play(data);
        if now.scripts < SCRIPTS { *scene = Some(now) } else { now.close() }
    });
}

/// A booth, and tokens of guests.
struct Scene {
    runtime: Runtime,
    inside: Arc<Inside>,
    store: Store,
    store_thread: StoreThread,
    engine: Engine,
    clock: Arc<SimulatedClock>,
    stop: Stop,
    workers: Workers,
    /// Guests' secrets: two of any session, one of a session `meant`, one that is not valid.
    secrets: Vec<String>,
    folder: PathBuf,
    scripts: u64,
    opened_at: Duration,
}

/// The rest of an input.
struct Script<'a>(&'a [u8]);

/// One connection, as its client has it.
struct Connection {
    writer: WriteHalf<DuplexStream>,
    /// The newest `ping` that was answered; `None` once the booth has closed.
    answered: watch::Receiver<Option<u64>>,
    /// The booth's side, and the reader of its messages.
    tasks: [JoinHandle<()>; 2],
}

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Scene {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = format!("boothd-fuzz-guest-{}-{number}", std::process::id());
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let clock = Arc::new(SimulatedClock::default());
        clock.advance(Duration::from_secs(1_800_000_000));
        let path = folder.join("boothd.db");
        let (store, store_thread) = Store::open(&path, clock.clone()).expect("a database");
        let engine = Engine::new(EngineConfig::default());
        let stop = Stop::default();
        let guard = runtime.enter();
        let state = state((&engine, &stop), (&store, &folder), &clock);
        let booth = state.booth.clone();
        let inside = Inside::open(state, clock.clone(), stop.clone()).expect("no TLS");
        drop(guard);
        let secrets = runtime.block_on(async {
            let start = StartSession {
                notice_version: "7".parse().expect("is a label"),
                consent_at: clock.unix_ms(),
                subject_ref: Some(SECRET.parse().expect("is a label")),
                features: None,
            };
            booth.start_session(start, "operator").await.expect("begins");
            let mut secrets = vec![token(&store, "one", None).await];
            secrets.push(token(&store, "two", None).await);
            secrets.push(token(&store, "three", Some("meant")).await);
            secrets.push("of nobody".into());
            secrets
        });
        let opened_at = clock.monotonic();
        let (inside, workers) = (Arc::new(inside), listen(&engine));
        Scene {
            runtime,
            inside,
            store,
            store_thread,
            engine,
            clock,
            stop,
            workers,
            secrets,
            folder,
            scripts: 0,
            opened_at,
        }
    }

    fn play(&mut self, data: &[u8]) {
        self.scripts += 1;
        let mut script = Script(data);
        let mut connections: BTreeMap<bool, Connection> = BTreeMap::new();
        let mut tasks = Vec::new();
        self.runtime.block_on(async {
            for _ in 0..MOST_OPERATIONS {
                let Some(byte) = script.byte() else { break };
                let (which, operation) = (byte & 0x80 != 0, byte & 0x1f);
                if operation == 30 {
                    tasks.extend(connections.remove(&which).map(|left| left.tasks));
                    continue;
                }
                let connection =
                    connections.entry(which).or_insert_with(|| Connection::open(&self.inside));
                let token = usize::from(byte >> 5 & 3);
                for (opcode, payload) in self.messages(operation, token, &mut script) {
                    connection.send(opcode, &payload).await;
                }
            }
            for connection in connections.values_mut() {
                connection.settle(self.scripts).await;
            }
            // A task that panics ends alone; here it ends the run.
            tasks.extend(connections.into_values().map(|left| left.tasks));
            for task in tasks.into_iter().flatten().filter(JoinHandle::is_finished) {
                if let Err(failed) = task.await
                    && failed.is_panic()
                {
                    panic::resume_unwind(failed.into_panic());
                }
            }
        });
    }

    /// The frames of one operation: opcode (with the bit FIN) and payload.
    fn messages(
        &self,
        operation: u8,
        token: usize,
        script: &mut Script<'_>,
    ) -> Vec<(u8, Vec<u8>)> {
        let text = |kind: &str, data: Value| {
            vec![(0x81, json!({ "type": kind, "data": data }).to_string().into_bytes())]
        };
        let media = |kind: u8, script: &mut Script<'_>| {
            let mut message = vec![kind];
            message.extend(u64::from(script.byte().unwrap_or(0)).to_le_bytes());
            message.extend(script.bytes());
            vec![(0x82, message)]
        };
        match operation {
            0 => vec![(0x81, script.bytes().to_vec())],
            1 => vec![(0x82, script.bytes().to_vec())],
            2 => text("auth", self.credentials(&self.session(script), token)),
            3 => text("auth", self.credentials(&script.text(), token)),
            4 => text("watch", json!({ "stream": "booth" })),
            5 => text("watch", json!({ "stream": self.session(script) })),
            6 => text("watch", json!({ "stream": script.text() })),
            7 => media(1, script),
            8 => media(2, script),
            9 => pcm(script),
            10 => text(
                "video_frame",
                json!({ "frame": script.text(), "timestamp": script.json() }),
            ),
            11 => text(
                "audio_chunk",
                json!({ "audio": script.text(), "timestamp": script.json() }),
            ),
            12 => text("start_session", start(script)),
            13 => text("pause_session", Value::Null),
            14 => text("resume_session", Value::Null),
            15 => text("end_session", Value::Null),
            16 => text("configure", json!({ "features": switches(script) })),
            17 => vec![(
                0x81,
                json!({ "type": "ping", "timestamp": script.json() }).to_string().into_bytes(),
            )],
            18 => text("get_status", script.json()),
            19 => text("get_performance_stats", script.json()),
            20 => vec![(script.byte().unwrap_or(0), script.bytes().to_vec())],
            21 => {
                self.clock.advance(Duration::from_secs(script.byte().unwrap_or(0).into()));
                Vec::new()
            }
            // Let in with a session of this script in two bytes: so that a short input gets far.
            _ => text("auth", self.credentials(&format!("s{}-0", self.scripts), token)),
        }
    }

    fn credentials(&self, session_id: &str, token: usize) -> Value {
        json!({ "session_id": session_id, "access_token": self.secrets[token] })
    }

    /// One of this script's own sessions, or the one that a token was made for.
    fn session(&self, script: &mut Script<'_>) -> String {
        match script.byte().unwrap_or(0) & 3 {
            3 => "meant".into(),
            n => format!("s{}-{n}", self.scripts),
        }
    }

    /// No more was written down than guests may cause.
    fn close(self) {
        let passed = self.clock.monotonic() - self.opened_at;
        let most = 21 + usize::try_from(passed.as_secs() / 300).expect("no long time");
        self.runtime.block_on(async {
            self.stop.request();
            self.inside.leave().await;
            for actor in ["one", "two", "three"] {
                let actor = Some(actor.to_owned());
                let query = AuditQuery { limit: 100_000, actor, ..AuditQuery::default() };
                let entries = self.store.audit_part(query).await.expect("reads");
                let deeds = entries.iter().filter(|e| !e.action.starts_with("session.start"));
                let deeds = deeds.filter(|entry| entry.action != "session.end").count();
                assert!(deeds <= most, "{deeds} entries of one guest");
            }
        });
        let Scene { runtime, store, store_thread, engine, workers, folder, inside, .. } = self;
        drop(inside);
        drop(runtime);
        engine.close();
        workers.join();
        drop(store);
        store_thread.join();
        fs::remove_dir_all(folder).ok();
    }
}

async fn token(store: &Store, name: &str, session_id: Option<&str>) -> String {
    let new = NewToken {
        name: name.parse().expect("is a label"),
        role: Role::Guest,
        session_id: session_id.map(|id| id.parse().expect("is an id")),
        expires_at: None,
    };
    let (_, secret) = store.add_token(new, "operator").await.expect("is made");
    secret.reveal().to_owned()
}

fn state(
    (engine, stop): (&Engine, &Stop),
    (store, folder): (&Store, &Path),
    clock: &Arc<SimulatedClock>,
) -> BoothApiState {
    let policy = Policy {
        profile: Profile::Standard,
        require_consent: false,
        ceiling: Features::ALL,
        notice_version: "7".parse().expect("is a label"),
    };
    let (session, features) = (SessionConfig::default(), Features::ALL);
    let spec = StreamSpec {
        stream: StreamId::Booth,
        origin: Default::default(),
        session: session.clone(),
        features,
    };
    let (stream, task, live) = engine.open(&spec);
    tokio::spawn(task.run(clock.clone()));
    let log = Arc::new(store.clone());
    let dependencies =
        Dependencies { policy: policy.clone(), features, log, clock: clock.clone() };
    let booth =
        Interview::new(StreamId::Booth, Arc::new(stream), Gates::closed(), dependencies);
    let components = vec![Arc::new(Component::new(ComponentId::Camera)), store.component()];
    let pace =
        Pace { fps: 2.0, frame: Duration::from_millis(500), segment: Duration::from_secs(4) };
    let watched = booth.state();
    let interview = move || watched.borrow().interview();
    let health = Monitor::new(components.clone(), interview, pace, clock.clone());
    let config =
        HttpConfig { rate_limit_per_s: 1e9, max_connections: 800, ..HttpConfig::default() };
    let settings = Settings { features, session, limits: config.limits() };
    BoothApiState {
        config,
        booth_id: "fuzzed".into(),
        policy,
        settings: watch::channel(settings).1,
        devices: devices::follow(components, stop.clone()),
        health: Arc::new(health),
        models: Vec::new(),
        engine: engine.clone(),
        store: store.clone(),
        booth,
        board: watch::channel(Reading::default()).1,
        certificates: Certificates::default(),
        state_dir: folder.to_owned(),
        live,
    }
}

/// The real analysis of sound, WebM in slices and all. Pictures wait and are dropped: what decodes
/// them is `data_url`'s and `mjpeg`'s matter, and the models take longer than a script.
fn listen(engine: &Engine) -> Workers {
    static MODELS: OnceLock<VoiceModels> = OnceLock::new();
    let models = MODELS.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = [manifest.join("models"), manifest.join("../models"), "models".into()];
        let found = found.into_iter().find(|folder| folder.is_dir()).expect("models");
        VoiceModels::load(&Catalog::open(&found).expect("a catalog")).expect("the models load")
    });
    let analyser = || VoiceAnalyser::new(models.clone(), Default::default());
    engine
        .start_speech(Arc::new(Component::new(ComponentId::Speech)), analyser)
        .expect("a thread")
}

fn pcm(script: &mut Script<'_>) -> Vec<(u8, Vec<u8>)> {
    let (seconds_16, level) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
    let mut message = vec![3];
    message.extend(0_u64.to_le_bytes());
    message.extend([level, level >> 2].repeat(usize::from(seconds_16 & 0x1f) * 1000));
    vec![(0x82, message)]
}

fn start(script: &mut Script<'_>) -> Value {
    let plan = script.byte().unwrap_or(0);
    let mut data = json!({ "notice_version": "7", "consent_at": 1_790_000_000_000_i64 });
    if plan & 1 != 0 {
        data["notice_version"] = script.text().into();
    }
    if plan & 2 != 0 {
        data["subject_ref"] = script.text().into();
    }
    if plan & 4 != 0 {
        data["consent_at"] = script.json();
    }
    if plan & 8 != 0 {
        data["features"] = switches(script);
    }
    data
}

fn switches(script: &mut Script<'_>) -> Value {
    let (which, on) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
    let names = [
        "video",
        "audio",
        "face_emotion",
        "face_actions",
        "gaze",
        "head_pose",
        "voice_emotion",
        "preview",
    ];
    let chosen = names.iter().enumerate().filter(|(k, _)| which >> k & 1 != 0);
    chosen.map(|(k, name)| ((*name).to_owned(), json!(on >> k & 1 != 0))).collect()
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A length in two bytes, and so many.
    fn bytes(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte().unwrap_or(0), self.byte().unwrap_or(0)]);
        let (taken, rest) = self.0.split_at(usize::from(length).min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    fn json(&mut self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap_or(Value::Null)
    }
}

impl Connection {
    fn open(inside: &Arc<Inside>) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 18);
        let inside = inside.clone();
        let serving = tokio::spawn(async move {
            inside.serve(theirs).await;
        });
        let (reader, writer) = tokio::io::split(ours);
        let (sender, answered) = watch::channel(Some(0));
        let reading = tokio::spawn(async move {
            read_messages(reader, &sender).await;
            sender.send_replace(None);
        });
        let mut connection = Connection { writer, answered, tasks: [serving, reading] };
        // What cannot be written is a connection that is closed; the rest of the script shows it.
        let greeting = connection.writer.write_all(UPGRADE);
        let _closed = futures_now(greeting);
        connection
    }

    /// Sends one masked frame.
    async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![opcode];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("is short")),
            long => {
                frame.push(0x80 | 127);
                frame.extend(u64::try_from(long).expect("fits").to_be_bytes());
            }
        }
        // The mask changes nothing.
        frame.extend([0; 4]);
        frame.extend(payload);
        let sent = timeout(PATIENCE, self.writer.write_all(&frame)).await;
        assert!(sent.is_ok(), "the booth reads on, or closes");
    }

    /// Waits until everything before is answered, or the booth has closed.
    async fn settle(&mut self, number: u64) {
        let ping = json!({ "type": "ping", "timestamp": { "script": number } });
        self.send(0x81, ping.to_string().as_bytes()).await;
        let answered = |seen: &Option<u64>| seen.is_none_or(|seen| seen == number);
        let waited = timeout(PATIENCE, self.answered.wait_for(answered)).await;
        assert!(waited.is_ok(), "the booth answers, or closes");
    }
}

/// Writes into a pipe that has room.
fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

/// Reads the booth's messages until it closes.
async fn read_messages(
    mut reader: ReadHalf<DuplexStream>,
    answered: &watch::Sender<Option<u64>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = reader.read_u8().await else { return };
        head.push(byte);
    }
    while let Some((opcode, payload)) = read_frame(&mut reader).await {
        if opcode != 1 {
            continue;
        }
        let text = std::str::from_utf8(&payload).expect("text is UTF-8");
        let message: Value = serde_json::from_str(text).expect("text is JSON");
        assert!(message["type"].is_string(), "{text}");
        assert!(!text.contains(SECRET), "a guest read of the booth's session: {text}");
        let is_booths = message["data"]["stream"] == "booth";
        assert!(!is_booths, "a guest watches the booth: {text}");
        if let Some(number) = message["timestamp"]["script"].as_u64() {
            answered.send_replace(Some(number));
        }
    }
}

async fn read_frame(reader: &mut ReadHalf<DuplexStream>) -> Option<(u8, Vec<u8>)> {
    let opcode = reader.read_u8().await.ok()?;
    let length = match reader.read_u8().await.ok()? {
        126 => reader.read_u16().await.ok()?.into(),
        127 => reader.read_u64().await.ok()?,
        short => u64::from(short),
    };
    // A stamp comes back, so a message is as long as what was sent, and not much longer.
    assert!(length < 1 << 20, "{length} bytes in one message");
    let mut payload = vec![0; usize::try_from(length).ok()?];
    reader.read_exact(&mut payload).await.ok()?;
    Some((opcode & 0x0f, payload))
}
