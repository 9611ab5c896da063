//! The tests of tests/browser, which node runs.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::place::project;

/// Whether what package-lock.json names is installed; npm writes a copy of it when it is done.
fn is_installed(folder: &Path) -> bool {
    let written = |name: &str| fs::metadata(folder.join(name)).and_then(|m| m.modified()).ok();
    match (written("node_modules/.package-lock.json"), written("package-lock.json")) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}

/// Node's own test runner on files of tests/browser; what they need is installed first.
pub fn tests(files: &[&str]) -> Command {
    let folder = project("tests/browser");
    if !is_installed(&folder) {
        let status = Command::new("npm").arg("ci").current_dir(&folder).status();
        let status = status.expect("npm is installed: scripts/install-packages.sh test");
        assert!(status.success(), "npm ci failed in {}", folder.display());
    }
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1"]).args(files).current_dir(&folder);
    node
}

/// What the tests printed; all must have passed.
pub fn passed(output: std::io::Result<Output>) -> String {
    let output = output.expect("node is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}
