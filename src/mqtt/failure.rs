//! Why there is no connection, in words that say what to do.

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

use super::MqttConfig;

/// One sentence for the operator.
pub(super) fn sentence(
    error: &ConnectionError,
    config: &MqttConfig,
    is_clock_set: bool,
) -> String {
    let address = config.address();
    if !is_clock_set && is_of_the_future(error) {
        return format!(
            "the booth's clock is not set, so the certificate of {address} seems not valid yet; \
             connect the booth to a time server (timedatectl says which), or set the clock by \
             hand; boothd tries on"
        );
    }
    match error {
        ConnectionError::Io(cause) | ConnectionError::Tls(TlsError::Io(cause)) => {
            of_io(cause, config)
        }
        ConnectionError::MqttState(state) => of_state(state, config),
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

/// The certificate begins later than the booth's clock says. A board without a battery wakes in
/// the past, so an expired certificate has expired, whoever set the clock.
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

fn of_state(error: &StateError, config: &MqttConfig) -> String {
    let address = config.address();
    match error {
        StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)) => {
            of_io(cause, config)
        }
        StateError::ServerDisconnect { reason_code, .. } => of_disconnect(*reason_code, config),
        StateError::ConnectionAborted => format!(
            "{address} closed the connection; look at the broker's log (an older MQTT, TLS on a \
             port without, a limit)"
        ),
        StateError::AwaitPingResp | StateError::CollisionTimeout => {
            format!("{address} is connected but does not answer any more")
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
        other => format!("{address} closed the connection: {other:?}"),
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
            format!("{address} is too busy to let anybody in")
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
        // The resolver has no kind of its own.
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
mod tests {
    use super::*;
    use crate::mqtt::topics::BoothName;

    fn told(why: CertificateError, is_clock_set: bool) -> String {
        let config = MqttConfig::new("desk", 8883, BoothName::new("berlin", "one"));
        // As the library hands it on: inside an error of reading.
        let tls = rustls::Error::InvalidCertificate(why);
        let error = ConnectionError::Tls(TlsError::Io(io::Error::other(tls)));
        sentence(&error, &config, is_clock_set)
    }

    #[test]
    fn a_certificate_of_the_future_is_the_clocks_fault_while_that_is_not_set() {
        let is_the_clock = "the booth's clock is not set, so";
        assert!(told(CertificateError::NotValidYet, false).starts_with(is_the_clock));
        assert!(told(CertificateError::NotValidYet, true).contains("is not valid yet"));
        for why in [CertificateError::Expired, CertificateError::UnknownIssuer] {
            assert_eq!(told(why.clone(), false), told(why, true));
        }
    }
}
