//! Payloads of the booth's messages.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use serde_json::{Map, Value, json};

use super::{MqttConfig, topics::Topic};
use crate::{board::Reading, interview::InterviewState, store::OutboxRow};

/// Constant properties of a running booth.
#[derive(Clone, Debug)]
pub struct About {
    /// Version of boothd.
    pub version: &'static str,
    /// The board at the start: its name and its available readings.
    pub board: Reading,
    /// The models that run, with the SHA-256 of their files.
    pub models: Vec<(String, String)>,
    /// SHA-256 of the configuration that booths of one kind share.
    pub config_sha256: String,
    /// Address of the HTTP server.
    pub listen: SocketAddr,
}

/// Content of `status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    Online,
    Offline,
    Restarting,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::Offline => "offline",
            Status::Restarting => "restarting",
        }
    }
}

/// `status`. `since` is null in a last will, since its time is not known beforehand.
pub(super) fn status(
    status: Status,
    since: Option<i64>,
    boot_id: &str,
    reason: Option<&str>,
) -> Value {
    json!({ "status": status.word(), "since": since, "boot_id": boot_id, "reason": reason })
}

/// `info`.
pub(super) fn info(
    about: &About,
    booth: &InterviewState,
    boot_id: &str,
    addresses: &[String],
) -> Value {
    let models: Map<String, Value> =
        about.models.iter().map(|(name, sha256)| (name.clone(), json!(sha256))).collect();
    json!({
        "version": about.version,
        "board": about.board.model,
        "models": models,
        "config_sha256": about.config_sha256,
        "addresses": addresses,
        "features": booth.features,
        "allowed": booth.allowed,
        "profile": booth.profile,
        "boot_id": boot_id,
    })
}

/// A row of the outbox: its topic and its payload; `None` for one that has no topic.
pub(super) fn row(row: &OutboxRow) -> Option<(Topic, Value)> {
    let topic = Topic::of_row(&row.kind, row.session_id.as_deref())?;
    let mut payload = match &row.payload {
        Value::Object(object) => object.clone(),
        Value::Null => Map::new(),
        other => Map::from_iter([("data".to_owned(), other.clone())]),
    };
    if let Some(session_id) = &row.session_id {
        payload.entry("session_id").or_insert_with(|| json!(session_id));
    }
    payload.insert("seq".into(), json!(row.outbox_id));
    payload.insert("ts".into(), json!(row.at));
    payload.insert("boot_id".into(), json!(row.boot_id));
    payload.insert("clock_set".into(), json!(row.is_clock_set));
    Some((topic, Value::Object(payload)))
}

/// Address of the page; where it listens on all addresses, the one used towards the broker.
pub(super) fn addresses(about: &About, config: &MqttConfig) -> Vec<String> {
    let listen = about.listen;
    if !listen.ip().is_unspecified() {
        return vec![listen.to_string()];
    }
    let own = own_address(config).map(|ip| SocketAddr::new(ip, listen.port()).to_string());
    own.into_iter().collect()
}

/// Source address of packets to the broker. Sends nothing.
fn own_address(config: &MqttConfig) -> Option<IpAddr> {
    let host = config.host.trim_start_matches('[').trim_end_matches(']');
    // Resolving a name may take seconds; the default route gives the same address.
    let target: IpAddr = host.parse().unwrap_or(IpAddr::from([192, 0, 2, 1]));
    let any: IpAddr =
        if target.is_ipv6() { IpAddr::from([0_u16; 8]) } else { IpAddr::from([0_u8; 4]) };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((target, config.port)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_flat_with_booth_time_and_sequence() {
        let event = OutboxRow {
            outbox_id: 7,
            boot_id: "b".into(),
            session_id: Some("s".into()),
            kind: "summary".into(),
            at: 5,
            is_clock_set: false,
            payload: json!({ "frames_total": 3 }),
        };
        let (topic, payload) = row(&event).expect("has a topic");
        assert_eq!(topic, Topic::SessionSummary("s".into()));
        let expected = json!({
            "frames_total": 3, "session_id": "s", "seq": 7, "ts": 5, "boot_id": "b",
            "clock_set": false,
        });
        assert_eq!(payload, expected);
        assert!(row(&OutboxRow { kind: "nonsense".into(), ..event }).is_none());
    }
}
