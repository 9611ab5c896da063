//! Which address leads where, and what holds for every request: the name by which the booth is
//! called, the time it may take, the headers of the answer.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::time::timeout;

use super::{Shared, api, health, metrics, page, preview, refused::Refused, upgrade::upgrade};

/// Nothing from elsewhere, nothing inline, no frame around: the page works offline. The page
/// shows its own camera (`blob:` media) and charts that it drew itself (`data:` pictures).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page may ask for this machine's camera and microphone; for nothing else, and nobody else.
const PERMISSIONS_POLICY: &str =
    "camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), display-capture=()";

/// Said with every answer.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

/// Said with every answer over TLS: half a year without plain HTTP.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// Every address.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::asset))
        .route("/frontend/interview-simulation.html", get(page::simulation))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/preview.mjpeg", get(preview::preview))
        .merge(metrics::router(&shared))
        .merge(api::router(&shared))
        .route("/ws/multimodal-analysis", get(upgrade))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(shared.state.config.max_body_bytes))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

async fn nothing_here(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return Refused::not_found("nothing here; see /api/v1/openapi.json").into_response();
    }
    (StatusCode::NOT_FOUND, "nothing here; the page is at /").into_response()
}

async fn wrong_method() -> Response {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "this address does not know the method; see /api/v1/openapi.json",
    )
    .into_response()
}

/// What holds for every request.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = if shared.hosts.admits(&request) {
        match timeout(shared.state.config.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => too_slow(),
        }
    } else {
        unknown_host()
    };
    add_headers(response.headers_mut());
    if shared.state.config.tls.is_some() {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn too_slow() -> Response {
    let close = [(header::CONNECTION, "close")];
    (StatusCode::REQUEST_TIMEOUT, close, "the request took too long").into_response()
}

fn unknown_host() -> Response {
    let sentence = "the booth is not called by this name; use its address, its hostname, or add \
                    the name to web.hosts";
    (StatusCode::MISDIRECTED_REQUEST, sentence).into_response()
}

fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
