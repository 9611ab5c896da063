//! [`Report`]: the health of the booth at one moment.

use std::time::Duration;

use super::{ComponentId, Finding, Severity};
use crate::component::Status;

/// Whether the booth does its job.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Everything that is switched on works.
    Healthy,
    /// Part of it works.
    Degraded,
    /// Nothing comes in, what comes in is not analysed, or what must be kept is lost.
    Unhealthy,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 3] = [Verdict::Healthy, Verdict::Degraded, Verdict::Unhealthy];

    /// Its name in JSON, metrics and MQTT.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Degraded => "degraded",
            Verdict::Unhealthy => "unhealthy",
        }
    }

    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Notice => Verdict::Healthy,
            Severity::Degraded => Verdict::Degraded,
            Severity::Unhealthy => Verdict::Unhealthy,
        }
    }
}

/// The health of the booth at one moment. Renderers show it and judge nothing.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was judged: the clock's monotonic time.
    pub now: Duration,
    /// Whether the booth does its job.
    pub verdict: Verdict,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What the booth does, independent of findings: the first clause of the status line.
    pub activity: String,
    /// For each device media was analysed, or the reason why not is known: systemd's READY.
    pub is_settled: bool,
    /// The models are being loaded: what is wrong meanwhile is not yet worth a clause.
    pub is_loading: bool,
    /// A session runs in the booth.
    pub session_active: bool,
    /// The status of each component, in the order of the data.
    pub components: Vec<(ComponentId, Status)>,
}

impl Report {
    /// Something comes in and is analysed: GET /health/ready.
    pub fn is_ready(&self) -> bool {
        self.verdict != Verdict::Unhealthy
    }

    /// The worst finding's sentence, or what the booth does where nothing is wrong.
    pub fn sentence(&self) -> String {
        let worst = self.findings.first().filter(|finding| finding.severity > Severity::Notice);
        worst.map_or_else(|| self.activity.clone(), Finding::sentence)
    }

    /// One line for `systemctl status`: what the booth does, everything that is wrong, and
    /// whether a session runs. Never its id or subject.
    pub fn status_line(&self) -> String {
        if self.is_loading {
            return self.activity.clone();
        }
        let wrong = self.findings.iter().filter(|finding| finding.severity > Severity::Notice);
        // The first clause is not repeated.
        let wrong = wrong.map(Finding::brief).filter(|brief| !self.activity_names(brief));
        let session = self.session_active.then(|| "session running".to_owned());
        let clauses = std::iter::once(self.activity.clone()).chain(wrong).chain(session);
        clauses.collect::<Vec<_>>().join("; ")
    }

    fn activity_names(&self, brief: &str) -> bool {
        let activity = self.activity.to_lowercase();
        activity.starts_with(&brief.to_lowercase())
    }

    /// The worst finding of a component.
    pub fn of(&self, component: ComponentId) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.component() == component)
    }

    /// The status of a component, where the booth has it.
    pub fn status(&self, component: ComponentId) -> Option<&Status> {
        self.components.iter().find(|(of, _)| *of == component).map(|(_, status)| status)
    }

    /// Changes exactly when something changes that others act upon: the verdict, a session, a
    /// component's state, a switch, the set of findings. Not with counters, ages, numbers.
    pub fn digest(&self) -> String {
        let mut hash = Fnv::default();
        hash.add(self.verdict.name());
        hash.add(if self.session_active { "session" } else { "-" });
        for (component, status) in &self.components {
            hash.add(component.name());
            hash.add(status.state.name());
            hash.add(match status.on {
                Some(true) => "on",
                Some(false) => "off",
                None => "-",
            });
        }
        for finding in &self.findings {
            hash.add(finding.code.name());
            hash.add(finding.severity.name());
        }
        format!("{:016x}", hash.0)
    }

    /// The verdict that these findings make.
    pub(crate) fn verdict_of(findings: &[Finding]) -> Verdict {
        let worst = findings.iter().map(|finding| finding.severity).max();
        worst.map_or(Verdict::Healthy, Verdict::of)
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a word and a separator.
    fn add(&mut self, word: &str) {
        for byte in word.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
