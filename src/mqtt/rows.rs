//! The outbox's way to the broker: rows are read as there is room for them, and deleted once the
//! broker has acknowledged them.

use std::{future::Future, pin::Pin};

use rumqttc::v5::mqttbytes::v5::{PubAck, PubAckReason};
use tokio::time::Instant;

use super::{desk::Desk, ledger::Said, message::Message, words};
use crate::{error::Result, store::OutboxRow};

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

impl Desk {
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

    pub(super) fn take_ack(&mut self, ack: &PubAck) {
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
        let trouble = self.trouble();
        self.ground.stage.update(|status| status.error = trouble);
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
}
