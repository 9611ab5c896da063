//! One WebSocket connection from its first message to its last.
//!
//! One task a connection: it hears the client, hands on the newest reports and keeps the times.
//! A client that reads slowly loses reports and slows nobody. [`admission`] says who may come
//! in, [`dialogue`] answers, [`media`] takes pictures and sound, [`feed`] brings the reports.

mod admission;
mod dialogue;
mod feed;
mod media;

use std::{future, sync::Arc, time::Duration};

use axum::{
    Error as SocketError,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout},
};

use self::feed::{Feed, News};
use super::{
    Shared,
    claims::Claim,
    clients::Client,
    limit::RateLimit,
    message::{
        self,
        client::{Refusal, Request},
        server::{Connected, ConnectionStats, StateOf},
        stamp::Stamp,
    },
};
use crate::{
    booth::devices::Devices,
    names::SessionId,
    store::{Token, TokenBook, random_hex},
};

/// What was settled before the upgrade.
pub(super) struct Entry {
    /// The token that came with the request.
    pub(super) token: Option<Token>,
    /// One of the connections; given back when the connection ends.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Close code of a client without a right to be here, or whose right has ended.
const UNAUTHORIZED: u16 = 4401;

/// Close code of a connection whose session goes on in another one.
const TAKEN_OVER: u16 = 4409;

const CONNECTION_ID_BYTES: usize = 8;

/// Nobody has to say much before they are let in.
const STRANGER_MESSAGE_BYTES: usize = 16_384;

/// Why a connection ends: the close code and a reason for the client, or silence.
#[derive(Debug)]
enum End {
    /// Tell the client.
    Close(u16, &'static str),
    /// The client is gone, or does not take what it is sent.
    Gone,
}

/// What one turn of a connection is about.
enum Event {
    Heard(Option<Result<Message, SocketError>>),
    News { is_own: bool, news: News },
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

/// What the client may be, once it is let in.
struct Guest {
    token: Token,
    session_id: SessionId,
    /// Of who may send media: the id is this token's while the connection lasts.
    claim: Option<Arc<Claim>>,
}

/// The client's own stream, and whether it is still ours.
struct Own {
    client: Arc<Client>,
    feed: Feed,
    sender: watch::Receiver<Option<String>>,
}

struct Connection {
    socket: WebSocket,
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
    devices_told: Devices,
    stats: ConnectionStats,
    heard_at: Instant,
}

/// Serves one connection until it ends.
pub(super) async fn run(socket: WebSocket, shared: Shared, entry: Entry) {
    let mut connection = Connection::new(socket, shared);
    let id = connection.id.clone();
    log::debug!(target: "web", connection = id.as_str(); "client connected");
    let ended = connection.serve(entry.token).await;
    if let Some(own) = connection.own.take() {
        own.client.detach(&id);
    }
    match ended {
        Err(End::Close(code, reason)) => {
            log::debug!(target: "web", connection = id.as_str(), code, reason; "client closed");
            connection.say_goodbye(code, reason).await;
        }
        Err(End::Gone) | Ok(()) => {
            log::debug!(target: "web", connection = id.as_str(); "client gone");
        }
    }
    drop(entry.permit);
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
    fn new(socket: WebSocket, shared: Shared) -> Self {
        let rate = shared.state.config.rate_limit_per_s;
        Connection {
            socket,
            id: random_hex(CONNECTION_ID_BYTES),
            connected_at: shared.clock.unix_ms(),
            guest: None,
            auth_failures: 0,
            limit: RateLimit::new(rate, shared.clock.monotonic()),
            tokens: shared.state.store.tokens(),
            watched: None,
            own: None,
            devices: shared.state.devices.clone(),
            devices_told: Devices::default(),
            stats: ConnectionStats::default(),
            heard_at: Instant::now(),
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
        let mut heartbeat = every(self.shared.state.config.heartbeat);
        loop {
            match self.next_event(auth_deadline, &mut heartbeat).await {
                Event::Heard(heard) => self.hear(heard).await?,
                Event::News { is_own, news } => self.tell(is_own, news).await?,
                Event::Devices(devices) => self.tell_devices(devices).await?,
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
        let idle_deadline = self.heard_at + self.shared.state.config.idle_timeout;
        let expires_in = self.expires_in();
        let is_stranger = self.guest.is_none();
        let watches_booth = self.watches_booth();
        let Self { socket, shared, watched, own, tokens, devices, id, guest, .. } = self;
        let claim = guest.as_ref().and_then(|guest| guest.claim.as_ref());
        // Both need the own stream; the borrow is split here.
        let (own_feed, own_sender) = match own {
            Some(Own { feed, sender, .. }) => (Some(feed), Some(sender)),
            None => (None, None),
        };
        tokio::select! {
            () = shared.stop.requested() => Event::Stop,
            () = sleep_until(auth_deadline), if is_stranger => Event::Late,
            () = sleep_until(idle_deadline) => Event::Idle,
            () = tokio::time::sleep(expires_in.unwrap_or_default()), if expires_in.is_some() => {
                Event::Expired
            }
            changed = tokens.changed(), if !is_stranger => match changed {
                Ok(()) => Event::TokensChanged,
                Err(_) => Event::Stop,
            },
            () = taken_over(own_sender, id) => Event::TakenOver,
            () = Claim::lost(claim) => Event::TakenOver,
            heard = socket.recv() => Event::Heard(heard),
            news = next_news(watched.as_mut()) => Event::News { is_own: false, news },
            news = next_news(own_feed) => Event::News { is_own: true, news },
            changed = devices.changed(), if watches_booth => match changed {
                Ok(()) => Event::Devices(devices.borrow_and_update().clone()),
                Err(_) => Event::Stop,
            },
            _ = heartbeat.tick() => Event::Beat,
        }
    }

    async fn hear(&mut self, heard: Option<Result<Message, SocketError>>) -> Step {
        self.heard_at = Instant::now();
        let message = match heard {
            None | Some(Ok(Message::Close(_))) => return Err(End::Gone),
            Some(Err(error)) => return Err(end_of(&error)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(message)) => message,
        };
        self.stats.messages_total += 1;
        if !self.limit.admits(self.shared.clock.monotonic()) {
            let sentence = "too many messages; this one was not looked at";
            return self.refuse(Refusal::new("rate_limited", sentence), None).await;
        }
        self.check_token()?;
        match message {
            Message::Text(text)
                if self.guest.is_none() && text.len() > STRANGER_MESSAGE_BYTES =>
            {
                Err(End::Close(close_code::SIZE, "the message is too long before auth"))
            }
            Message::Text(text) => match message::client::parse(&text) {
                Ok(request) => self.answer(request).await,
                // A stranger learns nothing of messages that are not for strangers.
                Err(refusal) if self.guest.is_none() && refusal.code == "invalid_message" => {
                    self.refuse_stranger().await
                }
                Err(refusal) => self.refuse(refusal, None).await,
            },
            Message::Binary(bytes) => self.take_binary(bytes).await,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    async fn answer(&mut self, request: Request<'_>) -> Step {
        match request {
            Request::Auth(auth) => return self.authenticate(auth).await,
            Request::Ping(timestamp) => {
                let pong = message::server::Pong { timestamp: self.shared.clock.unix_ms() };
                return self.send_text(message::text("pong", pong, timestamp)).await;
            }
            _ if self.guest.is_none() => return self.refuse_stranger().await,
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

    async fn refuse_stranger(&mut self) -> Step {
        let sentence = "send `auth` with session_id and access_token first";
        self.refuse(Refusal::new("unauthorized", sentence), None).await
    }

    /// Hands on what a stream has to say.
    async fn tell(&mut self, is_own: bool, news: News) -> Step {
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

    /// Says no; the client may find the reference in the log with the operator.
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
    async fn say_goodbye(&mut self, code: u16, reason: &'static str) {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        if self.send(close).await.is_err() {
            return;
        }
        let farewell = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        timeout(super::GOODBYE, farewell).await.ok();
    }
}

/// How a connection ends after something that is no message.
fn end_of(error: &SocketError) -> End {
    let text = error.to_string();
    // axum hides the type behind its error; tests/live.rs sees when the words change.
    if text.contains("too long") {
        End::Close(close_code::SIZE, "the message is too long")
    } else if text.contains("UTF-8") {
        End::Close(close_code::INVALID, "text must be UTF-8")
    } else {
        End::Close(close_code::PROTOCOL, "not what a WebSocket sends")
    }
}
