//! [`SummaryReport`]: the statistics of a session.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::session::{Statistic, Statistics};

/// Every metric of a session: mean, variance, range, time covered.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SummaryReport {
    /// Frames analysed.
    pub frames_total: u64,
    /// Segments analysed.
    pub segments_total: u64,
    /// Frames dropped.
    pub dropped_frames: u64,
    /// Segments dropped.
    pub dropped_segments: u64,
    /// Time in eye contact, ms.
    pub eye_contact_ms: u64,
    /// Persons whose faces were seen, one after the other: with more than one, the metrics are
    /// over all of them.
    pub person_count: u32,
    /// By metric; one that was never known is absent.
    pub metrics: BTreeMap<&'static str, MetricSummary>,
}

/// One metric of a [`SummaryReport`], in the metric's own unit.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct MetricSummary {
    /// Values.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Population variance.
    pub variance: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Time for which it was known, ms.
    pub covered_ms: u64,
}

/// Media that was dropped because no worker was free.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped {
    /// Frames.
    pub frames: u64,
    /// Segments or chunks.
    pub segments: u64,
}

impl SummaryReport {
    /// The summary of a session.
    pub fn new(statistics: &Statistics, dropped: Dropped) -> Self {
        let summary = |statistic: &Statistic| MetricSummary {
            count: statistic.count,
            mean: statistic.mean,
            variance: statistic.variance(),
            min: statistic.min,
            max: statistic.max,
            covered_ms: whole_ms(statistic.covered),
        };
        SummaryReport {
            frames_total: statistics.frames_total,
            segments_total: statistics.segments_total,
            dropped_frames: dropped.frames,
            dropped_segments: dropped.segments,
            eye_contact_ms: whole_ms(statistics.eye_contact),
            person_count: statistics.person_count,
            metrics: statistics.metrics().map(|(name, s)| (name, summary(s))).collect(),
        }
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
