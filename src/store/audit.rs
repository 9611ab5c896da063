//! The audit log: who did what, to what, when. Holds no metric and no secret.

use rusqlite::{Connection, Row, named_params};
use schemars::JsonSchema;
use serde::Serialize;

use super::{database::Database, epoch::current_epoch};
use crate::error::Result;

/// One entry of the audit log.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct AuditEntry {
    /// Number of the entry: grows, is never reused.
    pub audit_id: i64,
    /// Time of the action, unix ms.
    pub at: i64,
    /// Actor: a token's name, or `boothd` itself.
    pub actor: String,
    /// Action, such as `token.revoke`.
    pub action: String,
    /// Object of the action, such as `token 7`.
    pub object: String,
    /// Details; may be empty.
    pub detail: String,
}

/// Selects entries of the audit log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditQuery {
    /// Maximum number of entries; the newest are returned.
    pub limit: u32,
    /// Only entries before the entry of this number.
    pub before: Option<i64>,
    /// Only entries of this actor.
    pub actor: Option<String>,
    /// Only entries of this action.
    pub action: Option<String>,
}

impl AuditEntry {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(AuditEntry {
            audit_id: row.get("audit_id")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            object: row.get("object")?,
            detail: row.get("detail")?,
        })
    }
}

/// Adds an entry: action, object, detail. Part of the caller's transaction, so that no action is
/// committed without its entry.
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
    /// Adds an entry in a transaction of its own.
    pub(super) fn audit(&self, now: i64, actor: &str, what: [&str; 3]) -> Result<()> {
        note(&self.connection, now, actor, what)
    }

    /// The same for a command, which may run beside the daemon.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn audit_by_command(&self, now: i64, actor: &str, what: [&str; 3]) -> Result<()> {
        self.audit(now, actor, what)
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.audit_part(&AuditQuery { limit, ..AuditQuery::default() })
    }

    /// A part of the log, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn audit_part(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let AuditQuery { limit, before, actor, action } = query;
        // Written so that SQLite uses the index of the actor where one is given.
        let by_actor = if actor.is_some() { "actor = :actor" } else { ":actor IS NULL" };
        let select = format!(
            "SELECT * FROM audit
            WHERE audit_id < :before AND {by_actor} AND (:action IS NULL OR action = :action)
            ORDER BY audit_id DESC LIMIT :limit"
        );
        let mut ask = self.connection.prepare_cached(&select)?;
        let asked = named_params! {
            ":before": before.unwrap_or(i64::MAX), ":actor": actor, ":action": action,
            ":limit": limit,
        };
        let rows = ask.query_map(asked, AuditEntry::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

const INSERT: &str = concat!(
    "INSERT INTO audit (at, actor, action, object, detail, epoch_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ",
    current_epoch!(),
    ")"
);
