//! The tables `video_metric` and `audio_metric`: a column for each stored metric of the catalogue.

use rusqlite::Connection;

use super::file::{self, Column};
use crate::{
    error::Result,
    metric::{FACE, FaceValues, Metric, Stored, VOICE, VoiceValues},
    names::SessionId,
};

/// Modality of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Modality {
    /// `video_metric`.
    Video,
    /// `audio_metric`.
    Audio,
}

/// One second of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// The session.
    pub session_id: SessionId,
    /// Whole seconds since the session began.
    pub offset_s: u32,
    /// The table.
    pub modality: Modality,
    /// One for each column, in the table's units.
    pub values: Vec<Option<i64>>,
}

impl MetricRow {
    /// The row of a frame's values.
    pub fn video(session_id: &SessionId, offset_s: u32, values: &FaceValues) -> Self {
        let values = stored(values.iter());
        MetricRow {
            session_id: session_id.clone(),
            offset_s,
            modality: Modality::Video,
            values,
        }
    }

    /// The row of a segment's values.
    pub fn audio(session_id: &SessionId, offset_s: u32, values: &VoiceValues) -> Self {
        let values = stored(values.iter());
        MetricRow {
            session_id: session_id.clone(),
            offset_s,
            modality: Modality::Audio,
            values,
        }
    }
}

fn stored(values: impl Iterator<Item = (&'static Metric, Option<f64>)>) -> Vec<Option<i64>> {
    let stored = |(metric, value): (&Metric, Option<f64>)| {
        metric.stored.map(|stored| value.map(|value| stored.of(value)))
    };
    values.filter_map(stored).collect()
}

impl Modality {
    /// Both, in the order of an export.
    pub const ALL: [Modality; 2] = [Modality::Video, Modality::Audio];

    /// The table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Modality::Video => "video_metric",
            Modality::Audio => "audio_metric",
        }
    }

    /// The stored metrics in the order of a row's values.
    pub(super) fn metrics(self) -> impl Iterator<Item = (&'static Metric, Stored)> + Clone {
        let catalog = match self {
            Modality::Video => FACE,
            Modality::Audio => VOICE,
        };
        catalog.iter().filter_map(|metric| Some((metric, metric.stored?)))
    }
}

/// Adds the columns that the catalogue has and a table does not.
///
/// # Errors
/// `Unavailable` when the disk does not take them.
pub(super) fn add_columns(connection: &Connection) -> Result<()> {
    for modality in Modality::ALL {
        let columns = modality.metrics().map(|(metric, Stored { column: name, scale })| {
            let range = (metric.range.0 * scale, metric.range.1 * scale);
            Column { name, kind: "INTEGER", range }
        });
        file::add_columns(connection, modality.table(), columns)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::Database;

    #[test]
    fn a_metric_without_a_column_gets_one_with_its_range() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("boothd.db");
        Database::open(&path).expect("a new file");
        let raw = Connection::open(&path).expect("opens");
        let drop = "ALTER TABLE audio_metric DROP COLUMN clipping_permille";
        raw.execute_batch(drop).expect("a file of before the metric");
        Database::open(&path).expect("opens again");
        for modality in Modality::ALL {
            for (_, Stored { column, .. }) in modality.metrics() {
                let ask = format!("SELECT {column} FROM {}", modality.table());
                raw.prepare(&ask).expect("the column is there");
            }
        }
        let ask = "SELECT sql FROM sqlite_schema WHERE name = 'audio_metric'";
        let sql: String = raw.query_row(ask, [], |row| row.get(0)).expect("the table");
        assert!(sql.contains("CHECK (clipping_permille BETWEEN 0 AND 1000)"), "{sql}");
    }
}
