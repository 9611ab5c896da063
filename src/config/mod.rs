//! [`Config`]: the configuration with its final types. Parsed low (`file`: each value of its key's
//! kind), judged high (`judge`: what the keys mean together); all mistakes are reported at once
//! with their places.
//!
//! Holds no file names of the daemon and opens nothing but the given file.

mod key;
mod document;
mod problem;
mod file;
mod judge;
mod source;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub use document::{reference, sample};
pub use key::{Fallback, KEYS, Key, Kind, Reload};
pub use problem::{Place, Problem};
pub use source::{Loaded, Source};

use crate::{
    capture::{
        camera::CameraConfig,
        microphone::MicrophoneConfig,
        source::{SourceKind, Sources},
    },
    engine::EngineConfig,
    error::{Error, ErrorKind, Result},
    features::Features,
    fleet::FleetConfig,
    http::HttpConfig,
    inference::InferenceConfig,
    mqtt::MqttConfig,
    policy::Policy,
    session::SessionConfig,
    speech::SpeechConfig,
    store::{self, Secret, StoreConfig},
    vision::VisionConfig,
};

/// The pictures of the bundled clip, in `demo.dir`.
pub const DEMO_VIDEO: &str = "face_640x480.mjpeg";
/// The sound of the bundled clip.
pub const DEMO_AUDIO: &str = "speech_16k.wav";

/// The whole configuration, judged.
#[derive(Clone, Debug)]
pub struct Config {
    /// Id of the booth.
    pub booth_id: String,
    /// Sources of pictures and sound.
    pub sources: Sources,
    /// The camera and its format.
    pub camera: CameraConfig,
    /// The microphone and the cut of its sound.
    pub microphone: MicrophoneConfig,
    /// Detection and analysis of faces.
    pub vision: VisionConfig,
    /// Analysis of voices.
    pub speech: SpeechConfig,
    /// Workers and queues.
    pub engine: EngineConfig,
    /// Inference backend of the models.
    pub inference: InferenceConfig,
    /// Windows and eye contact.
    pub session: SessionConfig,
    /// The folder with catalog.toml and the models.
    pub models_dir: PathBuf,
    /// The folder with the bundled clip.
    pub demo_dir: PathBuf,
    /// The folder of the persistent state.
    pub state_dir: PathBuf,
    /// Address of the HTTP server.
    pub listen: SocketAddr,
    /// The operator's own token; `None`: one is made.
    pub token: Option<Secret>,
    /// Limits of the HTTP server.
    pub web: HttpConfig,
    /// Retention of the stored data.
    pub store: StoreConfig,
    /// The fleet server's broker; `None`: there is none.
    pub mqtt: Option<MqttConfig>,
    /// Thresholds and retention of the fleet server.
    pub fleet: FleetConfig,
    /// Initial feature switches, limited by the policy.
    pub features: Features,
    /// Limits of the analysis.
    pub policy: Policy,
    /// The folder of the LED that is lit while camera or microphone is open; `None`: there is none.
    pub light: Option<PathBuf>,
    /// Level of the log.
    pub log_level: log::LevelFilter,
    /// SHA-256 of the keys and values that booths of one kind share: all but the booth's id, its
    /// broker and secrets. Comparable between booths of one version.
    pub shared_sha256: String,
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

    /// The bundled clip, which stands in where no device is.
    pub fn demo_sources(&self) -> Sources {
        let file = |name| Some(SourceKind::File { path: self.demo_dir.join(name), fps: None });
        Sources { video: file(DEMO_VIDEO), audio: file(DEMO_AUDIO) }
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
    let bytes = fs::read(path).map_err(|cause| {
        let what = format!("the configuration {} cannot be read", path.display());
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    text_of(bytes).map_err(|what| {
        let what = format!("the configuration {} {what}", path.display());
        Error::new(ErrorKind::Config, what)
    })
}

/// The text of a file, without the byte order mark that some editors (Notepad) add; or its error.
fn text_of(bytes: Vec<u8>) -> std::result::Result<String, String> {
    const ADVICE: &str = "save it as UTF-8 (Notepad: Save as, Encoding)";
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(format!("is saved as UTF-16; {ADVICE}"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(store::without_bom(&text).to_owned()),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let place = Place::of(&before, before.len());
            let what = "is not UTF-8 (an umlaut saved as Latin-1 or Windows-1252?)";
            Err(format!("{what} at {place}; {ADVICE}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[booth]\r\nid = \"Zürich 1\"\r\n";

    #[test]
    fn the_mark_of_an_editor_is_no_part_of_the_text() {
        let marked = ["\u{feff}".as_bytes(), TEXT.as_bytes()].concat();
        let text = text_of(marked).unwrap();
        assert_eq!(text, TEXT);
        let config = Config::resolve(Some(&text), &[], Path::new(".")).unwrap();
        assert_eq!(config.booth_id, "Zürich 1");
    }

    #[test]
    fn booths_with_the_same_shared_settings_have_the_same_hash() {
        let hash = |text: &str| {
            let config = Config::resolve(Some(text), &[], Path::new(".")).unwrap();
            config.shared_sha256
        };
        let plain = hash("");
        let own = "[booth]\nid = \"b\"\n[web]\ntoken = \"0123456789abcdef\"\n\
                   [mqtt]\nbroker = \"mqtt://127.0.0.1\"\nsite = \"hq\"\n";
        assert_eq!(hash(own), plain, "what is the booth's own");
        assert_eq!(hash("[log]\nlevel = \"info\"\n"), plain, "a default that is written down");
        let changed = [
            hash("[log]\nlevel = \"debug\"\n"),
            hash("[video]\nfps = 5.0\n"),
            hash("[features]\nvideo = false\n"),
        ];
        assert!(changed.iter().all(|hash| *hash != plain && hash.len() == 64));
        let mut different = changed.to_vec();
        different.dedup();
        assert_eq!(different.len(), 3);
    }

    #[test]
    fn what_is_not_utf_8_is_named_with_its_place_and_what_to_do() {
        let utf_16: Vec<u8> = TEXT.encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect();
        let error = text_of([&[0xFF, 0xFE], &*utf_16].concat()).unwrap_err();
        assert!(error.contains("UTF-16") && error.contains("save it as UTF-8"), "{error}");
        let latin_1 = TEXT.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let error = text_of(latin_1).unwrap_err();
        assert!(error.contains("line 2, column 8") && error.contains("Latin-1"), "{error}");
    }
}
