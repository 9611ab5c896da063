//! Delivery of the outbox: rows are read while there is room for them, and deleted once the broker
//! has acknowledged them.

use std::{future::Future, pin::Pin};

use rumqttc::v5::mqttbytes::v5::{PubAck, PubAckReason};
use tokio::time::Instant;

use super::Publisher;
use crate::{
    error::Result,
    mqtt::{
        inflight::{Outcome, Published},
        limits::Limit,
        message::Message,
        payload,
        refusal::{Fault, Refusal},
    },
    store::OutboxRow,
};

/// A pending request to the store.
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

impl Publisher {
    /// Reads rows where there is room for them, and nothing comes before them.
    pub(super) fn start_reading(&mut self, now: Instant) {
        // A message without an acknowledgement must not leave the outbox.
        let may_read = self.is_up && self.limits.has_acks && self.may_send();
        if !may_read || self.reading.is_some() || !self.urgent.is_empty() {
            return;
        }
        if self.schedule.read_at > now {
            return;
        }
        let newest_id = self.outbox.borrow_and_update().map_or(0, |state| state.newest_id);
        let room = self.window.room(now);
        if room == 0 {
            return;
        }
        let Some(after) = self.window.look_after(newest_id, now) else { return };
        let limit = u32::try_from(room.min(self.rate.allowed(now))).unwrap_or(u32::MAX);
        if limit == 0 {
            return;
        }
        let store = self.dependencies.store.clone();
        let rows = Box::pin(async move { store.outbox_after(after, limit).await });
        self.reading = Some(Reading { limit, newest_id, rows });
    }

    /// Sends the rows that were read.
    pub(super) fn take_rows(
        &mut self,
        limit: u32,
        newest_id: i64,
        rows: Result<Vec<OutboxRow>>,
    ) {
        let rows = match rows {
            Ok(rows) if self.is_up => rows,
            Ok(_) => return,
            Err(error) => {
                log::debug!(target: "mqtt", error = error.to_string().as_str(); "the outbox cannot be read now");
                return self.schedule.read_later(Instant::now());
            }
        };
        for row in self.window.choose(rows, limit, newest_id, Instant::now()) {
            let id = row.outbox_id;
            let Some((topic, payload)) = payload::row(&row) else {
                let kind = &row.kind;
                self.set_row_aside(
                    id,
                    format!("this boothd does not know messages of the kind {kind:?}"),
                );
                continue;
            };
            let mut message = Message::sure(topic.of(&self.config.name), &payload);
            message.published = Published::Row(id);
            if let Some(reason) = self.too_large(&message) {
                self.set_row_aside(id, reason);
            } else if self.give(message) {
                self.window.sent(id, &row.kind);
                self.rate.spend();
            } else {
                return self.window.put_back(id);
            }
        }
    }

    /// Deletes what is acknowledged, many rows at a time.
    pub(super) fn start_deleting(&mut self, now: Instant) {
        let ids = if self.deleting.is_none() { self.window.done() } else { Vec::new() };
        if ids.is_empty() || !self.schedule.may_delete(now) {
            return;
        }
        let (store, rows) = (self.dependencies.store.clone(), ids.clone());
        let deleted = Box::pin(async move { store.outbox_done(rows).await });
        self.deleting = Some(Deleting { ids, deleted });
    }

    pub(super) fn take_deleted(&mut self, ids: &[i64], deleted: &Result<()>) {
        match deleted {
            Ok(()) => self.window.deleted(ids),
            Err(error) => {
                log::debug!(target: "mqtt", error = error.to_string().as_str(); "acknowledged messages cannot be deleted now");
                self.schedule.delete_later(Instant::now());
            }
        }
    }

    pub(super) fn take_ack(&mut self, ack: &PubAck) {
        let Some(sent) = self.packets.answered(ack.pkid) else { return };
        self.suspects.answered(&sent.suspect());
        let now = Instant::now();
        match (sent.published, Refusal::of(ack)) {
            (Published::Row(id), None) if ack.reason == PubAckReason::NoMatchingSubscribers => {
                self.window.no_subscriber(id, now);
            }
            (Published::Row(id), None) => {
                self.window.acknowledged(id);
                self.schedule.delete_soon(now);
            }
            (Published::Row(id), Some(refusal)) => {
                self.take_refusal(id, sent.bytes, &refusal, now)
            }
            (Published::Goodbye, _) => self.schedule.goodbye_answered = true,
            (Published::Other, None) => {
                self.window.taken();
                self.skipped.taken(&sent.topic);
                self.notices.end(Limit::Message, &sent.about);
            }
            (Published::Other, Some(refusal)) => self.skip_refused(&sent, &refusal, now),
        }
        self.note_window();
        self.publish_delivery();
    }

    fn take_refusal(&mut self, id: i64, bytes: usize, refusal: &Refusal, now: Instant) {
        self.dependencies.component.update(|status| status.errors_total += 1);
        match self.window.refused(id, refusal, now) {
            Outcome::SetAside => self.set_row_aside(id, refusal.sentence(bytes)),
            Outcome::Waits => {
                let name = refusal.name();
                match refusal.fault() {
                    Fault::Busy => self.notices.hold(
                        Limit::Busy,
                        "",
                        format!(
                            "the broker takes no more messages for now ({name}); sessions and \
                             events wait in the outbox; raise its limit or make room there"
                        ),
                    ),
                    Fault::Unclear => self.notices.hold(
                        Limit::RefusesAll,
                        "",
                        format!(
                            "the broker refuses messages ({name}); they wait in the outbox; look \
                             at the broker's log"
                        ),
                    ),
                    Fault::Rights | Fault::Message => (),
                }
            }
        }
    }

    /// Derives notices from the rows that wait.
    fn note_window(&mut self) {
        if self.window.lacks_subscriber() {
            self.notices.hold(
                Limit::NoSubscriber,
                "",
                "no client at the broker subscribes to the booth's sessions and events; the \
                messages of the outbox wait until there is a subscriber",
            );
        } else {
            self.notices.end(Limit::NoSubscriber, "");
        }
        let blocked: Vec<String> = self.window.blocked_kinds().map(str::to_owned).collect();
        self.notices.keep(Limit::NotAuthorized, &blocked);
        for kind in blocked {
            let sentence = format!(
                "the broker does not let the booth publish its messages of the kind {kind:?} (reason \
                 0x87, not authorized); they wait in the outbox; look at the broker's ACL"
            );
            self.notices.hold(Limit::NotAuthorized, &kind, sentence);
        }
        if self.window.unclear_total() == 0 {
            self.notices.end(Limit::RefusesAll, "");
        }
        if !self.window.is_busy() {
            self.notices.end(Limit::Busy, "");
        }
    }
}
