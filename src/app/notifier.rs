//! What systemd is told of a booth.

use std::time::Duration;

use super::Stages;
use crate::{
    booth::Booth,
    capture::source::SourceKind,
    config::Config,
    error::Result,
    service::{BoothOutlook, Notifier, Pace},
    stop::Stop,
};

/// Tells systemd how the booth is.
pub(super) fn notifier(
    config: &Config,
    stages: &Stages,
    booth: &Booth,
    stop: Stop,
) -> Result<Notifier> {
    let fps = config.camera.fps;
    let file_fps = match &config.sources.video {
        Some(SourceKind::File { fps: Some(fps), .. }) => *fps,
        _ => fps,
    };
    let segments = &config.microphone.segments;
    let pace = Pace {
        fps,
        frame: Duration::from_secs_f64(1.0 / fps.min(file_fps)),
        segment: segments.length + segments.hop,
    };
    let state = booth.state();
    let outlook =
        BoothOutlook { stages: stages.all(), state: move || state.borrow().clone(), pace };
    Notifier::start(move || outlook.look(), stop)
}
