//! Ownership of the state folder, and the stored data when its files change while the daemon runs
//! or before it starts: real daemons, real files.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use boothd::store::{Database, SessionState};
use boothd_test_support::{daemon, operator};
use daemon::{BOOTHD, Daemon, PATIENCE, TOKEN, boothd};
use operator::{ask, begin, end};
use rustix::process::Signal;
use serde_json::Value;

const NO_MEDIA: [&str; 2] = ["video.source=off", "audio.source=off"];

/// A daemon without media whose state stands in `state`, which outlives it.
fn start(state: &Path) -> Daemon {
    let setting = format!("state.dir={}", state.display());
    Daemon::start(Command::new(&*BOOTHD), &[&NO_MEDIA[..], &[&*setting]].concat())
}

/// A command on the state folder: exit code and output.
fn command(state: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = boothd(Command::new(&*BOOTHD));
    command.args(["--set", &format!("state.dir={}", state.display())]);
    command.args(["--set", "web.port=0", "--set", &format!("web.token={TOKEN}")]);
    command.args(["--set", "mqtt.broker=mqtt://127.0.0.1:1"]);
    let Output { status, stdout, stderr } = command.args(arguments).output().unwrap();
    let printed = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&printed).into_owned())
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
        let (code, printed) = command(folder.path(), &[second]);
        assert_eq!(code, Some(69), "systemd tries it again: {printed}");
        assert!(
            printed.contains(&holder) && printed.contains("state.dir"),
            "{second}: {printed}"
        );
        assert_eq!(state_of(&daemon, &session), "running", "{second}");
    }
    let (code, printed) =
        command(folder.path(), &["token", "add", "--name", "x", "--role", "guest"]);
    assert_eq!(code, Some(0), "it works beside the daemon: {printed}");
    let copy = folder.path().join("copy.db").display().to_string();
    let (code, printed) = command(folder.path(), &["backup", &copy]);
    assert_eq!(code, Some(0), "it works beside the daemon: {printed}");
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

/// What the page lists: `subject_ref` is the same for all, so the ids, newest first, with states.
fn listed(daemon: &Daemon) -> Vec<(String, String)> {
    let (_, list) = ask(&daemon.address, "GET", "/api/v1/sessions", &Value::Null).unwrap();
    let text = |session: &Value, key: &str| session[key].as_str().unwrap().to_owned();
    let sessions = list["sessions"].as_array().unwrap().iter();
    sessions.map(|session| (text(session, "session_id"), text(session, "state"))).collect()
}

fn ended(ids: &[&String]) -> Vec<(String, String)> {
    let mut ended: Vec<_> = ids.iter().map(|id| ((*id).clone(), "ended".to_owned())).collect();
    ended.sort();
    ended
}

fn sorted(mut list: Vec<(String, String)>) -> Vec<(String, String)> {
    list.sort();
    list
}

/// An interview from its begin to its end.
fn interview(daemon: &Daemon) -> String {
    let session = begin(&daemon.address).expect("begins");
    assert_eq!(end(&daemon.address, &session), Some(200), "is acknowledged");
    session
}

/// Ends the process as a power cut does.
fn cut(daemon: Daemon) {
    daemon.signal(Signal::KILL);
    drop(daemon);
}

/// Names in the state folder that hold these words.
fn files_with(folder: &Path, words: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains(words)).collect()
}

fn back_up(folder: &Path) -> PathBuf {
    let copy = folder.join("copy.db");
    let (code, printed) = command(folder, &["backup", &copy.display().to_string()]);
    assert_eq!(code, Some(0), "{printed}");
    copy
}

#[test]
fn a_database_that_is_deleted_under_the_daemon_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let before = interview(&daemon);
    let running = begin(&daemon.address).expect("begins");
    files_with(folder.path(), "boothd.db")
        .iter()
        .for_each(|file| fs::remove_file(file).unwrap());
    assert_eq!(end(&daemon.address, &running), Some(200));
    let after = interview(&daemon);
    daemon.wait_for_log("the database was deleted while boothd ran");
    let (code, printed) =
        command(folder.path(), &["token", "add", "--name", "x", "--role", "viewer"]);
    assert_eq!(code, Some(0), "{printed}");
    let token = printed.lines().next().unwrap().to_owned();
    // The daemon sees what a command does in the same file.
    let deadline = Instant::now() + PATIENCE;
    let knows = || {
        let (_, list) = ask(&daemon.address, "GET", "/api/v1/tokens", &Value::Null).unwrap();
        list["tokens"].as_array().is_some_and(|tokens| !tokens.is_empty())
    };
    while !knows() {
        assert!(Instant::now() < deadline, "the daemon does not see the token {token}");
        thread::sleep(Duration::from_millis(10));
    }
    cut(daemon);
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before, &running, &after]));
}

