//! The switches of the booth.

use axum::{Extension, Json, extract::State};

use crate::{
    booth::BoothState,
    features::FeatureChange,
    web::{Shared, access::Caller, extract::Body, refused::Refused},
};

/// Answers GET /api/v1/features.
pub(super) async fn now(State(shared): State<Shared>) -> Json<BoothState> {
    Json(shared.state.booth.state().borrow().clone())
}

/// Answers PATCH /api/v1/features: as it stands after the change.
pub(super) async fn change(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(change): Body<FeatureChange>,
) -> Result<Json<BoothState>, Refused> {
    shared.state.booth.configure(&change, caller.actor()).await?;
    Ok(now(State(shared)).await)
}
