//! The audit log: who did what, to what, when. Never a metric, never a secret.

use rusqlite::{Connection, Row};
use schemars::JsonSchema;
use serde::Serialize;

use super::{database::Database, epoch::current_epoch};
use crate::error::Result;

/// One thing that somebody did.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct AuditEntry {
    /// When, unix ms.
    pub at: i64,
    /// Who: a token's name, or `boothd` itself.
    pub actor: String,
    /// What, such as `token.revoke`.
    pub action: String,
    /// To what, such as `token 7`.
    pub object: String,
    /// In what way; may be empty.
    pub detail: String,
}

impl AuditEntry {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(AuditEntry {
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            object: row.get("object")?,
            detail: row.get("detail")?,
        })
    }
}

/// Adds an entry: what, to what, in what way. Part of the caller's transaction, so that nothing
/// is done without being noted.
pub(super) fn note(
    connection: &Connection,
    now: i64,
    actor: &str,
    [action, object, detail]: [&str; 3],
) -> Result<()> {
    connection.prepare_cached(INSERT)?.execute((now, actor, action, object, detail))?;
    Ok(())
}

impl Database {
    /// Adds an entry of its own.
    pub(super) fn audit(&self, now: i64, actor: &str, what: [&str; 3]) -> Result<()> {
        note(&self.connection, now, actor, what)
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        let mut ask = self.connection.prepare_cached(SELECT)?;
        let rows = ask.query_map([limit], AuditEntry::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

const INSERT: &str = concat!(
    "INSERT INTO audit (at, actor, action, object, detail, epoch_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ",
    current_epoch!(),
    ")"
);

const SELECT: &str = "\
    SELECT at, actor, action, object, detail FROM audit ORDER BY audit_id DESC LIMIT ?1";
