//! Results of a stream: an observation with its metrics, and its report.

use std::sync::OnceLock;

use super::{AudioReport, ResultContext, VisualReport};
use crate::{
    session::{FaceMetrics, VoiceMetrics},
    speech::VoiceObservation,
    vision::FaceObservation,
};

/// The result of one frame.
#[derive(Clone, Debug)]
pub struct FaceResult {
    /// From the frame alone.
    pub observation: FaceObservation,
    /// Metrics over time, this observation included.
    pub metrics: FaceMetrics,
    /// How it came about.
    pub context: ResultContext,
    report: OnceLock<VisualReport>,
}

impl FaceResult {
    /// A result whose report was not asked for yet.
    pub fn new(
        observation: FaceObservation,
        metrics: FaceMetrics,
        context: ResultContext,
    ) -> Self {
        FaceResult { observation, metrics, context, report: OnceLock::new() }
    }

    /// Its report, built at the first call.
    pub fn report(&self) -> &VisualReport {
        self.report
            .get_or_init(|| VisualReport::new(&self.observation, &self.metrics, &self.context))
    }
}

/// The result of one segment.
#[derive(Clone, Debug)]
pub struct VoiceResult {
    /// From the segment alone.
    pub observation: VoiceObservation,
    /// Metrics over time, this observation included.
    pub metrics: VoiceMetrics,
    /// How it came about.
    pub context: ResultContext,
    report: OnceLock<AudioReport>,
}

impl VoiceResult {
    /// A result whose report was not asked for yet.
    pub fn new(
        observation: VoiceObservation,
        metrics: VoiceMetrics,
        context: ResultContext,
    ) -> Self {
        VoiceResult { observation, metrics, context, report: OnceLock::new() }
    }

    /// Its report, built at the first call.
    pub fn report(&self) -> &AudioReport {
        self.report
            .get_or_init(|| AudioReport::new(&self.observation, &self.metrics, &self.context))
    }
}
