//! The archived alerts.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use schemars::JsonSchema;
use serde::Serialize;

use super::Archive;
use crate::{
    error::{Error, ErrorKind, Result},
    fleet::{alert::AlertKind, message::BoothKey},
};

/// One alert.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct AlertRecord {
    /// Its number.
    pub alert_id: i64,
    /// The booth.
    #[serde(flatten)]
    pub key: BoothKey,
    /// Its kind.
    pub kind: AlertKind,
    /// Since when, unix ms.
    pub since: i64,
    /// Until when, unix ms; null: it holds.
    pub until: Option<i64>,
    /// Its cause, when it was raised.
    pub detail: String,
    /// The name of the token that acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When it was acknowledged, unix ms.
    pub acknowledged_at: Option<i64>,
    /// The note of the acknowledgement.
    pub note: Option<String>,
}

/// Filters the list of alerts.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// Only those that hold (true) or have ended (false).
    pub is_open: Option<bool>,
    /// Of this booth only.
    pub booth: Option<BoothKey>,
    /// Only numbers below this one.
    pub before: Option<i64>,
    /// Alerts at most.
    pub limit: u32,
}

/// Longest note, characters.
const MAX_NOTE_CHARS: usize = 1000;

impl AlertRecord {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind: String = row.get("kind")?;
        Ok(AlertRecord {
            alert_id: row.get("alert_id")?,
            key: BoothKey { site: row.get("site")?, booth: row.get("booth")? },
            kind: AlertKind::of_name(&kind).expect("the CHECK knows the same words"),
            since: row.get("since_at")?,
            until: row.get("until_at")?,
            detail: row.get("detail")?,
            acknowledged_by: row.get("acknowledged_by")?,
            acknowledged_at: row.get("acknowledged_at")?,
            note: row.get("note")?,
        })
    }
}

impl Archive {
    /// Alerts, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn alerts(&self, query: AlertQuery) -> Result<Vec<AlertRecord>> {
        self.ask(move |connection| list(connection, &query)).await
    }

    /// Acknowledges an alert; `None`: there is no such alert. The first acknowledgement stays.
    ///
    /// # Errors
    /// `InvalidInput` when the note is too long; `Unavailable`, `Exhausted`.
    pub async fn acknowledge(
        &self,
        alert_id: i64,
        actor: &str,
        now: i64,
        note: Option<String>,
    ) -> Result<Option<AlertRecord>> {
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS) {
            let what = format!("a note has at most {MAX_NOTE_CHARS} characters");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let actor = actor.to_owned();
        self.command(move |connection| acknowledge(connection, alert_id, &actor, now, note))
            .await
    }
}

fn acknowledge(
    connection: &Connection,
    alert_id: i64,
    actor: &str,
    now: i64,
    note: Option<String>,
) -> Result<Option<AlertRecord>> {
    connection.prepare_cached(ACKNOWLEDGE)?.execute((alert_id, actor, now, note))?;
    let statement = format!("{SELECT} WHERE alert_id = ?1");
    let mut ask = connection.prepare_cached(&statement)?;
    Ok(ask.query_row([alert_id], AlertRecord::from_row).optional()?)
}

fn list(connection: &Connection, query: &AlertQuery) -> Result<Vec<AlertRecord>> {
    let (site, booth) = query.booth.clone().map(|key| (key.site, key.booth)).unzip();
    let statement = format!("{SELECT} {WANTED}");
    let mut ask = connection.prepare_cached(&statement)?;
    let rows = ask.query_map(
        named_params! {
            ":is_open": query.is_open, ":site": site, ":booth": booth,
            ":before": query.before, ":limit": query.limit,
        },
        AlertRecord::from_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Alerts that hold, for the fleet state's memory.
pub(super) fn open_alerts(
    connection: &Connection,
) -> Result<Vec<(BoothKey, AlertKind, i64, String)>> {
    let statement = format!("{SELECT} WHERE until_at IS NULL");
    let mut ask = connection.prepare(&statement)?;
    let rows = ask.query_map([], AlertRecord::from_row)?;
    let alerts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(alerts.into_iter().map(|a| (a.key, a.kind, a.since, a.detail)).collect())
}

const SELECT: &str = "SELECT * FROM alert JOIN booth USING (booth_id)";

const WANTED: &str = "\
    WHERE (:is_open IS NULL OR (until_at IS NULL) = :is_open)
        AND (:site IS NULL OR (site = :site AND booth = :booth))
        AND (:before IS NULL OR alert_id < :before)
    ORDER BY alert_id DESC LIMIT :limit";

const ACKNOWLEDGE: &str = "\
    UPDATE alert SET acknowledged_by = ?2, acknowledged_at = ?3, note = ?4
    WHERE alert_id = ?1 AND acknowledged_by IS NULL";
