//! GET /metrics of the fleet server itself. No label names a booth: 20,000 series are too many.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::Shared;
use crate::{
    component::State as ComponentState,
    http::{MetricsSnapshot, count, note_certificates, note_process, note_refusals, number},
};

/// Answers GET /metrics.
pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut snapshot = MetricsSnapshot::default();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    snapshot.gauges("boothd_build_info", "The version that runs.", [(version, 1.0)]);
    note_booths(&mut snapshot, &shared);
    note_messages(&mut snapshot, &shared);
    note_archive(&mut snapshot, &shared);
    note_refusals(&mut snapshot, &shared.http.counters);
    note_certificates(&mut snapshot, &shared.state.certificates, &*shared.clock);
    note_process(&mut snapshot);
    snapshot.answer(&headers)
}

fn note_booths(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let (fleet_summary, alerts) = {
        let fleet_state = shared.fleet_state();
        (fleet_state.fleet_summary(), fleet_state.open_alerts())
    };
    snapshot.gauge("boothd_fleet_booths", "Booths in memory.", number(fleet_summary.booths));
    snapshot.gauge(
        "boothd_fleet_online",
        "Booths that are online.",
        number(fleet_summary.online),
    );
    let alerts = alerts
        .into_iter()
        .map(|(kind, count)| (vec![("kind", kind.name().to_owned())], number(count)));
    snapshot.gauges("boothd_fleet_alerts", "Alerts that hold.", alerts);
}

fn note_messages(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let counts = shared.fleet_state().counts();
    let is_up = shared.state.broker.status().state == ComponentState::Running;
    snapshot.gauge(
        "boothd_fleet_broker_up",
        "1 while the broker is connected.",
        f64::from(is_up),
    );
    let mut counter = |name, help, value| snapshot.counter(name, help, count(value));
    counter("boothd_fleet_messages", "Messages that arrived.", counts.messages_total);
    counter("boothd_fleet_message_bytes", "Their payloads.", counts.bytes_total);
    counter("boothd_fleet_metrics", "Messages with live metrics.", counts.metrics_total);
    counter("boothd_fleet_healths", "Messages with health.", counts.health_total);
    counter("boothd_fleet_records", "Records, repeats too.", counts.records_total);
    counter("boothd_fleet_refused", "Messages that were refused.", counts.refused_total);
    let dropped = "Invalid values that were dropped from messages.";
    counter("boothd_fleet_dropped_values", dropped, counts.dropped_values_total);
}

fn note_archive(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let backlog = shared.state.archive.backlog();
    let waiting = number(backlog.records);
    snapshot.gauge("boothd_fleet_records_waiting", "Records not yet on the disk.", waiting);
    let is_kept = shared.state.archive.component().status().state == ComponentState::Running;
    let help = "1 while the archive takes what booths publish.";
    snapshot.gauge("boothd_fleet_archive_up", help, f64::from(is_kept));
    // What is not known is not there.
    if let Some(orders) = shared.state.archive.open_orders() {
        let help = "Erase orders that booths have not confirmed.";
        snapshot.gauge("boothd_fleet_erase_orders_open", help, number(orders));
    }
    let mut counter = |name, help, value| snapshot.counter(name, help, count(value));
    let erased = "Records of erased sessions, which were refused.";
    counter("boothd_fleet_erased_records", erased, backlog.erased_records_total);
    counter("boothd_fleet_kept_records", "Records on the disk.", backlog.kept_records_total);
    counter(
        "boothd_fleet_repeated_records",
        "Records that arrived again.",
        backlog.repeated_records_total,
    );
    counter(
        "boothd_fleet_dropped_minutes",
        "Minutes of metrics for which there was no room.",
        backlog.dropped_minutes_total,
    );
}
