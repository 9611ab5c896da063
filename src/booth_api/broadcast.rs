//! Each report is turned into text once, however many clients watch.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::message;
use crate::engine::Live;

/// The newest reports of a stream as text. A client that is too slow misses reports; `sequence`
/// shows the gap.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    pub(super) visual: watch::Receiver<Option<Utf8Bytes>>,
    pub(super) audio: watch::Receiver<Option<Utf8Bytes>>,
}

/// Starts the task that serialises one stream's results until the stream ends or the last reader is
/// gone.
pub(super) fn start(live: watch::Receiver<Live>) -> Reports {
    let (visual_out, visual) = watch::channel(None);
    let (audio_out, audio) = watch::channel(None);
    tokio::spawn(translate(live, visual_out, audio_out));
    Reports { visual, audio }
}

async fn translate(
    mut live: watch::Receiver<Live>,
    visual: watch::Sender<Option<Utf8Bytes>>,
    audio: watch::Sender<Option<Utf8Bytes>>,
) {
    let mut known = Live::default();
    loop {
        let now = live.borrow_and_update().clone();
        // The end of the results is published, too: a client that joins later sees nothing of the session.
        if !is_same(now.face.as_ref(), known.face.as_ref()) {
            visual.send_replace(now.visual_report().map(|report| {
                message::text("visual_analysis", report, Some(report.timestamp.into()))
            }));
        }
        if !is_same(now.voice.as_ref(), known.voice.as_ref()) {
            audio.send_replace(now.audio_report().map(|report| {
                message::text("audio_analysis", report, Some(report.timestamp.into()))
            }));
        }
        known = now;
        tokio::select! {
            changed = live.changed() => if changed.is_err() { return },
            () = visual.closed() => return,
        }
    }
}

/// Whether both are the same result, not only equal ones.
pub(super) fn is_same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}
