//! Observations -> metrics of one person over time. Pure: time is what the observations carry.
//!
//! One [`Session`] is one interview of one person. It is owned by one task; nothing locks it.

mod arousal;
mod blink;
mod eye_contact;
mod speech_rate;
mod stability;
mod statistic;
mod window;

use std::time::Duration;

pub use arousal::{Arousal, ArousalLabel};
pub use eye_contact::EyeContactConfig;
pub use speech_rate::{NoRate, SpeechRate};
pub use statistic::{Statistic, Statistics};

use crate::{
    speech::VoiceObservation,
    vision::{FaceObservation, Gaze},
};
use arousal::ArousalBaseline;
use blink::BlinkDetector;
use eye_contact::EyeContact;
use speech_rate::SpeechTimeline;
use stability::{EmotionStability, PoseStability};
use window::TimeShare;

/// How a session turns observations into metrics.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Length of the window of every metric "over time" of the face.
    pub window: Duration,
    /// The cone that counts as eye contact.
    pub eye_contact: EyeContactConfig,
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            window: Duration::from_secs(10),
            eye_contact: EyeContactConfig::default(),
        }
    }
}

/// The metrics of one person, from the first observation on.
#[derive(Debug)]
pub struct Session {
    pose_stability: PoseStability,
    emotion_stability: EmotionStability,
    blink: BlinkDetector,
    eye_contact: EyeContact,
    in_contact: TimeShare,
    face_present: TimeShare,
    speech: SpeechTimeline,
    arousal: ArousalBaseline,
    statistics: Statistics,
}

/// What one face observation means in the light of those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceMetrics {
    /// |face centre x - W/2| / (W/2), 0..1.
    pub horizontal_deviation: Option<f32>,
    /// The eyes are shut, by the person's own open-eye baseline; `None` until there is one.
    pub blink: Option<bool>,
    /// The observation's gaze; `None` in a blink.
    pub gaze: Option<Gaze>,
    /// The gaze is inside the cone round the camera.
    pub eye_contact: Option<bool>,
    /// 1 / (1 + (var yaw + var pitch + var roll) / 100 deg²) over the window.
    pub head_pose_stability: Option<f32>,
    /// Time in eye contact / time with a known gaze, over the window.
    pub eye_contact_ratio: Option<f32>,
    /// 1 - mean total-variation distance between successive distributions in the window.
    pub emotion_stability: Option<f32>,
    /// Blinks a minute over the last minute; `None` when frames come too slowly to see blinks.
    pub blink_rate_per_min: Option<f32>,
    /// Time with a face / time, over the window.
    pub face_present_ratio: Option<f32>,
}

/// What one voice observation means in the light of those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VoiceMetrics {
    /// Syllables a minute and a second of voiced speaking time over the last 10 s.
    pub speech_rate: Option<SpeechRate>,
    /// Why there is no such rate.
    pub no_rate: Option<NoRate>,
    /// Against the speaker's own first 15 s of speech; `None` before.
    pub arousal: Option<Arousal>,
}

impl Session {
    /// A session in which nothing was seen or heard yet.
    pub fn new(config: &SessionConfig) -> Self {
        Session {
            pose_stability: PoseStability::new(config.window),
            emotion_stability: EmotionStability::new(config.window),
            blink: BlinkDetector::default(),
            eye_contact: EyeContact::new(&config.eye_contact),
            in_contact: TimeShare::new(config.window),
            face_present: TimeShare::new(config.window),
            speech: SpeechTimeline::default(),
            arousal: ArousalBaseline::default(),
            statistics: Statistics::default(),
        }
    }

    /// The cone of eye contact is this one from now on; windows are what they were.
    pub fn configure(&mut self, config: &SessionConfig) {
        self.eye_contact.configure(&config.eye_contact);
    }

    /// Takes in what one frame showed. Observations come in the order of their frames.
    pub fn observe_face(&mut self, seen: &FaceObservation) -> FaceMetrics {
        let at = seen.captured_at;
        let face = seen.face.as_ref();
        let mut metrics = FaceMetrics::default();
        self.face_present.push(at, Some(face.is_some()));
        metrics.face_present_ratio = self.face_present.ratio();

        let pose = face.and_then(|face| face.head_pose);
        metrics.head_pose_stability = self.pose_stability.push(at, pose);
        let expression =
            face.and_then(|f| f.expression.as_ref().map(|e| (f.track, e.probabilities)));
        metrics.emotion_stability = self.emotion_stability.push(at, expression);

        metrics.blink = face.and_then(|face| self.blink.push(at, face.eye_aspect_ratio));
        metrics.blink_rate_per_min = self.blink.rate_per_min(at);
        let eyes_shut = metrics.blink == Some(true);
        metrics.gaze = face.and_then(|face| face.gaze).filter(|_| !eyes_shut);
        metrics.eye_contact = self.eye_contact.push(at, metrics.gaze);
        self.in_contact.push(at, metrics.eye_contact);
        metrics.eye_contact_ratio = self.in_contact.ratio();

        let half = seen.width_px as f32 / 2.0;
        metrics.horizontal_deviation = face
            .map(|face| ((face.bbox.x + face.bbox.width / 2.0 - half).abs() / half).min(1.0));
        self.statistics.add_face(seen, &metrics);
        metrics
    }

    /// Takes in what one segment held. Observations come in the order of their segments.
    pub fn observe_voice(&mut self, heard: &VoiceObservation) -> VoiceMetrics {
        if heard.duration.is_zero() {
            return VoiceMetrics::default();
        }
        self.speech.push(heard);
        let rate = self.speech.rate();
        let metrics = VoiceMetrics {
            speech_rate: rate.ok(),
            no_rate: rate.err(),
            arousal: self.arousal.push(heard),
        };
        self.statistics.add_voice(heard, &metrics);
        metrics
    }

    /// Every metric's mean, variance and range since the session began.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}
