//! One WebSocket connection from its first message to its last.
//!
//! One task a connection: it reads the client's messages, sends the newest reports and enforces the
//! timeouts. A client that reads slowly loses reports and delays no other client. [`admission`] checks
//! the right to connect, [`dialogue`] answers requests, [`media`] takes pictures and sound, [`feed`]
//! delivers the reports.

mod admission;
mod feed;
mod dialogue;
mod media;

use std::{future, net::IpAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message, Utf8Bytes,
        protocol::{CloseFrame, Role as Side, WebSocketConfig},
    },
};

use self::feed::{Feed, News};
use super::{
    Shared,
    claims::Claim,
    clients::Client,
    frames::{Breach, FrameLimiter},
    limit::RateLimit,
    message::{
        self,
        client::Request,
        refusal::Refusal,
        server::{Connected, ConnectionStats, StateOf},
        stamp::Stamp,
    },
    peer::Peer,
    rejections::Reason,
};
use crate::{
    interview::devices::Devices,
    names::SessionId,
    store::{Token, TokenBook, random_hex},
};

/// Result of the checks before the upgrade.
pub(super) struct Entry {
    /// The token that came with the request.
    pub(super) token: Option<Token>,
    /// Its seat; `None` until it is authenticated.
    pub(super) seat: Option<OwnedSemaphorePermit>,
    /// The connection that became a WebSocket.
    pub(super) peer: Peer,
    /// The client's address: from a proxy in `web.proxies`, else the connection's own.
    pub(super) client: IpAddr,
}

type WebSocket = WebSocketStream<FrameLimiter<TokioIo<Upgraded>>>;

/// Why a WebSocket is closed, as RFC 6455 numbers it.
mod close_code {
    pub(super) const AWAY: u16 = 1001;
    pub(super) const PROTOCOL: u16 = 1002;
    pub(super) const INVALID: u16 = 1007;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const SIZE: u16 = 1009;
    pub(super) const AGAIN: u16 = 1013;
}

/// The codec's read buffer; it takes frames in pieces that are longer.
const READ_BUFFER_BYTES: usize = 4096;

/// What may wait to be sent on one connection: a message is sent whole before the next one, and
/// none is nearly so long.
const MAX_UNSENT_BYTES: usize = 1 << 20;

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

/// What a connection reacts to.
enum Event {
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

/// Serves one connection until it ends.
pub(super) async fn run(stream: TokioIo<Upgraded>, shared: Shared, entry: Entry) {
    let limit = shared.state.limits().max_message_bytes;
    let stream = FrameLimiter::new(stream, limit, shared.long_messages.clone());
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_UNSENT_BYTES)
        .max_message_size(Some(limit));
    let socket = WebSocketStream::from_raw_socket(stream, Side::Server, Some(config)).await;
    let Entry { token, seat, peer, client } = entry;
    let mut connection = Connection::new(socket, shared, (peer, client, seat));
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
    fn new(
        socket: WebSocket,
        shared: Shared,
        (peer, client, seat): (Peer, IpAddr, Option<OwnedSemaphorePermit>),
    ) -> Self {
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
            limit: RateLimit::new(rate, shared.clock.monotonic()),
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

    async fn next_event(&mut self, auth_deadline: Instant, heartbeat: &mut Interval) -> Event {
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

    async fn receive(&mut self, received: Option<Result<Message, SocketError>>) -> Step {
        self.received_at = Instant::now();
        let message = match received {
            None | Some(Ok(Message::Close(_))) => return Err(End::Gone),
            Some(Err(error)) => return Err(self.broken(&error)),
            Some(Ok(message)) => message,
        };
        let is_within = self.limit.admits(self.shared.clock.monotonic());
        if !is_within {
            self.pause();
        }
        // A ping that is too much is not answered with more than its pong.
        if matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return Ok(());
        }
        self.stats.messages_total += 1;
        if !is_within {
            let sentence = "too many messages; this one was not looked at";
            return self.refuse(Refusal::new("rate_limited", sentence), None).await;
        }
        self.check_token()?;
        match message {
            Message::Text(text) => match message::client::parse(&text) {
                Ok(request) => self.answer(request).await,
                // Before authentication the answer must not reveal which messages are known.
                Err(refusal) if self.guest.is_none() && refusal.code == "invalid_message" => {
                    self.refuse_unauthenticated().await
                }
                Err(refusal) => self.refuse(refusal, None).await,
            },
            Message::Binary(bytes) => self.take_binary(bytes).await,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                Ok(())
            }
        }
    }

