//! The target that needs all of boothd: the configuration. Rules as in `targets.rs`.

use std::path::Path;

use boothd_whole::config::Config;

/// A configuration file and, after a NUL, what the command line adds.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (file, arguments) = text.split_once('\0').unwrap_or((text, ""));
    let overrides: Vec<String> =
        arguments.split('\0').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if let Err(problems) = Config::resolve(Some(file), &overrides, Path::new("/data")) {
        assert!(!problems.is_empty());
        problems.iter().for_each(|problem| drop(problem.to_string()));
    }
}
