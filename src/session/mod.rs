//! Observations -> metrics of one person over time. Pure: time comes from the observations.
//!
//! One [`SessionMetrics`] is one interview, of one person as a rule. Where vision finds that the face may
//! be another's ([`Face::person`](crate::vision::Face::person)), every window and baseline starts
//! again; the statistics are of the whole session and count its persons. It is owned by one task;
//! nothing locks it.

mod direction;
mod speech_rate;
mod values;
mod window;
mod blink;
mod gaze_mode;
mod eye_contact;
mod resting_face;
mod stability;
mod statistic;
mod arousal;

use std::time::Duration;

pub use arousal::{Arousal, ArousalLabel};
pub use direction::Direction;
pub use eye_contact::EyeContactConfig;
pub use speech_rate::{NoRate, SpeechRate};
pub use statistic::{Statistic, Statistics};
pub use values::{face_values, voice_values};

use crate::{
    metric::{FaceValues, VoiceValues},
    speech::VoiceObservation,
    vision::{FaceActions, FaceObservation, Gaze},
};
use arousal::ArousalBaseline;
use blink::BlinkDetector;
use eye_contact::EyeContact;
use resting_face::RestingFace;
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
pub struct SessionMetrics {
    window: Duration,
    /// Vision's number of the person whose face was seen last.
    person: Option<u64>,
    over_time: FaceOverTime,
    eye_contact: EyeContact,
    speech: SpeechTimeline,
    arousal: ArousalBaseline,
    statistics: Statistics,
}

/// The windows and baselines of one person's face.
#[derive(Debug)]
struct FaceOverTime {
    pose_stability: PoseStability,
    emotion_stability: EmotionStability,
    blink: BlinkDetector,
    resting_face: RestingFace,
    in_contact: TimeShare,
    face_present: TimeShare,
}

impl FaceOverTime {
    fn new(window: Duration) -> Self {
        FaceOverTime {
            pose_stability: PoseStability::new(window),
            emotion_stability: EmotionStability::new(window),
            blink: BlinkDetector::default(),
            resting_face: RestingFace::default(),
            in_contact: TimeShare::new(window),
            face_present: TimeShare::new(window),
        }
    }
}

/// The metrics of the face up to one observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceMetrics {
    /// The face may be another person's: what is measured over time begins with this frame.
    pub new_person: bool,
    /// Persons of the session so far.
    pub person_count: u32,
    /// |face centre x - W/2| / (W/2), 0..1.
    pub horizontal_deviation: Option<f32>,
    /// The eyes are shut, by the person's own open-eye baseline; `None` until there is one.
    pub blink: Option<bool>,
    /// The observation's gaze; `None` in a blink.
    pub gaze: Option<Gaze>,
    /// What the muscles of the face do, against this person's own rest; `None` until that is known.
    pub face_actions: Option<FaceActions>,
    /// The gaze is inside the cone round the camera.
    pub eye_contact: Option<bool>,
    /// Probability that the eyes are within 12 degrees of the cone's centre, 0..1.
    pub eye_contact_probability: Option<f32>,
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
    /// Every metric of the catalogue.
    pub values: FaceValues,
}

/// The metrics of the voice up to one observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VoiceMetrics {
    /// Syllables a minute and a second of voiced speaking time over the last 10 s.
    pub speech_rate: Option<SpeechRate>,
    /// Why there is no such rate.
    pub no_rate: Option<NoRate>,
    /// Against the speaker's own first 15 s of speech; `None` before.
    pub arousal: Option<Arousal>,
    /// Every metric of the catalogue.
    pub values: VoiceValues,
}

impl SessionMetrics {
    /// A session without observations.
    pub fn new(config: &SessionConfig) -> Self {
        SessionMetrics {
            window: config.window,
            person: None,
            over_time: FaceOverTime::new(config.window),
            eye_contact: EyeContact::new(&config.eye_contact),
            speech: SpeechTimeline::default(),
            arousal: ArousalBaseline::default(),
            statistics: Statistics::default(),
        }
    }

