//! GET /metrics: every number that the booth counts.
//!
//! Nothing is counted twice: components, engine and server keep their own numbers, and a scrape
//! reads them. No label has text of a person or a client.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::Shared;
use crate::{
    board,
    component::{State as ComponentState, Status},
    cost::Histogram,
    health::Verdict,
    http::{
        Buckets, Labels, MetricsSnapshot, count, note_certificates, note_process,
        note_refusals, number,
    },
};

/// Answers GET /metrics.
pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut snapshot = MetricsSnapshot::default();
    note_booth(&mut snapshot, &shared);
    note_interview(&mut snapshot, &shared);
    note_board(&mut snapshot, &shared);
    note_health(&mut snapshot, &shared);
    note_components(&mut snapshot, &shared);
    note_durations(&mut snapshot, &shared);
    note_doors(&mut snapshot, &shared);
    note_certificates(&mut snapshot, &shared.state.certificates, &*shared.clock);
    note_process(&mut snapshot);
    snapshot.answer(&headers)
}

fn note_booth(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    snapshot.gauges("boothd_build_info", "The version that runs.", [(version, 1.0)]);
    let uptime = shared.clock.monotonic().as_secs_f64();
    snapshot.gauge("boothd_uptime_seconds", "Time since the start.", uptime);
    let usage = shared.state.engine.usage();
    let (waiting, in_flight) = (number(usage.waiting), number(usage.in_flight));
    snapshot.gauge("boothd_media_waiting", "Media that waits for a worker.", waiting);
    snapshot.gauge("boothd_media_in_flight", "Media that is being analysed.", in_flight);
    snapshot.counter(
        "boothd_media_dropped",
        "Media that were dropped because every worker was busy, over all streams.",
        count(usage.dropped_total),
    );
    snapshot.counter(
        "boothd_media_refused",
        "Clients' media that was refused, since too much waited.",
        count(usage.refused_total),
    );
    snapshot.counter(
        "boothd_media_too_large",
        "Clients' media that was refused, since decoding it takes more memory than there is.",
        count(usage.too_large_total),
    );
    snapshot.gauge(
        "boothd_media_working_bytes",
        "Memory that media takes while it is decoded and analysed, as its headers have it.",
        number(usage.working_bytes),
    );
    snapshot.gauge(
        "boothd_media_working_limit_bytes",
        "How much of it clients' media may take; docs/ref/memory.md.",
        number(usage.most_working_bytes),
    );
}

/// State of the interview. The session is only yes or no, without its id.
fn note_interview(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let state = shared.state.booth.state().borrow().clone();
    let yes = |is: bool| f64::from(is);
    let is_running = yes(state.session.is_some());
    snapshot.gauge("boothd_session_active", "1 while a session runs in the booth.", is_running);
    let analysing = yes(state.analysing);
    snapshot.gauge("boothd_analysing", "1 while the booth's media is analysed.", analysing);
    snapshot.gauge("boothd_paused", "1 while the booth is paused.", yes(state.paused));
    let features = state.features.by_name();
    let features =
        features.map(|(name, is_on)| (vec![("feature", name.to_owned())], yes(is_on)));
    snapshot.gauges("boothd_feature_on", "1 where the feature is switched on.", features);
    let viewers = number(shared.state.engine.preview().viewers());
    snapshot.gauge("boothd_preview_viewers", "Who looks at the booth's picture now.", viewers);
    let free = board::free_bytes(&shared.state.state_dir).map(count);
    snapshot.gauge("boothd_state_free_bytes", "Disk left where the store is.", free);
}

/// The board. Values that it does not report are left out.
fn note_board(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let reading = shared.state.board.borrow().clone();
    let heat = "Of the chip's hottest part.";
    snapshot.gauge("boothd_board_temperature_celsius", heat, reading.temperature_c);
    let mut flag = |name, help, is: Option<bool>| snapshot.gauge(name, help, is.map(f64::from));
    flag("boothd_board_too_hot", "1 while the board slows down of heat.", reading.too_hot);
    let held = "1 while the clock is held back.";
    flag("boothd_board_throttled", held, reading.throttled);
    let capped = "1 while the clock of a Raspberry Pi is capped.";
    flag("boothd_board_frequency_capped", capped, reading.frequency_capped);
    let weak = "1 while the supply gives too little voltage.";
    flag("boothd_board_under_voltage", weak, reading.under_voltage);
    let much = "1 while the board draws more current than it may.";
    flag("boothd_board_over_current", much, reading.over_current);
    let is_set = Some(shared.clock.is_set());
    flag("boothd_clock_set", "1 while wall time can be trusted.", is_set);
    let total = reading.memory_total_bytes.map(count);
    snapshot.gauge("boothd_memory_total_bytes", "Memory of the machine.", total);
    let available = reading.memory_available_bytes.map(count);
    let help = "Memory of the machine that programs may still have.";
    snapshot.gauge("boothd_memory_available_bytes", help, available);
}

