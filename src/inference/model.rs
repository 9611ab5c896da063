//! [`Model`]: one loaded model, whichever runtime runs it.

use std::sync::Arc;

#[cfg(feature = "onnxruntime")]
use super::onnxruntime::OnnxModel;
use super::tract::{TractModel, TractOutputs};
use crate::error::{Error, ErrorKind, Result};

/// What a model file is loaded as.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelSpec<'a> {
    /// For messages.
    pub(super) name: &'a str,
    /// Shape of each input, in the file's order.
    pub(super) inputs: &'a [Vec<usize>],
    /// The outputs to keep, in order; empty keeps all.
    pub(super) outputs: &'a [String],
}

/// A model that is loaded, optimised and ready; shared read-only between workers.
#[derive(Clone, Debug)]
pub struct Model {
    name: Arc<str>,
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Tract(TractModel),
    #[cfg(feature = "onnxruntime")]
    OnnxRuntime(Arc<OnnxModel>),
}

/// What a run of a [`Model`] gave: one float tensor an output, flattened in row-major order.
pub struct Outputs(Values);

enum Values {
    Tract(TractOutputs),
    #[cfg(feature = "onnxruntime")]
    Copied(Vec<Vec<f32>>),
}

impl Model {
    pub(super) fn tract(spec: ModelSpec<'_>, bytes: &[u8]) -> Result<Self> {
        let loaded = TractModel::load(spec, bytes);
        let engine = Engine::Tract(loaded.map_err(|why| refused(spec.name, why))?);
        Ok(Model { name: spec.name.into(), engine })
    }

    #[cfg(feature = "onnxruntime")]
    pub(super) fn onnxruntime(name: &str, loaded: OnnxModel) -> Self {
        Model { name: name.into(), engine: Engine::OnnxRuntime(Arc::new(loaded)) }
    }

    /// Runs the model. `fill` is called once an input, with its index and its values to be
    /// written in row-major order (all zero before).
    ///
    /// # Errors
    /// `Internal`: a loaded model runs, or boothd has a bug.
    pub fn run(&self, fill: impl FnMut(usize, &mut [f32])) -> Result<Outputs> {
        let ran = match &self.engine {
            Engine::Tract(model) => model.run(fill).map(Values::Tract),
            #[cfg(feature = "onnxruntime")]
            Engine::OnnxRuntime(model) => model.run(fill).map(Values::Copied),
        };
        ran.map(Outputs).map_err(|why| {
            Error::new(ErrorKind::Internal, format!("model {} failed to run", self.name))
                .because(why)
        })
    }

    /// What runs it: `tract`, or ONNX Runtime with its version and the providers in their order.
    pub fn runtime(&self) -> &str {
        match &self.engine {
            Engine::Tract(_) => "tract",
            #[cfg(feature = "onnxruntime")]
            Engine::OnnxRuntime(model) => model.runtime(),
        }
    }
}

impl Outputs {
    /// The values of output `index`, row-major.
    pub fn values(&self, index: usize) -> &[f32] {
        match &self.0 {
            Values::Tract(outputs) => outputs.values(index),
            #[cfg(feature = "onnxruntime")]
            Values::Copied(outputs) => &outputs[index],
        }
    }
}

/// A model file that its runtime cannot load.
pub(super) fn refused(name: &str, why: String) -> Error {
    let what = format!("model {name} cannot be run; put a supported ONNX file in its place");
    Error::new(ErrorKind::Config, what).because(why)
}
