//! [`Judge`]: the verdict. Pure: time and facts are arguments; it holds only the history that "since
//! when" needs.

use std::time::Duration;

use super::{
    Code, ComponentId, Finding, Findings, PATIENCE, Pace, Report, Severity,
    side::{Side, SideHistory},
};
use crate::{
    component::{State, Status},
    policy::Profile,
};

/// What the booth is doing. Holds no id of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interview {
    /// The policy it is under.
    pub profile: Profile,
    /// Camera and microphone stay closed until a session with consent runs.
    pub require_consent: bool,
    /// An operator closed camera and microphone for now.
    pub paused: bool,
    /// Camera or microphone may be open.
    pub analysing: bool,
    /// A session runs.
    pub session_active: bool,
}

/// The facts of one look.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The clock's monotonic time.
    pub now: Duration,
    /// The status of each component, in the order of the data.
    pub components: Vec<(ComponentId, Status)>,
    /// What the booth is doing.
    pub interview: Interview,
    /// The rate of media in a healthy booth.
    pub pace: Pace,
    /// The findings of the probes.
    pub findings: Findings,
}

/// Judges successive looks. See the module.
#[derive(Debug, Default)]
pub struct Judge {
    sides: [SideHistory; 2],
    /// Since when a session runs and media is analysed.
    to_record_since: Option<Duration>,
}

impl Facts {
    fn status(&self, component: ComponentId) -> Option<&Status> {
        self.components.iter().find(|(of, _)| *of == component).map(|(_, status)| status)
    }

    fn sides(&self) -> [Side; 2] {
        let side = |component, worker| Side {
            component,
            device: self.status(component).cloned(),
            worker: self.status(worker).cloned(),
        };
        [
            side(ComponentId::Camera, ComponentId::Vision),
            side(ComponentId::Microphone, ComponentId::Speech),
        ]
    }
}

impl Judge {
    /// The report of one look.
    pub fn judge(&mut self, mut facts: Facts) -> Report {
        let sides = facts.sides();
        let mut findings = std::mem::take(&mut facts.findings);
        if facts.interview.profile.forbids_all().is_some() {
            findings.add(Finding::new(Code::PolicyUnchosen));
        }
        findings.extend(self.media(&sides, facts.now));
        findings.extend(self.recorder(&facts, &sides));
        findings.extend(helpers(&facts));
        let findings = findings.sorted();
        Report {
            now: facts.now,
            verdict: Report::verdict_of(&findings),
            activity: activity(&facts, &sides),
            is_loading: sides.iter().any(Side::is_loading),
            is_settled: sides.iter().all(Side::is_settled),
            session_active: facts.interview.session_active,
            components: facts.components,
            findings,
        }
    }

    /// What is wrong with the devices and the analysis. While one of two works the booth does part
    /// of its job; without any it does none of it.
    fn media(&mut self, sides: &[Side; 2], now: Duration) -> Vec<Finding> {
        let faults = sides.iter().zip(&mut self.sides);
        let faults: Vec<_> = faults.map(|(side, history)| side.fault(history, now)).collect();
        let wanted = sides.iter().filter(|side| side.is_wanted()).count();
        let broken = faults.iter().flatten().count();
        let severity = if broken == wanted { Severity::Unhealthy } else { Severity::Degraded };
        let mut found: Vec<_> = sides.iter().filter_map(Side::worker_fault).collect();
        for ((side, history), fault) in sides.iter().zip(&mut self.sides).zip(faults) {
            let defects = side.defects(history, now);
            match fault {
                // A side that delivers nothing reports no partial losses besides.
                Some(fault) => found.push(fault.as_severe_as(severity)),
                None => found.extend(defects),
            }
        }
        found
    }

    /// A session runs and its media is analysed: then rows must reach the store.
    fn recorder(&mut self, facts: &Facts, sides: &[Side; 2]) -> Option<Finding> {
        let recorder = facts.status(ComponentId::Recorder)?;
        let is_analysed = sides.iter().any(|side| side.is_analysed_at(facts.now));
        let is_due = facts.interview.session_active && is_analysed;
        self.to_record_since = is_due.then(|| self.to_record_since.unwrap_or(facts.now));
        let since = self.to_record_since?.max(recorder.last_media_at.unwrap_or_default());
        let is_late = facts.now.saturating_sub(since) >= PATIENCE;
        is_late.then(|| Finding::new(Code::NotRecorded))
    }
}

/// Components that are judged by their status alone.
fn helpers(facts: &Facts) -> impl Iterator<Item = Finding> {
    let of = |component, code, is_well: fn(State) -> bool| {
        let status = facts.status(component).filter(|status| !is_well(status.state))?;
        let finding = Finding::new(code);
        Some(match &status.error {
            Some(error) => finding.because(error.as_str()),
            None => finding,
        })
    };
    let is_on = |state| matches!(state, State::Running | State::Off | State::Paused);
    [
        of(ComponentId::Light, Code::LightFails, is_on),
        of(ComponentId::Store, Code::StoreAway, is_on),
        of(ComponentId::Mqtt, Code::MqttAway, is_on),
    ]
    .into_iter()
    .flatten()
}

/// The activity of the booth, independent of findings.
fn activity(facts: &Facts, sides: &[Side; 2]) -> String {
    let interview = &facts.interview;
    if sides.iter().any(Side::is_loading) {
        return "Loading the models".into();
    }
    if interview.profile.forbids_all().is_some() {
        return "No policy is chosen, nothing is analysed; set policy.profile to \"eu\" or \
                \"default\" and start boothd again"
            .into();
    }
    if sides.iter().all(Side::is_off) {
        return "Waiting for clients; the booth has neither camera nor microphone".into();
    }
    let theirs = sides.iter().filter(|side| !side.is_off());
    let theirs: Vec<_> = theirs.map(|side| side.component.name()).collect();
    let closed = match theirs[..] {
        [one] => format!("{one} is closed"),
        _ => format!("{} are closed", theirs.join(" and ")),
    };
    if interview.paused {
        return format!("Paused; {closed}");
    }
    if interview.require_consent && !interview.session_active {
        return format!("Waiting for consent; {closed}");
    }
    flowing(facts, sides)
}

fn flowing(facts: &Facts, sides: &[Side; 2]) -> String {
    let flowing = sides.iter().filter(|side| side.flows());
    let flowing: Vec<_> = flowing.map(|side| side.flow(facts.pace)).collect();
    if flowing.is_empty() {
        return "Nothing comes in".into();
    }
    let is_demo = sides.iter().any(Side::is_demo);
    let what = if is_demo { "Playing the demo clip, no device was found" } else { "Analysing" };
    let main = format!("{what}: {}", flowing.join(", "));
    // One that is switched off while the other works is no fault; the sentence names it.
    let closed = sides.iter().filter(|side| {
        side.device.as_ref().is_some_and(|device| device.state == State::Paused)
    });
    closed.fold(main, |main, side| format!("{main}; {} switched off", side.component.name()))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
