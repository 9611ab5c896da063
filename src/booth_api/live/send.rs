//! What a client is sent: news of streams, refusals, the close.

use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::CloseFrame};

use super::{Connection, End, Step, feed::News};
use crate::{
    booth_api::message::{self, refusal::Refusal, server::StateOf, stamp::Stamp},
    http::DRAIN_TIMEOUT,
};

impl Connection {
    /// Sends a change of a stream.
    pub(super) async fn send_news(&mut self, is_own: bool, news: News) -> Step {
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
    pub(super) async fn refuse(&mut self, refusal: Refusal, stamp: Option<Stamp>) -> Step {
        self.stats.refused_total += 1;
        let reference = self.next_reference();
        log::debug!(target: "web", code = refusal.code, reference = reference.as_str();
            "message refused");
        self.send_text(message::refused("error", &refusal, &reference, stamp)).await
    }

    /// Finds a refusal in the log.
    pub(super) fn next_reference(&self) -> String {
        format!("{}-{}", self.id, self.stats.refused_total)
    }

    /// Sends a text message.
    pub(super) async fn send_text(&mut self, text: Utf8Bytes) -> Step {
        self.send(Message::Text(text)).await
    }

    /// Sends within the time that a message may take: a client that takes longer is let go.
    pub(super) async fn send(&mut self, message: Message) -> Step {
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
    pub(super) async fn close(&mut self, code: u16, reason: &'static str) {
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
        timeout(DRAIN_TIMEOUT, drain).await.ok();
    }
}
