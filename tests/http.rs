//! The HTTP interface from a client's side: a real server on a free port of the loopback, real
//! sockets, real certificates.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, ops::Deref, path::Path, sync::Arc, time::Duration};

use boothd::{
    clock::Clock as _,
    error::ErrorKind,
    features::Features,
    http::{HttpConfig, TlsFiles},
    policy::Policy,
    store::{NewToken, Role},
};
use boothd_test_support::{doors, http::Answer, prometheus, schema};
use doors::{Doors, NEVER, PATIENCE, TOKEN, liberal};
use futures_util::StreamExt;
use prometheus::Metrics;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
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

/// The HTTP interface with a plain HTTP client.
struct Booth(Doors);

impl Deref for Booth {
    type Target = Doors;
    fn deref(&self) -> &Doors {
        &self.0
    }
}

impl Booth {
    /// Everything is allowed but the voice's emotion, and gaze is off at first.
    async fn open(config: HttpConfig) -> Self {
        let ceiling = Features { voice_emotion: false, ..Features::ALL };
        let policy = Policy { ceiling, ..liberal() };
        let features = Features { gaze: false, ..ceiling };
        Booth(Doors::with_features(config, policy, features).await)
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
        answer(&mut stream).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// One request of the operator, with a body where there is one.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.call_as(TOKEN, method, path, body).await
    }

    async fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.request(method, path, token, &body).await
    }

    /// The secret of a new token.
    async fn token(&self, role: Role) -> String {
        let new = NewToken {
            name: role.name().parse().unwrap(),
            role,
            session_id: None,
            expires_at: None,
        };
        self.store.add_token(new, "test").await.unwrap().1.reveal().to_owned()
    }
}

/// Reads an answer until the server closes.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Answer {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
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
    let config = HttpConfig { header_timeout: SHORT, ..HttpConfig::default() };
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
    let config = HttpConfig { header_timeout: SHORT, ..HttpConfig::default() };
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
    let config = HttpConfig { request_timeout: SHORT, ..HttpConfig::default() };
    let booth = Booth::open(config).await;
    let mut stream = booth.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", booth.address);
    let flood = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("closed, since nothing was read");
}

#[tokio::test]
async fn idle_connections_make_room_for_who_asks() {
    // Only a connection that needs its slot closes an idle one here.
    let config = HttpConfig {
        unauthenticated_connections: 2,
        header_timeout: NEVER,
        ..HttpConfig::default()
    };
    let booth = Booth::open(config).await;
    let mut idle = vec![booth.connect().await, booth.connect().await];
    // A page with a token is not displaced, however many connections come.
    let mut page = booth.connect().await;
    let request = format!(
        "GET /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        booth.address
    );
    page.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    page.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    for _ in 0..4 {
        idle.push(booth.connect().await);
        assert_eq!(booth.ask("GET", "/health/live", &[]).await.status, 200);
    }
    assert!(is_closed(&mut idle[0]).await, "the oldest went");
    page.write_all(request.as_bytes()).await.unwrap();
    let mut more = [0; 64];
    assert!(timeout(PATIENCE, page.read(&mut more)).await.unwrap().unwrap() > 0);
}

