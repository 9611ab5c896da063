//! Parses and validates the messages of booths. Any client with the right to publish can send
//! anything, so nothing in a payload is trusted.
//!
//! A message is short JSON with the fields of its topic. Anything else is refused and counted, and
//! changes nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shape::{self, Fields};
use crate::{
    mqtt::topics::{self, BoothTopic, Topic},
    names,
};

/// The longest payload that is accepted, bytes. The longest of a booth is a summary of all metrics.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// The same for payloads that stay in memory for each booth: `health` is about 2 kB, a report 1 kB.
const MAX_STATE_BYTES: usize = 16 * 1024;
const MAX_REPORT_BYTES: usize = 8 * 1024;

/// Sessions that one `event/erased` may name: an operator's longest erasure of one subject.
const MAX_ERASED: usize = 1000;

/// Longest name of a site, a booth, a session or a kind of event, characters.
const MAX_NAME_CHARS: usize = 128;

/// The year 3000, unix ms. A later time was sent in another unit.
const MAX_UNIX_MS: i64 = 32_503_680_000_000;

/// Identifies a booth: its site and its name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, JsonSchema, Serialize)]
pub struct BoothKey {
    /// Its site.
    pub site: String,
    /// Its name there.
    pub booth: String,
}

/// One of the two kinds of live metrics.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Of pictures.
    Video,
    /// Of sound.
    Audio,
}

/// The state that a booth reports on the topic `status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportedStatus {
    /// It is connected.
    Online,
    /// It has disconnected, or the broker has published its last will.
    Offline,
    /// It will be back at once.
    Restarting,
}

/// A message of a booth.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The booth has connected or disconnected.
    Status {
        /// The state that it reports.
        status: ReportedStatus,
        /// Since when, unix ms.
        since: Option<i64>,
        /// The start of the daemon that reports it.
        boot_id: Option<String>,
    },
    /// Hardware and software of the booth.
    Info(Value),
    /// The booth's `/health`.
    Health(Value),
    /// A live report.
    Metrics(Modality, Value),
    /// A record, which must not be lost.
    Record(Record),
    /// The booth's answer to an erase order.
    EraseAnswer(EraseAnswer),
    /// A topic that the fleet server does not use, such as a command's.
    Other,
}

/// A booth's answer to `cmd/erase`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EraseAnswer {
    /// The reference that the order carried.
    pub reference: String,
    /// Why the booth has erased nothing; `None`: it has erased.
    pub error: Option<String>,
}

/// A parsed message and its booth.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The booth that the topic names.
    pub key: BoothKey,
    /// The message without its invalid values.
    pub message: Message,
    /// Invalid values that were dropped from it.
    pub dropped_values: u64,
}

/// A record: a session's beginning or end, or an event. It must not be lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The booth that has sent it.
    pub key: BoothKey,
    /// The start of the daemon that has written it. With `seq` it identifies the record, so that a
    /// repeated one is recognised.
    pub boot_id: String,
    /// Its number within `boot_id`; grows and is never reused.
    pub seq: i64,
    /// `started`, `summary` or `event/` and its name.
    pub kind: String,
    /// The session it is about.
    pub session_id: Option<String>,
    /// When it happened, unix ms.
    pub at: i64,
    /// False: the booth's clock was not set, so `at` may be wrong.
    pub is_clock_set: bool,
    /// Its other fields.
    pub data: Value,
}

/// The booth that a topic names; `None`: it is not a topic of a booth.
pub(super) fn key_of(topic: &str) -> Option<BoothKey> {
    let BoothTopic { name, .. } = topics::parse(topic)?;
    Some(BoothKey { site: place(&name.site).ok()?, booth: place(&name.booth).ok()? })
}

