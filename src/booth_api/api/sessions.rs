//! The booth's sessions: those that were, and the one that runs.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::records::{Page, wanted};
use crate::{
    booth_api::{Shared, message::client::StartSessionData},
    http::{Body, Caller, Parameters, Refused},
    interview::{ActiveSession, SessionSummary},
    store::SessionRecord,
};

/// A part of the sessions.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Sessions {
    /// Newest first.
    sessions: Vec<SessionRecord>,
}

/// Answers GET /api/v1/sessions.
pub(super) async fn list(
    State(shared): State<Shared>,
    Parameters(Page { limit, before }): Parameters<Page>,
) -> Result<Json<Sessions>, Refused> {
    let sessions = shared.state.store.sessions(wanted(limit)?, before).await?;
    Ok(Json(Sessions { sessions }))
}

/// Answers GET /api/v1/sessions/{id}.
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<SessionRecord>, Refused> {
    let found = shared.state.store.session(&id).await?;
    found.map(Json).ok_or_else(|| Refused::not_found("there is no session of that id"))
}

/// Answers POST /api/v1/sessions.
pub(super) async fn start(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(start): Body<StartSessionData>,
) -> Result<(StatusCode, Json<ActiveSession>), Refused> {
    let booth = &shared.state.booth;
    if let Some(running) = &booth.state().borrow().session {
        let sentence = format!("session {} runs; end it first", running.session_id);
        return Err(Refused::conflict(sentence));
    }
    let session = booth.start_session(start.into(), caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// Answers POST /api/v1/sessions/{id}/end.
pub(super) async fn end(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<SessionSummary>, Refused> {
    let booth = &shared.state.booth;
    let running = booth.state().borrow().session.as_ref().map(|s| s.session_id.clone());
    if running.as_deref() != Some(&*id) {
        return Err(match shared.state.store.session(&id).await? {
            None => Refused::not_found("there is no session of that id"),
            Some(_) => Refused::conflict("that session does not run in the booth now"),
        });
    }
    Ok(Json(booth.end_session(caller.actor()).await?))
}
