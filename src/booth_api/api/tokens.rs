//! Tokens: list, create, revoke.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    booth_api::Shared,
    http::{Body, Caller, Refused},
    store::{NewToken, Token, TokenId},
};

/// Every token.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
}

/// A token that was made.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MadeToken")]
pub(crate) struct Made {
    token: Token,
    /// The secret to authenticate with; it is not stored and never shown again.
    secret: String,
}

/// Answers GET /api/v1/tokens.
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Tokens>, Refused> {
    Ok(Json(Tokens { tokens: shared.state.store.list_tokens().await? }))
}

/// Answers POST /api/v1/tokens.
pub(super) async fn add(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Made>), Refused> {
    let (token, secret) = shared.state.store.add_token(new, caller.actor()).await?;
    let made = Made { token, secret: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Answers DELETE /api/v1/tokens/{id}.
pub(super) async fn revoke(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let store = &shared.state.store;
    let known = store.list_tokens().await?;
    let id = id.parse().ok().map(TokenId);
    let token = known.iter().find(|token| Some(token.id) == id);
    let token = token.ok_or_else(|| Refused::not_found("there is no token of that id"))?;
    store.revoke_token(token.id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