/// Parses one message; the error is a sentence for the log and the page.
///
/// # Errors
/// When the payload does not fit the topic.
pub fn read(topic: &str, payload: &[u8]) -> Result<Read, &'static str> {
    let BoothTopic { name, topic } = topics::parse(topic).ok_or("is not a topic of a booth")?;
    let key = BoothKey { site: place(&name.site)?, booth: place(&name.booth)? };
    let mut dropped_values = 0;
    let mut object = |most: usize, fields: Fields| {
        if payload.len() > most {
            return Err("is too long");
        }
        let mut value = json(payload)?;
        dropped_values += shape::clean(&mut value, fields);
        Ok(value)
    };
    let mut message = match &topic {
        Topic::Status => status(&object(MAX_REPORT_BYTES, &[])?)?,
        Topic::Info => Message::Info(object(MAX_STATE_BYTES, shape::INFO)?),
        Topic::Health => Message::Health(object(MAX_STATE_BYTES, shape::HEALTH)?),
        Topic::MetricsVideo => {
            Message::Metrics(Modality::Video, object(MAX_REPORT_BYTES, shape::VIDEO)?)
        }
        Topic::MetricsAudio => {
            Message::Metrics(Modality::Audio, object(MAX_REPORT_BYTES, shape::AUDIO)?)
        }
        Topic::SessionStarted(id) => {
            let data = object(MAX_PAYLOAD_BYTES, shape::STARTED)?;
            Message::Record(record(&key, "started", Some(id), data)?)
        }
        Topic::SessionSummary(id) => {
            let data = object(MAX_PAYLOAD_BYTES, shape::SUMMARY)?;
            Message::Record(record(&key, "summary", Some(id), data)?)
        }
        Topic::Event(kind) => {
            let data = object(MAX_PAYLOAD_BYTES, &[])?;
            Message::Record(record(&key, &format!("event/{kind}"), None, data)?)
        }
        Topic::CommandResult(command) if command == "erase" => {
            erase_answer(&object(MAX_PAYLOAD_BYTES, &[])?)
        }
        Topic::Command(_)
        | Topic::CommandResult(_)
        | Topic::FeatureSet(_)
        | Topic::FeatureState(_) => Message::Other,
    };
    if let Message::Metrics(modality, report) = &mut message {
        dropped_values += shape::clean_metrics(report, modality.catalog());
    }
    Ok(Read { key, message, dropped_values })
}

/// An answer to another client's command is not the fleet server's.
fn erase_answer(value: &Value) -> Message {
    let Some(reference) = value["ref"].as_str() else { return Message::Other };
    let error = value["error"].as_str().map(|text| text.chars().take(300).collect());
    let error: Option<String> = match value["ok"].as_bool() {
        Some(true) => None,
        _ => Some(error.unwrap_or_default()),
    };
    Message::EraseAnswer(EraseAnswer { reference: reference.to_owned(), error })
}

fn record(
    key: &BoothKey,
    kind: &str,
    session_id: Option<&str>,
    mut data: Value,
) -> Result<Record, &'static str> {
    let fields = data.as_object_mut().expect("was read as an object");
    let boot_id = fields.remove("boot_id");
    let boot_id = boot_id.as_ref().and_then(Value::as_str).ok_or("has no boot_id")?;
    let seq = fields.remove("seq").as_ref().and_then(Value::as_i64).ok_or("has no seq")?;
    let at = fields.remove("ts").as_ref().and_then(time).ok_or("has no ts")?;
    let is_clock_set = fields.remove("clock_set") != Some(Value::Bool(false));
    let erased = fields.get("session_ids").and_then(Value::as_array);
    if erased.is_some_and(|ids| ids.len() > MAX_ERASED) {
        return Err("names more erased sessions than one message may");
    }
    let inside = fields.get("session_id").and_then(Value::as_str);
    Ok(Record {
        key: key.clone(),
        boot_id: checked(boot_id)?,
        seq,
        kind: checked(kind)?,
        session_id: session_id.or(inside).map(checked).transpose()?,
        at,
        is_clock_set,
        data,
    })
}

fn status(value: &Value) -> Result<Message, &'static str> {
    let status = match value["status"].as_str() {
        Some("online") => ReportedStatus::Online,
        Some("offline") => ReportedStatus::Offline,
        Some("restarting") => ReportedStatus::Restarting,
        _ => return Err("has no status that is known"),
    };
    let boot_id = value["boot_id"].as_str().map(checked).transpose()?;
    Ok(Message::Status { status, since: time(&value["since"]), boot_id })
}

/// A time in the accepted range, unix ms.
pub(super) fn time(value: &Value) -> Option<i64> {
    value.as_i64().filter(|at| (0..=MAX_UNIX_MS).contains(at))
}

fn json(payload: &[u8]) -> Result<Value, &'static str> {
    let value: Value = serde_json::from_slice(payload).map_err(|_| "is no JSON")?;
    if value.is_object() { Ok(value) } else { Err("is no JSON object") }
}

/// A name without invisible characters. Session ids of older booths may be any such text.
fn checked(text: &str) -> Result<String, &'static str> {
    names::judge(text, MAX_NAME_CHARS)
        .map(|()| text.to_owned())
        .map_err(|_| "holds a name that cannot be one")
}

/// The name of a site or a booth. It is part of the fleet server's URLs, which excludes `.` and `..`.
fn place(text: &str) -> Result<String, &'static str> {
    match text {
        "." | ".." => Err("holds a name that cannot be one"),
        text => checked(text),
    }
}

#[cfg(test)]
mod tests;
