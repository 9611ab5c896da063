//! From HTTP to a WebSocket: who may come in at all.

use axum::{
    Extension,
    extract::{Query, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Shared,
    access::{bearer, told},
    live::{Entry, run},
    proxy::{Asked, text},
    refusals::Reason,
    refused::RETRY_AFTER_S,
};
use crate::store::Token;

/// What the address may carry.
#[derive(Deserialize)]
pub(super) struct Parameters {
    token: Option<String>,
}

/// Why a page may not open the WebSocket.
pub(super) const FOREIGN_ORIGIN: &str = "pages of this origin may not open the WebSocket: the \
    origin is not the host that was called; behind a reverse proxy pass the Host on or name the \
    proxy in web.proxies (docs/guide/proxy.md), else list the origin in web.origins";

/// Why a request to the WebSocket's address is none.
const NO_UPGRADE: &str = "this address speaks WebSocket, and the request asks for no upgrade; a \
    reverse proxy must pass the headers Upgrade and Connection on (docs/guide/proxy.md)";

/// The sub-protocol by which a browser can send a token: `bearer, <token>`.
const BEARER_PROTOCOL: &str = "bearer";

/// Answers `GET /ws/multimodal-analysis`.
pub(super) async fn upgrade(
    State(shared): State<Shared>,
    Query(parameters): Query<Parameters>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !shared.hosts.admits_origin(&headers, &asked) {
        let origin = text(&headers, header::ORIGIN);
        shared.refusals.log(Reason::Origin, &asked, origin);
        return refuse(StatusCode::FORBIDDEN, FOREIGN_ORIGIN);
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            shared.refusals.log(Reason::NoUpgrade, &asked, None);
            return refuse(rejection.into_response().status(), NO_UPGRADE);
        }
    };
    let shown = shown_token(&headers).or(parameters.token.as_deref());
    let token = match shown.map(|shown| judge(&shared, shown)).transpose() {
        Ok(token) => token,
        Err(sentence) => return refuse(StatusCode::UNAUTHORIZED, sentence),
    };
    let Ok(permit) = shared.connections.clone().try_acquire_owned() else {
        let retry = [(header::RETRY_AFTER, RETRY_AFTER_S)];
        return (retry, refuse(StatusCode::SERVICE_UNAVAILABLE, "too many connections"))
            .into_response();
    };
    let limit = shared.state.config.max_message_bytes;
    let entry = Entry { token, permit };
    upgrade
        .protocols([BEARER_PROTOCOL])
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| run(socket, shared, entry))
}

fn judge(shared: &Shared, shown: &str) -> Result<Token, &'static str> {
    let book = shared.state.store.tokens().borrow().clone();
    book.check(shown, shared.clock.certain_unix_ms()).map_err(|denied| {
        shared.counters.auth_failed();
        told(denied).1
    })
}

fn refuse(status: StatusCode, sentence: &'static str) -> Response {
    (status, sentence).into_response()
}

/// The token in the headers, if there is one.
fn shown_token(headers: &HeaderMap) -> Option<&str> {
    if let Some(token) = bearer(headers) {
        return Some(token);
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let mut offered = protocols.split(',').map(str::trim);
    if offered.next()? == BEARER_PROTOCOL { offered.next() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_sub_protocol() {
        let bearer = headers(&[(header::AUTHORIZATION, "Bearer abc")]);
        assert_eq!(shown_token(&bearer), Some("abc"));
        let protocol = headers(&[(header::SEC_WEBSOCKET_PROTOCOL, "bearer, abc")]);
        assert_eq!(shown_token(&protocol), Some("abc"));
        let other = headers(&[(header::SEC_WEBSOCKET_PROTOCOL, "chat, abc")]);
        assert_eq!(shown_token(&other), None);
        let basic = headers(&[(header::AUTHORIZATION, "Basic abc")]);
        assert_eq!(shown_token(&basic), None);
    }
}
