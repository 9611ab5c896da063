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
    let outbox =
        move || Some(OutboxNow { lost_total: *now.lock().unwrap(), ..OutboxNow::default() });
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
