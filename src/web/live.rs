//! One WebSocket connection from its first message to its last.
//!
//! One task a connection: it hears the client, hands on the newest reports and keeps the times.
//! A client that reads slowly loses reports and slows nobody.

use std::{future, time::Duration};

use axum::{
    Error as SocketError,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout},
};

use super::{
    Shared,
    limit::RateLimit,
    message::{self, Refusal, Request, refusal},
};
use crate::{
    report::{AudioReport, VisualReport},
    store::random_hex,
};

/// What was settled before the upgrade.
pub(super) struct Entry {
    /// The right token came with the request.
    pub(super) is_authenticated: bool,
    /// One of the connections; given back when the connection ends.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Close code of a client without a right to be here.
const UNAUTHORIZED: u16 = 4401;

/// Wrong tokens that one connection may show.
const MAX_AUTH_FAILURES: u32 = 3;

/// The stream of the booth's own devices.
const BOOTH: &str = "booth";

/// The one user there is: whoever has the booth's token.
const OPERATOR: &str = "operator";

const CONNECTION_ID_BYTES: usize = 8;

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
    Report(Utf8Bytes),
    Beat,
    Late,
    Idle,
    Stop,
}

type Newest = watch::Receiver<Option<Utf8Bytes>>;

type Step = Result<(), End>;

struct Connection {
    socket: WebSocket,
    shared: Shared,
    id: String,
    connected_at: i64,
    /// The session that the client named, once it is let in.
    session_id: Option<String>,
    auth_failures: u32,
    refusals: u64,
    limit: RateLimit,
    visual: Option<Newest>,
    audio: Option<Newest>,
    heard_at: Instant,
}

