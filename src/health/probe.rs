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
mod tests {
    use super::*;
    use crate::{
        certificate::{Certificate, Validity},
        clock::{ClockStatus, SimulatedClock, Trust},
        health::ComponentId,
        stop::Stop,
    };

    fn found(probe: &mut impl Probe, second: u64) -> Vec<&'static str> {
        let mut findings = Findings::default();
        probe.look(Duration::from_secs(second), &mut findings);
        findings.sorted().iter().map(|finding| finding.code.name()).collect()
    }

    #[test]
    fn records_that_a_connected_broker_does_not_take_are_found_within_10_s() {
        let component = Arc::new(Component::new(ComponentId::Mqtt));
        component.update(|status| status.state = State::Running);
        let outbox = Arc::new(std::sync::Mutex::new(OutboxNow::default()));
        let (now, set) = (outbox.clone(), |depth, oldest_at| {
            *outbox.lock().unwrap() = OutboxNow { depth, oldest_at, lost_total: 0 };
        });
        let mut probe = delivery(move || Some(*now.lock().unwrap()), component.clone());
        assert_eq!(found(&mut probe, 0), [""; 0]);
        set(2, Some(100));
        (1..9).for_each(|at| assert_eq!(found(&mut probe, at), [""; 0], "after {at} s"));
        assert_eq!(found(&mut probe, 9), ["records_not_delivered"]);
        // One of them was taken, and a new one waits.
        set(2, Some(200));
        assert_eq!(found(&mut probe, 10), [""; 0]);
        assert_eq!(found(&mut probe, 18), ["records_not_delivered"]);
        component.lost("no broker");
        assert_eq!(found(&mut probe, 19), [""; 0], "that has a finding of its own");
        component.update(|status| status.state = State::Running);
        assert_eq!(found(&mut probe, 20), [""; 0]);
        set(0, None);
        assert_eq!(found(&mut probe, 40), [""; 0]);
    }

    #[test]
    fn what_is_lost_is_a_finding_for_an_hour_and_what_waits_until_it_is_written() {
        let rows = Arc::new(std::sync::Mutex::new(RowsNow::default()));
        let now = rows.clone();
        let mut probe = recording(move |_| *now.lock().unwrap());
        rows.lock().unwrap().lost_total = 3;
        assert_eq!(found(&mut probe, 0), [""; 0]);
        rows.lock().unwrap().lost_total = 4;
        assert_eq!(found(&mut probe, 1), ["rows_lost"]);
        let mut findings = Findings::default();
        probe.look(Duration::from_secs(60), &mut findings);
        assert_eq!(findings.sorted()[0].severity, Severity::Unhealthy);
        assert_eq!(found(&mut probe, 3600), ["rows_lost"]);
        let mut findings = Findings::default();
        probe.look(Duration::from_secs(3600), &mut findings);
        assert_eq!(findings.sorted()[0].severity, Severity::Degraded, "it is over");
        assert_eq!(found(&mut probe, 3601), [""; 0]);
        let (oldest_waits, may_wait) = (Some(Duration::from_secs(37)), Duration::from_secs(30));
        *rows.lock().unwrap() = RowsNow { oldest_waits, may_wait, lost_total: 4 };
        assert_eq!(found(&mut probe, 3602), [""; 0]);
        rows.lock().unwrap().oldest_waits = Some(Duration::from_secs(38));
        assert_eq!(found(&mut probe, 3603), ["rows_not_written"]);
    }

    #[test]
    fn records_that_are_lost_are_found_for_an_hour() {
        let component = Arc::new(Component::new(ComponentId::Mqtt));
        let lost = Arc::new(std::sync::Mutex::new(0));
        let now = lost.clone();
        let outbox = move || {
            Some(OutboxNow { lost_total: *now.lock().unwrap(), ..OutboxNow::default() })
        };
        let mut probe = delivery(outbox, component);
        assert_eq!(found(&mut probe, 0), [""; 0]);
        *lost.lock().unwrap() = 5;
        assert_eq!(found(&mut probe, 1), ["records_lost"]);
        assert_eq!(found(&mut probe, 3600), ["records_lost"]);
        assert_eq!(found(&mut probe, 3601), [""; 0]);
    }

    /// A clock whose status the test sets.
    struct Doubtful {
        is_set: bool,
        ahead_ms: i64,
    }

    impl Clock for Doubtful {
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn unix_ms(&self) -> i64 {
            0
        }

        fn is_set(&self) -> bool {
            self.is_set
        }

        fn status(&self) -> ClockStatus {
            ClockStatus { trust: Trust::Vouched, ahead_ms: self.ahead_ms }
        }

        fn sleep(&self, _: Duration, _: &Stop) {}
    }

    #[test]
    fn a_clock_without_a_time_server_or_that_was_set_by_hand_is_found() {
        let codes =
            |is_set, ahead_ms| found(&mut clock(Arc::new(Doubtful { is_set, ahead_ms })), 0);
        assert_eq!(codes(true, 0), [""; 0]);
        assert_eq!(codes(false, 0), ["clock_unset"]);
        assert_eq!(codes(true, 3_600_000), ["clock_disputed"]);
        let mut findings = Findings::default();
        clock(Arc::new(Doubtful { is_set: true, ahead_ms: -90_000 }))
            .look(Duration::ZERO, &mut findings);
        assert!(
            findings.sorted()[0].sentence().contains("by -90 s"),
            "the sentence has the number"
        );
    }

    #[test]
    fn a_certificate_that_ends_is_found() {
        let (clock, all) = (Arc::new(SimulatedClock::default()), Certificates::default());
        let certificate = Certificate::new("web.tls_certificate");
        certificate.set(Some(Validity { not_before_s: 0, not_after_s: 20 * 86_400 }));
        all.add(certificate);
        let mut probe = certificates(all, clock.clone());
        let mut found_after = |days: u64| {
            clock.advance(Duration::from_secs(days * 86_400));
            let mut findings = Findings::default();
            probe.look(clock.monotonic(), &mut findings);
            findings.sorted().pop().map(|finding| (finding.code, finding.sentence()))
        };
        assert_eq!(found_after(0), None);
        let (code, sentence) = found_after(10).unwrap();
        assert_eq!(code, Code::CertificateEndsSoon);
        assert!(sentence.contains("web.tls_certificate ends on 1970-01-21"), "{sentence}");
        assert_eq!(found_after(11).unwrap().0, Code::CertificateEnded);
    }
}
