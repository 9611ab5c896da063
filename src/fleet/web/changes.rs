//! GET /api/v1/fleet/changes: what has changed since the reader last asked, answered at once.
//!
//! The page asks each second. A stream (GET /api/v1/fleet/events) would hold one of the six
//! connections that a browser has to a host over HTTP/1.1, so that the seventh tab would hang.

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shared;
use crate::{
    fleet::{BoothKey, BoothRow, FleetSummary, Modality},
    http::{Caller, Parameters, Refused},
    store::Role,
};

/// Rows in one answer.
const ROWS: usize = 200;

/// Query of the changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangesQuery")]
pub(super) struct Since {
    /// The `run` of the answer before; another one, or none, gets the whole list.
    run: Option<i64>,
    /// The `revision` of the answer before; 0 for the whole list.
    after: Option<u64>,
    /// The booth whose live reports are wanted, with `booth`.
    site: Option<String>,
    /// The same, with `site`.
    booth: Option<String>,
    /// The `at` of the newest video report that the reader has.
    video_after: Option<i64>,
    /// The `at` of the newest audio report that the reader has.
    audio_after: Option<i64>,
}

/// What has changed.
#[derive(JsonSchema, Serialize)]
pub(super) struct Changes {
    /// What the reader's token may do.
    role: Role,
    /// Identifies this start of the fleet server: each start counts revisions from the beginning.
    run: i64,
    /// How far this answer brings the reader.
    revision: u64,
    /// More rows have changed than are in this answer: ask again.
    has_more: bool,
    /// Rows of the list that have changed, at most 200.
    booths: Vec<BoothRow>,
    /// All booths.
    #[serde(rename = "census")]
    fleet_summary: FleetSummary,
    /// Reports of the wanted booth that are newer than the reader's.
    live: Vec<LiveReport>,
}

/// A report of the booth that is looked at.
#[derive(JsonSchema, Serialize)]
pub(super) struct LiveReport {
    /// Of what.
    kind: Modality,
    /// When it came, unix ms by the fleet server's clock.
    at: i64,
    /// As the booth sent it.
    report: Value,
}

/// Answers GET /api/v1/fleet/changes.
pub(super) async fn changes(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Parameters(since): Parameters<Since>,
) -> Result<Json<Changes>, Refused> {
    let is_same_run = since.run == Some(shared.run);
    let after = since.after.filter(|_| is_same_run).unwrap_or_default();
    let key = since.site.zip(since.booth).map(|(site, booth)| BoothKey { site, booth });
    let live_after = [since.video_after, since.audio_after].map(Option::unwrap_or_default);
    let fleet_state = shared.fleet_state();
    let (booths, revision) = fleet_state.changes(after, ROWS);
    let has_more = revision < fleet_state.revision();
    let fleet_summary = fleet_state.fleet_summary();
    let live = key.map_or([None, None], |key| fleet_state.live_after(&key, live_after));
    drop(fleet_state);
    let kinds = [Modality::Video, Modality::Audio];
    let live = kinds.into_iter().zip(live).filter_map(|(kind, live)| {
        let (at, text) = live?;
        Some(LiveReport { kind, at, report: serde_json::from_str(&text).ok()? })
    });
    let (role, run, live) = (caller.0.role, shared.run, live.collect());
    Ok(Json(Changes { role, run, revision, has_more, booths, fleet_summary, live }))
}
