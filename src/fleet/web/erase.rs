//! Erasing a session or a subject at the fleet server, and the orders to the booths.

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
    fleet::{BoothKey, FleetEraseReceipt, FleetEraseTarget, OrderRow},
    http::{Body, Caller, Parameters, Refused},
    store::random_hex,
};

/// Random bytes in a receipt's number.
const RECEIPT_BYTES: usize = 8;

/// The subject whose sessions are erased.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FleetSubject")]
pub(super) struct Subject {
    /// The `subject_ref` that the sessions were started with.
    subject_ref: String,
}

/// Query of the list of erase orders.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EraseOrdersQuery")]
pub(super) struct OrdersQuery {
    /// true: only those that are open.
    open: Option<bool>,
    /// Orders at most; 100 by default.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Orders to booths.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "EraseOrders")]
pub(super) struct Orders {
    /// Newest first.
    orders: Vec<OrderRow>,
}

/// Why an order is closed that the booth will never answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EraseOrderNote")]
pub(super) struct Note {
    /// What became of the booth's copy, such as "card destroyed"; at most 300 characters.
    note: String,
}

/// Answers DELETE /api/v1/fleet/sessions/{site}/{booth}/{session}.
pub(super) async fn session(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path((site, booth, session)): Path<(String, String, String)>,
) -> Result<Json<FleetEraseReceipt>, Refused> {
    let target = FleetEraseTarget::Session(BoothKey { site, booth }, session);
    erase(&shared, &caller, target).await
}

/// Answers POST /api/v1/fleet/erase.
pub(super) async fn subject(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Body(Subject { subject_ref }): Body<Subject>,
) -> Result<Json<FleetEraseReceipt>, Refused> {
    if subject_ref.trim().is_empty() {
        return Err(invalid("subject_ref is empty".into()));
    }
    erase(&shared, &caller, FleetEraseTarget::Subject(subject_ref)).await
}

/// The audit log has the receipt before anything is erased: nothing is done without being noted.
/// Neither entry names what was erased.
async fn erase(
    shared: &Shared,
    caller: &Caller,
    target: FleetEraseTarget,
) -> Result<Json<FleetEraseReceipt>, Refused> {
    let store = &shared.state.store;
    let receipt_id = random_hex(RECEIPT_BYTES);
    let object = format!("receipt {receipt_id}");
    store.audit(caller.actor(), "fleet.erase", &object, "begun").await?;
    let now = shared.clock.unix_ms();
    let erased = shared.state.archive.erase(target, receipt_id, now).await;
    // What is in memory goes now, not with the looker's next turn.
    shared.fleet_state().forget_erased(&shared.state.archive.erasures().known());
    let detail = match &erased {
        Ok(receipt) => receipt.summary(),
        Err(_) => "nothing was erased".into(),
    };
    let noted = store.audit(caller.actor(), "fleet.erase", &object, &detail).await;
    let receipt = erased.map_err(|error| match error.kind() {
        crate::error::ErrorKind::InvalidInput => Refused::not_found(error.to_string()),
        _ => error.into(),
    })?;
    if let Err(error) = noted {
        let error = error.chain().to_string();
        log::error!(target: "fleet", error = error.as_str(); "an erasure's end is not in the audit log");
    }
    log::info!(target: "fleet", receipt = receipt.receipt_id.as_str(), sessions = receipt.sessions.len(); "erased");
    Ok(Json(receipt))
}

/// Answers GET /api/v1/fleet/erase/orders.
pub(super) async fn orders(
    State(shared): State<Shared>,
    Parameters(OrdersQuery { open, limit }): Parameters<OrdersQuery>,
) -> Result<Json<Orders>, Refused> {
    let orders = shared.state.archive.erase_orders(open == Some(true), wanted(limit)?).await?;
    Ok(Json(Orders { orders }))
}

/// Answers POST /api/v1/fleet/erase/orders/{id}/close.
pub(super) async fn close(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(Note { note }): Body<Note>,
) -> Result<Json<OrderRow>, Refused> {
    let unknown = || Refused::not_found("there is no open order of that number");
    let id: i64 = id.parse().map_err(|_| unknown())?;
    if note.trim().is_empty() {
        return Err(invalid("the note must explain what became of the booth's copy".into()));
    }
    let store = &shared.state.store;
    let object = format!("order {id}");
    store.audit(caller.actor(), "fleet.erase_order.close", &object, &note).await?;
    let now = shared.clock.unix_ms();
    let closed = shared.state.archive.close_order(id, caller.actor(), now, note).await?;
    Ok(Json(closed.ok_or_else(unknown)?))
}