#[test]
fn a_database_that_is_replaced_under_the_daemon_is_kept_beside_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let (before, copy) = (interview(&daemon), back_up(folder.path()));
    let since = interview(&daemon);
    let running = begin(&daemon.address).expect("begins");
    fs::rename(copy, folder.path().join("boothd.db")).unwrap();
    daemon.wait_for_log("the database was replaced while boothd ran");
    assert_eq!(end(&daemon.address, &running), Some(200), "it goes on in the new one");
    assert_eq!(sorted(listed(&daemon)), ended(&[&before, &running]));
    daemon.wait_for_health("the store", |health| health["store"]["state"] == "running");
    let kept = files_with(folder.path(), "boothd.db.replaced-");
    let name = kept[0].file_name().unwrap().to_string_lossy().into_owned();
    daemon.wait_for_health("the finding", |health| replaced(health).contains(&name));
    let kept = Database::open(&kept[0]).unwrap();
    assert_eq!(kept.session(&since).unwrap().unwrap().state, SessionState::Ended);
    cut(daemon);
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before, &running]));
    // It is reported until the file is moved away.
    daemon.wait_for_health("the finding", |health| replaced(health).contains(&name));
    fs::rename(folder.path().join(&name), folder.path().join("elsewhere.db")).unwrap();
    daemon.wait_for_health("its end", |health| replaced(health).is_empty());
}

/// The sentence of the finding that the database was replaced.
fn replaced(health: &Value) -> String {
    let findings = health["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == "store_replaced");
    found.map_or_else(String::new, |found| found["sentence"].as_str().unwrap().to_owned())
}

#[test]
fn a_log_that_is_deleted_under_the_daemon_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let before = interview(&daemon);
    fs::remove_file(folder.path().join("boothd.db-wal")).unwrap();
    let after = interview(&daemon);
    daemon.wait_for_log("the log of the database was deleted or replaced");
    cut(daemon);
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before, &after]));
}

/// The hasty way of a restore: the booth was killed and its log left beside the copy.
#[test]
fn a_log_of_another_database_is_put_aside_and_not_played_back() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let (before, copy) = (interview(&daemon), back_up(folder.path()));
    (0..20).for_each(|_| drop(interview(&daemon)));
    cut(daemon);
    let log = folder.path().join("boothd.db-wal");
    let left = fs::read(&log).unwrap();
    assert!(!left.is_empty(), "the log holds what came since");
    fs::copy(copy, folder.path().join("boothd.db")).unwrap();
    // A command may be the first that meets it.
    let (code, printed) = command(folder.path(), &["token", "list"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("the log is put aside"), "{printed}");
    let aside = files_with(folder.path(), "boothd.db.aside-");
    assert_eq!(fs::read(&aside[0]).unwrap(), left, "nothing is thrown away");
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before]));
    interview(&daemon);
    cut(daemon);
    // Its own log is played back as ever.
    let daemon = start(folder.path());
    assert_eq!(listed(&daemon).len(), 2);
    assert_eq!(files_with(folder.path(), "boothd.db.aside-").len(), 1);
}

#[test]
fn a_back_up_is_restored_while_the_daemon_is_stopped_and_what_was_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let (before, copy) = (interview(&daemon), back_up(folder.path()));
    let since = interview(&daemon);
    let restore = ["restore", &*copy.display().to_string()];
    let (code, printed) = command(folder.path(), &restore);
    assert_eq!(code, Some(69), "{printed}");
    assert!(printed.contains("is in use by boothd run"), "{printed}");
    cut(daemon);
    let (code, printed) = command(folder.path(), &restore);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("what was there is kept as"), "{printed}");
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before]));
    let mode = fs::metadata(folder.path().join("boothd.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // With its log: nothing of it was thrown away.
    let kept = files_with(folder.path(), "boothd.db.before-restore-");
    let kept = kept.iter().find(|path| path.to_string_lossy().ends_with('Z')).unwrap();
    let kept = Database::open(kept).unwrap();
    assert_eq!(kept.session(&since).unwrap().unwrap().state, SessionState::Ended);
}

#[test]
fn what_is_no_whole_back_up_is_not_restored_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let (before, copy) = (interview(&daemon), back_up(folder.path()));
    daemon.terminate();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let broken = folder.path().join("broken.db");
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    fs::write(&broken, bytes).unwrap();
    let stray = folder.path().join("stray.db");
    fs::copy(&copy, &stray).unwrap();
    let loose = rusqlite::Connection::open(&stray).unwrap();
    loose.execute_batch("PRAGMA foreign_keys = off").unwrap();
    let consent = "INSERT INTO consent VALUES ('orphans', '1', 1)";
    loose.execute(consent, []).unwrap();
    drop(loose);
    let absent = folder.path().join("absent.db");
    let text = folder.path().join("text.db");
    fs::write(&text, "not a database, in spite of its name").unwrap();
    for (file, words) in [
        (&other, "a database of something else"),
        (&broken, "cannot be re"),
        (&stray, "1 rows belong to rows that are not there"),
        (&absent, "absent.db"),
        (&text, "text.db cannot be read as a database"),
    ] {
        let (code, printed) = command(folder.path(), &["restore", &file.display().to_string()]);
        assert_eq!(code, Some(65), "{}: {printed}", file.display());
        assert!(printed.contains(words), "{}: {printed}", file.display());
        assert!(files_with(folder.path(), "restor").is_empty(), "{}", file.display());
    }
    let daemon = start(folder.path());
    assert_eq!(sorted(listed(&daemon)), ended(&[&before]));
}
