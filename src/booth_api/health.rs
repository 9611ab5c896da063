//! GET /health: the verdict, the findings and the state of each component.

use std::{collections::BTreeMap, time::Duration};

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::{BoothApiState, Shared};
use crate::{
    board::{self, Reading, Trouble},
    clock::Clock,
    component::{ComponentId, Status},
    features::Features,
    health::{Finding, Report},
    http::{CertificateHealth, FindingHealth, answer_of, certificates_health},
    names::NoticeVersion,
    policy::Profile,
    store,
};

/// The answer of GET /health.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Health<'a> {
    status: &'static str,
    /// One sentence: the worst finding with its remedy, or what the booth does.
    sentence: String,
    /// The findings, worst first.
    findings: Vec<FindingHealth>,
    /// Changes exactly when something changes that clients act upon.
    digest: String,
    version: &'static str,
    booth_id: &'a str,
    uptime_s: u64,
    /// The bundled clip replaces a device: the metrics belong to no subject.
    demo: bool,
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "Components"))]
    components: BTreeMap<&'static str, ComponentHealth>,
    models: BTreeMap<&'a str, ModelHealth<'a>>,
    features: Features,
    /// Policy and session of the booth; never the session's id.
    policy: PolicyHealth,
    /// The booth's media is being analysed.
    analysing: bool,
    /// The booth is paused.
    paused: bool,
    /// A session runs in the booth.
    session_active: bool,
    preview: PreviewHealth,
    /// WebSockets that are open, and how many may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<usize>,
    connections_max: usize,
    disk: DiskHealth,
    board: BoardHealth,
    clock: ClockHealth,
    /// The certificates in use, the web server's and those of the broker.
    certificates: Vec<CertificateHealth>,
    /// What the fleet server has not taken yet.
    outbox: OutboxHealth,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PolicyHealth {
    profile: Profile,
    require_consent: bool,
    notice_version: NoticeVersion,
    /// Why there is none: the configuration names no policy.
    error: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PreviewHealth {
    /// The feature switch of the preview.
    on: bool,
    /// Viewers now.
    viewers: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DiskHealth {
    /// Free for boothd on the store's disk; null where the system does not report it.
    free_bytes: Option<u64>,
    /// The database with its log; null where the file cannot be read.
    database_bytes: Option<u64>,
    /// The free space is too small.
    error: Option<String>,
}

/// The board.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BoardHealth {
    #[serde(flatten)]
    reading: Reading,
    /// The state of it that costs frames now.
    trouble: Option<Trouble>,
    error: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ClockHealth {
    /// Wall time can be trusted.
    set: bool,
    error: Option<String>,
    /// `unset`, `settling` or `vouched`.
    trust: &'static str,
    /// What old rows and tokens go by: `calendar` or `running_time`.
    expires_by: &'static str,
    /// How far the machine's clock is ahead of the time that boothd works with, ms.
    ahead_ms: i64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OutboxHealth {
    /// Number of messages; null while it is unknown.
    depth: Option<u64>,
    bytes: Option<u64>,
    /// Age of the oldest, s.
    oldest_s: Option<u64>,
    /// Messages that the broker refused and that are not sent again by themselves.
    set_aside: Option<u64>,
    /// Why the numbers are unknown.
    error: Option<String>,
    /// Messages that were too old or too many since the start: they are lost.
    fallen_out_total: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ComponentHealth {
    state: &'static str,
    source: Option<String>,
    demo: bool,
    last_media_ms_ago: Option<u64>,
    restarts_total: u64,
    dropped_total: u64,
    overruns_total: u64,
    errors_total: u64,
    error: Option<String>,
    /// Whether its output is on; absent where it has none or does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<bool>,
}

/// What `stages` of [`Health`] may hold, for its schema.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Components {
    camera: ComponentHealth,
    microphone: ComponentHealth,
    vision: ComponentHealth,
    speech: ComponentHealth,
    store: ComponentHealth,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorder: Option<ComponentHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    light: Option<ComponentHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt: Option<ComponentHealth>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ModelHealth<'a> {
    sha256: &'a str,
}

/// Answers GET /health.
pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let report = shared.state.health.look();
    let open = Some(shared.active_connections());
    let verdict = report.verdict;
    answer_of(verdict, body(&shared.state, report, &*shared.clock, open))
}

/// The same for callers other than HTTP; the number of open WebSockets is unknown there.
pub fn health_value(state: &BoothApiState, clock: &dyn Clock) -> serde_json::Value {
    let body = body(state, state.health.look(), clock, None);
    serde_json::to_value(body).expect("its keys are texts")
}

fn body<'a>(
    state: &'a BoothApiState,
    report: Report,
    clock: &dyn Clock,
    connections: Option<usize>,
) -> Health<'a> {
    let booth = state.booth.state().borrow().clone();
    let models = state.models.iter().map(|m| (&*m.name, ModelHealth { sha256: &m.sha256 }));
    Health {
        status: report.verdict.name(),
        sentence: report.sentence(),
        findings: report.findings.iter().map(FindingHealth::of).collect(),
        digest: report.digest(),
        version: env!("CARGO_PKG_VERSION"),
        booth_id: &state.booth_id,
        uptime_s: report.now.as_secs(),
        demo: report.components.iter().any(|(_, status)| status.demo),
        models: models.collect(),
        features: booth.features,
        policy: PolicyHealth {
            profile: booth.profile,
            require_consent: booth.require_consent,
            notice_version: booth.notice_version,
            error: booth.profile.forbids_all(),
        },
        analysing: booth.analysing,
        paused: booth.paused,
        session_active: booth.session.is_some(),
        preview: PreviewHealth {
            on: booth.features.preview,
            // Who takes one picture after the other is counted for a moment longer.
            viewers: if booth.features.preview { state.engine.preview().viewers() } else { 0 },
        },
        connections,
        connections_max: state.config.max_connections,
        disk: disk_health(state),
        board: board_health(state),
        clock: ClockHealth {
            set: clock.is_set(),
            error: report.of(ComponentId::Clock).map(Finding::sentence),
            trust: clock.status().trust.name(),
            expires_by: clock.status().expires_by(),
            ahead_ms: clock.status().ahead_ms,
        },
        certificates: certificates_health(&state.certificates, clock),
        outbox: outbox_health(state),
        components: components(report),
    }
}

