//! [`SessionLog`]: the durable log of sessions and audit entries.

use std::{future::Future, pin::Pin};

use crate::{
    error::{Error, ErrorKind, Result},
    features::Features,
    names::{NoticeVersion, SessionId, SubjectRef},
    store::{NewSession, SessionEnd, Store, StreamKind, TokenId},
};

/// The answer to a request that takes a while.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Durable log of sessions and audit entries. An answer comes once the entry is on the disk.
pub trait SessionLog: Send + Sync + 'static {
    /// Stores the begin of a session, its consent and its actor in one transaction.
    fn begin(&self, begun: BegunSession) -> Answer<'_>;

    /// Stores the end of a session with its summary.
    fn end(&self, ended: EndedSession) -> Answer<'_>;

    /// Adds an audit entry.
    fn audit(&self, event: AuditEvent) -> Answer<'_>;
}

/// A session that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct BegunSession {
    /// Id of the session, never used before.
    pub session_id: SessionId,
    /// The media are a client's, not the booth's own.
    pub is_client: bool,
    /// The subject, named by the operator.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the notice that the person agreed to.
    pub notice_version: NoticeVersion,
    /// Time of the consent, ms since 1970.
    pub consent_at: i64,
    /// Start of the session, ms since 1970.
    pub started_at: i64,
    /// Feature switches of the session.
    pub features: Features,
    /// Actor of the begin.
    pub actor: String,
    /// The guest's token that alone may use the id from now on.
    pub owner: Option<TokenId>,
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedSession {
    /// Id of the session.
    pub session_id: SessionId,
    /// End of the session, ms since 1970.
    pub ended_at: i64,
    /// A [`SessionSummary`](super::SessionSummary).
    pub summary: serde_json::Value,
    /// Actor of the end.
    pub actor: String,
}

/// An audit entry. Holds no metric and no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// Actor.
    pub actor: String,
    /// Action, such as `features.change`.
    pub action: &'static str,
    /// Object, such as a session's id.
    pub object: String,
    /// Details.
    pub detail: Option<String>,
}

impl SessionLog for Store {
    fn begin(&self, begun: BegunSession) -> Answer<'_> {
        Box::pin(async move {
            let features = serde_json::to_value(begun.features).map_err(|cause| {
                Error::new(ErrorKind::Internal, "switches are no JSON").because(cause)
            })?;
            let stream = if begun.is_client { StreamKind::Client } else { StreamKind::Booth };
            self.begin_session(NewSession {
                session_id: begun.session_id,
                stream,
                token_name: Some(begun.actor.clone()),
                subject_ref: begun.subject_ref,
                started_at: begun.started_at,
                consent: Some((begun.notice_version, begun.consent_at)),
                features,
                actor: begun.actor,
                owner: begun.owner,
            })
            .await
        })
    }

    fn end(&self, ended: EndedSession) -> Answer<'_> {
        Box::pin(async move {
            let EndedSession { session_id, ended_at, summary, actor } = ended;
            self.end_session(SessionEnd { session_id, ended_at, summary, actor }).await
        })
    }

    fn audit(&self, event: AuditEvent) -> Answer<'_> {
        Box::pin(async move {
            let detail = event.detail.unwrap_or_default();
            Store::audit(self, &event.actor, event.action, &event.object, &detail).await
        })
    }
}