    /// Changes the cone of eye contact from now on; windows stay.
    pub fn configure(&mut self, config: &SessionConfig) {
        self.eye_contact.configure(&config.eye_contact);
    }

    /// Adds the observation of one frame and returns the metrics up to it. Observations come in the
    /// order of their frames.
    pub fn observe_face(&mut self, seen: &FaceObservation) -> FaceMetrics {
        let at = seen.captured_at;
        let face = seen.person();
        let mut metrics = FaceMetrics {
            new_person: face.is_some_and(|face| self.is_new(face.person)),
            person_count: self.statistics.person_count,
            ..FaceMetrics::default()
        };
        let over_time = &mut self.over_time;
        over_time.face_present.push(at, Some(face.is_some()));
        metrics.face_present_ratio = over_time.face_present.ratio();

        let pose = face.and_then(|face| face.head_pose);
        metrics.head_pose_stability = over_time.pose_stability.push(at, pose);
        let expression =
            face.and_then(|f| f.expression.as_ref().map(|e| (f.track, e.probabilities)));
        metrics.emotion_stability = over_time.emotion_stability.push(at, expression);

        let eyes = face.and_then(|face| face.eye_aspect_ratio);
        metrics.blink = eyes.and_then(|ratio| over_time.blink.push(at, ratio));
        // Eyes that are covered may blink.
        let hides_blinks = face.is_some() && eyes.is_none();
        metrics.blink_rate_per_min = over_time.blink.rate_per_min(at).filter(|_| !hides_blinks);
        let eyes_shut = metrics.blink == Some(true);
        metrics.gaze = face.and_then(|face| face.gaze).filter(|_| !eyes_shut);
        let contact = self.eye_contact.push(at, metrics.gaze);
        metrics.eye_contact = contact.map(|contact| contact.made);
        metrics.eye_contact_probability = contact.map(|contact| contact.probability);
        let measures = face.and_then(|face| face.measures);
        metrics.face_actions =
            measures.and_then(|measures| over_time.resting_face.push(at, &measures));
        over_time.in_contact.push(at, metrics.eye_contact);
        metrics.eye_contact_ratio = over_time.in_contact.ratio();

        let half = seen.width_px as f32 / 2.0;
        metrics.horizontal_deviation = face
            .map(|face| ((face.bbox.x + face.bbox.width / 2.0 - half).abs() / half).min(1.0));
        metrics.values = face_values(seen, &metrics);
        self.statistics.add_face(at, &metrics.values);
        metrics
    }

    /// Whether the face is of another person than the last; then nothing of the last is left but
    /// the statistics. Also of the voice: it is taken to be the face's. The first face changes
    /// nothing of it, since the voice may have been there before the face.
    fn is_new(&mut self, person: u64) -> bool {
        if self.person.replace(person) == Some(person) {
            return false;
        }
        self.statistics.person_count += 1;
        self.over_time = FaceOverTime::new(self.window);
        self.eye_contact.restart();
        if self.statistics.person_count > 1 {
            (self.speech, self.arousal) = Default::default();
        }
        true
    }

    /// Adds the observation of one segment and returns the metrics up to it. Observations come in the
    /// order of their segments.
    pub fn observe_voice(&mut self, voice: &VoiceObservation) -> VoiceMetrics {
        if voice.duration.is_zero() {
            return VoiceMetrics::default();
        }
        self.speech.push(voice);
        let rate = self.speech.rate();
        let mut metrics = VoiceMetrics {
            speech_rate: rate.ok(),
            no_rate: rate.err(),
            arousal: self.arousal.push(voice),
            values: VoiceValues::default(),
        };
        metrics.values = voice_values(voice, &metrics);
        self.statistics.add_voice(voice, &metrics.values);
        metrics
    }

    /// Every metric's mean, variance and range since the session began.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

#[cfg(test)]
mod tests;
