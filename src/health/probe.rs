//! Probes of state without a component of its own: board, disk, clock, certificates, waiting rows and
//! records.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Code, Finding, Findings, PATIENCE, Probe, Severity};
use crate::{
    board::{self, Trouble},
    certificate::{self, Certificates},
    clock::Clock,
    component::{Component, State},
};

/// Heat, throttling and supply of the computer, as `trouble` reads them.
pub fn board(trouble: impl Fn() -> Option<Trouble> + Send) -> impl Probe {
    move |_, findings: &mut Findings| {
        if let Some(trouble) = trouble() {
            findings.add(Finding::new(Code::BoardSlowed).because(trouble.sentence()));
        }
    }
}

/// Free space where `folder` is.
pub fn disk(folder: PathBuf) -> impl Probe {
    move |_, findings: &mut Findings| {
        let free_bytes = board::free_bytes(&folder);
        if let Some(free_bytes) = free_bytes.filter(|free| *free < board::LOW_DISK_BYTES) {
            let left = format!("{} MiB left", free_bytes >> 20);
            findings.add(Finding::new(Code::DiskLow).with(left));
        }
    }
}

/// Whether wall time can be trusted. A booth without a network is so by design.
pub fn clock(clock: Arc<dyn Clock>) -> impl Probe {
    move |_, findings: &mut Findings| {
        if !clock.is_set() {
            findings.add(Finding::new(Code::ClockUnset));
        }
        let ahead_ms = clock.status().ahead_ms;
        if ahead_ms != 0 {
            let by = format!("by {} s", ahead_ms / 1000);
            findings.add(Finding::new(Code::ClockDisputed).with(by));
        }
    }
}

/// Certificates that end, have ended or could not be renewed.
pub fn certificates(certificates: Certificates, clock: Arc<dyn Clock>) -> impl Probe {
    use certificate::Trouble;
    move |_, findings: &mut super::Findings| {
        for status in certificates.statuses(&*clock) {
            let Some((trouble, sentence)) = status.problem else { continue };
            let code = match trouble {
                Trouble::Ended => Code::CertificateEnded,
                Trouble::EndsSoon => Code::CertificateEndsSoon,
                Trouble::NotYetValid => Code::CertificateNotYetValid,
                Trouble::NotRenewed => Code::CertificateNotRenewed,
            };
            findings.add(Finding::new(code).because(sentence));
        }
    }
}

/// Whether a database was replaced while boothd ran; `kept`: the file with its former rows, until a
/// person moves that away.
pub fn replaced(kept: impl Fn() -> Option<PathBuf> + Send) -> impl Probe {
    move |_, findings: &mut Findings| {
        if let Some(kept) = kept() {
            findings.add(Finding::new(Code::StoreReplaced).with(kept_in(&kept)));
        }
    }
}

/// The detail of a finding that a database was replaced: the file's name without its folder.
pub(crate) fn kept_in(kept: &Path) -> String {
    let name = kept.file_name().unwrap_or_default().to_string_lossy();
    format!("what it held is kept in {name}")
}

/// Metrics on their way to the database.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RowsNow {
    /// How long the oldest one waits.
    pub oldest_waits: Option<Duration>,
    /// How long one may wait: rows are written in batches.
    pub may_wait: Duration,
    /// Rows that found no room, since the start.
    pub lost_total: u64,
}

/// How long a loss stays a finding: an operator does not look all the time.
const LOSS_LASTS: Duration = Duration::from_secs(60 * 60);

/// A loss counts as going on until this long after the newest one.
const LOSS_GOES_ON: Duration = Duration::from_secs(60);

/// A counter of losses, which may only grow.
#[derive(Default)]
struct Losses {
    total: Option<u64>,
    at: Option<Duration>,
}

impl Losses {
    /// Takes the counter; how long ago something was lost, where that was lately. What was lost
    /// before the first look is not news.
    fn note(&mut self, now: Duration, total: u64) -> Option<Duration> {
        if self.total.replace(total).is_some_and(|before| total > before) {
            self.at = Some(now);
        }
        self.at.map(|at| now.saturating_sub(at)).filter(|ago| *ago < LOSS_LASTS)
    }
}

/// Whether metrics reach the database.
pub fn recording(rows: impl Fn(Duration) -> RowsNow + Send) -> impl Probe {
    let mut losses = Losses::default();
    move |now, findings: &mut Findings| {
        let RowsNow { oldest_waits, may_wait, lost_total } = rows(now);
        if let Some(ago) = losses.note(now, lost_total) {
            // What is over is worth a look, but the booth does its job again.
            let is_going_on = ago < LOSS_GOES_ON;
            let severity = if is_going_on { Severity::Unhealthy } else { Severity::Degraded };
            let finding = Finding::new(Code::RowsLost).with(format!("{lost_total} rows"));
            findings.add(finding.as_severe_as(severity));
        }
        if let Some(waits) = oldest_waits.filter(|waits| *waits >= may_wait + PATIENCE) {
            let fact = format!("for {} s", waits.as_secs());
            findings.add(Finding::new(Code::RowsNotWritten).with(fact));
        }
    }
}

/// Records on their way to the broker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutboxNow {
    /// Records that wait.
    pub depth: u64,
    /// When the oldest was created, unix ms; identifies it.
    pub oldest_at: Option<i64>,
    /// Records that were too old or too many, since the start.
    pub lost_total: u64,
}

/// Whether a connected broker takes the waiting records; `outbox` is `None` while the database is not
/// open, which is a finding of its own.
pub fn delivery(
    outbox: impl Fn() -> Option<OutboxNow> + Send,
    mqtt: Arc<Component>,
) -> impl Probe {
    let mut losses = Losses::default();
    let (mut before, mut moved_at) = (OutboxNow::default(), Duration::ZERO);
    move |now: Duration, findings: &mut Findings| {
        let Some(outbox) = outbox() else {
            moved_at = now;
            return;
        };
        if losses.note(now, outbox.lost_total).is_some() {
            let fact = format!("{} in all", outbox.lost_total);
            findings.add(Finding::new(Code::RecordsLost).with(fact));
        }
        let has_moved = outbox.depth < before.depth || outbox.oldest_at != before.oldest_at;
        let status = mqtt.status();
        let is_due = outbox.depth > 0 && status.state == State::Running;
        if has_moved || !is_due {
            moved_at = now;
        }
        before = outbox;
        if is_due && now.saturating_sub(moved_at) >= PATIENCE {
            // The connection may know why: its limits, or that nothing subscribes.
            let why = status.error.map(|error| format!(", {error}")).unwrap_or_default();
            let fact = format!("{} wait{why}", outbox.depth);
            findings.add(Finding::new(Code::RecordsNotDelivered).with(fact));
        }
    }
}

#[cfg(test)]
mod tests;
