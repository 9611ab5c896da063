//! Recordings: the metrics of a session as they happened, written in batches and read as series.

use rusqlite::{Connection, OptionalExtension, params_from_iter};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    database::Database,
    metric::{MetricRow, Modality},
    pending::Batch,
};
use crate::{error::Result, metric::Stored};

/// Recorded metrics of a session.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct History {
    /// Id of the session.
    pub session_id: String,
    /// Seconds that one row stands for; its values are means where that is over 1.
    pub step_s: u32,
    /// Rows lost because neither disk nor memory had room.
    pub lost_rows: u64,
    /// Metrics of the camera.
    pub video: Series,
    /// Metrics of the microphone.
    pub audio: Series,
}

/// Time series of metrics.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct Series {
    /// Names of a row's values. The first is `offset_s`: seconds since the session began.
    pub columns: Vec<&'static str>,
    /// Rows, oldest first; null where a value could not be measured.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl Database {
    /// Writes rows in one transaction, and notes those that found no room before; those of
    /// sessions that do not run, and those that the schema refuses, are left out: how many.
    pub(super) fn record(&mut self, batch: &Batch) -> Result<usize> {
        let transaction = self.begin()?;
        let mut lost = 0;
        for row in &batch.rows {
            transaction.prepare_cached(OPEN_RECORDING)?.execute([&row.session_id])?;
            if insert(&transaction, row)? == 0 {
                lost += 1;
                transaction.prepare_cached(NOTE_LOST)?.execute((1, &row.session_id))?;
            }
        }
        for (session_id, rows) in &batch.lost {
            transaction.prepare_cached(OPEN_RECORDING)?.execute([session_id])?;
            transaction.prepare_cached(NOTE_LOST)?.execute((rows, session_id))?;
        }
        transaction.commit()?;
        Ok(lost)
    }

    /// Recorded metrics of a session, in at most `most_points` rows per modality.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn history(&self, session_id: &str, most_points: u32) -> Result<History> {
        let mut ask = self.connection.prepare_cached(SELECT_RECORDING)?;
        let found: Option<(i64, u64)> =
            ask.query_row([session_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let mut history = History {
            session_id: session_id.into(),
            step_s: 1,
            lost_rows: 0,
            video: series_of(Modality::Video),
            audio: series_of(Modality::Audio),
        };
        let Some((recording_id, lost_rows)) = found else { return Ok(history) };
        let newest: u32 = self
            .connection
            .prepare_cached(SELECT_NEWEST)?
            .query_row([recording_id], |row| row.get(0))?;
        history.lost_rows = lost_rows;
        history.step_s = (newest + 1).div_ceil(most_points.max(1)).max(1);
        for modality in Modality::ALL {
            let rows = self.rows_of(recording_id, modality, history.step_s)?;
            match modality {
                Modality::Video => history.video.rows = rows,
                Modality::Audio => history.audio.rows = rows,
            }
        }
        Ok(history)
    }

    fn rows_of(
        &self,
        recording_id: i64,
        modality: Modality,
        step_s: u32,
    ) -> Result<Vec<Vec<Option<f64>>>> {
        let columns = modality.metrics().count();
        let means: String = modality
            .metrics()
            .map(|(_, Stored { column, scale })| format!(", avg({column}) / {scale:.1}"))
            .collect();
        let table = modality.table();
        let sql = format!(
            "SELECT min(offset_s){means} FROM {table} WHERE recording_id = ?1 \
             GROUP BY offset_s / ?2 ORDER BY 1"
        );
        let mut ask = self.connection.prepare_cached(&sql)?;
        let rows = ask.query_map((recording_id, step_s), |row| {
            (0..=columns).map(|k| row.get(k)).collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn series_of(modality: Modality) -> Series {
    let names = modality.metrics().map(|(metric, _)| metric.name);
    Series { columns: std::iter::once("offset_s").chain(names).collect(), rows: Vec::new() }
}

/// The newest of a second stays; 0 where the schema refuses it or the session runs no more.
fn insert(connection: &Connection, row: &MetricRow) -> Result<usize> {
    let columns = row.modality.metrics();
    let names: String =
        columns.map(|(_, Stored { column, .. })| format!(", {column}")).collect();
    let places: String = (0..row.values.len()).map(|k| format!(", ?{}", k + 3)).collect();
    let table = row.modality.table();
    let sql = format!(
        "INSERT OR IGNORE INTO {table} (recording_id, offset_s{names}) \
         SELECT recording_id, ?2{places} FROM recording WHERE session_id = ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let name: [&dyn rusqlite::ToSql; 2] = [&row.session_id, &row.offset_s];
    let values = row.values.iter().map(|value| value as &dyn rusqlite::ToSql);
    Ok(statement.execute(params_from_iter(name.into_iter().chain(values)))?)
}

const OPEN_RECORDING: &str = "\
    INSERT INTO recording (session_id)
    SELECT session_id FROM session WHERE session_id = ?1 AND state = 'running'
    ON CONFLICT (session_id) DO NOTHING";

const NOTE_LOST: &str = "\
    UPDATE recording SET lost_rows = lost_rows + ?1 WHERE session_id = ?2";

const SELECT_RECORDING: &str =
    "SELECT recording_id, lost_rows FROM recording WHERE session_id = ?1";

const SELECT_NEWEST: &str = "\
    SELECT max(
        ifnull((SELECT max(offset_s) FROM video_metric WHERE recording_id = ?1), 0),
        ifnull((SELECT max(offset_s) FROM audio_metric WHERE recording_id = ?1), 0))";
