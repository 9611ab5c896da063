//! A real server on a free port of the loopback, with a real store and real sockets. The booth's
//! results are the test's own; clients' media goes through the real engine where a test starts it.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use boothd::{
    board::Reading,
    booth_api::{self, BoothApiState, ModelInfo, Settings},
    capture::FrameSink,
    certificate::Certificates,
    clock::{Clock, SimulatedClock},
    component::{Component, ComponentId, State},
    engine::{Engine, EngineConfig, Live, Stream, StreamSpec, Workers},
    features::Features,
    health::{Monitor, Pace},
    http::HttpConfig,
    inference::Catalog,
    interview::{Dependencies, Gates, Interview, devices},
    media::{Frame, Orientation, PixelFormat},
    names::StreamId,
    policy::{Policy, Profile},
    report::{FaceResult, ResultContext, VoiceResult},
    session::{FaceMetrics, SessionConfig, SessionMetrics},
    speech::{VoiceAnalyser, VoiceModels, VoiceObservation},
    stop::Stop,
    store::{NewToken, Role, Secret, Store, Token, TokenId},
    vision::{FaceAnalyser, FaceModels, FaceObservation, VisionConfig, VisionTiming},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http},
};

use crate::http::Answer;

/// The operator's.
pub const TOKEN: &str = "correct-horse-battery-staple";
const PATH: &str = "/ws/multimodal-analysis";

/// Long enough never to be reached by a test that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than any test: a limit that is not meant.
pub const NEVER: Duration = Duration::from_secs(3600);

/// A server and what it stands on.
pub struct Doors {
    /// Where it listens.
    pub address: String,
    /// The booth's results.
    pub live: watch::Sender<Live>,
    /// The time of everything here.
    pub clock: Arc<SimulatedClock>,
    /// One of the components.
    pub camera: Arc<Component>,
    /// One of the components.
    pub microphone: Arc<Component>,
    /// One of the components.
    pub vision: Arc<Component>,
    /// Ends the server.
    pub stop: Stop,
    /// Where tokens, sessions and the audit log are.
    pub store: Store,
    /// Judges the components, and what a test adds.
    pub health: Arc<Monitor>,
    /// What the doors show.
    pub state: BoothApiState,
    /// The booth's own interview.
    pub booth: Interview,
    /// The booth's own, into which a test may film.
    pub stream: Arc<Stream>,
    /// What the interview opens and closes.
    pub gates: Gates,
    /// Analyses media of clients.
    pub engine: Engine,
    /// The server itself.
    pub server: JoinHandle<boothd::error::Result<()>>,
    workers: Vec<Workers>,
    folder: tempfile::TempDir,
}

/// No limit of time that a test did not ask for.
pub fn patient() -> HttpConfig {
    HttpConfig {
        auth_timeout: NEVER,
        idle_timeout: NEVER,
        heartbeat: NEVER,
        rate_limit_per_s: 1e9,
        ..HttpConfig::default()
    }
}

/// Everything is allowed.
pub fn liberal() -> Policy {
    Policy {
        profile: Profile::Standard,
        require_consent: false,
        ceiling: Features::ALL,
        notice_version: "7".parse().unwrap(),
    }
}

fn running(component: ComponentId) -> Arc<Component> {
    let component = Arc::new(Component::new(component));
    component.update(|status| status.state = State::Running);
    component
}

/// Every component of a booth without a light and a broker; camera, microphone and vision are first.
fn components(store: &Store) -> Vec<Arc<Component>> {
    use ComponentId::{Camera, Microphone, Recorder, Speech, Vision};
    let [camera, microphone, vision, speech] =
        [Camera, Microphone, Vision, Speech].map(running);
    let recorder = Arc::new(Component::new(Recorder));
    vec![camera, microphone, vision, speech, recorder, store.component()]
}

