//! Events of a session or of the booth, for the history and the fleet server.

use rusqlite::Row;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    database::Database,
    epoch::current_epoch,
    json,
    outbox::{self, NewRow, Sender},
};
use crate::error::Result;

/// An event of a session or of the booth.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct EventRecord {
    /// The session; null: the booth itself.
    pub session_id: Option<String>,
    /// Time of the event, unix ms.
    pub at: i64,
    /// Kind, such as `camera_lost`.
    pub kind: String,
    /// Details of the event.
    pub data: Value,
}

impl EventRecord {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(EventRecord {
            session_id: row.get("session_id")?,
            at: row.get("at")?,
            kind: row.get("kind")?,
            data: json(row.get_ref("data")?.as_str()?)?,
        })
    }
}

impl Database {
    pub(super) fn add_event(&mut self, event: &EventRecord, sender: &Sender) -> Result<()> {
        let EventRecord { session_id, at, kind, data } = event;
        let transaction = self.begin()?;
        let row = (session_id, at, kind, data.to_string());
        transaction.prepare_cached(INSERT)?.execute(row)?;
        let kind = format!("event/{kind}");
        let session_id = session_id.as_deref();
        let row = NewRow { session_id, kind: &kind, at: *at, payload: data };
        outbox::add(&transaction, sender, &row)?;
        Ok(transaction.commit()?)
    }

    /// Events of a session, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn events(&self, session_id: &str) -> Result<Vec<EventRecord>> {
        let mut ask = self.connection.prepare_cached(SELECT)?;
        let rows = ask.query_map([session_id], EventRecord::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

const INSERT: &str = concat!(
    "INSERT INTO event (session_id, at, kind, data, epoch_id) VALUES (?1, ?2, ?3, ?4, ",
    current_epoch!(),
    ")"
);

const SELECT: &str = "SELECT * FROM event WHERE session_id = ?1 ORDER BY event_id";
