//! Erasure: a session, or all data of a subject, leaves no byte in the file or its log. The audit
//! log keeps the erasure under the number of its receipt, without the erased names.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    audit,
    database::Database,
    file,
    outbox::{self, BOOT_ID_BYTES, NewRow, Sender},
    random_hex,
    scrub::zero_unallocated,
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
};

/// Object of an erasure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EraseTarget {
    /// One session.
    Session(String),
    /// Every session of this `subject_ref`.
    Subject(String),
}

/// Receipt of an erasure.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct EraseReceipt {
    /// Number of the receipt, as in the audit log.
    pub receipt_id: String,
    /// Time of the erasure, unix ms.
    pub erased_at: i64,
    /// Erased sessions.
    pub session_ids: Vec<String>,
    /// Deleted rows of sessions, consents, metrics, events and messages.
    pub rows: u64,
    /// The write-ahead log holds no erased data. False: another process still reads the log; it is
    /// cleared when that process is done.
    pub is_log_clear: bool,
}

/// Random bytes in a receipt's number.
const RECEIPT_BYTES: usize = 8;

/// Sessions in one message. The fleet server takes no payload over 64 KiB, and its broker drops a
/// larger one silently: the erase order would be lost.
const IDS_IN_A_MESSAGE: usize = 400;

/// Name of an erased session in the audit log.
const NAMELESS: &str = "session (erased)";

impl Database {
    /// Erases, and adds the erase order for the fleet server to the outbox.
    ///
    /// # Errors
    /// `InvalidInput` when there is nothing to erase or the session still runs; `Unavailable`.
    pub(super) fn erase(
        &mut self,
        target: &EraseTarget,
        actor: &str,
        sender: &Sender,
        now: i64,
    ) -> Result<EraseReceipt> {
        let receipt_id = random_hex(RECEIPT_BYTES);
        let transaction = self.begin()?;
        let session_ids = sessions_of(&transaction, target)?;
        let mut rows = 0;
        for session_id in &session_ids {
            for statement in ERASE {
                rows += transaction.prepare_cached(statement)?.execute([session_id])?;
            }
            // Audit entries of a pause by an older boothd hold only the id.
            for object in [&format!("session {session_id}"), session_id] {
                transaction.prepare_cached(FORGET_NAME)?.execute((NAMELESS, object))?;
            }
        }
        let detail = format!("{} sessions, {rows} rows", session_ids.len());
        let object = format!("receipt {receipt_id}");
        audit::note(&transaction, now, actor, ["session.erase", &object, &detail])?;
        for ids in session_ids.chunks(IDS_IN_A_MESSAGE) {
            let payload = json!({ "receipt_id": receipt_id, "session_ids": ids });
            let row =
                NewRow { session_id: None, kind: "event/erased", at: now, payload: &payload };
            outbox::add(&transaction, sender, &row)?;
        }
        zero_unallocated(&transaction, &[])?;
        transaction.commit()?;
        let is_log_clear = self.clear_log()?;
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(EraseReceipt { receipt_id, erased_at: now, session_ids, rows, is_log_clear })
    }

    /// The same for a command, which may run beside the daemon. `has_fleet_server`: a fleet server is
    /// configured and receives the erase order.
    ///
    /// # Errors
    /// As [`Store::erase`](super::Store::erase).
    pub fn erase_by_command(
        &mut self,
        target: &EraseTarget,
        actor: &str,
        has_fleet_server: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<EraseReceipt> {
        let clock = self.keep_time(clock)?;
        let sender = Sender {
            boot_id: random_hex(BOOT_ID_BYTES),
            is_wanted: has_fleet_server,
            is_clock_set: clock.is_set(),
        };
        self.erase(target, actor, &sender, clock.unix_ms())
    }

    /// Moves the write-ahead log into the file and cuts it to nothing: false while another
    /// process reads it. What was deleted is zeros in the file (`secure_delete`, `scrub`).
    pub(super) fn clear_log(&self) -> Result<bool> {
        file::clear_log(&self.connection)
    }
}

fn sessions_of(connection: &rusqlite::Connection, target: &EraseTarget) -> Result<Vec<String>> {
    let (statement, name) = match target {
        EraseTarget::Session(session_id) => (SELECT_SESSION, session_id),
        EraseTarget::Subject(subject_ref) => (SELECT_SUBJECT, subject_ref),
    };
    let found: Vec<(String, bool)> = connection
        .prepare_cached(statement)?
        .query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if let Some((running, _)) = found.iter().find(|(_, is_running)| *is_running) {
        let what = format!("session {running} still runs; end it first");
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    if found.is_empty() {
        let what = match target {
            EraseTarget::Session(session_id) => format!("there is no session {session_id}"),
            EraseTarget::Subject(_) => "there is no session of that subject".into(),
        };
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(found.into_iter().map(|(session_id, _)| session_id).collect())
}

const SELECT_SESSION: &str = "\
    SELECT session_id, state = 'running' FROM session WHERE session_id = ?1";

const SELECT_SUBJECT: &str = "\
    SELECT session_id, state = 'running' FROM session WHERE subject_ref = ?1";

/// Each table by itself, so that the rows are counted; the cascades would do it too.
const ERASE: [&str; 8] = [
    "DELETE FROM video_metric WHERE recording_id IN
        (SELECT recording_id FROM recording WHERE session_id = ?1)",
    "DELETE FROM audio_metric WHERE recording_id IN
        (SELECT recording_id FROM recording WHERE session_id = ?1)",
    "DELETE FROM recording WHERE session_id = ?1",
    "DELETE FROM event WHERE session_id = ?1",
    "DELETE FROM consent WHERE session_id = ?1",
    "DELETE FROM outbox WHERE session_id = ?1",
    "DELETE FROM session_binding WHERE session_id = ?1",
    "DELETE FROM session WHERE session_id = ?1",
];

const FORGET_NAME: &str = "UPDATE audit SET object = ?1 WHERE object = ?2";
