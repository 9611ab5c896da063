//! [`InferenceConfig`]: which runtime runs the models, and where it computes.

use std::path::PathBuf;

/// Which runtime is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Backend {
    /// Pure Rust, on the processor. No library is looked for.
    #[default]
    Tract,
    /// ONNX Runtime with whichever of the wanted providers works.
    OnnxRuntime,
    /// ONNX Runtime where it computes on a GPU, else tract.
    Auto,
}

/// Where ONNX Runtime computes ("execution provider").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provider {
    /// NVIDIA's GPU, with an engine built for each model.
    TensorRt,
    /// NVIDIA's GPU.
    Cuda,
    /// The processor.
    Cpu,
}

/// The configuration of the runtime.
#[derive(Clone, Debug, PartialEq)]
pub struct InferenceConfig {
    /// Which runtime.
    pub backend: Backend,
    /// ONNX Runtime's library, or the folder that holds it; `None`: where the system keeps
    /// libraries.
    pub library: Option<PathBuf>,
    /// Where ONNX Runtime computes, best first.
    pub providers: Vec<Provider>,
    /// tract takes over where ONNX Runtime cannot serve.
    pub may_fall_back: bool,
    /// Folder for the engines that TensorRT builds.
    pub engine_cache: PathBuf,
}

impl InferenceConfig {
    /// The log level for a missing part. With "auto" and no library named, nothing is expected.
    pub(super) fn level(&self) -> log::Level {
        match (self.backend, &self.library) {
            (Backend::Auto, None) => log::Level::Info,
            _ => log::Level::Warn,
        }
    }
}

impl Backend {
    /// Its values in the configuration.
    pub const WORDS: &[&str] = &["tract", "onnxruntime", "auto"];

    /// The backend of a value of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "tract" => Some(Backend::Tract),
            "onnxruntime" => Some(Backend::OnnxRuntime),
            "auto" => Some(Backend::Auto),
            _ => None,
        }
    }
}

impl Provider {
    /// Its value in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Provider::TensorRt => "tensorrt",
            Provider::Cuda => "cuda",
            Provider::Cpu => "cpu",
        }
    }

    /// The provider of a value of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        [Provider::TensorRt, Provider::Cuda, Provider::Cpu]
            .into_iter()
            .find(|provider| provider.word() == word)
    }
}
