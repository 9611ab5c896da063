//! Outbox rows that the broker refuses: kept, counted, and sent again when an operator asks.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Store, audit, database::Database, worker::StoreWorker};
use crate::error::Result;

/// Characters that a reason may have; a longer one is cut.
const MAX_REASON_CHARS: usize = 400;

/// Rows that [`Store::rows_set_aside`] lists at most; the oldest come first.
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
    fn set_aside(&mut self, outbox_id: i64, reason: &str, now: i64) -> Result<bool> {
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

impl StoreWorker {
    /// Counts the rows that are set aside. `expected` is the count without changes of other
    /// processes; missing rows were released or erased, and the sender looks for them.
    pub(super) fn count_set_aside(&mut self, expected: u64) -> Result<()> {
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

impl Store {
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

    /// The rows that are set aside, oldest first, at most [`MAX_LISTED`].
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
