//! The audit log: who did what, to what, when. Never a metric, never a secret.

use rusqlite::{Connection, Row, named_params};
use schemars::JsonSchema;
use serde::Serialize;

use super::{database::Database, epoch::current_epoch};
use crate::error::Result;

/// One thing that somebody did.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct AuditEntry {
    /// Its number: grows, never given twice.
    pub audit_id: i64,
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

/// Which entries are asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditQuery {
    /// At most so many, the newest of them.
    pub limit: u32,
    /// Only those before the entry of that number.
    pub before: Option<i64>,
    /// Only those of that actor.
    pub actor: Option<String>,
    /// Only those of that action.
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
        // Said so that its index serves where an actor is asked for.
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
