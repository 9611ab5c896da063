//! [`Message`]: a message to publish, with its quality of service and retention.

use rumqttc::v5::mqttbytes::{QoS, v5::PublishProperties};
use serde_json::Value;

use super::{
    inflight::{Published, Sent},
    topics::ROOT,
};

/// Live numbers are of no use after this.
const LIVE_EXPIRY_S: u32 = 10;

/// A message to publish.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) qos: QoS,
    pub(super) is_retained: bool,
    pub(super) properties: PublishProperties,
    /// Its kind, for the acknowledgement.
    pub(super) published: Published,
}

impl Message {
    fn new(topic: String, payload: &Value, qos: QoS) -> Self {
        Message {
            topic,
            payload: payload.to_string(),
            qos,
            is_retained: false,
            properties: json_properties(),
            published: Published::Other,
        }
    }

    /// QoS 1: it arrives, maybe twice.
    pub(super) fn sure(topic: String, payload: &Value) -> Self {
        Message::new(topic, payload, QoS::AtLeastOnce)
    }

    /// QoS 1 and kept by the broker: how things are now.
    pub(super) fn state(topic: String, payload: &Value) -> Self {
        Message { is_retained: true, ..Message::sure(topic, payload) }
    }

    /// The same with a plain text as payload.
    pub(super) fn state_word(topic: String, word: &str) -> Self {
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            ..PublishProperties::default()
        };
        let payload = word.to_owned();
        Message { payload, properties, ..Message::state(topic, &Value::Null) }
    }

    /// QoS 0 and kept: what is published again soon.
    pub(super) fn best_effort(topic: String, payload: &Value) -> Self {
        Message { is_retained: true, ..Message::new(topic, payload, QoS::AtMostOnce) }
    }

    /// QoS 0, gone after ten seconds.
    pub(super) fn live(topic: String, payload: &Value) -> Self {
        let mut message = Message::new(topic, payload, QoS::AtMostOnce);
        message.properties.message_expiry_interval = Some(LIVE_EXPIRY_S);
        message
    }

    /// Upper bound of its size on the wire, bytes.
    pub(super) fn bytes(&self) -> usize {
        // The fixed header, the lengths and the properties take less than this.
        const HEAD_BYTES: usize = 64;
        let mark = self.properties.correlation_data.as_ref().map_or(0, |mark| mark.len());
        self.topic.len() + self.payload.len() + mark + HEAD_BYTES
    }

    /// Its topic for logs and /health: without session ids and without topics chosen by clients.
    pub(super) fn about(&self, prefix: &str) -> String {
        let booths = self.topic.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/'));
        let own = booths.and_then(|rest| rest.splitn(3, '/').nth(2));
        match (&self.published, own) {
            (Published::Row(_), _) => "outbox".into(),
            (_, Some(own)) if !own.starts_with("cmd/") => own.to_owned(),
            (_, None) if self.topic.starts_with(prefix) => "Home Assistant discovery".into(),
            _ => "answer to a command".into(),
        }
    }

    /// The part that is kept until the acknowledgement.
    pub(super) fn sent(&self, prefix: &str) -> Sent {
        Sent {
            published: self.published,
            topic: self.topic.clone(),
            about: self.about(prefix),
            bytes: self.payload.len(),
        }
    }
}

fn json_properties() -> PublishProperties {
    PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some("application/json".into()),
        ..PublishProperties::default()
    }
}
