//! The HTTP interface of the fleet server: page, /api/v1/fleet, stream of changes, /health, /metrics.
//!
//! Uses the same [`HttpServer`] as a booth: host names, tokens, TLS, headers, limits.

mod booths;
mod alerts;
mod changes;
mod csv;
mod erase;
mod events;
mod health;
mod metrics;
mod page;
mod sessions;
mod export;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, sync::watch};

use super::{Archive, FleetState};
use crate::{
    certificate::Certificates,
    clock::Clock,
    component::Component,
    error::Result,
    http::{
        self, Endpoint, HttpConfig, HttpContext, HttpServer, document, endpoints_router,
        json_text,
    },
    stop::Stop,
    store::{
        Role::{Operator, Viewer},
        Store,
    },
};

/// What the HTTP interface serves.
#[derive(Clone)]
pub(super) struct ServerState {
    /// The limits.
    pub(super) config: HttpConfig,
    /// Every booth.
    pub(super) fleet_state: Arc<Mutex<FleetState>>,
    /// The archive.
    pub(super) archive: Archive,
    /// Tokens and the audit log.
    pub(super) store: Store,
    /// The connection to the broker.
    pub(super) broker: Arc<Component>,
    /// Grows with each change that the page should see.
    pub(super) revision: watch::Receiver<u64>,
    /// The certificates in use; the HTTP server adds its own.
    pub(super) certificates: Certificates,
    /// The folder of archive and store; /health reports the free space of its disk.
    pub(super) state_dir: PathBuf,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// What every request shares.
#[derive(Clone)]
struct Shared {
    state: ServerState,
    clock: Arc<dyn Clock>,
    http: HttpContext,
    stop: Stop,
    /// Identifies this start of the fleet server: its time, unix ms.
    run: i64,
}

impl Shared {
    /// The fleet state, for a moment.
    fn fleet_state(&self) -> MutexGuard<'_, FleetState> {
        self.state.fleet_state.lock().expect(UNPOISONED)
    }
}

/// Serves until `stop` is requested and the open connections are closed.
///
/// # Errors
/// `Config` when the certificate cannot be used.
pub(super) async fn serve(
    listener: TcpListener,
    state: ServerState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let http_server = HttpServer::open(&state.config, &state.store, &clock, stop.clone())?;
    if let Some(certificate) = http_server.certificate() {
        state.certificates.add(certificate);
    }
    let run = clock.unix_ms();
    let http = http_server.context().clone();
    let shared = Shared { state, clock, http, stop, run };
    http_server.serve(listener, router(shared)).await;
    Ok(())
}

/// Every address.
fn router(shared: Shared) -> Router {
    let endpoints = endpoints();
    let description: Arc<str> = document(&endpoints).to_string().into();
    let authenticator = shared.http.authenticator.clone();
    let viewers = |route| authenticator.guard(Viewer, route);
    let metrics = get(metrics::metrics);
    let metrics = match shared.state.config.metrics_public {
        true => metrics,
        false => viewers(metrics),
    };
    Router::new()
        .route("/", get(page::index))
        .route("/page/{*file}", get(page::asset))
        .route("/health", get(health::health))
        .route("/health/live", get(http::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", metrics)
        .route("/api/v1/openapi.json", get(async move || json_text(&description)))
        .route("/api/v1/fleet/events", viewers(get(events::events)))
        .route("/api/v1/fleet/booths.csv", viewers(get(export::booths)))
        .route("/api/v1/fleet/alerts.csv", viewers(get(export::alerts)))
        .route(
            "/api/v1/fleet/sessions.csv",
            authenticator.guard(Operator, get(export::sessions)),
        )
        .route("/api/v1/fleet/booths/{site}/{booth}/history.csv", viewers(get(export::history)))
        .merge(endpoints_router(endpoints, &authenticator))
        .with_state(shared)
}

/// What there is in JSON.
fn endpoints() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::get("/api/v1/fleet/booths", "The booths, by site and name.", booths::list)
            .needs(Viewer)
            .query::<booths::ListQuery>()
            .answers::<booths::Booths>()
            .refuses(&[400]),
        Endpoint::get("/api/v1/fleet/booths/{site}/{booth}", "One booth, now.", booths::one)
            .needs(Viewer)
            .answers::<booths::BoothNow>()
            .refuses(&[404]),
        Endpoint::get(
            "/api/v1/fleet/booths/{site}/{booth}/history",
            "Means of its live metrics over time.",
            booths::history,
        )
        .needs(Viewer)
        .query::<booths::HistoryQuery>()
        .answers::<super::History>()
        .refuses(&[400, 404, 503]),
        Endpoint::get(
            "/api/v1/fleet/booths/{site}/{booth}/events",
            "What happened to it, newest first.",
            booths::events,
        )
        .needs(Operator)
        .query::<booths::Limit>()
        .answers::<booths::Events>()
        .refuses(&[400, 503]),
        Endpoint::get(
            "/api/v1/fleet/changes",
            "What has changed since the reader last asked.",
            changes::changes,
        )
        .needs(Viewer)
        .query::<changes::Since>()
        .answers::<changes::Changes>()
        .refuses(&[400]),
        Endpoint::get("/api/v1/fleet/sessions", "Sessions, newest first.", sessions::list)
            .needs(Operator)
            .query::<sessions::SessionsQuery>()
            .answers::<sessions::Sessions>()
            .refuses(&[400, 503]),
        Endpoint::get("/api/v1/fleet/alerts", "Alerts, newest first.", alerts::list)
            .needs(Viewer)
            .query::<alerts::AlertsQuery>()
            .answers::<alerts::Alerts>()
            .refuses(&[400, 503]),
        Endpoint::post(
            "/api/v1/fleet/alerts/{id}/acknowledge",
            "Acknowledges an alert.",
            alerts::acknowledge,
        )
        .needs(Operator)
        .takes::<alerts::Note>()
        .answers::<super::AlertRecord>()
        .refuses(&[404, 503]),
    ]
    .into_iter()
    .chain(erasing())
    .collect()
}

fn erasing() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::delete(
            "/api/v1/fleet/sessions/{site}/{booth}/{session}",
            "Erases a session here and orders its booth to do the same; the answer is a receipt.",
            erase::session,
        )
        .needs(Operator)
        .answers::<super::FleetEraseReceipt>()
        .refuses(&[404, 503]),
        Endpoint::post(
            "/api/v1/fleet/erase",
            "Erases every session of a subject here and orders the booths to do the same.",
            erase::subject,
        )
        .needs(Operator)
        .takes::<erase::Subject>()
        .answers::<super::FleetEraseReceipt>()
        .refuses(&[404, 503]),
        Endpoint::get(
            "/api/v1/fleet/erase/orders",
            "Orders to booths to erase, newest first.",
            erase::orders,
        )
        .needs(Operator)
        .query::<erase::OrdersQuery>()
        .answers::<erase::Orders>()
        .refuses(&[400, 503]),
        Endpoint::post(
            "/api/v1/fleet/erase/orders/{id}/close",
            "Closes an order that the booth will never answer, with what became of its copy.",
            erase::close,
        )
        .needs(Operator)
        .takes::<erase::Note>()
        .answers::<super::OrderRow>()
        .refuses(&[404, 503]),
    ]
}
