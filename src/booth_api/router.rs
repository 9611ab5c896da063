//! The routes of the booth.

use axum::{Router, routing::get};

use super::{Shared, api, health, live, metrics, page, preview};
use crate::{http, store::Role};

/// The router of every route.
pub(super) fn router(shared: Shared) -> Router {
    let metrics = get(metrics::metrics);
    let metrics = match shared.state.config.metrics_public {
        true => metrics,
        false => shared.http.authenticator.guard(Role::Viewer, metrics),
    };
    Router::new()
        .route("/", get(page::index))
        .route("/page/{*file}", get(page::asset))
        .route("/frontend/interview-simulation.html", get(page::simulation))
        .route("/health", get(health::health))
        .route("/health/live", get(http::live))
        .route("/health/ready", get(health::ready))
        .route("/preview.mjpeg", get(preview::preview))
        .route("/preview.jpg", get(preview::picture))
        .route("/metrics", metrics)
        .merge(api::router(&shared))
        .route("/ws/multimodal-analysis", get(live::live))
        .with_state(shared)
}
