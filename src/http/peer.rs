//! [`Peer`]: the other end of one accepted connection: its address and its slot.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use axum::http::Request;
use tokio::sync::Notify;

use super::{
    network::Network,
    proxy::Asked,
    rejections::{Reason, Rejections},
    slots::{Owner, Slot, SlotPool, Slots},
};
use crate::store::TokenId;

/// One connection; each request carries it among its extensions. Clones are the same connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: IpAddr,
    slots: Arc<Slots>,
    rejections: Arc<Rejections>,
    displaced: Arc<Notify>,
    holds: Mutex<Holds>,
}

/// Which slot the connection has.
#[derive(Debug)]
enum Holds {
    Nothing,
    Unauthenticated { _slot: Slot },
    Authenticated { token: TokenId, _slot: Slot },
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Peer {
    /// A connection that was just accepted.
    pub(super) fn accept(
        address: SocketAddr,
        slots: Arc<Slots>,
        rejections: Arc<Rejections>,
    ) -> Self {
        let address = address.ip().to_canonical();
        let holds = Mutex::new(Holds::Nothing);
        let displaced = Arc::default();
        let peer = Peer(Arc::new(Inner { address, slots, rejections, displaced, holds }));
        peer.take_unauthenticated(&peer.0.slots.unauthenticated);
        peer
    }

    /// The connection on which a request came.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        request
            .extensions()
            .get::<Peer>()
            .expect("the acceptor adds it to each request")
            .clone()
    }

    /// The client's address: from a proxy in `web.proxies`, else the connection's own.
    pub(crate) fn client_address(&self, asked: &Asked) -> IpAddr {
        asked.client.unwrap_or(self.0.address)
    }

    /// The address of the other end of the connection.
    pub(super) fn address(&self) -> IpAddr {
        self.0.address
    }

    /// Resolves when the connection has lost its slot to a newer one and must end.
    pub(crate) async fn displaced(&self) {
        self.0.displaced.notified().await;
    }

    /// Becomes a WebSocket that is not authenticated yet.
    pub(super) fn become_handshaking(&self) {
        self.take_unauthenticated(&self.0.slots.handshaking);
    }

    /// Becomes a connection of requests with a token.
    pub(super) fn become_authenticated(&self, token: TokenId) {
        let mut holds = self.0.holds.lock().expect(UNPOISONED);
        if matches!(&*holds, Holds::Authenticated { token: known, .. } if *known == token) {
            return;
        }
        let pool = &self.0.slots.authenticated;
        let (slot, _) = pool.take(Owner::Token(token), self.0.displaced.clone());
        *holds = Holds::Authenticated { token, _slot: slot };
    }

    /// Needs no slot any more: it has ended, or has a seat.
    pub(crate) fn release(&self) {
        *self.0.holds.lock().expect(UNPOISONED) = Holds::Nothing;
    }

    fn take_unauthenticated(&self, pool: &Arc<SlotPool>) {
        let owner = Owner::Network(Network::of(self.0.address));
        let (slot, loser) = pool.take(owner, self.0.displaced.clone());
        if let Some(Owner::Network(network)) = loser {
            self.0.rejections.note(Reason::Displaced, network);
        }
        *self.0.holds.lock().expect(UNPOISONED) = Holds::Unauthenticated { _slot: slot };
    }
}
