//! Limits of the broker (its CONNACK), and notices of those that cost the booth something.

use std::collections::BTreeMap;

use rumqttc::v5::mqttbytes::v5::ConnAck;

/// Notices that are kept at once; more than there are kinds of them and topics to name.
const MAX_NOTICES: usize = 64;

/// The limits of one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BrokerLimits {
    /// Larger packets must not be sent.
    pub(super) max_packet_bytes: usize,
    /// QoS 1 messages that may be unanswered.
    pub(super) receive_max: u16,
    /// The broker answers messages: Maximum QoS is not 0.
    pub(super) has_acks: bool,
    pub(super) has_retain: bool,
    pub(super) has_wildcards: bool,
    /// How long the broker keeps the session, s; `None`: as long as was asked.
    pub(super) session_expiry_s: Option<u32>,
}

/// Kind of a limit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Limit {
    /// Maximum QoS is 0: nothing is acknowledged.
    MaximumQos,
    /// A topic is not allowed (reason code 0x87).
    NotAuthorized,
    /// The broker is full or busy (0x97 and others).
    Busy,
    /// The broker refuses everything with an unclear reason.
    RefusesAll,
    /// No client has subscribed to sessions and events.
    NoSubscriber,
    /// Commands are not received.
    Subscription,
    /// A message is larger than the broker takes.
    MessageSize,
    /// The broker closes the connection at one of the booth's own messages, or refuses it.
    Message,
    /// Retained messages are not available.
    RetainAvailable,
    /// The session is kept shorter than the booth asked for.
    SessionExpiry,
}

impl Limit {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Limit::MaximumQos => "maximum_qos",
            Limit::NotAuthorized => "not_authorized",
            Limit::Busy => "busy",
            Limit::RefusesAll => "refuses_all",
            Limit::NoSubscriber => "no_subscriber",
            Limit::Subscription => "subscription",
            Limit::MessageSize => "message_size",
            Limit::Message => "message",
            Limit::RetainAvailable => "retain_available",
            Limit::SessionExpiry => "session_expiry",
        }
    }

    /// Whether messages are not delivered. False: they are delivered later or not to all subscribers.
    pub fn is_fault(self) -> bool {
        !matches!(self, Limit::RetainAvailable | Limit::SessionExpiry)
    }
}

/// A limit of the broker that costs the booth something now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Kind of the limit.
    pub limit: Limit,
    /// Effect and remedy, without session ids and subjects.
    pub sentence: String,
}

/// Notices that hold now, worst first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Delivery {
    /// One for each limit and, where the limit is a topic's, each topic.
    pub notices: Vec<Notice>,
}

/// The notices that hold now; each is logged once, until it has ended.
#[derive(Debug, Default)]
pub(super) struct Notices {
    held: BTreeMap<(Limit, String), String>,
}

impl BrokerLimits {
    /// Defaults of the standard for properties that the broker omits.
    pub(super) const NONE: BrokerLimits = BrokerLimits {
        max_packet_bytes: usize::MAX,
        receive_max: u16::MAX,
        has_acks: true,
        has_retain: true,
        has_wildcards: true,
        session_expiry_s: None,
    };

    pub(super) fn of(accepted: &ConnAck) -> Self {
        let Some(properties) = &accepted.properties else { return BrokerLimits::NONE };
        BrokerLimits {
            max_packet_bytes: properties
                .max_packet_size
                .and_then(|most| usize::try_from(most).ok())
                .unwrap_or(usize::MAX),
            receive_max: properties.receive_max.unwrap_or(u16::MAX),
            has_acks: properties.max_qos != Some(0),
            has_retain: properties.retain_available != Some(0),
            has_wildcards: properties.wildcard_subscription_available != Some(0),
            session_expiry_s: properties.session_expiry_interval,
        }
    }

    /// Notices of limits that cost something independent of the messages sent.
    pub(super) fn notices(&self, has_commands: bool) -> Vec<Notice> {
        let mut notices = Vec::new();
        if !self.has_acks {
            notices.push(Notice {
                limit: Limit::MaximumQos,
                sentence: "the broker allows QoS 0 only (Maximum QoS 0), without \
                acknowledgements; sessions and events wait in the outbox until \
                it allows QoS 1 (mosquitto: max_qos 1)"
                    .into(),
            });
        }
        if !self.has_retain {
            notices.push(Notice {
                limit: Limit::RetainAvailable,
                sentence: "the broker keeps no retained messages (Retain Available 0): who \
                           subscribes later sees the booth's status, info and health when they \
                           are sent again, Home Assistant its devices; allow them (mosquitto: \
                           retain_available true)"
                    .into(),
            });
        }
        if has_commands && let Some(kept_s) = self.session_expiry_s {
            notices.push(Notice {
                limit: Limit::SessionExpiry,
                sentence: format!(
                    "the broker keeps the booth's session for {kept_s} s (Session Expiry \
                     Interval), shorter than asked: commands that come while the booth is away \
                     for longer are lost"
                ),
            });
        }
        notices
    }
}

