//! Messages of the outbox that the broker refused: which, why, and sending them again.

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    booth_api::Shared,
    http::{Body, Caller, Refused},
    store::{MAX_LISTED, SetAsideRow},
};

/// Messages that are set aside.
#[derive(JsonSchema, Serialize)]
pub(crate) struct SetAsideList {
    /// How many there are.
    total: u64,
    /// The oldest of them, at most 200.
    rows: Vec<SetAsideRow>,
}

/// The messages to send again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendAgain {
    /// Their `outbox_id`; without it all that are set aside.
    #[schemars(length(max = 200))]
    outbox_ids: Option<Vec<i64>>,
}

/// The result of sending again.
#[derive(JsonSchema, Serialize)]
pub(crate) struct SentAgain {
    /// Messages that wait for the broker again.
    rows: u64,
}

/// Answers GET /api/v1/outbox/set-aside.
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<SetAsideList>, Refused> {
    let store = &shared.state.store;
    let rows = store.rows_set_aside(MAX_LISTED).await?;
    let total = store.set_aside().borrow().rows;
    Ok(Json(SetAsideList { total, rows }))
}

/// Answers POST /api/v1/outbox/send-again.
pub(super) async fn send_again(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(SendAgain { outbox_ids }): Body<SendAgain>,
) -> Result<Json<SentAgain>, Refused> {
    if outbox_ids.as_ref().is_some_and(|ids| ids.len() > MAX_LISTED as usize) {
        let sentence = format!("outbox_ids has at most {MAX_LISTED} entries");
        return Err(Refused::new(
            axum::http::StatusCode::BAD_REQUEST,
            "invalid_input",
            sentence,
        ));
    }
    let rows = shared.state.store.send_again(outbox_ids, caller.actor()).await?;
    Ok(Json(SentAgain { rows }))
}
