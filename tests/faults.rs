//! The stored data when the machine fails: a full disk, one that may not be written, one that
//! takes seconds, and a power cut at any moment. Real daemons on real file
//! systems (a tmpfs of its own in a mount namespace; `unshare` needs root or user namespaces).

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use boothd::store::{Database, SessionState};
use boothd_test_support::{
    daemon, operator,
    process::{Process, set},
    small_disk,
};
use daemon::{BOOTHD, Daemon};
use operator::{aside, ask, begin, end, sessions_until_it_dies};
use rustix::process::Signal;
use serde_json::{Value, json};

const DEMO: [&str; 4] = [
    "video.source=file",
    "video.file=demo/face_640x480.mjpeg",
    "audio.source=file",
    "audio.file=demo/speech_16k.wav",
];

/// A daemon whose state stands on a small disk of its own.
struct OnItsOwnDisk {
    daemon: Daemon,
    _mount: tempfile::TempDir,
    disk: PathBuf,
}

impl OnItsOwnDisk {
    fn start(megabytes: u32, settings: &[&str]) -> Self {
        let mount = tempfile::tempdir().unwrap();
        let command = small_disk::command(mount.path(), megabytes * 1024, &BOOTHD);
        OnItsOwnDisk::start_as(command, mount, settings)
    }

    /// The disk has no room when the daemon starts.
    fn start_on_a_full_one(megabytes: u32, settings: &[&str]) -> Self {
        let mount = tempfile::tempdir().unwrap();
        let command = small_disk::full_command(mount.path(), megabytes * 1024, &BOOTHD);
        OnItsOwnDisk::start_as(command, mount, settings)
    }

    fn start_as(command: Command, mount: tempfile::TempDir, settings: &[&str]) -> Self {
        let state = format!("state.dir={}/state", mount.path().display());
        let mut all: Vec<&str> = settings.to_vec();
        all.extend(DEMO);
        all.push(&state);
        let daemon = Daemon::start(command, &all);
        let disk = small_disk::seen_by(daemon.pid(), mount.path());
        OnItsOwnDisk { daemon, _mount: mount, disk }
    }

    fn fill(&self) {
        small_disk::fill(&self.disk.join("filler"));
    }

    fn store_is(&self, state: &str) -> Value {
        self.daemon.wait_for_health("the store", |health| health["store"]["state"] == state);
        self.daemon.health().1
    }
}

/// Live reports come on, and newer ones.
fn goes_on(daemon: &Daemon) {
    let mut watcher = daemon.watch();
    let first = watcher.next("visual_analysis")["sequence"].as_u64().unwrap();
    assert!(watcher.next("visual_analysis")["sequence"].as_u64().unwrap() > first);
    watcher.next("audio_analysis");
}

#[test]
fn a_full_disk_stops_no_analysis_and_what_waited_is_written_when_there_is_room() {
    let booth = OnItsOwnDisk::start(4, &["store.flush_s=1"]);
    let session = begin(&booth.daemon.address).expect("begins");
    booth.fill();
    let health = booth.store_is("unavailable");
    assert_eq!(health["status"], "degraded");
    assert!(health["findings"].to_string().contains("store_away"), "{health}");
    assert!(health["store"]["error"].as_str().unwrap().contains("full"), "{health}");
    goes_on(&booth.daemon);
    assert_ne!(end(&booth.daemon.address, &session), Some(200), "it could not be written");
    fs::remove_file(booth.disk.join("filler")).unwrap();
    let health = booth.store_is("running");
    // So small a disk is always reported as nearly full; the database is well again.
    let findings = health["findings"].as_array().unwrap();
    let of_the_disk = |finding: &Value| finding["component"] == "disk";
    let mut faults = findings.iter().filter(|finding| finding["severity"] != "notice");
    assert!(faults.all(of_the_disk), "{health:#}");
    assert!(findings.iter().any(of_the_disk), "{health:#}");
    assert_eq!(
        end(&booth.daemon.address, &session),
        Some(200),
        "the same summary, now written"
    );
    let path = format!("/api/v1/sessions/{session}/history");
    let (_, history) = ask(&booth.daemon.address, "GET", &path, &Value::Null).unwrap();
    assert_eq!(history["lost_rows"], 0);
    let rows = history["video"]["rows"].as_array().unwrap();
    let seconds: Vec<f64> = rows.iter().map(|row| row[0].as_f64().unwrap()).collect();
    let gaps = seconds.windows(2).filter(|pair| pair[1] - pair[0] > 2.0).count();
    assert!(seconds.len() >= 2 && gaps == 0, "{seconds:?}");
}

#[test]
fn a_disk_that_is_full_at_the_start_stops_no_analysis_and_sessions_begin_when_there_is_room() {
    let booth = OnItsOwnDisk::start_on_a_full_one(4, &["store.flush_s=1"]);
    let health = booth.store_is("unavailable");
    assert!(health["store"]["error"].as_str().unwrap().contains("make room"), "{health}");
    // An unknown value is not reported as zero.
    let outbox = &health["outbox"];
    for count in ["depth", "bytes", "oldest_s", "set_aside", "fallen_out_total"] {
        assert!(outbox[count].is_null(), "{count}: {outbox}");
    }
    assert!(outbox["error"].as_str().unwrap().contains("the database is not open"), "{outbox}");
    goes_on(&booth.daemon);
    let refused = ask(&booth.daemon.address, "POST", "/api/v1/sessions", &operator::consent());
    let (status, answer) = refused.unwrap();
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("database"), "{answer}");
    fs::remove_file(booth.disk.join("filler")).unwrap();
    let health = booth.store_is("running");
    let outbox = &health["outbox"];
    assert_eq!((&outbox["depth"], &outbox["error"]), (&json!(0), &Value::Null), "{outbox}");
    let session = begin(&booth.daemon.address).expect("begins");
    assert_eq!(end(&booth.daemon.address, &session), Some(200));
}

