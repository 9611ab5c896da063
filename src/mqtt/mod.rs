//! The connection to the fleet server and to Home Assistant through an MQTT 5 broker.
//!
//! Only this module knows MQTT. Records (QoS 1: sessions and events) come from the store's outbox
//! and leave it only on their own acknowledgement. Must not hold a picture or a sound, and must
//! never block another task: the booth goes on whatever the broker does.

mod limits;
mod probe;
mod refusal;
pub mod topics;
mod config;
mod credential;
mod failure;
mod suspects;
mod inflight;
mod message;
mod command;
mod tls;
mod connection;
mod link;
mod payload;
mod home_assistant;
mod publisher;

use std::{pin::pin, time::Duration};

use tokio::{select, sync::mpsc, task::JoinHandle, time::timeout};

pub use config::{CommandName, HomeAssistant, MqttConfig, TlsFiles};
pub use connection::{Identity, Will, connect};
pub use failure::Loss;
pub use limits::{Delivery, Limit, Notice};
pub use link::{Happened, Link};
pub use payload::About;
pub use probe::probe;
pub use publisher::{Health, MqttDependencies};

use crate::{heartbeat::idle_turns, stop::Stop};
use command::Commander;
use payload::Status;
use publisher::Publisher;
use topics::Topic;

/// Types of the client library, for users of a connection.
pub mod client {
    pub use rumqttc::Outgoing;
    pub use rumqttc::v5::{
        AsyncClient, ClientError, ConnectionError, Event, EventLoop,
        mqttbytes::{
            QoS,
            v5::{
                ConnAck, Filter, Packet, PubAck, PubAckReason, Publish, PublishProperties,
                SubAck, SubscribeReasonCode,
            },
        },
    };
}

/// How long the broker keeps commands for an offline booth: an older command is obsolete.
const SESSION_EXPIRY: Duration = Duration::from_secs(60);

/// Delays the last will, so that a quick reconnect never shows as offline.
const WILL_DELAY: Duration = Duration::from_secs(5);

/// Messages that may wait in the client.
const CLIENT_QUEUE: usize = 64;

/// QoS 1 messages that may be on their way, either way.
const INFLIGHT: u16 = 64;

/// A longer command is not let through by the broker.
const MOST_COMMAND_BYTES: u32 = 64 * 1024;

/// Commands that may wait; the next one is answered by a refusal.
const COMMANDS: usize = 8;

/// How long [`Mqtt::leave`] may take; the daemon's grace is 5 s.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(2500);

/// The booth's connection to the fleet server, as a task.
#[derive(Debug)]
pub struct Mqtt {
    leave: Stop,
    task: JoinHandle<()>,
}

impl Mqtt {
    /// Starts to connect, for ever. Must be called in the network runtime.
    pub fn start(config: &MqttConfig, dependencies: MqttDependencies) -> Self {
        let leave = Stop::default();
        let task = tokio::spawn(run(config.clone(), dependencies, leave.clone()));
        Mqtt { leave, task }
    }

    /// Publishes the rest of the outbox and the last status, then disconnects; gives up after 2.5 s.
    pub async fn leave(mut self) {
        self.leave.request();
        match timeout(LEAVE_TIMEOUT, &mut self.task).await {
            Ok(Ok(())) => (),
            Ok(Err(_)) => log::error!(target: "mqtt", "task panicked"),
            Err(_) => {
                self.task.abort();
                log::info!(target: "mqtt", "the broker did not acknowledge the last status in time");
            }
        }
    }
}

/// The booth as the broker knows it.
fn identity(config: &MqttConfig, boot_id: &str) -> Identity {
    let name = &config.name;
    let gone = payload::status(Status::Offline, None, boot_id, Some("connection lost"));
    Identity {
        client_id: format!("boothd/{}/{}", name.site, name.booth),
        session_expiry: SESSION_EXPIRY,
        will: Some(Will {
            topic: Topic::Status.of(name),
            payload: gone.to_string(),
            delay: WILL_DELAY,
        }),
        queue: CLIENT_QUEUE,
        inflight: INFLIGHT,
        most_bytes: MOST_COMMAND_BYTES,
        manual_acks: false,
    }
}

/// Connects, publishes and receives until `leave` is requested.
async fn run(config: MqttConfig, dependencies: MqttDependencies, leave: Stop) {
    let identity = identity(&config, dependencies.store.boot_id());
    let (component, clock) = (dependencies.component.clone(), dependencies.clock.clone());
    let (heartbeat, mut turns) = (component.heartbeat("mqtt"), idle_turns());
    let mut link = Link::new(config.clone(), &identity, component.clone(), clock.clone());
    let (requests, requested) = mpsc::channel(COMMANDS);
    let (results, answers) = mpsc::channel(COMMANDS);
    let (booth, store) = (dependencies.booth.clone(), dependencies.store.clone());
    let commander = Commander { config: config.clone(), booth, store, clock };
    let working = tokio::spawn(commander.run(requested, results));
    let mut publisher = Publisher::new(config, dependencies, link.client(), requests, answers);
    while !publisher.has_left(&leave) {
        let happened = {
            // Must not be dropped before it is done, unless we leave.
            let mut next = pin!(link.next());
            loop {
                select! {
                    happened = &mut next => break Some(happened),
                    () = leave.requested(), if !publisher.is_leaving() => publisher.begin_to_leave(),
                    () = publisher.turn() => (),
                    _ = turns.tick() => heartbeat.beat(),
                }
                if publisher.has_left(&leave) {
                    break None;
                }
            }
        };
        match happened {
            Some(Happened::Up(accepted)) => publisher.come_up(&accepted, link.client()),
            Some(Happened::Event(event)) => publisher.take(*event),
            Some(Happened::Down(loss)) => {
                let is_known = publisher.go_down(&loss);
                if is_known {
                    link.retry_soon();
                }
            }
            None => (),
        }
    }
    publisher.settle().await;
    working.abort();
    component.update(|status| status.state = crate::component::State::Stopped);
}
