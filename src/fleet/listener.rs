//! [`Listener`]: subscribes to every topic of every booth, in one persistent broker session.
//!
//! A record is acknowledged only once the archive has it on the disk. Until then the broker keeps
//! it, even if the fleet server or the connection fails. Other messages may be lost: the next one of
//! their topic supersedes them.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde_json::json;
use tokio::sync::mpsc;

use super::{Archive, FleetState, MAX_PAYLOAD_BYTES, Record, erasure::OpenOrder};
use crate::{
    clock::Clock,
    component::{Component, State},
    heartbeat::Heartbeat,
    mqtt::{
        Happened, Identity, Link, MqttConfig,
        client::{AsyncClient, Event, Packet, Publish, QoS, SubAck, SubscribeReasonCode},
        topics::{self, BoothName, Topic},
    },
    stop::Stop,
};

/// How long the broker queues messages while the fleet server is away.
const SESSION_EXPIRY: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);

/// Records that may be on their way to the disk; the archive has room for twice as many, since
/// after a lost connection they come again.
const INFLIGHT: u16 = 1000;

/// Acknowledgements that may wait for the connection: more than there can be records.
const REQUESTS: usize = 8192;

/// A topic beside its payload.
const HEAD_BYTES: u32 = 4096;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// See the module.
pub(super) struct Listener {
    link: Link,
    fleet_state: Arc<Mutex<FleetState>>,
    archive: Archive,
    component: Arc<Component>,
    clock: Arc<dyn Clock>,
    /// Of connections: an acknowledgement is good only on the connection that brought the record.
    generation: Arc<AtomicU64>,
    heartbeat: Arc<Heartbeat>,
    /// Erase orders to send to booths.
    orders: mpsc::Receiver<OpenOrder>,
}

/// What a [`Listener`] works with.
pub(super) struct ListenerDependencies {
    /// Every message is applied to it.
    pub(super) fleet_state: Arc<Mutex<FleetState>>,
    /// Records go there.
    pub(super) archive: Archive,
    /// The connection's status.
    pub(super) component: Arc<Component>,
    /// Time of each message.
    pub(super) clock: Arc<dyn Clock>,
}

impl Listener {
    /// Connects once it runs.
    pub(super) fn new(
        mqtt: MqttConfig,
        client_id: &str,
        dependencies: ListenerDependencies,
        orders: mpsc::Receiver<OpenOrder>,
    ) -> Self {
        let ListenerDependencies { fleet_state, archive, component, clock } = dependencies;
        let most = u32::try_from(MAX_PAYLOAD_BYTES).expect("is not so large");
        let identity = Identity {
            client_id: client_id.to_owned(),
            session_expiry: SESSION_EXPIRY,
            will: None,
            queue: REQUESTS,
            inflight: INFLIGHT,
            most_bytes: most + HEAD_BYTES,
            manual_acks: true,
        };
        let heartbeat = component.heartbeat("listener");
        let link = Link::new(mqtt, &identity, component.clone(), clock.clone());
        Listener {
            link,
            fleet_state,
            archive,
            component,
            clock,
            generation: Arc::default(),
            heartbeat,
            orders,
        }
    }

    /// Listens until `stop` is requested.
    pub(super) async fn run(mut self, stop: Stop) {
        let inbox = self.archive.inbox();
        while let Some(happened) = self.next(&stop).await {
            match happened {
                Happened::Up(_) => self.begin(),
                Happened::Down(_) => {
                    self.generation.fetch_add(1, Relaxed);
                    self.listening(false);
                }
                Happened::Event(event) => {
                    if let Event::Incoming(Packet::SubAck(ack)) = &*event {
                        self.take_suback(ack);
                    }
                    if let Event::Incoming(Packet::Publish(publish)) = *event
                        && let Some((record, acknowledge)) = self.take(&publish)
                    {
                        // While the inbox is full the broker keeps the record, and in time ends
                        // the connection. The heartbeat goes on: the disk is late, not this task.
                        let put = inbox.put_record(record, acknowledge);
                        tokio::select! {
                            () = stop.requested() => return,
                            () = self.heartbeat.beat_during(put) => (),
                        }
                    }
                }
            }
        }
    }

