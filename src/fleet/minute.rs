//! [`Minute`]: the means of one minute of a booth's live metrics. A null value is not in the mean,
//! and a metric without a value has no mean.
//!
//! The fleet server keeps no expression over time, only what shows whether a booth works well.

use rusqlite::Connection;
use serde_json::Value;

use super::message::{BoothKey, Modality};
use crate::{
    error::Result,
    metric::{ANALYSIS_TIME, FACE, Metric, VOICE},
    store::{self, Column},
};

/// Milliseconds in a minute.
pub(in crate::fleet) const MINUTE_MS: i64 = 60_000;

impl Modality {
    /// The catalogue of what its reports hold.
    pub fn catalog(self) -> &'static [Metric] {
        match self {
            Modality::Video => FACE,
            Modality::Audio => VOICE,
        }
    }

    /// The metrics of which minutes are kept, each with its column.
    pub fn minutes(self) -> impl Iterator<Item = (&'static Metric, &'static str)> + Clone {
        let metrics = self.catalog().iter().chain([&ANALYSIS_TIME]);
        metrics.filter_map(|metric| Some((metric, metric.minute?)))
    }

    /// The table of its minutes.
    pub fn table(self) -> &'static str {
        match self {
            Modality::Video => "video_minute",
            Modality::Audio => "audio_minute",
        }
    }
}

/// Adds the columns that the catalogue has and a table of minutes does not.
///
/// # Errors
/// `Unavailable` when the disk does not take them.
pub(super) fn add_columns(connection: &Connection) -> Result<()> {
    for modality in [Modality::Video, Modality::Audio] {
        let columns = modality.minutes().map(|(metric, name)| Column {
            name,
            kind: "REAL",
            range: metric.range,
        });
        store::add_columns(connection, modality.table(), columns)?;
    }
    Ok(())
}

/// Reports of one minute, of one session or of none.
#[derive(Clone, Debug, PartialEq)]
pub struct Minute {
    /// The booth.
    pub key: BoothKey,
    /// Video or audio.
    pub modality: Modality,
    /// When it began, unix ms.
    pub minute_at: i64,
    /// The session that the reports named.
    pub session_id: Option<String>,
    /// Reports.
    pub samples: u32,
    sums: Vec<(f64, u32)>,
}

impl Minute {
    /// A minute without a report yet.
    pub fn new(key: &BoothKey, modality: Modality, now: i64, session_id: Option<&str>) -> Self {
        Minute {
            key: key.clone(),
            modality,
            minute_at: now - now.rem_euclid(MINUTE_MS),
            session_id: session_id.map(str::to_owned),
            samples: 0,
            sums: vec![(0.0, 0); modality.minutes().count()],
        }
    }

    /// Whether a report of `now` and that session belongs in.
    pub fn holds(&self, now: i64, session_id: Option<&str>) -> bool {
        !self.is_over(now) && self.session_id.as_deref() == session_id
    }

    /// Whether the minute has passed. A clock that was set back ends it too.
    pub fn is_over(&self, now: i64) -> bool {
        !(self.minute_at..self.minute_at + MINUTE_MS).contains(&now)
    }

    /// Adds a report. An invalid value counts as missing.
    pub fn add(&mut self, report: &Value) {
        self.samples += 1;
        for ((metric, _), (sum, count)) in self.modality.minutes().zip(&mut self.sums) {
            let value = report.pointer(metric.pointer).and_then(|value| match value {
                Value::Bool(yes) => Some(f64::from(*yes)),
                other => other.as_f64(),
            });
            let (min, max) = metric.range;
            if let Some(value) = value.filter(|value| (min..=max).contains(value)) {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// The means, in the order of [`Modality::minutes`].
    pub fn means(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_not_in_the_mean() {
        let key = BoothKey { site: "a".into(), booth: "b".into() };
        let mut minute = Minute::new(&key, Modality::Audio, 61_000, Some("s"));
        assert_eq!(minute.minute_at, 60_000);
        minute.add(&json!({"speech_ratio": 0.5, "volume_dbfs": null}));
        minute.add(&json!({"speech_ratio": 1.0, "volume_dbfs": -20.0, "pitch_mean": 1e12}));
        let means: BTreeMap<_, _> =
            Modality::Audio.minutes().map(|(_, column)| column).zip(minute.means()).collect();
        assert_eq!(means["speech_ratio"], Some(0.75));
        assert_eq!(means["volume_dbfs"], Some(-20.0));
        assert_eq!((means["speech_rate_per_min"], means["pitch_mean_hz"]), (None, None));
        assert!(minute.holds(119_999, Some("s")));
        assert!(!minute.holds(120_000, Some("s")) && !minute.holds(61_000, None));
    }
}
