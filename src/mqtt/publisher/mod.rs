//! [`Publisher`]: decides which message is published next, and matches acknowledgements. One task
//! with the [`Link`] (`super::link`); each of its futures may be dropped and requested again.

mod publish;
mod rows;
mod schedule;
mod set_aside;

use std::{collections::VecDeque, sync::Arc};

use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, Event,
        mqttbytes::v5::{ConnAck, Packet, Publish, SubAck, SubscribeReasonCode},
    },
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    rows::{Deleting, Reading},
    schedule::Schedule,
    set_aside::{Skipped, ToSetAside},
};
use super::{
    HomeAssistant, MqttConfig,
    command::{Answer, Request},
    failure::Loss,
    home_assistant,
    inflight::{InflightPackets, OutboxWindow, Rate},
    limits::{BrokerLimits, Delivery, Limit, Notices},
    link::jittered,
    message::Message,
    payload::{About, Status},
    suspects::{Suspect, Suspects},
};
use crate::{
    clock::Clock,
    component::Component,
    engine::Live,
    error::{Error, ErrorKind},
    interview::{Interview, InterviewState},
    stop::Stop,
    store::{OutboxState, SetAside, Store},
};

/// Maximum rows in flight, independent of the broker's limit.
const MOST_ROWS_ON_THEIR_WAY: u16 = 16;

/// Random delay, so that booths that reconnect together do not replay together.
const REPLAY_JITTER: std::time::Duration = std::time::Duration::from_secs(1);

/// Makes the content of /health, without sessions and subjects, since it is retained.
pub type Health = Arc<dyn Fn() -> Value + Send + Sync>;

/// Dependencies of the publisher.
pub struct MqttDependencies {
    /// The store whose outbox is published.
    pub store: Store,
    /// The interview that commands control.
    pub booth: Interview,
    /// Newest results of the booth's own stream.
    pub live: watch::Receiver<Live>,
    /// The component `mqtt` in /health.
    pub component: Arc<Component>,
    /// Source of wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Requested by the command `restart`.
    pub stop: Stop,
    /// Constant properties of the booth.
    pub about: About,
    /// Content of /health.
    pub health: Health,
    /// Publishes the broker's limits to the monitor.
    pub delivery: watch::Sender<Delivery>,
}

impl std::fmt::Debug for MqttDependencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MqttDependencies").field("about", &self.about).finish_non_exhaustive()
    }
}

/// The task's state.
pub(in crate::mqtt) struct Publisher {
    config: MqttConfig,
    dependencies: MqttDependencies,
    client: AsyncClient,
    requests: mpsc::Sender<Request>,
    answers: mpsc::Receiver<Answer>,
    outbox: watch::Receiver<Option<OutboxState>>,
    set_aside: watch::Receiver<SetAside>,
    booth: watch::Receiver<InterviewState>,
    packets: InflightPackets,
    window: OutboxWindow,
    rate: Rate,
    schedule: Schedule,
    /// Published before any row, oldest first.
    urgent: VecDeque<Message>,
    /// QoS 0 messages that have not left yet.
    unsent: usize,
    reading: Option<Reading>,
    deleting: Option<Deleting>,
    /// Current `status`, its begin (unix ms) and its reason.
    status: (Status, i64, Option<&'static str>),
    is_up: bool,
    was_up: bool,
    /// Limits of the broker on this connection.
    limits: BrokerLimits,
    /// Notices of these limits.
    notices: Notices,
    /// Search for the message at which the broker closes the connection.
    suspects: Suspects,
    /// Messages that are not sent for a while, as the broker does not take them.
    skipped: Skipped,
    /// Rows waiting to be marked as set aside.
    to_set_aside: ToSetAside,
}

impl Publisher {
    pub(in crate::mqtt) fn new(
        config: MqttConfig,
        dependencies: MqttDependencies,
        client: AsyncClient,
        requests: mpsc::Sender<Request>,
        answers: mpsc::Receiver<Answer>,
    ) -> Self {
        let now = Instant::now();
        Publisher {
            outbox: dependencies.store.outbox(),
            set_aside: dependencies.store.set_aside(),
            booth: dependencies.booth.state(),
            packets: InflightPackets::default(),
            window: OutboxWindow::new(usize::from(MOST_ROWS_ON_THEIR_WAY)),
            rate: Rate::new(config.replay_per_s, now),
            schedule: Schedule::new(now),
            urgent: VecDeque::new(),
            unsent: 0,
            reading: None,
            deleting: None,
            status: (Status::Online, dependencies.clock.unix_ms(), None),
            is_up: false,
            was_up: false,
            limits: BrokerLimits::NONE,
            notices: Notices::default(),
            suspects: Suspects::default(),
            skipped: Skipped::default(),
            to_set_aside: ToSetAside::default(),
            config,
            dependencies,
            client,
            requests,
            answers,
        }
    }

