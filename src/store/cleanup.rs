//! What is forgotten by itself, and when.

use std::time::Duration;

use super::{DAY, StoreConfig, database::Database, millis};
use crate::error::Result;

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
            (EVENTS_OLD, before(config.retention)),
            (AUDIT_OLD, before(AUDIT)),
        ];
        let transaction = self.begin()?;
        let mut deleted = 0;
        for (statement, before) in old {
            deleted += transaction.prepare_cached(statement)?.execute([before])?;
        }
        transaction.commit()?;
        deleted += self.make_room(config.max_bytes)?;
        self.give_back_pages()?;
        Ok(deleted)
    }

    /// Free pages go back to the disk: the pragma frees one a step.
    fn give_back_pages(&self) -> Result<()> {
        let mut free = self.connection.prepare_cached("PRAGMA incremental_vacuum")?;
        let mut steps = free.query([])?;
        while steps.next()?.is_some() {}
        Ok(())
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

const OLDEST_RECORDING: &str = "\
    DELETE FROM recording WHERE session_id IN (
        SELECT session_id FROM session JOIN recording USING (session_id)
        WHERE state <> 'running' ORDER BY started_at LIMIT 1)";

const SESSIONS_OVER: &str = "\
    DELETE FROM session WHERE state <> 'running' AND ifnull(ended_at, started_at) < ?1";

const BINDINGS_OF_EXPIRED: &str = "\
    DELETE FROM session_binding WHERE token_id IN
        (SELECT token_id FROM token WHERE role <> 'operator' AND expires_at <= ?1)";

const TOKENS_GONE: &str = "DELETE FROM token WHERE min(
        ifnull(expires_at, 9223372036854775807), ifnull(revoked_at, 9223372036854775807)
    ) < ?1";

const EVENTS_OLD: &str = "DELETE FROM event WHERE session_id IS NULL AND at < ?1";

const AUDIT_OLD: &str = "DELETE FROM audit WHERE at < ?1";
