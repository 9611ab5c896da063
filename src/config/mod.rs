//! [`Config`]: what the operator decided, with real types. Parsed low ([`file`]: each value of
//! its key's kind), judged high ([`judge`]: what the keys mean together), all mistakes told at
//! once with their places.
//!
//! Holds no file names of the daemon and opens nothing but the file it is told to read.

mod document;
mod file;
mod judge;
mod key;
mod problem;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use document::{reference, sample};
pub use key::{Fallback, KEYS, Key, Kind};
pub use problem::{Place, Problem};

use crate::{
    engine::EngineConfig,
    error::{Error, ErrorKind, Result},
    features::Features,
    session::SessionConfig,
    web::{Secret, WebConfig},
};

/// The whole configuration, judged.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names the booth.
    pub booth_id: String,
    /// Where pictures come from.
    pub video: VideoSettings,
    /// Where sound comes from.
    pub audio: AudioSettings,
    /// How faces are looked for and judged.
    pub vision: VisionSettings,
    /// Workers and queues.
    pub engine: EngineConfig,
    /// Windows and eye contact.
    pub session: SessionConfig,
    /// The folder with catalog.toml and the models.
    pub models_dir: PathBuf,
    /// The folder with the bundled clip.
    pub demo_dir: PathBuf,
    /// The folder for what must be remembered.
    pub state_dir: PathBuf,
    /// Where the web listens.
    pub listen: SocketAddr,
    /// The operator's own token; `None`: one is made.
    pub token: Option<Secret>,
    /// The limits of the web.
    pub web: WebConfig,
    /// What is analysed, after the policy.
    pub features: Features,
    /// What is logged.
    pub log_level: log::LevelFilter,
}

/// Where media comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The device, or the bundled clip where there is none.
    Auto,
    /// The device, for ever waited for.
    Device,
    /// A file.
    File,
    /// Nowhere.
    Off,
}

/// Where pictures come from.
#[derive(Clone, Debug)]
pub struct VideoSettings {
    /// Device, file or neither; `Off` too where `features.video` is off.
    pub source: Source,
    /// "auto", a path, a by-id name or a part of the camera's name.
    pub device: String,
    /// Given where `source` is `File`.
    pub file: Option<PathBuf>,
    /// Pictures a second of a file that does not say so itself.
    pub file_fps: f64,
    /// Pictures a second that are analysed.
    pub fps: f64,
    /// Width asked of the camera.
    pub width_px: u32,
    /// Height asked of the camera.
    pub height_px: u32,
}

/// Where sound comes from.
#[derive(Clone, Debug)]
pub struct AudioSettings {
    /// Device, file or neither; `Off` too where `features.audio` is off.
    pub source: Source,
    /// "auto", an ALSA name or a part of the card's name.
    pub device: String,
    /// Given where `source` is `File`.
    pub file: Option<PathBuf>,
    /// How much sound is analysed at a time.
    pub segment: Duration,
    /// How much later the next segment begins; at most `segment`.
    pub hop: Duration,
}

/// How faces are looked for and judged.
#[derive(Clone, Debug)]
pub struct VisionSettings {
    /// Horizontal angle of view of the camera.
    pub hfov_deg: f32,
    /// Score from which a detection counts.
    pub detector_threshold: f32,
    /// Probability from which the landmark model sees a face.
    pub presence_threshold: f32,
    /// How often the detector runs while a face is tracked.
    pub redetect: Duration,
    /// How long an expression may be reused; zero: never.
    pub expression_cache: Duration,
    /// Floor of the face's mean luminance, 0..1.
    pub min_brightness_ratio: f32,
    /// Floor of the variance of the face's Laplacian.
    pub min_sharpness: f32,
    /// Floor of the distance of the outer eye corners.
    pub min_inter_ocular_px: f32,
    /// The operator's own expression model in place of the built-in ones.
    pub expression: Option<ExpressionSettings>,
}

/// An operator's own expression model, as configured; whether it runs is seen at load.
#[derive(Clone, Debug)]
pub struct ExpressionSettings {
    /// The ONNX file.
    pub file: PathBuf,
    /// 64 hex digits.
    pub sha256: Option<String>,
    /// Side of the square input.
    pub size_px: usize,
    /// "nchw" or "nhwc".
    pub layout: String,
    /// "rgb", "bgr" or "grey".
    pub colour: String,
    /// Subtracted from each channel; empty: nothing.
    pub mean: Vec<f32>,
    /// Each channel is divided by it then; empty: nothing.
    pub std: Vec<f32>,
    /// What each output stands for.
    pub labels: Vec<String>,
    /// "logits" or "probabilities".
    pub output: String,
    /// Divides log p.
    pub temperature: f32,
    /// Side of the crop as a multiple of the face's box.
    pub crop_scale: f32,
    /// How far the crop is moved towards the forehead.
    pub crop_up_ratio: f32,
}

impl Config {
    /// Reads a file (`None`: nothing but defaults) and the `key=value` of the command line.
    ///
    /// # Errors
    /// `Config` when the file cannot be read, or with the list of every mistake.
    pub fn load(file: Option<&Path>, overrides: &[String], data_dir: &Path) -> Result<Self> {
        let text = file.map(read).transpose()?;
        Config::resolve(text.as_deref(), overrides, data_dir)
            .map_err(|problems| problem::to_error(&problems, file))
    }

    /// The same for text that was read already. Relative paths of the text are meant from
    /// `data_dir`.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn resolve(
        text: Option<&str>,
        overrides: &[String],
        data_dir: &Path,
    ) -> std::result::Result<Self, Vec<Problem>> {
        let mut given = file::Given::default();
        if let Some(text) = text {
            given.read_file(text);
        }
        for argument in overrides {
            given.read_override(argument);
        }
        judge::judge(given, data_dir)
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|cause| {
        let what = format!("the configuration {} cannot be read", path.display());
        Error::new(ErrorKind::Config, what).because(cause)
    })
}
