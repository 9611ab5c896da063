//! The columns of `video_metric` and `audio_metric`: what each keeps of a report, in which unit,
//! and what it is called when it is told again.

use crate::{
    names::SessionId,
    report::{AudioReport, FaceActions, VisualReport},
};

/// One column: its name in the table, its name when it is told, and how many of the table's
/// units make one of the told.
#[derive(Debug)]
struct Column<R> {
    /// Name in the table, with the table's unit.
    stored: &'static str,
    /// Name in exports and over HTTP, as the report has it or with its unit.
    told: &'static str,
    /// Stored = told x scale, rounded.
    scale: f64,
    /// What the report says of it.
    get: fn(&R) -> Option<f64>,
}

/// Which half of a session a row is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Modality {
    /// `video_metric`.
    Video,
    /// `audio_metric`.
    Audio,
}

/// One second of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// Whose.
    pub session_id: SessionId,
    /// Whole seconds since the session began.
    pub offset_s: u32,
    /// Which table.
    pub modality: Modality,
    /// One for each column, in the table's units.
    pub values: Vec<Option<i64>>,
}

impl MetricRow {
    /// What a frame's report leaves.
    pub fn video(session_id: &SessionId, offset_s: u32, report: &VisualReport) -> Self {
        let values = values(VIDEO, report);
        MetricRow {
            session_id: session_id.clone(),
            offset_s,
            modality: Modality::Video,
            values,
        }
    }

    /// What a segment's report leaves.
    pub fn audio(session_id: &SessionId, offset_s: u32, report: &AudioReport) -> Self {
        let values = values(AUDIO, report);
        MetricRow {
            session_id: session_id.clone(),
            offset_s,
            modality: Modality::Audio,
            values,
        }
    }
}

impl Modality {
    /// Both, in the order in which they are told.
    pub const ALL: [Modality; 2] = [Modality::Video, Modality::Audio];

    /// The table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Modality::Video => "video_metric",
            Modality::Audio => "audio_metric",
        }
    }

    /// (stored, told, scale) of each column.
    pub(super) fn columns(self) -> Vec<(&'static str, &'static str, f64)> {
        match self {
            Modality::Video => VIDEO.iter().map(|c| (c.stored, c.told, c.scale)).collect(),
            Modality::Audio => AUDIO.iter().map(|c| (c.stored, c.told, c.scale)).collect(),
        }
    }
}

fn values<R>(columns: &[Column<R>], report: &R) -> Vec<Option<i64>> {
    columns.iter().map(|column| (column.get)(report).map(|told| column.store(told))).collect()
}

impl<R> Column<R> {
    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates, the schema checks")]
    fn store(&self, told: f64) -> i64 {
        (told * self.scale).round() as i64
    }
}

