//! [`Stage`]: what one part of the daemon says about itself; written by the part, read by /health.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use crate::{cost::Histogram, pulse::Pulse};

/// The state of one stage. Shared between the stage's thread and the readers of /health.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    status: Mutex<Status>,
    timings: Mutex<BTreeMap<&'static str, Histogram>>,
    /// Of the thread that has the stage's name, where there is one.
    own: Pulse,
    /// Of other loops that do the stage's work; those that have left are gone.
    others: Mutex<Vec<Weak<Pulse>>>,
}

/// A snapshot of a [`Stage`].
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What the stage is doing.
    pub state: State,
    /// What it works on: the device's name and format, or the file; for `vision` and `speech`,
    /// what runs their models.
    pub source: Option<String>,
    /// The bundled clip stands in for a device.
    pub demo: bool,
    /// When media last passed (the clock's monotonic time).
    pub last_media_at: Option<Duration>,
    /// How often the stage had to begin again.
    pub restarts_total: u64,
    /// Media dropped because the next stage was busy.
    pub dropped_total: u64,
    /// Media that could not be used (broken JPEG, short frame).
    pub errors_total: u64,
    /// How often samples were lost because the machine was too slow or slept.
    pub overruns_total: u64,
    /// The latest error, until media flows again.
    pub error: Option<String>,
    /// Whether what the stage switches is on; `None` where it switches nothing or cannot tell.
    pub on: Option<bool>,
}

/// What a stage is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum State {
    /// Not yet at work.
    #[default]
    Starting,
    /// Media flows.
    Running,
    /// The device is away or silent; the stage tries again by itself.
    Unavailable,
    /// Closed on purpose: a switch is off, somebody paused, or nobody has agreed yet.
    Paused,
    /// Switched off by the configuration.
    Off,
    /// It has left: the daemon stops, or the file ended.
    Stopped,
}

impl State {
    /// The word that /health uses.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Unavailable => "unavailable",
            State::Paused => "paused",
            State::Off => "off",
            State::Stopped => "stopped",
        }
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Stage {
    /// A stage that has not begun. `name` is also its thread, log target and /health key.
    pub fn new(name: &'static str) -> Self {
        Stage {
            name,
            status: Mutex::default(),
            timings: Mutex::default(),
            own: Pulse::new(name),
            others: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it says now.
    pub fn status(&self) -> Status {
        self.status.lock().expect(UNPOISONED).clone()
    }

    /// Media passed at `now`; clears the error.
    pub fn media_passed(&self, now: Duration) {
        self.update(|status| {
            status.state = State::Running;
            status.last_media_at = Some(now);
            status.error = None;
        });
    }

    /// The stage lost what it works on and will begin again.
    pub fn lost(&self, error: impl Into<String>) {
        let error = error.into();
        self.update(|status| {
            status.state = State::Unavailable;
            status.restarts_total += 1;
            status.error = Some(error);
        });
    }

    /// The loop that has the stage's name turns.
    pub fn beat(&self) {
        self.own.beat();
    }

    /// The pulse of one more loop that does the stage's work.
    pub fn pulse(&self, name: impl Into<Box<str>>) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new(name));
        let mut others = self.others.lock().expect(UNPOISONED);
        others.retain(|other| other.strong_count() > 0);
        others.push(Arc::downgrade(&pulse));
        pulse
    }

    /// Calls `look` with every loop that turns or should: its name, and how often it turned.
    pub fn each_pulse(&self, mut look: impl FnMut(&str, u64)) {
        // A stage whose work others do has no loop of its own.
        if self.own.beats() > 0 {
            look(self.own.name(), self.own.beats());
        }
        for pulse in self.others.lock().expect(UNPOISONED).iter().filter_map(Weak::upgrade) {
            look(pulse.name(), pulse.beats());
        }
    }

    /// One more `step` (such as `decode`) took so long.
    pub fn record(&self, step: &'static str, took: Duration) {
        self.timings.lock().expect(UNPOISONED).entry(step).or_default().record(took);
    }

    /// What the steps took since the start, by name.
    pub fn timings(&self) -> Vec<(&'static str, Histogram)> {
        let timings = self.timings.lock().expect(UNPOISONED);
        timings.iter().map(|(step, took)| (*step, took.clone())).collect()
    }

    /// Any other change.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().expect(UNPOISONED));
    }
}
