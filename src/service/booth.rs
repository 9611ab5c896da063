//! [`BoothOutlook`]: how a booth is, in the words that systemd and its operator need.

use std::{sync::Arc, time::Duration};

use super::{Outlook, Sign, one_line};
use crate::{
    booth::BoothState,
    stage::{Stage, State, Status},
};

/// How quickly media comes where all is well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Frames a second that are analysed.
    pub fps: f64,
    /// From one frame to the next.
    pub frame: Duration,
    /// The sound that is analysed at once, and from one to the next.
    pub segment: Duration,
}

/// What is looked at. `state` tells what the booth does now.
pub struct BoothOutlook<F> {
    /// Every stage of the booth, by [`Stage::name`].
    pub stages: Vec<Arc<Stage>>,
    /// What the booth does.
    pub state: F,
    /// The rhythm of its media.
    pub pace: Pace,
}

/// A device and those who analyse what comes from it, as they are now.
struct Side {
    name: &'static str,
    device: Status,
    worker: Status,
}

impl<F: Fn() -> BoothState> BoothOutlook<F> {
    /// How the booth is now.
    pub fn look(&self) -> Outlook {
        let (state, sides) = ((self.state)(), self.sides());
        let mut signs = Vec::new();
        self.stages.iter().for_each(|stage| Sign::of_loops(stage, &mut signs));
        let [video, audio] = &sides;
        video.signs(
            ["frames of the camera", "analysis of frames"],
            self.pace.frame,
            &mut signs,
        );
        audio.signs(
            ["sound of the microphone", "analysis of sound"],
            self.pace.segment,
            &mut signs,
        );
        Outlook {
            is_ready: sides.iter().all(Side::is_known),
            sentence: self.sentence(&state, &sides),
            signs,
        }
    }

    fn sides(&self) -> [Side; 2] {
        let status = |name| self.status(name).unwrap_or_default();
        let side = |name, worker| Side { name, device: status(name), worker: status(worker) };
        [side("camera", "vision"), side("microphone", "speech")]
    }

    fn status(&self, name: &str) -> Option<Status> {
        self.stages.iter().find(|stage| stage.name() == name).map(|stage| stage.status())
    }

    fn sentence(&self, state: &BoothState, sides: &[Side; 2]) -> String {
        if sides.iter().any(Side::is_loading) {
            return "Loading the models".into();
        }
        let mut clauses = vec![self.main_clause(state, sides)];
        clauses.extend(sides.iter().filter_map(|side| side.trouble(state.analysing)));
        let is_lost = |name| self.status(name).is_some_and(|s| s.state == State::Unavailable);
        if is_lost("store") {
            clauses.push("the database is away, see /health".into());
        }
        if is_lost("light") {
            clauses.push("the recording light fails, see /health".into());
        }
        if is_lost("mqtt") {
            clauses.push("no connection to the broker".into());
        }
        if state.session.is_some() {
            clauses.push("session running".into());
        }
        clauses.join("; ")
    }

    /// What the booth does, whatever else is wrong.
    fn main_clause(&self, state: &BoothState, sides: &[Side; 2]) -> String {
        if state.profile.forbids_all().is_some() {
            return "No policy is chosen, nothing is analysed; set policy.profile to \"eu\" or \
                    \"default\" and start boothd again"
                .into();
        }
        let is_off = |side: &Side| side.device.state == State::Off;
        let names = |is_it: fn(&Side) -> bool| {
            let named = sides.iter().filter(|side| is_it(side)).map(|side| side.name);
            named.collect::<Vec<_>>().join(" and ")
        };
        if sides.iter().all(is_off) {
            return "Waiting for clients; the booth has neither camera nor microphone".into();
        }
        let theirs = names(|side| side.device.state != State::Off);
        let are = if theirs.contains(" and ") { "are" } else { "is" };
        if state.paused {
            return format!("Paused; {theirs} {are} closed");
        }
        if state.require_consent && state.session.is_none() {
            return format!("Waiting for consent; {theirs} {are} closed");
        }
        let flowing = sides.iter().filter(|side| side.flows()).map(|side| match side.name {
            "camera" => format!("camera {:.1} fps", self.pace.fps),
            name => name.to_owned(),
        });
        let flowing = flowing.collect::<Vec<_>>().join(", ");
        if flowing.is_empty() {
            return "Nothing comes in".into();
        }
        let is_demo = sides.iter().any(|side| side.device.demo);
        let what = if is_demo { "Playing the demo clip, nobody is there" } else { "Analysing" };
        format!("{what}: {flowing}")
    }
}

impl Side {
    fn is_off(&self) -> bool {
        matches!(self.device.state, State::Off | State::Stopped)
    }

    fn flows(&self) -> bool {
        self.device.state == State::Running
    }

    fn is_loading(&self) -> bool {
        !self.is_off() && self.worker.state == State::Starting
    }

    /// Media has come all the way, or it is known why not.
    fn is_known(&self) -> bool {
        if self.is_off() {
            return true;
        }
        let is_analysed = self.worker.last_media_at.is_some() || self.worker.error.is_some();
        !self.is_loading()
            && match self.device.state {
                State::Starting => false,
                State::Running => is_analysed,
                State::Unavailable | State::Paused | State::Off | State::Stopped => true,
            }
    }

    /// What is wrong with it, or why it is closed while the other is not.
    fn trouble(&self, is_analysing: bool) -> Option<String> {
        let why =
            |status: &Status| one_line(status.error.as_deref().unwrap_or("no reason yet"));
        match self.device.state {
            State::Unavailable => Some(format!("{} away: {}", self.name, why(&self.device))),
            State::Starting => Some(format!("{} is being opened", self.name)),
            State::Running if self.worker.error.is_some() => {
                Some(format!("{} not analysed: {}", self.name, why(&self.worker)))
            }
            State::Paused if is_analysing => Some(format!("{} switched off", self.name)),
            _ => None,
        }
    }

    /// That media flows and is analysed: it must while the device says that it runs.
    fn signs(&self, [flow, analysis]: [&str; 2], patience: Duration, signs: &mut Vec<Sign>) {
        let mut sign = |name: &str, status: &Status, is_excused| {
            let moved = status.last_media_at.unwrap_or_default().as_nanos();
            signs.push(Sign { name: name.to_owned(), moved, is_excused, patience });
        };
        sign(flow, &self.device, !self.flows());
        sign(analysis, &self.worker, !self.flows() || self.worker.error.is_some());
    }
}

#[cfg(test)]
#[path = "booth_tests.rs"]
mod tests;
