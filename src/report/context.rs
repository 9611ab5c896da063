//! What every report has beside its metrics.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{features::Features, names::SessionId};

/// How a result came about.
#[derive(Clone, Debug)]
pub struct ResultContext {
    /// From the media in memory to the result.
    pub latency: Duration,
    /// Frames, or segments, of this stream that were dropped because no worker was free, so far.
    pub dropped_total: u64,
    /// What was analysed.
    pub features: Features,
    /// The session that it belongs to.
    pub session_id: Option<SessionId>,
    /// The bundled clip stands in for the device.
    pub demo_source: bool,
}

/// What an analysis took.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Performance {
    /// Analysis alone, ms.
    pub analysis_time_ms: f64,
    /// From the media in memory to the report, ms.
    pub total_time_ms: f64,
    /// Wall time of the media, ms since 1970.
    pub timestamp: i64,
}

impl Performance {
    pub(super) fn new(analysis: Duration, latency: Duration, timestamp: i64) -> Self {
        let (analysis_time_ms, total_time_ms) = (ms(analysis), ms(latency));
        Performance { analysis_time_ms, total_time_ms, timestamp }
    }
}

/// Milliseconds with three decimals.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