    /// Reads nothing for the time of one message: what comes too quickly waits at the client.
    fn pause(&mut self) {
        let pause = Duration::from_secs_f64(1.0 / self.shared.state.limits().rate_limit_per_s);
        self.paused_until = Some(Instant::now() + pause);
        self.shared.counters.reject(Reason::RateLimited, self.client);
    }

    /// How the connection ends after something that is no message.
    fn broken(&mut self, error: &SocketError) -> End {
        self.is_broken = true;
        let breach = match error {
            SocketError::Io(error) => Breach::behind(error),
            SocketError::Capacity(_) => Some(Breach::TooLong),
            _ => None,
        };
        match breach {
            Some(Breach::BeforeAuth) => {
                self.shared.counters.reject(Reason::TooLongBeforeAuth, self.client);
                End::Close(close_code::SIZE, "the message is too long before auth")
            }
            Some(Breach::TooLong) => {
                self.shared.counters.reject(Reason::TooLong, self.client);
                End::Close(close_code::SIZE, "the message is too long")
            }
            Some(Breach::TooSlow) => {
                self.shared.counters.reject(Reason::TooLong, self.client);
                End::Close(close_code::POLICY, "the long message took too long")
            }
            None if matches!(error, SocketError::Utf8(_)) => {
                End::Close(close_code::INVALID, "text must be UTF-8")
            }
            None if matches!(error, SocketError::Io(_)) => End::Gone,
            Some(Breach::Protocol) | None => {
                End::Close(close_code::PROTOCOL, "not what a WebSocket sends")
            }
        }
    }

    async fn answer(&mut self, request: Request<'_>) -> Step {
        match request {
            Request::Auth(auth) => return self.authenticate(auth).await,
            Request::Ping(timestamp) => {
                let pong = message::server::Pong { timestamp: self.shared.clock.unix_ms() };
                return self.send_text(message::text("pong", pong, timestamp)).await;
            }
            _ if self.guest.is_none() => return self.refuse_unauthenticated().await,
            Request::VideoFrame(frame, timestamp) => {
                return self.take_frame(frame, timestamp).await;
            }
            Request::AudioChunk(chunk, timestamp) => {
                return self.take_chunk(chunk, timestamp).await;
            }
            _ => (),
        }
        match self.serve_request(request).await {
            Ok(()) => Ok(()),
            Err(dialogue::Stopped::Refused(refusal)) => self.refuse(refusal, None).await,
            Err(dialogue::Stopped::Ended(end)) => Err(end),
        }
    }

    async fn refuse_unauthenticated(&mut self) -> Step {
        let sentence = "send `auth` with session_id and access_token first";
        self.refuse(Refusal::new("unauthorized", sentence), None).await
    }

    /// Sends a change of a stream.
    async fn send_news(&mut self, is_own: bool, news: News) -> Step {
        match news {
            News::Report(text) => {
                self.stats.reports_total += 1;
                self.send_text(text).await
            }
            News::Refused(refusal, stamp) => self.refuse(refusal, stamp).await,
            News::State(state) => {
                let own = self.own.as_ref().map(|own| &own.feed);
                let feed = if is_own { own } else { self.watched.as_ref() };
                let Some(feed) = feed else { return Ok(()) };
                let state = StateOf { stream: &feed.stream, state: *state };
                let text = message::text("state", state, None);
                self.send_text(text).await
            }
        }
    }

    /// Sends a refusal; its reference finds the line in the log.
    async fn refuse(&mut self, refusal: Refusal, stamp: Option<Stamp>) -> Step {
        self.stats.refused_total += 1;
        let reference = self.next_reference();
        log::debug!(target: "web", code = refusal.code, reference = reference.as_str();
            "message refused");
        self.send_text(message::refused("error", &refusal, &reference, stamp)).await
    }

    /// Finds a refusal in the log.
    fn next_reference(&self) -> String {
        format!("{}-{}", self.id, self.stats.refused_total)
    }

    async fn send_text(&mut self, text: Utf8Bytes) -> Step {
        self.send(Message::Text(text)).await
    }

    /// Sends within the time that a message may take: a client that takes longer is let go.
    async fn send(&mut self, message: Message) -> Step {
        let limit = self.shared.state.config.send_timeout;
        match timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                log::info!(target: "web", connection = self.id.as_str();
                    "client takes nothing any more and is let go");
                Err(End::Gone)
            }
        }
    }

    /// Closes and waits a moment for the client's own close, so that the reason arrives.
    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let close = Message::Close(Some(frame));
        if self.send(close).await.is_err() {
            return;
        }
        let drain = async {
            while let Some(Ok(_)) = self.socket.next().await {}
            if self.is_broken {
                self.socket.get_mut().drain().await;
            }
        };
        timeout(super::DRAIN_TIMEOUT, drain).await.ok();
    }
}
