//! READY, STATUS and STOPPING.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    PATIENCE,
    broker::Broker,
    daemon::{BOOTHD, Daemon, boothd},
    doubles::{Booth, DEVICES, plug_in_camera, plug_in_microphone},
    operator::{begin, end},
    scene::{Systemd, watched},
};

fn has_analysed(daemon: &Daemon, component: &str) {
    daemon
        .wait_for_health(component, |health| !health[component]["last_media_ms_ago"].is_null());
}

#[test]
fn ready_comes_with_the_first_report_and_not_before() {
    let (booth, mut systemd) = (Booth::new(), Systemd::new());
    plug_in_camera(&booth, 0, &["fault=hangs"]);
    plug_in_microphone(&booth);
    let mut command = booth.command(&*BOOTHD);
    systemd.invite(&mut command);
    let daemon = Daemon::start(command, &DEVICES);
    has_analysed(&daemon, "speech");
    systemd.wait_words("STATUS=Analysing: microphone; camera is being opened");
    systemd.hear_for(Duration::from_secs(1));
    assert_eq!(systemd.times("READY=1"), [], "no frame was seen");
    assert!(systemd.received[0].1.starts_with("STATUS="), "{:?}", systemd.received);

    plug_in_camera(&booth, 0, &[]);
    systemd.wait_line("READY=1");
    let (_, health) = daemon.health();
    assert!(health["vision"]["last_media_ms_ago"].is_u64(), "{health:#}");
    systemd.hear_for(Duration::from_secs(1));
    let lines: Vec<_> = systemd.received.iter().map(|(_, line)| line.as_str()).collect();
    assert!(lines.contains(&"STATUS=Analysing: camera 10.0 fps, microphone"), "{lines:#?}");
    assert_eq!(systemd.times("READY=1").len(), 1);
    assert_eq!(systemd.times("WATCHDOG=1"), [], "no watchdog is configured");
}

#[test]
fn a_missing_device_is_a_known_reason_and_is_reported() {
    let (booth, mut systemd) = (Booth::new(), Systemd::new());
    plug_in_microphone(&booth);
    let mut command = booth.command(&*BOOTHD);
    systemd.invite(&mut command);
    let daemon = Daemon::start(command, &DEVICES);
    systemd.wait_line("READY=1");
    let (code, health) = daemon.health();
    assert_eq!((code, &health["camera"]["state"]), (200, &"unavailable".into()));
    let away = "STATUS=Analysing: microphone; camera away: ";
    assert!(
        systemd.received.iter().any(|(_, line)| line.starts_with(away)),
        "{:?}",
        systemd.received
    );
    plug_in_camera(&booth, 0, &[]);
    systemd.wait_line("STATUS=Analysing: camera 10.0 fps, microphone");
}

#[test]
fn behind_closed_gates_it_is_ready_fed_and_names_no_subject() {
    let (booth, mut systemd) = (Booth::new(), Systemd::new());
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let mut command = booth.command(&*BOOTHD);
    systemd.watch(&mut command);
    let settings = [&DEVICES[..], &["policy.require_consent=true"]].concat();
    let daemon = Daemon::start(command, &settings);
    systemd.wait_line("READY=1");
    let waiting = "STATUS=Waiting for consent; camera and microphone are closed";
    assert_eq!(systemd.times(waiting).len(), 1, "{:?}", systemd.received);
    let are_closed = |health: &Value| {
        ["camera", "microphone"].iter().all(|device| health[device]["state"] == "paused")
    };
    daemon.wait_for_health("both devices are closed", are_closed);
    systemd.sees_it_fed(2);
    let session = begin(&daemon.address).unwrap();
    systemd.wait_line("STATUS=Analysing: camera 10.0 fps, microphone; session running");
    assert_eq!(end(&daemon.address, &session), Some(200));
    systemd.wait_line(waiting);
    daemon.wait_for_health("both devices are closed again", are_closed);
    let lines = format!("{:?}", systemd.received);
    assert!(!lines.contains("candidate") && !lines.contains(&session), "{lines}");
}

