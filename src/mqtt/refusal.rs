//! [`Refusal`]: why the broker does not take one message, and what causes it.

use rumqttc::v5::mqttbytes::v5::{PubAck, PubAckReason};

/// Maximum length of the broker's reason string, characters; a longer one is cut.
const MAX_OWN_WORDS_CHARS: usize = 100;

/// Reason codes of MQTT 5 that boothd judges.
pub(super) mod code {
    pub(crate) const NOT_AUTHORIZED: u8 = 0x87;
    pub(crate) const SERVER_UNAVAILABLE: u8 = 0x88;
    pub(crate) const SERVER_BUSY: u8 = 0x89;
    pub(crate) const TOPIC_NAME_INVALID: u8 = 0x90;
    pub(crate) const PACKET_TOO_LARGE: u8 = 0x95;
    pub(crate) const MESSAGE_RATE_TOO_HIGH: u8 = 0x96;
    pub(crate) const QUOTA_EXCEEDED: u8 = 0x97;
    pub(crate) const PAYLOAD_FORMAT_INVALID: u8 = 0x99;
}

/// Cause of a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The message: the same message is refused each time.
    Message,
    /// The booth's rights at the broker: each message of that topic is refused.
    Rights,
    /// The broker is full or busy; any message is refused.
    Busy,
    /// The code does not identify the cause.
    Unclear,
}

/// Why the broker does not take a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    /// The reason code, 0x80 and above.
    pub(super) code: u8,
    /// Reason string of the broker.
    own_words: Option<String>,
}

impl Refusal {
    pub(super) fn of_code(code: u8) -> Self {
        Refusal { code, own_words: None }
    }

    /// The refusal that an acknowledgement is; `None` where the broker took the message.
    pub(super) fn of(ack: &PubAck) -> Option<Self> {
        let code = match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return None,
            PubAckReason::UnspecifiedError => 0x80,
            PubAckReason::ImplementationSpecificError => 0x83,
            PubAckReason::NotAuthorized => code::NOT_AUTHORIZED,
            PubAckReason::TopicNameInvalid => code::TOPIC_NAME_INVALID,
            PubAckReason::PacketIdentifierInUse => 0x91,
            PubAckReason::QuotaExceeded => code::QUOTA_EXCEEDED,
            PubAckReason::PayloadFormatInvalid => code::PAYLOAD_FORMAT_INVALID,
        };
        let own_words = ack.properties.as_ref().and_then(|p| p.reason_string.as_deref());
        Some(Refusal { code, own_words: own_words.and_then(cleaned) })
    }

    pub(super) fn fault(&self) -> Fault {
        match self.code {
            code::TOPIC_NAME_INVALID
            | code::PACKET_TOO_LARGE
            | code::PAYLOAD_FORMAT_INVALID => Fault::Message,
            code::NOT_AUTHORIZED => Fault::Rights,
            code::SERVER_UNAVAILABLE
            | code::SERVER_BUSY
            | code::MESSAGE_RATE_TOO_HIGH
            | code::QUOTA_EXCEEDED => Fault::Busy,
            _ => Fault::Unclear,
        }
    }

    /// The code with its name in the standard, and the broker's reason string.
    pub(super) fn name(&self) -> String {
        let name = match self.code {
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            code::NOT_AUTHORIZED => "not authorized",
            code::SERVER_UNAVAILABLE => "server unavailable",
            code::SERVER_BUSY => "server busy",
            code::TOPIC_NAME_INVALID => "topic name invalid",
            0x91 => "packet identifier in use",
            code::PACKET_TOO_LARGE => "packet too large",
            code::MESSAGE_RATE_TOO_HIGH => "message rate too high",
            code::QUOTA_EXCEEDED => "quota exceeded",
            code::PAYLOAD_FORMAT_INVALID => "payload format invalid",
            0x9A => "retain not supported",
            0x9B => "QoS not supported",
            _ => "a code of its own",
        };
        let own_words = self.own_words.as_ref().map(|words| format!(": {words:?}"));
        format!("reason 0x{:02X}, {name}{}", self.code, own_words.unwrap_or_default())
    }

    /// What is wrong with a message of that size, and what to do.
    pub(super) fn sentence(&self, bytes: usize) -> String {
        let name = self.name();
        match self.code {
            code::PACKET_TOO_LARGE => format!(
                "the broker refuses a message of {bytes} bytes ({name}); raise its limit \
                 (mosquitto: message_size_limit, max_packet_size) and send it again"
            ),
            code::TOPIC_NAME_INVALID => format!(
                "the broker does not accept the topic ({name}); look at its rules for topics \
                 and send it again"
            ),
            code::PAYLOAD_FORMAT_INVALID => format!(
                "the broker does not accept the payload ({name}); look at its rules for \
                 payloads and send it again"
            ),
            _ => format!(
                "the broker refuses it again and again ({name}); look at the broker's log and \
                 send it again"
            ),
        }
    }
}

/// A text of the broker as it may stand in a log and on a page: one line, not long.
fn cleaned(text: &str) -> Option<String> {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = line.take(MAX_OWN_WORDS_CHARS).collect();
    let cut = cut.trim();
    (!cut.is_empty()).then(|| cut.to_owned())
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::v5::PubAckProperties;

    use super::*;

    #[test]
    fn only_what_is_the_messages_own_fault_is() {
        let fault = |code| Refusal::of_code(code).fault();
        for code in [0x90, 0x95, 0x99] {
            assert_eq!(fault(code), Fault::Message, "{code:#x}");
        }
        assert_eq!((fault(0x87), fault(0x97)), (Fault::Rights, Fault::Busy));
        for code in [0x80, 0x83, 0x91, 0xA9] {
            assert_eq!(fault(code), Fault::Unclear, "{code:#x}");
        }
    }

    #[test]
    fn the_brokers_own_words_stay_on_one_line_and_are_cut() {
        let refusal = |text: &str| {
            let reason_string = Some(text.to_owned());
            let properties = PubAckProperties { reason_string, user_properties: Vec::new() };
            let reason = PubAckReason::QuotaExceeded;
            Refusal::of(&PubAck { pkid: 1, reason, properties: Some(properties) })
        };
        let name = refusal("full\nERROR mqtt").unwrap().name();
        assert_eq!(name, "reason 0x97, quota exceeded: \"full ERROR mqtt\"");
        assert!(refusal(&"x".repeat(70_000)).unwrap().name().len() < 140);
        assert_eq!(refusal("\n").unwrap().name(), "reason 0x97, quota exceeded");
        assert!(Refusal::of(&PubAck::new(1, None)).is_none());
    }
}
