//! Sessions and events, as the booths reported them.

use rusqlite::{Connection, Row, named_params};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Archive;
use crate::{error::Result, fleet::message::BoothKey};

/// A session of a booth.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct SessionRow {
    /// The booth.
    #[serde(flatten)]
    pub key: BoothKey,
    /// Its id.
    pub session_id: String,
    /// Time of its first record, unix ms; orders the list.
    pub listed_at: i64,
    /// When it began, unix ms; null: the booth has not reported it.
    pub started_at: Option<i64>,
    /// When it ended, unix ms; null: the booth has not reported it, so it may still run.
    pub ended_at: Option<i64>,
    /// The booth's record of its beginning.
    pub started: Option<Value>,
    /// Its summary.
    pub summary: Option<Value>,
}

/// Filters the list of sessions.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// A part of the session's id, or the whole `subject_ref`.
    pub search: Option<String>,
    /// Of this site only.
    pub site: Option<String>,
    /// Of this booth only, with `site`.
    pub booth: Option<String>,
    /// Only those listed before this time, unix ms.
    pub before: Option<i64>,
    /// Sessions at most.
    pub limit: u32,
}

/// An event of a booth or a session.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct EventRow {
    /// When, unix ms.
    pub at: i64,
    /// Whether the booth's clock was set.
    pub is_clock_set: bool,
    /// Its name, such as `camera_lost`.
    pub kind: String,
    /// The session that it is about; null: the booth.
    pub session_id: Option<String>,
    /// Its other fields.
    pub data: Value,
}

impl SessionRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(SessionRow {
            key: BoothKey { site: row.get("site")?, booth: row.get("booth")? },
            session_id: row.get("session_id")?,
            listed_at: row.get("listed_at")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            started: json(row, "started")?,
            summary: json(row, "summary")?,
        })
    }
}

impl Archive {
    /// Sessions, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn sessions(&self, query: SessionQuery) -> Result<Vec<SessionRow>> {
        self.ask(move |connection| sessions(connection, &query)).await
    }

    /// The newest events of a booth, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn events(&self, key: BoothKey, limit: u32) -> Result<Vec<EventRow>> {
        self.ask(move |connection| {
            let mut ask = connection.prepare_cached(EVENTS)?;
            let rows = ask.query_map((&key.site, &key.booth, limit), |row| {
                let kind: String = row.get("kind")?;
                Ok(EventRow {
                    at: row.get("at")?,
                    is_clock_set: row.get("is_clock_set")?,
                    kind: kind.trim_start_matches("event/").to_owned(),
                    session_id: row.get("session_id")?,
                    data: json(row, "data")?.unwrap_or_default(),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn sessions(connection: &Connection, query: &SessionQuery) -> Result<Vec<SessionRow>> {
    let mut ask = connection.prepare_cached(SESSIONS)?;
    let rows = ask.query_map(
        named_params! {
            ":search": query.search, ":site": query.site, ":booth": query.booth,
            ":before": query.before, ":limit": query.limit,
        },
        SessionRow::from_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The value of a column whose CHECK guarantees JSON.
fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Value>> {
    let text: Option<String> = row.get(column)?;
    let parse = |text: String| {
        serde_json::from_str(&text).map_err(|cause| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(cause))
        })
    };
    text.map(parse).transpose()
}

const SESSIONS: &str = "\
    SELECT session.*, site, booth FROM session JOIN booth USING (booth_id)
    WHERE (:search IS NULL OR instr(lower(session_id), lower(:search)) > 0
            OR started ->> 'subject_ref' = :search)
        AND (:site IS NULL OR site = :site) AND (:booth IS NULL OR booth = :booth)
        AND (:before IS NULL OR listed_at < :before)
    ORDER BY listed_at DESC, session_id LIMIT :limit";

const EVENTS: &str = "\
    SELECT record.* FROM record JOIN booth USING (booth_id)
    WHERE site = ?1 AND booth = ?2 AND data IS NOT NULL
    ORDER BY record_id DESC LIMIT ?3";
