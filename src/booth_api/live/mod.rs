//! One WebSocket connection from its first message to its last.
//!
//! One task a connection: it reads the client's messages, sends the newest reports and enforces the
//! timeouts. A client that reads slowly loses reports and delays no other client. [`admission`] checks
//! the right to connect, [`receive`] reads what the client sends, [`dialogue`] answers requests,
//! [`media`] takes pictures and sound, [`feed`] delivers the reports, [`send`]
//! sends, and [`event`] waits for what comes next.

mod admission;
mod feed;
mod dialogue;
mod media;
mod send;
mod receive;
mod event;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Query, Request, State},
    response::Response,
};
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use tokio_tungstenite::tungstenite::Message;

use self::{event::Event, feed::Feed};
use super::{
    Shared,
    claims::Claim,
    clients::Client,
    message::{
        self,
        server::{Connected, ConnectionStats},
    },
};
use crate::{
    http::{Entry, Peer, RateLimit, WebSocket, close_code, upgrade},
    interview::devices::Devices,
    names::SessionId,
    store::{Token, TokenBook, random_hex},
};

/// Query of the WebSocket's address.
#[derive(Deserialize)]
pub(super) struct Parameters {
    token: Option<String>,
}

/// Close code of a client without a valid token.
const UNAUTHORIZED: u16 = 4401;

/// Close code of a connection whose session goes on in another one.
const TAKEN_OVER: u16 = 4409;

const CONNECTION_ID_BYTES: usize = 8;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// Close with this code and reason.
    Close(u16, &'static str),
    /// The client is gone, or does not read what it is sent.
    Gone,
}

type Step = Result<(), End>;

/// The token and the session of an authenticated client.
struct Guest {
    token: Token,
    session_id: SessionId,
    /// Of who may send media: the id is this token's while the connection lasts.
    claim: Option<Arc<Claim>>,
}

/// The client's own stream, and the connection that sends for it.
struct Own {
    client: Arc<Client>,
    feed: Feed,
    sender: watch::Receiver<Option<String>>,
}

struct Connection {
    socket: WebSocket,
    peer: Peer,
    client: IpAddr,
    seat: Option<OwnedSemaphorePermit>,
    /// Until then nothing is read, since the client has exceeded its rate.
    paused_until: Option<Instant>,
    /// The client's bytes are no WebSocket frames any more.
    is_broken: bool,
    shared: Shared,
    id: String,
    connected_at: i64,
    guest: Option<Guest>,
    auth_failures: u32,
    limit: RateLimit,
    tokens: watch::Receiver<Arc<TokenBook>>,
    watched: Option<Feed>,
    own: Option<Own>,
    devices: watch::Receiver<Devices>,
    devices_known: Devices,
    stats: ConnectionStats,
    received_at: Instant,
}

/// Answers `GET /ws/multimodal-analysis`.
pub(super) async fn live(
    State(shared): State<Shared>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let (context, limit) = (shared.http.clone(), shared.state.limits().max_message_bytes);
    let serve = |socket, entry| run(socket, shared, entry);
    upgrade(&context, request, parameters.token, limit, serve).await
}

/// Serves one connection until it ends.
async fn run(socket: WebSocket, shared: Shared, mut entry: Entry) {
    let token = entry.token.take();
    let mut connection = Connection::new(socket, shared, entry);
    let id = connection.id.clone();
    log::debug!(target: "web", connection = id.as_str(); "client connected");
    let ended = connection.serve(token).await;
    if let Some(own) = connection.own.take() {
        own.client.detach(&id);
    }
    match ended {
        Err(End::Close(code, reason)) => {
            log::debug!(target: "web", connection = id.as_str(), code, reason; "client closed");
            connection.close(code, reason).await;
        }
        Err(End::Gone) | Ok(()) => {
            log::debug!(target: "web", connection = id.as_str(); "client gone");
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Connection {
    fn new(socket: WebSocket, shared: Shared, entry: Entry) -> Self {
        let Entry { peer, client, seat, .. } = entry;
        let rate = shared.state.limits().rate_limit_per_s;
        Connection {
            socket,
            peer,
            client,
            seat,
            paused_until: None,
            is_broken: false,
            id: random_hex(CONNECTION_ID_BYTES),
            connected_at: shared.clock.unix_ms(),
            guest: None,
            auth_failures: 0,
            limit: RateLimit::per_second(rate, shared.clock.monotonic()),
            tokens: shared.state.store.tokens(),
            watched: None,
            own: None,
            devices: shared.state.devices.clone(),
            devices_known: Devices::default(),
            stats: ConnectionStats::default(),
            received_at: Instant::now(),
            shared,
        }
    }

    async fn serve(&mut self, token: Option<Token>) -> Step {
        let (connection_id, boot_id) = (&*self.id, self.shared.state.store.boot_id());
        let hello = Connected { connection_id, timestamp: self.connected_at, boot_id };
        self.send_text(message::text("connected", hello, None)).await?;
        if let Some(token) = token {
            let session_id = admission::session_of(&token, &self.id)?;
            let taken = |_| End::Close(UNAUTHORIZED, "the session is another token's now");
            let claim = self.claim(&token, &session_id).map_err(taken)?;
            self.let_in(Guest { token, session_id, claim }).await?;
        }
        let auth_deadline = Instant::now() + self.shared.state.config.auth_timeout;
        let mut heartbeat = every(self.shared.state.limits().heartbeat);
        loop {
            match self.next_event(auth_deadline, &mut heartbeat).await {
                Event::Received(received) => {
                    // A client that never stops sending must not starve the others.
                    tokio::task::consume_budget().await;
                    self.receive(received).await?;
                }
                Event::Resumed => self.paused_until = None,
                Event::Displaced => {
                    let reason = "too many connections before auth; try again";
                    return Err(End::Close(close_code::AGAIN, reason));
                }
                Event::News { is_own, news } => self.send_news(is_own, news).await?,
                Event::Devices(devices) => self.send_devices(devices).await?,
                Event::TokensChanged => self.check_token()?,
                Event::TakenOver => {
                    let reason = "the session goes on in another connection";
                    return Err(End::Close(TAKEN_OVER, reason));
                }
                Event::Expired => {
                    return Err(End::Close(UNAUTHORIZED, "the token has expired"));
                }
                Event::Beat => self.send(Message::Ping(Default::default())).await?,
                Event::Late => return Err(End::Close(UNAUTHORIZED, "no token came in time")),
                Event::Idle => return Err(End::Close(close_code::AWAY, "idle")),
                Event::Stop => return Err(End::Close(close_code::AWAY, "boothd stops")),
            }
        }
    }
}