    /// The next thing that happens, while orders are sent; `None`: `stop` is requested.
    async fn next(&mut self, stop: &Stop) -> Option<Happened> {
        let client = self.link.client();
        // What comes from the link may not be dropped halfway, so orders wait beside it.
        let mut next = pin!(self.heartbeat.beat_during(self.link.next()));
        loop {
            tokio::select! {
                () = stop.requested() => return None,
                happened = &mut next => return Some(happened),
                Some(order) = self.orders.recv() => send(&client, &order),
            }
        }
    }

    fn begin(&self) {
        self.generation.fetch_add(1, Relaxed);
        let asked = self.link.client().try_subscribe(topics::all_booths(), QoS::AtLeastOnce);
        if asked.is_err() {
            log::error!(target: "fleet", "the queue of a new connection is full; no booth is received until the next one");
        }
    }

    /// Whether the broker lets the fleet server receive what booths publish, and how.
    fn take_suback(&self, ack: &SubAck) {
        let sentence = match ack.return_codes.first() {
            Some(SubscribeReasonCode::Success(QoS::AtMostOnce)) => {
                self.listening(true);
                "the broker grants QoS 0 only: what booths publish while the fleet server is away is \
                 lost; allow QoS 1 (mosquitto: max_qos 1)"
                    .to_owned()
            }
            Some(SubscribeReasonCode::Success(_)) => return self.listening(true),
            refused => {
                self.component.update(|status| status.state = State::Unavailable);
                let refused = refused.map_or_else(String::new, |code| format!(" ({code:?})"));
                format!(
                    "the broker refuses the subscription to {}{refused}, so no booth is received; \
                     look at the broker's ACL",
                    topics::all_booths()
                )
            }
        };
        log::error!(target: "fleet", "{sentence}");
        self.component.update(|status| status.error = Some(sentence));
    }

    fn listening(&self, is_subscribed: bool) {
        let now = self.clock.unix_ms();
        self.fleet_state.lock().expect(UNPOISONED).listening(is_subscribed, now);
    }

    /// Applies a message to the fleet state. Returns a record together with its acknowledgement,
    /// which the archive sends once the record is on the disk.
    fn take(&self, publish: &Publish) -> Option<(Record, impl FnOnce() + Send + 'static)> {
        let now = self.clock.unix_ms();
        let topic = String::from_utf8_lossy(&publish.topic);
        let record = {
            let mut fleet_state = self.fleet_state.lock().expect(UNPOISONED);
            fleet_state.take(&topic, &publish.payload, publish.retain, now)
        };
        let acknowledge = self.acknowledge(publish);
        match record {
            Some(record) => Some((record, acknowledge)),
            None => {
                acknowledge();
                None
            }
        }
    }

    /// The acknowledgement of a message. Where it fails the broker sends the message again after
    /// the next connection, and the archive recognises it.
    fn acknowledge(&self, publish: &Publish) -> impl FnOnce() + Send + 'static {
        let client = self.link.client();
        // The payload is not needed for it, and may be long.
        let bare = Publish { payload: Default::default(), ..publish.clone() };
        let is_due = publish.qos != QoS::AtMostOnce;
        let (generation, current) = (self.generation.load(Relaxed), self.generation.clone());
        move || {
            let is_same = current.load(Relaxed) == generation;
            if is_due && is_same && client.try_ack(&bare).is_err() {
                log::debug!(target: "fleet", "an acknowledgement waits for the next connection");
            }
        }
    }
}

/// Orders a booth to erase a session. One that is lost on the way is sent again later.
fn send(client: &AsyncClient, order: &OpenOrder) {
    let name = BoothName { site: order.key.site.clone(), booth: order.key.booth.clone() };
    let topic = Topic::Command("erase".into()).of(&name);
    let payload = json!({ "session_id": order.session_id, "ref": order.reference() });
    if client.try_publish(topic, QoS::AtLeastOnce, false, payload.to_string()).is_err() {
        log::debug!(target: "fleet", order = order.order_id; "an order waits for the connection");
    }
}
