//! [`AudioReport`]: a segment, and the metrics of the voice up to it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    context::{Performance, ResultContext, ms},
    reasons,
};
use crate::{
    features::Features,
    media::ChannelFault,
    metric::VoiceValues,
    names::SessionId,
    session::VoiceMetrics,
    speech::{SoundVerdict, VoiceObservation},
};

/// `audio_analysis`: one segment and the metrics of the voice up to it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct AudioReport {
    /// Wall time of the segment's end, ms since 1970.
    pub timestamp: i64,
    /// Analysis of this segment, ms.
    pub processing_time: f64,
    /// Its metrics.
    #[serde(flatten)]
    pub values: VoiceValues,
    /// calm, neutral or activated, against the speaker's own baseline.
    pub emotion: Option<&'static str>,
    /// 0..1.
    pub emotion_confidence: Option<f32>,
    /// Times.
    pub performance_metrics: Performance,
    /// How good the sound is.
    pub quality: SoundQuality,
    /// Why a metric is null, by the metric's name: `no_sound`, `digital_silence`, `no_speech`,
    /// `unvoiced`, `no_syllables`, `no_pause`, `needs_1_s`, `needs_15_s` or `off`.
    pub reasons: BTreeMap<&'static str, &'static str>,
    /// The segment's number.
    pub sequence: u64,
    /// Segments that were dropped because no worker was free, so far.
    pub dropped_segments: u64,
    /// What was analysed; what is off is null.
    pub features: Features,
    /// The session that this belongs to.
    pub session_id: Option<SessionId>,
    /// The bundled clip stands in for a microphone: these numbers belong to no person.
    pub demo_source: bool,
}

/// What the sound is good for.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct SoundQuality {
    /// `good`, `clipped` or `too_quiet`; null without speech.
    pub verdict: Option<&'static str>,
    /// Mean of the samples, -1..1 of full scale: a fault of the microphone, in no other number.
    pub offset: Option<f32>,
    /// What is wrong with its channels: `opposite_channels` (turned back), `dead_channel` (left
    /// out); null where nothing is.
    pub channels: Option<&'static str>,
}

impl AudioReport {
    pub(super) fn new(
        voice: &VoiceObservation,
        metrics: &VoiceMetrics,
        context: &ResultContext,
    ) -> Self {
        let has_sound = !voice.duration.is_zero();
        AudioReport {
            timestamp: voice.unix_ms,
            processing_time: ms(voice.timing.total.wall),
            values: metrics.values.clone(),
            emotion: metrics.arousal.map(|arousal| arousal.label.name()),
            emotion_confidence: metrics.arousal.map(|arousal| arousal.confidence),
            performance_metrics: Performance::new(
                voice.timing.total.wall,
                context.latency,
                voice.unix_ms,
            ),
            quality: SoundQuality {
                verdict: voice.verdict().map(SoundVerdict::name),
                offset: has_sound.then_some(voice.offset),
                channels: voice.channel_fault.map(ChannelFault::name),
            },
            reasons: reasons::of_voice(voice, metrics, context.features),
            sequence: voice.sequence,
            dropped_segments: context.dropped_total,
            features: context.features,
            session_id: context.session_id.clone(),
            demo_source: context.demo_source,
        }
    }
}
