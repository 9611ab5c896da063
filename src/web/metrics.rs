//! GET /metrics: every number that the booth counts, in the text of OpenMetrics.
//!
//! Nothing is counted here twice: stages, engine and doors keep their own numbers, and a scrape
//! reads them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the doors count.
#[derive(Debug, Default)]
pub(super) struct Counters {
    refused_connections: AtomicU64,
    auth_failures: AtomicU64,
}

impl Counters {
    /// There was no place for a connection.
    pub(super) fn refused_connection(&self) {
        self.refused_connections.fetch_add(1, Relaxed);
    }

    /// A wrong, old or missing token was shown.
    pub(super) fn auth_failure(&self) {
        self.auth_failures.fetch_add(1, Relaxed);
    }
}
