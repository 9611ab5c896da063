//! Why there is no connection: one sentence with the remedy.

use std::io;

use rumqttc::{
    TlsError,
    v5::{
        ConnectionError, StateError,
        mqttbytes::{
            Error as PacketError,
            v5::{ConnectReturnCode, DisconnectReasonCode},
        },
    },
};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::{MqttConfig, refusal::Refusal};

/// How a connection was lost: whether a message may be the cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Loss {
    /// The broker closed the connection or sent an unreadable answer: a message may be the cause.
    /// False: there was no answer, or the broker gave another reason.
    pub is_closed: bool,
    /// The reason code, from 0x80 on, where the broker gave one that is about a message.
    pub refused: Option<u8>,
}

impl Loss {
    /// There was no connection, or it timed out.
    pub(super) const SILENT: Loss = Loss { is_closed: false, refused: None };

    /// The loss that an error of an established connection means.
    pub(super) fn of(error: &ConnectionError) -> Self {
        let closed = Loss { is_closed: true, refused: None };
        let state = match error {
            ConnectionError::Io(cause) => return Loss::of_io(cause),
            ConnectionError::MqttState(state) => state,
            _ => return Loss::SILENT,
        };
        match state {
            StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)) => {
                Loss::of_io(cause)
            }
            StateError::ConnectionAborted => closed,
            StateError::ServerDisconnect { reason_code, .. } => {
                Loss::of_disconnect(*reason_code)
            }
            StateError::Deserialization(cause) => match unread_code(cause) {
                Some(code) => Loss { refused: Some(code), ..closed },
                None => closed,
            },
            _ => Loss::SILENT,
        }
    }

    fn of_io(cause: &io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let closed = [ConnectionReset, BrokenPipe, UnexpectedEof, ConnectionAborted];
        Loss { is_closed: closed.contains(&cause.kind()), refused: None }
    }

    /// A shutdown, a full broker or another client of the same id is not caused by a message.
    fn of_disconnect(reason: DisconnectReasonCode) -> Self {
        use DisconnectReasonCode as Code;
        match reason {
            Code::TopicNameInvalid | Code::PacketTooLarge | Code::PayloadFormatInvalid => {
                Loss { is_closed: true, refused: Some(reason as u8) }
            }
            Code::UnspecifiedError
            | Code::MalformedPacket
            | Code::ProtocolError
            | Code::ImplementationSpecificError
            | Code::NotAuthorized
            | Code::TopicFilterInvalid
            | Code::WildcardSubscriptionsNotSupported => {
                Loss { is_closed: true, refused: None }
            }
            _ => Loss::SILENT,
        }
    }
}

/// The reason code of an answer that the client library does not know: it takes that for a broken
/// packet and reports only the code. Mosquitto answers a message over its
/// `message_size_limit` with PUBACK 0x95, which MQTT 5 has for DISCONNECT only; see
/// docs/ref/mqtt.md.
fn unread_code(cause: &PacketError) -> Option<u8> {
    match cause {
        PacketError::InvalidConnectReturnCode(code) if *code >= 0x80 => Some(*code),
        _ => None,
    }
}

/// Circumstances of a connection's error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) is_clock_set: bool,
    /// The broker had accepted the connection.
    pub(super) was_up: bool,
}

/// One sentence for the operator.
pub(super) fn sentence(
    error: &ConnectionError,
    config: &MqttConfig,
    circumstances: Circumstances,
) -> String {
    let address = config.address();
    if !circumstances.is_clock_set && is_of_the_future(error) {
        return format!(
            "the booth's clock is not set, so the certificate of {address} seems not valid yet; \
             connect the booth to a time server (timedatectl says which), or set the clock by \
             hand; boothd tries on"
        );
    }
    if !circumstances.was_up && is_cut(error) {
        return format!(
            "{address} closed the connection before it answered; it has as many clients as it \
             takes (mosquitto: max_connections), speaks an older MQTT, or has TLS on that port; \
             look at the broker's log"
        );
    }
    match error {
        ConnectionError::Io(cause) | ConnectionError::Tls(TlsError::Io(cause)) => {
            of_io(cause, config)
        }
        ConnectionError::MqttState(state) => of_state(state, config, circumstances.was_up),
        ConnectionError::Timeout(_) => {
            format!("{address} does not answer; look at the network and at the broker")
        }
        ConnectionError::Tls(TlsError::TLS(cause)) => of_tls(cause, config),
        ConnectionError::Tls(TlsError::DNSName(_)) => {
            format!("the host of {address} is no name that a certificate can hold")
        }
        ConnectionError::Tls(other) => format!("no TLS with {address}: {other}"),
        ConnectionError::ConnectionRefused(code) => of_refusal(*code, config),
        ConnectionError::NotConnAck(_) => format!("{address} does not speak MQTT 5"),
        ConnectionError::RequestsDone => "the client was closed".into(),
    }
}

