//! The answers to everything but media: watching, switches, sessions, status.

use std::collections::BTreeMap;

use super::{Connection, End, feed::Feed};
use crate::{
    booth_api::message::{
        self,
        client::{Request, StartSessionData},
        refusal::Refusal,
        server::{
            ComponentStats, DeviceNews, LatestResults, PerformanceStats, ServerStats,
            SessionStarted, Status, Watching,
        },
    },
    error::{Error, ErrorKind},
    interview::{Interview, devices::Devices},
    names::StreamId,
    store::{Role, StreamKind},
};

/// Why a request was not served.
pub(super) enum Stopped {
    /// The client gets the refusal, and the connection goes on.
    Refused(Refusal),
    /// The connection is over.
    Ended(End),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Stopped::Refused(refusal)
    }
}

impl From<End> for Stopped {
    fn from(end: End) -> Self {
        Stopped::Ended(end)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Refused(refusal_of(&error))
    }
}

type Served = Result<(), Stopped>;

impl Connection {
    /// Serves a request of an authenticated client.
    pub(super) async fn serve_request(&mut self, request: Request<'_>) -> Served {
        let actor = self.guest.as_ref().map(|g| g.token.name.clone()).unwrap_or_default();
        match request {
            Request::GetStatus => self.tell_status().await,
            Request::GetPerformanceStats => self.tell_performance().await,
            Request::Watch(watch) => self.watch(&watch.stream).await,
            Request::StartSession(start) => self.start_session(start, &actor).await,
            Request::Configure(change) => {
                let (interview, _) = self.subject()?;
                interview.configure(&change.features, &actor).await?;
                Ok(())
            }
            Request::PauseSession => {
                let (interview, _) = self.subject()?;
                interview.pause(true, &actor).await?;
                Ok(())
            }
            Request::ResumeSession => {
                let (interview, _) = self.subject()?;
                interview.pause(false, &actor).await?;
                Ok(())
            }
            Request::EndSession => {
                let (interview, _) = self.subject()?;
                let summary = interview.end_session(&actor).await?;
                Ok(self.send_text(message::text("session_summary", summary, None)).await?)
            }
            // Answered before anybody is let in, or with the media.
            Request::Auth(_)
            | Request::Ping(_)
            | Request::VideoFrame(..)
            | Request::AudioChunk(..) => Ok(()),
        }
    }

    /// Whose interview a request is about: the stream that is watched, else the client's own.
    fn subject(&mut self) -> Result<(Interview, StreamKind), Refusal> {
        let Some(watched) = &self.watched else {
            return Ok((self.own_stream()?.interview.clone(), StreamKind::Client));
        };
        if self.role() != Some(Role::Operator) {
            let sentence = "only an operator's token may change a stream that it watches";
            return Err(Refusal::new("forbidden", sentence));
        }
        let kind = match watched.stream {
            StreamId::Booth => StreamKind::Booth,
            StreamId::Session(_) => StreamKind::Client,
        };
        Ok((watched.interview.clone(), kind))
    }

    async fn start_session(&mut self, start: StartSessionData, actor: &str) -> Served {
        let (interview, stream) = self.subject()?;
        let session = interview.start_session(start.into(), actor).await?;
        let features = interview.state().borrow().features;
        let started = SessionStarted { stream, session, features };
        Ok(self.send_text(message::text("session_started", started, None)).await?)
    }

    async fn watch(&mut self, stream: &StreamId) -> Served {
        let feed = self.feed(stream)?;
        self.send_text(message::text("watching", Watching { stream }, None)).await?;
        let is_booth = *stream == StreamId::Booth;
        self.watched = feed;
        if is_booth {
            let devices = self.devices.borrow_and_update().clone();
            self.send_devices(devices).await?;
        }
        Ok(())
    }

