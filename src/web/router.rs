//! The routes of the booth.

use axum::{Router, routing::get};

use super::{Shared, api, health, metrics, page, preview, upgrade::upgrade};

/// The router of every route.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/page/{*file}", get(page::asset))
        .route("/frontend/interview-simulation.html", get(page::simulation))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/preview.mjpeg", get(preview::preview))
        .route("/preview.jpg", get(preview::picture))
        .merge(metrics::router(&shared))
        .merge(api::router(&shared))
        .route("/ws/multimodal-analysis", get(upgrade))
        .with_state(shared)
}
