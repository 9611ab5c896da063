//! What the desk says: what the broker keeps, and how a message reaches the library.

use rumqttc::v5::mqttbytes::{QoS, v5::Filter};
use tokio::time::Instant;

use super::{
    HomeAssistant,
    command::on_off,
    desk::Desk,
    home_assistant,
    message::Message,
    topics::{self, Topic},
    words,
};

/// Messages that are said again by themselves and wait; what comes on top is dropped.
const MOST_URGENT: usize = 256;

impl Desk {
    pub(super) fn subscribe(&self) {
        let command = |topic| Filter {
            // A retained command that comes live must be told from one that does not stay.
            preserve_retain: true,
            ..Filter::new(topic, QoS::AtLeastOnce)
        };
        let name = &self.config.name;
        let mut filters =
            vec![command(topics::commands(name)), command(topics::feature_sets(name))];
        if self.config.home_assistant != HomeAssistant::Off {
            let birth = home_assistant::birth_topic(&self.config);
            filters.push(Filter::new(birth, QoS::AtMostOnce));
        }
        if self.client.try_subscribe_many(filters).is_err() {
            log::error!(target: "mqtt", "the client's queue is full at the begin of a connection");
        }
    }

    /// Everything that is kept by the broker.
    pub(super) fn say_all(&mut self, now: Instant) {
        self.say_status();
        self.say_info();
        self.say_features();
        self.discover();
        self.agenda.said_all(now, self.config.say_again);
    }

    pub(super) fn say_status(&mut self) {
        let (status, since, reason) = self.status;
        let boot_id = self.ground.store.boot_id();
        let payload = words::status(status, Some(since), boot_id, reason);
        self.push(Message::state(Topic::Status.of(&self.config.name), &payload));
    }

    pub(super) fn say_info(&mut self) {
        let addresses = words::addresses(&self.ground.about, &self.config);
        let boot_id = self.ground.store.boot_id();
        let state = self.booth.borrow();
        let payload = words::info(&self.ground.about, &state, boot_id, &addresses);
        drop(state);
        self.push(Message::state(Topic::Info.of(&self.config.name), &payload));
    }

    pub(super) fn say_features(&mut self) {
        let features = self.booth.borrow_and_update().features;
        for (name, is_on) in features.by_name() {
            let topic = Topic::FeatureState(name.into()).of(&self.config.name);
            self.push(Message::state_word(topic, on_off(is_on)));
        }
    }

    pub(super) fn discover(&mut self) {
        let allowed = self.booth.borrow().allowed;
        let about = &self.ground.about;
        for message in home_assistant::discovery(&self.config, about, allowed) {
            self.push(message);
        }
    }

    /// Puts a message in line before all rows.
    pub(super) fn push(&mut self, message: Message) {
        if self.urgent.len() == MOST_URGENT {
            log::info!(target: "mqtt", "the broker takes nothing; a message that is said again later is dropped");
            self.urgent.pop_front();
        }
        self.urgent.push_back(message);
    }

    /// Gives the library what waits, as far as it has room.
    pub(super) fn flush(&mut self) {
        while self.is_up
            && let Some(message) = self.urgent.front().cloned()
        {
            if message.bytes() > self.most_bytes {
                log::error!(target: "mqtt", topic = message.topic.as_str(); "a message is longer than the broker takes, and is dropped");
            } else if !self.give(message) {
                return;
            }
            self.urgent.pop_front();
        }
    }

    /// Gives the library one message; false when it has no room.
    pub(super) fn give(&mut self, message: Message) -> bool {
        let Message { topic, payload, qos, is_retained, properties, said } = message;
        let given = self
            .client
            .try_publish_with_properties(topic, qos, is_retained, payload, properties)
            .is_ok();
        match (given, qos) {
            (true, QoS::AtMostOnce) => self.unsent += 1,
            (true, _) => self.packets.said(said),
            (false, _) => (),
        }
        given
    }
}
