//! [`Side`]: a capture device and the workers that analyse what it delivers.

use std::time::Duration;

use super::{Code, ComponentId, Finding, PATIENCE, Pace, SILENT_AFTER, rate::Rate};
use crate::{
    component::{State, Status},
    media::ChannelFault,
};

/// The findings of one kind of media.
struct Codes {
    away: Code,
    starting: Code,
    silent: Code,
    stopped: Code,
    worker_starting: Code,
    worker_stopped: Code,
    unreadable: Code,
    not_analysed: Code,
    unchanged: Code,
    damaged: Code,
}

const VIDEO: Codes = Codes {
    away: Code::CameraAway,
    starting: Code::CameraStarting,
    silent: Code::CameraSilent,
    stopped: Code::CameraStopped,
    worker_starting: Code::VisionStarting,
    worker_stopped: Code::VisionStopped,
    unreadable: Code::FramesUnreadable,
    not_analysed: Code::FramesNotAnalysed,
    unchanged: Code::CameraFrozen,
    damaged: Code::FramesDamaged,
};

const AUDIO: Codes = Codes {
    away: Code::MicrophoneAway,
    starting: Code::MicrophoneStarting,
    silent: Code::MicrophoneSilent,
    stopped: Code::MicrophoneStopped,
    worker_starting: Code::SpeechStarting,
    worker_stopped: Code::SpeechStopped,
    unreadable: Code::SoundUnreadable,
    not_analysed: Code::SoundNotAnalysed,
    unchanged: Code::MicrophoneConstant,
    damaged: Code::SoundDamaged,
};

/// This many failures in a row, and nothing analysed for [`SOON`], are a finding without further wait.
const FAILURES_IN_A_ROW: u64 = 3;
const SOON: Duration = Duration::from_secs(3);

/// A microphone that is almost silent for this long delivers nothing, not even a room's noise.
const QUIET_AFTER: Duration = Duration::from_secs(60);

/// A capture device and its workers at one moment. Components that the booth lacks are `None`.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) component: ComponentId,
    pub(super) device: Option<Status>,
    pub(super) worker: Option<Status>,
}

/// The state of a side between two looks.
#[derive(Debug, Default)]
pub(super) struct SideHistory {
    /// Since when the device delivers without a break.
    flowing_since: Option<Duration>,
    /// Of the workers: what was analysed, and what failed.
    analysis: Rate,
    /// Of the device: what was whole, and what was damaged.
    device: Rate,
}

/// By how many percent of full scale, whole ones: the fact does not change with each segment.
fn offset_finding(offset: f32) -> Finding {
    let fact = format!("by {:.0} % of full scale", (100.0 * offset.abs()).max(1.0));
    Finding::new(Code::MicrophoneOffset).with(fact)
}

impl Side {
    fn codes(&self) -> Codes {
        if self.component == ComponentId::Camera { VIDEO } else { AUDIO }
    }

    fn device_state(&self) -> State {
        self.device.as_ref().map_or(State::Off, |device| device.state)
    }

    fn worker_state(&self) -> State {
        self.worker.as_ref().map_or(State::Off, |worker| worker.state)
    }

    /// The device is switched off or absent from the configuration.
    pub(super) fn is_off(&self) -> bool {
        self.device_state() == State::Off
    }

