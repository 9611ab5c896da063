//! Sessions and their summaries, as the booths reported them.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shared, booths::wanted};
use crate::{
    fleet::{SessionQuery, SessionRow},
    http::{Parameters, Refused},
};

/// Query of the list of sessions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsQuery {
    /// A part of the session's id, or the whole `subject_ref`.
    q: Option<String>,
    /// Of this site only.
    site: Option<String>,
    /// Of this booth only.
    booth: Option<String>,
    /// Only those listed before this time, unix ms.
    before: Option<i64>,
    /// Sessions at most; 100 by default.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// A part of the sessions.
#[derive(JsonSchema, Serialize)]
pub(super) struct Sessions {
    /// Newest first; never in the order of a metric.
    sessions: Vec<SessionRow>,
}

impl SessionsQuery {
    /// The query to the archive.
    ///
    /// # Errors
    /// 400 where the limit is none.
    pub(super) fn asked(self) -> Result<SessionQuery, Refused> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(SessionQuery {
            search: given(self.q),
            site: given(self.site),
            booth: given(self.booth),
            before: self.before,
            limit: wanted(self.limit)?,
        })
    }
}

/// Answers GET /api/v1/fleet/sessions.
pub(super) async fn list(
    State(shared): State<Shared>,
    Parameters(query): Parameters<SessionsQuery>,
) -> Result<Json<Sessions>, Refused> {
    Ok(Json(Sessions { sessions: shared.state.archive.sessions(query.asked()?).await? }))
}
