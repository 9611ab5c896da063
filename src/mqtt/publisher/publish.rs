//! Publication: retained messages, and the hand-over of messages to the client library.

use rumqttc::v5::mqttbytes::{QoS, v5::Filter};
use tokio::time::Instant;

use super::Publisher;
use crate::mqtt::{
    CommandName, HomeAssistant,
    command::on_off,
    home_assistant,
    message::Message,
    payload,
    topics::{self, Topic},
};

/// Messages that are published again by themselves and wait; what comes on top is dropped.
const MOST_URGENT: usize = 256;

impl Publisher {
    pub(super) fn subscribe(&mut self) {
        if self.skipped.is_subscription_skipped(Instant::now()) {
            return;
        }
        let command = |topic| Filter {
            // Distinguishes a retained command that arrives live from one that is not retained.
            preserve_retain: true,
            ..Filter::new(topic, QoS::AtLeastOnce)
        };
        let mut filters: Vec<_> = self.command_topics().into_iter().map(command).collect();
        if self.config.home_assistant != HomeAssistant::Off {
            let birth = home_assistant::birth_topic(&self.config);
            filters.push(Filter::new(birth, QoS::AtMostOnce));
        }
        if self.client.try_subscribe_many(filters).is_err() {
            log::error!(target: "mqtt", "the client's queue is full at the begin of a connection");
        } else {
            self.packets.subscribing();
        }
    }

    /// Topics of commands; each by its name for a broker without wildcards.
    fn command_topics(&self) -> Vec<String> {
        let name = &self.config.name;
        if self.limits.has_wildcards {
            return vec![topics::commands(name), topics::feature_sets(name)];
        }
        let commands = CommandName::ALL.map(|command| Topic::Command(command.word().into()));
        let features = self.booth.borrow().features.by_name();
        let features = features.map(|(feature, _)| Topic::FeatureSet(feature.into()));
        commands.into_iter().chain(features).map(|topic| topic.of(name)).collect()
    }

    /// Publishes all retained messages.
    pub(super) fn publish_retained(&mut self, now: Instant) {
        self.publish_status();
        self.publish_info();
        self.publish_features();
        self.discover();
        self.schedule.published_all(now, self.config.republish_every);
    }

    pub(super) fn publish_status(&mut self) {
        let (status, since, reason) = self.status;
        let boot_id = self.dependencies.store.boot_id();
        let payload = payload::status(status, Some(since), boot_id, reason);
        self.push(Message::state(Topic::Status.of(&self.config.name), &payload));
    }

    pub(super) fn publish_info(&mut self) {
        let addresses = payload::addresses(&self.dependencies.about, &self.config);
        let boot_id = self.dependencies.store.boot_id();
        let state = self.booth.borrow();
        let payload = payload::info(&self.dependencies.about, &state, boot_id, &addresses);
        drop(state);
        self.push(Message::state(Topic::Info.of(&self.config.name), &payload));
    }

    pub(super) fn publish_features(&mut self) {
        let features = self.booth.borrow_and_update().features;
        for (name, is_on) in features.by_name() {
            let topic = Topic::FeatureState(name.into()).of(&self.config.name);
            self.push(Message::state_word(topic, on_off(is_on)));
        }
    }

    pub(super) fn discover(&mut self) {
        let allowed = self.booth.borrow().allowed;
        let about = &self.dependencies.about;
        for message in home_assistant::discovery(&self.config, about, allowed) {
            self.push(message);
        }
    }

    /// Queues a message before all rows.
    pub(super) fn push(&mut self, message: Message) {
        if self.urgent.len() == MOST_URGENT {
            log::info!(target: "mqtt", "the broker takes nothing; a message that is published again later is dropped");
            self.urgent.pop_front();
        }
        self.urgent.push_back(message);
    }

    /// Hands waiting messages to the library, as far as it has room.
    pub(super) fn flush(&mut self) {
        while self.is_up
            && let Some(message) = self.urgent.front().cloned()
        {
            if !self.may_send() {
                return;
            }
            if !self.must_skip(&message) && !self.give(message) {
                return;
            }
            self.urgent.pop_front();
        }
    }

    /// During the search for the message at which the broker closes the connection, messages go one
    /// at a time.
    pub(super) fn may_send(&self) -> bool {
        !self.suspects.is_careful() || self.packets.is_quiet()
    }

    /// Hands one message to the library, adapted to the broker's limits; false when there is no room.
    pub(super) fn give(&mut self, message: Message) -> bool {
        if !self.may_send() {
            return false;
        }
        let sent = message.sent(&self.config.home_assistant_prefix);
        let Message { topic, payload, qos, is_retained, properties, published: _ } = message;
        let qos = if self.limits.has_acks { qos } else { QoS::AtMostOnce };
        let is_retained = is_retained && self.limits.has_retain;
        let given = self
            .client
            .try_publish_with_properties(topic, qos, is_retained, payload, properties)
            .is_ok();
        match (given, qos) {
            (true, QoS::AtMostOnce) => self.unsent += 1,
            (true, _) => self.packets.published(sent),
            (false, _) => (),
        }
        given
    }
}