    /// `None` for the connection's own stream, whose reports it receives anyway.
    fn feed(&self, stream: &StreamId) -> Result<Option<Feed>, Refusal> {
        let Some(guest) = &self.guest else {
            return Err(Refusal::new("unauthorized", "send `auth` first"));
        };
        let sees_only_own = guest.token.role == Role::Guest || guest.token.session_id.is_some();
        if sees_only_own && stream.session() != Some(&guest.session_id) {
            let sentence = "this token may watch its own session only";
            return Err(Refusal::new("forbidden", sentence));
        }
        let StreamId::Session(session_id) = stream else {
            let reports = self.shared.reports.clone();
            return Ok(Some(Feed::booth(self.shared.state.booth.clone(), reports)));
        };
        if self.own.as_ref().is_some_and(|own| own.client.session_id == *session_id) {
            return Ok(None);
        }
        match self.shared.clients.find(session_id) {
            Some(client) => Ok(Some(Feed::watched(client))),
            None => {
                let sentence = format!("there is no stream {stream}; `booth` is one");
                Err(Refusal::new("unknown_stream", sentence))
            }
        }
    }

    pub(super) fn watches_booth(&self) -> bool {
        self.watched.as_ref().is_some_and(|feed| feed.stream == StreamId::Booth)
    }

    fn role(&self) -> Option<Role> {
        self.guest.as_ref().map(|guest| guest.token.role)
    }

    /// Sends the devices that changed since the last message to this client.
    pub(super) async fn send_devices(&mut self, now: Devices) -> Result<(), End> {
        let known = std::mem::replace(&mut self.devices_known, now.clone());
        for (device, state, reason) in now.news_since(&known) {
            let news = DeviceNews { device, state, reason };
            self.send_text(message::text("device", news, None)).await?;
        }
        Ok(())
    }

    async fn tell_status(&mut self) -> Served {
        let own = self.own.as_ref().map(|own| &own.feed);
        let feed = own.or(self.watched.as_ref());
        let latest_results = match feed {
            Some(feed) => {
                let live = feed.newest(&self.shared.state.live);
                let (video, audio) = (live.visual_report(), live.audio_report());
                let times = [video.map(|r| r.timestamp), audio.map(|r| r.timestamp)];
                let (video, audio) = (video.cloned(), audio.cloned());
                LatestResults { video, audio, timestamp: times.into_iter().flatten().max() }
            }
            None => LatestResults::default(),
        };
        let status = Status {
            connection_id: &self.id,
            authenticated: self.guest.is_some(),
            session_id: self.guest.as_ref().map(|guest| guest.session_id.as_str()),
            connected_at: self.connected_at,
            analysis_active: feed.is_some_and(|feed| feed.interview.state().borrow().analysing),
            latest_results,
            server_stats: ServerStats {
                active_connections: self.shared.active_connections(),
                processing_queue_size: self.shared.state.engine.usage().waiting,
            },
        };
        let text = message::text("status", status, None);
        Ok(self.send_text(text).await?)
    }

    async fn tell_performance(&mut self) -> Served {
        let components = self.shared.state.health.components();
        let components: BTreeMap<_, _> = components
            .iter()
            .map(|component| (component.name(), ComponentStats::of(component)))
            .collect();
        let uptime = self.shared.clock.monotonic();
        let stats = PerformanceStats {
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            components,
            connection: self.stats,
        };
        Ok(self.send_text(message::text("performance_stats", stats, None)).await?)
    }
}

/// The refusal of an error. It has the error's sentence only where the client can act on it.
fn refusal_of(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::InvalidInput => Refusal::new("invalid_request", error.to_string()),
        ErrorKind::Unauthorized => Refusal::new("forbidden", error.to_string()),
        ErrorKind::Exhausted => Refusal::new("exhausted", error.to_string()),
        ErrorKind::Unavailable => Refusal::new("unavailable", error.to_string()),
        ErrorKind::Config | ErrorKind::Internal => {
            let chain = error.chain().to_string();
            log::error!(target: "web", error = chain.as_str(); "a request failed");
            Refusal::new("internal", "that failed inside the booth; see its log")
        }
    }
}
