//! Where ONNX Runtime can compute, and what to do where it cannot.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use ort::ep::{CPU, CUDA, ExecutionProvider, ExecutionProviderDispatch, TensorRT};

use super::{OnnxRuntime, Provider, library::Library, short};

/// One `Relu` of four floats, opset 13: enough to make a provider wake its device.
const TRIAL_MODEL: &[u8] = include_bytes!("trial.onnx");

impl OnnxRuntime {
    /// Tries whether a model runs there. The error holds what is missing and the remedy.
    pub(super) fn try_provider(
        &self,
        provider: Provider,
        library: &Library,
    ) -> Result<(), String> {
        let is_built_in = match provider {
            Provider::TensorRt => TensorRT::is_available(),
            Provider::Cuda => CUDA::is_available(),
            Provider::Cpu => return Ok(()),
        };
        if !is_built_in.unwrap_or(false) {
            return Err(format!(
                "{} was built without it; install NVIDIA's build (onnxruntime-gpu) and set \
                 inference.library to its file",
                library.path.display()
            ));
        }
        if provider == Provider::TensorRt {
            self.make_engine_cache()?;
        }
        let tried = self.session(&[provider]).and_then(|mut builder| {
            let mut session = builder.commit_from_memory(TRIAL_MODEL)?;
            let input = ort::value::Tensor::from_array(([4_usize], vec![0.0_f32; 4]))?;
            session.run([input.into()]).map(drop)
        });
        tried.map_err(|error| {
            let remedy = match provider {
                Provider::TensorRt => "install the TensorRT that this library was built for",
                _ => "install the CUDA and cuDNN that this library was built for",
            };
            format!("{}; {remedy}, and let boothd open the GPU's device files", short(&error))
        })
    }

    fn make_engine_cache(&self) -> Result<(), String> {
        let dir = &self.engine_cache;
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
            format!(
                "the folder {} for its engines cannot be made ({error}); \
                 set inference.engine_cache to one that boothd may write",
                dir.display()
            )
        })
    }
}

/// The providers as the crate has them. One that fails is an error, not silently left out.
pub(super) fn chosen(
    providers: &[Provider],
    engine_cache: &Path,
) -> Vec<ExecutionProviderDispatch> {
    let dispatch = |provider: &Provider| {
        let dispatch = match provider {
            Provider::TensorRt => TensorRT::default()
                .with_engine_cache(true)
                .with_engine_cache_path(engine_cache.display())
                .with_timing_cache(true)
                .with_timing_cache_path(engine_cache.display())
                // The models load beside each other; one build at a time fits a Jetson's memory.
                .with_force_sequential_engine_build(true)
                .build(),
            Provider::Cuda => CUDA::default().build(),
            Provider::Cpu => CPU::default().build(),
        };
        dispatch.error_on_failure()
    };
    providers.iter().map(dispatch).collect()
}
