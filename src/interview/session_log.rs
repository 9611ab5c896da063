//! [`SessionLog`]: the durable log of sessions and audit entries.

use std::{future::Future, pin::Pin};

use crate::{
    error::Result,
    store::{NewSession, SessionEnd, Store},
};

/// The answer to a request that takes a while.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Durable log of sessions and audit entries. An answer comes once the entry is on the disk.
pub trait SessionLog: Send + Sync + 'static {
    /// Stores the begin of a session, its consent and its actor in one transaction.
    fn begin(&self, new: NewSession) -> Answer<'_>;

    /// Stores the end of a session with its summary.
    fn end(&self, end: SessionEnd) -> Answer<'_>;

    /// Adds an audit entry.
    fn audit(&self, event: AuditEvent) -> Answer<'_>;
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
    fn begin(&self, new: NewSession) -> Answer<'_> {
        Box::pin(self.begin_session(new))
    }

    fn end(&self, end: SessionEnd) -> Answer<'_> {
        Box::pin(self.end_session(end))
    }

    fn audit(&self, event: AuditEvent) -> Answer<'_> {
        Box::pin(async move {
            let detail = event.detail.unwrap_or_default();
            Store::audit(self, &event.actor, event.action, &event.object, &detail).await
        })
    }
}
