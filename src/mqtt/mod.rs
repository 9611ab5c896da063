//! The way to the central desk: an MQTT 5 broker, and Home Assistant beside it.
//!
//! Holds everything that knows MQTT. What is said at QoS 1 of sessions and events comes from the
//! store's outbox and leaves it on its own acknowledgement only. Must not hold a picture or a
//! sound, and must never block anybody: whatever the broker does, the booth goes on.

mod config;
mod connection;
mod credential;
mod failure;
mod tls;
pub mod topics;

pub use config::{CommandName, HomeAssistant, MqttConfig, TlsFiles};
pub use connection::{Identity, Will, connect};

/// The client library's own words, for whoever holds a connection.
pub mod client {
    pub use rumqttc::Outgoing;
    pub use rumqttc::v5::{
        AsyncClient, ClientError, ConnectionError, Event, EventLoop,
        mqttbytes::{
            QoS,
            v5::{ConnAck, Filter, Packet, PubAck, PubAckReason, Publish, PublishProperties},
        },
    };
}
