//! [`Runtime`]: loads the models with tract, which is built in, or with ONNX Runtime, whose library
//! is opened only when the configuration requires it.

use std::path::PathBuf;
#[cfg(feature = "onnxruntime")]
use std::sync::Arc;

use super::model::{self, Model, ModelSpec};
#[cfg(feature = "onnxruntime")]
use super::{model::refused, onnxruntime::OnnxRuntime};
use crate::error::{Error, ErrorKind, Result};

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

/// Loads the models. Clones share it.
#[derive(Clone, Debug)]
pub struct Runtime(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Tract,
    #[cfg(feature = "onnxruntime")]
    OnnxRuntime {
        runtime: Arc<OnnxRuntime>,
        may_fall_back: bool,
    },
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

impl Runtime {
    /// tract, which needs nothing.
    pub fn tract() -> Self {
        Runtime(Kind::Tract)
    }

    /// Opens what is wanted. Logs one line for each missing part; tract takes over where that is
    /// allowed.
    ///
    /// # Errors
    /// `Config` when ONNX Runtime is wanted, cannot serve, and tract may not take over.
    pub fn start(config: &InferenceConfig) -> Result<Self> {
        if config.backend == Backend::Tract {
            return Ok(Runtime::tract());
        }
        let is_auto = config.backend == Backend::Auto;
        let why = match open(config) {
            Ok(opened) => return Ok(opened),
            Err(why) => why,
        };
        if !is_auto && !config.may_fall_back {
            let what = "ONNX Runtime cannot serve, and inference.fallback forbids tract; \
                        repair it or change inference.backend";
            return Err(Error::new(ErrorKind::Config, what).because(why));
        }
        log::log!(target: "inference", config.level(), error = why.as_str();
            "ONNX Runtime cannot serve, tract runs the models");
        Ok(Runtime::tract())
    }

    /// Loads a model.
    pub(super) fn load(&self, spec: ModelSpec<'_>, bytes: &[u8]) -> Result<Model> {
        let proto = model::read(spec, bytes)?;
        match &self.0 {
            Kind::Tract => Model::tract(spec, &proto),
            #[cfg(feature = "onnxruntime")]
            Kind::OnnxRuntime { runtime, may_fall_back } => match runtime.load(spec, bytes) {
                Ok(loaded) => Ok(Model::onnxruntime(spec, &proto, loaded)),
                Err(why) if *may_fall_back => {
                    log::warn!(target: "inference", model = spec.name, error = why.as_str();
                        "ONNX Runtime cannot run a model, tract runs it");
                    Model::tract(spec, &proto)
                }
                Err(why) => Err(refused(spec.name, why)),
            },
        }
    }
}

#[cfg(feature = "onnxruntime")]
fn open(config: &InferenceConfig) -> std::result::Result<Runtime, String> {
    let is_auto = config.backend == Backend::Auto;
    let runtime = OnnxRuntime::open(config)?;
    if is_auto && runtime.providers() == [Provider::Cpu] {
        return Err("it would compute on the processor, which tract does as well; \
                    inference.backend = \"onnxruntime\" takes it all the same"
            .into());
    }
    log::info!(target: "inference", runtime = runtime.name(); "ONNX Runtime runs the models");
    let may_fall_back = config.may_fall_back || is_auto;
    Ok(Runtime(Kind::OnnxRuntime { runtime: Arc::new(runtime), may_fall_back }))
}

#[cfg(not(feature = "onnxruntime"))]
fn open(_config: &InferenceConfig) -> std::result::Result<Runtime, String> {
    Err("this boothd was built without the feature onnxruntime; install the package".into())
}
