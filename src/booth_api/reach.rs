//! POST /api/v1/reach: whether this page could open the WebSocket, and if not why. A browser hides
//! from a page why its WebSocket was refused; this answer can be read.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::Shared;
use crate::http::{Asked, FOREIGN_ORIGIN, Refused};

/// How the request arrived, as the booth sees it.
#[derive(JsonSchema, Serialize)]
pub(super) struct Reach {
    /// The client's address: behind a proxy of `web.proxies` the one that it reports.
    client: Option<String>,
    /// The host that was called.
    host: Option<String>,
    /// A reverse proxy of `web.proxies` passed the request on.
    is_proxied: bool,
}

/// Answers POST /api/v1/reach. A browser names its page's origin with a POST, not with a GET.
pub(super) async fn reach(
    State(shared): State<Shared>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
) -> Result<Json<Reach>, Refused> {
    if !shared.http.hosts.admits_origin(&headers, &asked) {
        return Err(Refused::new(StatusCode::FORBIDDEN, "foreign_origin", FOREIGN_ORIGIN));
    }
    if shared.http.slots.is_full() {
        let sentence = "too many connections; try again later";
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "full", sentence));
    }
    let client = asked.client.map(|address| address.to_string());
    Ok(Json(Reach { client, host: asked.host, is_proxied: asked.is_proxied }))
}
