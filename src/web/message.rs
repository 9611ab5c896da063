//! What clients say and what they are told, as text JSON: `{"type", "data", "timestamp"?}`.
//!
//! Pure: knows no socket.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a client asked for, after its form was judged.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    /// To be let in; what is missing is empty.
    Auth { session_id: String, access_token: String },
    /// A sign of life; its timestamp is echoed.
    Ping { timestamp: Option<Value> },
    /// How things stand.
    GetStatus,
    /// The reports of a stream.
    Watch { stream: String },
    /// Something that a later form of the protocol has.
    NotSupported { kind: String },
}

/// Why a message was refused: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) sentence: String,
}

/// Messages that the protocol has but this version does not serve yet.
const NOT_SUPPORTED: [&str; 6] = [
    "video_frame",
    "audio_chunk",
    "get_performance_stats",
    "start_session",
    "configure",
    "end_session",
];

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
    timestamp: Option<Value>,
}

/// Reads one text message.
///
/// # Errors
/// The refusal to send.
pub(super) fn parse(text: &str) -> Result<Request, Refusal> {
    let value: Value = serde_json::from_str(text)
        .map_err(|cause| refusal("invalid_json", format!("not JSON: {cause}")))?;
    let envelope: Envelope = serde_json::from_value(value).map_err(|_| {
        let sentence = "a message is an object with a `type`, which is a string";
        refusal("invalid_message", sentence.into())
    })?;
    let kind = envelope.kind.as_str();
    match kind {
        // A missing field and one that is no string are the same mistake: the kept answer.
        "auth" => Ok(Request::Auth {
            session_id: text_of(&envelope.data, "session_id").unwrap_or_default(),
            access_token: text_of(&envelope.data, "access_token").unwrap_or_default(),
        }),
        "ping" => Ok(Request::Ping { timestamp: envelope.timestamp }),
        "get_status" => Ok(Request::GetStatus),
        "watch" => match text_of(&envelope.data, "stream") {
            Some(stream) => Ok(Request::Watch { stream }),
            None => {
                let sentence = "`watch` needs `data.stream`, a string such as \"booth\"";
                Err(refusal("invalid_message", sentence.into()))
            }
        },
        _ if NOT_SUPPORTED.contains(&kind) => Ok(Request::NotSupported { kind: envelope.kind }),
        _ => {
            let shown: String = kind.chars().take(40).collect();
            Err(refusal("unknown_type", format!("there is no message type {shown:?}")))
        }
    }
}

fn text_of(data: &Value, field: &str) -> Option<String> {
    data.get(field)?.as_str().map(str::to_owned)
}

pub(super) fn refusal(code: &'static str, sentence: String) -> Refusal {
    Refusal { code, sentence }
}

#[derive(Serialize)]
struct Answer<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// A message as text.
pub(super) fn text(kind: &str, data: impl Serialize, timestamp: Option<Value>) -> Utf8Bytes {
    write(&Answer { kind, data, timestamp, code: None, reference: None })
}

/// A refusal as text. `kind` is `error` or `auth_error`; `reference` finds it in the log.
pub(super) fn refused(kind: &str, refusal: &Refusal, reference: &str) -> Utf8Bytes {
    let (data, code) = (&refusal.sentence, Some(refusal.code));
    write(&Answer { kind, data, timestamp: None, code, reference: Some(reference) })
}

fn write(answer: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(answer).expect("answers have string keys and plain values").into()
}

/// `connected`.
#[derive(Serialize)]
pub(super) struct Connected<'a> {
    pub(super) connection_id: &'a str,
    pub(super) timestamp: i64,
}

/// `auth_success`.
#[derive(Serialize)]
pub(super) struct AuthSuccess<'a> {
    pub(super) session_id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) authenticated_at: i64,
}

/// `watching`: the stream's reports follow.
#[derive(Serialize)]
pub(super) struct Watching<'a> {
    pub(super) stream: &'a str,
}

/// `pong`.
#[derive(Serialize)]
pub(super) struct Pong {
    pub(super) timestamp: i64,
}

/// `status`.
#[derive(Serialize)]
pub(super) struct Status<'a, V, A> {
    pub(super) connection_id: &'a str,
    pub(super) authenticated: bool,
    pub(super) session_id: Option<&'a str>,
    pub(super) connected_at: i64,
    /// The connection receives reports.
    pub(super) analysis_active: bool,
    pub(super) latest_results: LatestResults<V, A>,
    pub(super) server_stats: ServerStats,
}

/// The newest reports of the stream that is watched.
#[derive(Serialize)]
pub(super) struct LatestResults<V, A> {
    pub(super) video: Option<V>,
    pub(super) audio: Option<A>,
    /// Of the newer of the two.
    pub(super) timestamp: Option<i64>,
}

/// How busy the server is.
#[derive(Serialize)]
pub(super) struct ServerStats {
    pub(super) active_connections: usize,
    pub(super) processing_queue_size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text).unwrap_err().code
    }

    #[test]
    fn every_wrong_form_has_its_code() {
        assert_eq!(code("{"), "invalid_json");
        assert_eq!(code("[]"), "invalid_message");
        assert_eq!(code(r#"{"type": 5}"#), "invalid_message");
        assert_eq!(code(r#"{"type": "dance"}"#), "unknown_type");
        assert_eq!(code(r#"{"type": "watch", "data": {"stream": 1}}"#), "invalid_message");
        assert_eq!(code(&"[".repeat(100_000)), "invalid_json");
    }

    #[test]
    fn missing_credentials_are_empty() {
        let empty = Request::Auth { session_id: String::new(), access_token: String::new() };
        assert_eq!(parse(r#"{"type": "auth"}"#), Ok(empty.clone()));
        assert_eq!(parse(r#"{"type": "auth", "data": {"session_id": null}}"#), Ok(empty));
    }

    #[test]
    fn answers_carry_only_what_they_have() {
        assert_eq!(text("pong", 1, None).as_str(), r#"{"type":"pong","data":1}"#);
        let refusal = refusal("unknown_type", "no".into());
        let text = refused("error", &refusal, "ab-1");
        let expected = r#"{"type":"error","data":"no","code":"unknown_type","ref":"ab-1"}"#;
        assert_eq!(text.as_str(), expected);
    }
}
