//! The HTTP door, as a client meets it: a real server on a free port of the loopback, real
//! sockets, real certificates.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use boothd::{
    clock::SimulatedClock,
    engine::{Engine, EngineConfig, Live},
    error::{ErrorKind, Result},
    features::Features,
    stage::{Stage, State},
    stop::Stop,
    web::{self, ModelInfo, TlsFiles, TokenHash, WebConfig, WebState},
};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};

const TOKEN: &str = "correct-horse-battery-staple";

/// Long enough never to be reached by a test that works.
const PATIENCE: Duration = Duration::from_secs(20);

struct Booth {
    address: String,
    clock: Arc<SimulatedClock>,
    stop: Stop,
    server: JoinHandle<Result<()>>,
    _live: watch::Sender<Live>,
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
        let state = WebState {
            config,
            booth_id: "test".into(),
            token: TokenHash::of(TOKEN),
            features: Features { gaze: false, ..Features::ALL },
            stages: vec![running("camera"), running("microphone"), running("vision")],
            models: vec![ModelInfo { name: "iris".into(), sha256: "ab".repeat(32) }],
            engine: Engine::new(EngineConfig::default()),
            booth,
        };
        let stop = Stop::default();
        let server = tokio::spawn(web::serve(listener, state, clock.clone(), stop.clone()));
        Booth { address, clock, stop, server, _live: live }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// One request on a connection of its own.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.connect().await;
        let host = if headers.iter().any(|(name, _)| *name == "Host") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.address)
        };
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }
}

struct Answer {
    status: u16,
    /// In small letters.
    head: String,
    body: String,
}

impl Answer {
    /// Reads until the server closes.
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Self {
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// Whether the server closes before long without an answer.
async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.is_ok_and(|read| read.is_err() || bytes.is_empty())
}

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn who_never_finishes_a_request_is_closed() {
    let config = WebConfig { header_timeout: SHORT, ..WebConfig::default() };
    let booth = Booth::open(config).await;
    let mut silent = booth.connect().await;
    assert!(is_closed(&mut silent).await);
    let mut half = booth.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    assert!(is_closed(&mut half).await);
    // A byte now and then does not extend the time.
    let mut drip = booth.connect().await;
    let dripped = async {
        while drip.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    };
    timeout(PATIENCE, dripped).await.expect("closed in the middle of its request");
}

#[tokio::test]
async fn who_waits_for_long_between_requests_is_closed() {
    let config = WebConfig { header_timeout: SHORT, ..WebConfig::default() };
    let booth = Booth::open(config).await;
    let mut stream = booth.connect().await;
    for _ in 0..2 {
        let request = format!("GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n", booth.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        let mut rest = [0; 4096];
        while !String::from_utf8_lossy(&rest).contains('}') {
            assert_ne!(stream.read(&mut rest).await.unwrap(), 0);
        }
    }
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn who_takes_no_answer_is_closed() {
    let config = WebConfig { request_timeout: SHORT, ..WebConfig::default() };
    let booth = Booth::open(config).await;
    let mut stream = booth.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", booth.address);
    let flood = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("closed, since nothing was read");
}

#[tokio::test]
async fn a_full_house_says_so_and_has_a_place_again() {
    let config = WebConfig { max_connections: 1, spare_connections: 1, ..WebConfig::default() };
    let booth = Booth::open(config).await;
    let (first, _second) = (booth.connect().await, booth.connect().await);
    let answer = booth.get("/health/live").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.body, "too many connections");
    drop(first);
    let served = async { while booth.get("/health/live").await.status != 200 {} };
    timeout(PATIENCE, served).await.expect("the place is free again");
}

#[tokio::test]
async fn a_hundred_idle_connections_leave_with_the_server() {
    let booth = Booth::open(WebConfig::default()).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(booth.connect().await);
    }
    assert_eq!(booth.get("/health/live").await.status, 200);
    booth.stop.request();
    timeout(PATIENCE, booth.server).await.expect("in time").unwrap().unwrap();
    for mut stream in idle {
        assert!(is_closed(&mut stream).await);
    }
}

#[tokio::test]
async fn only_names_of_the_booth_are_answered() {
    let config = WebConfig { hosts: vec!["booth.example".into()], ..WebConfig::default() };
    let booth = Booth::open(config).await;
    for (host, status) in [
        ("localhost:8000", 200),
        ("booth.example", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("booth.example.evil", 421),
    ] {
        for path in ["/", "/health/live"] {
            let answer = booth.ask("GET", path, &[("Host", host)]).await;
            assert_eq!(answer.status, status, "{host}{path}");
        }
    }
    let refused = booth.ask("GET", "/", &[("Host", "evil.example")]).await;
    assert!(refused.body.contains("web.hosts"), "{}", refused.body);
    assert!(refused.header("content-security-policy").is_some());
}

#[tokio::test]
async fn every_answer_has_the_strict_headers() {
    let booth = Booth::open(WebConfig::default()).await;
    for path in ["/", "/health", "/nowhere", "/page/nothing", "/ws/multimodal-analysis"] {
        let answer = booth.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        let directives: Vec<&str> = policy.split("; ").collect();
        assert!(directives.contains(&"default-src 'none'"), "{policy}");
        for directive in directives {
            let mut words = directive.split(' ');
            let name = words.next().unwrap();
            for source in words {
                // No outside host, nothing inline, no eval.
                assert!(
                    ["'self'", "'none'", "blob:", "data:"].contains(&source),
                    "{directive}"
                );
                let is_script = ["script-src", "worker-src", "connect-src"].contains(&name);
                assert!(!is_script || source == "'self'", "{directive}");
            }
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let permissions = answer.header("permissions-policy").unwrap();
        assert!(permissions.starts_with("camera=(self), microphone=(self), "), "{permissions}");
        assert_eq!(answer.header("strict-transport-security"), None, "there is no TLS");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

/// A folder with a certificate of its own.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Keys(tempfile::tempdir().unwrap());
        keys.renew();
        keys
    }

    fn files(&self) -> TlsFiles {
        let path = |name| self.0.path().join(name);
        TlsFiles { certificate: path("booth.crt"), key: path("booth.key") }
    }

    /// Makes a new pair in the place of the old.
    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.write("booth.key", &made.signing_key.serialize_pem());
        self.write("booth.crt", &made.cert.pem());
    }

    /// As an operator's tool does it: beside, then in its place.
    fn write(&self, name: &str, text: &str) {
        let draft = self.0.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, self.0.path().join(name)).unwrap();
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.files().certificate).unwrap()
    }
}

