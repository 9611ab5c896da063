//! The HTTP interface of the booth for people and programs: WebSocket, API, /health and the page.
//!
//! Holds all code that knows HTTP. Must not hold metrics or devices: it only renders other modules'
//! state.

mod claims;
mod flow;
mod frames;
mod guest_log;
mod handshake;
mod health;
mod limit;
mod timestamp;
pub mod message;
mod broadcast;
mod clients;
pub(crate) mod page;
mod process;
mod proxy;
mod host;
mod refused;
mod extract;
mod snapshot;
mod slots;
mod rejections;
mod counters;
mod peer;
mod socket;
mod tls;
mod serve;
mod wrong_tokens;
mod access;
mod http_server;
mod live;
mod metrics;
mod openapi;
mod preview;
mod upgrade;
mod reach;
mod api;
mod router;
mod inside;
#[cfg(test)]
pub(crate) mod page_wire;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    board::Reading,
    certificate::Certificates,
    clock::Clock,
    engine::{Engine, Live},
    error::Result,
    features::Features,
    health::{Code, Finding, Findings, Monitor},
    interview::{Dependencies, Interview, devices::Devices},
    policy::Policy,
    session::SessionConfig,
    stop::Stop,
    store::Store,
};

pub(crate) use access::{Authenticator, Caller, require};
pub(crate) use counters::Counters;
pub(crate) use extract::{Body, Parameters};
pub(crate) use flow::flow;
pub(crate) use frames::{FREE_BYTES, LONG_MESSAGES, UNAUTHENTICATED_BYTES};
pub use health::health_value;
pub(crate) use health::{FindingHealth, certificates as certificates_health};
pub use host::{is_host, is_origin};
use http_server::DRAIN_TIMEOUT;
pub(crate) use http_server::HttpServer;
pub use inside::Inside;
pub(crate) use metrics::{note_certificates, note_process, note_refusals};
pub(crate) use openapi::{Endpoint, document, router as endpoints_router};
pub use proxy::is_network;
pub(crate) use refused::Refused;
pub use slots::SocketLimits;
pub(crate) use snapshot::{Format, MetricsSnapshot};
pub use tls::TlsFiles;

/// Limits and addresses of the HTTP interface.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// WebSocket connections at a time.
    pub max_connections: usize,
    /// A connection without a message from the client for so long, not even a pong, is closed.
    pub idle_timeout: Duration,
    /// How often clients are pinged.
    pub heartbeat: Duration,
    /// How long a WebSocket may stay without a token.
    pub auth_timeout: Duration,
    /// How long one message to a client may take.
    pub send_timeout: Duration,
    /// A longer message closes its connection.
    pub max_message_bytes: usize,
    /// Messages a second from one client; twice that in a burst.
    pub rate_limit_per_s: f64,
    /// Connections with a token that may be open besides the WebSockets: pages, programs.
    pub spare_connections: usize,
    /// Connections without a token; a further one displaces the oldest. Half as many may be
    /// WebSockets that were not authenticated yet.
    pub unauthenticated_connections: usize,
    /// How long a request's head may take, and before it the TLS handshake.
    pub header_timeout: Duration,
    /// How long the answer to a request may take, and how long a client may read nothing of it.
    pub request_timeout: Duration,
    /// A longer body of a request gets HTTP 413.
    pub max_body_bytes: usize,
    /// The certificate; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Names of the booth beside the machine's own.
    pub hosts: Vec<String>,
    /// Origins beside the booth's own whose pages may connect.
    pub origins: Vec<String>,
    /// Reverse proxies whose `Forwarded` and `X-Forwarded-*` are trusted: addresses, networks.
    pub proxies: Vec<String>,
    /// GET /metrics needs no token.
    pub metrics_public: bool,
}

impl Default for WebConfig {
    fn default() -> Self {
        WebConfig {
            max_connections: 50,
            idle_timeout: Duration::from_secs(300),
            heartbeat: Duration::from_secs(30),
            auth_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(5),
            max_message_bytes: 10_100_000,
            rate_limit_per_s: 20.0,
            spare_connections: 64,
            unauthenticated_connections: 128,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_body_bytes: 64 * 1024,
            tls: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            metrics_public: false,
        }
    }
}

/// One model as /health names it.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name in the catalog.
    pub name: String,
    /// SHA-256 of the file that runs, hex.
    pub sha256: String,
}

/// Settings that may change while the server runs (SIGHUP).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Initial feature switches of a client's stream.
    pub features: Features,
    /// How clients' observations become metrics.
    pub session: SessionConfig,
    /// The limits of new connections.
    pub limits: ConnectionLimits,
}

/// The limits of one WebSocket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionLimits {
    /// A connection without a message for so long is closed.
    pub idle_timeout: Duration,
    /// How often it is pinged.
    pub heartbeat: Duration,
    /// A longer message closes its connection, bytes.
    pub max_message_bytes: usize,
    /// Messages a second.
    pub rate_limit_per_s: f64,
}

