//! [`Feed`]: the reports and state of one stream, the booth's or a client's, for one connection.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    booth_api::{
        broadcast::{Reports, is_same},
        clients::Client,
        message::{self, refusal::Refusal, stamp::Stamp},
    },
    engine::Live,
    interview::{Interview, InterviewState},
    names::StreamId,
};

/// The subscription of one connection to one stream.
pub(super) struct Feed {
    /// The stream.
    pub(super) stream: StreamId,
    /// The interview whose consent, switches and pause hold for it.
    pub(super) interview: Interview,
    state: watch::Receiver<InterviewState>,
    reports: Source,
}

enum Source {
    /// Reports that were serialised once for all connections.
    Shared(Reports),
    /// Results of a client's stream, which has few readers. `sent`: what this connection has sent.
    Own { client: Arc<Client>, live: watch::Receiver<Live>, sent: Live },
}

/// A change of a stream that the connection sends.
pub(super) enum News {
    /// A report as text.
    Report(Utf8Bytes),
    /// Media could not be used; the timestamp is the client's.
    Refused(Refusal, Option<Stamp>),
    /// Switches, consent or session changed.
    State(Box<InterviewState>),
}

impl Feed {
    /// The booth's own stream.
    pub(super) fn booth(interview: Interview, mut reports: Reports) -> Self {
        // What is newest now comes at once.
        reports.visual.mark_changed();
        reports.audio.mark_changed();
        Feed::new(StreamId::Booth, interview, Source::Shared(reports))
    }

    /// A client's stream, for the client itself: what comes from now on.
    pub(super) fn own(client: Arc<Client>) -> Self {
        let sent = client.live.borrow().clone();
        Feed::of(client, sent)
    }

    /// A client's stream, for a viewer: the newest results come at once. Results from before the
    /// running session are gone (`StreamTask` clears them).
    pub(super) fn watched(client: Arc<Client>) -> Self {
        // Media that could not be used is the sender's concern, at the moment when it was sent.
        let refused = client.live.borrow().refused.clone();
        Feed::of(client, Live { refused, ..Live::default() })
    }

    fn of(client: Arc<Client>, sent: Live) -> Self {
        let (live, interview) = (client.live.clone(), client.interview.clone());
        let stream = client.session_id.clone().into();
        Feed::new(stream, interview, Source::Own { client, live, sent })
    }

    fn new(stream: StreamId, interview: Interview, reports: Source) -> Self {
        let mut state = interview.state();
        state.mark_changed();
        Feed { stream, interview, state, reports }
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

async fn next_state(state: &mut watch::Receiver<InterviewState>) -> Box<InterviewState> {
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
            Source::Own { client, live, sent } => {
                let stamp = |is_video: bool, sequence| match is_video {
                    true => client.frame_stamp(sequence),
                    false => client.chunk_stamp(sequence),
                };
                if let Some(news) = next_unsent(&live.borrow_and_update(), sent, stamp) {
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

/// The next part of `live` that was not sent yet; marks it as sent.
/// `stamp(is_video, sequence)` is the client's own timestamp of its media.
fn next_unsent(
    live: &Live,
    sent: &mut Live,
    stamp: impl Fn(bool, u64) -> Option<Stamp>,
) -> Option<News> {
    if is_new(&live.face, &mut sent.face)
        && let Some(report) = live.visual_report()
    {
        let stamp = stamp(true, report.sequence);
        return Some(News::Report(message::text("visual_analysis", report, stamp)));
    }
    if is_new(&live.voice, &mut sent.voice)
        && let Some(report) = live.audio_report()
    {
        let stamp = stamp(false, report.sequence);
        return Some(News::Report(message::text("audio_analysis", report, stamp)));
    }
    if is_new(&live.refused, &mut sent.refused)
        && let Some(refused) = &live.refused
    {
        let stamp = stamp(refused.is_video, refused.sequence);
        let refusal = Refusal::new("invalid_media", refused.sentence.clone());
        return Some(News::Refused(refusal, stamp));
    }
    None
}

/// Whether `now` holds a value that was not sent; a value that disappeared is noted and not sent.
fn is_new<T>(now: &Option<Arc<T>>, sent: &mut Option<Arc<T>>) -> bool {
    if is_same(now.as_ref(), sent.as_ref()) {
        return false;
    }
    sent.clone_from(now);
    now.is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::{
        features::Features,
        media::{SoundChunk, SoundFormat},
        report::{FaceResult, ResultContext, VoiceResult},
        session::{FaceMetrics, VoiceMetrics},
        speech::VoiceObservation,
        vision::{FaceObservation, VisionTiming},
    };

    fn context() -> ResultContext {
        ResultContext {
            latency: Duration::ZERO,
            dropped_total: 0,
            features: Features::ALL,
            session_id: None,
            demo_source: false,
        }
    }

    /// An empty room.
    fn face() -> FaceResult {
        let observation = FaceObservation {
            sequence: 3,
            captured_at: Duration::ZERO,
            unix_ms: 0,
            width_px: 640,
            height_px: 480,
            brightness: 0.5,
            face_count: 0,
            face: None,
            turned_deg: None,
            detector_ran: true,
            timing: VisionTiming::default(),
        };
        FaceResult::new(observation, FaceMetrics::default(), context())
    }

    /// A chunk without sound.
    fn voice() -> VoiceResult {
        let chunk = SoundChunk {
            sequence: 5,
            captured_at: Duration::ZERO,
            unix_ms: 0,
            format: SoundFormat::Detect,
            gap_before: false,
            data: Vec::new(),
        };
        let observation = VoiceObservation::of_nothing(&chunk);
        VoiceResult::new(observation, VoiceMetrics::default(), context())
    }

    #[test]
    fn a_face_that_went_away_does_not_put_off_the_voice() {
        let mut sent = Live { face: Some(Arc::new(face())), ..Live::default() };
        let now = Live { voice: Some(Arc::new(voice())), ..Live::default() };
        let stamp = |is_video: bool, sequence: u64| (!is_video).then(|| Stamp::from(sequence));
        match next_unsent(&now, &mut sent, stamp) {
            Some(News::Report(text)) => {
                let report: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(report["type"], "audio_analysis");
                assert_eq!(report["timestamp"], 5);
            }
            _ => panic!("the voice is sent by the same call"),
        }
        assert!(next_unsent(&now, &mut sent, stamp).is_none(), "once");
    }

    #[test]
    fn what_went_away_is_noted_and_not_sent() {
        let (one, other) = (Some(Arc::new(1)), Some(Arc::new(1)));
        let mut sent = None;
        assert!(!is_new(&None, &mut sent), "nothing was and nothing is");
        assert!(is_new(&one, &mut sent) && !is_new(&one, &mut sent), "each thing once");
        assert!(is_new(&other, &mut sent), "equal is not the same");
        assert!(!is_new(&None, &mut sent) && sent.is_none(), "gone");
        assert!(is_new(&one, &mut sent), "and back");
    }
}
