//! [`Desk`]: what is to be said next, and to whom it was said. One task with the [`Link`]
//! (`super::link`); everything it waits for may be dropped at any time and asked for again.

use std::{future::Future, pin::Pin, sync::Arc};

use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, Event,
        mqttbytes::{
            QoS,
            v5::{ConnAck, Filter, Packet, PubAck, PubAckReason, Publish, SubAck},
        },
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
    ledger::{Packets, Rate, Said, Window},
    link::jittered,
    message::Message,
    topics::{self, Topic},
    words::{self, About, Status},
};
use crate::{
    booth::{Booth, BoothState},
    clock::Clock,
    engine::Live,
    error::{Error, ErrorKind, Result},
    stage::Stage,
    stop::Stop,
    store::{OutboxRow, OutboxState, Store},
};

/// Rows that may be on their way, however many the broker would take.
const MOST_ROWS_ON_THEIR_WAY: u16 = 16;

/// Messages that are said again by themselves and wait; what comes on top is dropped.
const MOST_URGENT: usize = 256;

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

/// Something asked of the store; kept until it is answered.
pub(super) type Asked<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Rows that are being read.
pub(super) struct Reading {
    limit: u32,
    /// The newest row before they were asked for.
    newest_id: i64,
    rows: Asked<Vec<OutboxRow>>,
}

/// Rows that are being deleted.
pub(super) struct Deleting {
    ids: Vec<i64>,
    deleted: Asked<()>,
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
    pub(super) urgent: std::collections::VecDeque<Message>,
    /// QoS 0 messages that have not left yet.
    pub(super) unsent: usize,
    pub(super) reading: Option<Reading>,
    pub(super) deleting: Option<Deleting>,
    /// What `status` says now, since when (unix ms) and why.
    pub(super) status: (Status, i64, Option<&'static str>),
    pub(super) is_up: bool,
    pub(super) was_up: bool,
    /// Longer packets close the connection.
    most_bytes: usize,
    /// What was told of refusals.
    told: Option<PubAckReason>,
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
            urgent: std::collections::VecDeque::new(),
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

    fn subscribe(&self) {
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
            self.push(Message::state_word(topic, super::command::on_off(is_on)));
        }
    }

    fn discover(&mut self) {
        let allowed = self.booth.borrow().allowed;
        let about = &self.ground.about;
        for message in home_assistant::discovery(&self.config, about, allowed) {
            self.push(message);
        }
    }

