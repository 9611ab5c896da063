//! [`Counters`]: what the HTTP server refused.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    network::Network,
    rejections::{Reason, Rejections},
};

/// Counters of the HTTP server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) refused_connections: AtomicU64,
    pub(super) auth_failures: AtomicU64,
    rejections: Arc<Rejections>,
}

impl Counters {
    /// Counts a connection without a slot.
    pub(super) fn refused_connection(&self) {
        self.refused_connections.fetch_add(1, Relaxed);
    }

    /// Counts a refusal to a client at that address.
    pub(crate) fn reject(&self, reason: Reason, client: IpAddr) {
        if matches!(reason, Reason::Full | Reason::NoSeat) {
            self.refused_connection();
        }
        self.rejections.note(reason, Network::of(client));
    }

    /// What was refused, and to whom.
    pub(super) fn rejections(&self) -> &Arc<Rejections> {
        &self.rejections
    }

    /// Counts a wrong or expired token.
    pub(crate) fn auth_failed(&self) {
        self.auth_failures.fetch_add(1, Relaxed);
    }
}
