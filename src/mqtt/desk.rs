//! [`Desk`]: what is to be said next, and to whom it was said. One task with the [`Link`]
//! (`super::link`); everything it waits for may be dropped at any time and asked for again.

use std::{collections::VecDeque, sync::Arc};

use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, Event,
        mqttbytes::v5::{ConnAck, Packet, PubAckReason, Publish, SubAck},
    },
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    HomeAssistant, MqttConfig,
    agenda::Agenda,
    command::{Answer, Request},
    home_assistant,
    ledger::{Packets, Rate, Window},
    link::jittered,
    message::Message,
    rows::{Deleting, Reading},
    words::{About, Status},
};
use crate::{
    booth::{Booth, BoothState},
    clock::Clock,
    engine::Live,
    error::{Error, ErrorKind},
    stage::Stage,
    stop::Stop,
    store::{OutboxState, Store},
};

/// Rows that may be on their way, however many the broker would take.
const MOST_ROWS_ON_THEIR_WAY: u16 = 16;

/// Booths that come back together do not begin their replay together.
const REPLAY_JITTER: std::time::Duration = std::time::Duration::from_secs(1);

/// Makes what /health says; without sessions and subjects, since it is retained.
pub type Health = Arc<dyn Fn() -> Value + Send + Sync>;

/// What the desk stands on.
pub struct MqttGround {
    /// Whose outbox is told.
    pub store: Store,
    /// Through which commands act.
    pub booth: Booth,
    /// The newest of the booth's own stream.
    pub live: watch::Receiver<Live>,
    /// What /health shows of it.
    pub stage: Arc<Stage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Asked by the command `restart`.
    pub stop: Stop,
    /// What the booth is.
    pub about: About,
    /// What /health says.
    pub health: Health,
}

impl std::fmt::Debug for MqttGround {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MqttGround").field("about", &self.about).finish_non_exhaustive()
    }
}

/// See the module.
pub(super) struct Desk {
    pub(super) config: MqttConfig,
    pub(super) ground: MqttGround,
    pub(super) client: AsyncClient,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) outbox: watch::Receiver<OutboxState>,
    pub(super) booth: watch::Receiver<BoothState>,
    pub(super) packets: Packets,
    pub(super) window: Window,
    pub(super) rate: Rate,
    pub(super) agenda: Agenda,
    /// Said before any row, oldest first.
    pub(super) urgent: VecDeque<Message>,
    /// QoS 0 messages that have not left yet.
    pub(super) unsent: usize,
    pub(super) reading: Option<Reading>,
    pub(super) deleting: Option<Deleting>,
    /// What `status` says now, since when (unix ms) and why.
    pub(super) status: (Status, i64, Option<&'static str>),
    pub(super) is_up: bool,
    pub(super) was_up: bool,
    /// Longer packets close the connection.
    pub(super) most_bytes: usize,
    /// What was told of refusals.
    pub(super) told: Option<PubAckReason>,
}

impl Desk {
    pub(super) fn new(
        config: MqttConfig,
        ground: MqttGround,
        client: AsyncClient,
        (requests, answers): (mpsc::Sender<Request>, mpsc::Receiver<Answer>),
    ) -> Self {
        let now = Instant::now();
        Desk {
            outbox: ground.store.outbox(),
            booth: ground.booth.state(),
            packets: Packets::default(),
            window: Window::new(usize::from(MOST_ROWS_ON_THEIR_WAY)),
            rate: Rate::new(config.replay_per_s, now),
            agenda: Agenda::new(now),
            urgent: VecDeque::new(),
            unsent: 0,
            reading: None,
            deleting: None,
            status: (Status::Online, ground.clock.unix_ms(), None),
            is_up: false,
            was_up: false,
            most_bytes: usize::MAX,
            told: None,
            config,
            ground,
            client,
            requests,
            answers,
        }
    }

    /// A connection was made: says who is here, and begins with the oldest row.
    pub(super) fn come_up(&mut self, accepted: &ConnAck) {
        let now = Instant::now();
        let properties = accepted.properties.as_ref();
        // Half of what the broker takes at a time is left to everything else.
        let most = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX);
        let rows = (most / 2).clamp(1, MOST_ROWS_ON_THEIR_WAY);
        self.most_bytes = properties
            .and_then(|p| p.max_packet_size)
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(usize::MAX);
        self.packets.clear();
        self.window.restart(usize::from(rows));
        if self.was_up {
            self.rate.hold_until(now + jittered(REPLAY_JITTER));
        }
        self.unsent = 0;
        // Answers are still of use; how things are is said anew.
        self.urgent.retain(|message| !message.is_retained);
        (self.is_up, self.was_up) = (true, true);
        self.status.1 = self.ground.clock.unix_ms();
        self.subscribe();
        self.say_all(now);
    }

    /// The connection is gone: what was not acknowledged is said anew on the next.
    pub(super) fn go_down(&mut self) {
        self.is_up = false;
        self.packets.clear();
        self.unsent = 0;
        // They were read for this connection; the next begins elsewhere.
        self.reading = None;
    }

    /// There is nothing more to be said, or nobody who hears it.
    pub(super) fn has_left(&self, leave: &Stop) -> bool {
        leave.is_requested() && (self.agenda.is_gone || !self.is_up)
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.agenda.is_leaving()
    }

    pub(super) fn begin_to_leave(&mut self) {
        self.agenda.leave(Instant::now());
    }

    /// Deletes what was acknowledged last.
    pub(super) async fn settle(mut self) {
        if let Some(deleting) = &mut self.deleting {
            let (ids, deleted) = deleting.done().await;
            self.take_deleted(&ids, &deleted);
        }
        let done = self.window.done();
        if !done.is_empty()
            && let Err(error) = self.ground.store.outbox_done(done).await
        {
            log::debug!(target: "mqtt", error = error.to_string().as_str(); "acknowledged messages will be told again");
        }
    }

    /// Something came in or went out.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Outgoing(Outgoing::Publish(0)) => {
                self.unsent = self.unsent.saturating_sub(1);
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => self.packets.left(packet_id),
            Event::Outgoing(Outgoing::Disconnect) => self.agenda.is_gone = true,
            Event::Incoming(Packet::PubAck(ack)) => self.take_ack(&ack),
            Event::Incoming(Packet::SubAck(ack)) => warn_of_refusal(&ack),
            Event::Incoming(Packet::Publish(publish)) => self.hear(&publish),
            _ => (),
        }
    }

    fn hear(&mut self, publish: &Publish) {
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

    /// Says what was done, and leaves if that was it.
    pub(super) fn answer(&mut self, answer: Answer) {
        for message in answer.messages {
            self.push(message);
        }
        if answer.must_restart {
            let reason = Some("a command asked for it");
            self.status = (Status::Restarting, self.ground.clock.unix_ms(), reason);
            self.say_status();
            self.ground.stop.request();
        }
    }
}

fn warn_of_refusal(ack: &SubAck) {
    use rumqttc::v5::mqttbytes::v5::SubscribeReasonCode as Code;
    if ack.return_codes.iter().any(|code| !matches!(code, Code::Success(_))) {
        log::warn!(target: "mqtt", "the broker does not let the booth hear its commands; look at the broker's ACL");
    }
}
