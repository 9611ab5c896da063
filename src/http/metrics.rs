//! Numbers that every /metrics has: certificates, refusals, the process.

use std::sync::atomic::Ordering::Relaxed;

use super::{counters::Counters, process, snapshot::MetricsSnapshot};
use crate::{
    certificate::{CertificateStatus, Certificates},
    clock::Clock,
};

/// When each certificate in use ends. Of one that cannot be read, nothing.
pub(crate) fn note_certificates(
    snapshot: &mut MetricsSnapshot,
    certificates: &Certificates,
    clock: &dyn Clock,
) {
    #[allow(clippy::cast_precision_loss, reason = "Prometheus has only f64; exact to 2^53")]
    let end = |status: CertificateStatus| {
        Some((vec![("certificate", status.key.to_owned())], status.not_after_s? as f64))
    };
    let ends: Vec<_> = certificates.statuses(clock).into_iter().filter_map(end).collect();
    snapshot.gauges(
        "boothd_tls_certificate_not_after_seconds",
        "When the certificate in use ends, unix time.",
        ends,
    );
}

/// Refusals of the HTTP server.
pub(crate) fn note_refusals(snapshot: &mut MetricsSnapshot, counters: &Counters) {
    snapshot.counter(
        "boothd_refused_connections",
        "Connections for which there was no place.",
        count(counters.refused_connections.load(Relaxed)),
    );
    let rejected = counters.rejections().totals();
    snapshot.counters(
        "boothd_rejected",
        "What was refused to clients, by reason.",
        rejected.map(|(reason, total)| (vec![("reason", reason.to_owned())], count(total))),
    );
    snapshot.counter(
        "boothd_auth_failures",
        "Wrong, expired or revoked tokens that were shown.",
        count(counters.auth_failures.load(Relaxed)),
    );
}

/// Under the names that every Prometheus dashboard knows.
pub(crate) fn note_process(snapshot: &mut MetricsSnapshot) {
    let cpu = process::cpu_time().as_secs_f64();
    snapshot.counter("process_cpu_seconds", "Processor time of all threads.", cpu);
    let resident = process::resident_bytes().map(count);
    snapshot.gauge("process_resident_memory_bytes", "Memory in RAM.", resident);
    let fds = process::open_fds().map(count);
    snapshot.gauge("process_open_fds", "Files and sockets that are open.", fds);
    let max = process::max_fds().map(count);
    snapshot.gauge("process_max_fds", "Files and sockets that may be open.", max);
    snapshot.gauge("process_threads", "Threads.", process::threads().map(count));
}

/// A count as a sample.
#[allow(clippy::cast_precision_loss, reason = "Prometheus has only f64; exact to 2^53")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

/// A number of things as a sample.
#[allow(clippy::cast_precision_loss, reason = "a number of things that are in memory")]
pub(crate) fn number(of: usize) -> f64 {
    of as f64
}
