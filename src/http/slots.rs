//! [`Slots`]: limits the open connections of each kind, and displaces one where there are more.
//!
//! A connection is unauthenticated until it has shown a valid token. Unauthenticated ones have their
//! own share. When it is full, a new connection displaces the oldest one of the network that holds
//! most of them, so that every newcomer is served and an attacker displaces itself. WebSockets of
//! guests and viewers have `web.max_connections` seats; operators have [`OPERATOR_SEATS`] more.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{config::HttpConfig, network::Network};
use crate::store::{Role, TokenId};

/// WebSockets of operators beyond `web.max_connections`.
pub(super) const OPERATOR_SEATS: usize = 8;

/// Connections that are being closed and still have a socket.
const LEAVING: usize = 64;

/// How many connections of each kind may be open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocketLimits {
    /// Unauthenticated HTTP, and connections without a request yet.
    pub unauthenticated: usize,
    /// WebSockets that were not authenticated yet.
    pub handshaking: usize,
    /// Authenticated HTTP.
    pub authenticated: usize,
    /// Authenticated WebSockets, those of operators included.
    pub web_sockets: usize,
    /// Connections that lost their slot and still have a socket.
    pub leaving: usize,
}

impl SocketLimits {
    /// The limits of a configuration.
    pub fn new(config: &HttpConfig) -> Self {
        let unauthenticated = config.unauthenticated_connections.max(1);
        SocketLimits {
            unauthenticated,
            handshaking: unauthenticated.div_ceil(2),
            authenticated: config.spare_connections.max(1),
            web_sockets: config.max_connections + OPERATOR_SEATS,
            leaving: LEAVING,
        }
    }

    /// Sockets of every kind.
    pub fn sockets(&self) -> usize {
        self.unauthenticated
            + self.handshaking
            + self.authenticated
            + self.web_sockets
            + self.leaving
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// The owner of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// An unauthenticated connection belongs to its network.
    Network(Network),
    /// An authenticated connection belongs to its token.
    Token(TokenId),
}

/// The slots of all connections.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Unauthenticated HTTP, and connections without a request yet.
    pub(super) unauthenticated: Arc<SlotPool>,
    /// WebSockets that were not authenticated yet.
    pub(super) handshaking: Arc<SlotPool>,
    /// Authenticated HTTP.
    pub(super) authenticated: Arc<SlotPool>,
    /// WebSockets of every role.
    seats: Arc<Semaphore>,
    /// WebSockets of operators.
    operator_seats: Arc<Semaphore>,
    max_seats: usize,
    /// Sockets of every kind.
    sockets: Arc<Semaphore>,
    max_sockets: usize,
}

impl Slots {
    /// The limits of a configuration.
    pub(super) fn new(config: &HttpConfig) -> Self {
        let limits = SocketLimits::new(config);
        let max_sockets = limits.sockets();
        Slots {
            unauthenticated: SlotPool::new(limits.unauthenticated),
            handshaking: SlotPool::new(limits.handshaking),
            authenticated: SlotPool::new(limits.authenticated),
            seats: Arc::new(Semaphore::new(config.max_connections)),
            operator_seats: Arc::new(Semaphore::new(OPERATOR_SEATS)),
            max_seats: config.max_connections,
            sockets: Arc::new(Semaphore::new(max_sockets)),
            max_sockets,
        }
    }

    /// A permit for a socket; `None` while even displaced connections still hold theirs.
    pub(super) fn socket(&self) -> Option<OwnedSemaphorePermit> {
        self.sockets.clone().try_acquire_owned().ok()
    }

    /// Waits until every socket was given back.
    pub(super) async fn wait_empty(&self) {
        let all = u32::try_from(self.max_sockets).unwrap_or(u32::MAX);
        drop(self.sockets.acquire_many(all).await);
    }

    /// A seat for an authenticated WebSocket, if there is one for that role.
    pub(crate) fn seat(&self, role: Role) -> Option<OwnedSemaphorePermit> {
        let seat = self.seats.clone().try_acquire_owned();
        match role {
            Role::Operator => {
                seat.or_else(|_| self.operator_seats.clone().try_acquire_owned()).ok()
            }
            Role::Guest | Role::Viewer => seat.ok(),
        }
    }

    /// Whether a guest or a viewer would get no seat now.
    pub(crate) fn is_full(&self) -> bool {
        self.seats.available_permits() == 0
    }

    /// WebSockets that are open.
    pub(crate) fn open_web_sockets(&self) -> usize {
        let seats = self.max_seats - self.seats.available_permits();
        let operators = OPERATOR_SEATS - self.operator_seats.available_permits();
        self.handshaking.len() + seats + operators
    }
}

/// A pool that always gives a slot: when it is full, another connection loses its slot.
#[derive(Debug)]
pub(super) struct SlotPool {
    capacity: usize,
    /// Of one network.
    share: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next_id: u64,
    /// The oldest first.
    slots: VecDeque<Taken>,
}

#[derive(Debug)]
struct Taken {
    id: u64,
    owner: Owner,
    displaced: Arc<Notify>,
}

/// One taken slot; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    id: u64,
    pool: Arc<SlotPool>,
}

impl SlotPool {
    fn new(capacity: usize) -> Arc<Self> {
        let held = Mutex::new(Held { next_id: 0, slots: VecDeque::with_capacity(capacity) });
        Arc::new(SlotPool { capacity, share: capacity.div_ceil(2), held })
    }

    /// Takes a slot for a connection of `owner`; `displaced` resolves when the slot is lost. Also
    /// returns the owner whose connection lost its slot for this one.
    pub(super) fn take(
        self: &Arc<Self>,
        owner: Owner,
        displaced: Arc<Notify>,
    ) -> (Slot, Option<Owner>) {
        let mut held = self.held.lock().expect(UNPOISONED);
        let loser = self.loser(&held.slots, owner).and_then(|at| held.slots.remove(at));
        if let Some(loser) = &loser {
            loser.displaced.notify_one();
        }
        let id = held.next_id;
        held.next_id += 1;
        held.slots.push_back(Taken { id, owner, displaced });
        (Slot { id, pool: self.clone() }, loser.map(|loser| loser.owner))
    }

    /// The connection that a newcomer of `owner` displaces; `None`: there is room.
    fn loser(&self, slots: &VecDeque<Taken>, owner: Owner) -> Option<usize> {
        let of = |owner: Owner| slots.iter().filter(move |slot| slot.owner == owner).count();
        let is_capped = matches!(owner, Owner::Network(network) if !network.is_loopback());
        let greediest = if is_capped && of(owner) >= self.share {
            owner
        } else if slots.len() >= self.capacity {
            // The first of the greediest: of equals the one with the oldest connection.
            let mut most = (0, owner);
            for slot in slots {
                let count = if slot.owner == most.1 { 0 } else { of(slot.owner) };
                if count > most.0 {
                    most = (count, slot.owner);
                }
            }
            most.1
        } else {
            return None;
        };
        slots.iter().position(|slot| slot.owner == greediest)
    }

    fn len(&self) -> usize {
        self.held.lock().expect(UNPOISONED).slots.len()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.pool.held.lock().expect(UNPOISONED);
        if let Ok(at) = held.slots.binary_search_by_key(&self.id, |slot| slot.id) {
            held.slots.remove(at);
        }
    }
}

#[cfg(test)]
mod tests;
