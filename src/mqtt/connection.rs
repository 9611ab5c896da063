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

/// Who we are to the broker, and what it keeps for us.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Names the session; of two connections with one name the older is closed.
    pub client_id: String,
    /// How long the broker keeps what it has for us while we are away.
    pub session_expiry: Duration,
    /// What the broker says when we are gone without a word.
    pub will: Option<Will>,
    /// Requests that may wait in the client; the next `try_publish` is refused.
    pub queue: usize,
    /// QoS 1 messages that may be unacknowledged, 1..65535, either way.
    pub inflight: u16,
    /// Longer messages are not sent to us.
    pub most_bytes: u32,
    /// What comes at QoS 1 is acknowledged by whoever took it, not by the client.
    pub manual_acks: bool,
}

/// A last will: QoS 1, retained, as far as the broker takes that.
#[derive(Clone, Debug)]
pub struct Will {
    /// Where it is published.
    pub topic: String,
    /// What.
    pub payload: String,
    /// How long after the loss; who is back by then says nothing.
    pub delay: Duration,
}

/// What a broker does not take of the last will, so that it is given without.
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
