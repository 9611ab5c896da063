//! The messages at the broker, for the comparison with what a consumer shows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use boothd::mqtt::client::{AsyncClient, Event, Filter, Packet, QoS};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::fleet::Broker;

/// The newest message of every topic.
pub(crate) struct Board {
    client: AsyncClient,
    received: Arc<Mutex<BTreeMap<String, Received>>>,
    task: JoinHandle<()>,
}

/// The newest of a topic, and how many came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) text: String,
    pub(crate) times: u32,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Board {
    /// Subscribes to all topics; returns after the acknowledgement.
    pub(crate) async fn join(broker: &Broker) -> Self {
        let (client, mut events) = broker.client("board", Duration::ZERO);
        let all = ["boothd/#", "homeassistant/#"].map(|t| Filter::new(t, QoS::AtLeastOnce));
        client.try_subscribe_many(all).unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        let received: Arc<Mutex<BTreeMap<String, Received>>> = Arc::default();
        let writer = received.clone();
        let task = tokio::spawn(async move {
            // It ends with the broker.
            while let Ok(event) = events.poll().await {
                let Event::Incoming(Packet::Publish(publish)) = event else { continue };
                let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                let mut newest = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let times = newest.get(&topic).map_or(1, |received| received.times + 1);
                newest.insert(topic, Received { text, times });
            }
        });
        Board { client, received, task }
    }

    /// The newest message of that topic.
    pub(crate) fn newest(&self, topic: &str) -> Option<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }

    /// The newest message of every topic with that begin and end, without those that were taken back.
    pub(crate) fn all(&self, begin: &str, end: &str) -> BTreeMap<String, Received> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |topic: &str| topic.starts_with(begin) && topic.ends_with(end);
        let asked = received
            .iter()
            .filter(|(topic, received)| is_asked(topic) && !received.text.is_empty());
        asked.map(|(topic, received)| (topic.clone(), received.clone())).collect()
    }

    /// Takes back what the broker keeps of that topic.
    pub(crate) async fn take_back(&self, topic: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, true, "").await.unwrap();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.task.abort();
    }
}
