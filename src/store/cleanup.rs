//! Retention: which rows are deleted automatically, and when.
//!
//! A row is old only if that is certain: by the calendar where a time server vouched for the
//! clock, else by the running time that was counted since (`epoch`). An unsynchronised clock
//! deletes nothing.

use std::time::Duration;

use super::{
    DAY, StoreConfig, database::Database, file::give_back_pages, millis, retention::bound,
    scrub::zero_unallocated,
};
use crate::error::Result;

/// Interval between two searches for old rows.
pub(super) const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long an expired or revoked token stays distinguishable from an unknown one.
const TOKENS: Duration = DAY.saturating_mul(30);

/// Retention of the audit log.
const AUDIT: Duration = DAY.saturating_mul(365);

/// Tables that hold only numbers, nearly all of the file: they are not searched for copies of rows
/// once an hour.
const NUMBERS: &[&str] = &["video_metric", "audio_metric"];

impl Database {
    /// Deletes what is older than it may be at `certain_ms`, which is not ahead of the truth
    /// ([`Clock::certain_unix_ms`](crate::clock::Clock)); how many rows.
    pub(super) fn forget(&mut self, config: &StoreConfig, certain_ms: i64) -> Result<usize> {
        let before = |age| certain_ms.saturating_sub(millis(age));
        let old = [
            (sessions_over(), before(config.retention)),
            (bindings_of_expired(), certain_ms),
            (tokens_gone(), before(TOKENS)),
            (old_of("event", "event_id", "session_id IS NULL"), before(config.retention)),
            (old_of("audit", "audit_id", "TRUE"), before(AUDIT)),
        ];
        let transaction = self.begin()?;
        let mut deleted = 0;
        for (statement, before) in old {
            deleted += transaction.prepare_cached(&statement)?.execute([before])?;
        }
        deleted += transaction.prepare_cached(BINDINGS_UNUSED)?.execute([])?;
        if deleted > 0 {
            zero_unallocated(&transaction, NUMBERS)?;
        }
        transaction.commit()?;
        deleted += self.make_room(config.max_bytes)?;
        give_back_pages(&self.connection)?;
        Ok(deleted)
    }

    /// Deletes the metrics of the oldest sessions until the rest has room, first those of clients,
    /// which cannot push out the booth's own; how many recordings.
    /// The sessions themselves, their consents and summaries stay until their time.
    fn make_room(&mut self, max_bytes: u64) -> Result<usize> {
        let mut deleted = 0;
        loop {
            let (all, free) = self.size_bytes()?;
            if all - free <= max_bytes {
                return Ok(deleted);
            }
            let gone = self.connection.prepare_cached(OLDEST_RECORDING)?.execute([])?;
            if gone == 0 {
                log::warn!(target: "store", bytes = all - free, most = max_bytes;
                    "the database is larger than store.max_mb, and no old metrics are left to delete");
                return Ok(deleted);
            }
            deleted += gone;
        }
    }
}

const OLDEST_RECORDING: &str = "\
    DELETE FROM recording WHERE session_id IN (
        SELECT session_id FROM session JOIN recording USING (session_id)
        WHERE state <> 'running' ORDER BY stream = 'booth', epoch_id, started_at LIMIT 1)";

fn sessions_over() -> String {
    let over = bound("ifnull(ended_at, started_at)", "session.epoch_id");
    format!("DELETE FROM session WHERE state <> 'running' AND {over} < ?1")
}

/// A session pays for its binding. Older databases have some of names that were never used.
const BINDINGS_UNUSED: &str = "\
    DELETE FROM session_binding WHERE session_id NOT IN (SELECT session_id FROM session)";

fn bindings_of_expired() -> String {
    format!(
        "DELETE FROM session_binding WHERE token_id IN
            (SELECT token_id FROM token WHERE role <> 'operator' AND {} <= ?1)",
        expires_at()
    )
}

/// SQL: from when on a token opens nothing, on the scale of certain time; NULL: never.
pub(super) fn expires_at() -> String {
    format!("{} + expires_at - created_at", bound("created_at", "token.epoch_id"))
}

fn tokens_gone() -> String {
    format!(
        "DELETE FROM token WHERE min(
            ifnull({}, 9223372036854775807),
            iif(revoked_at IS NULL, 9223372036854775807, {})
        ) < ?1",
        expires_at(),
        bound("revoked_at", "token.revoked_epoch_id")
    )
}

/// Everything of a numbered table before its first row that is not old.
fn old_of(table: &str, number: &str, which: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE {which} AND {number} < ifnull(
            (SELECT {number} FROM {table} WHERE {which} AND {at} >= ?1
                ORDER BY {number} LIMIT 1),
            9223372036854775807)",
        at = bound("at", &format!("{table}.epoch_id"))
    )
}
