//! ONNX Runtime for tests: PyPI's library, which computes on the processor.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use boothd::inference::{Backend, Catalog, InferenceConfig, Provider, Runtime};

use crate::place::{project, scratch};

/// The folder that holds the library; it is fetched where it is not there yet.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let machine = std::env::consts::ARCH;
        let dir = scratch().join(format!("onnxruntime-1.32.0-{machine}"));
        let script = project("scripts/fetch-onnxruntime.sh");
        let fetched =
            Command::new(script).arg(&dir).arg(machine).status().expect("a script can be run");
        assert!(fetched.success(), "ONNX Runtime's wheel was not fetched; is there a network?");
        dir
    })
}

/// What a configuration gives that wants ONNX Runtime on the processor and nothing else.
pub fn wanted(library: &Path) -> InferenceConfig {
    InferenceConfig {
        backend: Backend::OnnxRuntime,
        library: Some(library.to_owned()),
        providers: vec![Provider::Cpu],
        may_fall_back: false,
        engine_cache: scratch().join("tensorrt"),
    }
}

/// A folder of models, run by ONNX Runtime.
pub fn catalog(models: &str) -> Catalog {
    let runtime = Runtime::start(&wanted(folder())).expect("PyPI's library opens");
    Catalog::open(Path::new(models)).expect("is committed").with_runtime(runtime)
}
