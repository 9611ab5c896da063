//! The doors of the booth that people and programs open: the WebSocket, /health and the page.
//!
//! Holds everything that knows HTTP. Must not hold metrics or devices: it shows what others say.

mod broadcast;
mod health;
mod limit;
mod live;
mod message;
mod page;
mod router;
mod upgrade;

use std::{sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    clock::Clock,
    engine::{Engine, Live},
    error::{Error, ErrorKind, Result},
    features::Features,
    stage::Stage,
    stop::Stop,
    store::TokenHash,
};

/// The limits of the doors.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// WebSocket connections at a time.
    pub max_connections: usize,
    /// A client that was not heard for so long, not even by a pong, is closed.
    pub idle_timeout: Duration,
    /// How often clients are pinged.
    pub heartbeat: Duration,
    /// How long a client may stay without a token.
    pub auth_timeout: Duration,
    /// How long one message to a client may take.
    pub send_timeout: Duration,
    /// A longer message closes its connection.
    pub max_message_bytes: usize,
    /// Messages a second from one client; twice that in a burst.
    pub rate_limit_per_s: f64,
}

impl Default for WebConfig {
    fn default() -> Self {
        WebConfig {
            max_connections: 50,
            idle_timeout: Duration::from_secs(300),
            heartbeat: Duration::from_secs(30),
            auth_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(5),
            max_message_bytes: 5_000_000,
            rate_limit_per_s: 20.0,
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

/// What the doors show, and by what right.
#[derive(Clone, Debug)]
pub struct WebState {
    /// The limits.
    pub config: WebConfig,
    /// Names the booth.
    pub booth_id: String,
    /// What a client must show.
    pub token: TokenHash,
    /// What is analysed.
    pub features: Features,
    /// Every stage, in the order of the data.
    pub stages: Vec<Arc<Stage>>,
    /// The models that run.
    pub models: Vec<ModelInfo>,
    /// Where media waits.
    pub engine: Engine,
    /// The newest results of the booth's own stream.
    pub booth: watch::Receiver<Live>,
}

/// How long open connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// What every request and connection shares.
#[derive(Clone)]
struct Shared {
    state: Arc<WebState>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    connections: Arc<Semaphore>,
    reports: broadcast::Reports,
}

impl Shared {
    fn active_connections(&self) -> usize {
        self.state.config.max_connections - self.connections.available_permits()
    }
}

/// Serves until `stop` is requested and the open connections have said goodbye.
///
/// # Errors
/// `Unavailable` when the listener fails.
pub async fn serve(
    listener: TcpListener,
    state: WebState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let limit = state.config.max_connections;
    let shared = Shared {
        clock,
        stop: stop.clone(),
        connections: Arc::new(Semaphore::new(limit)),
        reports: broadcast::start(state.booth.clone()),
        state: Arc::new(state),
    };
    let connections = shared.connections.clone();
    // A report is small and wanted now: it must not wait for the answer to the one before.
    let listener = listener.tap_io(|stream| {
        if let Err(cause) = stream.set_nodelay(true) {
            log::debug!(target: "web", cause = cause.to_string().as_str(); "reports may lag");
        }
    });
    let asked = stop.clone();
    let serving = axum::serve(listener, router::router(shared))
        .with_graceful_shutdown(async move { asked.requested().await });
    tokio::select! {
        served = async { serving.await } => served.map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "the web server failed").because(cause)
        })?,
        () = async { stop.requested().await; tokio::time::sleep(GOODBYE).await } => {}
    }
    // A connection gives its permit back when it is done; all permits back means all are gone.
    let everyone = u32::try_from(limit).unwrap_or(u32::MAX);
    let gone = tokio::time::timeout(GOODBYE, connections.acquire_many(everyone)).await;
    if gone.is_err() {
        log::debug!(target: "web", "some connections did not say goodbye in time");
    }
    Ok(())
}
