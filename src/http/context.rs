//! [`HttpContext`]: what every request and connection of one server shares.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::Semaphore;

use super::{
    access::Authenticator, config::HttpConfig, counters::Counters, frames::LONG_MESSAGES,
    host::Hosts, peer::Peer, slots::Slots,
};
use crate::{clock::Clock, store::Store};

/// See the module. Clones share their state.
#[derive(Clone)]
pub(crate) struct HttpContext {
    /// The slots for connections.
    pub(crate) slots: Arc<Slots>,
    /// The accepted host names and origins.
    pub(crate) hosts: Arc<Hosts>,
    /// Checks tokens.
    pub(crate) authenticator: Authenticator,
    /// Counts refusals.
    pub(crate) counters: Arc<Counters>,
    /// Turns for long messages, over all WebSockets.
    pub(super) long_messages: Arc<Semaphore>,
}

impl HttpContext {
    /// With the tokens of `store`.
    pub(super) fn new(config: &HttpConfig, store: &Store, clock: &Arc<dyn Clock>) -> Self {
        let counters = Arc::new(Counters::default());
        HttpContext {
            slots: Arc::new(Slots::new(config)),
            hosts: Arc::new(Hosts::new(&config.hosts, &config.origins)),
            authenticator: Authenticator::new(store, clock.clone(), counters.clone()),
            counters,
            long_messages: Arc::new(Semaphore::new(LONG_MESSAGES)),
        }
    }

    /// A connection that was just accepted from `address`.
    pub(super) fn accept(&self, address: SocketAddr) -> Peer {
        Peer::accept(address, self.slots.clone(), self.counters.rejections().clone())
    }
}
