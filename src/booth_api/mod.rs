//! The booth's interface for people and programs: live WebSocket, /api/v1, /health, /metrics, page.
//!
//! Must not hold metrics or devices: it only renders other modules' state. Listener, tokens and
//! limits are `http`'s.

mod claims;
mod guest_log;
mod health;
pub mod message;
mod broadcast;
mod clients;
mod page;
mod live;
mod metrics;
mod preview;
mod reach;
mod api;
mod router;
mod inside;
#[cfg(test)]
mod page_wire;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch};

use crate::{
    board::Reading,
    certificate::Certificates,
    clock::Clock,
    engine::{Engine, Live},
    error::Result,
    features::Features,
    health::{Code, Finding, Findings, Monitor},
    http::{ConnectionLimits, HttpConfig, HttpContext, HttpServer},
    interview::{Dependencies, Interview, devices::Devices},
    policy::Policy,
    session::SessionConfig,
    stop::Stop,
    store::Store,
};

pub use health::health_value;
pub use inside::Inside;

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

/// Everything that the HTTP interface serves.
#[derive(Clone, Debug)]
pub struct BoothApiState {
    /// The limits.
    pub config: HttpConfig,
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

impl BoothApiState {
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
    state: Arc<BoothApiState>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    http: HttpContext,
    reports: broadcast::Reports,
    preview_leases: preview::Leases,
    clients: Arc<clients::Clients>,
}

impl Shared {
    fn new(
        state: BoothApiState,
        clock: Arc<dyn Clock>,
        stop: Stop,
        http: &HttpContext,
    ) -> Self {
        Shared {
            http: http.clone(),
            reports: broadcast::start(state.live.clone()),
            preview_leases: preview::Leases::default(),
            clients: Arc::new(clients(&state, &clock)),
            state: Arc::new(state),
            clock,
            stop,
        }
    }

    fn active_connections(&self) -> usize {
        self.http.slots.open_web_sockets()
    }
}

/// Serves until `stop` is requested and the open connections are closed.
///
/// # Errors
/// `Config` when the certificate cannot be used.
pub async fn serve(
    listener: TcpListener,
    state: BoothApiState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let http_server = HttpServer::open(&state.config, &state.store, &clock, stop.clone())?;
    if let Some(certificate) = http_server.certificate() {
        state.certificates.add(certificate);
    }
    let wrong = http_server.context().authenticator.wrong_tokens();
    state.health.watch(move |now: Duration, findings: &mut Findings| {
        if let Some(guessing) = wrong.guessing(now) {
            findings.add(Finding::new(Code::TokensGuessed).with(guessing.to_string()));
        }
    });
    let shared = Shared::new(state, clock, stop, http_server.context());
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

fn clients(state: &BoothApiState, clock: &Arc<dyn Clock>) -> clients::Clients {
    let dependencies = Dependencies {
        policy: state.policy.clone(),
        features: state.settings.borrow().features,
        log: Arc::new(state.store.clone()),
        clock: clock.clone(),
    };
    // Those who left lately may come back.
    let most = state.config.max_connections * 2;
    let (engine, settings) = (state.engine.clone(), state.settings.clone());
    clients::Clients::new(engine, settings, dependencies, state.store.clone(), most)
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
