//! The page in a real Chromium: against a mock (tests/browser/*.test.mjs) and against the daemon
//! (tests/browser/real.mjs), with the bundled clip as the browser's own camera and microphone.
//!
//! BOOTHD_SCREENSHOTS names a folder for pictures of all that was looked at.

#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/doubles.rs"]
mod doubles;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use daemon::{BOOTHD, Daemon, TOKEN};
use doubles::Booth;

/// One browser at a time: what is measured is the page, not the machine's patience.
static BROWSER: Mutex<()> = Mutex::new(());

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// Whether what package-lock.json names is installed; npm writes a copy of it when it is done.
fn is_installed(folder: &Path) -> bool {
    let written = |name: &str| fs::metadata(folder.join(name)).and_then(|m| m.modified()).ok();
    match (written("node_modules/.package-lock.json"), written("package-lock.json")) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}

/// Runs node's own test runner on `files`; its output is shown when a test failed.
fn run_node(files: &[&str], environment: &[(&str, &str)]) {
    let folder = folder();
    if !is_installed(&folder) {
        let status = Command::new("npm").arg("ci").current_dir(&folder).status();
        let status = status.expect("npm is installed: scripts/install-packages.sh test");
        assert!(status.success(), "npm ci failed in {}", folder.display());
    }
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1"]).args(files).current_dir(&folder);
    let output = node.envs(environment.iter().copied()).output().expect("node is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.contains("MEASURED")) {
        writeln!(std::io::stdout(), "{line}").expect("stdout is open");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
}

#[test]
fn the_page_against_a_mock() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    run_node(&["words.test.mjs", "page.test.mjs", "own.test.mjs"], &[]);
}

#[test]
fn the_page_against_the_daemon() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let booth = Booth::new();
    let daemon = Daemon::start(booth.command(BOOTHD), &["audio.device=mic"]);
    daemon.watch().next("audio_analysis");
    let url = format!("http://{}", daemon.address);
    run_node(&["real.mjs"], &[("BOOTHD_URL", &url), ("BOOTHD_TOKEN", TOKEN)]);
}
