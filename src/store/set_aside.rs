//! Outbox rows that the broker refuses: kept, counted, and sent again when an operator asks.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use schemars::JsonSchema;
use serde::Serialize;

use super::{audit, database::Database};
use crate::error::Result;

/// Characters that a reason may have; a longer one is cut.
const MAX_REASON_CHARS: usize = 400;

/// Rows that [`Store::rows_set_aside`](super::Store::rows_set_aside) lists at most; the oldest come first.
pub const MAX_LISTED: u32 = 200;

/// State of the rows that are set aside.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SetAside {
    /// Number of rows.
    pub rows: u64,
    /// Reason of the refusal of the oldest of them.
    pub reason: Option<Arc<str>>,
    /// Rows released to wait for the broker again, or erased, since the start.
    pub released_total: u64,
}

/// A row that is set aside, without its payload, which may name a subject.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct SetAsideRow {
    /// The message's `seq`.
    pub outbox_id: i64,
    /// `started`, `summary` or `event/` and the event's name.
    pub kind: String,
    /// The session it is about.
    pub session_id: Option<String>,
    /// Time of the reported change, unix ms.
    pub at: i64,
    /// Size of its payload.
    pub bytes: u64,
    /// Time when it was set aside, unix ms.
    pub set_aside_at: i64,
    /// Reason of the broker.
    pub reason: String,
}

impl SetAsideRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(SetAsideRow {
            outbox_id: row.get("outbox_id")?,
            kind: row.get("kind")?,
            session_id: row.get("session_id")?,
            at: row.get("at")?,
            bytes: row.get("bytes")?,
            set_aside_at: row.get("set_aside_at")?,
            reason: row.get("set_aside_reason")?,
        })
    }
}

impl Database {
    pub(super) fn set_aside(&mut self, outbox_id: i64, reason: &str, now: i64) -> Result<bool> {
        let mut cut: String = reason.chars().take(MAX_REASON_CHARS).collect();
        if cut.is_empty() {
            cut.push_str("no reason was given");
        }
        let mut update = self.connection.prepare_cached(SET_ASIDE)?;
        Ok(update.execute((outbox_id, now, cut))? > 0)
    }

    /// Rows that are set aside, and why the oldest is.
    pub(super) fn count_set_aside(&self) -> Result<(u64, Option<String>)> {
        let ask = |connection: &Connection| -> rusqlite::Result<_> {
            let rows = connection.prepare_cached(COUNT)?.query_row([], |row| row.get(0))?;
            let mut oldest = connection.prepare_cached(OLDEST_REASON)?;
            Ok((rows, oldest.query_row([], |row| row.get(0)).optional()?.flatten()))
        };
        Ok(ask(&self.connection)?)
    }

    /// The rows that are set aside, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn rows_set_aside(&self, limit: u32) -> Result<Vec<SetAsideRow>> {
        let mut ask = self.connection.prepare_cached(LIST)?;
        let rows = ask.query_map([limit.min(MAX_LISTED)], SetAsideRow::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Lets these rows (`None`: all) wait for the broker again; how many there were. The audit
    /// log notes it. `now`: unix ms.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn send_again(&mut self, ids: Option<&[i64]>, actor: &str, now: i64) -> Result<u64> {
        let transaction = self.begin()?;
        let mut rows = 0;
        match ids {
            None => rows += transaction.prepare_cached(RELEASE_ALL)?.execute([])?,
            Some(ids) => {
                let mut release = transaction.prepare_cached(RELEASE)?;
                for id in ids {
                    rows += release.execute([id])?;
                }
            }
        }
        if rows > 0 {
            let object = match ids {
                Some([one]) => format!("outbox row {one}"),
                Some(_) | None => format!("{rows} outbox rows"),
            };
            audit::note(&transaction, now, actor, ["outbox.send_again", &object, ""])?;
        }
        transaction.commit()?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }
}

const SET_ASIDE: &str = "\
    UPDATE outbox SET set_aside_at = ?2, set_aside_reason = ?3
    WHERE outbox_id = ?1 AND set_aside_at IS NULL";

const COUNT: &str = "SELECT count(*) FROM outbox WHERE set_aside_at IS NOT NULL";

const OLDEST_REASON: &str = "\
    SELECT set_aside_reason FROM outbox WHERE set_aside_at IS NOT NULL
    ORDER BY set_aside_at, outbox_id LIMIT 1";

const LIST: &str = "\
    SELECT outbox_id, kind, session_id, at, octet_length(payload) AS bytes, set_aside_at,
        set_aside_reason
    FROM outbox WHERE set_aside_at IS NOT NULL ORDER BY outbox_id LIMIT ?1";

const RELEASE: &str = "\
    UPDATE outbox SET set_aside_at = NULL, set_aside_reason = NULL
    WHERE outbox_id = ?1 AND set_aside_at IS NOT NULL";

const RELEASE_ALL: &str = "\
    UPDATE outbox SET set_aside_at = NULL, set_aside_reason = NULL
    WHERE set_aside_at IS NOT NULL";
