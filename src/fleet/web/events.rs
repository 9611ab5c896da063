//! GET /api/v1/fleet/events: what changes, as Server-Sent Events, for programs. The page polls
//! GET /api/v1/fleet/changes instead: a stream holds a connection, of which a browser has six.
//!
//! At most once a second, the newest state only: a slow reader receives fewer messages, and nothing
//! waits for it. `hello` comes first and has the token's role; `changes` has the rows of the list
//! that changed, at most 200 at once and the rest a second later; `live` has the newest reports of
//! the booth that is looked at. Ends when the token's right does.

use std::time::Duration;

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, time::sleep};

use super::Shared;
use crate::{
    fleet::BoothKey,
    http::{Caller, Parameters, Refused, flow},
};

/// Rows in one message.
const ROWS: usize = 200;

/// At most one message in so much time.
const EVERY: Duration = Duration::from_secs(1);

/// Longest time without a message, so that a dead connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Query of the stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Looking {
    /// The revision of the list that the reader has; 0 for the whole list.
    after: Option<u64>,
    /// The booth whose live reports are wanted.
    site: Option<String>,
    /// The same.
    booth: Option<String>,
}

/// Answers GET /api/v1/fleet/events.
pub(super) async fn events(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Parameters(looking): Parameters<Looking>,
) -> Result<Response, Refused> {
    let booth = looking.site.zip(looking.booth).map(|(site, booth)| BoothKey { site, booth });
    let stream = EventStream {
        revision: shared.state.revision.clone(),
        shared,
        caller,
        booth,
        sent: looking.after.unwrap_or_default(),
        live_at: [0; 2],
        is_first: true,
    };
    let mime = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((mime, flow(stream, EventStream::next)).into_response())
}

/// The stream of one reader.
struct EventStream {
    shared: Shared,
    caller: Caller,
    revision: watch::Receiver<u64>,
    booth: Option<BoothKey>,
    /// The revision that the reader has.
    sent: u64,
    live_at: [i64; 2],
    is_first: bool,
}

impl EventStream {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let is_first = std::mem::take(&mut self.is_first);
        if !is_first {
            let stop = self.shared.stop.clone();
            tokio::select! {
                () = stop.requested() => return None,
                () = self.something() => (),
            }
        }
        if !self.shared.http.authenticator.still_admits(&self.caller) {
            return None;
        }
        let hello = if is_first { self.hello() } else { String::new() };
        Some(((hello + &self.message()).into(), self))
    }

    /// Waits for the next second in which something has changed, or for the heartbeat.
    async fn something(&mut self) {
        let stop = self.shared.stop.clone();
        sleep(EVERY).await;
        let changed = async {
            while *self.revision.borrow_and_update() <= self.sent {
                if self.revision.changed().await.is_err() {
                    return stop.requested().await;
                }
            }
        };
        tokio::select! { () = changed => (), () = sleep(HEARTBEAT) => () }
    }

    /// The role of the reader's token, so that its page offers only what the role allows.
    fn hello(&self) -> String {
        let hello = json!({ "role": self.caller.0.role });
        format!("event: hello\ndata: {hello}\n\n")
    }

    fn message(&mut self) -> String {
        let fleet_state = self.shared.fleet_state();
        let (booths, revision) = fleet_state.changes(self.sent, ROWS);
        let fleet_summary = fleet_state.fleet_summary();
        let live = self.booth.as_ref().map(|booth| fleet_state.live_after(booth, self.live_at));
        drop(fleet_state);
        self.sent = revision;
        let changes =
            json!({ "revision": revision, "booths": booths, "census": fleet_summary });
        let mut text = format!("event: changes\ndata: {changes}\n\n");
        for (k, name) in ["video", "audio"].into_iter().enumerate() {
            let Some((at, report)) = live.as_ref().and_then(|live| live[k].as_ref()) else {
                continue;
            };
            self.live_at[k] = *at;
            // The report is JSON that was read once, so it is one value; a line break in it
            // would end the event.
            let report = report.replace(['\n', '\r'], " ");
            text += &format!(
                "event: live\ndata: {{\"kind\":\"{name}\",\"at\":{at},\"report\":{report}}}\n\n"
            );
        }
        text
    }
}
