//! [`Refused`]: a refusal, with a code for programs and a sentence for people.

use std::borrow::Cow;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// Time after which a client may retry what is busy or away, s.
pub(crate) const RETRY_AFTER_S: &str = "5";

/// Why a request was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    /// The code, for programs.
    pub(crate) code: &'static str,
    /// One sentence: the fault and its remedy.
    pub(crate) sentence: Cow<'static, str>,
    /// When to try again, s; `None`: as the status implies.
    retry_after_s: Option<u32>,
}

/// The body of every refusal.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Error")]
pub(crate) struct RefusedBody<'a> {
    /// One sentence: the fault and its remedy.
    error: &'a str,
    /// The code, for programs.
    code: &'static str,
}

impl Refused {
    /// A refusal.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        sentence: impl Into<Cow<'static, str>>,
    ) -> Self {
        Refused { status, code, sentence: sentence.into(), retry_after_s: None }
    }

    /// 401: the token is missing or not valid.
    pub(crate) fn unauthorized(code: &'static str, sentence: &'static str) -> Self {
        Refused::new(StatusCode::UNAUTHORIZED, code, sentence)
    }

    /// 403: the token's role does not allow the request.
    pub(crate) fn forbidden(sentence: impl Into<Cow<'static, str>>) -> Self {
        Refused::new(StatusCode::FORBIDDEN, "forbidden", sentence)
    }

    /// 503: every slot for such a connection is taken; the booth may be healthy.
    pub(crate) fn full() -> Self {
        let sentence = "too many connections; try again in some seconds, or raise \
                        web.max_connections";
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "full", sentence)
    }

    /// 429: too many wrong tokens came from the client's network.
    pub(crate) fn too_many_attempts(retry_after_s: u32) -> Self {
        let sentence = "too many wrong tokens came from this address; wait before the next one";
        let status = StatusCode::TOO_MANY_REQUESTS;
        let retry_after_s = Some(retry_after_s);
        Refused { retry_after_s, ..Refused::new(status, "too_many_attempts", sentence) }
    }

    /// 404: the object does not exist.
    pub(crate) fn not_found(sentence: impl Into<Cow<'static, str>>) -> Self {
        Refused::new(StatusCode::NOT_FOUND, "not_found", sentence)
    }

    /// 409: the state does not allow the request.
    pub(crate) fn conflict(sentence: impl Into<Cow<'static, str>>) -> Self {
        Refused::new(StatusCode::CONFLICT, "conflict", sentence)
    }
}

/// The HTTP status and the code of a kind of error.
fn status_of(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "invalid_input"),
        ErrorKind::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
        ErrorKind::Exhausted => (StatusCode::SERVICE_UNAVAILABLE, "exhausted"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        ErrorKind::Config | ErrorKind::Internal => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let (status, code) = status_of(error.kind());
        // A component that is away or full logs it once by itself; each request only gets the answer.
        let level = match status {
            StatusCode::INTERNAL_SERVER_ERROR => Some(log::Level::Error),
            StatusCode::SERVICE_UNAVAILABLE => Some(log::Level::Debug),
            _ => None,
        };
        if let Some(level) = level {
            let chain = error.chain().to_string();
            log::log!(target: "web", level, error = chain.as_str(); "request failed");
        }
        // What failed inside is for the log; its words may hold paths and SQL.
        let sentence = match status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                "that failed inside the booth; see its log".into()
            }
            _ => Cow::from(error.to_string()),
        };
        Refused { status, code, sentence, retry_after_s: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = RefusedBody { error: &self.sentence, code: self.code };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
            // A guesser's next attempt costs it a connection.
            headers.insert(header::CONNECTION, axum::http::HeaderValue::from_static("close"));
        }
        let mut insert = |name, value| {
            headers.insert(name, axum::http::HeaderValue::from_static(value));
        };
        match self.status {
            StatusCode::UNAUTHORIZED => insert(header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => insert(header::RETRY_AFTER, RETRY_AFTER_S),
            _ => (),
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_keeps_its_words_to_itself() {
        let error = Error::new(ErrorKind::Internal, "SELECT failed in /var/lib/boothd");
        let refused = Refused::from(error);
        assert_eq!((refused.status.as_u16(), refused.code), (500, "internal"));
        assert!(!refused.sentence.contains("SELECT"));
        let error = Error::new(ErrorKind::InvalidInput, "audio is off in the configuration");
        let refused = Refused::from(error);
        assert_eq!((refused.status.as_u16(), refused.code), (400, "invalid_input"));
        assert_eq!(refused.sentence, "audio is off in the configuration");
    }
}
