//! Requests about the outbox and the rows that are set aside.

use super::Store;
use crate::{
    clock::Clock,
    error::Result,
    store::{
        outbox::{OutboxRow, OutboxState},
        set_aside::{SetAside, SetAsideRow},
    },
};

impl Store {
    /// State of the outbox and every change of it; `None` (not known) while the database is not open.
    pub fn outbox(&self) -> tokio::sync::watch::Receiver<Option<OutboxState>> {
        self.outbox.subscribe()
    }

    /// Age of the oldest message that waits; `None` where none waits, or the age is not known.
    pub fn outbox_age(&self) -> Option<std::time::Duration> {
        let age_ms = self.clock.unix_ms().saturating_sub((*self.outbox.borrow())?.oldest_at?);
        Some(std::time::Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }

    /// The oldest messages after `outbox_id` (0: the oldest of all), in the order of publication.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn outbox_after(&self, outbox_id: i64, limit: u32) -> Result<Vec<OutboxRow>> {
        self.ask(move |database, _| database.outbox_after(outbox_id, limit)).await
    }

    /// Deletes messages that the broker has acknowledged.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`: the messages are then published again; receivers drop duplicates.
    pub async fn outbox_done(&self, ids: Vec<i64>) -> Result<()> {
        self.order(move |worker| {
            let (rows, bytes) = worker.attempt(|database, _| database.outbox_done(&ids))?;
            worker.take_off(rows, bytes)
        })
        .await
    }

    /// State of the rows that are set aside, and every change of it.
    pub fn set_aside(&self) -> tokio::sync::watch::Receiver<SetAside> {
        self.set_aside.subscribe()
    }

    /// Sets a row aside: it stays in the outbox, counts in its limits, and is not read by
    /// [`Store::outbox_after`]. False when there is no such row, or it was set aside before.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`: the row still waits.
    pub async fn set_row_aside(&self, outbox_id: i64, reason: String) -> Result<bool> {
        self.order(move |worker| {
            let is_new =
                worker.attempt(|database, now| database.set_aside(outbox_id, &reason, now))?;
            let expected = worker.set_aside.borrow().rows + u64::from(is_new);
            worker.count_set_aside(expected)?;
            worker.count_oldest()?;
            Ok(is_new)
        })
        .await
    }

    /// The rows that are set aside, oldest first, at most [`MAX_LISTED`](crate::store::MAX_LISTED).
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn rows_set_aside(&self, limit: u32) -> Result<Vec<SetAsideRow>> {
        self.ask(move |database, _| database.rows_set_aside(limit)).await
    }

    /// Lets these rows (`None`: all) wait for the broker again; how many there were.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn send_again(&self, ids: Option<Vec<i64>>, actor: &str) -> Result<u64> {
        let actor = actor.to_owned();
        self.order(move |worker| {
            let rows = worker
                .attempt(|database, now| database.send_again(ids.as_deref(), &actor, now))?;
            let expected = worker.set_aside.borrow().rows;
            worker.count_set_aside(expected)?;
            worker.count_oldest()?;
            Ok(rows)
        })
        .await
    }
}
