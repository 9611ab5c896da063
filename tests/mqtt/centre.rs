//! The other end: a client that hears every booth, and asks things of them.

use std::time::Duration;

use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Filter, Packet, Publish, PublishProperties},
    },
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::PATIENCE;

/// See the module. Connects again at once when it is thrown out.
pub(crate) struct Centre {
    pub(crate) client: AsyncClient,
    heard: mpsc::Receiver<Heard>,
    subscribed: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) text: String,
    pub(crate) qos: QoS,
    pub(crate) is_retained: bool,
    pub(crate) properties: PublishProperties,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn of(publish: Publish) -> Self {
        Heard {
            topic: String::from_utf8(publish.topic.to_vec()).unwrap(),
            text: String::from_utf8(publish.payload.to_vec()).unwrap(),
            qos: publish.qos,
            is_retained: publish.retain,
            properties: publish.properties.unwrap_or_default(),
        }
    }
}

impl Centre {
    /// Hears all that anybody says on that port, once the broker has said so.
    pub(crate) async fn join(port: u16) -> Self {
        Centre::with(MqttOptions::new("centre", "127.0.0.1", port)).await
    }

    pub(crate) async fn with(mut options: MqttOptions) -> Self {
        options.set_keep_alive(Duration::from_secs(5)).set_clean_start(false);
        options.set_session_expiry_interval(Some(3600));
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut events) = AsyncClient::new(options, 100);
        let (told, heard) = mpsc::channel(100_000);
        let (acked, subscribed) = watch::channel(0);
        let subscriber = client.clone();
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let all = ["#"].map(|topic| Filter::new(topic, QoS::AtLeastOnce));
                        subscriber.try_subscribe_many(all).unwrap();
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => acked.send_modify(|n| *n += 1),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        if told.send(Heard::of(publish)).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => (),
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let mut centre = Centre { client, heard, subscribed, task };
        centre.wait_subscribed(1).await;
        centre
    }

    /// Until it has subscribed so often.
    pub(crate) async fn wait_subscribed(&mut self, times: u32) {
        let subscribed = self.subscribed.wait_for(|n| *n >= times);
        timeout(PATIENCE, subscribed).await.expect("the broker answers").unwrap();
    }

    /// The next message for which it holds; those before it are forgotten.
    pub(crate) async fn wait(&mut self, what: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
        let mut past = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                let heard = self.heard.recv().await.expect("the task runs");
                if is_it(&heard) {
                    return heard;
                }
                past.push(heard);
            }
        });
        match found.await {
            Ok(heard) => heard,
            Err(_) => panic!("{what} did not come; {past:#?}"),
        }
    }

    /// The next message of a topic that ends so.
    pub(crate) async fn wait_topic(&mut self, end: &str) -> Heard {
        self.wait(end, |heard| heard.topic.ends_with(end)).await
    }

    pub(crate) async fn say(&self, topic: &str, text: &str) {
        let (topic, text) = (topic.to_owned(), text.to_owned());
        self.client.publish(topic, QoS::AtLeastOnce, false, text).await.unwrap();
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.task.abort();
    }
}
