use super::*;
use crate::mqtt::topics::BoothName;

fn sentence_of(why: CertificateError, is_clock_set: bool) -> String {
    let config = MqttConfig::new("broker", 8883, BoothName::new("berlin", "one"));
    // As the library hands it on: inside an error of reading.
    let tls = rustls::Error::InvalidCertificate(why);
    let error = ConnectionError::Tls(TlsError::Io(io::Error::other(tls)));
    sentence(&error, &config, Circumstances { is_clock_set, was_up: false })
}

fn state(error: StateError) -> ConnectionError {
    ConnectionError::MqttState(error)
}

fn unread(code: u8) -> ConnectionError {
    state(StateError::Deserialization(PacketError::InvalidConnectReturnCode(code)))
}

#[test]
fn a_loss_shows_whether_a_message_may_be_the_cause() {
    let disconnect = |reason_code| {
        let reason_string = None;
        Loss::of(&state(StateError::ServerDisconnect { reason_code, reason_string }))
    };
    use DisconnectReasonCode as Code;
    assert_eq!(Loss::of(&unread(0x95)), Loss { is_closed: true, refused: Some(0x95) });
    assert_eq!(disconnect(Code::PacketTooLarge).refused, Some(0x95));
    assert_eq!(disconnect(Code::TopicNameInvalid).refused, Some(0x90));
    let closed = Loss { is_closed: true, refused: None };
    assert_eq!(disconnect(Code::MalformedPacket), closed);
    assert_eq!(Loss::of(&state(StateError::ConnectionAborted)), closed);
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(Loss::of(&ConnectionError::Io(reset)), closed);
    let others = [Code::ServerShuttingDown, Code::SessionTakenOver, Code::QuotaExceeded];
    for other in others.map(disconnect) {
        assert_eq!(other, Loss::SILENT);
    }
    let frozen = [StateError::AwaitPingResp, StateError::CollisionTimeout];
    for frozen in frozen.map(state) {
        assert_eq!(Loss::of(&frozen), Loss::SILENT);
    }
    let unreachable = io::Error::from(io::ErrorKind::HostUnreachable);
    assert_eq!(Loss::of(&ConnectionError::Io(unreachable)), Loss::SILENT);
}

#[test]
fn a_code_that_the_library_cannot_read_is_named() {
    let config = MqttConfig::new("broker", 1883, BoothName::new("berlin", "one"));
    let explain = |error: ConnectionError, was_up| {
        sentence(&error, &config, Circumstances { is_clock_set: true, was_up })
    };
    let reason = explain(unread(0x95), true);
    assert!(reason.contains("refuses a message (reason 0x95, packet too large)"), "{reason}");
    assert!(explain(unread(0x9F), false).contains("refuses the connection"));
    let large = PacketError::OutgoingPacketTooLarge { pkt_size: 90, max: 20 };
    let reason = explain(state(StateError::Deserialization(large)), true);
    assert!(reason.contains("max_packet_size") && reason.contains("20 bytes"), "{reason}");
    assert!(explain(state(StateError::ConnectionAborted), false).contains("max_connections"));
}

#[test]
fn a_certificate_of_the_future_is_the_clocks_fault_while_that_is_not_set() {
    let is_the_clock = "the booth's clock is not set, so";
    assert!(sentence_of(CertificateError::NotValidYet, false).starts_with(is_the_clock));
    assert!(sentence_of(CertificateError::NotValidYet, true).contains("is not valid yet"));
    for why in [CertificateError::Expired, CertificateError::UnknownIssuer] {
        assert_eq!(sentence_of(why.clone(), false), sentence_of(why, true));
    }
}
