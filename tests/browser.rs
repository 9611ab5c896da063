//! The page's modules under a compiler and a linter, and its words (tests/browser/*.test.mjs); the page in a
//! real Chromium: against a mock ({page,own}.test.mjs) and against the daemon
//! (tests/browser/real.mjs, tests/browser/people.mjs), with the bundled clip as the browser's own camera and microphone;
//! and what Chromium and Firefox record, against the daemon (tests/browser/recorders.mjs).
//!
//! BOOTHD_SCREENSHOTS names a folder for pictures of all that was looked at.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use boothd_test_support::{daemon, doubles, node};
use daemon::{BOOTHD, Daemon, TOKEN};
use doubles::Booth;
use serde_json::json;

/// One browser at a time: what is measured is the page, not the machine's patience.
static BROWSER: Mutex<()> = Mutex::new(());

/// Runs node's own test runner on `files`; its output is shown when a test failed.
fn run_node(files: &[&str], environment: &[(&str, &str)]) {
    let mut node = node::tests(files);
    let text = node::passed(node.envs(environment.iter().copied()).output());
    for line in text.lines().filter(|line| line.contains("MEASURED")) {
        writeln!(std::io::stdout(), "{line}").expect("stdout is open");
    }
}

#[test]
fn the_pages_modules_types_words_and_wire() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let files = ["words.test.mjs", "rooms.test.mjs", "tools.test.mjs", "wire.test.mjs"];
    run_node(&files, &[]);
}

#[test]
fn the_page_against_a_mock() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    run_node(&["page.test.mjs", "own.test.mjs"], &[]);
}

#[test]
fn the_page_against_the_daemon() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let booth = Booth::new();
    let settings = ["audio.device=mic", "features.preview=true"];
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    daemon.watch().next("audio_analysis");
    let url = format!("http://{}", daemon.address);
    run_node(&["real.mjs"], &[("BOOTHD_URL", &url), ("BOOTHD_TOKEN", TOKEN)]);
}

#[test]
fn each_browsers_own_recorder_reaches_the_booth() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let booth = Booth::new();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &[]);
    let url = format!("http://{}", daemon.address);
    run_node(&["recorders.mjs"], &[("BOOTHD_URL", &url), ("BOOTHD_TOKEN", TOKEN)]);
}

/// This one starts its daemon itself, kills it and starts it again.
#[test]
fn the_page_for_other_people_and_when_the_daemon_dies() {
    let _one = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let booth = Booth::new();
    let command = booth.command(&*BOOTHD);
    let environment: BTreeMap<_, _> = command
        .get_envs()
        .map(|(name, value)| (name.to_string_lossy(), value.expect("is set").to_string_lossy()))
        .collect();
    let set = |setting: &str| ["--set".to_owned(), setting.to_owned()];
    let settings = ["web.port=PORT", "audio.device=mic", "features.preview=true"];
    let mut run = ["--data-dir", env!("CARGO_MANIFEST_DIR"), "run"].map(str::to_owned).to_vec();
    run.extend(settings.into_iter().flat_map(set));
    run.extend(set(&format!("web.token={TOKEN}")));
    run.extend(set("state.dir=STATE"));
    let command = json!({"program": &*BOOTHD, "run": run, "environment": environment});
    let command = command.to_string();
    run_node(&["people.mjs"], &[("BOOTHD_COMMAND", &command), ("BOOTHD_TOKEN", TOKEN)]);
}
