//! Judges what the keys mean together, and makes the real types of them.

mod doors;
mod fleet;
mod inference;
mod mqtt;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Config, Problem,
    file::{Given, Value},
    problem::Place,
};
use crate::{
    capture::{
        camera::CameraConfig,
        microphone::MicrophoneConfig,
        segmenter::SegmentConfig,
        source::{SourceKind, Sources},
    },
    engine::EngineConfig,
    features::Features,
    inference::{Colour, Layout, ModelEntry, PictureInput, PictureOutput},
    media::Orientation,
    names::{InvalidLabel, NoticeVersion},
    policy::{Policy, Profile},
    session::{Direction, EyeContactConfig, SessionConfig},
    speech::SpeechConfig,
    store::StoreConfig,
    vision::{ExpressionChoice, QualityFloors, VisionConfig},
};

/// Characters of a SHA-256 in hex.
const SHA256_CHARS: usize = 64;

/// The configuration, or every mistake in the order of the file.
pub(super) fn judge(
    given: Given,
    data_dir: &Path,
) -> std::result::Result<Config, Vec<Problem>> {
    let shared_sha256 = given.shared_sha256();
    let mut judge = Judge { given, data_dir };
    let sources = Sources {
        video: judge.source("video", judge.file_fps()),
        audio: judge.source("audio", None),
    };
    let policy = judge.policy();
    let features = judge.features(&policy);
    let config = Config {
        booth_id: judge.text("booth.id"),
        sources,
        camera: judge.camera(),
        microphone: judge.microphone(),
        vision: judge.vision(),
        speech: SpeechConfig::default(),
        engine: judge.engine(),
        inference: judge.inference(),
        session: judge.session(),
        models_dir: judge.path("models.dir").expect("has a default"),
        demo_dir: judge.path("demo.dir").expect("has a default"),
        state_dir: judge.path("state.dir").expect("has a default"),
        listen: judge.listen(),
        token: judge.token(),
        web: judge.web(),
        store: judge.store(),
        mqtt: judge.mqtt(),
        fleet: judge.fleet(),
        features,
        policy,
        light: judge.path("light.path"),
        log_level: judge.text("log.level").parse().expect("the words are log's own"),
        shared_sha256,
    };
    let mut problems = judge.given.problems;
    if problems.is_empty() {
        return Ok(config);
    }
    problems.sort_by_key(|problem| problem.place);
    Err(problems)
}

struct Judge<'a> {
    given: Given,
    data_dir: &'a Path,
}