    /// What is closed on purpose does its job.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.device_state(), State::Off | State::Paused)
    }

    pub(super) fn flows(&self) -> bool {
        self.device_state() == State::Running
    }

    pub(super) fn is_demo(&self) -> bool {
        self.device.as_ref().is_some_and(|device| device.demo)
    }

    /// The models of a device that is used, or of clients where there is none, are being loaded.
    pub(super) fn is_loading(&self) -> bool {
        self.device_state() != State::Stopped && self.worker_state() == State::Starting
    }

    /// Media was analysed, or it is known why not.
    pub(super) fn is_settled(&self) -> bool {
        let own = self.worker.as_ref().map(|worker| &worker.own);
        let is_analysed =
            own.is_none_or(|own| own.last_analysed_at.is_some() || own.error.is_some());
        match self.device_state() {
            State::Stopped => true,
            _ if self.is_loading() => false,
            State::Off => true,
            State::Starting => false,
            State::Running => is_analysed,
            State::Unavailable | State::Paused => true,
        }
    }

    /// Media of the last seconds was analysed.
    pub(super) fn is_analysed_at(&self, now: Duration) -> bool {
        let at = self.worker.as_ref().and_then(|worker| worker.own.last_analysed_at);
        at.is_some_and(|at| now.saturating_sub(at) < PATIENCE)
    }

    /// What is wrong with the device, or with the analysis of what it delivers. Where there is
    /// one, this kind of media does not work.
    pub(super) fn fault(&self, history: &mut SideHistory, now: Duration) -> Option<Finding> {
        let is_flowing = self.flows();
        history.flowing_since = is_flowing.then(|| history.flowing_since.unwrap_or(now));
        self.device_fault(now)
            .or_else(|| self.unchanged_fault(now))
            .or_else(|| self.analysis_fault(history, now))
    }

    /// The device delivers, but nothing that happens before it.
    fn unchanged_fault(&self, now: Duration) -> Option<Finding> {
        let since = self.device.as_ref().filter(|_| self.flows())?.unchanged_since?;
        let lasts = now.saturating_sub(since);
        let finding = Finding::new(self.codes().unchanged);
        (lasts >= PATIENCE).then(|| finding.with(format!("for {} s", lasts.as_secs())))
    }

    /// What costs part of this kind of media.
    pub(super) fn defects(&self, history: &mut SideHistory, now: Duration) -> Vec<Finding> {
        let (device, worker) = (self.device.as_ref(), self.worker.as_ref());
        if !self.flows() {
            (history.device, history.analysis) = Default::default();
            return Vec::new();
        }
        let mut found = Vec::new();
        if let Some(own) = worker.map(|worker| &worker.own) {
            let bad = history.analysis.share(now, own.analysed_total, own.failed_total);
            let damaged = bad.map(|bad| Finding::new(self.codes().damaged).with(bad));
            found.extend(damaged);
            let lasts = |since: Option<Duration>, least| {
                let lasts = now.saturating_sub(since?);
                (lasts >= least).then_some(lasts)
            };
            let black = lasts(own.black_since, PATIENCE);
            found.extend(black.map(|_| Finding::new(Code::CameraBlack)));
            let turned = own
                .turned_deg
                .map(|deg| format!("turned by {deg} degrees the picture is upright"));
            found.extend(turned.map(|fact| Finding::new(Code::CameraTurned).with(fact)));
            let offset = lasts(own.offset_since, PATIENCE);
            found.extend(offset.map(|_| offset_finding(own.offset)));
            let fault = own.channel_fault.map(ChannelFault::sentence);
            found.extend(fault.map(|fault| Finding::new(Code::MicrophoneChannels).with(fault)));
            found.extend(lasts(own.quiet_since, QUIET_AFTER).map(|lasts| {
                let fact = format!("for {} min", lasts.as_secs() / 60);
                Finding::new(Code::MicrophoneQuiet).with(fact)
            }));
        }
        if let Some(device) = device.filter(|_| self.component == ComponentId::Camera) {
            let bad = history.device.share(now, device.received_total, device.errors_total);
            found.extend(bad.map(|bad| Finding::new(Code::CameraErrors).with(bad)));
        }
        found
    }

    fn device_fault(&self, now: Duration) -> Option<Finding> {
        let (codes, device) = (self.codes(), self.device.as_ref()?);
        let silence = device.last_media_at.map(|at| now.saturating_sub(at));
        let code = match device.state {
            State::Off | State::Paused => return None,
            State::Running if silence.is_none_or(|silence| silence < SILENT_AFTER) => {
                return None;
            }
            State::Running => codes.silent,
            State::Unavailable => codes.away,
            State::Starting => codes.starting,
            State::Stopped => codes.stopped,
        };
        let finding = Finding::new(code);
        Some(match &device.error {
            Some(error) => finding.because(error.as_str()),
            None => finding,
        })
    }

    /// Media comes in and is not analysed.
    fn analysis_fault(&self, history: &SideHistory, now: Duration) -> Option<Finding> {
        let (codes, worker) = (self.codes(), self.worker.as_ref()?);
        if worker.state != State::Running {
            return None;
        }
        let own = &worker.own;
        let since = history.flowing_since?.max(own.last_analysed_at.unwrap_or_default());
        let waited = now.saturating_sub(since);
        let is_late = waited >= PATIENCE;
        match &own.error {
            Some(error)
                if is_late || (own.failed_in_a_row >= FAILURES_IN_A_ROW && waited >= SOON) =>
            {
                let detail = format!("{error} ({} in a row)", own.failed_in_a_row);
                Some(Finding::new(codes.unreadable).with(detail))
            }
            None if is_late => Some(Finding::new(codes.not_analysed)),
            _ => None,
        }
    }

    /// What is wrong with the workers themselves, whether or not the device delivers.
    pub(super) fn worker_fault(&self) -> Option<Finding> {
        let codes = self.codes();
        let code = match self.worker.as_ref()?.state {
            State::Running | State::Off | State::Paused => return None,
            State::Starting => codes.worker_starting,
            State::Unavailable | State::Stopped => codes.worker_stopped,
        };
        Some(Finding::new(code))
    }

    /// Its name in the status line while it flows.
    pub(super) fn flow(&self, pace: Pace) -> String {
        match self.component {
            ComponentId::Camera => format!("camera {:.1} fps", pace.fps),
            component => component.name().to_owned(),
        }
    }
}