fn components(report: Report) -> BTreeMap<&'static str, ComponentHealth> {
    let now = report.now;
    let errors: BTreeMap<_, _> =
        report.findings.iter().rev().map(|f| (f.component(), f.sentence())).collect();
    let health = |(component, status): (ComponentId, Status)| {
        let error = status.error.clone().or_else(|| errors.get(&component).cloned());
        (component.name(), stage_health(status, error, now))
    };
    report.components.into_iter().map(health).collect()
}

fn board_health(state: &BoothApiState) -> BoardHealth {
    let reading = state.board.borrow().clone();
    let trouble = reading.trouble();
    BoardHealth { reading, trouble, error: trouble.map(Trouble::sentence) }
}

fn disk_health(state: &BoothApiState) -> DiskHealth {
    let free_bytes = board::free_bytes(&state.state_dir);
    DiskHealth {
        free_bytes,
        database_bytes: store::size_on_disk(&state.state_dir),
        error: free_bytes.and_then(board::low_disk),
    }
}

fn outbox_health(state: &BoothApiState) -> OutboxHealth {
    let store = &state.store;
    let outbox = *store.outbox().borrow();
    let is_unknown =
        "the database is not open, so the length of the outbox is unknown; see store.error";
    OutboxHealth {
        depth: outbox.map(|outbox| outbox.depth),
        bytes: outbox.map(|outbox| outbox.bytes),
        oldest_s: store.outbox_age().map(|age| age.as_secs()),
        set_aside: outbox.map(|_| store.set_aside().borrow().rows),
        error: outbox.is_none().then(|| is_unknown.to_owned()),
        fallen_out_total: outbox.map(|outbox| outbox.fallen_out_total),
    }
}

/// Answers GET /health/ready: media arrives and is analysed.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let report = shared.state.health.look();
    answer_of(report.verdict, serde_json::json!({ "ready": report.is_ready() }))
}

fn stage_health(status: Status, error: Option<String>, now: Duration) -> ComponentHealth {
    let ago = status.last_media_at.map(|at| now.saturating_sub(at));
    ComponentHealth {
        state: status.state.name(),
        source: status.source,
        demo: status.demo,
        last_media_ms_ago: ago.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
        restarts_total: status.restarts_total,
        dropped_total: status.dropped_total,
        overruns_total: status.overruns_total,
        errors_total: status.errors_total,
        error,
        on: status.on,
    }
}