/// No token is configured, and the disk does not let the new one be kept.
#[test]
fn a_token_that_cannot_be_kept_is_kept_when_there_is_room() {
    let mount = tempfile::tempdir().unwrap();
    let mut command = daemon::boothd(small_disk::full_command(mount.path(), 1024, &BOOTHD));
    let state = format!("state.dir={}/state", mount.path().display());
    let settings = ["web.port=0", "video.source=off", "audio.source=off", &state];
    set(command.arg("run").stderr(Stdio::null()), &settings);
    let mut booth = Process::boothd(&mut command);
    let token = booth.printed.trim().split_once("#token=").expect("it is printed").1.to_owned();
    let disk = small_disk::seen_by(booth.process.pid(), mount.path());
    assert!(!disk.join("state/token").exists());
    fs::remove_file(disk.join("filler")).unwrap();
    let deadline = Instant::now() + daemon::PATIENCE;
    let kept = loop {
        match fs::read_to_string(disk.join("state/token")) {
            Ok(kept) => break kept,
            Err(_) => assert!(Instant::now() < deadline, "the token is not kept"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    booth.process.kill();
    assert_eq!(kept.trim(), token);
}

/// A library that stands between the daemon and its card: `fsync` takes as many milliseconds
/// as the file `slow` holds, and while there is a file `readonly` nothing is written to the
/// database, as on a card that the kernel has given up on.
fn bad_card(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("card.c"), folder.join("card.so"));
    let program =
        include_str!("doubles/card.c").replace("FOLDER", &folder.display().to_string());
    fs::write(&source, program).unwrap();
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    assert!(build.status().unwrap().success());
    library
}

/// A daemon with such a card.
fn on_a_bad_card(folder: &Path) -> Daemon {
    let mut command = Command::new(&*BOOTHD);
    command.env("LD_PRELOAD", bad_card(folder));
    let mut settings = vec!["store.flush_s=1"];
    settings.extend(DEMO);
    let daemon = Daemon::start(command, &settings);
    daemon.wait_for_health("analysis", |health| health["status"] == "healthy");
    daemon
}

#[test]
fn a_disk_that_may_not_be_written_is_reported_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = on_a_bad_card(folder.path());
    let session = begin(&daemon.address).expect("begins");
    let switch = folder.path().join("readonly");
    fs::write(&switch, "").unwrap();
    daemon.wait_for_health("the loss", |health| health["store"]["state"] == "unavailable");
    let (_, health) = daemon.health();
    assert_eq!(health["status"], "degraded");
    goes_on(&daemon);
    assert_ne!(end(&daemon.address, &session), Some(200));
    fs::remove_file(&switch).unwrap();
    daemon.wait_for_health("the return", |health| health["store"]["state"] == "running");
    assert_eq!(end(&daemon.address, &session), Some(200));
}

#[test]
fn a_card_that_takes_seconds_holds_up_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = on_a_bad_card(folder.path());
    fs::write(folder.path().join("slow"), "3000").unwrap();
    let (address, (done, answered)) = (daemon.address.clone(), mpsc::sync_channel(1));
    let began = Instant::now();
    let asking = aside(move || {
        let session = begin(&address);
        done.send(began.elapsed()).unwrap();
        session
    });
    let mut watcher = daemon.watch();
    let mut reports = 0;
    let took = loop {
        watcher.next("visual_analysis");
        reports += 1;
        if let Ok(took) = answered.try_recv() {
            break took;
        }
    };
    assert!(took >= Duration::from_secs(3), "the card was slow: {took:?}");
    assert!(reports >= 4, "{reports} reports while the card was written");
    let session = asking.join().unwrap().expect("begins all the same");
    fs::write(folder.path().join("slow"), "0").unwrap();
    assert_eq!(end(&daemon.address, &session), Some(200));
}

/// How often the power is cut. All of it takes less than a minute, as no model is loaded.
const POWER_CUTS: u64 = 200;

#[test]
fn after_a_power_cut_at_any_moment_all_that_was_acknowledged_is_there() {
    let state = tempfile::tempdir().unwrap();
    let setting = format!("state.dir={}", state.path().display());
    let settings = ["video.source=off", "audio.source=off", &*setting];
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    for cut in 0..POWER_CUTS {
        let daemon = Daemon::start(Command::new(&*BOOTHD), &settings);
        let address = daemon.address.clone();
        let asking = aside(move || sessions_until_it_dies(&address));
        // Anywhere in the first 80 ms, spread evenly (the golden ratio's multiples).
        let at = (cut * 618_034 % 1_000_000) * 80 / 1_000;
        thread::sleep(Duration::from_micros(at));
        daemon.signal(Signal::KILL);
        let (b, e) = asking.join().unwrap();
        begun.extend(b);
        ended.extend(e);
    }
    let database = Database::open(&boothd::store::database_path(state.path())).unwrap();
    database.check().unwrap();
    let found: HashMap<_, _> = database
        .sessions(u32::MAX, None)
        .unwrap()
        .into_iter()
        .map(|session| (session.session_id.clone(), session))
        .collect();
    assert!(ended.len() > 100, "{} sessions were ended", ended.len());
    for session in &begun {
        let kept = found.get(session).expect("what was begun is there");
        assert_eq!(kept.notice_version.as_deref(), Some("1"), "with its consent");
    }
    for session in &ended {
        let kept = &found[session];
        assert_eq!(kept.state, SessionState::Ended);
        assert_eq!(kept.summary.as_ref().unwrap()["session_id"], **session, "whole");
    }
    for session in found.values() {
        assert_eq!(session.state == SessionState::Ended, session.summary.is_some());
    }
}