impl Judge<'_> {
    fn camera(&mut self) -> CameraConfig {
        CameraConfig {
            device: self.text("video.device"),
            width_px: self.count("video.width_px"),
            height_px: self.count("video.height_px"),
            fps: self.number("video.fps"),
            orientation: self.orientation(),
        }
    }

    fn orientation(&mut self) -> Orientation {
        const KEY: &str = "video.rotate_deg";
        let degrees: u32 = self.count(KEY);
        if !degrees.is_multiple_of(90) {
            self.problem(KEY, format!("must be 0, 90, 180 or 270, is {degrees}"));
        }
        Orientation::new(degrees / 90, self.switch("video.mirror"))
    }

    fn microphone(&mut self) -> MicrophoneConfig {
        let (length, hop) = (self.millis("audio.segment_ms"), self.millis("audio.hop_ms"));
        if hop > length {
            let message = format!(
                "must be at most audio.segment_ms ({}), is {}: sound between would be lost",
                length.as_millis(),
                hop.as_millis()
            );
            self.problem_of(&["audio.hop_ms", "audio.segment_ms"], message);
        }
        MicrophoneConfig { device: self.text("audio.device"), segments: self.segments() }
    }

    /// Segments of sound, for the microphone and for clients.
    fn segments(&self) -> SegmentConfig {
        let (length, hop) = (self.millis("audio.segment_ms"), self.millis("audio.hop_ms"));
        SegmentConfig { length, hop }
    }

    /// The source of "video" or "audio"; a file must be named where one is asked for.
    fn source(&mut self, medium: &str, fps: Option<f64>) -> Option<SourceKind> {
        let (key, file) = (format!("{medium}.source"), format!("{medium}.file"));
        match self.text(&key).as_str() {
            "device" => Some(SourceKind::Device),
            "file" => match self.path(&file) {
                Some(path) => Some(SourceKind::File { path, fps }),
                None => {
                    self.problem(&key, format!("is \"file\", but {file} is not given"));
                    None
                }
            },
            "off" => None,
            _ => Some(SourceKind::Auto),
        }
    }

    /// The rate of a recording of pictures, where it was given.
    fn file_fps(&self) -> Option<f64> {
        match self.given.get("video.file_fps") {
            Some(Value::Number(fps)) => Some(fps),
            _ => None,
        }
    }

    fn vision(&mut self) -> VisionConfig {
        VisionConfig {
            hfov_deg: self.float("camera.hfov_deg"),
            detector_threshold: self.float("vision.detector_threshold"),
            presence_threshold: self.float("vision.presence_threshold"),
            refine_lips: self.switch("vision.refine_lips"),
            redetect_interval: self.millis("vision.redetect_ms"),
            expression_cache: self.millis("vision.expression_cache_ms"),
            neutral_share: Some(self.float("vision.neutral_share")),
            quality: QualityFloors {
                brightness: self.float("vision.min_brightness_ratio"),
                sharpness: self.float("vision.min_sharpness"),
                inter_ocular_px: self.float("vision.min_inter_ocular_px"),
            },
            expression: match self.expression() {
                Some(own) => ExpressionChoice::Own(Box::new(own)),
                None => ExpressionChoice::Builtin,
            },
        }
    }

    fn expression(&mut self) -> Option<ModelEntry> {
        const FILE: &str = "vision.expression.file";
        let Some(file) = self.path(FILE) else {
            self.refuse_expression_without_file();
            return None;
        };
        for needed in ["vision.expression.size_px", "vision.expression.labels"] {
            if !self.given.has(needed) {
                self.problem(FILE, format!("is given, so {needed} must be given too"));
            }
        }
        let sha256 = self.optional_text("vision.expression.sha256");
        if let Some(text) = &sha256
            && (text.len() != SHA256_CHARS || !text.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            self.problem("vision.expression.sha256", "must be 64 hex digits");
        }
        // The catalog takes a relative name from its own folder.
        let file = std::path::absolute(&file).unwrap_or(file);
        let picture = Some(self.expression_picture());
        Some(ModelEntry { file, sha256, inputs: Vec::new(), outputs: Vec::new(), picture })
    }

    /// Input format of the operator's own model.
    fn expression_picture(&mut self) -> PictureInput {
        let colour = self.text("vision.expression.colour");
        PictureInput {
            neutral_share: None,
            size_px: match self.given.get("vision.expression.size_px") {
                Some(Value::Integer(size)) => usize::try_from(size).expect("is positive"),
                _ => 0,
            },
            layout: match self.text("vision.expression.layout").as_str() {
                "nhwc" => Layout::Nhwc,
                _ => Layout::Nchw,
            },
            mean: self.channels("vision.expression.mean", &colour),
            std: self.channels("vision.expression.std", &colour),
            colour: match colour.as_str() {
                "grey" => Colour::Grey,
                "bgr" => Colour::Bgr,
                _ => Colour::Rgb,
            },
            labels: match self.given.get("vision.expression.labels") {
                Some(Value::Texts(labels)) => labels,
                _ => Vec::new(),
            },
            output: match self.text("vision.expression.output").as_str() {
                "probabilities" => PictureOutput::Probabilities,
                _ => PictureOutput::Logits,
            },
            temperature: self.float("vision.expression.temperature"),
            bias: Vec::new(),
            crop_scale: self.float("vision.expression.crop_scale"),
            crop_up_ratio: self.float("vision.expression.crop_up_ratio"),
        }
    }

    fn refuse_expression_without_file(&mut self) {
        for key in super::KEYS {
            if key.table() == "vision.expression" && self.given.has(key.name) {
                self.problem(key.name, "is given without vision.expression.file");
            }
        }
    }

    /// One number for each channel, or none at all.
    fn channels(&mut self, key: &str, colour: &str) -> Vec<f32> {
        let Some(Value::Numbers(numbers)) = self.given.get(key) else { return Vec::new() };
        let needed = if colour == "grey" { 1 } else { 3 };
        if numbers.len() != needed {
            let message = format!("needs {needed} for {colour}, has {}", numbers.len());
            self.problem(key, message);
        }
        if key.ends_with("std") && numbers.contains(&0.0) {
            self.problem(key, "divides, so it may not be 0");
        }
        numbers.into_iter().map(narrow).collect()
    }

    fn engine(&self) -> EngineConfig {
        EngineConfig {
            vision_workers: self.count("vision.workers"),
            speech_workers: self.count("speech.workers"),
            segments: self.segments(),
            segment_queue: self.count("audio.queue"),
            ..EngineConfig::default()
        }
    }

    fn session(&mut self) -> SessionConfig {
        let calibrate = self.seconds("eye_contact.calibrate_s");
        for key in ["eye_contact.centre_yaw_deg", "eye_contact.centre_pitch_deg"] {
            if self.given.has(key) && !calibrate.is_zero() {
                self.problem(key, "contradicts eye_contact.calibrate_s; give one of the two");
            }
        }
        SessionConfig {
            window: self.seconds("metrics.window_s"),
            eye_contact: EyeContactConfig {
                cone_deg: self.float("eye_contact.cone_deg"),
                hysteresis_deg: self.float("eye_contact.hysteresis_deg"),
                centre: Direction {
                    yaw_deg: self.float("eye_contact.centre_yaw_deg"),
                    pitch_deg: self.float("eye_contact.centre_pitch_deg"),
                },
                calibrate,
                personal: self.switch("eye_contact.personal"),
            },
        }
    }

    /// What the operator allows at all: everything but emotion under the profile that forbids it,
    /// facial actions there that were not asked for, and a preview that was not. A booth without a
    /// device still serves clients. Nothing is allowed while no profile is chosen.
    fn policy(&mut self) -> Policy {
        let profile = match self.text("policy.profile").as_str() {
            "eu" => Profile::Eu,
            "unchosen" => Profile::Unchosen,
            _ => Profile::Standard,
        };
        let ceiling = Features {
            face_emotion: profile.allows_emotion(),
            voice_emotion: profile.allows_emotion(),
            face_actions: profile.allows_emotion() || self.switch("features.face_actions"),
            preview: self.switch("features.preview"),
            ..Features::ALL
        };
        let ceiling = if profile.forbids_all().is_some() { Features::NONE } else { ceiling };
        let notice_version = self.notice_version();
        let require_consent = self.switch("policy.require_consent");
        Policy { profile, require_consent, ceiling, notice_version }
    }

    fn notice_version(&mut self) -> NoticeVersion {
        let text = self.text("policy.notice_version");
        text.parse().unwrap_or_else(|invalid: InvalidLabel| {
            self.problem("policy.notice_version", invalid.fault.to_string());
            "1".parse().expect("is a label")
        })
    }

    fn store(&self) -> StoreConfig {
        let days: u64 = self.count("store.retention_days");
        let max_mb: u64 = self.count("store.max_mb");
        StoreConfig {
            retention: Duration::from_secs(days * 24 * 60 * 60),
            max_bytes: max_mb << 20,
            flush_interval: self.seconds("store.flush_s"),
            outbox: self.outbox(),
        }
    }

    /// The switches, as far as the policy allows them.
    fn features(&mut self, policy: &Policy) -> Features {
        let features = Features::of(|name| self.switch(&format!("features.{name}")));
        if policy.profile == Profile::Eu {
            for key in ["features.face_emotion", "features.voice_emotion"] {
                if self.given.has(key) && self.switch(key) {
                    let message = "may not be true under policy.profile = \"eu\" \
                                   (AI Act, Article 5(1)(f))";
                    self.problem(key, message);
                }
            }
        }
        features.within(policy.ceiling)
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let place = self.given.place(key);
        self.given.problem(key, place, message);
    }

    /// Reports the mistake at the first of the keys that was given.
    fn problem_of(&mut self, keys: &[&str], message: String) {
        let given = keys.iter().find(|key| self.given.place(key) != Place::Default);
        let place = given.map_or(Place::Default, |key| self.given.place(key));
        self.given.problem(keys[0], place, message);
    }

    fn switch(&self, key: &str) -> bool {
        matches!(self.given.get(key), Some(Value::Switch(true)))
    }

    fn text(&self, key: &str) -> String {
        self.optional_text(key).expect("has a default")
    }

    fn optional_text(&self, key: &str) -> Option<String> {
        match self.given.get(key)? {
            Value::Text(text) => Some(text),
            other => unreachable!("{key} is a text, not {other:?}"),
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional_text(key)?);
        Some(match self.given.place(key) {
            Place::Override => path,
            Place::File { .. } | Place::Default => self.data_dir.join(path),
        })
    }

    fn number(&self, key: &str) -> f64 {
        match self.given.get(key) {
            Some(Value::Number(number)) => number,
            other => unreachable!("{key} is a number with a default, not {other:?}"),
        }
    }

    fn float(&self, key: &str) -> f32 {
        narrow(self.number(key))
    }

    fn seconds(&self, key: &str) -> Duration {
        Duration::from_secs_f64(self.number(key))
    }

    /// A whole number of any type that holds every value within the key's bounds.
    fn count<N: TryFrom<i64>>(&self, key: &str) -> N {
        match self.given.get(key) {
            Some(Value::Integer(number)) => {
                N::try_from(number).ok().expect("the key's bounds fit the type")
            }
            other => unreachable!("{key} is a whole number with a default, not {other:?}"),
        }
    }

    fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.count(key))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "settings are small and need few digits")]
fn narrow(number: f64) -> f32 {
    number as f32
}