/// Judges these components.
fn monitor(
    components: Vec<Arc<Component>>,
    booth: &Interview,
    clock: Arc<SimulatedClock>,
) -> Monitor {
    let (frame, segment) = (Duration::from_millis(500), Duration::from_secs(4));
    let state = booth.state();
    let interview = move || state.borrow().interview();
    Monitor::new(components, interview, Pace { fps: 2.0, frame, segment }, clock)
}

/// The booth's own interview, and its stream, into which only a test puts anything.
fn booth(
    engine: &Engine,
    (policy, features): (&Policy, Features),
    store: &Store,
    clock: &Arc<SimulatedClock>,
) -> (Interview, Arc<Stream>, Gates) {
    let spec = StreamSpec {
        stream: StreamId::Booth,
        origin: Default::default(),
        session: SessionConfig::default(),
        features,
    };
    let (stream, task, _) = engine.open(&spec);
    tokio::spawn(task.run(clock.clone()));
    let gates = Gates::closed();
    let dependencies = Dependencies {
        policy: policy.clone(),
        features,
        log: Arc::new(store.clone()),
        clock: clock.clone(),
    };
    let stream = Arc::new(stream);
    (
        Interview::new(StreamId::Booth, stream.clone(), gates.clone(), dependencies),
        stream,
        gates,
    )
}

impl Doors {
    /// With no limits and a liberal policy.
    pub async fn open(config: HttpConfig) -> Self {
        Doors::with_policy(config, liberal()).await
    }

    /// Everything that the policy allows is on.
    pub async fn with_policy(config: HttpConfig, policy: Policy) -> Self {
        let features = policy.ceiling;
        Doors::with_features(config, policy, features).await
    }

