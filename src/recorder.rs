//! Records the metrics of a running session, at most one row per second and modality, and each
//! loss and return of a device. Holds only its position; the store writes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    component::{Component, State},
    engine::Live,
    interview::{InterviewState, devices::Devices},
    names::SessionId,
    store::{EventRecord, MetricRow, Store},
};

/// Records a stream until it is closed. `component` (with the clock that times it) belongs to the
/// booth's own recorder; streams of clients have none.
pub async fn follow(
    mut live: watch::Receiver<Live>,
    state: watch::Receiver<InterviewState>,
    store: Store,
    component: Option<(Arc<Component>, Arc<dyn Clock>)>,
) {
    let mut recorder = Recorder::default();
    let pause = |component: &Component| component.update(|status| status.state = State::Paused);
    component.iter().for_each(|(component, _)| pause(component));
    while live.changed().await.is_ok() {
        recorder.turn_to(&state.borrow());
        for row in recorder.rows(&live.borrow_and_update()) {
            store.record(row);
            if let Some((component, clock)) = &component {
                component.media_passed(clock.monotonic());
            }
        }
        if let Some((component, _)) = component.as_ref().filter(|_| recorder.session.is_none())
        {
            pause(component);
        }
    }
}

/// Stores each loss and return of a device as an event, which also goes to the fleet server, until
/// `stop`.
pub async fn note_devices(
    mut devices: watch::Receiver<Devices>,
    state: watch::Receiver<InterviewState>,
    store: Store,
    clock: Arc<dyn Clock>,
) {
    let (mut reported, mut lost) = (Devices::default(), BTreeSet::new());
    loop {
        let now = devices.borrow_and_update().clone();
        for (device, change, reason) in now.clone().news_since(&reported) {
            // A pause is no event, nor is its end.
            let is_event = match change {
                "lost" => lost.insert(device),
                "back" => lost.remove(device),
                _ => false,
            };
            if !is_event {
                continue;
            }
            let session = state.borrow().session.as_ref().map(|s| s.session_id.to_string());
            let event = EventRecord {
                session_id: session,
                at: clock.unix_ms(),
                kind: format!("{device}_{change}"),
                data: json!({ "device": device, "state": change, "reason": reason }),
            };
            if let Err(error) = store.event(event).await {
                let chain = error.chain().to_string();
                log::warn!(target: "recorder", device, change, error = chain.as_str();
                    "a device's change could not be noted");
            }
        }
        reported = now;
        if devices.changed().await.is_err() {
            return;
        }
    }
}

/// The session that is recorded, and the position in it.
#[derive(Debug, Default)]
struct Recorder {
    session: Option<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    session_id: SessionId,
    /// Start of the session, monotonic.
    began_at: Duration,
    /// The last second with a row.
    video_s: Option<u32>,
    audio_s: Option<u32>,
}

impl Recorder {
    /// The booth's session is this one now.
    fn turn_to(&mut self, state: &InterviewState) {
        let running = state.session.as_ref().map(|session| &session.session_id);
        if running != self.session.as_ref().map(|recorded| &recorded.session_id) {
            self.session = state.session.as_ref().map(|session| Recorded {
                session_id: session.session_id.clone(),
                began_at: session.began.monotonic,
                video_s: None,
                audio_s: None,
            });
        }
    }

    /// Rows of seconds that have none yet.
    fn rows(&mut self, live: &Live) -> Vec<MetricRow> {
        let Some(recorded) = &mut self.session else { return Vec::new() };
        let mut rows = Vec::new();
        if let Some(seen) = &live.face
            && seen.context.session_id.as_ref() == Some(&recorded.session_id)
            && let Some(offset_s) =
                recorded.next(recorded.video_s, seen.observation.captured_at)
        {
            recorded.video_s = Some(offset_s);
            rows.push(MetricRow::video(&recorded.session_id, offset_s, &seen.metrics.values));
        }
        if let Some(voice) = &live.voice
            && voice.context.session_id.as_ref() == Some(&recorded.session_id)
            && let Some(offset_s) =
                recorded.next(recorded.audio_s, voice.observation.captured_at)
        {
            recorded.audio_s = Some(offset_s);
            rows.push(MetricRow::audio(&recorded.session_id, offset_s, &voice.metrics.values));
        }
        rows
    }
}

impl Recorded {
    /// The second of media that was captured then, unless there is a row for it.
    fn next(&self, last: Option<u32>, captured_at: Duration) -> Option<u32> {
        let offset_s = captured_at.saturating_sub(self.began_at).as_secs();
        let offset_s = u32::try_from(offset_s).unwrap_or(u32::MAX);
        last.is_none_or(|last| offset_s > last).then_some(offset_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_one_row_and_time_never_goes_back() {
        let mut recorded = Recorded {
            session_id: "one".parse().unwrap(),
            began_at: Duration::from_millis(1_500),
            video_s: None,
            audio_s: None,
        };
        let mut kept = Vec::new();
        for captured_at_ms in [1_400, 1_600, 2_400, 2_600, 2_550, 3_600, 9_000] {
            let captured_at = Duration::from_millis(captured_at_ms);
            if let Some(offset_s) = recorded.next(recorded.video_s, captured_at) {
                recorded.video_s = Some(offset_s);
                kept.push(offset_s);
            }
        }
        assert_eq!(kept, [0, 1, 2, 7]);
    }
}
