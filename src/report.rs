//! Reports: the only `Serialize` types of the live path. Their names are stable.
//!
//! The names that an older system's clients read stay exactly so (docs/ref/api.md marks them);
//! what cannot be known is null, never a default.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    engine::{FaceResult, FinishedSession, Live, VoiceResult},
    features::Features,
    media::ChannelFault,
    metric::{Needs, VoiceValues},
    names::SessionId,
    session::{NoRate, Statistics},
    speech::SoundVerdict,
    vision::{self, Covered, EXPRESSIONS, Expression, Face, QualityVerdict},
};

/// `visual_analysis`: one frame and the metrics of the face up to it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct VisualReport {
    /// Wall time of the frame, ms since 1970.
    pub timestamp: i64,
    /// Analysis of this frame, ms.
    pub processing_time: f64,
    /// A person is there; a picture of a face is none (`quality.verdict` `still_picture`).
    pub face_detected: bool,
    /// The face may be another person's than before: what is measured over time begins with this
    /// frame.
    pub new_person: bool,
    /// Persons of the session so far, one after the other. No identity: a person who comes
    /// back counts again.
    pub person_count: u32,
    /// 0..1.
    pub head_pose_stability: Option<f32>,
    /// 0..1.
    pub horizontal_deviation: Option<f32>,
    /// -100..100 of ±45°.
    pub gaze_direction: Option<GazeDirection>,
    /// Most probable expression.
    pub dominant_emotion: Option<&'static str>,
    /// Its probability.
    pub emotion_confidence: Option<f32>,
    /// Probabilities by label, sum 1.
    pub emotion_distribution: Option<BTreeMap<&'static str, f32>>,
    /// 0..1.
    pub emotion_stability: Option<f32>,
    /// 0..1.
    pub eye_contact_ratio: Option<f32>,
    /// Times.
    pub performance_metrics: Performance,
    /// Degrees.
    pub head_pose: Option<HeadPose>,
    /// What the muscles of the face do, 0 (this person's rest) to 1; no emotions.
    pub face_actions: Option<FaceActions>,
    /// Degrees relative to the camera.
    pub gaze: Option<Gaze>,
    /// Inside the cone now.
    pub eye_contact: Option<bool>,
    /// Probability that the eyes are within 12° of the cone's centre, 0..1.
    pub eye_contact_probability: Option<f32>,
    /// In picture ratios.
    pub face_box: Option<FaceBox>,
    /// Faces in the picture.
    pub face_count: u32,
    /// Eyes shut now.
    pub blink: Option<bool>,
    /// Blinks a minute; null where frames come too slowly to see them.
    pub blink_rate_per_min: Option<f32>,
    /// Lip gap / mouth width.
    pub mouth_open_ratio: Option<f32>,
    /// Time with a face / time.
    pub face_present_ratio: Option<f32>,
    /// The expression is an earlier frame's, since the face hardly changed.
    pub cached: bool,
    /// The frame's number.
    pub sequence: u64,
    /// Frames that were dropped because no worker was free, so far.
    pub dropped_frames: u64,
    /// How good the picture is.
    pub quality: Quality,
    /// Why a metric of the face is null, by the metric's name: `no_face`, `still_picture`, `turned`,
    /// `eyes_covered`, `mouth_covered`, `eyes_shut`, `turned_away`, `needs_10_s`, `too_dark`,
    /// `too_blurred`, `too_small` or `off`.
    pub reasons: BTreeMap<&'static str, &'static str>,
    /// What was analysed; what is off is null.
    pub features: Features,
    /// The session that this belongs to.
    pub session_id: Option<SessionId>,
    /// The bundled clip stands in for a camera: these numbers belong to no person.
    pub demo_source: bool,
}

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

/// Gaze as older clients read it.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct GazeDirection {
    /// -100..100 of ±45°, positive to the picture's left.
    pub x: f32,
    /// -100..100 of ±45°, positive up.
    pub y: f32,
}

/// Rotation of the head, degrees.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct HeadPose {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// Positive clockwise in the picture.
    pub roll_deg: f32,
}

