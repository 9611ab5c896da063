//! How much of a list is wanted, and the audit log.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    booth_api::Shared,
    http::{Parameters, Refused},
    store::{AuditEntry, AuditQuery},
};

/// Records of a list without `limit`.
const USUAL: u32 = 50;

/// Records of a list at most.
const MOST: u32 = 500;

/// A part of a list by time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Records at most; 50 by default.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<u32>,
    /// Only what began before this time, ms since 1970.
    pub(super) before: Option<i64>,
}

/// A part of the audit log.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditPart {
    /// Entries at most; 50 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Only those before the entry of this `audit_id`: the last of the part before.
    before: Option<i64>,
    /// Only those of this actor: a token's name, `operator`, `boothd`, `mqtt` or `command line`.
    actor: Option<String>,
    /// Only those of this action, such as `token.add`.
    action: Option<String>,
}

/// What was asked for of the audit log.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Audit {
    /// Newest first.
    entries: Vec<AuditEntry>,
}

/// How many records are wanted.
///
/// # Errors
/// 400 where that is none or too many.
pub(super) fn wanted(limit: Option<u32>) -> Result<u32, Refused> {
    let limit = limit.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    let sentence = format!("limit must be from 1 to {MOST}, is {limit}");
    Err(Refused::new(axum::http::StatusCode::BAD_REQUEST, "invalid_input", sentence))
}

/// Answers GET /api/v1/audit.
pub(super) async fn audit(
    State(shared): State<Shared>,
    Parameters(part): Parameters<AuditPart>,
) -> Result<Json<Audit>, Refused> {
    let AuditPart { limit, before, actor, action } = part;
    let query = AuditQuery { limit: wanted(limit)?, before, actor, action };
    let entries = shared.state.store.audit_part(query).await?;
    Ok(Json(Audit { entries }))
}
