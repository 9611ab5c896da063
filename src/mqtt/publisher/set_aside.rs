//! Messages that the broker refuses: rows of the outbox are set aside, other messages are skipped;
//! both are reported.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{Publisher, rows::Asked};
use crate::{
    error::Result,
    mqtt::{
        inflight::Sent,
        limits::{Delivery, Limit},
        message::Message,
        refusal::{Refusal, code},
        suspects::{Proof, Suspect},
    },
};

/// A skipped message is tried again after this time: the broker may have been reconfigured.
const RETRY_SKIPPED: Duration = Duration::from_secs(60 * 60);

/// Maximum number of skipped topics; some are chosen by clients.
const MAX_SKIPPED: usize = 64;

/// Shortest interval between two warnings about rows that are set aside; /health has the number.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Messages that are not sent for a while.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// Until when, by topic.
    topics: BTreeMap<String, Instant>,
    subscription_until: Option<Instant>,
    /// The smallest payload that the broker refused as too large, and until when that counts.
    too_large: Option<(usize, Instant)>,
}

/// Rows waiting to be marked as set aside.
#[derive(Default)]
pub(super) struct ToSetAside {
    waiting: VecDeque<(i64, String)>,
    asked: Option<Marking>,
    warned_at: Option<Instant>,
    /// Rows that were sent again or erased, as far as they were looked for.
    released_total: u64,
}

/// A row that is being marked.
struct Marking {
    outbox_id: i64,
    reason: String,
    marked: Asked<bool>,
}

impl Skipped {
    pub(super) fn is_subscription_skipped(&self, now: Instant) -> bool {
        self.subscription_until.is_some_and(|until| now < until)
    }

    /// The broker has taken something of that topic.
    pub(super) fn taken(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    fn skip(&mut self, topic: &str, now: Instant) {
        self.topics.retain(|_, until| *until > now);
        if self.topics.len() < MAX_SKIPPED {
            self.topics.insert(topic.to_owned(), now + RETRY_SKIPPED);
        }
    }

    fn is_skipped(&self, topic: &str, now: Instant) -> bool {
        self.topics.get(topic).is_some_and(|until| now < *until)
    }

    fn refuse_size(&mut self, bytes: usize, now: Instant) {
        let smallest = self.refused_size(now).map_or(bytes, |known| known.min(bytes));
        self.too_large = Some((smallest, now + RETRY_SKIPPED));
    }

    /// Payloads of so many bytes and more were refused.
    fn refused_size(&self, now: Instant) -> Option<usize> {
        self.too_large.filter(|(_, until)| now < *until).map(|(bytes, _)| bytes)
    }
}

impl ToSetAside {
    /// The row that is being marked, once it is; for ever where there is none.
    pub(super) async fn marked(&mut self) -> (i64, String, Result<bool>) {
        match &mut self.asked {
            Some(Marking { outbox_id, reason, marked }) => {
                let marked = marked.as_mut().await;
                (*outbox_id, std::mem::take(reason), marked)
            }
            None => std::future::pending().await,
        }
    }

    /// Whether rows were released since the last call.
    fn is_released(&mut self, released_total: u64) -> bool {
        std::mem::replace(&mut self.released_total, released_total) != released_total
    }
}

impl Publisher {
    /// Why a message must not be sent at all: it is larger than the broker takes.
    pub(super) fn too_large(&self, message: &Message) -> Option<String> {
        let (bytes, most) = (message.bytes(), self.limits.max_packet_bytes);
        if bytes > most {
            return Some(format!(
                "a packet of up to {bytes} bytes is larger than the broker takes (Maximum Packet \
                 Size {most}); raise it (mosquitto: max_packet_size) and send it again"
            ));
        }
        let (bytes, refused) =
            (message.payload.len(), self.skipped.refused_size(Instant::now())?);
        (bytes >= refused).then(|| {
            format!(
                "a message of {bytes} bytes is not sent, as the broker refused one of {refused} \
                 bytes (reason 0x95, packet too large); raise its limit (mosquitto: \
                 message_size_limit, max_packet_size) and send it again"
            )
        })
    }

    /// A message that is no row must not be sent, and why is reported.
    pub(super) fn must_skip(&mut self, message: &Message) -> bool {
        let about = message.about(&self.config.home_assistant_prefix);
        if let Some(mut reason) = self.too_large(message) {
            if about.starts_with("Home Assistant") {
                reason.push_str("; mqtt.home_assistant = \"entities\" has smaller messages");
            }
            self.notices.hold(Limit::MessageSize, &about, format!("{about}: {reason}"));
            self.publish_delivery();
            return true;
        }
        self.notices.end(Limit::MessageSize, &about);
        // The library refuses a topic with wildcards without a reason.
        message.topic.contains(['+', '#'])
            || self.skipped.is_skipped(&message.topic, Instant::now())
    }

