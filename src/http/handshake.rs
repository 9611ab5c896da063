//! [`Handshake`]: the HTTP side of a WebSocket's opening (RFC 6455, section 4.2).
//!
//! axum's WebSocket hides the stream beneath, whose limits change when the client is authenticated.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::Response,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A valid request for a WebSocket.
pub(super) struct Handshake {
    accept: HeaderValue,
    on_upgrade: OnUpgrade,
}

impl Handshake {
    /// Validates the request and takes the connection out of it.
    ///
    /// # Errors
    /// The status of the answer to a request that is not a valid one for a WebSocket.
    pub(super) fn take<B>(request: &mut Request<B>) -> Result<Self, StatusCode> {
        let headers = request.headers();
        if request.method() != Method::GET || !has_token(headers, header::UPGRADE, "websocket")
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        let is_13 = |version: &HeaderValue| version == "13";
        let has_version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(is_13);
        if !has_token(headers, header::CONNECTION, "upgrade") || !has_version {
            return Err(StatusCode::UPGRADE_REQUIRED);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(StatusCode::BAD_REQUEST)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let accept = accept.expect("base64 is a header's value");
        let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
        Ok(Handshake { accept, on_upgrade: on_upgrade.ok_or(StatusCode::UPGRADE_REQUIRED)? })
    }

    /// The answer; once it has left, `serve` has the connection.
    pub(super) fn answer<F>(
        self,
        protocol: Option<HeaderValue>,
        serve: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Handshake { accept, on_upgrade } = self;
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(upgraded) => serve(TokioIo::new(upgraded)).await,
                Err(error) => {
                    log::debug!(target: "web", cause = error.to_string().as_str();
                        "the client left during the handshake");
                }
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// Whether a header's list contains a word, ignoring case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(',')).map(str::trim);
    words.any(|word| word.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        Handshake::take(&mut request).map(|_| 101).unwrap_or_else(|no| no.as_u16())
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        let connection = ("Connection", "keep-alive, Upgrade");
        let upgrade = ("Upgrade", "WebSocket");
        let version = ("Sec-WebSocket-Version", "13");
        let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(status(&[upgrade, version, key]), 426);
        assert_eq!(status(&[connection, version, key]), 400);
        assert_eq!(status(&[connection, upgrade, key]), 426);
        assert_eq!(status(&[connection, upgrade, ("Sec-WebSocket-Version", "8"), key]), 426);
        assert_eq!(status(&[connection, upgrade, version]), 400);
        // Whole, on a connection that is none.
        assert_eq!(status(&[connection, upgrade, version, key]), 426);
    }

    #[test]
    fn the_key_is_answered_as_in_the_standards_example() {
        let accept = derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
