//! WATCHDOG: no report when a part is stuck although the process lives; reports continue through
//! failures that boothd detects and repairs by itself.

use std::{fs, path::Path, process::Command, time::Instant};

use super::{
    daemon::{BOOTHD, Daemon},
    doubles::plug_in_camera,
    operator::{aside, begin, end},
    scene::{PERIOD, Systemd, watched},
};

/// The last report came within a period after `since`, and none for a whole period now: systemd
/// would have restarted boothd.
#[allow(clippy::print_stdout, reason = "what was measured is for the reader")]
fn starves(systemd: &mut Systemd, since: Instant) {
    systemd.hear_for(PERIOD);
    let now = Instant::now();
    let last = *systemd.times("WATCHDOG=1").last().unwrap();
    let late = last.saturating_duration_since(since);
    println!("MEASURED last meal {} ms after everything stood still", late.as_millis());
    assert!(late < PERIOD, "fed {late:?} after it");
    assert!(now - last >= PERIOD, "fed {:?} ago", now - last);
}

#[test]
fn it_is_starved_when_frames_stop_and_the_process_lives() {
    let (booth, mut systemd, daemon) = watched();
    systemd.sees_it_fed(3);
    plug_in_camera(&booth, 0, &["fault=hangs"]);
    let since = Instant::now();
    // The loop hangs and its frames stop: either may be found first.
    systemd.wait_words("camera; systemd will restart boothd");
    starves(&mut systemd, since);
    let (_, health) = daemon.health();
    assert_eq!(health["microphone"]["state"], "running", "the process lives: {health:#}");
    daemon.watch().next("audio_analysis");
    let line = daemon.wait_for_log("a part of boothd is stuck");
    assert!(line.contains("ERROR") && line.contains("camera"), "{line}");
    // A part that recovers before systemd acts is fed again.
    plug_in_camera(&booth, 0, &[]);
    systemd.wait_line("WATCHDOG=1");
    systemd.sees_it_fed(2);
}

#[test]
fn it_is_fed_through_an_unplugged_camera_and_one_that_is_opened_again() {
    let (booth, mut systemd, daemon) = watched();
    booth.unplug_camera(0);
    systemd.wait_words("camera away: ");
    systemd.sees_it_fed(4);
    plug_in_camera(&booth, 0, &["fault=stuck"]);
    // The capture loop notices by itself that no frame comes, and tries again for ever.
    systemd.wait_words("opening it again");
    systemd.sees_it_fed(4);
    plug_in_camera(&booth, 0, &[]);
    daemon.watch().next("visual_analysis");
    systemd.sees_it_fed(2);
    assert!(!systemd.received.iter().any(|(_, line)| line.contains("STUCK")));
}

#[test]
fn each_loop_that_stands_still_starves_it() {
    let (_booth, mut systemd, daemon) = watched();
    // The network's threads have the session's task.
    let loops = ["vision-0", "speech-0", "microphone", "store", "network"];
    for thread in loops {
        systemd.sees_it_fed(1);
        let held = Held::all(daemon.pid(), thread);
        let since = Instant::now();
        let part = if thread == "network" { "session" } else { thread };
        systemd.wait_line(&format!("STATUS=STUCK: {part}; systemd will restart boothd"));
        starves(&mut systemd, since);
        drop(held);
        systemd.wait_line("WATCHDOG=1");
    }
}

/// One thread of another process, stopped by a debugger's means.
struct Held(libc::pid_t);

impl Held {
    /// Every thread of that name.
    fn all(pid: u32, name: &str) -> Vec<Self> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(Result::unwrap);
        let is_it = |path: &Path| fs::read_to_string(path.join("comm")).unwrap().trim() == name;
        let tasks = tasks.map(|task| task.path()).filter(|path| is_it(path));
        let held: Vec<_> = tasks.map(|task| Held::new(&task)).collect();
        assert!(!held.is_empty(), "{name} runs");
        held
    }

    #[allow(unsafe_code, reason = "no safe crate of the tree stops a single thread")]
    fn new(task: &Path) -> Self {
        let id: libc::pid_t = task.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: these requests take no memory of ours.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, id, none, none) };
        assert_eq!(seized, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: as above.
        let stopped = unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, id, none, none) };
        assert_eq!(stopped, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: the status is not asked for.
        let waited = unsafe { libc::waitpid(id, std::ptr::null_mut(), libc::__WALL) };
        assert_eq!(waited, id);
        Held(id)
    }
}

impl Drop for Held {
    #[allow(unsafe_code, reason = "as in `new`")]
    fn drop(&mut self) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: the request takes no memory of ours.
        let freed = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, none, none) };
        assert_eq!(freed, 0, "{}", std::io::Error::last_os_error());
    }
}

#[test]
fn a_card_that_answers_no_more_starves_it_and_a_slow_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("card.c"), folder.path().join("card.so"));
    let card = include_str!("../doubles/card.c");
    fs::write(&source, card.replace("FOLDER", &folder.path().display().to_string())).unwrap();
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    assert!(build.status().unwrap().success());
    let (mut systemd, mut command) = (Systemd::new(), Command::new(&*BOOTHD));
    command.env("LD_PRELOAD", library);
    systemd.watch(&mut command);
    let daemon = Daemon::start(command, &["video.source=off", "audio.source=off"]);
    systemd.wait_line("READY=1");
    fs::write(folder.path().join("slow"), "300").unwrap();
    let address = daemon.address.clone();
    let asking = aside(move || begin(&address));
    systemd.sees_it_fed(2);
    let session = asking.join().unwrap().expect("begins all the same");
    assert!(!systemd.received.iter().any(|(_, line)| line.contains("STUCK")));
    fs::write(folder.path().join("slow"), "3600000").unwrap();
    let address = daemon.address.clone();
    let asking = aside(move || end(&address, &session));
    let since = Instant::now();
    systemd.wait_line("STATUS=STUCK: store; systemd will restart boothd");
    starves(&mut systemd, since);
    drop(daemon);
    asking.join().unwrap();
}