    /// A connection was made: publishes the retained messages, and begins with the oldest row.
    pub(in crate::mqtt) fn come_up(&mut self, accepted: &ConnAck, client: AsyncClient) {
        let now = Instant::now();
        self.client = client;
        self.limits = BrokerLimits::of(accepted);
        self.notices.connected(&self.limits, !self.config.commands.is_empty());
        // Refusals of single messages are forgotten; the broker refuses again what it does not take.
        for limit in [Limit::NotAuthorized, Limit::Busy, Limit::RefusesAll, Limit::NoSubscriber]
        {
            self.notices.end_all(limit);
        }
        // Half of the broker's Receive Maximum is left to other messages.
        let rows = (self.limits.receive_max / 2).clamp(1, MOST_ROWS_ON_THEIR_WAY);
        self.forget_packets();
        self.window.restart(usize::from(rows));
        if self.was_up {
            self.rate.hold_until(now + jittered(REPLAY_JITTER));
        }
        self.unsent = 0;
        // Answers are still of use; states are published again.
        self.urgent.retain(|message| !message.is_retained);
        (self.is_up, self.was_up) = (true, true);
        self.status.1 = self.dependencies.clock.unix_ms();
        self.subscribe();
        self.publish_retained(now);
        self.publish_delivery();
    }

    /// The connection is gone: what was not acknowledged is published again on the next. True when it is
    /// known at which message it broke, so that it does not break there again.
    pub(in crate::mqtt) fn go_down(&mut self, loss: &Loss) -> bool {
        let was_up = std::mem::replace(&mut self.is_up, false);
        let is_subscribing = self.packets.lose_subscription();
        let lost = self.packets.lose();
        self.unsent = 0;
        // These rows were read for this connection; the next one begins at another row.
        self.reading = None;
        if !was_up {
            return false;
        }
        let subscription = is_subscribing.then_some(Suspect::Subscription);
        let unanswered: Vec<_> =
            subscription.into_iter().chain(lost.iter().map(|sent| sent.suspect())).collect();
        let culprit = self.suspects.lost(&unanswered, loss);
        if let Some((culprit, proof)) = &culprit {
            let sent = lost.iter().find(|sent| sent.suspect() == *culprit);
            self.condemn(culprit, sent, *proof);
        }
        self.publish_delivery();
        culprit.is_some()
    }

    fn forget_packets(&mut self) {
        self.packets.lose_subscription();
        self.packets.lose();
    }

    /// Whether the publisher is done: nothing is left to publish, or there is no connection for it.
    pub(in crate::mqtt) fn has_left(&self, leave: &Stop) -> bool {
        leave.is_requested() && (self.schedule.is_gone || !self.is_up)
    }

    pub(in crate::mqtt) fn is_leaving(&self) -> bool {
        self.schedule.is_leaving()
    }

    pub(in crate::mqtt) fn begin_to_leave(&mut self) {
        self.schedule.leave(Instant::now());
    }

    /// Deletes what was acknowledged last, and marks what was refused.
    pub(in crate::mqtt) async fn settle(mut self) {
        self.settle_set_aside().await;
        if let Some(deleting) = &mut self.deleting {
            let (ids, deleted) = deleting.done().await;
            self.take_deleted(&ids, &deleted);
        }
        let done = self.window.done();
        if !done.is_empty()
            && let Err(error) = self.dependencies.store.outbox_done(done).await
        {
            log::debug!(target: "mqtt", error = error.to_string().as_str(); "acknowledged messages will be published again");
        }
    }

    /// Processes a packet that was received or sent.
    pub(in crate::mqtt) fn take(&mut self, event: Event) {
        match event {
            Event::Outgoing(Outgoing::Publish(0)) => {
                self.unsent = self.unsent.saturating_sub(1);
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => self.packets.left(packet_id),
            Event::Outgoing(Outgoing::Disconnect) => self.schedule.is_gone = true,
            Event::Incoming(Packet::PubAck(ack)) => self.take_ack(&ack),
            Event::Incoming(Packet::SubAck(ack)) => self.take_suback(&ack),
            Event::Incoming(Packet::Publish(publish)) => self.receive(&publish),
            _ => (),
        }
    }

    fn receive(&mut self, publish: &Publish) {
        let birth = home_assistant::birth_topic(&self.config);
        if self.config.home_assistant != HomeAssistant::Off && publish.topic == birth {
            if publish.payload == "online" {
                self.discover();
            }
            return;
        }
        let Some(request) = Request::of(publish, &self.config) else { return };
        if let Err(mpsc::error::TrySendError::Full(request)) = self.requests.try_send(request) {
            let what = "the booth has not done yet what was asked before; ask again later";
            let busy = Err(Error::new(ErrorKind::Exhausted, what));
            for message in request.answered(busy, &self.config) {
                self.push(message);
            }
        }
    }

    /// Publishes the answer to a command; begins to leave after `restart`.
    pub(in crate::mqtt) fn answer(&mut self, answer: Answer) {
        for message in answer.messages {
            self.push(message);
        }
        if answer.must_restart {
            let reason = Some("a command asked for it");
            self.status = (Status::Restarting, self.dependencies.clock.unix_ms(), reason);
            self.publish_status();
            self.dependencies.stop.request();
        }
    }

    fn take_suback(&mut self, ack: &SubAck) {
        self.packets.subscribed();
        self.suspects.answered(&Suspect::Subscription);
        let refused =
            |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
        match ack.return_codes.iter().find(refused) {
            Some(code) => self.notices.hold(
                Limit::Subscription,
                "",
                format!(
                    "the broker does not let the booth subscribe to its commands ({code:?}); \
                     look at the broker's ACL"
                ),
            ),
            None => self.notices.end(Limit::Subscription, ""),
        }
        self.publish_delivery();
    }
}