/// How far each action of the face goes, 0 (this person's own rest) to 1 (a full action), the mean of
/// both sides. They describe muscles, not what moved them.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct FaceActions {
    /// The corners of the mouth go outwards and up.
    pub smile: f32,
    /// The mouth grows wider and its corners do not go up.
    pub mouth_stretch: f32,
    /// The upper lip comes nearer to the nose.
    pub upper_lip_raise: f32,
    /// Lower lip and chin go down.
    pub jaw_open: f32,
    /// The mouth grows narrower.
    pub lip_pucker: f32,
    /// The brows go up.
    pub brow_up: f32,
    /// The brows go down.
    pub brow_down: f32,
    /// The lids are further apart; null while the eyes are shut.
    pub eye_wide: Option<f32>,
    /// The lower lids go up; null while the eyes are shut.
    pub eye_squint: Option<f32>,
    /// The cheeks go up.
    pub cheek_raise: f32,
}

/// Direction of the gaze relative to the camera, degrees.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Gaze {
    /// Positive to the picture's left.
    pub yaw_deg: f32,
    /// Positive up.
    pub pitch_deg: f32,
    /// How surely it is known, 0..1: either angle has a standard deviation of 5.6° / confidence.
    pub confidence: f32,
}

/// The face's box in ratios of the picture's width and height.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// What the picture is good for.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Quality {
    /// Mean luminance of the face (of the picture where there is none), 0..1.
    pub brightness: f32,
    /// Variance of the Laplacian in the face.
    pub sharpness: Option<f32>,
    /// Distance of the outer eye corners, px.
    pub face_px: Option<f32>,
    /// `good`, `too_dark`, `too_blurred`, `too_small`, `occluded`, `turned` or `still_picture`.
    pub verdict: Option<&'static str>,
    /// What is covered, where the verdict is `occluded`: `eyes`, `mouth`.
    pub covered: Vec<&'static str>,
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

/// Degrees that are 100 of the older clients' gaze scale.
const GAZE_SCALE_DEG: f32 = 45.0;

impl VisualReport {
    /// The report of one result of a stream.
    pub fn new(result: &FaceResult, demo_source: bool) -> Self {
        let (seen, metrics) = (&result.observation, &result.metrics);
        let (found, face) = (seen.face.as_ref(), seen.person());
        let expression = face.and_then(|face| face.expression.as_ref());
        let dominant = expression.map(dominant);
        let gaze = metrics.gaze;
        VisualReport {
            timestamp: seen.unix_ms,
            processing_time: ms(seen.timing.total.wall),
            face_detected: face.is_some(),
            new_person: metrics.new_person,
            person_count: metrics.person_count,
            head_pose_stability: metrics.head_pose_stability,
            horizontal_deviation: metrics.horizontal_deviation,
            gaze_direction: gaze
                .map(|g| GazeDirection { x: scaled(g.yaw_deg), y: scaled(g.pitch_deg) }),
            dominant_emotion: dominant.map(|(label, _)| label),
            emotion_confidence: dominant.map(|(_, probability)| probability),
            emotion_distribution: expression.map(distribution),
            emotion_stability: metrics.emotion_stability,
            eye_contact_ratio: metrics.eye_contact_ratio,
            performance_metrics: performance(
                seen.timing.total.wall,
                result.latency,
                seen.unix_ms,
            ),
            head_pose: face.and_then(|face| face.head_pose).map(|pose| HeadPose {
                yaw_deg: pose.yaw_deg,
                pitch_deg: pose.pitch_deg,
                roll_deg: pose.roll_deg,
            }),
            face_actions: metrics.face_actions.as_ref().map(face_actions),
            gaze: gaze.map(|g| Gaze {
                yaw_deg: g.yaw_deg,
                pitch_deg: g.pitch_deg,
                confidence: g.confidence,
            }),
            eye_contact: metrics.eye_contact,
            eye_contact_probability: metrics.eye_contact_probability,
            face_box: found.map(|face| face_box(face, seen.width_px, seen.height_px)),
            face_count: seen.face_count,
            blink: metrics.blink,
            blink_rate_per_min: metrics.blink_rate_per_min,
            mouth_open_ratio: face.and_then(|face| face.mouth_open_ratio),
            face_present_ratio: metrics.face_present_ratio,
            cached: expression.is_some_and(|expression| expression.cached),
            sequence: seen.sequence,
            dropped_frames: result.dropped_total,
            quality: Quality {
                brightness: found.map_or(seen.brightness, |face| face.quality.brightness),
                sharpness: found.map(|face| face.quality.sharpness),
                face_px: found.map(|face| face.quality.inter_ocular_px),
                verdict: found.map(|face| verdict_name(face.quality.verdict)),
                covered: found.map(|face| covered(face.quality.covered)).unwrap_or_default(),
            },
            reasons: face_reasons(result),
            features: result.features,
            session_id: result.session_id.clone(),
            demo_source,
        }
    }

