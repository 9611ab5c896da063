//! [`SessionLog`]: where the booth writes down what must outlive the daemon.

use std::{future::Future, pin::Pin};

use crate::{
    error::{Error, ErrorKind, Result},
    features::Features,
    names::{NoticeVersion, SessionId, SubjectRef},
    store::{NewSession, SessionEnd, Store, StreamKind, TokenId},
};

/// The answer to a request that takes a while.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Durable memory of sessions and of who did what. Answers come once it is on the disk.
pub trait SessionLog: Send + Sync + 'static {
    /// A session begins: it, its consent and who began it, in one transaction.
    fn begin(&self, begun: BegunSession) -> Answer<'_>;

    /// It has ended, with this summary.
    fn end(&self, ended: EndedSession) -> Answer<'_>;

    /// Somebody did something.
    fn audit(&self, event: AuditEvent) -> Answer<'_>;
}

/// A session that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct BegunSession {
    /// Its id, new.
    pub session_id: SessionId,
    /// It is a client's, not the booth's own.
    pub is_client: bool,
    /// Whom it is about, in the operator's words.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the text that was agreed to.
    pub notice_version: NoticeVersion,
    /// When it was agreed to, ms since 1970.
    pub consent_at: i64,
    /// When it begins, ms since 1970.
    pub started_at: i64,
    /// What is analysed.
    pub features: Features,
    /// Who began it.
    pub actor: String,
    /// The guest's token that alone may use the id from now on.
    pub owner: Option<TokenId>,
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedSession {
    /// Its id.
    pub session_id: SessionId,
    /// When it ended, ms since 1970.
    pub ended_at: i64,
    /// A [`SessionSummary`](super::SessionSummary).
    pub summary: serde_json::Value,
    /// Who ended it.
    pub actor: String,
}

/// What somebody did; never a metric, never a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// Who.
    pub actor: String,
    /// What, such as `features.change`.
    pub action: &'static str,
    /// To what, such as a session's id.
    pub object: String,
    /// How exactly.
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