/// The verdict as one series each, and one for everything that is wrong.
fn note_health(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let report = shared.state.health.look();
    let verdicts = Verdict::ALL.map(|verdict| {
        let label = vec![("verdict", verdict.name().to_owned())];
        (label, f64::from(verdict == report.verdict))
    });
    snapshot.gauges("boothd_health", "1 for the verdict of /health.", verdicts);
    let findings = report.findings.iter().map(|finding| {
        let labels = vec![
            ("component", finding.component().name().to_owned()),
            ("code", finding.code.name().to_owned()),
            ("severity", finding.severity.name().to_owned()),
        ];
        (labels, 1.0)
    });
    snapshot.gauges("boothd_finding", "1 for each thing that /health finds wrong.", findings);
}

/// Every state, so that a change shows as one series going to 0 and another to 1.
const STATES: [ComponentState; 6] = [
    ComponentState::Starting,
    ComponentState::Running,
    ComponentState::Unavailable,
    ComponentState::Paused,
    ComponentState::Off,
    ComponentState::Stopped,
];

fn note_components(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let now = shared.clock.monotonic();
    let components = shared.state.health.components().iter();
    let components = components.map(|component| (component.name(), component.status()));
    let components: Vec<(&str, Status)> = components.collect();
    let states = components.iter().flat_map(|(name, status)| {
        STATES.map(|state| {
            let labels = [stage_label(name), vec![("state", state.name().to_owned())]].concat();
            (labels, f64::from(state == status.state))
        })
    });
    snapshot.gauges("boothd_stage_state", "1 for the state that the stage is in.", states);
    let ages = components.iter().filter_map(|(name, status)| {
        let age = now.saturating_sub(status.last_media_at?);
        Some((stage_label(name), age.as_secs_f64()))
    });
    snapshot.gauges("boothd_stage_media_age_seconds", "Time since media last passed.", ages);
    let light = components.iter().find(|(name, _)| *name == "light");
    let is_lit = light.and_then(|(_, status)| status.on).map(f64::from);
    snapshot.gauge("boothd_light_on", "1 while the recording light is lit.", is_lit);
    let mut each = |name, help, of: fn(&Status) -> u64| {
        let samples =
            components.iter().map(|(component, s)| (stage_label(component), count(of(s))));
        snapshot.counters(name, help, samples);
    };
    each("boothd_stage_restarts", "How often the stage had to begin again.", |s| {
        s.restarts_total
    });
    each("boothd_stage_dropped", "Media dropped since the next stage was busy.", |s| {
        s.dropped_total
    });
    each("boothd_stage_errors", "Media that could not be used.", |s| s.errors_total);
    each("boothd_stage_overruns", "How often samples were lost.", |s| s.overruns_total);
}

/// What each step of each component took.
fn note_durations(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let all = shared.state.health.components().iter().flat_map(|component| {
        component.timings().into_iter().map(|(step, took)| {
            let labels =
                [stage_label(component.name()), vec![("step", step.to_owned())]].concat();
            (labels, by_octaves(&took))
        })
    });
    snapshot.histograms("boothd_stage_duration_seconds", "What a step of a stage took.", all);
}

/// One bucket an octave: quarters of an octave would be 80 series for each step.
const QUARTERS: usize = 4;

fn by_octaves(took: &Histogram) -> Buckets {
    let mut below = 0;
    let mut alone = |up_to: u64| up_to - std::mem::replace(&mut below, up_to);
    let bounded = took.buckets().step_by(QUARTERS);
    let mut buckets: Vec<_> = bounded.map(|(bound_s, up_to)| (bound_s, alone(up_to))).collect();
    buckets.push((f64::INFINITY, alone(took.count())));
    Buckets { sum: took.sum().as_secs_f64(), count: took.count(), buckets }
}

fn stage_label(name: &str) -> Labels {
    vec![("stage", name.to_owned())]
}

fn note_doors(snapshot: &mut MetricsSnapshot, shared: &Shared) {
    let open = number(shared.active_connections());
    snapshot.gauge("boothd_connections", "WebSockets that are open.", open);
    let max = number(shared.state.config.max_connections);
    snapshot.gauge("boothd_connections_max", "WebSockets that may be open.", max);
    note_refusals(snapshot, &shared.http.counters);
}
