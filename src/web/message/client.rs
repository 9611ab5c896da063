//! What clients say. [`parse`] judges the form of a message; what it may do is judged elsewhere.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    names::StreamId,
    {features::FeatureChange, web::moment::Moment},
};

/// What a client asked for, after its form was judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// To be let in; what is missing is empty.
    Auth(AuthData),
    /// A sign of life; its timestamp is echoed.
    Ping(Option<Value>),
    /// How things stand.
    GetStatus,
    /// What the analysis takes.
    GetPerformanceStats,
    /// The reports of a stream.
    Watch(WatchData),
    /// A picture, and the timestamp that its report carries.
    VideoFrame(VideoFrameData, Option<Value>),
    /// Some sound, and the timestamp that its report carries.
    AudioChunk(AudioChunkData, Option<Value>),
    /// An interview begins, with the candidate's consent.
    StartSession(StartSessionData),
    /// Switches features.
    Configure(ConfigureData),
    /// Nothing is analysed until `resume_session`.
    PauseSession,
    /// Ends a pause.
    ResumeSession,
    /// The interview is over.
    EndSession,
}

/// `auth`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
pub struct AuthData {
    /// Names the client's session: 1 to 64 letters, digits, `.`, `_` and `-`; neither `.`, `..`
    /// nor `booth`. The first token that uses it owns it.
    #[serde(default, deserialize_with = "text_or_nothing")]
    #[schemars(length(min = 1))]
    pub session_id: String,
    /// A token of the booth.
    #[serde(default, deserialize_with = "text_or_nothing")]
    #[schemars(length(min = 1))]
    pub access_token: String,
}

/// `watch`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
pub struct WatchData {
    /// `booth`, or the id of a session that the token may see.
    pub stream: StreamId,
}

/// `video_frame`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
pub struct VideoFrameData {
    /// A data URL: `data:image/jpeg;base64,…` or PNG.
    pub frame: String,
    /// Any JSON value; the report carries it unchanged at its top level.
    pub timestamp: Option<Value>,
    /// Pixels; the picture itself knows better.
    pub width: Option<f64>,
    /// Pixels; the picture itself knows better.
    pub height: Option<f64>,
}

/// `audio_chunk`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
pub struct AudioChunkData {
    /// Bare base64 of WebM/Opus (a whole file or the next slice of one) or of WAV.
    pub audio: String,
    /// Any JSON value; the report carries it unchanged at its top level.
    pub timestamp: Option<Value>,
    /// Milliseconds; the sound itself knows better.
    pub duration: Option<f64>,
}

/// `start_session`, over the WebSocket and over HTTP.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StartSession")]
pub struct StartSessionData {
    /// Which text of the notice the candidate agreed to.
    pub notice_version: String,
    /// When: ms since 1970, or RFC 3339 text.
    pub consent_at: Moment,
    /// The operator's own reference for the candidate.
    pub subject_ref: Option<String>,
    /// Switches for this session.
    pub features: Option<FeatureChange>,
}

/// `configure`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ConfigureData {
    /// The switches to change; the others stay.
    pub features: FeatureChange,
}

/// Why a message was refused: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// One of docs/ref/api.md's codes.
    pub code: &'static str,
    /// What is wrong, with which field, and what to do.
    pub sentence: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Refusal { code, sentence: sentence.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.sentence)
    }
}

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
pub fn parse(text: &str) -> Result<Request, Refusal> {
    let value: Value = serde_json::from_str(text)
        .map_err(|cause| Refusal::new("invalid_json", format!("not JSON: {cause}")))?;
    let Envelope { kind, data, timestamp } = serde_json::from_value(value).map_err(|_| {
        let sentence = "a message is an object with a `type`, which is a string";
        Refusal::new("invalid_message", sentence)
    })?;
    match kind.as_str() {
        "auth" => Ok(Request::Auth(AuthData::deserialize(data).unwrap_or_default())),
        "ping" => Ok(Request::Ping(timestamp)),
        "get_status" => Ok(Request::GetStatus),
        "get_performance_stats" => Ok(Request::GetPerformanceStats),
        "watch" => read(&kind, data).map(Request::Watch),
        "video_frame" => {
            let mut frame: VideoFrameData = read(&kind, data)?;
            let timestamp = frame.timestamp.take().or(timestamp);
            Ok(Request::VideoFrame(frame, timestamp))
        }
        "audio_chunk" => {
            let mut chunk: AudioChunkData = read(&kind, data)?;
            let timestamp = chunk.timestamp.take().or(timestamp);
            Ok(Request::AudioChunk(chunk, timestamp))
        }
        "start_session" => read(&kind, data).map(Request::StartSession),
        "configure" => read(&kind, data).map(Request::Configure),
        "pause_session" => Ok(Request::PauseSession),
        "resume_session" => Ok(Request::ResumeSession),
        "end_session" => Ok(Request::EndSession),
        other => {
            let shown: String = other.chars().take(40).collect();
            let sentence = format!("there is no message type {shown:?}");
            Err(Refusal::new("unknown_type", sentence))
        }
    }
}

