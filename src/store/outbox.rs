//! The outbox: records that the broker has not acknowledged yet. A row is added in the transaction
//! of the change that it reports, and deleted only when the broker has acknowledged that row.

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::{database::Database, json, millis, retention::bound};
use crate::error::Result;

/// Random bytes in the name of a start of the daemon.
pub(super) const BOOT_ID_BYTES: usize = 16;

/// Limits of the outbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OutboxLimits {
    /// Maximum size of all payloads together, bytes.
    pub max_bytes: u64,
    /// Maximum age of a row.
    pub max_age: std::time::Duration,
}

/// A message for the fleet server.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Its `seq`: grows, is never reused.
    pub outbox_id: i64,
    /// The start of the daemon that added it.
    pub boot_id: String,
    /// The session it is about.
    pub session_id: Option<String>,
    /// `started`, `summary` or `event/` and the event's name.
    pub kind: String,
    /// Time of the reported change, unix ms.
    pub at: i64,
    /// False: the clock was not set, so `at` is not to be trusted.
    pub is_clock_set: bool,
    /// Payload of the message.
    pub payload: Value,
}

/// Size and age of the outbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutboxState {
    /// Rows, with those that are set aside.
    pub depth: u64,
    /// Their payloads, bytes.
    pub bytes: u64,
    /// Time of the oldest row that waits for the broker, unix ms.
    pub oldest_at: Option<i64>,
    /// Rows that were too many or too old, since the start.
    pub fallen_out_total: u64,
    /// The newest row's id; changes with each new row.
    pub newest_id: i64,
}

/// A row to be added.
#[derive(Debug)]
pub(super) struct NewRow<'a> {
    pub(super) session_id: Option<&'a str>,
    pub(super) kind: &'a str,
    pub(super) at: i64,
    pub(super) payload: &'a Value,
}

/// The source of rows: this start of the daemon, and whether a broker is configured.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    pub(super) boot_id: String,
    pub(super) is_wanted: bool,
    pub(super) is_clock_set: bool,
}

impl OutboxRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(OutboxRow {
            outbox_id: row.get("outbox_id")?,
            boot_id: row.get("boot_id")?,
            session_id: row.get("session_id")?,
            kind: row.get("kind")?,
            at: row.get("at")?,
            is_clock_set: row.get("is_clock_set")?,
            payload: json(row.get_ref("payload")?.as_str()?)?,
        })
    }
}

/// Adds a row in the caller's transaction. Without a broker it adds none: no row would ever leave.
pub(super) fn add(connection: &Connection, sender: &Sender, new: &NewRow<'_>) -> Result<()> {
    if sender.is_wanted {
        connection.prepare_cached(INSERT)?.execute((
            &sender.boot_id,
            new.session_id,
            new.kind,
            new.at,
            sender.is_clock_set,
            new.payload.to_string(),
        ))?;
    }
    Ok(())
}

impl Database {
    /// The oldest rows after that one that wait for the broker.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn outbox_after(&self, outbox_id: i64, limit: u32) -> Result<Vec<OutboxRow>> {
        let mut ask = self.connection.prepare_cached(SELECT)?;
        let rows = ask.query_map((outbox_id, limit), OutboxRow::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Deletes rows; how many there were and their bytes.
    pub(super) fn outbox_done(&mut self, ids: &[i64]) -> Result<(u64, u64)> {
        let transaction = self.begin()?;
        let (mut rows, mut bytes) = (0, 0);
        for id in ids {
            let mut delete = transaction.prepare_cached(DELETE)?;
            for gone in delete.query_map([id], |row| row.get::<_, u64>(0))? {
                rows += 1;
                bytes += gone?;
            }
        }
        transaction.commit()?;
        Ok((rows, bytes))
    }

    /// Size and age of the rows after that row, without `fallen_out_total`.
    pub(super) fn outbox_state(&self, after: i64) -> Result<OutboxState> {
        let mut ask = self.connection.prepare_cached(STATE)?;
        Ok(ask.query_row([after], |row| {
            Ok(OutboxState {
                depth: row.get(0)?,
                bytes: row.get(1)?,
                oldest_at: row.get(2)?,
                fallen_out_total: 0,
                newest_id: row.get(3)?,
            })
        })?)
    }

    /// Deletes what is too old for certain, then the oldest until the rest has room; how many rows.
    pub(super) fn trim_outbox(&mut self, limits: &OutboxLimits, now: i64) -> Result<usize> {
        let oldest = self.certain_ms(now).saturating_sub(millis(limits.max_age));
        let most = i64::try_from(limits.max_bytes).unwrap_or(i64::MAX);
        let transaction = self.begin()?;
        let aged = transaction.prepare_cached(&delete_old())?.execute([oldest])?;
        let crowded = transaction.prepare_cached(DELETE_BEYOND)?.execute([most])?;
        transaction.commit()?;
        Ok(aged + crowded)
    }
}

const INSERT: &str = "\
    INSERT INTO outbox (boot_id, session_id, kind, at, is_clock_set, payload, epoch_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT max(epoch_id) FROM clock_epoch))";

const SELECT: &str = "\
    SELECT * FROM outbox WHERE outbox_id > ?1 AND set_aside_at IS NULL
    ORDER BY outbox_id LIMIT ?2";

const DELETE: &str = "DELETE FROM outbox WHERE outbox_id = ?1 RETURNING octet_length(payload)";

/// The counts are of the rows after ?1; the oldest is the oldest of all that wait.
const STATE: &str = "\
    SELECT count(*), ifnull(sum(octet_length(payload)), 0),
        (SELECT at FROM outbox WHERE set_aside_at IS NULL ORDER BY outbox_id LIMIT 1),
        ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)
    FROM outbox WHERE outbox_id > ?1";

/// Everything before the first row that is not old for certain.
fn delete_old() -> String {
    format!(
        "DELETE FROM outbox WHERE outbox_id < ifnull(
            (SELECT outbox_id FROM outbox WHERE {} >= ?1 ORDER BY outbox_id LIMIT 1),
            9223372036854775807)",
        bound("at", "outbox.epoch_id")
    )
}

/// Counted from the newest on, whatever goes over the limit is too much.
const DELETE_BEYOND: &str = "\
    DELETE FROM outbox WHERE outbox_id IN (
        SELECT outbox_id FROM (
            SELECT outbox_id, sum(octet_length(payload)) OVER (ORDER BY outbox_id DESC) AS bytes
            FROM outbox)
        WHERE bytes > ?1)";
