//! Messages to clients, except the reports. All `_at` are ms since 1970.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    component::Component,
    cost::Histogram,
    features::Features,
    interview::{ActiveSession, InterviewState},
    names::StreamId,
    report::{AudioReport, VisualReport},
    store::{Role, StreamKind},
};

/// `connected`.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct Connected<'a> {
    pub(in crate::booth_api) connection_id: &'a str,
    pub(in crate::booth_api) timestamp: i64,
    /// Changes with each start of boothd, which resets every count.
    pub(in crate::booth_api) boot_id: &'a str,
}

/// `auth_success`.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct AuthSuccess<'a> {
    pub(in crate::booth_api) session_id: &'a str,
    /// The token's name.
    pub(in crate::booth_api) user_id: &'a str,
    pub(in crate::booth_api) authenticated_at: i64,
    pub(in crate::booth_api) role: Role,
}

/// `watching`: the stream's reports follow.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct Watching<'a> {
    pub(in crate::booth_api) stream: &'a StreamId,
}

/// `state`: what may be analysed, and whose session runs. Sent after `watch` and when it changes.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct StateOf<'a> {
    /// "booth" or the client's session.
    pub(in crate::booth_api) stream: &'a StreamId,
    #[serde(flatten)]
    pub(in crate::booth_api) state: InterviewState,
}

/// `session_started`.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct SessionStarted {
    /// The stream whose media it analyses.
    pub(in crate::booth_api) stream: StreamKind,
    #[serde(flatten)]
    pub(in crate::booth_api) session: ActiveSession,
    /// The switches in force.
    pub(in crate::booth_api) features: Features,
}

/// `device`: a device of the booth was lost, came back, or is paused.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct DeviceNews<'a> {
    /// `camera` or `microphone`.
    pub(in crate::booth_api) device: &'a str,
    /// `lost`, `back`, `paused` or `off`.
    pub(in crate::booth_api) state: &'a str,
    /// Why it is lost.
    pub(in crate::booth_api) reason: Option<String>,
}

/// `pong`.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct Pong {
    pub(in crate::booth_api) timestamp: i64,
}

/// `status`.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct Status<'a> {
    pub(in crate::booth_api) connection_id: &'a str,
    pub(in crate::booth_api) authenticated: bool,
    pub(in crate::booth_api) session_id: Option<&'a str>,
    pub(in crate::booth_api) connected_at: i64,
    /// The connection receives reports.
    pub(in crate::booth_api) analysis_active: bool,
    pub(in crate::booth_api) latest_results: LatestResults,
    pub(in crate::booth_api) server_stats: ServerStats,
}

/// The newest reports of the stream that the connection works on or watches.
#[derive(Default, JsonSchema, Serialize)]
pub(in crate::booth_api) struct LatestResults {
    pub(in crate::booth_api) video: Option<VisualReport>,
    pub(in crate::booth_api) audio: Option<AudioReport>,
    /// Of the newer of the two.
    pub(in crate::booth_api) timestamp: Option<i64>,
}

/// How busy the server is.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct ServerStats {
    pub(in crate::booth_api) active_connections: usize,
    /// Frames and sounds that wait to be analysed.
    pub(in crate::booth_api) processing_queue_size: usize,
}

/// `performance_stats`, since the daemon started.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct PerformanceStats {
    pub(in crate::booth_api) uptime_ms: u64,
    /// By component: camera, microphone, vision, speech, store.
    #[serde(rename = "stages")]
    pub(in crate::booth_api) components: BTreeMap<&'static str, ComponentStats>,
    /// Of this connection.
    pub(in crate::booth_api) connection: ConnectionStats,
}

/// One component of [`PerformanceStats`].
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct ComponentStats {
    pub(in crate::booth_api) state: &'static str,
    pub(in crate::booth_api) errors_total: u64,
    pub(in crate::booth_api) dropped_total: u64,
    pub(in crate::booth_api) restarts_total: u64,
    /// By step.
    pub(in crate::booth_api) timings: BTreeMap<&'static str, Timing>,
}

/// What a step takes; percentiles to within the width of a histogram's bucket.
#[derive(JsonSchema, Serialize)]
pub(in crate::booth_api) struct Timing {
    pub(in crate::booth_api) count: u64,
    pub(in crate::booth_api) average_ms: Option<f64>,
    pub(in crate::booth_api) p50_ms: Option<f64>,
    pub(in crate::booth_api) p95_ms: Option<f64>,
    pub(in crate::booth_api) p99_ms: Option<f64>,
}

/// What one connection sent and received.
#[derive(Clone, Copy, Debug, Default, JsonSchema, Serialize)]
pub(in crate::booth_api) struct ConnectionStats {
    pub(in crate::booth_api) messages_total: u64,
    pub(in crate::booth_api) frames_total: u64,
    pub(in crate::booth_api) chunks_total: u64,
    pub(in crate::booth_api) reports_total: u64,
    pub(in crate::booth_api) refused_total: u64,
}

impl ComponentStats {
    /// The current state of a component.
    pub(in crate::booth_api) fn of(component: &Component) -> Self {
        let status = component.status();
        let timings = component.timings();
        ComponentStats {
            state: status.state.name(),
            errors_total: status.errors_total,
            dropped_total: status.dropped_total,
            restarts_total: status.restarts_total,
            timings: timings.iter().map(|(step, took)| (*step, Timing::of(took))).collect(),
        }
    }
}

impl Timing {
    fn of(took: &Histogram) -> Self {
        let count = took.count();
        let ms = |seconds: f64| seconds * 1000.0;
        let quantile = |q| took.quantile(q).map(|took| ms(took.as_secs_f64()));
        #[allow(clippy::cast_precision_loss, reason = "an average needs few digits")]
        let average_ms = (count > 0).then(|| ms(took.sum().as_secs_f64() / count as f64));
        let (p50_ms, p95_ms, p99_ms) = (quantile(0.5), quantile(0.95), quantile(0.99));
        Timing { count, average_ms, p50_ms, p95_ms, p99_ms }
    }
}