impl Notices {
    /// Holds from now on. `about`: the topic or kind that it is about, or nothing.
    pub(super) fn hold(&mut self, limit: Limit, about: &str, sentence: impl Into<String>) {
        let (key, sentence) = ((limit, about.to_owned()), sentence.into());
        if !self.held.contains_key(&key) && self.held.len() >= MAX_NOTICES {
            return;
        }
        if self.held.insert(key, sentence.clone()).is_none() {
            log::warn!(target: "mqtt", limit = limit.name(), about; "{sentence}");
        }
    }

    /// Holds no more.
    pub(super) fn end(&mut self, limit: Limit, about: &str) {
        if self.held.remove(&(limit, about.to_owned())).is_some() {
            log::info!(target: "mqtt", limit = limit.name(), about; "the broker takes it again");
        }
    }

    /// Ends all notices of that limit.
    pub(super) fn end_all(&mut self, limit: Limit) {
        self.keep(limit, &[]);
    }

    /// Ends the notices of that limit except those about these topics.
    pub(super) fn keep(&mut self, limit: Limit, about: &[String]) {
        let is_over = |key: &&(Limit, String)| key.0 == limit && !about.contains(&key.1);
        let over: Vec<_> = self.held.keys().filter(is_over).cloned().collect();
        over.iter().for_each(|(limit, about)| self.end(*limit, about));
    }

    /// A new connection: what the broker promises now.
    pub(super) fn connected(&mut self, limits: &BrokerLimits, has_commands: bool) {
        let now = limits.notices(has_commands);
        for limit in [Limit::MaximumQos, Limit::RetainAvailable, Limit::SessionExpiry] {
            if !now.iter().any(|notice| notice.limit == limit) {
                self.end(limit, "");
            }
        }
        now.into_iter().for_each(|notice| self.hold(notice.limit, "", notice.sentence));
    }

    /// Those that hold, worst first.
    pub(super) fn delivery(&self) -> Delivery {
        let notice = |((limit, _), sentence): (&(Limit, String), &String)| Notice {
            limit: *limit,
            sentence: sentence.clone(),
        };
        Delivery { notices: self.held.iter().map(notice).collect() }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::v5::{ConnAckProperties, ConnectReturnCode};

    use super::*;
    use crate::mqtt::link::no_properties;

    fn accepted(change: impl FnOnce(&mut ConnAckProperties)) -> ConnAck {
        let mut properties = no_properties();
        change(&mut properties);
        let code = ConnectReturnCode::Success;
        ConnAck { session_present: false, code, properties: Some(properties) }
    }

    #[test]
    fn a_connack_without_properties_limits_nothing() {
        let none = BrokerLimits::of(&accepted(|_| ()));
        assert_eq!(none, BrokerLimits::NONE);
        assert_eq!(none.notices(true), []);
    }

    #[test]
    fn what_costs_something_is_named_with_what_to_set() {
        let limits = BrokerLimits::of(&accepted(|p| {
            p.max_qos = Some(0);
            p.retain_available = Some(0);
            p.session_expiry_interval = Some(5);
        }));
        let notices = limits.notices(true);
        for (notice, word) in notices.iter().zip(["max_qos 1", "retain_available true", "5 s"])
        {
            assert!(notice.sentence.contains(word), "{notice:?}");
        }
        assert_eq!((notices.len(), limits.notices(false).len()), (3, 2));
    }

    #[test]
    fn a_notice_ends_with_its_limit() {
        let mut notices = Notices::default();
        let bad = BrokerLimits { has_acks: false, ..BrokerLimits::NONE };
        notices.connected(&bad, false);
        notices.hold(Limit::MessageSize, "health", "too large");
        assert_eq!(notices.delivery().notices.len(), 2);
        assert_eq!(notices.delivery().notices[0].limit, Limit::MaximumQos);
        notices.connected(&BrokerLimits::NONE, false);
        notices.end(Limit::MessageSize, "health");
        assert_eq!(notices.delivery(), Delivery::default());
        for n in 0..2 * MAX_NOTICES {
            notices.hold(Limit::Message, &n.to_string(), "a topic chosen by a client");
        }
        assert_eq!(notices.delivery().notices.len(), MAX_NOTICES);
    }
}
