//! The one verdict on the booth: which components deliver what they must, given what came in.
//!
//! [`Monitor::look`] returns a [`Report`]: a [`Verdict`], the [`Finding`]s behind it (worst first),
//! one sentence for a person and one digest for change detection. The web server, MQTT, systemd,
//! the fleet server and the page only render it; none of them judges.
//!
//! # Adding a finding
//! 1. Add one row to the `catalog!` in `finding.rs`: variant, wire name, [`ComponentId`], default
//!    [`Severity`], what is wrong, what a person does about it.
//! 2. Raise it. A component whose [`Component`] holds all facts is judged in `judge.rs` or
//!    `side.rs`. Any other typed state is read by a [`Probe`]: a closure `FnMut(Duration, &mut Findings)` that
//!    the component's module or `app` passes to [`Monitor::watch`]. It is called at each look (at
//!    least twice a second) with the clock's monotonic time, must not block, and adds what is
//!    wrong *now*: a finding ends when it is no longer added.
//! 3. Add its text to each language of `page/lang/` but English, and a row to the table of
//!    findings in docs/guide/troubleshooting.md. `tests/health/catalog.rs` fails until all have it.
//! 4. A finding raises an alert at the fleet server unless it is a [`Severity::Notice`]
//!    (exceptions: [`Finding::raises_alert`]); the kind
//!    follows from its component (`fleet/alert.rs`).
//!
//! ```text
//! let certificates = certificates.clone();
//! monitor.watch(move |now, findings| {
//!     if let Some(days) = certificates.days_left(now) && days < 14 {
//!         findings.add(Finding::new(Code::CertificateExpires).with(format!("{days} days left")));
//!     }
//! });
//! ```
//!
//! Findings must not hold secrets, session ids or anything measured of a person: /health is
//! public and the broker retains it.

mod code;
mod finding;
mod pace;
mod probe;
mod rate;
mod report;
mod side;
mod judge;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use code::{Code, Severity};
pub use finding::{Finding, Findings};
pub use judge::{Facts, Interview, Judge};
pub use pace::Pace;
pub(crate) use probe::kept_in;
pub use probe::{
    OutboxNow, RowsNow, board, certificates, clock, delivery, disk, recording, replaced,
};
pub use report::{Report, Verdict};

pub use crate::component::ComponentId;
use crate::{clock::Clock, component::Component};

/// How long a component may deliver nothing, though its input comes in, before that is a finding.
/// Leaves room for the look every half second below the promised 10 s.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// A device that is open and delivered nothing for this long does not work.
pub const SILENT_AFTER: Duration = Duration::from_secs(10);

/// How often the monitor looks by itself, so that findings that need a history have one.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Reads the typed state of one component and adds what is wrong with it now.
pub trait Probe: Send {
    /// Adds what is wrong at `now` (the clock's monotonic time). Must not block.
    fn look(&mut self, now: Duration, findings: &mut Findings);
}

impl<F: FnMut(Duration, &mut Findings) + Send> Probe for F {
    fn look(&mut self, now: Duration, findings: &mut Findings) {
        self(now, findings);
    }
}

/// The booth's state; [`Monitor`] calls it at each look.
type InterviewNow = Box<dyn Fn() -> Interview + Send + Sync>;

/// Judges the booth. Shared by everything that renders its health.
pub struct Monitor {
    components: Vec<Arc<Component>>,
    interview: InterviewNow,
    pace: Pace,
    clock: Arc<dyn Clock>,
    /// The judge's history and the probes: each look is one after the other.
    judging: Mutex<Judging>,
}

#[derive(Default)]
struct Judging {
    judge: Judge,
    probes: Vec<Box<dyn Probe>>,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Monitor {
    /// A monitor of these components. `interview` returns what the booth does now.
    pub fn new(
        components: Vec<Arc<Component>>,
        interview: impl Fn() -> Interview + Send + Sync + 'static,
        pace: Pace,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let judging = Mutex::default();
        Monitor { components, interview: Box::new(interview), pace, clock, judging }
    }

    /// Every component, in the order of the data.
    pub fn components(&self) -> &[Arc<Component>] {
        &self.components
    }

    /// The rate of media in a healthy booth.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Calls `probe` at each look from now on.
    pub fn watch(&self, probe: impl Probe + 'static) {
        self.judging.lock().expect(UNPOISONED).probes.push(Box::new(probe));
    }

    /// Judges the booth now.
    pub fn look(&self) -> Report {
        let mut judging = self.judging.lock().expect(UNPOISONED);
        let Judging { judge, probes } = &mut *judging;
        let now = self.clock.monotonic();
        let mut findings = Findings::default();
        probes.iter_mut().for_each(|probe| probe.look(now, &mut findings));
        let components =
            self.components.iter().map(|component| (component.id(), component.status()));
        judge.judge(Facts {
            now,
            components: components.collect(),
            interview: (self.interview)(),
            pace: self.pace,
            findings,
        })
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("stages", &self.components).finish_non_exhaustive()
    }
}