const fn column<R>(
    stored: &'static str,
    told: &'static str,
    scale: f64,
    get: fn(&R) -> Option<f64>,
) -> Column<R> {
    Column { stored, told, scale, get }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn emotion(report: &VisualReport, label: &str) -> Option<f64> {
    report.emotion_distribution.as_ref()?.get(label).copied().map(f64::from)
}

fn action(report: &VisualReport, of: fn(&FaceActions) -> Option<f32>) -> Option<f64> {
    report.face_actions.as_ref().and_then(of).map(f64::from)
}

const PERMILLE: f64 = 1000.0;
const CENTI: f64 = 100.0;
const DECI: f64 = 10.0;

/// The columns of `video_metric` after the row's name.
const VIDEO: &[Column<VisualReport>] = &[
    column("face_detected", "face_detected", 1.0, |r| Some(flag(r.face_detected))),
    column("face_count", "face_count", 1.0, |r| Some(f64::from(r.face_count))),
    column("angry_permille", "angry", PERMILLE, |r| emotion(r, "angry")),
    column("disgust_permille", "disgust", PERMILLE, |r| emotion(r, "disgust")),
    column("fear_permille", "fear", PERMILLE, |r| emotion(r, "fear")),
    column("happy_permille", "happy", PERMILLE, |r| emotion(r, "happy")),
    column("sad_permille", "sad", PERMILLE, |r| emotion(r, "sad")),
    column("surprise_permille", "surprise", PERMILLE, |r| emotion(r, "surprise")),
    column("neutral_permille", "neutral", PERMILLE, |r| emotion(r, "neutral")),
    column("emotion_stability_permille", "emotion_stability", PERMILLE, |r| {
        r.emotion_stability.map(f64::from)
    }),
    column("head_yaw_cdeg", "head_yaw_deg", CENTI, |r| {
        r.head_pose.map(|pose| f64::from(pose.yaw_deg))
    }),
    column("head_pitch_cdeg", "head_pitch_deg", CENTI, |r| {
        r.head_pose.map(|pose| f64::from(pose.pitch_deg))
    }),
    column("head_roll_cdeg", "head_roll_deg", CENTI, |r| {
        r.head_pose.map(|pose| f64::from(pose.roll_deg))
    }),
    column("head_pose_stability_permille", "head_pose_stability", PERMILLE, |r| {
        r.head_pose_stability.map(f64::from)
    }),
    column("horizontal_deviation_permille", "horizontal_deviation", PERMILLE, |r| {
        r.horizontal_deviation.map(f64::from)
    }),
    column("gaze_yaw_cdeg", "gaze_yaw_deg", CENTI, |r| {
        r.gaze.map(|gaze| f64::from(gaze.yaw_deg))
    }),
    column("gaze_pitch_cdeg", "gaze_pitch_deg", CENTI, |r| {
        r.gaze.map(|gaze| f64::from(gaze.pitch_deg))
    }),
    column("eye_contact", "eye_contact", 1.0, |r| r.eye_contact.map(flag)),
    column("eye_contact_ratio_permille", "eye_contact_ratio", PERMILLE, |r| {
        r.eye_contact_ratio.map(f64::from)
    }),
    column("blink_rate_deci_per_min", "blink_rate_per_min", DECI, |r| {
        r.blink_rate_per_min.map(f64::from)
    }),
    column("mouth_open_ratio_permille", "mouth_open_ratio", PERMILLE, |r| {
        r.mouth_open_ratio.map(f64::from)
    }),
    column("face_present_ratio_permille", "face_present_ratio", PERMILLE, |r| {
        r.face_present_ratio.map(f64::from)
    }),
    column("brightness_permille", "brightness", PERMILLE, |r| {
        Some(f64::from(r.quality.brightness))
    }),
    column("smile_permille", "smile", PERMILLE, |r| action(r, |a| Some(a.smile))),
    column("mouth_stretch_permille", "mouth_stretch", PERMILLE, |r| {
        action(r, |a| Some(a.mouth_stretch))
    }),
    column("upper_lip_raise_permille", "upper_lip_raise", PERMILLE, |r| {
        action(r, |a| Some(a.upper_lip_raise))
    }),
    column("jaw_open_permille", "jaw_open", PERMILLE, |r| action(r, |a| Some(a.jaw_open))),
    column("lip_pucker_permille", "lip_pucker", PERMILLE, |r| {
        action(r, |a| Some(a.lip_pucker))
    }),
    column("brow_up_permille", "brow_up", PERMILLE, |r| action(r, |a| Some(a.brow_up))),
    column("brow_down_permille", "brow_down", PERMILLE, |r| action(r, |a| Some(a.brow_down))),
    column("eye_wide_permille", "eye_wide", PERMILLE, |r| action(r, |a| a.eye_wide)),
    column("eye_squint_permille", "eye_squint", PERMILLE, |r| action(r, |a| a.eye_squint)),
    column("cheek_raise_permille", "cheek_raise", PERMILLE, |r| {
        action(r, |a| Some(a.cheek_raise))
    }),
];

/// The columns of `audio_metric` after the row's name.
const AUDIO: &[Column<AudioReport>] = &[
    column("audio_detected", "audio_detected", 1.0, |r| Some(flag(r.audio_detected))),
    column("speech_rate_deci_per_min", "speech_rate", DECI, |r| r.speech_rate.map(f64::from)),
    column("articulation_rate_milli_per_s", "articulation_rate", PERMILLE, |r| {
        r.articulation_rate.map(f64::from)
    }),
    column("pitch_mean_dhz", "pitch_mean", DECI, |r| r.pitch_mean.map(f64::from)),
    column("pitch_median_dhz", "pitch_median", DECI, |r| r.pitch_median.map(f64::from)),
    column("pitch_range_dhz", "pitch_range", DECI, |r| r.pitch_range.map(f64::from)),
    column("volume_cdbfs", "volume_dbfs", CENTI, |r| r.volume_dbfs.map(f64::from)),
    column("clarity_permille", "clarity_score", PERMILLE, |r| r.clarity_score.map(f64::from)),
    column("spectral_centroid_hz", "spectral_centroid_hz", 1.0, |r| {
        r.spectral_centroid_hz.map(f64::from)
    }),
    column("speech_ratio_permille", "speech_ratio", PERMILLE, |r| {
        r.speech_ratio.map(f64::from)
    }),
    column("pause_count", "pause_count", 1.0, |r| {
        r.pause_count.map(|count| u32::try_from(count).map_or(f64::MAX, f64::from))
    }),
    column("longest_pause_ms", "longest_pause_ms", 1.0, |r| r.longest_pause_ms),
    column("arousal_permille", "arousal", PERMILLE, |r| r.arousal.map(f64::from)),
    column("clipping_permille", "clipping_ratio", PERMILLE, |r| {
        r.clipping_ratio.map(f64::from)
    }),
];