/// The broker accepted the connection and closed it without a reason.
fn is_cut(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::Io(cause)
        | ConnectionError::MqttState(
            StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)),
        ) => tls_cause(cause).is_none() && Loss::of_io(cause).is_closed,
        ConnectionError::MqttState(StateError::ConnectionAborted) => true,
        _ => false,
    }
}

/// The certificate begins later than the booth's clock. A board without a battery starts in the
/// past, so an expired certificate has expired whether or not the clock is set.
fn is_of_the_future(error: &ConnectionError) -> bool {
    use CertificateError as Why;
    let tls = match error {
        ConnectionError::Tls(TlsError::TLS(cause)) => Some(cause),
        ConnectionError::Io(cause)
        | ConnectionError::Tls(TlsError::Io(cause))
        | ConnectionError::MqttState(
            StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)),
        ) => tls_cause(cause),
        _ => None,
    };
    let why = match tls {
        Some(rustls::Error::InvalidCertificate(why)) => why,
        _ => return false,
    };
    matches!(why, Why::NotValidYet | Why::NotValidYetContext { .. })
}

fn of_state(error: &StateError, config: &MqttConfig, was_up: bool) -> String {
    let address = config.address();
    match error {
        StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)) => {
            of_io(cause, config)
        }
        StateError::ServerDisconnect { reason_code, .. } => of_disconnect(*reason_code, config),
        StateError::ConnectionAborted => {
            format!("{address} closed the connection; look at the broker's log")
        }
        StateError::AwaitPingResp | StateError::CollisionTimeout => {
            format!("{address} is connected but does not answer any more")
        }
        StateError::OutgoingPacketTooLarge { pkt_size, max }
        | StateError::Deserialization(PacketError::OutgoingPacketTooLarge { pkt_size, max }) => {
            format!(
                "{address} takes packets up to {max} bytes (Maximum Packet Size), and one of \
                 {pkt_size} must be sent; raise it (mosquitto: max_packet_size)"
            )
        }
        StateError::Deserialization(cause) if unread_code(cause).is_some() => {
            let name = unread_code(cause).map(|code| Refusal::of_code(code).name());
            let name = name.unwrap_or_default();
            match was_up {
                true => format!("{address} refuses a message ({name})"),
                false => format!("{address} refuses the connection ({name})"),
            }
        }
        StateError::Deserialization(_) if was_up => {
            format!("{address} sent something that is no MQTT 5; look at the broker")
        }
        StateError::Deserialization(_) => {
            format!(
                "{address} does not speak MQTT 5, or speaks TLS where mqtt:// is configured"
            )
        }
        other => format!("the connection to {address} broke: {other}"),
    }
}

fn of_disconnect(reason: DisconnectReasonCode, config: &MqttConfig) -> String {
    let address = config.address();
    match reason {
        DisconnectReasonCode::ServerShuttingDown => format!("{address} shuts down"),
        DisconnectReasonCode::SessionTakenOver => format!(
            "{address} has another connection of the same name; two booths have the same \
             mqtt.site and booth.id"
        ),
        DisconnectReasonCode::NotAuthorized | DisconnectReasonCode::AdministrativeAction => {
            format!("{address} has shut us out; look at its list of users")
        }
        DisconnectReasonCode::PacketTooLarge => format!(
            "{address} closed the connection at a message that is too large for it; raise its \
             limit (mosquitto: max_packet_size, message_size_limit)"
        ),
        DisconnectReasonCode::QuotaExceeded
        | DisconnectReasonCode::MessageRateTooHigh
        | DisconnectReasonCode::ReceiveMaximumExceeded
        | DisconnectReasonCode::ConnectionRateExceeded
        | DisconnectReasonCode::MaximumConnectTime
        | DisconnectReasonCode::ServerBusy => format!(
            "{address} closed the connection because of a limit of its own ({reason:?}); raise \
             it there"
        ),
        DisconnectReasonCode::KeepAliveTimeout => {
            format!("{address} received nothing from the booth in time; check the network")
        }
        DisconnectReasonCode::UseAnotherServer | DisconnectReasonCode::ServerMoved => {
            format!("{address} sends the booth to another broker; look at mqtt.broker")
        }
        other => format!("{address} closed the connection: {other:?}; look at its log"),
    }
}