    /// See the module.
    pub async fn with_features(config: HttpConfig, policy: Policy, features: Features) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let clock = Arc::new(SimulatedClock::default());
        // A moment of our time, so that dates look like dates.
        clock.advance(Duration::from_secs(1_800_000_000));
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("boothd.db"), clock.clone()).unwrap();
        store.admit_config_token(&Secret::new(TOKEN.into()));
        let engine = Engine::new(EngineConfig::default());
        let (booth, stream, gates) = booth(&engine, (&policy, features), &store, &clock);
        let (live, receiver) = watch::channel(Live::default());
        let components = components(&store);
        let [camera, microphone, vision] =
            [0, 1, 2].map(|place: usize| components[place].clone());
        let stop = Stop::default();
        let devices = devices::follow(components.clone(), stop.clone());
        let health = Arc::new(monitor(components, &booth, clock.clone()));
        let settings =
            Settings { features, session: SessionConfig::default(), limits: config.limits() };
        let settings = watch::channel(settings).1;
        let state = BoothApiState {
            config,
            booth_id: "test".into(),
            health: health.clone(),
            models: vec![ModelInfo { name: "left_eye".into(), sha256: "ab".repeat(32) }],
            engine: engine.clone(),
            settings,
            policy,
            live: receiver,
            booth: booth.clone(),
            devices,
            board: watch::channel(Reading::default()).1,
            store: store.clone(),
            certificates: Certificates::default(),
            state_dir: folder.path().to_owned(),
        };
        let server = tokio::spawn(booth_api::serve(
            listener,
            state.clone(),
            clock.clone(),
            stop.clone(),
        ));
        let workers = Vec::new();
        Doors {
            address,
            live,
            clock,
            camera,
            microphone,
            vision,
            stop,
            store,
            health,
            state,
            booth,
            stream,
            gates,
            engine,
            server,
            workers,
            folder,
        }
    }

    /// Analyses what clients send, with the real models.
    pub fn analyse(&mut self) {
        static MODELS: OnceLock<(FaceModels, VoiceModels)> = OnceLock::new();
        let (faces, voices) = MODELS.get_or_init(|| {
            let catalog = Catalog::open(Path::new("models")).unwrap();
            let faces = FaceModels::load(&catalog, &VisionConfig::default()).unwrap();
            (faces, VoiceModels::load(&catalog).unwrap())
        });
        let vision = self.engine.start_vision(self.vision.clone(), || {
            FaceAnalyser::new(faces, VisionConfig::default())
        });
        let speech = self.engine.start_speech(running(ComponentId::Speech), || {
            VoiceAnalyser::new(voices.clone(), Default::default())
        });
        self.workers.extend([vision.unwrap(), speech.unwrap()]);
    }

    /// The booth's camera gives a picture; this is what the analysis sees in it.
    pub async fn film(&self, sequence: u64, jpeg: &[u8]) -> Arc<FaceResult> {
        let mut live = self.stream.watch();
        let frame = Frame {
            sequence,
            captured_at: self.clock.monotonic(),
            unix_ms: self.clock.unix_ms(),
            width_px: 640,
            height_px: 480,
            format: PixelFormat::Jpeg,
            orientation: Orientation::Upright,
            data: jpeg.to_vec(),
        };
        FrameSink::put(&*self.stream, frame);
        let is_it = |live: &Live| {
            live.face.as_ref().is_some_and(|face| face.observation.sequence == sequence)
        };
        let seen = tokio::time::timeout(PATIENCE, live.wait_for(is_it)).await;
        seen.expect("analysed in time").unwrap().face.clone().expect("it was just there")
    }

    /// The address of the WebSocket.
    pub fn url(&self) -> String {
        format!("ws://{}{PATH}", self.address)
    }

    /// A client that received `connected`.
    pub async fn client(&self) -> Client {
        let (socket, _) = connect_async(self.url()).await.unwrap();
        let mut client = Client(socket);
        client.expect("connected").await;
        client
    }

    /// A client that was let in.
    pub async fn let_in(&self, session_id: &str, token: &str) -> Client {
        let mut client = self.client().await;
        client.send_json(auth(session_id, token)).await;
        client.expect("auth_success").await;
        client
    }

    /// A client with all rights.
    pub async fn operator(&self) -> Client {
        self.let_in("s1", TOKEN).await
    }

    /// A new token of that role.
    pub async fn token(&self, role: Role) -> (TokenId, String) {
        self.token_for(role, None, None).await
    }

    /// A new token of that role for one session, or until then (unix ms).
    pub async fn token_for(
        &self,
        role: Role,
        session_id: Option<&str>,
        expires_at: Option<i64>,
    ) -> (TokenId, String) {
        let session_id = session_id.map(|id| id.parse().unwrap());
        let name = format!("a {role:?}").parse().unwrap();
        let new = NewToken { name, role, session_id, expires_at };
        let (token, secret) = self.store.add_token(new, "test").await.unwrap();
        // The server knows it once its own view of the book does.
        let mut tokens = self.store.tokens();
        let known = tokens.wait_for(|book| book.still_valid(token.id, 0).is_ok()).await;
        drop(known.unwrap());
        (token.id, secret.reveal().to_owned())
    }

    /// Rows of a table, as another process sees them.
    pub fn rows(&self, table: &str) -> i64 {
        let database =
            rusqlite::Connection::open(self.folder.path().join("boothd.db")).unwrap();
        let count = format!("SELECT count(*) FROM {table}");
        database.query_row(&count, [], |row| row.get(0)).unwrap()
    }

    /// Every token is for a session of that id now, as an older boothd let it be.
    pub async fn rename_session_of_tokens(&self, session_id: &str) {
        let database =
            rusqlite::Connection::open(self.folder.path().join("boothd.db")).unwrap();
        database.execute("UPDATE token SET session_id = ?1", [session_id]).unwrap();
        let mut tokens = self.store.tokens();
        let is_renamed = |token: &Token| token.session_id.as_deref() == Some(session_id);
        let renamed = tokens.wait_for(|book| book.tokens().any(is_renamed)).await;
        drop(renamed.unwrap());
    }

    /// An operator that watches the booth's stream.
    pub async fn watcher(&self) -> Client {
        self.watching(self.operator().await).await
    }

    /// The client, which watches the booth's stream now.
    pub async fn watching(&self, mut client: Client) -> Client {
        client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
        client.expect("watching").await;
        client.expect("state").await;
        client
    }

    /// A watcher whose system holds hardly anything for it.
    pub async fn cramped_watcher(&self) -> Client {
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

    /// The booth saw an empty room.
    pub fn publish_frame(&self, sequence: u64) {
        let face = Some(Arc::new(frame(sequence)));
        self.live.send_modify(|live| live.face = face);
    }

    /// The booth recorded a silent room.
    pub fn publish_segment(&self, sequence: u64) {
        let voice = Some(Arc::new(segment(sequence)));
        self.live.send_modify(|live| live.voice = voice);
    }

    /// One GET of the operator.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, TOKEN, "").await
    }

    /// One request with that token. It waits on a thread of its own: the server may have no other.
    pub async fn request(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let own = [&self.address, method, path, token, body].map(str::to_owned);
        let ask = move || {
            let [address, method, path, token, body] = &own;
            crate::http::request(address, method, path, token, body).expect("an answer")
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Status and JSON of one GET of the operator.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path).await;
        (answer.status, answer.json())
    }
}

