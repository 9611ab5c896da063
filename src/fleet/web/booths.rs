//! The list of booths, and one of them.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shared;
use crate::{
    fleet::{
        AlertKind, BoothKey, BoothRow, EventRow, Filter, FleetSummary, History, Presence,
        Refused,
    },
    http::{Parameters, Refused as Refusal},
};

/// Records of a list without `limit`, and the highest `limit`.
pub(super) const USUAL: u32 = 100;
pub(super) const MOST: u32 = 1000;

/// A day, ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Query of the list of booths.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A part of the site's or booth's name or of its version, or the name of an alert.
    q: Option<String>,
    /// This site only.
    site: Option<String>,
    /// This presence only.
    presence: Option<Presence>,
    /// Only booths with this alert.
    alert: Option<AlertKind>,
    /// true: only booths with any alert.
    alerts: Option<bool>,
    /// Booths at most; 100 by default.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// Booths to skip.
    offset: Option<u32>,
}

/// A part of the list.
#[derive(JsonSchema, Serialize)]
pub(super) struct Booths {
    /// By site and name.
    booths: Vec<BoothRow>,
    /// Number of booths that the filter admits.
    total: usize,
    /// Counts over all booths, without the filter.
    #[serde(rename = "census")]
    fleet_summary: FleetSummary,
    /// Revision of the list, for the stream of changes.
    revision: u64,
}

/// One booth, now.
#[derive(JsonSchema, Serialize)]
pub(super) struct BoothNow {
    /// Its row in the list.
    booth: BoothRow,
    /// The `info` that it reported last.
    info: Option<Value>,
    /// The `health` that it reported last.
    health: Option<Value>,
    /// Its newest `visual_analysis`.
    video: Option<Newest>,
    /// Its newest `audio_analysis`.
    audio: Option<Newest>,
    /// Its invalid messages and values, which were dropped.
    refused: Refused,
}

/// A report and its arrival time.
#[derive(JsonSchema, Serialize)]
pub(super) struct Newest {
    /// When it arrived, unix ms, by the fleet server's clock.
    at: i64,
    report: Value,
}

/// Query of a history.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    /// Begin, unix ms; a day before `until` by default.
    from: Option<i64>,
    /// End, unix ms; now by default.
    until: Option<i64>,
}

/// The newest part of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// Records at most; 100 by default.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Events of a booth.
#[derive(JsonSchema, Serialize)]
pub(super) struct Events {
    /// Newest first.
    events: Vec<EventRow>,
}

impl ListQuery {
    pub(super) fn filter(&self) -> Filter {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Filter {
            search: given(&self.q),
            site: given(&self.site),
            presence: self.presence,
            alert: self.alert,
            has_alert: self.alerts == Some(true),
        }
    }
}

impl HistoryQuery {
    /// Begin and end, unix ms.
    ///
    /// # Errors
    /// 400 where it ends before it begins.
    pub(super) fn span(self, now: i64) -> Result<(i64, i64), Refusal> {
        let until = self.until.unwrap_or(now);
        let from = self.from.unwrap_or(until.saturating_sub(DAY_MS));
        if from < until {
            return Ok((from, until));
        }
        Err(invalid("from must be before until".into()))
    }
}

/// The number of records to return.
///
/// # Errors
/// 400 where that is none or too many.
pub(super) fn wanted(limit: Option<u32>) -> Result<u32, Refusal> {
    let limit = limit.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    Err(invalid(format!("limit must be from 1 to {MOST}, is {limit}")))
}

pub(super) fn invalid(sentence: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_input", sentence)
}

pub(super) fn no_booth() -> Refusal {
    Refusal::not_found("there is no booth of that name")
}

/// Answers GET /api/v1/fleet/booths.
pub(super) async fn list(
    State(shared): State<Shared>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Booths>, Refusal> {
    let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = place(wanted(query.limit)?);
    let fleet_state = shared.fleet_state();
    let (booths, total) =
        fleet_state.list(&query.filter(), place(query.offset.unwrap_or_default()), limit);
    let (fleet_summary, revision) = (fleet_state.fleet_summary(), fleet_state.revision());
    drop(fleet_state);
    Ok(Json(Booths { booths, total, fleet_summary, revision }))
}

/// Answers GET /api/v1/fleet/booths/{site}/{booth}.
pub(super) async fn one(
    State(shared): State<Shared>,
    Path((site, booth)): Path<(String, String)>,
) -> Result<Json<BoothNow>, Refusal> {
    let detail = shared.fleet_state().detail(&BoothKey { site, booth }).ok_or_else(no_booth)?;
    let [video, audio] = detail.live.map(|live| live.map(|(at, report)| Newest { at, report }));
    let (info, health, refused) = (detail.info, detail.health, detail.refused);
    Ok(Json(BoothNow { booth: detail.row, info, health, video, audio, refused }))
}

/// Answers GET /api/v1/fleet/booths/{site}/{booth}/history.
pub(super) async fn history(
    State(shared): State<Shared>,
    Path((site, booth)): Path<(String, String)>,
    Parameters(query): Parameters<HistoryQuery>,
) -> Result<Json<History>, Refusal> {
    let (from, until) = query.span(shared.clock.unix_ms())?;
    let key = BoothKey { site, booth };
    let is_known = shared.fleet_state().detail(&key).is_some();
    match shared.state.archive.history(key, from, until).await? {
        Some(history) => Ok(Json(history)),
        // Its first message has just arrived and is not on the disk yet.
        None if is_known => Ok(Json(History::default())),
        None => Err(no_booth()),
    }
}

/// Answers GET /api/v1/fleet/booths/{site}/{booth}/events.
pub(super) async fn events(
    State(shared): State<Shared>,
    Path((site, booth)): Path<(String, String)>,
    Parameters(Limit { limit }): Parameters<Limit>,
) -> Result<Json<Events>, Refusal> {
    let key = BoothKey { site, booth };
    let events = shared.state.archive.events(key, wanted(limit)?).await?;
    Ok(Json(Events { events }))
}
