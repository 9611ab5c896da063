//! A client in the place of the fleet server: receives every booth's messages and sends commands.

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

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The client. Connects again at once after a loss.
pub struct FleetClient {
    /// Publishes for the test.
    pub client: AsyncClient,
    received: mpsc::Receiver<Received>,
    subscribed: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub text: String,
    /// Its quality of service.
    pub qos: QoS,
    /// Whether the broker kept it from before.
    pub is_retained: bool,
    /// Its properties of MQTT 5.
    pub properties: PublishProperties,
}

impl Received {
    /// The payload as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn of(publish: Publish) -> Self {
        Received {
            topic: String::from_utf8(publish.topic.to_vec()).unwrap(),
            text: String::from_utf8(publish.payload.to_vec()).unwrap(),
            qos: publish.qos,
            is_retained: publish.retain,
            properties: publish.properties.unwrap_or_default(),
        }
    }
}

impl FleetClient {
    /// Subscribes to all topics of the broker on that port; returns after the acknowledgement.
    pub async fn join(port: u16) -> Self {
        FleetClient::with(MqttOptions::new("fleet", "127.0.0.1", port)).await
    }

    /// The same with these options.
    pub async fn with(mut options: MqttOptions) -> Self {
        options.set_keep_alive(Duration::from_secs(5)).set_clean_start(false);
        options.set_session_expiry_interval(Some(3600));
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut events) = AsyncClient::new(options, 100);
        let (sender, received) = mpsc::channel(100_000);
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
                        if sender.send(Received::of(publish)).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => (),
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let mut fleet = FleetClient { client, received, subscribed, task };
        fleet.wait_subscribed(1).await;
        fleet
    }

    /// Waits until it has subscribed `times` times.
    pub async fn wait_subscribed(&mut self, times: u32) {
        let subscribed = self.subscribed.wait_for(|n| *n >= times);
        timeout(PATIENCE, subscribed).await.expect("the broker answers").unwrap();
    }

    /// The next message for which `is_it` holds; earlier ones are dropped.
    pub async fn wait(&mut self, what: &str, is_it: impl Fn(&Received) -> bool) -> Received {
        let mut past = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                let received = self.received.recv().await.expect("the task runs");
                if is_it(&received) {
                    return received;
                }
                past.push(received);
            }
        });
        match found.await {
            Ok(received) => received,
            Err(_) => panic!("{what} did not come; {past:#?}"),
        }
    }

    /// The next message of a topic that ends with `end`.
    pub async fn wait_topic(&mut self, end: &str) -> Received {
        self.wait(end, |received| received.topic.ends_with(end)).await
    }

    /// Sends a message at QoS 1.
    pub async fn publish(&self, topic: &str, text: &str) {
        let (topic, text) = (topic.to_owned(), text.to_owned());
        self.client.publish(topic, QoS::AtLeastOnce, false, text).await.unwrap();
    }
}

impl Drop for FleetClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}
