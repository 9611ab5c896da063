//! The list of alerts, and their acknowledgement.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    booths::{invalid, wanted},
};
use crate::{
    fleet::{AlertQuery, AlertRecord, BoothKey},
    http::{Body, Caller, Parameters, Refused},
};

/// Query of the list of alerts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertsQuery {
    /// true: only those that hold; false: only those that have ended.
    open: Option<bool>,
    /// Of one booth only, with `booth`.
    site: Option<String>,
    /// Of one booth only, with `site`.
    booth: Option<String>,
    /// Only numbers below this one.
    before: Option<i64>,
    /// Alerts at most; 100 by default.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// A part of the alerts.
#[derive(JsonSchema, Serialize)]
pub(super) struct Alerts {
    /// Newest first.
    alerts: Vec<AlertRecord>,
}

/// The note of an acknowledgement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AlertNote")]
pub(super) struct Note {
    /// Free text, at most 1000 characters.
    note: Option<String>,
}

impl AlertsQuery {
    /// The query to the archive.
    ///
    /// # Errors
    /// 400 where half of a booth's name is missing, or the limit is none.
    pub(super) fn asked(self) -> Result<AlertQuery, Refused> {
        let booth = match (self.site, self.booth) {
            (Some(site), Some(booth)) => Some(BoothKey { site, booth }),
            (None, None) => None,
            _ => return Err(invalid("a booth is named by site and booth".into())),
        };
        let limit = wanted(self.limit)?;
        Ok(AlertQuery { is_open: self.open, booth, before: self.before, limit })
    }
}

/// Answers GET /api/v1/fleet/alerts.
pub(super) async fn list(
    State(shared): State<Shared>,
    Parameters(query): Parameters<AlertsQuery>,
) -> Result<Json<Alerts>, Refused> {
    Ok(Json(Alerts { alerts: shared.state.archive.alerts(query.asked()?).await? }))
}

/// Answers POST /api/v1/fleet/alerts/{id}/acknowledge.
pub(super) async fn acknowledge(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(Note { note }): Body<Note>,
) -> Result<Json<AlertRecord>, Refused> {
    let unknown = || Refused::not_found("there is no alert of that number");
    let id: i64 = id.parse().map_err(|_| unknown())?;
    let note = note.filter(|note| !note.trim().is_empty());
    let now = shared.clock.unix_ms();
    let done = shared.state.archive.acknowledge(id, caller.actor(), now, note).await?;
    let alert = done.ok_or_else(unknown)?;
    let object = format!("alert {id}");
    let detail = format!("{} of {}/{}", alert.kind.name(), alert.key.site, alert.key.booth);
    let store = &shared.state.store;
    store.audit(caller.actor(), "alert.acknowledge", &object, &detail).await?;
    Ok(Json(alert))
}
