//! Messages of clients. [`parse`] checks the form of a message; rights are checked elsewhere.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use super::{
    refusal::Refusal,
    stamp::{RawStamp, Stamp},
    timestamp::Timestamp,
};
use crate::{
    features::FeatureChange,
    names::{NoticeVersion, StreamId, SubjectRef},
};

/// What a client asked for, after its form was judged. Pictures and sound stay where they are in
/// the message's text.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// Authenticates; missing fields are empty.
    Auth(AuthData),
    /// A sign of life; its timestamp is echoed.
    Ping(Option<Stamp>),
    /// Requests the status.
    GetStatus,
    /// Requests the processing times.
    GetPerformanceStats,
    /// Subscribes to the reports of a stream.
    Watch(WatchData),
    /// A picture, and the timestamp that its report carries.
    VideoFrame(VideoFrameData<'a>, Option<Stamp>),
    /// Some sound, and the timestamp that its report carries.
    AudioChunk(AudioChunkData<'a>, Option<Stamp>),
    /// Begins a session, with the candidate's consent.
    StartSession(StartSessionData),
    /// Switches features.
    Configure(ConfigureData),
    /// Pauses the analysis until `resume_session`.
    PauseSession,
    /// Ends a pause.
    ResumeSession,
    /// Ends the session.
    EndSession,
}

/// `auth`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
pub struct AuthData {
    /// Names the client's session: 1 to 64 letters, digits, `.`, `_` and `-`; neither `.`, `..`
    /// nor `booth`. It is this token's while the connection
    /// or its stream lasts, and for good once a session has begun with it.
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
pub struct VideoFrameData<'a> {
    /// A data URL: `data:image/jpeg;base64,…` or PNG.
    #[serde(borrow)]
    pub frame: Cow<'a, str>,
    /// Any JSON value of at most 256 bytes; the report carries it unchanged at its top level.
    #[serde(borrow)]
    #[schemars(with = "Option<Value>")]
    pub timestamp: Option<RawStamp<'a>>,
    /// Pixels; the picture itself knows better.
    pub width: Option<f64>,
    /// Pixels; the picture itself knows better.
    pub height: Option<f64>,
}

/// `audio_chunk`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
pub struct AudioChunkData<'a> {
    /// Bare base64 of WebM/Opus (a whole file or the next slice of one) or of WAV.
    #[serde(borrow)]
    pub audio: Cow<'a, str>,
    /// Any JSON value of at most 256 bytes; the report carries it unchanged at its top level.
    #[serde(borrow)]
    #[schemars(with = "Option<Value>")]
    pub timestamp: Option<RawStamp<'a>>,
    /// Milliseconds; the sound itself knows better.
    pub duration: Option<f64>,
}

/// `start_session`, over the WebSocket and over HTTP.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StartSession")]
pub struct StartSessionData {
    /// Which text of the notice the candidate agreed to.
    pub notice_version: NoticeVersion,
    /// When: ms since 1970, or RFC 3339 text.
    pub consent_at: Timestamp,
    /// The operator's own reference for the candidate.
    pub subject_ref: Option<SubjectRef>,
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

/// A message before its data was looked into: the data and the timestamp are still text, since
/// what they may be depends on the type, and a tree of values may be many times its text.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<RawStamp<'a>>,
}

/// Reads one text message. Takes no more memory than the text, which the answer borrows.
///
/// # Errors
/// The refusal to send.
pub fn parse(text: &str) -> Result<Request<'_>, Refusal> {
    let Envelope { kind, data, timestamp } = serde_json::from_str(text).map_err(|cause| {
        if cause.is_data() {
            let sentence = "a message is an object with a `type`, which is a string";
            return Refusal::new("invalid_message", sentence);
        }
        Refusal::new("invalid_json", format!("not JSON: {cause}"))
    })?;
    let data = data.map_or("null", RawValue::get);
    let timestamp = timestamp.map(RawStamp::judge).transpose()?;
    match &*kind {
        "auth" => Ok(Request::Auth(serde_json::from_str(data).unwrap_or_default())),
        "ping" => Ok(Request::Ping(timestamp)),
        "get_status" => Ok(Request::GetStatus),
        "get_performance_stats" => Ok(Request::GetPerformanceStats),
        "watch" => read(&kind, data).map(Request::Watch),
        "video_frame" => {
            let frame: VideoFrameData<'_> = read(&kind, data)?;
            let stamp = frame.timestamp.map(RawStamp::judge).transpose()?.or(timestamp);
            Ok(Request::VideoFrame(frame, stamp))
        }
        "audio_chunk" => {
            let chunk: AudioChunkData<'_> = read(&kind, data)?;
            let stamp = chunk.timestamp.map(RawStamp::judge).transpose()?.or(timestamp);
            Ok(Request::AudioChunk(chunk, stamp))
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

fn read<'a, T: Deserialize<'a>>(kind: &str, data: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(data).map_err(|cause| {
        let cause: String = cause.to_string().chars().take(MAX_CAUSE_CHARS).collect();
        Refusal::new("invalid_message", format!("the data of `{kind}`: {cause}"))
    })
}

/// A cause may repeat what the client sent, at any length; the answer to it may not.
const MAX_CAUSE_CHARS: usize = 200;

/// A missing field and one that is no string are the same mistake: the kept answer.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(value.get()).unwrap_or_default())
}

/// What a binary message holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BinaryKind {
    /// A JPEG picture.
    Jpeg,
    /// A recording (WebM, Ogg, MP4) or the next slice of one.
    Recording,
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
        2 => BinaryKind::Recording,
        3 => BinaryKind::Pcm,
        other => {
            let sentence = format!("there is no binary kind {other}; 1 JPEG, 2 WebM, 3 PCM");
            return Err(Refusal::new("unknown_type", sentence));
        }
    };
    Ok((kind, u64::from_le_bytes(timestamp)))
}

#[cfg(test)]
mod tests;