/// Serves one connection until it ends.
pub(super) async fn run(socket: WebSocket, shared: Shared, entry: Entry) {
    let id = random_hex(CONNECTION_ID_BYTES);
    let limit = RateLimit::new(shared.state.config.rate_limit_per_s, shared.clock.monotonic());
    let mut connection = Connection {
        socket,
        connected_at: shared.clock.unix_ms(),
        session_id: None,
        auth_failures: 0,
        refusals: 0,
        limit,
        visual: None,
        audio: None,
        heard_at: Instant::now(),
        shared,
        id,
    };
    log::debug!(target: "web", connection = connection.id.as_str(); "client connected");
    let ended = connection.serve(entry.is_authenticated).await;
    let id = connection.id.clone();
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

/// The next report, or never while nothing is watched or the stream has ended.
async fn next_report(newest: &mut Option<Newest>) -> Utf8Bytes {
    if let Some(newest) = newest {
        while newest.changed().await.is_ok() {
            if let Some(text) = newest.borrow_and_update().clone() {
                return text;
            }
        }
    }
    future::pending().await
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Connection {
    async fn serve(&mut self, is_authenticated: bool) -> Step {
        let timestamp = self.connected_at;
        let hello = message::Connected { connection_id: &self.id, timestamp };
        self.send_text(message::text("connected", hello, None)).await?;
        if is_authenticated {
            self.let_in(self.id.clone()).await?;
        }
        let auth_deadline = Instant::now() + self.shared.state.config.auth_timeout;
        let mut heartbeat = every(self.shared.state.config.heartbeat);
        loop {
            match self.next_event(auth_deadline, &mut heartbeat).await {
                Event::Heard(heard) => self.hear(heard).await?,
                Event::Report(text) => self.send_text(text).await?,
                Event::Beat => self.send(Message::Ping(Default::default())).await?,
                Event::Late => return Err(End::Close(UNAUTHORIZED, "no token came in time")),
                Event::Idle => return Err(End::Close(close_code::AWAY, "idle")),
                Event::Stop => return Err(End::Close(close_code::AWAY, "boothd stops")),
            }
        }
    }

    async fn next_event(&mut self, auth_deadline: Instant, heartbeat: &mut Interval) -> Event {
        let idle_deadline = self.heard_at + self.shared.state.config.idle_timeout;
        let is_stranger = self.session_id.is_none();
        tokio::select! {
            () = self.shared.stop.requested() => Event::Stop,
            () = sleep_until(auth_deadline), if is_stranger => Event::Late,
            () = sleep_until(idle_deadline) => Event::Idle,
            heard = self.socket.recv() => Event::Heard(heard),
            text = next_report(&mut self.visual) => Event::Report(text),
            text = next_report(&mut self.audio) => Event::Report(text),
            _ = heartbeat.tick() => Event::Beat,
        }
    }

    async fn hear(&mut self, heard: Option<Result<Message, SocketError>>) -> Step {
        self.heard_at = Instant::now();
        match heard {
            None | Some(Ok(Message::Close(_))) => Err(End::Gone),
            Some(Err(error)) => Err(end_of(&error)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(message)) if !self.limit.admits(self.shared.clock.monotonic()) => {
                drop(message);
                let sentence = "too many messages; this one was not looked at";
                self.refuse(&refusal("rate_limited", sentence.into())).await
            }
            Some(Ok(Message::Text(text))) => match message::parse(&text) {
                Ok(request) => self.answer(request).await,
                Err(refusal) => self.refuse(&refusal).await,
            },
            Some(Ok(Message::Binary(_))) => {
                self.answer(Request::NotSupported { kind: "binary".into() }).await
            }
        }
    }

    async fn answer(&mut self, request: Request) -> Step {
        match request {
            Request::Auth { session_id, access_token } => {
                self.authenticate(session_id, &access_token).await
            }
            Request::Ping { timestamp } => {
                let pong = message::Pong { timestamp: self.shared.clock.unix_ms() };
                self.send_text(message::text("pong", pong, timestamp)).await
            }
            _ if self.session_id.is_none() => {
                let sentence = "send `auth` with session_id and access_token first";
                self.refuse(&refusal("unauthorized", sentence.into())).await
            }
            Request::GetStatus => self.tell_status().await,
            Request::Watch { stream } => self.watch(&stream).await,
            Request::NotSupported { kind } => {
                let sentence = format!("this version of boothd does not serve {kind}");
                self.refuse(&refusal("not_supported", sentence)).await
            }
        }
    }

    async fn authenticate(&mut self, session_id: String, access_token: &str) -> Step {
        let refusal = if session_id.is_empty() || access_token.is_empty() {
            refusal("missing_credentials", "缺少session_id或access_token".into())
        } else if self.shared.state.token.matches(access_token) {
            return self.let_in(session_id).await;
        } else {
            refusal("invalid_token", "token验证失败".into())
        };
        self.auth_failures += 1;
        log::warn!(
            target: "web", connection = self.id.as_str(), code = refusal.code;
            "client was not let in"
        );
        let reference = self.next_reference();
        self.send_text(message::refused("auth_error", &refusal, &reference)).await?;
        if self.auth_failures >= MAX_AUTH_FAILURES {
            return Err(End::Close(UNAUTHORIZED, "too many wrong tokens"));
        }
        Ok(())
    }

    async fn let_in(&mut self, session_id: String) -> Step {
        let success = message::AuthSuccess {
            session_id: &session_id,
            user_id: OPERATOR,
            authenticated_at: self.shared.clock.unix_ms(),
        };
        let text = message::text("auth_success", success, None);
        self.session_id = Some(session_id);
        self.send_text(text).await
    }

    async fn watch(&mut self, stream: &str) -> Step {
        if stream != BOOTH {
            let sentence = format!("there is no stream {stream:?}; {BOOTH:?} is one");
            return self.refuse(&refusal("unknown_stream", sentence)).await;
        }
        self.send_text(message::text("watching", message::Watching { stream }, None)).await?;
        let reports = self.shared.reports.clone();
        let (mut visual, mut audio) = (reports.visual, reports.audio);
        // What is newest now comes at once.
        visual.mark_changed();
        audio.mark_changed();
        (self.visual, self.audio) = (Some(visual), Some(audio));
        Ok(())
    }

    async fn tell_status(&mut self) -> Step {
        let live = self.shared.state.booth.borrow().clone();
        let is_watching = self.visual.is_some();
        let video = VisualReport::newest(&live).filter(|_| is_watching);
        let audio = AudioReport::newest(&live).filter(|_| is_watching);
        let times = [video.as_ref().map(|r| r.timestamp), audio.as_ref().map(|r| r.timestamp)];
        let status = message::Status {
            connection_id: &self.id,
            authenticated: self.session_id.is_some(),
            session_id: self.session_id.as_deref(),
            connected_at: self.connected_at,
            analysis_active: is_watching,
            latest_results: message::LatestResults {
                video,
                audio,
                timestamp: times.into_iter().flatten().max(),
            },
            server_stats: message::ServerStats {
                active_connections: self.shared.active_connections(),
                processing_queue_size: self.shared.state.engine.usage().waiting,
            },
        };
        let text = message::text("status", status, None);
        self.send_text(text).await
    }

    async fn refuse(&mut self, refusal: &Refusal) -> Step {
        let reference = self.next_reference();
        log::debug!(target: "web", code = refusal.code, reference = reference.as_str();
            "message refused");
        self.send_text(message::refused("error", refusal, &reference)).await
    }

    /// Finds a refusal in the log.
    fn next_reference(&mut self) -> String {
        self.refusals += 1;
        format!("{}-{}", self.id, self.refusals)
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
