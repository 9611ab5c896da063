//! The switches of the booth.

use axum::{Extension, Json, extract::State};

use crate::{
    booth_api::Shared,
    features::FeatureChange,
    http::{Body, Caller, Refused},
    interview::InterviewState,
};

/// Answers GET /api/v1/features.
pub(super) async fn now(State(shared): State<Shared>) -> Json<InterviewState> {
    Json(shared.state.booth.state().borrow().clone())
}

/// Answers PATCH /api/v1/features with the switches after the change.
pub(super) async fn change(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(change): Body<FeatureChange>,
) -> Result<Json<InterviewState>, Refused> {
    shared.state.booth.configure(&change, caller.actor()).await?;
    Ok(now(State(shared)).await)
}
