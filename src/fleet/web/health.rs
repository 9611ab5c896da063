//! GET /health of the centre itself: the broker is heard, the archive writes.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Shared;
use crate::{
    board::free_bytes,
    stage::{Stage, State as StageState},
    web::certificates_health,
};

/// Answers GET /health. How many booths there are is nobody's secret; which is.
pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let state = &shared.state;
    let stages = [&state.broker, &state.archive.stage(), &state.store.stage()].map(works);
    let is_ready = is_ready(&shared);
    let status = match () {
        () if !is_ready => "unhealthy",
        () if stages.iter().any(|works| !works) => "degraded",
        () if has_certificate_trouble(&shared) => "degraded",
        () => "healthy",
    };
    let (census, counts) = {
        let desk = shared.desk();
        (desk.census(), desk.counts())
    };
    let backlog = state.archive.backlog();
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": shared.clock.monotonic().as_secs(),
        "broker": stage(&state.broker),
        "archive": stage(&state.archive.stage()),
        "store": stage(&state.store.stage()),
        "booths": census.booths, "online": census.online, "with_alerts": census.with_alerts,
        "messages_total": counts.messages_total, "refused_total": counts.refused_total,
        "dropped_values_total": counts.dropped_values_total,
        "erase_orders_open": state.archive.open_orders(),
        "records_waiting": backlog.records, "minutes_dropped_total": backlog.dropped_minutes_total,
        "certificates": certificates_health(&state.certificates, &*shared.clock),
        "disk": { "free_bytes": free_bytes(&state.state_dir) },
    });
    (code(is_ready), Json(body)).into_response()
}

/// Answers GET /health/live: the process answers.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// Answers GET /health/ready: booths are heard and kept.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let is_ready = is_ready(&shared);
    (code(is_ready), Json(json!({ "ready": is_ready }))).into_response()
}

fn is_ready(shared: &Shared) -> bool {
    works(&shared.state.broker) && works(&shared.state.archive.stage())
}

fn works(stage: &std::sync::Arc<Stage>) -> bool {
    stage.status().state == StageState::Running
}

fn has_certificate_trouble(shared: &Shared) -> bool {
    let outlooks = shared.state.certificates.outlooks(&*shared.clock);
    outlooks.iter().any(|outlook| outlook.problem.is_some())
}

fn code(is_ready: bool) -> StatusCode {
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn stage(stage: &Stage) -> Value {
    let status = stage.status();
    json!({
        "state": status.state.name(), "source": status.source,
        "restarts_total": status.restarts_total, "errors_total": status.errors_total,
        "error": status.error,
    })
}
