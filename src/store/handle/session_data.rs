//! Requests about what is recorded of a session: its metrics and events, their export and erasure.

use std::time::Duration;

use super::Store;
use crate::{
    clock::Clock,
    error::Result,
    store::{EraseReceipt, EraseTarget, EventRecord, Export, History, MetricRow, epoch},
};

impl Store {
    /// Takes a row to the disk within [`StoreConfig::flush_interval`](super::StoreConfig).
    /// Never waits; what finds no room, as the disk has been away for long, is lost, counted
    /// and noted with its session.
    pub fn record(&self, row: MetricRow) {
        if !self.pending.push(row, self.clock.monotonic()) {
            self.component().update(|status| status.dropped_total += 1);
        }
    }

    /// Since when the oldest row waits for the disk (the clock's monotonic time); `None` where
    /// none waits.
    pub fn rows_wait_since(&self) -> Option<Duration> {
        self.pending.since()
    }

    /// Metrics recorded of a session so far, in at most `most_points` rows per modality.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn history(&self, session_id: &str, most_points: u32) -> Result<History> {
        let session_id = session_id.to_owned();
        self.order(move |worker| {
            worker.flush();
            worker.attempt(|database, _| database.history(&session_id, most_points))
        })
        .await
    }

    /// Stores an event, and adds it to the outbox for the fleet server.
    ///
    /// # Errors
    /// `InvalidInput` when a text is too long or there is no such session; `Unavailable`,
    /// `Exhausted`.
    pub async fn event(&self, mut event: EventRecord) -> Result<()> {
        let origin_ms = self.clock.keeper().origin_ms;
        self.order(move |worker| {
            event.at += epoch::moved(&worker.clock, origin_ms);
            let sender = worker.sender();
            worker.attempt(|database, _| database.add_event(&event, &sender))?;
            worker.count_added()
        })
        .await
    }

    /// Events of a session, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn events(&self, session_id: &str) -> Result<Vec<EventRecord>> {
        let session_id = session_id.to_owned();
        self.ask(move |database, _| database.events(&session_id)).await
    }

    /// All stored data of a session; `None` when there is none of that id.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn export(&self, session_id: &str) -> Result<Option<Export>> {
        let session_id = session_id.to_owned();
        self.order(move |worker| {
            worker.flush();
            worker.attempt(|database, _| database.export(&session_id))
        })
        .await
    }

    /// Erases a session or a subject here, and sends the erase order to the fleet server.
    ///
    /// # Errors
    /// `InvalidInput` when there is nothing to erase or the session still runs; `Unavailable`,
    /// `Exhausted`.
    pub async fn erase(&self, target: EraseTarget, actor: &str) -> Result<EraseReceipt> {
        let actor = actor.to_owned();
        self.order(move |worker| {
            // Rows in memory must not be written after the erasure.
            worker.flush();
            let sender = worker.sender();
            let receipt = worker
                .attempt(|database, now| database.erase(&target, &actor, &sender, now))?;
            receipt.session_ids.iter().for_each(|id| worker.pending.forget(id));
            worker.must_clear_log = !receipt.is_log_clear;
            worker.count_outbox()?;
            Ok(receipt)
        })
        .await
    }
}
