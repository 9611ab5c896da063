//! [`Minute`]: the means of one minute of a booth's live metrics. What a booth cannot know is not
//! in the mean, and where it never knew, the mean is not known.
//!
//! The centre keeps no expression over time, only what tells whether a booth works well.

use serde_json::Value;

use super::message::{BoothKey, Modality};

/// Milliseconds in a minute.
pub(in crate::fleet) const MINUTE_MS: i64 = 60_000;

/// One metric of which minutes are kept.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its column, with its unit.
    pub column: &'static str,
    /// Where the report has it.
    pointer: &'static str,
    /// Smallest and largest value that can be one; the schema's CHECKs say the same.
    range: (f64, f64),
}

const fn metric(column: &'static str, pointer: &'static str, min: f64, max: f64) -> Metric {
    Metric { column, pointer, range: (min, max) }
}

/// Of pictures. A yes counts as 1, a no as 0.
const VIDEO: &[Metric] = &[
    metric("face_present_ratio", "/face_detected", 0.0, 1.0),
    metric("eye_contact_ratio", "/eye_contact_ratio", 0.0, 1.0),
    metric("head_pose_stability_ratio", "/head_pose_stability", 0.0, 1.0),
    metric("horizontal_deviation_ratio", "/horizontal_deviation", 0.0, 1.0),
    metric("blink_rate_per_min", "/blink_rate_per_min", 0.0, 1000.0),
    metric("brightness_ratio", "/quality/brightness", 0.0, 1.0),
    metric("processing_ms", "/processing_time", 0.0, 1e6),
];

/// Of sound.
const AUDIO: &[Metric] = &[
    metric("speech_ratio", "/speech_ratio", 0.0, 1.0),
    metric("speech_rate_per_min", "/speech_rate", 0.0, 5000.0),
    metric("pitch_mean_hz", "/pitch_mean", 0.0, 5000.0),
    metric("volume_dbfs", "/volume_dbfs", -200.0, 20.0),
    metric("clarity_ratio", "/clarity_score", 0.0, 1.0),
    metric("clipping_ratio", "/clipping_ratio", 0.0, 1.0),
    metric("processing_ms", "/processing_time", 0.0, 1e6),
];

impl Modality {
    /// The metrics of which minutes are kept.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Modality::Video => VIDEO,
            Modality::Audio => AUDIO,
        }
    }

    /// The table of its minutes.
    pub fn table(self) -> &'static str {
        match self {
            Modality::Video => "video_minute",
            Modality::Audio => "audio_minute",
        }
    }
}

/// Reports of one minute, of one session or of none.
#[derive(Clone, Debug, PartialEq)]
pub struct Minute {
    /// Whose.
    pub key: BoothKey,
    /// Of what.
    pub modality: Modality,
    /// When it began, unix ms.
    pub minute_at: i64,
    /// The session that the reports named.
    pub session_id: Option<String>,
    /// Reports.
    pub samples: u32,
    sums: Vec<(f64, u32)>,
}

impl Minute {
    /// A minute without a report yet.
    pub fn new(key: &BoothKey, modality: Modality, now: i64, session_id: Option<&str>) -> Self {
        Minute {
            key: key.clone(),
            modality,
            minute_at: now - now.rem_euclid(MINUTE_MS),
            session_id: session_id.map(str::to_owned),
            samples: 0,
            sums: vec![(0.0, 0); modality.metrics().len()],
        }
    }

    /// Whether a report of `now` and that session belongs in.
    pub fn holds(&self, now: i64, session_id: Option<&str>) -> bool {
        !self.is_over(now) && self.session_id.as_deref() == session_id
    }

    /// Whether the minute has passed. A clock that was set back ends it too.
    pub fn is_over(&self, now: i64) -> bool {
        !(self.minute_at..self.minute_at + MINUTE_MS).contains(&now)
    }

    /// Adds a report. A value that cannot be one is as good as none.
    pub fn add(&mut self, report: &Value) {
        self.samples += 1;
        for (metric, (sum, count)) in self.modality.metrics().iter().zip(&mut self.sums) {
            let value = report.pointer(metric.pointer).and_then(|value| match value {
                Value::Bool(yes) => Some(f64::from(*yes)),
                other => other.as_f64(),
            });
            let (min, max) = metric.range;
            if let Some(value) = value.filter(|value| (min..=max).contains(value)) {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// The means, in the order of [`Modality::metrics`].
    pub fn means(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_not_in_the_mean() {
        let key = BoothKey { site: "a".into(), booth: "b".into() };
        let mut minute = Minute::new(&key, Modality::Audio, 61_000, Some("s"));
        assert_eq!(minute.minute_at, 60_000);
        minute.add(&json!({"speech_ratio": 0.5, "volume_dbfs": null}));
        minute.add(&json!({"speech_ratio": 1.0, "volume_dbfs": -20.0, "pitch_mean": 1e12}));
        let means: Vec<_> = minute.means().collect();
        assert_eq!(means[..4], [Some(0.75), None, None, Some(-20.0)]);
        assert!(minute.holds(119_999, Some("s")));
        assert!(!minute.holds(120_000, Some("s")) && !minute.holds(61_000, None));
    }
}
