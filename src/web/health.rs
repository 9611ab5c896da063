//! GET /health: whether the booth does its job, and what each part of it says.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Shared, WebState};
use crate::{
    board::{self, Reading, Trouble},
    clock::Clock,
    features::Features,
    policy::Profile,
    stage::{Stage, State as StageState, Status},
    store,
};

/// A device that says it runs and gave nothing for so long does not run.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// Stages that capture: while one of them works, the booth does part of its job.
const CAPTURE: [&str; 2] = ["camera", "microphone"];

/// Without the store the booth analyses and forgets; without its broker it keeps to itself.
const HELPERS: [&str; 2] = ["store", "mqtt"];

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// Everything that is switched on works.
    Healthy,
    /// Part of it works.
    Degraded,
    /// Nothing comes in, or what comes in is not analysed.
    Unhealthy,
}

/// The answer of GET /health.
#[derive(Serialize)]
struct Health<'a> {
    status: Verdict,
    version: &'static str,
    booth_id: &'a str,
    uptime_s: u64,
    /// The bundled clip stands in for a device: the numbers are nobody's.
    demo: bool,
    #[serde(flatten)]
    stages: BTreeMap<&'static str, StageHealth>,
    models: BTreeMap<&'a str, ModelHealth<'a>>,
    features: Features,
    /// Policy and session of the booth; never whose session it is.
    policy: PolicyHealth,
    /// The booth's media is being analysed.
    analysing: bool,
    /// Somebody has paused the booth.
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
    /// What the central desk has not taken yet.
    outbox: OutboxHealth,
}

#[derive(Serialize)]
struct PolicyHealth {
    profile: Profile,
    require_consent: bool,
    notice_version: String,
    /// Nobody has chosen one.
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct PreviewHealth {
    /// The picture may be looked at.
    on: bool,
    /// Who looks now.
    viewers: usize,
}

#[derive(Serialize)]
struct DiskHealth {
    /// Left for boothd where the store is; null where the system does not tell.
    free_bytes: Option<u64>,
    /// The database with its log; null where there is none to be seen.
    database_bytes: Option<u64>,
    /// Too little is left.
    error: Option<String>,
}

/// The computer itself.
#[derive(Serialize)]
struct BoardHealth {
    #[serde(flatten)]
    reading: Reading,
    /// What of it costs frames now.
    trouble: Option<Trouble>,
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct ClockHealth {
    /// Wall time can be trusted.
    set: bool,
    error: Option<&'static str>,
}

/// A booth without a network is so by design: this is told and is no fault.
const CLOCK_IS_NOT_SET: &str = "no time server keeps the clock right, so times may be wrong; \
                                connect the booth to one (timedatectl says which)";

#[derive(Serialize)]
struct OutboxHealth {
    /// Messages.
    depth: u64,
    bytes: u64,
    /// Age of the oldest, s.
    oldest_s: Option<u64>,
    /// Messages that were too old or too many since the start: they are lost.
    fallen_out_total: u64,
}

#[derive(Serialize)]
struct StageHealth {
    state: &'static str,
    source: Option<String>,
    demo: bool,
    last_media_ms_ago: Option<u64>,
    restarts_total: u64,
    dropped_total: u64,
    overruns_total: u64,
    errors_total: u64,
    error: Option<String>,
    /// Whether what it switches is on; absent where it switches nothing or cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<bool>,
}

#[derive(Serialize)]
struct ModelHealth<'a> {
    sha256: &'a str,
}

/// Answers GET /health.
pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let now = shared.clock.monotonic();
    let open = Some(shared.active_connections());
    let body = body(&shared.state, (now, shared.clock.is_set()), open);
    (code(body.status), Json(body)).into_response()
}

/// The same for who does not ask over HTTP; how many WebSockets are open is not known there.
pub fn health_value(state: &WebState, clock: &dyn Clock) -> serde_json::Value {
    let time = (clock.monotonic(), clock.is_set());
    serde_json::to_value(body(state, time, None)).expect("its keys are texts")
}