/// A restart mends neither, so systemd must not be made to try one.
#[test]
fn without_a_policy_or_its_light_it_is_ready_fed_and_reports_the_reason() {
    let (booth, mut systemd) = (Booth::new(), Systemd::new());
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let mut command = booth.command(&*BOOTHD);
    systemd.watch(&mut command);
    let settings = [&DEVICES[..], &["policy.profile=unchosen"]].concat();
    let daemon = Daemon::start(command, &settings);
    systemd.wait_line("READY=1");
    let why = "STATUS=No policy is chosen, nothing is analysed; set policy.profile to \"eu\" or \
               \"default\" and start boothd again";
    assert_eq!(systemd.times(why).len(), 1, "{:?}", systemd.received);
    systemd.sees_it_fed(2);
    drop(daemon);

    let mut systemd = Systemd::new();
    let mut command = booth.command(&*BOOTHD);
    systemd.watch(&mut command);
    let light = format!("light.path={}", booth.path("no_light").display());
    let settings = [&DEVICES[..], &[light.as_str()]].concat();
    let _daemon = Daemon::start(command, &settings);
    systemd.wait_line("READY=1");
    let why = "STATUS=Nothing comes in; the recording light fails: ";
    let closed = "; camera away: nothing is opened without its recording light: ";
    let is_report = |line: &str| line.starts_with(why) && line.contains(closed);
    let is_reported = systemd.received.iter().any(|(_, line)| is_report(line));
    assert!(is_reported, "{:?}", systemd.received);
    systemd.sees_it_fed(2);
}

#[test]
fn it_reports_that_it_stops_and_exits() {
    let (_booth, mut systemd, daemon) = watched();
    let (status, took) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    systemd.wait_line("STOPPING=1");
    assert_eq!(systemd.received.last().unwrap().1, "STATUS=Stopping");
}

#[test]
fn without_systemd_no_thread_runs_for_it() {
    let threads = |pid: u32| {
        let began = Instant::now();
        loop {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            // A thread may end while it is looked at.
            let name = |path: PathBuf| fs::read_to_string(path.join("comm")).ok();
            let names: Vec<_> = tasks.filter_map(|task| name(task.unwrap().path())).collect();
            // Until it has named itself a thread is called as the one that made it.
            if names.iter().filter(|name| *name == "boothd\n").count() == 1 {
                return names;
            }
            assert!(began.elapsed() < PATIENCE, "{names:?}");
        }
    };
    let daemon =
        Daemon::start(Command::new(&*BOOTHD), &["video.source=off", "audio.source=off"]);
    let alone = threads(daemon.pid());
    assert!(
        alone.contains(&"store\n".into()) && !alone.contains(&"notify\n".into()),
        "{alone:?}"
    );
    let (mut systemd, mut command) = (Systemd::new(), Command::new(&*BOOTHD));
    systemd.invite(&mut command);
    let daemon = Daemon::start(command, &["video.source=off", "audio.source=off"]);
    systemd.wait_line("READY=1");
    assert!(threads(daemon.pid()).contains(&"notify\n".into()));
}

#[test]
fn the_fleet_server_is_ready_fed_and_stops_likewise() {
    let (mut broker, mut systemd) = (Broker::open(), Systemd::new());
    let state = tempfile::tempdir().unwrap();
    let mut command = boothd(Command::new(&*BOOTHD));
    command.arg("fleet");
    let settings = [
        "web.port=0".to_owned(),
        format!("state.dir={}", state.path().display()),
        format!("mqtt.broker=mqtt://127.0.0.1:{}", broker.port),
    ];
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    systemd.watch(&mut command);
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    systemd.wait_line("READY=1");
    let listening = format!("STATUS=Listening to booths at mqtt://127.0.0.1:{}", broker.port);
    assert_eq!(systemd.times(&listening).len(), 1, "{:?}", systemd.received);
    systemd.sees_it_fed(2);
    broker.kill();
    systemd.wait_words("STATUS=Not connected to the broker: ");
    systemd.sees_it_fed(3);
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    systemd.wait_line("STOPPING=1");
    assert!(server.wait().unwrap().success());
}

#[test]
fn a_reload_is_reported_from_its_begin_to_its_end() {
    let (_booth, mut systemd, daemon) = watched();
    daemon.signal(Signal::HUP);
    systemd.wait_words("MONOTONIC_USEC=");
    assert_eq!(systemd.times("RELOADING=1").len(), 1, "{:?}", systemd.received);
    systemd.wait_line("READY=1");
    assert_eq!(systemd.times("READY=1").len(), 2);
    daemon.wait_for_log("the configuration is reloaded");
}
