//! ONNX Runtime, whose library is loaded when it is asked for. boothd links nothing of it.
//!
//! [`library`] finds and checks the file, [`providers`] finds where it can compute, [`OnnxModel`]
//! runs one model.

mod library;
mod model;
mod providers;

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::SessionBuilder},
};

use self::library::Library;
pub(super) use self::model::OnnxModel;
use super::{InferenceConfig, Provider, spec::ModelSpec};

/// ONNX Runtime, open, with the providers that work.
#[derive(Debug)]
pub(super) struct OnnxRuntime {
    environment: Environment,
    /// For people: version and providers.
    name: String,
    /// In the order of preference; not empty.
    providers: Vec<Provider>,
    engine_cache: PathBuf,
}

/// The library of this process; ONNX Runtime allows one environment in each.
static OPENED: Mutex<Option<(Library, Environment)>> = Mutex::new(None);

impl OnnxRuntime {
    /// Opens the library and tries each provider that is wanted. The error names, in one line,
    /// what is missing and what to do.
    pub(super) fn open(config: &InferenceConfig) -> Result<Self, String> {
        let (library, environment) = opened(config)?;
        let engine_cache = config.engine_cache.clone();
        let name = format!("onnxruntime {}", library.version);
        let mut runtime =
            OnnxRuntime { environment, name, providers: Vec::new(), engine_cache };
        let (mut usable, mut missing) = (Vec::new(), Vec::new());
        for provider in &config.providers {
            match runtime.try_provider(*provider, &library) {
                Ok(()) => usable.push(*provider),
                Err(why) => missing.push((provider.word(), why)),
            }
        }
        if usable.is_empty() {
            let reasons = missing.iter().map(|(provider, why)| format!("{provider}: {why}"));
            return Err(reasons.collect::<Vec<_>>().join("; "));
        }
        for (provider, why) in missing {
            log::log!(target: "inference", config.level(), provider = provider, error = why.as_str();
                "ONNX Runtime cannot use a provider and takes the next of inference.providers");
        }
        let words: Vec<_> = usable.iter().map(|provider| provider.word()).collect();
        runtime.name = format!("{} ({})", runtime.name, words.join(", "));
        runtime.providers = usable;
        Ok(runtime)
    }

    /// Version and providers.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it computes, best first.
    pub(super) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// Loads a model and runs it once: what a provider builds at the first run (TensorRT takes
    /// minutes) is built before the booth is ready, and what fails, fails here.
    pub(super) fn load(&self, spec: ModelSpec<'_>, bytes: &[u8]) -> Result<OnnxModel, String> {
        let session = self
            .session(&self.providers)
            .and_then(|mut builder| builder.commit_from_memory(bytes))
            .map_err(|error| short(&error))?;
        let model = OnnxModel::new(session, spec, &self.name)?;
        model.run(|_, _| ())?;
        Ok(model)
    }

    /// How a session on these providers is made. One thread, the caller's: the workers are
    /// boothd's own.
    fn session(&self, providers: &[Provider]) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            // Without it the w8 files' weights are unfolded at load and run as float: as fast as
            // the float files, where the default is up to twice slower and quantizes activations
            // besides (docs/design/decisions/0009-onnxruntime.md).
            .with_quant_qdq(false)?
            .with_execution_providers(providers::chosen(providers, &self.engine_cache))?;
        Ok(builder)
    }
}

/// The library of this process, opened if it was not before.
fn opened(config: &InferenceConfig) -> Result<(Library, Environment), String> {
    let path = library::find(config.library.as_deref())?;
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((library, environment)) = &*opened {
        if library.path == path {
            return Ok((library.clone(), environment.clone()));
        }
        let other = library.path.display();
        return Err(format!(
            "{other} is open in this process, so {} cannot be",
            path.display()
        ));
    }
    let library = Library::check(&path)?;
    let cannot = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let environment = ort::init_from(&path)
        .map_err(|error| cannot(&error))?
        .with_name("boothd")
        .with_telemetry(false)
        .with_logger(std::sync::Arc::new(relay))
        .build()
        .map_err(|error| cannot(&error))?;
    // Below that level it would call back several times a run.
    environment.set_log_level(LogLevel::Warning);
    Ok(opened.insert((library, environment)).clone())
}

/// Logs the messages of ONNX Runtime itself. What matters also comes back as an error and is
/// reported with its remedy, so these serve diagnosis only.
fn relay(level: LogLevel, _category: &str, _id: &str, _place: &str, message: &str) {
    let level = match level {
        LogLevel::Fatal | LogLevel::Error => log::Level::Info,
        _ => log::Level::Debug,
    };
    log::log!(target: "onnxruntime", level, "{}", message.trim());
}

/// The message of an error, in one line.
fn short<R>(error: &ort::Error<R>) -> String {
    cause(error.message())
}

/// The first line of a message of ONNX Runtime, without the C++ places in it.
fn cause(text: &str) -> String {
    const ENOUGH: usize = 300;
    let line = text.lines().next().unwrap_or_default();
    let message = [" : FAIL : ", " with error: "].into_iter().fold(line, |line, before| {
        line.rsplit_once(before).map_or(line, |(_, message)| message)
    });
    message.trim().chars().take(ENOUGH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_reported_without_its_way_through_the_library() {
        let text = "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1778 \
                    onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() \
                    [ONNXRuntimeError] : 1 : FAIL : Failed to load library \
                    libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open \
                    shared object file: No such file or directory\nmore";
        assert_eq!(
            cause(text),
            "libcublasLt.so.13: cannot open shared object file: No such file or directory"
        );
        assert_eq!(cause("CUDA failure 100: no device"), "CUDA failure 100: no device");
        assert_eq!(cause(&"x".repeat(1000)).len(), 300);
    }
}