    /// Puts a message in line before all rows.
    pub(super) fn push(&mut self, message: Message) {
        if self.urgent.len() == MOST_URGENT {
            log::warn!(target: "mqtt", "the broker takes nothing; a message that is said again later is dropped");
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

    /// Reads rows where there is room for them, and nothing comes before them.
    pub(super) fn start_reading(&mut self, now: Instant) {
        if !self.is_up || self.reading.is_some() || !self.urgent.is_empty() {
            return;
        }
        if self.agenda.read_at > now {
            return;
        }
        let newest_id = self.outbox.borrow_and_update().newest_id;
        let room = self.window.room(now);
        if room == 0 {
            return;
        }
        let Some(after) = self.window.look_after(newest_id, now) else { return };
        let limit = u32::try_from(room.min(self.rate.allowed(now))).unwrap_or(u32::MAX);
        if limit == 0 {
            return;
        }
        let store = self.ground.store.clone();
        let rows = Box::pin(async move { store.outbox_after(after, limit).await });
        self.reading = Some(Reading { limit, newest_id, rows });
    }

    /// Sends the rows that were read.
    pub(super) fn take_rows(
        &mut self,
        (limit, newest_id): (u32, i64),
        rows: Result<Vec<OutboxRow>>,
    ) {
        let rows = match rows {
            Ok(rows) if self.is_up => rows,
            Ok(_) => return,
            Err(error) => {
                log::debug!(target: "mqtt", error = error.to_string().as_str(); "the outbox cannot be read now");
                return self.agenda.read_later(Instant::now());
            }
        };
        for row in self.window.choose(rows, limit, newest_id) {
            let id = row.outbox_id;
            let Some((topic, payload)) = words::row(&row) else {
                log::error!(target: "mqtt", kind = row.kind.as_str(); "a message of an unknown kind cannot be sent, and is dropped");
                self.window.acknowledged(id);
                continue;
            };
            let mut message = Message::sure(topic.of(&self.config.name), &payload);
            message.said = Said::Row(id);
            if message.bytes() > self.most_bytes {
                self.refuse(id, PubAckReason::QuotaExceeded);
            } else if self.give(message) {
                self.window.sent(id);
                self.rate.spend();
            } else {
                return self.window.put_back(id);
            }
        }
    }

    /// Deletes what is acknowledged, many rows at a time.
    pub(super) fn start_deleting(&mut self, now: Instant) {
        let ids = if self.deleting.is_none() { self.window.done() } else { Vec::new() };
        if ids.is_empty() || !self.agenda.may_delete(now) {
            return;
        }
        let (store, rows) = (self.ground.store.clone(), ids.clone());
        let deleted = Box::pin(async move { store.outbox_done(rows).await });
        self.deleting = Some(Deleting { ids, deleted });
    }

    pub(super) fn take_deleted(&mut self, ids: &[i64], deleted: &Result<()>) {
        match deleted {
            Ok(()) => self.window.deleted(ids),
            Err(error) => {
                log::debug!(target: "mqtt", error = error.to_string().as_str(); "acknowledged messages cannot be deleted now");
                self.agenda.delete_later(Instant::now());
            }
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

    fn take_ack(&mut self, ack: &PubAck) {
        let is_unheard = ack.reason == PubAckReason::NoMatchingSubscribers;
        let is_accepted = ack.reason == PubAckReason::Success || is_unheard;
        match self.packets.answered(ack.pkid) {
            Some(Said::Row(id)) if is_unheard => {
                self.window.unheard(id, Instant::now());
                self.tell(ack.reason);
            }
            Some(Said::Row(id)) if is_accepted => {
                self.window.acknowledged(id);
                self.agenda.delete_soon(Instant::now());
                if self.window.refused_total() == 0 {
                    self.told = None;
                }
            }
            Some(Said::Row(id)) => self.refuse(id, ack.reason),
            Some(Said::Goodbye) => self.agenda.goodbye_heard = true,
            Some(Said::Other) if !is_accepted => self.tell(ack.reason),
            Some(Said::Other) | None => (),
        }
        if let Some(trouble) = self.trouble() {
            self.ground.stage.update(|status| status.error = Some(trouble));
        }
    }

    /// What is wrong although there is a connection.
    fn trouble(&self) -> Option<String> {
        let refused = self.window.refused_total();
        if self.window.is_unheard() {
            return Some(
                "nobody at the broker listens; the messages of the outbox wait".into(),
            );
        }
        (refused > 0).then(|| format!("the broker refuses {refused} messages; look at its ACL"))
    }

    fn refuse(&mut self, outbox_id: i64, reason: PubAckReason) {
        self.window.refused(outbox_id, Instant::now());
        self.ground.stage.update(|status| status.errors_total += 1);
        self.tell(reason);
    }

    /// Tells a refusal once, until it is another one.
    fn tell(&mut self, reason: PubAckReason) {
        if self.told.replace(reason) == Some(reason) {
            return;
        }
        if reason == PubAckReason::NoMatchingSubscribers {
            log::warn!(target: "mqtt", "nobody at the broker listens to the booth's sessions and events; the messages of the outbox are kept until somebody does");
        } else {
            let reason = format!("{reason:?}");
            log::warn!(target: "mqtt", reason = reason.as_str(); "the broker refuses a message of the booth; messages of the outbox are kept and tried again, look at the broker's ACL");
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

impl Reading {
    /// The rows, and what belongs to them.
    pub(super) async fn done(&mut self) -> ((u32, i64), Result<Vec<OutboxRow>>) {
        ((self.limit, self.newest_id), self.rows.as_mut().await)
    }
}

impl Deleting {
    /// Which rows, and whether they are deleted.
    pub(super) async fn done(&mut self) -> (Vec<i64>, Result<()>) {
        let deleted = self.deleted.as_mut().await;
        (std::mem::take(&mut self.ids), deleted)
    }
}

fn warn_of_refusal(ack: &SubAck) {
    use rumqttc::v5::mqttbytes::v5::SubscribeReasonCode as Code;
    if ack.return_codes.iter().any(|code| !matches!(code, Code::Success(_))) {
        log::warn!(target: "mqtt", "the broker does not let the booth hear its commands; look at the broker's ACL");
    }
}
