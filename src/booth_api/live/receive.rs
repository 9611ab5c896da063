//! What a client sends: the rate limit, faults of the protocol, and the way to the answer.

use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{Connection, End, Step, dialogue};
use crate::{
    booth_api::message::{self, client::Request, refusal::Refusal},
    http::{Breach, Reason, close_code},
};

impl Connection {
    /// Takes what the socket gives: a message, its end, or a fault.
    pub(super) async fn receive(
        &mut self,
        received: Option<Result<Message, SocketError>>,
    ) -> Step {
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
        self.shared.http.counters.reject(Reason::RateLimited, self.client);
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
                self.shared.http.counters.reject(Reason::TooLongBeforeAuth, self.client);
                End::Close(close_code::SIZE, "the message is too long before auth")
            }
            Some(Breach::TooLong) => {
                self.shared.http.counters.reject(Reason::TooLong, self.client);
                End::Close(close_code::SIZE, "the message is too long")
            }
            Some(Breach::TooSlow) => {
                self.shared.http.counters.reject(Reason::TooLong, self.client);
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

    /// Before authentication every request but `auth` and `ping` is refused.
    pub(super) async fn refuse_unauthenticated(&mut self) -> Step {
        let sentence = "send `auth` with session_id and access_token first";
        self.refuse(Refusal::new("unauthorized", sentence), None).await
    }
}
