//! The worker's count of the outbox and of the rows that are set aside.

use std::sync::Arc;

use super::StoreWorker;
use crate::{
    error::Result,
    store::{outbox::OutboxState, set_aside::SetAside},
};

impl StoreWorker {
    /// Counts the whole outbox: after a start, and when another process has changed it.
    pub(in crate::store) fn count_outbox(&mut self) -> Result<()> {
        let counted = self.attempt(|database, _| database.outbox_state(0))?;
        self.publish_outbox(Some(counted));
        let expected = self.set_aside.borrow().rows;
        self.count_set_aside(expected)
    }

    /// The oldest row that waits may have become another.
    pub(in crate::store) fn count_oldest(&mut self) -> Result<()> {
        self.take_off(0, 0)
    }

    /// Counts what was added since the last time; a long outbox is not read for that. What went
    /// over the limit of bytes makes room at once, what is too old when old rows are looked for.
    pub(in crate::store) fn count_added(&mut self) -> Result<()> {
        let Some(OutboxState { newest_id, .. }) = *self.outbox.borrow() else { return Ok(()) };
        let added = self.attempt(|database, _| database.outbox_state(newest_id))?;
        self.update_outbox(|state| {
            state.depth += added.depth;
            state.bytes += added.bytes;
            state.newest_id = added.newest_id;
            state.oldest_at = added.oldest_at;
        });
        let bytes = self.outbox.borrow().map_or(0, |state| state.bytes);
        if self.config.outbox.is_some_and(|limits| bytes > limits.max_bytes) {
            self.trim_outbox()?;
        }
        Ok(())
    }

    pub(in crate::store) fn take_off(&mut self, rows: u64, bytes: u64) -> Result<()> {
        let oldest_at = self.attempt(|database, _| database.outbox_state(i64::MAX))?.oldest_at;
        self.update_outbox(|state| {
            state.depth = state.depth.saturating_sub(rows);
            state.bytes = state.bytes.saturating_sub(bytes);
            state.oldest_at = oldest_at;
        });
        Ok(())
    }

    /// Publishes the state of the outbox; `None`: not known, since the database is not open.
    pub(in crate::store) fn publish_outbox(&self, counted: Option<OutboxState>) {
        let fallen_out_total = self.fallen_out_total;
        let counted = counted.map(|counted| OutboxState { fallen_out_total, ..counted });
        self.outbox.send_if_modified(|state| {
            let before = std::mem::replace(state, counted);
            *state != before
        });
    }

    fn update_outbox(&self, change: impl FnOnce(&mut OutboxState)) {
        let mut counted = *self.outbox.borrow();
        if let Some(counted) = &mut counted {
            change(counted);
        }
        self.publish_outbox(counted);
    }

    /// Keeps the outbox within its limits, and logs how many rows it deleted.
    pub(in crate::store) fn trim_outbox(&mut self) -> Result<()> {
        let Some(limits) = self.config.outbox else { return Ok(()) };
        let fallen = self.attempt(|database, now| database.trim_outbox(&limits, now))?;
        if fallen > 0 {
            log::error!(target: "store", rows = fallen; "messages that the fleet server never took were too old or too many and are lost; look at the broker");
            self.fallen_out_total += u64::try_from(fallen).unwrap_or(u64::MAX);
            self.count_outbox()?;
        }
        Ok(())
    }

    /// Counts the rows that are set aside. `expected` is the count without changes of other
    /// processes; missing rows were released or erased, and the sender looks for them.
    pub(in crate::store) fn count_set_aside(&mut self, expected: u64) -> Result<()> {
        let (rows, reason) = self.attempt(|database, _| database.count_set_aside())?;
        let released = expected.saturating_sub(rows);
        self.set_aside.send_if_modified(|now| {
            let next = SetAside {
                rows,
                reason: reason.map(Arc::from),
                released_total: now.released_total + released,
            };
            let is_new = *now != next;
            *now = next;
            is_new
        });
        Ok(())
    }
}
