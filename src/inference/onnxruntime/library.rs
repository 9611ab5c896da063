//! Finds ONNX Runtime's library and looks at the file before it is loaded: the loader ends the
//! process over one that was cut short, and the crate `ort` panics over one that is too old.

use std::{
    env,
    error::Error,
    ffi::CStr,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{self, Path, PathBuf},
    sync::Arc,
};

/// Where distributions and NVIDIA's packages put libraries, beside LD_LIBRARY_PATH.
const FOLDERS: [&str; 6] = [
    "/usr/local/lib",
    #[cfg(target_arch = "aarch64")]
    "/usr/lib/aarch64-linux-gnu",
    #[cfg(not(target_arch = "aarch64"))]
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib",
    "/usr/lib64",
    "/opt/onnxruntime/lib",
    "/usr/local/onnxruntime/lib",
];
const NAME: &str = "libonnxruntime.so";

/// The machine of an ELF file (`e_machine`) that this boothd can load.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// A library that was checked.
#[derive(Clone, Debug)]
pub(super) struct Library {
    pub(super) path: PathBuf,
    /// As the library itself reports it.
    pub(super) version: String,
    /// Keeps it loaded until `ort` has it too, and after.
    _handle: Arc<libloading::Library>,
}

/// The file: the one given, the newest in the folder given, or the first that the system has.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(given) = given {
        if !given.is_dir() {
            // The loader looks for a bare name elsewhere than a reader of files does.
            return path::absolute(given).map_err(|error| error.to_string());
        }
        return newest_in(given).ok_or_else(|| {
            format!("there is no {NAME} in {}; correct inference.library", given.display())
        });
    }
    let listed = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let listed = env::split_paths(&listed).filter(|dir| dir.is_absolute());
    let mut folders = listed.chain(FOLDERS.into_iter().map(PathBuf::from));
    folders.find_map(|dir| newest_in(&dir)).ok_or_else(|| {
        format!(
            "there is no {NAME} in LD_LIBRARY_PATH, {}; install ONNX Runtime or set \
             inference.library to its file",
            FOLDERS.join(", ")
        )
    })
}

fn newest_in(dir: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Option<Vec<u32>> {
        let rest = path.file_name()?.to_str()?.strip_prefix(NAME)?;
        if !rest.is_empty() && !rest.starts_with('.') {
            return None;
        }
        Some(rest.split('.').filter_map(|number| number.parse().ok()).collect())
    };
    let files = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter_map(|path| Some((version(&path)?, path))).max().map(|(_, path)| path)
}

impl Library {
    /// Looks whether the file is a library for this machine, whole, and new enough.
    pub(super) fn check(path: &Path) -> Result<Self, String> {
        let cannot = |why: String| format!("{} cannot be used: {why}", path.display());
        check_file(path).map_err(cannot)?;
        let (handle, version) = ask_version(path).map_err(cannot)?;
        Ok(Library { path: path.to_owned(), version, _handle: Arc::new(handle) })
    }
}

/// Reads the file's own tables: what machine it is for, and whether all that they name is there.
fn check_file(path: &Path) -> Result<(), String> {
    let open = || -> std::io::Result<(File, u64)> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    let (file, length) =
        open().map_err(|error| format!("{error}; correct inference.library"))?;
    let mut head = [0; 64];
    let is_elf = file.read_exact_at(&mut head, 0).is_ok() && head.starts_with(b"\x7fELF");
    if !is_elf {
        return Err("it is no library; reinstall ONNX Runtime".into());
    }
    let machine = u16::from_le_bytes([head[18], head[19]]);
    if head[4] != 2 || machine != MACHINE {
        let arch = env::consts::ARCH;
        return Err(format!("it is for another processor; install the one for {arch}"));
    }
    let cut = |needed: u64| {
        format!("it is cut short, {length} of {needed} bytes; reinstall ONNX Runtime")
    };
    let (segments_at, sections_at) = (long(&head, 32), long(&head, 40));
    let table_end = |at: u64, size: usize, count: usize| {
        at.saturating_add(u64::from(short(&head, size)) * u64::from(short(&head, count)))
    };
    let tables_end = table_end(segments_at, 54, 56).max(table_end(sections_at, 58, 60));
    if tables_end > length {
        return Err(cut(tables_end));
    }
    let mut segment = [0; 56];
    for index in 0..u64::from(short(&head, 56)) {
        let at = segments_at.saturating_add(index * u64::from(short(&head, 54)));
        file.read_exact_at(&mut segment, at).map_err(|error| error.to_string())?;
        let end = long(&segment, 8).saturating_add(long(&segment, 32));
        if end > length {
            return Err(cut(end));
        }
    }
    Ok(())
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u64 {
    let bytes: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes are eight");
    u64::from_le_bytes(bytes)
}

/// The loader's own message, such as which library is missing.
fn loaders_words(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Loads the library and asks for its version and for the interface that boothd speaks.
#[allow(
    unsafe_code,
    reason = "a library is foreign code; no safe crate asks it for its version"
)]
fn ask_version(path: &Path) -> Result<(libloading::Library, String), String> {
    type GetBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: the operator names the library, and its initialisers are ONNX Runtime's.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| format!("{}; install what it needs", loaders_words(&error)))?;
    // SAFETY: ONNX Runtime's only exported function that is looked up by name has this type.
    let get_base = unsafe { library.get::<GetBase>(b"OrtGetApiBase\0") }.map_err(|_| {
        "it is another library; set inference.library to ONNX Runtime's".to_owned()
    })?;
    // SAFETY: the function takes nothing and gives a static table or null.
    let base = unsafe { get_base().as_ref() };
    let base = base.ok_or("it gives no interface; reinstall ONNX Runtime")?;
    // SAFETY: the table's first two functions are the same in every version; the text is static.
    let (version, interface) = unsafe {
        let version = CStr::from_ptr((base.GetVersionString)().cast());
        (version.to_string_lossy().into_owned(), (base.GetApi)(ort::MINOR_VERSION))
    };
    if interface.is_null() {
        let needed = ort::MINOR_VERSION;
        return Err(format!("it is version {version}; install 1.{needed} or newer"));
    }
    Ok((library, version))
}
