//! [`connect`]: a client and its event loop, made from the configuration. Opens nothing yet.

use std::time::Duration;

use rumqttc::{
    TlsConfiguration, Transport,
    v5::{
        AsyncClient, EventLoop, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectProperties, LastWill, LastWillProperties},
        },
    },
};

use super::{MqttConfig, credential, tls};
use crate::error::Result;

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Client id, session and limits of a connection.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Client id; of two connections with one id the broker closes the older.
    pub client_id: String,
    /// Session expiry: how long the broker keeps messages for a client that is offline.
    pub session_expiry: Duration,
    /// Last will: published by the broker when the connection is lost without a disconnect.
    pub will: Option<Will>,
    /// Requests that may wait in the client; the next `try_publish` is refused.
    pub queue: usize,
    /// Maximum unacknowledged QoS 1 messages per direction, 1..65535.
    pub inflight: u16,
    /// Maximum packet size, bytes; the broker drops larger messages.
    pub most_bytes: u32,
    /// The receiver acknowledges QoS 1 messages itself, not the client library.
    pub manual_acks: bool,
}

/// A last will: QoS 1, retained, as far as the broker takes that.
#[derive(Clone, Debug)]
pub struct Will {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: String,
    /// Delay after the loss: a client that reconnects within it cancels the will.
    pub delay: Duration,
}

/// Properties that the broker refuses in a last will, so that it is given without them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Concessions {
    /// Retained messages (reason code 0x9A).
    pub(super) has_no_retain: bool,
    /// QoS 1 (reason code 0x9B).
    pub(super) has_no_acks: bool,
}

/// A client, and the loop that must be polled for anything to happen. Polling connects, with the
/// login and the certificates as they are now; `clean_start` is false, so that the broker keeps
/// the session.
///
/// # Errors
/// `Config` when the password or a certificate cannot be read.
pub fn connect(config: &MqttConfig, identity: &Identity) -> Result<(AsyncClient, EventLoop)> {
    let mut options = options(config, identity, Concessions::default());
    refresh(&mut options, config)?;
    Ok(AsyncClient::new(options, identity.queue))
}

/// Everything but what stands in files.
pub(super) fn options(
    config: &MqttConfig,
    identity: &Identity,
    concessions: Concessions,
) -> MqttOptions {
    let mut options = MqttOptions::new(&*identity.client_id, &*config.host, config.port);
    options
        .set_keep_alive(config.keep_alive)
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        .set_clean_start(false)
        .set_manual_acks(identity.manual_acks)
        .set_outgoing_inflight_upper_limit(identity.inflight);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(seconds(identity.session_expiry));
    properties.receive_maximum = Some(identity.inflight);
    properties.max_packet_size = Some(identity.most_bytes);
    options.set_connect_properties(properties);
    // Small messages must not wait for each other.
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
    options.set_network_options(network);
    if let Some(will) = &identity.will {
        options.set_last_will(last_will(will, concessions));
    }
    options
}

/// Takes login and certificates from their files, as they are now.
///
/// # Errors
/// `Config` when one cannot be read.
pub(super) fn refresh(options: &mut MqttOptions, config: &MqttConfig) -> Result<()> {
    if let Some(username) = &config.username {
        let password = credential::password(config)?;
        let password = password.as_ref().map_or("", |password| password.reveal());
        options.set_credentials(username, password);
    }
    if let Some(files) = &config.tls {
        let tls = tls::client_config(files)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
    Ok(())
}

fn last_will(will: &Will, concessions: Concessions) -> LastWill {
    let properties = LastWillProperties {
        delay_interval: Some(seconds(will.delay)),
        payload_format_indicator: Some(1),
        message_expiry_interval: None,
        content_type: Some("application/json".into()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let qos = if concessions.has_no_acks { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    let is_retained = !concessions.has_no_retain;
    LastWill::new(&*will.topic, &*will.payload, qos, is_retained, Some(properties))
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
