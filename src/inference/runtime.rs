//! [`Runtime`]: loads the models with tract, which is built in, or with ONNX Runtime, whose library
//! is opened only when the configuration requires it.

#[cfg(feature = "onnxruntime")]
use std::sync::Arc;

use super::{
    config::{Backend, InferenceConfig, Provider},
    contract,
    model::Model,
    spec::ModelSpec,
};
#[cfg(feature = "onnxruntime")]
use super::{contract::refused, onnxruntime::OnnxRuntime};
use crate::error::{Error, ErrorKind, Result};

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
        let proto = contract::read(spec, bytes)?;
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