    /// The newest of a stream, if there is one.
    pub fn newest(live: &Live) -> Option<Self> {
        live.face.as_ref().map(|result| Self::new(result, live.origin.demo_video))
    }
}

impl AudioReport {
    /// The report of one result of a stream.
    pub fn new(result: &VoiceResult, demo_source: bool) -> Self {
        let (voice, metrics) = (&result.observation, &result.metrics);
        let has_sound = !voice.duration.is_zero();
        AudioReport {
            timestamp: voice.unix_ms,
            processing_time: ms(voice.timing.total.wall),
            values: metrics.values.clone(),
            emotion: metrics.arousal.map(|arousal| arousal.label.name()),
            emotion_confidence: metrics.arousal.map(|arousal| arousal.confidence),
            performance_metrics: performance(
                voice.timing.total.wall,
                result.latency,
                voice.unix_ms,
            ),
            quality: SoundQuality {
                verdict: voice.verdict().map(SoundVerdict::name),
                offset: has_sound.then_some(voice.offset),
                channels: voice.channel_fault.map(ChannelFault::name),
            },
            reasons: reasons(result),
            sequence: voice.sequence,
            dropped_segments: result.dropped_total,
            features: result.features,
            session_id: result.session_id.clone(),
            demo_source,
        }
    }

    /// The newest of a stream, if there is one.
    pub fn newest(live: &Live) -> Option<Self> {
        live.voice.as_ref().map(|result| Self::new(result, live.origin.demo_audio))
    }
}

impl SummaryReport {
    /// The summary of a session; the drop counts come from its newest results.
    pub fn new(statistics: &Statistics, live: &Live) -> Self {
        let summary = |statistic: &crate::session::Statistic| MetricSummary {
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
            dropped_frames: live.face.as_ref().map_or(0, |result| result.dropped_total),
            dropped_segments: live.voice.as_ref().map_or(0, |result| result.dropped_total),
            eye_contact_ms: whole_ms(statistics.eye_contact),
            person_count: statistics.person_count,
            metrics: statistics.metrics().map(|(name, s)| (name, summary(s))).collect(),
        }
    }

    /// The summary of a session that has ended.
    pub fn of_session(finished: &FinishedSession) -> Self {
        SummaryReport {
            dropped_frames: finished.dropped_frames,
            dropped_segments: finished.dropped_segments,
            ..SummaryReport::new(&finished.statistics, &finished.live)
        }
    }
}

/// Why what is null of a face in a frame's report is null.
fn face_reasons(result: &FaceResult) -> BTreeMap<&'static str, &'static str> {
    let mut reasons = BTreeMap::new();
    let mut add = |is_known: bool, reason: &'static str, names: &[&'static str]| {
        if !is_known {
            reasons.extend(names.iter().map(|name| (*name, reason)));
        }
    };
    let Some(face) = &result.observation.face else {
        FACE_METRICS.iter().for_each(|names| add(false, "no_face", names));
        return reasons;
    };
    let (verdict, is_covered) = (face.quality.verdict, face.quality.covered);
    let name = verdict_name(verdict);
    if matches!(verdict, QualityVerdict::StillPicture | QualityVerdict::Turned) {
        FACE_METRICS.iter().for_each(|names| add(false, name, names));
        return reasons;
    }
    let or_off = |is_on: bool, reason| if is_on { reason } else { "off" };
    let (features, metrics) = (&result.features, &result.metrics);
    add(face.head_pose.is_some(), "off", POSE);
    let gaze = if is_covered.eyes { "eyes_covered" } else { "eyes_shut" };
    add(metrics.gaze.is_some(), or_off(features.gaze, gaze), GAZE);
    add(face.eye_aspect_ratio.is_some(), "eyes_covered", BLINK);
    add(face.mouth_open_ratio.is_some(), "mouth_covered", MOUTH);
    let unfit = match verdict {
        QualityVerdict::Occluded if is_covered.mouth => Some("mouth_covered"),
        QualityVerdict::Occluded => Some("eyes_covered"),
        QualityVerdict::Good => None,
        _ => Some(name),
    };
    let expression = unfit.unwrap_or("off");
    add(face.expression.is_some(), or_off(features.face_emotion, expression), EXPRESSION);
    let no_rest = if face.measures.is_some() { "needs_10_s" } else { "turned_away" };
    let actions = or_off(features.face_actions, unfit.unwrap_or(no_rest));
    add(metrics.face_actions.is_some(), actions, ACTIONS);
    reasons
}

