//! The recorded data of a session: its metrics over time, its export, and its erasure.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    booth_api::Shared,
    error::{Error, ErrorKind},
    http::{Body, Caller, Parameters, Refused},
    store::{EraseReceipt, EraseTarget, History},
};

/// Rows of a series without `points`: more than a chart has pixels.
const USUAL_POINTS: u32 = 1200;

/// Rows of a series at most: two hours, second by second.
const MOST_POINTS: u32 = 7200;

/// Query of a series.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fineness {
    /// Rows at most; the rows of a longer session are means of several seconds. 1200 by default.
    #[schemars(range(min = 1, max = 7200))]
    points: Option<u32>,
}

/// Query of an export.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `json`: all that is kept; `csv`: the metrics, one line a second. `json` by default.
    format: Option<Format>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
}

/// The target of an erasure: one of the two. Both as they stand in the list of sessions: those of an
/// older boothd may be texts that no address can carry.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Erase")]
pub(crate) struct ToErase {
    /// Every session of this subject.
    #[schemars(length(min = 1, max = 128))]
    subject_ref: Option<String>,
    /// This session.
    #[schemars(length(min = 1, max = 128))]
    session_id: Option<String>,
}

/// Answers GET /api/v1/sessions/{id}/history.
pub(super) async fn history(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Parameters(Fineness { points }): Parameters<Fineness>,
) -> Result<Json<History>, Refused> {
    let points = points.unwrap_or(USUAL_POINTS);
    if !(1..=MOST_POINTS).contains(&points) {
        let sentence = format!("points must be from 1 to {MOST_POINTS}, is {points}");
        return Err(Error::new(ErrorKind::InvalidInput, sentence).into());
    }
    let store = &shared.state.store;
    if store.session(&id).await?.is_none() {
        return Err(no_session());
    }
    Ok(Json(store.history(&id, points).await?))
}

/// Answers GET /api/v1/sessions/{id}/export.
pub(super) async fn export(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Parameters(Wanted { format }): Parameters<Wanted>,
) -> Result<Response, Refused> {
    let store = &shared.state.store;
    let export = store.export(&id).await?.ok_or_else(no_session)?;
    store.audit(caller.actor(), "session.export", &format!("session {id}"), "").await?;
    let (mime, ending, text) = match format.unwrap_or(Format::Json) {
        Format::Csv => ("text/csv; charset=utf-8", "csv", export.to_csv()),
        Format::Json => return Ok((attachment("json"), Json(export)).into_response()),
    };
    Ok(([(header::CONTENT_TYPE, mime)], attachment(ending), text).into_response())
}

/// A file name without any data of the person.
fn attachment(ending: &str) -> [(header::HeaderName, String); 1] {
    [(header::CONTENT_DISPOSITION, format!("attachment; filename=\"boothd-session.{ending}\""))]
}

/// Answers DELETE /api/v1/sessions/{id}.
pub(super) async fn erase(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<EraseReceipt>, Refused> {
    let store = &shared.state.store;
    if store.session(&id).await?.is_none() {
        return Err(no_session());
    }
    Ok(Json(store.erase(EraseTarget::Session(id), caller.actor()).await?))
}

/// Answers POST /api/v1/erase.
pub(super) async fn erase_named(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(ToErase { subject_ref, session_id }): Body<ToErase>,
) -> Result<Json<EraseReceipt>, Refused> {
    let target = match (session_id, subject_ref) {
        (Some(session_id), None) => EraseTarget::Session(session_id),
        (None, Some(subject_ref)) => EraseTarget::Subject(subject_ref),
        _ => {
            let sentence = "name what to erase: either session_id or subject_ref";
            return Err(Error::new(ErrorKind::InvalidInput, sentence).into());
        }
    };
    Ok(Json(shared.state.store.erase(target, caller.actor()).await?))
}

fn no_session() -> Refused {
    Refused::not_found("there is no session of that id")
}
