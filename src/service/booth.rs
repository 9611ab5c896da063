//! [`BoothStatus`]: renders the booth's health for systemd.

use std::{sync::Arc, time::Duration};

use super::{ProgressProbe, ServiceStatus};
use crate::{
    component::{State, Status},
    health::{ComponentId, Monitor, Report},
};

/// Source of a booth's [`ServiceStatus`].
#[derive(Clone, Debug)]
pub struct BoothStatus {
    /// Judges the booth.
    pub health: Arc<Monitor>,
}

impl BoothStatus {
    /// The current status of the booth.
    pub fn look(&self) -> ServiceStatus {
        let report = self.health.look();
        let mut probes = Vec::new();
        self.health
            .components()
            .iter()
            .for_each(|component| ProgressProbe::of_loops(component, &mut probes));
        let pace = self.health.pace();
        let (camera, microphone) = (ComponentId::Camera, ComponentId::Microphone);
        let names = ["frames of the camera", "analysis of frames"];
        flow_probes(&report, [camera, ComponentId::Vision], names, pace.frame, &mut probes);
        let names = ["sound of the microphone", "analysis of sound"];
        flow_probes(
            &report,
            [microphone, ComponentId::Speech],
            names,
            pace.segment,
            &mut probes,
        );
        ServiceStatus {
            is_ready: report.is_settled,
            is_loading: report.is_loading,
            sentence: report.status_line(),
            probes,
        }
    }
}

/// Probes of the media and their analysis: both must progress while the device runs, unless the
/// reason why media cannot be analysed is known.
fn flow_probes(
    report: &Report,
    [device, worker]: [ComponentId; 2],
    [flow, analysis]: [&str; 2],
    patience: Duration,
    probes: &mut Vec<ProgressProbe>,
) {
    let default = Status::default();
    let device = report.status(device).unwrap_or(&default);
    let worker = report.status(worker).unwrap_or(&default);
    let mut probe = |name: &str, moved_at: Option<Duration>, is_excused| {
        let moved = moved_at.unwrap_or_default().as_nanos();
        probes.push(ProgressProbe { name: name.to_owned(), moved, is_excused, patience });
    };
    let flows = device.state == State::Running;
    probe(flow, device.last_media_at, !flows);
    let own = &worker.own;
    probe(analysis, own.last_analysed_at, !flows || own.error.is_some());
}

#[cfg(test)]
#[path = "booth_tests.rs"]
mod tests;
