//! Small files of the kernel: one value each, as text.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The text of a file, trimmed. `None` when it is not there, is empty, or its driver has no value
/// (a Jetson's zone whose block is switched off answers `EAGAIN`).
pub(super) fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    // A device tree's texts end with a zero.
    let text = text.trim_matches(['\0', '\n', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The whole number in a file.
pub(super) fn number(path: &Path) -> Option<i64> {
    text(path)?.parse().ok()
}

/// What is in `folder` under a name that begins with `prefix`, sorted by name.
pub(super) fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_it = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(prefix);
    let mut paths: Vec<_> =
        entries.filter(|e| is_it(&e.file_name())).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The number behind `name` in a list such as /proc/meminfo.
pub(crate) fn field(list: &str, name: &str) -> Option<u64> {
    let line = list.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
