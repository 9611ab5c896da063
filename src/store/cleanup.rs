//! What is forgotten by itself, and when.
//!
//! A board without a battery writes times that are years old until the network has told it the
//! time. What carries such a time is not old: a session's age counts from when that was noticed,
//! which is an event of its own, and a row of a numbered table goes with the next one that is old
//! for certain.

use std::time::Duration;

use super::{DAY, StoreConfig, database::Database, file::give_back_pages, millis};
use crate::{clock::EARLIEST_UNIX_MS, error::Result};

/// How often it is looked for.
pub(super) const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long a token that opens nothing any more can still be told from one that never was.
const TOKENS: Duration = DAY.saturating_mul(30);

/// How long the audit log goes back.
const AUDIT: Duration = DAY.saturating_mul(365);

impl Database {
    /// Deletes what is older than it may be; how many rows.
    pub(super) fn forget(&mut self, config: &StoreConfig, now: i64) -> Result<usize> {
        let before = |age| now.saturating_sub(millis(age));
        let old = [
            (SESSIONS_OVER, before(config.retention)),
            (BINDINGS_OF_EXPIRED, now),
            (TOKENS_GONE, before(TOKENS)),
        ];
        let transaction = self.begin()?;
        if now >= EARLIEST_UNIX_MS {
            transaction.prepare_cached(NOTE_UNTIMED)?.execute((EARLIEST_UNIX_MS, now))?;
        }
        let mut deleted = 0;
        for (statement, before) in old {
            deleted += transaction.prepare_cached(statement)?.execute([before])?;
        }
        for (statement, age) in [(EVENTS_OLD, config.retention), (AUDIT_OLD, AUDIT)] {
            let old = (EARLIEST_UNIX_MS, before(age));
            deleted += transaction.prepare_cached(statement)?.execute(old)?;
        }
        transaction.commit()?;
        deleted += self.make_room(config.max_bytes)?;
        give_back_pages(&self.connection)?;
        Ok(deleted)
    }

    /// Deletes the metrics of the oldest sessions until the rest has room; how many recordings.
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

const NOTE_UNTIMED: &str = "\
    INSERT INTO event (session_id, at, kind, data)
        SELECT session_id, ?2, 'clock_was_not_set', '{}' FROM session
        WHERE state <> 'running' AND started_at < ?1 AND NOT EXISTS (
            SELECT 1 FROM event
            WHERE event.session_id = session.session_id AND kind = 'clock_was_not_set')";

const OLDEST_RECORDING: &str = "\
    DELETE FROM recording WHERE session_id IN (
        SELECT session_id FROM session JOIN recording USING (session_id)
        WHERE state <> 'running' ORDER BY started_at LIMIT 1)";

const SESSIONS_OVER: &str = "\
    DELETE FROM session WHERE state <> 'running' AND ifnull(
        (SELECT max(at) FROM event
            WHERE event.session_id = session.session_id AND kind = 'clock_was_not_set'),
        ifnull(ended_at, started_at)
    ) < ?1";

const BINDINGS_OF_EXPIRED: &str = "\
    DELETE FROM session_binding WHERE token_id IN
        (SELECT token_id FROM token WHERE role <> 'operator' AND expires_at <= ?1)";

const TOKENS_GONE: &str = "DELETE FROM token WHERE min(
        ifnull(expires_at, 9223372036854775807), ifnull(revoked_at, 9223372036854775807)
    ) < ?1";

const EVENTS_OLD: &str = "DELETE FROM event WHERE session_id IS NULL AND event_id <= \
    (SELECT max(event_id) FROM event WHERE session_id IS NULL AND at >= ?1 AND at < ?2)";

const AUDIT_OLD: &str = "DELETE FROM audit WHERE audit_id <= \
    (SELECT max(audit_id) FROM audit WHERE at >= ?1 AND at < ?2)";