#[tokio::test]
async fn health_reports_guessing_of_tokens() {
    let booth = Booth::open(HttpConfig::default()).await;
    let finding = async || {
        let health = booth.get("/health").await.json();
        let findings = health["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["code"] == "tokens_guessed")
    };
    for _ in 0..29 {
        booth.call_as("wrong", "GET", "/api/v1/sessions", None).await;
        // So that each answer waits for its own turn alone.
        booth.clock.advance(Duration::from_millis(20));
    }
    assert_eq!(finding().await, None, "a page that was left open is no attack");
    booth.call_as("wrong", "GET", "/api/v1/sessions", None).await;
    let found = finding().await.expect("is reported");
    assert_eq!(found["severity"], "notice", "{found}");
    assert!(found["sentence"].as_str().unwrap().contains("30 from 1 address"), "{found}");
    booth.clock.advance(Duration::from_secs(300));
    assert_eq!(finding().await, None, "five minutes later it is over");
}

#[tokio::test]
async fn wrong_tokens_are_braked_and_a_right_one_from_the_same_address_is_not() {
    let booth = Booth::open(HttpConfig::default()).await;
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..14 {
        let answer = booth.call_as("wrong", "GET", "/api/v1/sessions", None).await;
        statuses.push(answer.status);
        last = Some(answer);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 4]);
    let last = last.unwrap();
    assert_eq!(last.refusal(), (429, "too_many_attempts".into()));
    assert_eq!(last.header("retry-after"), Some("1"));
    assert_eq!(booth.call("GET", "/api/v1/sessions", None).await.status, 200);
    let metrics = booth.call("GET", "/metrics", None).await.body;
    let metrics = metrics.lines().find(|line| line.contains(r#"reason="wrong_token""#));
    assert!(metrics.is_some_and(|line| line.contains(" 14")), "{metrics:?}");
}

#[tokio::test]
async fn a_head_over_16_kb_is_refused() {
    let booth = Booth::open(HttpConfig::default()).await;
    let long = "a".repeat(17_000);
    assert_eq!(booth.ask("GET", "/health/live", &[("X-A", &long)]).await.status, 431);
    let most = "a".repeat(15_000);
    assert_eq!(booth.ask("GET", "/health/live", &[("X-A", &most)]).await.status, 200);
}

#[tokio::test]
async fn a_hundred_idle_connections_leave_with_the_server() {
    let booth = Booth::open(HttpConfig::default()).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(booth.connect().await);
    }
    assert_eq!(booth.get("/health/live").await.status, 200);
    booth.stop.request();
    timeout(PATIENCE, booth.0.server).await.expect("in time").unwrap().unwrap();
    for mut stream in idle {
        assert!(is_closed(&mut stream).await);
    }
}

#[tokio::test]
async fn only_names_of_the_booth_are_answered() {
    let config = HttpConfig { hosts: vec!["booth.example".into()], ..HttpConfig::default() };
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
    // RFC 9112, section 3.2.
    let twice = booth.ask("GET", "/", &[("Host", "localhost"), ("Host", "localhost")]).await;
    assert_eq!(twice.status, 400, "{}", twice.body);
    let mut stream = booth.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let never = answer(&mut stream).await;
    assert_eq!(never.status, 400, "{}", never.body);
    let refused = booth.ask("GET", "/", &[("Host", "evil.example")]).await;
    assert!(refused.body.contains("web.hosts"), "{}", refused.body);
    assert!(refused.header("content-security-policy").is_some());
}

#[tokio::test]
async fn every_answer_has_the_strict_headers() {
    let booth = Booth::open(HttpConfig::default()).await;
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

    /// Makes a new pair that ends on a day, and puts only the certificate in its place; the text
    /// of its key is returned.
    fn renew_certificate(&self, (year, month, day): (i32, u8, u8)) -> String {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(1990, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        self.write("booth.crt", &params.self_signed(&key).unwrap().pem());
        key.serialize_pem()
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

fn with_tls(keys: &Keys) -> HttpConfig {
    HttpConfig { tls: Some(keys.files()), ..HttpConfig::default() }
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
    answer(&mut stream).await
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
    let config = HttpConfig { header_timeout: SHORT, ..with_tls(&keys) };
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
    // Between two looks the files are not read: a connection causes no work.
    let third = keys.certificate();
    keys.renew();
    assert!(connect_tls(&booth, third).await.is_ok());
}

/// How the booth's certificate stands, by /health over TLS.
async fn certificate_health(booth: &Booth, root: CertificateDer<'static>) -> Value {
    let answer = get_over(connect_tls(booth, root).await.unwrap(), "/health").await;
    serde_json::from_str::<Value>(&answer.body).unwrap()["certificates"][0].clone()
}

/// 2100-01-01, unix seconds: the booth's clock is put there, the client's own is today's.
const YEAR_2100_S: u64 = 4_102_444_800;
const DAY_S: u64 = 86_400;

fn go_to_2100(booth: &Booth) {
    let now_s = u64::try_from(booth.clock.unix_ms()).unwrap() / 1000;
    booth.clock.advance(Duration::from_secs(YEAR_2100_S - now_s));
}

#[tokio::test]
async fn a_certificate_is_reported_before_it_ends_and_its_renewal_is_no_fault() {
    let keys = Keys::new();
    keys.write("booth.key", &keys.renew_certificate((2100, 2, 1)));
    let first = keys.certificate();
    let booth = Booth::open(with_tls(&keys)).await;
    go_to_2100(&booth);
    let health = certificate_health(&booth, first.clone()).await;
    assert_eq!(health["certificate"], "web.tls_certificate");
    assert_eq!(health["not_after_s"], YEAR_2100_S + 31 * DAY_S);
    assert_eq!((&health["days_left"], &health["error"]), (&31.into(), &Value::Null));
    booth.clock.advance(Duration::from_secs(19 * DAY_S));
    let health = certificate_health(&booth, first.clone()).await;
    let error = health["error"].as_str().unwrap();
    assert!(error.contains("ends on 2100-02-01, in 12 days"), "{error}");

    // A tool that renews puts one file in its place and then the other.
    let key = keys.renew_certificate((2100, 6, 1));
    let second = keys.certificate();
    booth.clock.advance(Duration::from_secs(5));
    let health = certificate_health(&booth, first.clone()).await;
    assert!(health["error"].as_str().unwrap().contains("ends on 2100-02-01"), "{health}");
    keys.write("booth.key", &key);
    booth.clock.advance(Duration::from_secs(5));
    let health = certificate_health(&booth, second.clone()).await;
    assert_eq!(health["not_after_s"], YEAR_2100_S + 151 * DAY_S);
    assert_eq!(health["error"], Value::Null);

    // One that stays half done is a fault.
    let _lost = keys.renew_certificate((2100, 9, 1));
    for seconds in [5, 61] {
        booth.clock.advance(Duration::from_secs(seconds));
        assert!(connect_tls(&booth, second.clone()).await.is_ok(), "what was good stays");
    }
    let error = certificate_health(&booth, second.clone()).await["error"].to_string();
    assert!(error.contains("the old one stays") && error.contains("used together"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_has_ended_never_takes_the_place_of_one_that_holds() {
    let keys = Keys::new();
    keys.write("booth.key", &keys.renew_certificate((2100, 6, 1)));
    let config = HttpConfig { metrics_public: true, ..with_tls(&keys) };
    let booth = Booth::open(config).await;
    let good = keys.certificate();
    assert!(connect_tls(&booth, good.clone()).await.is_ok(), "the first pair is in use");
    go_to_2100(&booth);
    keys.write("booth.key", &keys.renew_certificate((2099, 1, 1)));
    booth.clock.advance(Duration::from_secs(5));
    let error = certificate_health(&booth, good.clone()).await["error"].to_string();
    assert!(error.contains("has ended on 2099-01-01 and the old one has not"), "{error}");
    let metrics = get_over(connect_tls(&booth, good.clone()).await.unwrap(), "/metrics").await;
    let end = format!(
        "boothd_tls_certificate_not_after_seconds{{certificate=\"web.tls_certificate\"}} {}.0",
        YEAR_2100_S + 151 * DAY_S
    );
    assert!(metrics.body.contains(&end), "{}", metrics.body);

    // The booth goes on beyond the end, and reports it; then anything newer is as good.
    booth.clock.advance(Duration::from_secs(200 * DAY_S));
    let error = certificate_health(&booth, good.clone()).await["error"].to_string();
    assert!(error.contains("has ended on 2100-06-01"), "{error}");
    keys.write("booth.key", &keys.renew_certificate((2100, 6, 2)));
    booth.clock.advance(Duration::from_secs(5));
    assert!(connect_tls(&booth, keys.certificate()).await.is_ok());
}

/// The error of `serve` where the certificate cannot be used.
async fn refusal(files: TlsFiles) -> String {
    let booth = Booth::open(HttpConfig { tls: Some(files), ..HttpConfig::default() }).await;
    let served = timeout(PATIENCE, booth.0.server).await.expect("at once").unwrap();
    let error = served.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.chain().to_string()
}

#[tokio::test]
async fn an_unusable_certificate_is_reported_at_the_start() {
    let keys = Keys::new();
    let files = keys.files();
    let no_key = TlsFiles { key: Path::new("/nowhere/booth.key").into(), ..files.clone() };
    let error = refusal(no_key).await;
    assert!(error.contains("web.tls_key /nowhere/booth.key"), "{error}");
    let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
    let error = refusal(swapped).await;
    assert!(error.contains("at least one certificate"), "{error}");
    let other = Keys::new();
    let mixed = TlsFiles { key: other.files().key, ..files };
    let error = refusal(mixed).await;
    assert!(error.contains("cannot be used together"), "{error}");
}

#[tokio::test]
#[allow(clippy::float_cmp, reason = "counts are whole and small")]
async fn metrics_are_for_viewers_and_every_line_is_by_the_rules() {
    let booth = Booth::open(HttpConfig::default()).await;
    assert_eq!(booth.get("/metrics").await.refusal(), (401, "unauthorized".into()));
    let wrong = booth.call_as("wrong", "GET", "/metrics", None).await;
    assert_eq!(wrong.refusal(), (401, "invalid_token".into()));
    let guest = booth.token(Role::Guest).await;
    let refused = booth.call_as(&guest, "GET", "/metrics", None).await;
    assert_eq!(refused.refusal(), (403, "forbidden".into()));
    for ms in [1, 2, 3, 500] {
        booth.vision.record("detect", Duration::from_millis(ms));
    }
    booth.vision.update(|status| status.errors_total = 3);
    let viewer = booth.token(Role::Viewer).await;
    let answer = booth.call_as(&viewer, "GET", "/metrics", None).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let metrics = Metrics::parse(&answer.body);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(metrics.get(&format!("boothd_build_info{{version=\"{version}\"}}")), 1.0);
    assert_eq!(metrics.get("boothd_auth_failures_total"), 1.0);
    assert_eq!(metrics.get("boothd_stage_errors_total{stage=\"vision\"}"), 3.0);
    assert_eq!(metrics.get("boothd_stage_state{stage=\"vision\",state=\"running\"}"), 1.0);
    assert_eq!(metrics.get("boothd_stage_state{stage=\"vision\",state=\"off\"}"), 0.0);
    assert_eq!(metrics.get("boothd_feature_on{feature=\"gaze\"}"), 0.0);
    assert_eq!(metrics.get("boothd_connections_max"), 50.0);
    let detect = |suffix: &str, more: &str| {
        let name = "boothd_stage_duration_seconds";
        metrics.get(&format!("{name}_{suffix}{{stage=\"vision\",step=\"detect\"{more}}}"))
    };
    assert_eq!(detect("count", ""), 4.0);
    assert!((detect("sum", "") - 0.506).abs() < 1e-9);
    assert_eq!(detect("bucket", ",le=\"0.0032\""), 3.0);
    assert_eq!(detect("bucket", ",le=\"+Inf\""), 4.0);
    for known in
        ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"]
    {
        assert!(metrics.get(known) > 0.0, "{known}");
    }
}

#[tokio::test]
async fn metrics_are_public_only_where_they_are_configured_so() {
    let config = HttpConfig { metrics_public: true, ..HttpConfig::default() };
    let booth = Booth::open(config).await;
    Metrics::parse(&booth.get("/metrics").await.body);
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = booth.ask("GET", "/metrics", &accept).await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(answer.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn health_reports_what_holds_and_never_of_whom() {
    let booth = Booth::open(HttpConfig::default()).await;
    booth.call("POST", "/api/v1/sessions", Some(&start())).await;
    let answer = booth.get("/health").await;
    let health = answer.json();
    assert_eq!((answer.status, &health["status"]), (200, &json!("healthy")), "{health:#}");
    assert_eq!(health["store"]["state"], "running");
    assert_eq!(health["policy"]["profile"], "default");
    assert_eq!(health["policy"]["require_consent"], false);
    assert_eq!(health["session_active"], true);
    assert_eq!((&health["paused"], &health["preview"]["on"]), (&json!(false), &json!(true)));
    assert_eq!((&health["connections"], &health["connections_max"]), (&json!(0), &json!(50)));
    assert!(health["disk"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!(health["features"]["gaze"], false);
    assert!(!answer.body.contains("candidate-9"), "no personal data: {health:#}");
}

fn start() -> Value {
    json!({
        "notice_version": "7",
        "consent_at": "2027-01-15T07:59:59.001Z",
        "subject_ref": "candidate-9",
    })
}

#[tokio::test]
async fn a_session_begins_and_ends_and_is_remembered() {
    let booth = Booth::open(HttpConfig::default()).await;
    let started = booth.call("POST", "/api/v1/sessions", Some(&start())).await;
    assert_eq!(started.status, 201, "{}", started.body);
    let started = started.json();
    assert_eq!(
        (&started["subject_ref"], &started["consent_at"]),
        (&json!("candidate-9"), &json!(1_799_999_999_001_i64))
    );
    let id = started["session_id"].as_str().unwrap();
    let again = booth.call("POST", "/api/v1/sessions", Some(&start())).await;
    assert_eq!(again.refusal(), (409, "conflict".into()));
    let state = booth.call("GET", "/api/v1/features", None).await.json();
    assert_eq!(state["session"]["session_id"], id);

    let end = format!("/api/v1/sessions/{id}/end");
    let unknown = booth.call("POST", "/api/v1/sessions/other/end", None).await;
    assert_eq!(unknown.refusal(), (404, "not_found".into()));
    let ended = booth.call("POST", &end, None).await;
    assert_eq!((ended.status, &ended.json()["session_id"]), (200, &json!(id)));
    assert_eq!(booth.call("POST", &end, None).await.refusal(), (409, "conflict".into()));

    let one = booth.call("GET", &format!("/api/v1/sessions/{id}"), None).await.json();
    assert_eq!((&one["state"], &one["token_name"]), (&json!("ended"), &json!("operator")));
    let list = booth.call("GET", "/api/v1/sessions?limit=1", None).await.json();
    assert_eq!(list["sessions"], json!([one]));
    let none = booth.call("GET", "/api/v1/sessions?before=-5", None).await.json();
    assert_eq!(none["sessions"], json!([]));
    let audit = booth.call("GET", "/api/v1/audit", None).await.json();
    let mut actions =
        audit["entries"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str());
    assert!(actions.any(|action| action == "session.start"), "{audit:#}");
}

#[tokio::test]
async fn the_audit_log_is_read_in_parts_and_by_actor_or_action() {
    let booth = Booth::open(HttpConfig::default()).await;
    for n in 0..7 {
        let (actor, action) = if n % 2 == 0 { ("Anna", "a.do") } else { ("Ben", "b.do") };
        booth.store.audit(actor, action, &n.to_string(), "").await.unwrap();
    }
    let ask = async |query: &str| {
        let path = format!("/api/v1/audit?{query}");
        let entries = booth.call("GET", &path, None).await.json()["entries"].clone();
        let entries: Vec<Value> = serde_json::from_value(entries).unwrap();
        let last = entries.last().map(|entry| entry["audit_id"].as_i64().unwrap());
        let objects = entries.iter().map(|e| e["object"].as_str().unwrap().to_owned());
        (objects.collect::<Vec<_>>().join(" "), last.unwrap_or_default())
    };
    let (newest, last) = ask("limit=3").await;
    assert_eq!(newest, "6 5 4");
    let (next, last) = ask(&format!("limit=3&before={last}")).await;
    assert_eq!(next, "3 2 1");
    assert_eq!(ask(&format!("limit=3&before={last}")).await.0, "0");
    assert_eq!(ask("actor=Ben").await.0, "5 3 1");
    assert_eq!(ask("action=a.do&limit=2").await.0, "6 4");
    assert_eq!(ask("actor=Ben&action=a.do").await.0, "");
    assert_eq!(ask("actor=%27%20OR%201=1").await.0, "", "a text is a text");
    assert_eq!(booth.call("GET", "/api/v1/audit?limit=501", None).await.status, 400);
}

#[tokio::test]
async fn names_that_cannot_be_seen_whole_are_refused_and_say_why() {
    let booth = Booth::open(HttpConfig::default()).await;
    let faults =
        [("a\nb", "U+000A"), ("\u{202e}gpj", "U+202E"), ("\u{ffff}", "U+FFFF"), (" ", "blank")];
    for (text, sentence) in faults {
        let mut begun = start();
        begun["subject_ref"] = text.into();
        let refused = booth.call("POST", "/api/v1/sessions", Some(&begun)).await;
        assert!(
            refused.status == 400 && refused.body.contains("subject_ref"),
            "{}",
            refused.body
        );
        assert!(refused.body.contains(sentence), "{}", refused.body);
        let new = json!({ "name": text, "role": "viewer" });
        let refused = booth.call("POST", "/api/v1/tokens", Some(&new)).await;
        assert!(refused.status == 400 && refused.body.contains(sentence), "{}", refused.body);
    }
    for (field, text) in [("name", "Command Line"), ("name", "boothd"), ("session_id", "..")] {
        let mut new = json!({ "name": "desk", "role": "guest" });
        new[field] = text.into();
        let refused = booth.call("POST", "/api/v1/tokens", Some(&new)).await;
        assert_eq!(refused.status, 400, "{text}: {}", refused.body);
    }
}

#[tokio::test]
async fn what_is_not_agreed_to_or_not_allowed_is_refused() {
    let booth = Booth::open(HttpConfig::default()).await;
    let mut other = start();
    other["notice_version"] = "6".into();
    let refused = booth.call("POST", "/api/v1/sessions", Some(&other)).await;
    assert_eq!(refused.refusal(), (400, "invalid_input".into()));
    other["consent_at"] = "yesterday".into();
    let refused = booth.call("POST", "/api/v1/sessions", Some(&other)).await;
    assert!(refused.json()["error"].as_str().unwrap().contains("RFC 3339"), "{}", refused.body);

    let on = json!({ "gaze": true });
    let changed = booth.call("PATCH", "/api/v1/features", Some(&on)).await;
    assert_eq!((changed.status, &changed.json()["features"]["gaze"]), (200, &json!(true)));
    let beyond = json!({ "gaze": false, "voice_emotion": true });
    let refused = booth.call("PATCH", "/api/v1/features", Some(&beyond)).await;
    assert_eq!(refused.refusal(), (400, "invalid_input".into()));
    assert!(refused.body.contains("voice_emotion"), "{}", refused.body);
    let now = booth.call("GET", "/api/v1/features", None).await.json();
    assert_eq!(now["features"]["gaze"], true, "all or nothing");
}

#[tokio::test]
async fn a_token_is_made_used_and_revoked() {
    let booth = Booth::open(HttpConfig::default()).await;
    let new = json!({ "name": "desk", "role": "viewer" });
    let made = booth.call("POST", "/api/v1/tokens", Some(&new)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(booth.call_as(secret, "GET", "/api/v1/features", None).await.status, 200);
    let list = booth.call("GET", "/api/v1/tokens", None).await;
    assert!(list.body.contains("\"desk\"") && !list.body.contains(secret), "{}", list.body);
    let path = format!("/api/v1/tokens/{}", made["token"]["id"]);
    assert_eq!(booth.call("DELETE", &path, None).await.status, 204);
    let refused = booth.call_as(secret, "GET", "/api/v1/features", None).await;
    assert_eq!(refused.refusal(), (401, "token_revoked".into()));
    for id in ["999", "x"] {
        let refused = booth.call("DELETE", &format!("/api/v1/tokens/{id}"), None).await;
        assert_eq!(refused.refusal(), (404, "not_found".into()));
    }
    let audit = booth.call("GET", "/api/v1/audit", None).await.body;
    assert!(audit.contains("token.add") && audit.contains("token.revoke"), "{audit}");
    assert!(!audit.contains(secret));
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_reason() {
    let booth = Booth::open(HttpConfig::default()).await;
    for (method, path, body, refusal) in [
        ("POST", "/api/v1/tokens", Some(json!({ "name": "x" })), (400, "invalid_input")),
        (
            "POST",
            "/api/v1/tokens",
            Some(json!({ "name": "", "role": "viewer" })),
            (400, "invalid_input"),
        ),
        ("PATCH", "/api/v1/features", Some(json!({ "gase": true })), (400, "invalid_input")),
        ("GET", "/api/v1/sessions?limit=0", None, (400, "invalid_input")),
        ("GET", "/api/v1/sessions?limit=501", None, (400, "invalid_input")),
        ("GET", "/api/v1/sessions?page=2", None, (400, "invalid_input")),
        ("GET", "/api/v1/sessions/none", None, (404, "not_found")),
        ("GET", "/api/v1/nothing", None, (404, "not_found")),
        ("PUT", "/api/v1/features", None, (405, "wrong_method")),
    ] {
        let answer = booth.call(method, path, body.as_ref()).await;
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.into()), "{method} {path}");
    }
    let long = json!({ "name": "x".repeat(70_000), "role": "viewer" });
    let answer = booth.call("POST", "/api/v1/tokens", Some(&long)).await;
    assert_eq!(answer.refusal(), (413, "too_large".into()));
    let bearer = format!("Bearer {TOKEN}");
    let answer = booth.ask("POST", "/api/v1/tokens", &[("Authorization", &bearer)]).await;
    assert_eq!(answer.refusal(), (415, "not_json".into()));
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_in_time() {
    let config = HttpConfig { request_timeout: SHORT, ..HttpConfig::default() };
    let booth = Booth::open(config).await;
    let mut stream = booth.connect().await;
    let head = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        booth.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 408);
}

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    description: Value,
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, description)| Operation {
            method: method.to_ascii_uppercase(),
            path: path.clone(),
            description,
        })
    };
    paths.iter().flat_map(of_path).collect()
}

/// In this order a session runs while it is asked for, and a token is there to be revoked.
fn steps() -> [(&'static str, &'static str, Option<Value>); 22] {
    [
        ("GET", "/api/v1/features", None),
        ("PATCH", "/api/v1/features", Some(json!({ "gaze": true }))),
        ("GET", "/api/v1/devices", None),
        ("POST", "/api/v1/reach", None),
        ("POST", "/api/v1/sessions", Some(start())),
        ("GET", "/api/v1/features", None),
        ("GET", "/api/v1/sessions", None),
        ("GET", "/api/v1/sessions/{id}", None),
        ("POST", "/api/v1/sessions/{id}/end", None),
        ("GET", "/api/v1/sessions/{id}", None),
        ("GET", "/api/v1/sessions/{id}/history", None),
        ("GET", "/api/v1/sessions/{id}/export", None),
        ("DELETE", "/api/v1/sessions/{id}", None),
        ("POST", "/api/v1/sessions", Some(start())),
        ("POST", "/api/v1/sessions/{id}/end", None),
        ("POST", "/api/v1/erase", Some(json!({ "subject_ref": "candidate-9" }))),
        ("POST", "/api/v1/tokens", Some(json!({ "name": "desk", "role": "guest" }))),
        ("GET", "/api/v1/tokens", None),
        ("DELETE", "/api/v1/tokens/{id}", None),
        ("GET", "/api/v1/audit", None),
        ("GET", "/api/v1/outbox/set-aside", None),
        ("POST", "/api/v1/outbox/send-again", Some(json!({ "outbox_ids": [] }))),
    ]
}

#[tokio::test]
async fn every_operation_of_the_document_answers_as_described() {
    let booth = Booth::open(HttpConfig::default()).await;
    let document = booth.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let viewer = booth.token(Role::Viewer).await;
    let mut seen = std::collections::BTreeSet::new();
    let operations = operations(&document);
    let mut id = String::new();
    for (method, template, body) in steps() {
        let operation = operations.iter().find(|o| o.method == method && o.path == template);
        let missing = || panic!("{method} {template} is not described");
        let described = &operation.unwrap_or_else(missing).description;
        let path = template.replace("{id}", &id);
        if let Some(body) = &body {
            let schema = &described["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(schema::mismatch(&document, schema, body), None, "{method} {path}");
        }
        check_roles(&booth, &viewer, method, &path, described).await;
        let answer = booth.call(method, &path, body.as_ref()).await;
        let response = &described["responses"][answer.status.to_string()];
        assert!(
            answer.status < 300 && response.is_object(),
            "{method} {path}: {}",
            answer.body
        );
        match response["content"]["application/json"].get("schema") {
            None => assert_eq!(answer.body, ""),
            Some(schema) => {
                let found = answer.json();
                assert_eq!(
                    schema::mismatch(&document, schema, &found),
                    None,
                    "{method} {path}"
                );
                let made = found["session_id"].as_str().map(str::to_owned);
                let made = made.or(found["token"]["id"].as_i64().map(|id| id.to_string()));
                id = made.filter(|_| method == "POST").unwrap_or(id);
            }
        }
        seen.insert((method.to_owned(), template.to_owned()));
    }
    let all = operations.into_iter().map(|o| (o.method, o.path)).collect();
    assert_eq!(seen, all, "every operation is tried");
}

/// Without a token no request is served, with a viewer's only where the document allows it; a
/// refusal is as described.
async fn check_roles(booth: &Booth, viewer: &str, method: &str, path: &str, described: &Value) {
    // The reason why a client cannot connect needs no token.
    let is_open = described["security"].is_null();
    assert_eq!(is_open, path == "/api/v1/reach", "{method} {path} needs a token");
    if is_open {
        return;
    }
    let document = booth.get("/api/v1/openapi.json").await.json();
    let without = booth.ask(method, path, &[]).await;
    let is_for_operators = described["description"] == "Needs the role operator.";
    let mut refused = vec![(401, without)];
    if is_for_operators {
        refused.push((403, booth.call_as(viewer, method, path, Some(&json!({}))).await));
    } else {
        assert_eq!(method, "GET", "a viewer changes nothing");
        assert_eq!(booth.call_as(viewer, method, path, None).await.status, 200);
    }
    for (status, answer) in refused {
        assert_eq!(answer.status, status, "{method} {path}");
        let schema = &described["responses"][status.to_string()]["content"]["application/json"]
            ["schema"];
        assert_eq!(schema::mismatch(&document, schema, &answer.json()), None);
    }
}

/// Reads until the text is there, and gives what came up to its end.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let found = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(
                count,
                0,
                "closed before {text:?} in {:?}",
                String::from_utf8_lossy(&read)
            );
            read.extend_from_slice(&bytes[..count]);
        }
    };
    timeout(PATIENCE, found).await.expect("in time");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn the_preview_is_for_operators_and_ends_with_its_switch() {
    let booth = Booth::open(HttpConfig::default()).await;
    assert_eq!(booth.get("/preview.mjpeg").await.refusal(), (401, "unauthorized".into()));
    let viewer = booth.token(Role::Viewer).await;
    let refused = booth.get(&format!("/preview.mjpeg?token={viewer}")).await;
    assert_eq!(refused.refusal(), (403, "forbidden".into()));

    let mut stream = booth.connect().await;
    let request = format!(
        "GET /preview.mjpeg?token={TOKEN} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        booth.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await.to_ascii_lowercase();
    assert!(head.contains("multipart/x-mixed-replace; boundary=picture"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert_eq!(
        booth.get("/health").await.json()["preview"],
        json!({ "on": true, "viewers": 1 })
    );

    let off = json!({ "preview": false });
    booth.call("PATCH", "/api/v1/features", Some(&off)).await;
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it ends").unwrap();
    let refused = booth.get(&format!("/preview.mjpeg?token={TOKEN}")).await;
    assert_eq!(refused.refusal(), (404, "not_found".into()));
    assert_eq!(
        booth.get("/health").await.json()["preview"],
        json!({ "on": false, "viewers": 0 })
    );
}
