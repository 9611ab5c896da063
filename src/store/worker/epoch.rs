//! The worker's epoch: the wall time of the rows that it writes.

use super::StoreWorker;
use crate::{
    clock::{Clock, keeper::Change, whole_ms},
    error::Result,
};

impl StoreWorker {
    /// Reads the clocks. A change is on the disk before other threads see it.
    pub(in crate::store) fn keep_time(&mut self) -> Result<()> {
        let reading = self.clock.reading();
        let (keeper, change) = self.clock.keeper().observe(reading);
        if let Some(change) = change {
            let sender = self.sender();
            self.attempt(|database, _| database.correct(&keeper, change, reading, &sender))?;
            self.clock.adopt(keeper);
            log_change(change);
            if matches!(change, Change::Vouched(_)) {
                // Rows that are old by the calendar can be deleted now.
                self.cleaned_at = None;
            }
            self.publish_tokens()?;
            return self.count_outbox();
        }
        self.clock.adopt(keeper);
        Ok(())
    }

    /// Stores the uptime of the machine: retention counts it while the clock is unsynchronised.
    pub(in crate::store) fn note_running(&mut self) -> Result<()> {
        let (keeper, since_boot_ms) = (self.clock.keeper(), whole_ms(self.clock.since_boot()));
        self.attempt(|database, _| database.note_running(&keeper, since_boot_ms))
    }
}

fn log_change(change: Change) {
    match change {
        Change::Stepped(moved_ms) => log::warn!(
            target: "store", moved_ms;
            "the clock was set; the times of this start of the machine are moved with it"
        ),
        Change::Vouched(moved_ms) => log::info!(
            target: "store", moved_ms;
            "the clock is kept right by a time server; retention goes by the calendar"
        ),
    }
}
