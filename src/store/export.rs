//! A session as a file for people and programs: all of it as JSON, its metrics as CSV.

use std::{collections::BTreeMap, fmt::Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::{EventRecord, History, SessionRecord, database::Database};
use crate::error::Result;

/// All stored data of a session.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct Export {
    /// The session, with its consent and its summary.
    pub session: SessionRecord,
    /// Its events, oldest first.
    pub events: Vec<EventRecord>,
    /// Its metrics, one row a second.
    pub history: History,
}

impl Export {
    /// The metrics as CSV (RFC 4180): one line a second, `at` in ms since 1970; a field is empty
    /// where a value could not be known or belongs to a modality that was off.
    pub fn to_csv(&self) -> String {
        let History { video, audio, .. } = &self.history;
        let names = |columns: &[&'static str]| columns[1..].join(",");
        let mut csv =
            format!("offset_s,at,{},{}\r\n", names(&video.columns), names(&audio.columns));
        let mut seconds: BTreeMap<u64, [Option<&[Option<f64>]>; 2]> = BTreeMap::new();
        for (half, series) in [video, audio].into_iter().enumerate() {
            for row in &series.rows {
                let (offset_s, values) = (row[0].unwrap_or_default(), &row[1..]);
                seconds.entry(whole(offset_s)).or_default()[half] = Some(values);
            }
        }
        let widths = [video.columns.len() - 1, audio.columns.len() - 1];
        for (offset_s, halves) in seconds {
            let at = self.session.started_at + i64::try_from(offset_s).unwrap_or(0) * 1000;
            write!(csv, "{offset_s},{at}").expect("a text takes all");
            for (values, width) in halves.into_iter().zip(widths) {
                for k in 0..width {
                    csv.push(',');
                    if let Some(value) = values.and_then(|values| values[k]) {
                        write!(csv, "{value}").expect("a text takes all");
                    }
                }
            }
            csv.push_str("\r\n");
        }
        csv
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the schema keeps offsets whole and within a week"
)]
fn whole(offset_s: f64) -> u64 {
    offset_s as u64
}

impl Database {
    /// All stored data of a session; `None` when there is none of that id.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn export(&self, session_id: &str) -> Result<Option<Export>> {
        let Some(session) = self.session(session_id)? else { return Ok(None) };
        let events = self.events(session_id)?;
        let history = self.history(session_id, u32::MAX)?;
        Ok(Some(Export { session, events, history }))
    }
}