const FACE_METRICS: [&[&str]; 6] = [POSE, GAZE, BLINK, MOUTH, EXPRESSION, ACTIONS];
const ACTIONS: &[&str] = &["face_actions"];
const POSE: &[&str] = &["head_pose"];
const GAZE: &[&str] = &["gaze", "gaze_direction", "eye_contact", "eye_contact_probability"];
const BLINK: &[&str] = &["blink", "blink_rate_per_min"];
const MOUTH: &[&str] = &["mouth_open_ratio"];
const EXPRESSION: &[&str] = &["emotion_distribution", "dominant_emotion", "emotion_confidence"];

fn covered(covered: Covered) -> Vec<&'static str> {
    let parts = [(covered.eyes, "eyes"), (covered.mouth, "mouth")];
    parts.into_iter().filter_map(|(is_covered, part)| is_covered.then_some(part)).collect()
}

/// Why what is null of a segment's report is null.
fn reasons(result: &VoiceResult) -> BTreeMap<&'static str, &'static str> {
    let (voice, metrics) = (&result.observation, &result.metrics);
    let without_speech = |reason| if voice.audio_detected { reason } else { "no_speech" };
    let reason = |needs| match needs {
        _ if voice.duration.is_zero() => "no_sound",
        Needs::Frame | Needs::Sound => "digital_silence",
        Needs::Voice => without_speech("unvoiced"),
        Needs::Pauses => without_speech("no_pause"),
        Needs::Syllables => metrics.no_rate.map_or("no_speech", NoRate::name),
        Needs::Baseline if !result.features.voice_emotion => "off",
        Needs::Baseline if voice.arousal.is_none() => without_speech("unvoiced"),
        Needs::Baseline => "needs_15_s",
    };
    let unknown = metrics.values.iter().filter(|(_, value)| value.is_none());
    let mut reasons: BTreeMap<_, _> =
        unknown.map(|(metric, _)| (metric.name, reason(metric.needs))).collect();
    if metrics.arousal.is_none() {
        let arousal = reason(Needs::Baseline);
        reasons.extend([("emotion", arousal), ("emotion_confidence", arousal)]);
    }
    reasons
}

/// The most probable label and its probability.
fn dominant(expression: &Expression) -> (&'static str, f32) {
    let labelled = EXPRESSIONS.into_iter().zip(expression.probabilities);
    labelled.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are seven")
}

fn distribution(expression: &Expression) -> BTreeMap<&'static str, f32> {
    EXPRESSIONS.into_iter().zip(expression.probabilities).collect()
}

fn face_actions(actions: &vision::FaceActions) -> FaceActions {
    FaceActions {
        smile: actions.smile,
        mouth_stretch: actions.mouth_stretch,
        upper_lip_raise: actions.upper_lip_raise,
        jaw_open: actions.jaw_open,
        lip_pucker: actions.lip_pucker,
        brow_up: actions.brow_up,
        brow_down: actions.brow_down,
        eye_wide: actions.eye_wide,
        eye_squint: actions.eye_squint,
        cheek_raise: actions.cheek_raise,
    }
}

fn face_box(face: &Face, width_px: u32, height_px: u32) -> FaceBox {
    let (width, height) = (width_px as f32, height_px as f32);
    FaceBox {
        x: face.bbox.x / width,
        y: face.bbox.y / height,
        width: face.bbox.width / width,
        height: face.bbox.height / height,
    }
}

fn verdict_name(verdict: QualityVerdict) -> &'static str {
    match verdict {
        QualityVerdict::Good => "good",
        QualityVerdict::TooDark => "too_dark",
        QualityVerdict::TooBlurred => "too_blurred",
        QualityVerdict::TooSmall => "too_small",
        QualityVerdict::Occluded => "occluded",
        QualityVerdict::Turned => "turned",
        QualityVerdict::StillPicture => "still_picture",
    }
}

fn scaled(angle_deg: f32) -> f32 {
    (angle_deg / GAZE_SCALE_DEG * 100.0).clamp(-100.0, 100.0)
}

fn performance(analysis: Duration, latency: Duration, timestamp: i64) -> Performance {
    let (analysis_time_ms, total_time_ms) = (ms(analysis), ms(latency));
    Performance { analysis_time_ms, total_time_ms, timestamp }
}

/// Milliseconds with three decimals.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
