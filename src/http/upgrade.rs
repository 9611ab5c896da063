//! From HTTP to a WebSocket: origin, token and slot are checked before the upgrade.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    access::bearer,
    context::HttpContext,
    handshake::Handshake,
    peer::Peer,
    proxy::{Asked, text},
    refused::Refused,
    rejections::Reason,
    web_socket::{self, WebSocket},
};
use crate::store::Token;

/// Result of the checks before the upgrade.
pub(crate) struct Entry {
    /// The token that came with the request.
    pub(crate) token: Option<Token>,
    /// Its seat; `None` until it is authenticated.
    pub(crate) seat: Option<OwnedSemaphorePermit>,
    /// The connection that became a WebSocket.
    pub(crate) peer: Peer,
    /// The client's address: from a proxy in `web.proxies`, else the connection's own.
    pub(crate) client: IpAddr,
}

/// Why a page may not open the WebSocket.
pub(crate) const FOREIGN_ORIGIN: &str = "pages of this origin may not open the WebSocket: the \
    origin is not the host that was called; behind a reverse proxy pass the Host on or name the \
    proxy in web.proxies (docs/guide/proxy.md), else list the origin in web.origins";

/// Why a request to the WebSocket's address is refused.
const NO_UPGRADE: &str = "this address speaks WebSocket, and the request asks for no upgrade; a \
    reverse proxy must pass the headers Upgrade and Connection on (docs/guide/proxy.md)";

/// The sub-protocol by which a browser can send a token: `bearer, <token>`.
const BEARER_PROTOCOL: &str = "bearer";

/// Answers a request for a WebSocket; `serve` has it once the answer has left. A token may also be
/// in the query; a message is at most `max_message_bytes` long.
pub(crate) async fn upgrade<F>(
    context: &HttpContext,
    mut request: Request,
    query_token: Option<String>,
    max_message_bytes: usize,
    serve: impl FnOnce(WebSocket, Entry) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (peer, asked) = (Peer::of(&request), Asked::of(&request));
    let handshake = Handshake::take(&mut request);
    let headers = request.headers();
    let rejections = context.counters.rejections();
    if !context.hosts.admits_origin(headers, &asked) {
        let origin = text(headers, header::ORIGIN);
        rejections.note_request(Reason::WrongOrigin, &asked, origin);
        return refuse(StatusCode::FORBIDDEN, FOREIGN_ORIGIN);
    }
    let handshake = match handshake {
        Ok(handshake) => handshake,
        Err(status) => {
            rejections.note_request(Reason::NoUpgrade, &asked, None);
            return refuse(status, NO_UPGRADE);
        }
    };
    let shown = shown_token(headers).or(query_token.as_deref());
    let entry = match admit(context, shown, peer, &asked).await {
        Ok(entry) => entry,
        Err(refused) => return refused.into_response(),
    };
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|o| o.to_str().ok());
    let is_offered = offered.is_some_and(|offered| offered.contains(BEARER_PROTOCOL));
    let protocol = is_offered.then(|| HeaderValue::from_static(BEARER_PROTOCOL));
    let turns = context.long_messages.clone();
    handshake.answer(protocol, async move |stream| {
        serve(web_socket::open(stream, max_message_bytes, turns).await, entry).await;
    })
}

/// With a right token a seat; without one a slot until there is one.
async fn admit(
    context: &HttpContext,
    shown: Option<&str>,
    peer: Peer,
    asked: &Asked,
) -> Result<Entry, Refused> {
    let client = peer.client_address(asked);
    let Some(shown) = shown else {
        peer.become_handshaking();
        return Ok(Entry { token: None, seat: None, peer, client });
    };
    let token = context.authenticator.check(shown, client).await?;
    let Some(seat) = context.slots.seat(token.role) else {
        context.counters.reject(Reason::NoSeat, client);
        return Err(Refused::full());
    };
    peer.release();
    Ok(Entry { token: Some(token), seat: Some(seat), peer, client })
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
