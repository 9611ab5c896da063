//! The one monitor of the booth: which components and probes it watches.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::components::Context;
use crate::{
    board::{Reading, Trouble},
    capture::source::SourceKind,
    config::Config,
    health::{self, Monitor, OutboxNow, Pace, RowsNow},
    interview::Interview,
    stop::Stop,
    store::{OutboxState, Store},
};

/// The monitor with everything that it watches.
pub(super) fn monitor(
    context: &Context<'_>,
    booth: &Interview,
    store: &Store,
    board: &watch::Receiver<Reading>,
) -> Arc<Monitor> {
    let Context { config, components, clock, .. } = *context;
    let state = booth.state();
    let interview = move || state.borrow().interview();
    let monitor = Monitor::new(components.all(), interview, pace(config), clock.clone());
    let board = board.clone();
    monitor.watch(health::board(move || -> Option<Trouble> { board.borrow().trouble() }));
    monitor.watch(health::disk(config.state_dir.clone()));
    monitor.watch(health::clock(clock.clone()));
    let may_wait = config.store.flush_interval;
    let of_rows = store.clone();
    monitor.watch(health::recording(move |now| RowsNow {
        oldest_waits: of_rows.rows_wait_since().map(|since| now.saturating_sub(since)),
        may_wait,
        lost_total: of_rows.component().status().dropped_total,
    }));
    let replaced = store.replaced();
    monitor.watch(health::replaced(move || replaced.borrow().clone()));
    let (outbox, set_aside) = (store.outbox(), store.set_aside());
    let outbox = move || {
        let OutboxState { depth, oldest_at, fallen_out_total, .. } = (*outbox.borrow())?;
        // Records that are set aside wait for a person, and have a finding of their own.
        let depth = depth.saturating_sub(set_aside.borrow().rows);
        Some(OutboxNow { depth, oldest_at, lost_total: fallen_out_total })
    };
    monitor.watch(health::delivery(outbox, components.mqtt.clone()));
    Arc::new(monitor)
}

/// Judges the booth's health periodically until `stop`, so that findings have a history also while
/// no client asks.
pub(super) async fn look(monitor: Arc<Monitor>, stop: Stop) {
    let mut turn = tokio::time::interval(health::LOOK_EVERY);
    while !stop.is_requested() {
        turn.tick().await;
        monitor.look();
    }
}

fn pace(config: &Config) -> Pace {
    let fps = config.camera.fps;
    let file_fps = match &config.sources.video {
        Some(SourceKind::File { fps: Some(fps), .. }) => *fps,
        _ => fps,
    };
    let segments = &config.microphone.segments;
    Pace {
        fps,
        frame: Duration::from_secs_f64(1.0 / fps.min(file_fps)),
        segment: segments.length + segments.hop,
    }
}
