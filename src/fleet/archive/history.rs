//! Minutes of a booth's metrics, as columns for a chart.

use std::collections::BTreeMap;

use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Archive, write::booth_id};
use crate::{
    error::Result,
    fleet::{
        message::{BoothKey, Modality},
        minute::MINUTE_MS,
    },
};

/// Points of a series at most; a longer time gets longer steps.
const MOST_POINTS: i64 = 1440;

/// One kind of metrics over time.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct Series {
    /// When each step began, unix ms.
    pub at: Vec<i64>,
    /// Reports in each step.
    pub samples: Vec<u64>,
    /// The mean of each metric in each step; null where it is unknown.
    pub means: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// A booth's metrics over time.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct History {
    /// Length of a step, ms.
    pub step_ms: i64,
    /// Metrics of video.
    pub video: Series,
    /// Metrics of audio.
    pub audio: Series,
}

impl Archive {
    /// The minutes from `from` until `until` (unix ms); `None`: there is no such booth.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn history(
        &self,
        key: BoothKey,
        from: i64,
        until: i64,
    ) -> Result<Option<History>> {
        self.ask(move |connection| {
            let Some(booth_id) = booth_id(connection, &key)? else { return Ok(None) };
            let minutes = (until.saturating_sub(from) / MINUTE_MS).max(1);
            let step_ms = (minutes + MOST_POINTS - 1) / MOST_POINTS * MINUTE_MS;
            let wanted = Wanted { booth_id, from, until, step_ms };
            let of = |modality| series(connection, modality, &wanted);
            let (video, audio) = (of(Modality::Video)?, of(Modality::Audio)?);
            Ok(Some(History { step_ms, video, audio }))
        })
        .await
    }
}

/// Minutes of a booth, from `from` until `until` (unix ms), in means of `step_ms`.
struct Wanted {
    booth_id: i64,
    from: i64,
    until: i64,
    step_ms: i64,
}

fn series(connection: &Connection, modality: Modality, wanted: &Wanted) -> Result<Series> {
    let columns: Vec<_> = modality.minutes().map(|(_, column)| column).collect();
    let means: Vec<_> = columns
        .iter()
        .map(|c| format!("sum({c} * samples) / sum(iif({c} IS NULL, NULL, samples))"))
        .collect();
    let statement = format!(
        "SELECT minute_at / ?4 * ?4, sum(samples), {} FROM {} \
         WHERE booth_id = ?1 AND minute_at >= ?2 AND minute_at < ?3 GROUP BY 1 ORDER BY 1",
        means.join(", "),
        modality.table()
    );
    let mut ask = connection.prepare_cached(&statement)?;
    let mut rows = ask.query((wanted.booth_id, wanted.from, wanted.until, wanted.step_ms))?;
    let means = columns.iter().map(|column| (*column, Vec::new())).collect();
    let mut series = Series { at: Vec::new(), samples: Vec::new(), means };
    while let Some(row) = rows.next()? {
        series.at.push(row.get(0)?);
        series.samples.push(row.get(1)?);
        for (k, column) in columns.iter().enumerate() {
            let mean = row.get(2 + k)?;
            series.means.get_mut(column).expect("it was just made").push(mean);
        }
    }
    Ok(series)
}