/// What an empty room gives.
pub fn frame(sequence: u64) -> FaceResult {
    let observation = FaceObservation {
        sequence,
        captured_at: Duration::from_secs(sequence),
        unix_ms: 1_700_000_000_000 + i64::try_from(sequence).unwrap(),
        width_px: 640,
        height_px: 480,
        brightness: 0.5,
        face_count: 0,
        face: None,
        turned_deg: None,
        detector_ran: true,
        timing: VisionTiming::default(),
    };
    let context = ResultContext {
        latency: Duration::from_millis(12),
        dropped_total: 7,
        features: Features { gaze: false, ..Features::ALL },
        session_id: None,
        demo_source: false,
    };
    FaceResult::new(observation, FaceMetrics::default(), context)
}

/// What a silent room gives.
pub fn segment(sequence: u64) -> VoiceResult {
    let observation = VoiceObservation {
        sequence,
        captured_at: Duration::from_secs(sequence),
        unix_ms: 1_700_000_000_500,
        duration: Duration::from_secs(3),
        new_duration: Duration::from_secs(1),
        ..VoiceObservation::default()
    };
    let metrics = SessionMetrics::new(&SessionConfig::default()).observe_voice(&observation);
    let context = ResultContext {
        latency: Duration::from_millis(8),
        dropped_total: 2,
        features: Features::ALL,
        session_id: None,
        demo_source: false,
    };
    VoiceResult::new(observation, metrics, context)
}

/// The message that lets a client in.
pub fn auth(session_id: &str, access_token: &str) -> Value {
    let data = json!({ "session_id": session_id, "access_token": access_token });
    json!({ "type": "auth", "data": data })
}

/// A WebSocket opened with one more header, or the status of the refusal.
pub async fn connect_with(
    doors: &Doors,
    name: &'static str,
    value: &str,
) -> Result<(Client, http::HeaderMap), u16> {
    let mut request = doors.url().into_client_request().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    connect(request).await
}

/// A WebSocket and the headers of the answer, or the status of the refusal.
pub async fn connect(request: http::Request<()>) -> Result<(Client, http::HeaderMap), u16> {
    match connect_async(request).await {
        Ok((socket, response)) => Ok((Client(socket), response.headers().clone())),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// One end of a WebSocket.
pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Sends a JSON message.
    pub async fn send_json(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next message.
    pub async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("an answer in time").expect("not closed").expect("a whole message")
    }

    /// The next message as JSON.
    pub async fn next_json(&mut self) -> Value {
        serde_json::from_str(self.next().await.to_text().unwrap()).unwrap()
    }

    /// The next message, which must be of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let value = self.next_json().await;
        assert_eq!(value["type"], kind, "{value}");
        value
    }

    /// The next message of this type; others are passed over.
    pub async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let value = self.next_json().await;
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// The next message, which must be an error with this code.
    pub async fn expect_error(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert!(error["data"].is_string() && error["ref"].is_string(), "{error}");
        error
    }

    /// The code with which the server closes; earlier messages are skipped.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a reason").code.into();
            }
        }
    }
}