fn read<T: DeserializeOwned>(kind: &str, data: Value) -> Result<T, Refusal> {
    serde_json::from_value(data).map_err(|cause| {
        Refusal::new("invalid_message", format!("the data of `{kind}`: {cause}"))
    })
}

/// A missing field and one that is no string are the same mistake: the kept answer.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// What a binary message holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BinaryKind {
    /// A JPEG picture.
    Jpeg,
    /// A WebM file or the next slice of one.
    WebM,
    /// 16-bit little-endian samples, 16 kHz mono.
    Pcm,
}

/// Bytes before the payload of a binary message.
pub const BINARY_HEADER_BYTES: usize = 9;

/// Reads the header of a binary message: `[kind u8][timestamp u64 LE ms]`. The payload follows.
///
/// # Errors
/// The refusal to send.
pub fn parse_binary(message: &[u8]) -> Result<(BinaryKind, u64), Refusal> {
    let Some((header, _)) = message.split_first_chunk::<BINARY_HEADER_BYTES>() else {
        let sentence = "a binary message begins with its kind (1 byte) and its time (8 bytes)";
        return Err(Refusal::new("invalid_message", sentence));
    };
    let [kind, timestamp @ ..] = *header;
    let kind = match kind {
        1 => BinaryKind::Jpeg,
        2 => BinaryKind::WebM,
        3 => BinaryKind::Pcm,
        other => {
            let sentence = format!("there is no binary kind {other}; 1 JPEG, 2 WebM, 3 PCM");
            return Err(Refusal::new("unknown_type", sentence));
        }
    };
    Ok((kind, u64::from_le_bytes(timestamp)))
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
        assert_eq!(code(r#"{"type": "video_frame", "data": {}}"#), "invalid_message");
        assert_eq!(code(r#"{"type": "audio_chunk", "data": {"audio": 1}}"#), "invalid_message");
        assert_eq!(code(r#"{"type": "configure"}"#), "invalid_message");
        assert_eq!(code(&"[".repeat(100_000)), "invalid_json");
    }

    #[test]
    fn a_refusal_names_the_message_and_the_field() {
        let wrong = parse(r#"{"type": "configure", "data": {"features": {"mind": true}}}"#);
        let sentence = wrong.unwrap_err().sentence;
        assert!(sentence.contains("configure") && sentence.contains("mind"), "{sentence}");
    }

    #[test]
    fn missing_credentials_are_empty() {
        let empty = Request::Auth(AuthData::default());
        assert_eq!(parse(r#"{"type": "auth"}"#), Ok(empty.clone()));
        assert_eq!(parse(r#"{"type": "auth", "data": {"session_id": null}}"#), Ok(empty));
    }

    #[test]
    fn the_timestamp_of_media_is_any_value_inside_or_beside_the_data() {
        let stamp = |text: &str| match parse(text) {
            Ok(Request::VideoFrame(_, stamp)) => stamp,
            other => panic!("{other:?}"),
        };
        let inside =
            r#"{"type":"video_frame","data":{"frame":"x","timestamp":[1]},"timestamp":2}"#;
        assert_eq!(stamp(inside), Some(serde_json::json!([1])));
        let beside = r#"{"type":"video_frame","data":{"frame":"x"},"timestamp":2}"#;
        assert_eq!(stamp(beside), Some(2.into()));
    }

    #[test]
    fn consent_has_a_moment_in_either_form() {
        let at = |moment: &str| {
            let text = format!(
                r#"{{"type":"start_session","data":{{"notice_version":"1","consent_at":{moment}}}}}"#
            );
            match parse(&text) {
                Ok(Request::StartSession(start)) => Some(start.consent_at.unix_ms),
                _ => None,
            }
        };
        assert_eq!(at("1700000000000"), Some(1_700_000_000_000));
        assert_eq!(at(r#""2023-11-14T22:13:20Z""#), Some(1_700_000_000_000));
        assert_eq!(at(r#""yesterday""#), None);
        assert_eq!(at("1.5"), None);
    }

    #[test]
    fn a_binary_message_has_a_kind_and_a_time() {
        let mut message = vec![2];
        message.extend(7_u64.to_le_bytes());
        assert_eq!(parse_binary(&message), Ok((BinaryKind::WebM, 7)));
        assert_eq!(parse_binary(&message[..8]).unwrap_err().code, "invalid_message");
        message[0] = 9;
        assert_eq!(parse_binary(&message).unwrap_err().code, "unknown_type");
    }
}
