//! Messages of the WebSocket, both ways: text JSON `{"type", "data", "timestamp"?}`.
//!
//! Pure: knows no socket. Messages of clients are in [`client`], messages to them in `server`;
//! `asyncapi` describes both from the same types.

pub mod timestamp;
pub mod refusal;
pub mod stamp;
pub mod client;
pub(super) mod server;
pub(super) mod asyncapi;

use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{http::Refused, interview::StartSession};
use client::StartSessionData;
use refusal::Refusal;
use stamp::Stamp;

impl From<StartSessionData> for StartSession {
    fn from(start: StartSessionData) -> Self {
        StartSession {
            notice_version: start.notice_version,
            consent_at: start.consent_at.unix_ms,
            subject_ref: start.subject_ref,
            features: start.features,
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Refusal::new(refused.code, refused.sentence)
    }
}

/// Reports carry the client's own `timestamp` (a short JSON value); other messages mostly none.
#[derive(Serialize)]
struct Envelope<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// A message as text.
pub(super) fn text(kind: &str, data: impl Serialize, timestamp: Option<Stamp>) -> Utf8Bytes {
    write(&Envelope { kind, data, timestamp, code: None, reference: None })
}

/// A refusal as text. `kind` is `error` or `auth_error`; `reference` finds it in the log; a
/// refused picture or sound carries its client's timestamp.
pub(super) fn refused(
    kind: &str,
    refusal: &Refusal,
    reference: &str,
    timestamp: Option<Stamp>,
) -> Utf8Bytes {
    let (data, code) = (&refusal.sentence, Some(refusal.code));
    write(&Envelope { kind, data, timestamp, code, reference: Some(reference) })
}

fn write(envelope: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(envelope).expect("messages have string keys and plain values").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_only_what_they_have() {
        assert_eq!(text("pong", 1, None).as_str(), r#"{"type":"pong","data":1}"#);
        let refusal = Refusal::new("unknown_type", "no");
        let text = refused("error", &refusal, "ab-1", None);
        let expected = r#"{"type":"error","data":"no","code":"unknown_type","ref":"ab-1"}"#;
        assert_eq!(text.as_str(), expected);
    }
}
