//! [`Component`]: the status of one [`ComponentId`]; written by the component, judged by `health`.

mod id;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

pub use id::ComponentId;

use crate::{cost::Histogram, heartbeat::Heartbeat, media::ChannelFault};

/// The state of one component. Shared between the component's thread and the readers of /health.
#[derive(Debug)]
pub struct Component {
    id: ComponentId,
    status: Mutex<Status>,
    timings: Mutex<BTreeMap<&'static str, Histogram>>,
    /// Of the thread that has the component's name, where there is one.
    own: Heartbeat,
    /// Of other loops that do the component's work; dropped when the loop ends.
    others: Mutex<Vec<Weak<Heartbeat>>>,
}

/// A snapshot of a [`Component`].
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What the component is doing.
    pub state: State,
    /// What it works on: the device's name and format, or the file; for `vision` and `speech`,
    /// what runs their models.
    pub source: Option<String>,
    /// The bundled clip stands in for a device.
    pub demo: bool,
    /// When media last passed (the clock's monotonic time).
    pub last_media_at: Option<Duration>,
    /// How often the component had to begin again.
    pub restarts_total: u64,
    /// Media dropped because the next component was busy.
    pub dropped_total: u64,
    /// Media that could not be used (broken JPEG, short frame).
    pub errors_total: u64,
    /// How often samples were lost because the machine was too slow or slept.
    pub overruns_total: u64,
    /// The latest error, until media flows again.
    pub error: Option<String>,
    /// Whether what the component switches is on; `None` where it switches nothing or it
    /// is not known.
    pub on: Option<bool>,
    /// Frames that the camera delivered whole, whether or not one was taken.
    pub received_total: u64,
    /// Since when the device delivers identical frames, or samples of one value; `None` while
    /// they differ.
    pub unchanged_since: Option<Duration>,
    /// What became of the booth's own media (`vision` and `speech`). Clients' media is not in it.
    pub own: OwnMedia,
}

/// What became of the booth's own media in the workers that analyse it.
#[derive(Clone, Debug, Default)]
pub struct OwnMedia {
    /// Frames or segments that were analysed.
    pub analysed_total: u64,
    /// Frames or segments that could not be analysed.
    pub failed_total: u64,
    /// How many failed since the last one that was analysed.
    pub failed_in_a_row: u64,
    /// When the newest that was analysed was captured (the clock's monotonic time).
    pub last_analysed_at: Option<Duration>,
    /// Why the newest could not be analysed; `None` once one was.
    pub error: Option<String>,
    /// Since when every frame is black; `None` while frames are not black.
    pub black_since: Option<Duration>,
    /// By how many degrees the newest frames must be turned clockwise to be upright.
    pub turned_deg: Option<u16>,
    /// Since when the samples have a constant offset that shows; `None` while they have none.
    pub offset_since: Option<Duration>,
    /// The newest segment's offset, -1..1 of full scale.
    pub offset: f32,
    /// What is wrong with the channels of the newest segment.
    pub channel_fault: Option<ChannelFault>,
    /// Since when segments are close to silence; `None` while they are not.
    pub quiet_since: Option<Duration>,
}

impl OwnMedia {
    /// Media that was captured then (where that is known) was analysed.
    pub fn analysed(&mut self, captured_at: Option<Duration>) {
        self.analysed_total += 1;
        self.failed_in_a_row = 0;
        self.last_analysed_at = captured_at.or(self.last_analysed_at);
        self.error = None;
    }

    /// Media could not be analysed.
    pub fn failed(&mut self, error: String) {
        self.failed_total += 1;
        self.failed_in_a_row += 1;
        self.error = Some(error);
    }
}

/// What a component is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum State {
    /// Not yet at work.
    #[default]
    Starting,
    /// Media flows.
    Running,
    /// The device is away or silent; the component tries again by itself.
    Unavailable,
    /// Closed on purpose: a switch is off, the interview is paused, or there is no consent yet.
    Paused,
    /// Switched off by the configuration.
    Off,
    /// It has ended: the daemon stops, or the file is over.
    Stopped,
}

impl State {
    /// Its name in /health.
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

impl Component {
    /// A component that has not begun. The component's name is also its thread and log target.
    pub fn new(id: ComponentId) -> Self {
        Component {
            id,
            status: Mutex::default(),
            timings: Mutex::default(),
            own: Heartbeat::new(id.name()),
            others: Mutex::default(),
        }
    }

    /// Which one it is.
    pub fn id(&self) -> ComponentId {
        self.id
    }

    /// Its name in /health, metrics, MQTT, its threads and the log.
    pub fn name(&self) -> &'static str {
        self.id.name()
    }

    /// A copy of the current status.
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

    /// The component lost what it works on and will begin again.
    pub fn lost(&self, error: impl Into<String>) {
        let error = error.into();
        self.update(|status| {
            status.state = State::Unavailable;
            status.restarts_total += 1;
            status.error = Some(error);
        });
    }

    /// The loop that has the component's name turns.
    pub fn beat(&self) {
        self.own.beat();
    }

    /// The heartbeat of one more loop that does the component's work.
    pub fn heartbeat(&self, name: impl Into<Box<str>>) -> Arc<Heartbeat> {
        let heartbeat = Arc::new(Heartbeat::new(name));
        let mut others = self.others.lock().expect(UNPOISONED);
        others.retain(|other| other.strong_count() > 0);
        others.push(Arc::downgrade(&heartbeat));
        heartbeat
    }

    /// Calls `look` with every loop that turns or should: its name, and how often it turned.
    pub fn each_pulse(&self, mut look: impl FnMut(&str, u64)) {
        // A component whose work others do has no loop of its own.
        if self.own.beats() > 0 {
            look(self.own.name(), self.own.beats());
        }
        for heartbeat in self.others.lock().expect(UNPOISONED).iter().filter_map(Weak::upgrade)
        {
            look(heartbeat.name(), heartbeat.beats());
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