fn of_refusal(code: ConnectReturnCode, config: &MqttConfig) -> String {
    use ConnectReturnCode as Code;
    let address = config.address();
    match code {
        Code::BadUserNamePassword => format!(
            "{address} refuses the login: user name or password is wrong; look at mqtt.username \
             and mqtt.password_file"
        ),
        Code::NotAuthorized => format!(
            "{address} refuses the login (not authorised): user name or password is wrong or \
             missing, or this user may not connect; look at mqtt.username, mqtt.password_file \
             and the broker's list of users"
        ),
        Code::Banned => format!("{address} has banned this booth"),
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => {
            format!("{address} does not speak MQTT 5; use a broker that does")
        }
        Code::BadClientId | Code::ClientIdentifierNotValid => {
            format!(
                "{address} does not accept the name of the booth's session; look at booth.id"
            )
        }
        Code::ServerBusy | Code::ServerUnavailable | Code::ServiceUnavailable => {
            format!("{address} is too busy for another connection")
        }
        Code::QuotaExceeded | Code::ConnectionRateExceeded => format!(
            "{address} has as many clients as it takes ({code:?}); raise its limit (mosquitto: \
             max_connections)"
        ),
        Code::PacketTooLarge => format!(
            "{address} takes no packet as long as the booth's first; raise its limit \
             (mosquitto: max_packet_size)"
        ),
        Code::RetainNotSupported => format!(
            "{address} keeps no retained messages; allow them (mosquitto: retain_available true)"
        ),
        Code::QoSNotSupported => {
            format!("{address} allows QoS 0 only; allow QoS 1 (mosquitto: max_qos 1)")
        }
        Code::TopicNameInvalid => format!(
            "{address} does not accept the topic of the booth's last will; look at mqtt.site, \
             booth.id and the broker's rules for topics"
        ),
        Code::UseAnotherServer | Code::ServerMoved => {
            format!("{address} sends the booth to another broker; look at mqtt.broker")
        }
        other => format!("{address} refuses the connection: {other:?}"),
    }
}

fn of_io(cause: &io::Error, config: &MqttConfig) -> String {
    if let Some(cause) = tls_cause(cause) {
        return of_tls(cause, config);
    }
    let address = config.address();
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("no broker answers at {address}; start it, or look at mqtt.broker")
        }
        io::ErrorKind::TimedOut => {
            format!("{address} does not answer; look at the network and at the broker")
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            format!("{address} cannot be reached; look at the network")
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionAborted => {
            format!("{address} closed the connection; look at the broker")
        }
        // Errors of the resolver have no `ErrorKind` of their own.
        _ if cause.to_string().contains("lookup address") => format!(
            "the name {:?} of the broker is not known; look at mqtt.broker and at the network",
            config.host
        ),
        _ => format!("no connection to {address}: {cause}"),
    }
}

/// TLS hides its errors in those of reading and writing.
fn tls_cause(cause: &io::Error) -> Option<&rustls::Error> {
    let inner = cause.get_ref()?;
    let direct = inner.downcast_ref::<rustls::Error>();
    direct.or_else(|| inner.source()?.downcast_ref::<rustls::Error>())
}

fn of_tls(cause: &rustls::Error, config: &MqttConfig) -> String {
    let address = config.address();
    match cause {
        rustls::Error::InvalidCertificate(why) => of_certificate(why, config),
        rustls::Error::AlertReceived(alert) => of_alert(*alert, config),
        rustls::Error::InvalidMessage(_) => {
            format!("{address} does not speak TLS; write mqtt:// or look at the broker's port")
        }
        other => format!("no TLS with {address}: {other}"),
    }
}

fn of_certificate(why: &CertificateError, config: &MqttConfig) -> String {
    use CertificateError as Why;
    let address = config.address();
    match why {
        Why::UnknownIssuer | Why::BadSignature => format!(
            "the certificate of {address} is not from a CA that boothd trusts; look at \
             mqtt.ca_file"
        ),
        Why::Expired | Why::ExpiredContext { .. } => {
            format!("the certificate of {address} has expired, or the booth's clock is wrong")
        }
        Why::NotValidYet | Why::NotValidYetContext { .. } => format!(
            "the certificate of {address} is not valid yet: the booth's clock is not set, or \
             the certificate is new"
        ),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => format!(
            "the certificate of {address} is for another name than {:?}; look at mqtt.broker",
            config.host
        ),
        Why::Revoked => format!("the certificate of {address} was revoked"),
        other => format!("the certificate of {address} cannot be used: {other}"),
    }
}

fn of_alert(alert: AlertDescription, config: &MqttConfig) -> String {
    use AlertDescription as Alert;
    let address = config.address();
    match alert {
        Alert::CertificateRequired | Alert::HandshakeFailure => format!(
            "{address} demands a client certificate; set mqtt.client_certificate and \
             mqtt.client_key"
        ),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => format!(
            "{address} refuses the booth's certificate ({alert:?}); look at \
             mqtt.client_certificate"
        ),
        other => format!("{address} refuses TLS: {other:?}"),
    }
}

#[cfg(test)]
mod tests;