fn body(
    state: &WebState,
    (now, is_clock_set): (Duration, bool),
    connections: Option<usize>,
) -> Health<'_> {
    let statuses = statuses(state);
    let board = board_health(state);
    let booth = state.booth.state().borrow().clone();
    let status = with_board(verdict(booth.profile, &statuses, now), board.trouble);
    let models = state.models.iter().map(|m| (&*m.name, ModelHealth { sha256: &m.sha256 }));
    Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        booth_id: &state.booth_id,
        uptime_s: now.as_secs(),
        demo: statuses.iter().any(|(_, status)| status.demo),
        stages: statuses.into_iter().map(|(name, s)| (name, stage_health(s, now))).collect(),
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
            viewers: state.engine.preview().viewers(),
        },
        connections,
        connections_max: state.config.max_connections,
        disk: disk_health(state),
        board,
        clock: ClockHealth {
            set: is_clock_set,
            error: (!is_clock_set).then_some(CLOCK_IS_NOT_SET),
        },
        outbox: outbox_health(state),
    }
}

fn board_health(state: &WebState) -> BoardHealth {
    let reading = state.board.borrow().clone();
    let trouble = reading.trouble();
    BoardHealth { reading, trouble, error: trouble.map(Trouble::sentence) }
}

fn disk_health(state: &WebState) -> DiskHealth {
    let free_bytes = board::free_bytes(&state.state_dir);
    DiskHealth {
        free_bytes,
        database_bytes: store::size_on_disk(&state.state_dir),
        error: free_bytes.and_then(board::low_disk),
    }
}

fn outbox_health(state: &WebState) -> OutboxHealth {
    let outbox = *state.store.outbox().borrow();
    OutboxHealth {
        depth: outbox.depth,
        bytes: outbox.bytes,
        oldest_s: state.store.outbox_age().map(|age| age.as_secs()),
        fallen_out_total: outbox.fallen_out_total,
    }
}

/// Answers GET /health/live: the process answers.
pub(super) async fn live() -> Response {
    Json(serde_json::json!({ "status": "alive" })).into_response()
}

/// Answers GET /health/ready: something comes in and is analysed.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let profile = shared.state.booth.state().borrow().profile;
    let verdict = verdict(profile, &statuses(&shared.state), shared.clock.monotonic());
    let is_ready = verdict != Verdict::Unhealthy;
    (code(verdict), Json(serde_json::json!({ "ready": is_ready }))).into_response()
}

