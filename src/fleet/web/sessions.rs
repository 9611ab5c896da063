//! Sessions and their summaries, as the booths told them.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shared, booths::wanted};
use crate::{
    fleet::{SessionQuery, SessionRow},
    web::{Parameters, Refused},
};

/// Which sessions are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsQuery {
    /// A part of the session's id, or the operator's own name for the person as it is.
    q: Option<String>,
    /// Of this site only.
    site: Option<String>,
    /// Of this booth only.
    booth: Option<String>,
    /// Only those listed before this time, unix ms.
    before: Option<i64>,
    /// Sessions at most; 100 where it is not said.
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
    /// What the archive is asked.
    ///
    /// # Errors
    /// 400 where the limit is none.
    pub(super) fn asked(self) -> Result<SessionQuery, Refused> {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(SessionQuery {
            search: said(self.q),
            site: said(self.site),
            booth: said(self.booth),
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
