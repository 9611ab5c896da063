//! [`Event`]: what a connection waits for.

use std::future;

use futures_util::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, Interval, sleep_until},
};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{
    Connection, Own,
    feed::{Feed, News},
};
use crate::{booth_api::claims::Claim, interview::devices::Devices};

/// What a connection reacts to.
pub(super) enum Event {
    Received(Option<Result<Message, SocketError>>),
    /// It may send again.
    Resumed,
    /// A newer connection has its place.
    Displaced,
    News {
        is_own: bool,
        news: News,
    },
    Devices(Devices),
    TokensChanged,
    TakenOver,
    Expired,
    Beat,
    Late,
    Idle,
    Stop,
}

async fn next_news(feed: Option<&mut Feed>) -> News {
    match feed {
        Some(feed) => feed.next().await,
        None => future::pending().await,
    }
}

/// Resolves when another connection sends for the same session.
async fn taken_over(sender: Option<&mut watch::Receiver<Option<String>>>, id: &str) {
    if let Some(sender) = sender {
        let others = sender.wait_for(|sender| sender.as_deref() != Some(id)).await;
        if others.is_ok() {
            return;
        }
    }
    future::pending().await
}

impl Connection {
    /// The next thing to react to; ends and faults come before news.
    pub(super) async fn next_event(
        &mut self,
        auth_deadline: Instant,
        heartbeat: &mut Interval,
    ) -> Event {
        let idle_deadline = self.received_at + self.shared.state.limits().idle_timeout;
        let expires_in = self.expires_in();
        let is_unauthenticated = self.guest.is_none();
        let watches_booth = self.watches_booth();
        let paused_until = self.paused_until;
        let Self { socket, shared, watched, own, tokens, devices, id, guest, peer, .. } = self;
        let claim = guest.as_ref().and_then(|guest| guest.claim.as_ref());
        // Both need the own stream; the borrow is split here.
        let (own_feed, own_sender) = match own {
            Some(Own { feed, sender, .. }) => (Some(feed), Some(sender)),
            None => (None, None),
        };
        tokio::select! {
            () = shared.stop.requested() => Event::Stop,
            () = sleep_until(auth_deadline), if is_unauthenticated => Event::Late,
            () = sleep_until(idle_deadline) => Event::Idle,
            () = tokio::time::sleep(expires_in.unwrap_or_default()), if expires_in.is_some() => {
                Event::Expired
            }
            changed = tokens.changed(), if !is_unauthenticated => match changed {
                Ok(()) => Event::TokensChanged,
                Err(_) => Event::Stop,
            },
            () = taken_over(own_sender, id) => Event::TakenOver,
            () = Claim::lost(claim) => Event::TakenOver,
            received = socket.next(), if paused_until.is_none() => Event::Received(received),
            () = sleep_until(paused_until.unwrap_or(auth_deadline)), if paused_until.is_some() => {
                Event::Resumed
            }
            () = peer.displaced(), if is_unauthenticated => Event::Displaced,
            news = next_news(watched.as_mut()) => Event::News { is_own: false, news },
            news = next_news(own_feed) => Event::News { is_own: true, news },
            changed = devices.changed(), if watches_booth => match changed {
                Ok(()) => Event::Devices(devices.borrow_and_update().clone()),
                Err(_) => Event::Stop,
            },
            _ = heartbeat.tick() => Event::Beat,
        }
    }
}