fn code(verdict: Verdict) -> StatusCode {
    match verdict {
        Verdict::Healthy | Verdict::Degraded => StatusCode::OK,
        Verdict::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn statuses(state: &WebState) -> Vec<(&'static str, Status)> {
    let of = |stage: &Stage| (stage.name(), stage.status());
    state.stages.iter().map(|stage| of(stage)).collect()
}

/// A booth for which nobody has chosen a policy does nothing, however well its parts are.
fn verdict(profile: Profile, statuses: &[(&str, Status)], now: Duration) -> Verdict {
    match profile.forbids_all() {
        Some(_) => Verdict::Unhealthy,
        None => judge(statuses, now),
    }
}

fn judge(statuses: &[(&str, Status)], now: Duration) -> Verdict {
    let works = |status: &Status| {
        let silence = status.last_media_at.map(|at| now.saturating_sub(at));
        status.state == StageState::Running && silence.is_none_or(|s| s < SILENT_AFTER)
    };
    // What is closed on purpose does its job.
    let is_on = |s: &Status| !matches!(s.state, StageState::Off | StageState::Paused);
    let on = statuses.iter().filter(|(_, status)| is_on(status));
    let (helpers, on): (Vec<_>, Vec<_>) = on.partition(|(name, _)| HELPERS.contains(name));
    let is_remembered = helpers.iter().all(|(_, s)| s.state == StageState::Running);
    let on = on.into_iter();
    let (capture, others): (Vec<_>, Vec<_>) = on.partition(|(name, _)| CAPTURE.contains(name));
    let captures = capture.iter().filter(|(_, status)| works(status)).count();
    // A worker has no media while its device is away; only its thread counts.
    let is_staffed = others.iter().all(|(_, status)| status.state == StageState::Running);
    let is_blind = captures == 0 && !capture.is_empty();
    match () {
        () if is_blind || !is_staffed => Verdict::Unhealthy,
        () if captures < capture.len() || !is_remembered => Verdict::Degraded,
        () => Verdict::Healthy,
    }
}

/// A board that is slowed down loses frames, though every stage runs.
fn with_board(verdict: Verdict, trouble: Option<Trouble>) -> Verdict {
    match (verdict, trouble) {
        (Verdict::Healthy, Some(_)) => Verdict::Degraded,
        (verdict, _) => verdict,
    }
}

fn stage_health(status: Status, now: Duration) -> StageHealth {
    let ago = status.last_media_at.map(|at| now.saturating_sub(at));
    StageHealth {
        state: status.state.name(),
        source: status.source,
        demo: status.demo,
        last_media_ms_ago: ago.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
        restarts_total: status.restarts_total,
        dropped_total: status.dropped_total,
        overruns_total: status.overruns_total,
        errors_total: status.errors_total,
        error: status.error,
        on: status.on,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn stage(state: StageState, media_s_ago: Option<u64>) -> Status {
        let last_media_at = media_s_ago.map(|ago| NOW - Duration::from_secs(ago));
        Status { state, last_media_at, ..Status::default() }
    }

    fn verdict(camera: Status, microphone: Status, vision: Status) -> Verdict {
        let statuses = [("camera", camera), ("microphone", microphone), ("vision", vision)];
        super::verdict(Profile::Standard, &statuses, NOW)
    }

    #[test]
    fn the_verdict_follows_the_stages() {
        use StageState::{Off, Running, Starting, Stopped, Unavailable};
        let runs = || stage(Running, Some(0));
        let worker = || stage(Running, None);
        assert_eq!(verdict(runs(), runs(), worker()), Verdict::Healthy);
        assert_eq!(verdict(stage(Unavailable, None), runs(), worker()), Verdict::Degraded);
        assert_eq!(verdict(stage(Running, Some(11)), runs(), worker()), Verdict::Degraded);
        assert_eq!(verdict(stage(Off, None), runs(), worker()), Verdict::Healthy);
        let gone = || stage(Unavailable, Some(1));
        assert_eq!(verdict(gone(), gone(), worker()), Verdict::Unhealthy);
        assert_eq!(verdict(gone(), stage(Off, None), worker()), Verdict::Unhealthy);
        assert_eq!(verdict(runs(), runs(), stage(Stopped, None)), Verdict::Unhealthy);
        assert_eq!(verdict(runs(), runs(), stage(Starting, None)), Verdict::Unhealthy);
    }

    #[test]
    fn a_board_that_is_slowed_down_is_half_a_fault() {
        let hot = Some(Trouble::TooHot);
        assert_eq!(with_board(Verdict::Healthy, hot), Verdict::Degraded);
        assert_eq!(with_board(Verdict::Healthy, None), Verdict::Healthy);
        assert_eq!(with_board(Verdict::Unhealthy, hot), Verdict::Unhealthy);
    }

    #[test]
    fn without_a_policy_or_its_light_a_booth_does_not_do_its_job() {
        use StageState::{Off, Paused, Running, Unavailable};
        let closed = || ("camera", stage(Paused, None));
        let with = |profile, light| {
            super::verdict(profile, &[closed(), ("light", stage(light, None))], NOW)
        };
        assert_eq!(with(Profile::Eu, Running), Verdict::Healthy);
        assert_eq!(with(Profile::Eu, Off), Verdict::Healthy);
        assert_eq!(with(Profile::Eu, Unavailable), Verdict::Unhealthy);
        assert_eq!(with(Profile::Unchosen, Running), Verdict::Unhealthy);
    }

    #[test]
    fn a_pause_is_no_fault_and_a_lost_store_is_half_of_one() {
        use StageState::{Paused, Running, Unavailable};
        let worker = || stage(Running, None);
        let paused = || stage(Paused, Some(60));
        assert_eq!(verdict(paused(), paused(), worker()), Verdict::Healthy);
        assert_eq!(verdict(paused(), stage(Unavailable, None), worker()), Verdict::Unhealthy);
        let with_store = |state| {
            let camera = stage(Running, Some(0));
            judge(&[("camera", camera), ("store", stage(state, None))], NOW)
        };
        assert_eq!(with_store(Running), Verdict::Healthy);
        assert_eq!(with_store(Unavailable), Verdict::Degraded);
        let broker_is_away = ("mqtt", stage(Unavailable, None));
        let verdict = judge(&[("camera", stage(Running, Some(0))), broker_is_away], NOW);
        assert_eq!(verdict, Verdict::Degraded);
    }
}
