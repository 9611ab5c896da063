//! GET /health of the fleet server itself: the broker is connected, the archive writes.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::Shared;
use crate::{
    board::free_bytes,
    component::{Component, State as ComponentState},
    health::{self, Code, Finding, Findings, Probe as _, Report, Verdict},
    http::{FindingHealth, answer_of, certificates_health},
};

/// Answers GET /health. It needs no token, so it counts booths and names none.
pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let state = &shared.state;
    let findings = findings(&shared);
    let verdict = Report::verdict_of(&findings);
    let (fleet_summary, counts) = {
        let fleet_state = shared.fleet_state();
        (fleet_state.fleet_summary(), fleet_state.counts())
    };
    let backlog = state.archive.backlog();
    let body = json!({
        "status": verdict.name(),
        "findings": findings.iter().map(FindingHealth::of).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": shared.clock.monotonic().as_secs(),
        "broker": component(&state.broker),
        "archive": component(&state.archive.component()),
        "store": component(&state.store.component()),
        "booths": fleet_summary.booths, "online": fleet_summary.online, "with_alerts": fleet_summary.with_alerts,
        "messages_total": counts.messages_total, "refused_total": counts.refused_total,
        "dropped_values_total": counts.dropped_values_total,
        "erase_orders_open": state.archive.open_orders(),
        "records_waiting": backlog.records, "minutes_dropped_total": backlog.dropped_minutes_total,
        "certificates": certificates_health(&state.certificates, &*shared.clock),
        "disk": { "free_bytes": free_bytes(&state.state_dir) },
    });
    answer_of(verdict, body)
}

/// Answers GET /health/ready: messages of booths are received and archived.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let verdict = Report::verdict_of(&findings(&shared));
    let is_ready = verdict != Verdict::Unhealthy;
    answer_of(verdict, json!({ "ready": is_ready }))
}

/// Findings of the fleet server itself, worst first. Faults of booths are alerts.
fn findings(shared: &Shared) -> Vec<Finding> {
    let state = &shared.state;
    let mut findings = Findings::default();
    findings.extend(stage_fault(&state.broker, Code::BrokerAway));
    findings.extend(state.archive.finding());
    findings.extend(stage_fault(&state.store.component(), Code::StoreAway));
    let replaced = state.store.replaced();
    health::replaced(move || replaced.borrow().clone())
        .look(shared.clock.monotonic(), &mut findings);
    health::certificates(state.certificates.clone(), shared.clock.clone())
        .look(shared.clock.monotonic(), &mut findings);
    findings.sorted()
}

fn stage_fault(component: &Component, code: Code) -> Option<Finding> {
    let status = component.status();
    let finding = Finding::new(code);
    (status.state != ComponentState::Running).then(|| match status.error {
        Some(error) => finding.because(error),
        None => finding,
    })
}

fn component(component: &Component) -> Value {
    let status = component.status();
    json!({
        "state": status.state.name(), "source": status.source,
        "restarts_total": status.restarts_total, "errors_total": status.errors_total,
        "error": status.error,
    })
}
