//! [`Feed`]: what a connection hears of one stream, be it the booth's or a client's.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    booth::{Booth, BoothState},
    engine::Live,
    report::{AudioReport, VisualReport},
    web::{
        broadcast::{Reports, is_same},
        clients::Client,
        message::{self, client::Refusal},
    },
};

/// One stream as a connection hears it.
pub(super) struct Feed {
    /// "booth", or the session of a client.
    pub(super) name: String,
    /// Whose consent, switches and pause hold for it.
    pub(super) interview: Booth,
    state: watch::Receiver<BoothState>,
    reports: Source,
}

enum Source {
    /// Reports that were turned into text once for everybody.
    Shared(Reports),
    /// Results of a client that nobody or few others hear.
    Own { client: Arc<Client>, live: watch::Receiver<Live>, told: Live },
}

/// What a stream has to say.
pub(super) enum News {
    /// A report as text.
    Report(Utf8Bytes),
    /// Media could not be used; the timestamp is the client's.
    Refused(Refusal, Option<Value>),
    /// Switches, consent or session changed.
    State(Box<BoothState>),
}

impl Feed {
    /// The booth's own stream.
    pub(super) fn booth(interview: Booth, mut reports: Reports) -> Self {
        // What is newest now comes at once.
        reports.visual.mark_changed();
        reports.audio.mark_changed();
        Feed::new("booth", interview, Source::Shared(reports))
    }

    /// The stream of a client.
    pub(super) fn client(client: Arc<Client>) -> Self {
        let (live, told) = (client.live.clone(), client.live.borrow().clone());
        let (name, interview) = (client.session_id.clone(), client.interview.clone());
        Feed::new(&name, interview, Source::Own { client, live, told })
    }

    fn new(name: &str, interview: Booth, reports: Source) -> Self {
        let mut state = interview.state();
        state.mark_changed();
        Feed { name: name.to_owned(), interview, state, reports }
    }

    /// The newest results.
    pub(super) fn newest(&self, booth: &watch::Receiver<Live>) -> Live {
        match &self.reports {
            Source::Shared(_) => booth.borrow().clone(),
            Source::Own { live, .. } => live.borrow().clone(),
        }
    }

    /// What is new; never resolves again once the stream has ended.
    pub(super) async fn next(&mut self) -> News {
        loop {
            let news = tokio::select! {
                biased;
                state = next_state(&mut self.state) => News::State(state),
                news = self.reports.next() => match news {
                    Some(news) => news,
                    None => continue,
                },
            };
            return news;
        }
    }
}

async fn next_state(state: &mut watch::Receiver<BoothState>) -> Box<BoothState> {
    if state.changed().await.is_err() {
        return std::future::pending().await;
    }
    Box::new(state.borrow_and_update().clone())
}

impl Source {
    async fn next(&mut self) -> Option<News> {
        match self {
            Source::Shared(reports) => tokio::select! {
                text = newest_text(&mut reports.visual) => text.map(News::Report),
                text = newest_text(&mut reports.audio) => text.map(News::Report),
            },
            Source::Own { client, live, told } => {
                if let Some(news) = untold(client, &live.borrow_and_update(), told) {
                    return Some(news);
                }
                if live.changed().await.is_err() {
                    return std::future::pending().await;
                }
                None
            }
        }
    }
}

async fn newest_text(newest: &mut watch::Receiver<Option<Utf8Bytes>>) -> Option<Utf8Bytes> {
    if newest.changed().await.is_err() {
        return std::future::pending().await;
    }
    newest.borrow_and_update().clone()
}

/// One thing of `live` that was not told yet; notes it as told.
fn untold(client: &Client, live: &Live, told: &mut Live) -> Option<News> {
    if !is_same(live.face.as_ref(), told.face.as_ref()) {
        told.face.clone_from(&live.face);
        let report = VisualReport::newest(live)?;
        let stamp = client.frame_stamp(report.sequence);
        return Some(News::Report(message::text("visual_analysis", report, stamp)));
    }
    if !is_same(live.voice.as_ref(), told.voice.as_ref()) {
        told.voice.clone_from(&live.voice);
        let report = AudioReport::newest(live)?;
        let stamp = client.chunk_stamp(report.sequence);
        return Some(News::Report(message::text("audio_analysis", report, stamp)));
    }
    if !is_same(live.refused.as_ref(), told.refused.as_ref()) {
        told.refused.clone_from(&live.refused);
        let refused = live.refused.as_ref()?;
        let stamp = if refused.is_video {
            client.frame_stamp(refused.sequence)
        } else {
            client.chunk_stamp(refused.sequence)
        };
        let refusal = Refusal::new("invalid_media", refused.sentence.clone());
        return Some(News::Refused(refusal, stamp));
    }
    None
}