impl WebConfig {
    /// The settings that may change.
    pub fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            idle_timeout: self.idle_timeout,
            heartbeat: self.heartbeat,
            max_message_bytes: self.max_message_bytes,
            rate_limit_per_s: self.rate_limit_per_s,
        }
    }
}

/// Everything that the HTTP interface serves.
#[derive(Clone, Debug)]
pub struct WebState {
    /// The limits.
    pub config: WebConfig,
    /// Names the booth.
    pub booth_id: String,
    /// The policy, which also holds for clients' streams.
    pub policy: Policy,
    /// Settings that may change while the server runs.
    pub settings: watch::Receiver<Settings>,
    /// The health of the booth, with every component in the order of the data.
    pub health: Arc<Monitor>,
    /// The models that run.
    pub models: Vec<ModelInfo>,
    /// The engine, which queues media.
    pub engine: Engine,
    /// Tokens, sessions and the audit log.
    pub store: Store,
    /// The booth's own interview.
    pub booth: Interview,
    /// The states of camera and microphone.
    pub devices: watch::Receiver<Devices>,
    /// Temperature, supply and memory of the board.
    pub board: watch::Receiver<Reading>,
    /// The certificates in use; the HTTP server adds its own.
    pub certificates: Certificates,
    /// The folder of store and tokens; /health reports the free space of its disk.
    pub state_dir: PathBuf,
    /// The newest results of the booth's own stream.
    pub live: watch::Receiver<Live>,
}

impl WebState {
    /// The limits of new connections.
    fn limits(&self) -> ConnectionLimits {
        self.settings.borrow().limits
    }
}

/// How often abandoned streams are searched for.
const CLEAN_EVERY: Duration = Duration::from_secs(5);

/// What every request and connection shares.
#[derive(Clone)]
struct Shared {
    state: Arc<WebState>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    slots: Arc<slots::Slots>,
    /// Turns for long messages, over all WebSockets.
    long_messages: Arc<Semaphore>,
    hosts: Arc<host::Hosts>,
    authenticator: access::Authenticator,
    counters: Arc<Counters>,
    reports: broadcast::Reports,
    preview_leases: preview::Leases,
    clients: Arc<clients::Clients>,
}

impl Shared {
    fn new(
        state: WebState,
        clock: Arc<dyn Clock>,
        stop: Stop,
        http_server: &HttpServer,
    ) -> Self {
        Shared {
            slots: http_server.slots(),
            long_messages: Arc::new(Semaphore::new(frames::LONG_MESSAGES)),
            hosts: http_server.hosts(),
            authenticator: http_server.authenticator(),
            counters: http_server.counters(),
            reports: broadcast::start(state.live.clone()),
            preview_leases: preview::Leases::default(),
            clients: Arc::new(clients(&state, &clock)),
            state: Arc::new(state),
            clock,
            stop,
        }
    }

    fn active_connections(&self) -> usize {
        self.slots.open_web_sockets()
    }
}

/// Serves until `stop` is requested and the open connections are closed.
///
/// # Errors
/// `Config` when the certificate cannot be used.
pub async fn serve(
    listener: TcpListener,
    state: WebState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let http_server = HttpServer::open(&state.config, &state.store, &clock, stop.clone())?;
    if let Some(certificate) = http_server.certificate() {
        state.certificates.add(certificate);
    }
    let wrong = http_server.authenticator().wrong_tokens();
    state.health.watch(move |now: Duration, findings: &mut Findings| {
        if let Some(guessing) = wrong.guessing(now) {
            findings.add(Finding::new(Code::TokensGuessed).with(guessing.to_string()));
        }
    });
    let shared = Shared::new(state, clock, stop, &http_server);
    let clients = shared.clients.clone();
    let cleaning = tokio::spawn(clean_up(
        clients.clone(),
        shared.state.booth.clone(),
        shared.clock.clone(),
    ));
    http_server.serve(listener, router::router(shared)).await;
    cleaning.abort();
    clients.end_all().await;
    Ok(())
}

fn clients(state: &WebState, clock: &Arc<dyn Clock>) -> clients::Clients {
    let dependencies = Dependencies {
        policy: state.policy.clone(),
        features: state.settings.borrow().features,
        log: Arc::new(state.store.clone()),
        clock: clock.clone(),
    };
    // Those who left lately may come back.
    let most = state.config.max_connections * 2;
    let dependencies = (dependencies, state.store.clone());
    clients::Clients::new(state.engine.clone(), state.settings.clone(), dependencies, most)
}

/// Periodically ends the streams of clients that do not come back.
async fn clean_up(clients: Arc<clients::Clients>, booth: Interview, clock: Arc<dyn Clock>) {
    let mut turn = tokio::time::interval(CLEAN_EVERY);
    loop {
        turn.tick().await;
        booth.look_at_clock();
        clients.clean_up(clock.monotonic()).await;
    }
}