    /// A message that is no row was refused. It is published again by itself.
    pub(super) fn skip_refused(&mut self, sent: &Sent, refusal: &Refusal, now: Instant) {
        self.dependencies.component.update(|status| status.errors_total += 1);
        let (about, name) = (&sent.about, refusal.name());
        if refusal.code == code::PACKET_TOO_LARGE {
            self.skipped.refuse_size(sent.bytes, now);
        }
        let remedy = match refusal.code {
            code::NOT_AUTHORIZED => "look at the broker's ACL",
            _ => "look at the broker's log",
        };
        let sentence = format!("the broker refuses the message {about} ({name}); {remedy}");
        self.notices.hold(Limit::Message, about, sentence);
    }

    /// The broker closes the connection at this message: sets a row aside, skips other messages.
    pub(super) fn condemn(&mut self, culprit: &Suspect, sent: Option<&Sent>, proof: Proof) {
        let now = Instant::now();
        let bytes = sent.map_or(0, |sent| sent.bytes);
        if proof == Proof::Code(code::PACKET_TOO_LARGE) && sent.is_some() {
            self.skipped.refuse_size(bytes, now);
        }
        let why = match proof {
            Proof::Code(code) => Refusal::of_code(code).sentence(bytes),
            Proof::Losses(times) => format!(
                "the broker closed the connection {times} times when it was sent ({bytes} \
                 bytes); look at the broker's log and send it again"
            ),
        };
        self.dependencies.component.update(|status| status.errors_total += 1);
        match culprit {
            Suspect::Row(id) => self.set_row_aside(*id, why),
            Suspect::Topic(topic) => {
                let about = sent.map_or("a message", |sent| sent.about.as_str());
                // A message that is too large may be smaller next time.
                if proof != Proof::Code(code::PACKET_TOO_LARGE) {
                    self.skipped.skip(topic, now);
                    let sentence = format!("{about}: {why}; boothd tries it again in an hour");
                    self.notices.hold(Limit::Message, about, sentence);
                }
            }
            Suspect::Subscription => {
                self.skipped.subscription_until = Some(now + RETRY_SKIPPED);
                let sentence = "the broker closes the connection when the booth subscribes to its \
                                commands; it goes on without them for an hour; look at the \
                                broker's ACL and log";
                self.notices.hold(Limit::Subscription, "", sentence);
            }
        }
    }

    /// The row is not sent again until an operator releases it.
    pub(super) fn set_row_aside(&mut self, outbox_id: i64, reason: String) {
        self.window.set_aside(outbox_id);
        let now = Instant::now();
        let warned_at = self.to_set_aside.warned_at;
        if warned_at.is_none_or(|at| now >= at + WARN_EVERY) {
            self.to_set_aside.warned_at = Some(now);
            log::warn!(target: "mqtt", seq = outbox_id, reason = reason.as_str(); "a message is set aside and the others go on; the page and boothd outbox list what is set aside and send it again");
        } else {
            log::debug!(target: "mqtt", seq = outbox_id, reason = reason.as_str(); "a message is set aside");
        }
        self.to_set_aside.waiting.push_back((outbox_id, reason));
    }

    /// Marks the next one.
    pub(super) fn start_setting_aside(&mut self, now: Instant) {
        if self.to_set_aside.asked.is_some() || !self.schedule.may_mark(now) {
            return;
        }
        let Some((outbox_id, reason)) = self.to_set_aside.waiting.pop_front() else { return };
        let (store, why) = (self.dependencies.store.clone(), reason.clone());
        let marked = Box::pin(async move { store.set_row_aside(outbox_id, why).await });
        self.to_set_aside.asked = Some(Marking { outbox_id, reason, marked });
    }

    pub(super) fn take_marked(&mut self, id: i64, reason: String, marked: Result<bool>) {
        self.to_set_aside.asked = None;
        match marked {
            Ok(_) => self.window.marked(id),
            Err(error) => {
                log::debug!(target: "mqtt", error = error.to_string().as_str(); "a message cannot be set aside now");
                self.to_set_aside.waiting.push_front((id, reason));
                self.schedule.mark_later(Instant::now());
            }
        }
    }

    /// Marks the remaining rows before leaving. An unmarked row is refused again after the next start.
    pub(super) async fn settle_set_aside(&mut self) {
        loop {
            self.start_setting_aside(Instant::now());
            if self.to_set_aside.asked.is_none() {
                return;
            }
            let (id, reason, marked) = self.to_set_aside.marked().await;
            self.take_marked(id, reason, marked);
        }
    }

    /// Rows were released or erased: they are looked for, and skipped messages are tried again.
    pub(super) fn look_for_released(&mut self) {
        let released_total = self.set_aside.borrow_and_update().released_total;
        if self.to_set_aside.is_released(released_total) {
            self.skipped.too_large = None;
            self.window.look_again();
        }
    }

    /// Publishes the broker's limits to the monitor.
    pub(super) fn publish_delivery(&self) {
        let delivery = if self.is_up { self.notices.delivery() } else { Delivery::default() };
        if self.is_up {
            let fault = delivery.notices.iter().find(|notice| notice.limit.is_fault());
            let error = fault.map(|notice| notice.sentence.clone());
            self.dependencies.component.update(|status| status.error = error);
        }
        self.dependencies.delivery.send_if_modified(|published| {
            let is_new = *published != delivery;
            *published = delivery;
            is_new
        });
    }
}
