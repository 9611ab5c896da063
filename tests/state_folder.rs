//! Who owns the state folder, and what becomes of what is kept when its files change under or
//! before the daemon: real daemons, real files.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/operator.rs"]
mod operator;

use std::{
    path::Path,
    process::{Command, Output},
};

use daemon::{BOOTHD, Daemon, TOKEN, boothd};
use operator::{ask, begin, end};
use rustix::process::Signal;
use serde_json::Value;

const NO_MEDIA: [&str; 2] = ["video.source=off", "audio.source=off"];

/// A daemon without media whose state stands in `state`, which outlives it.
fn start(state: &Path) -> Daemon {
    let setting = format!("state.dir={}", state.display());
    Daemon::start(Command::new(BOOTHD), &[&NO_MEDIA[..], &[&*setting]].concat())
}

/// A command on the state folder: exit code, and what it said.
fn command(state: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = boothd(Command::new(BOOTHD));
    command.args(["--set", &format!("state.dir={}", state.display())]);
    command.args(["--set", "web.port=0", "--set", &format!("web.token={TOKEN}")]);
    command.args(["--set", "mqtt.broker=mqtt://127.0.0.1:1"]);
    let Output { status, stdout, stderr } = command.args(arguments).output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn state_of(daemon: &Daemon, session: &str) -> Value {
    let path = format!("/api/v1/sessions/{session}");
    ask(&daemon.address, "GET", &path, &Value::Null).unwrap().1["state"].clone()
}

#[test]
fn a_second_daemon_is_refused_and_the_interview_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let session = begin(&daemon.address).expect("begins");
    let holder = format!("is in use by boothd run, process {}, since ", daemon.pid());
    for second in ["run", "fleet"] {
        let (code, said) = command(folder.path(), &[second]);
        assert_eq!(code, Some(69), "systemd tries it again: {said}");
        assert!(said.contains(&holder) && said.contains("state.dir"), "{second}: {said}");
        assert_eq!(state_of(&daemon, &session), "running", "{second}");
    }
    let (code, said) =
        command(folder.path(), &["token", "add", "--name", "x", "--role", "guest"]);
    assert_eq!(code, Some(0), "it works beside the daemon: {said}");
    let copy = folder.path().join("copy.db").display().to_string();
    let (code, said) = command(folder.path(), &["backup", &copy]);
    assert_eq!(code, Some(0), "it works beside the daemon: {said}");
    assert_eq!(end(&daemon.address, &session), Some(200));
    assert!(begin(&daemon.address).is_some(), "and so may the next");
}

#[test]
fn the_lock_of_a_daemon_that_was_killed_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    daemon.signal(Signal::KILL);
    drop(daemon);
    assert!(folder.path().join("lock").exists());
    assert!(begin(&start(folder.path()).address).is_some());
}

/// By an older boothd, or by hand.
#[test]
fn a_session_that_others_called_abandoned_is_ended_by_the_daemon_that_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let session = begin(&daemon.address).expect("begins");
    let database = rusqlite::Connection::open(folder.path().join("boothd.db")).unwrap();
    database.execute("UPDATE session SET state = 'abandoned'", []).unwrap();
    assert_eq!(end(&daemon.address, &session), Some(200));
    assert_eq!(state_of(&daemon, &session), "ended");
    let session = begin(&daemon.address).expect("begins");
    database.execute("DELETE FROM session WHERE session_id = ?1", [&session]).unwrap();
    assert_ne!(end(&daemon.address, &session), Some(200), "it is not kept");
    assert!(begin(&daemon.address).is_some(), "and holds up no other");
}