fn with_tls(keys: &Keys) -> WebConfig {
    WebConfig { tls: Some(keys.files()), ..WebConfig::default() }
}

/// A client that trusts `root` alone.
async fn connect_tls(
    booth: &Booth,
    root: CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, booth.connect().await).await
}

async fn get_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Answer {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::read(&mut stream).await
}

#[tokio::test]
async fn pages_and_websockets_come_over_tls() {
    let keys = Keys::new();
    let booth = Booth::open(with_tls(&keys)).await;
    let stream = connect_tls(&booth, keys.certificate()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = get_over(stream, "/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=15552000"));
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["booth_id"], "test");

    let stream = connect_tls(&booth, keys.certificate()).await.unwrap();
    let url = format!("wss://localhost/ws/multimodal-analysis?token={TOKEN}");
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("Origin", "https://localhost".parse().unwrap());
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    for kind in ["connected", "auth_success"] {
        let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        let value: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(value["type"], kind);
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_closed() {
    let keys = Keys::new();
    let config = WebConfig { header_timeout: SHORT, ..with_tls(&keys) };
    let booth = Booth::open(config).await;
    let mut silent = booth.connect().await;
    assert!(is_closed(&mut silent).await);
    let mut half = booth.connect().await;
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    assert!(is_closed(&mut half).await);
}

#[tokio::test]
async fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
    let keys = Keys::new();
    let booth = Booth::open(with_tls(&keys)).await;
    let first = keys.certificate();
    let serves = async |root: &CertificateDer<'static>| {
        booth.clock.advance(Duration::from_secs(5));
        connect_tls(&booth, root.clone()).await.is_ok()
    };
    assert!(serves(&first).await);
    keys.renew();
    let second = keys.certificate();
    assert!(serves(&second).await, "the new one is in use");
    assert!(!serves(&first).await, "and the old one is not");
    keys.write("booth.crt", "no certificate");
    assert!(serves(&second).await, "what was good stays");
    fs::remove_file(keys.files().key).unwrap();
    assert!(serves(&second).await);
    keys.renew();
    assert!(serves(&keys.certificate()).await, "repaired");
    // Between two looks the files are not read: nobody makes the booth work by connecting.
    let third = keys.certificate();
    keys.renew();
    assert!(connect_tls(&booth, third).await.is_ok());
}

/// What `serve` says where the certificate cannot be used.
async fn refusal(files: TlsFiles) -> String {
    let booth = Booth::open(WebConfig { tls: Some(files), ..WebConfig::default() }).await;
    let served = timeout(PATIENCE, booth.server).await.expect("at once").unwrap();
    let error = served.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.chain().to_string()
}

#[tokio::test]
async fn an_unusable_certificate_is_told_at_the_start() {
    let keys = Keys::new();
    let files = keys.files();
    let no_key = TlsFiles { key: Path::new("/nowhere/booth.key").into(), ..files.clone() };
    let told = refusal(no_key).await;
    assert!(told.contains("web.tls_key /nowhere/booth.key"), "{told}");
    let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
    let told = refusal(swapped).await;
    assert!(told.contains("at least one certificate"), "{told}");
    let other = Keys::new();
    let mixed = TlsFiles { key: other.files().key, ..files };
    let told = refusal(mixed).await;
    assert!(told.contains("cannot be used together"), "{told}");
}
