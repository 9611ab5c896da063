//! A booth must not open its devices before a policy is chosen, nor without its recording light.
//! The daemon with devices that are plugged in, and a witness that sees whether they are opened.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    collections::BTreeSet,
    fs,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use boothd_test_support::{daemon, doubles, operator};
use daemon::{BOOTHD, Daemon, PATIENCE, boothd};
use doubles::{Booth, DEVICES, plug_in_camera, plug_in_microphone};
use operator::{ask, ask_whole, begin, consent, end};
use rustix::{fs::inotify, process::Signal};
use serde_json::{Value, json};

/// What an appliance makes of `booth.toml`; `unshare` needs root.
#[test]
fn the_first_boot_takes_over_what_is_right_and_tells_what_is_wrong() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hardware/setup.sh");
    let output = Command::new(script).arg(&*BOOTHD).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&printed));
}

/// A booth with both devices plugged in.
fn equipped() -> Booth {
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    booth
}

/// Sees which devices of a booth are opened, by any process.
struct Witness(OwnedFd);

impl Witness {
    fn of(booth: &Booth) -> Self {
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        let seen = inotify::init(flags).unwrap();
        for folder in ["dev", ""] {
            inotify::add_watch(&seen, booth.path(folder), inotify::WatchFlags::OPEN).unwrap();
        }
        Witness(seen)
    }

    /// The devices that were opened since the last look.
    fn opened(&self) -> BTreeSet<String> {
        let mut space = [MaybeUninit::uninit(); 8192];
        let mut events = inotify::Reader::new(&self.0, &mut space);
        let mut names = BTreeSet::new();
        while let Ok(event) = events.next() {
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            names.extend(name.filter(|name| ["video0", "mic"].contains(&name.as_str())));
        }
        names
    }
}

/// A LED as the kernel shows it, left lit and blinking.
fn led(booth: &Booth) -> PathBuf {
    let folder = booth.path("led");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("max_brightness"), "255\n").unwrap();
    fs::write(folder.join("brightness"), "255\n").unwrap();
    fs::write(folder.join("trigger"), "none mmc0 [heartbeat]\n").unwrap();
    folder
}

fn shows(led: &Path) -> String {
    // It is written from the beginning: for a moment there is nothing in it.
    let text = || fs::read_to_string(led.join("brightness")).unwrap().trim().to_owned();
    let began = Instant::now();
    loop {
        let text = text();
        if !text.is_empty() {
            return text;
        }
        assert!(began.elapsed() < PATIENCE);
    }
}

fn wait_shows(led: &Path, wanted: &str) -> Duration {
    let began = Instant::now();
    while shows(led) != wanted {
        assert!(began.elapsed() < PATIENCE, "the LED shows {}, not {wanted}", shows(led));
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

fn start(booth: &Booth, more: &[&str]) -> Daemon {
    Daemon::start(booth.command(&*BOOTHD), &[&DEVICES[..], more].concat())
}

fn with_light(booth: &Booth, led: &Path, more: &[&str]) -> Daemon {
    let light = format!("light.path={}", led.display());
    start(booth, &[&[light.as_str()], more].concat())
}

fn is_running(health: &Value) -> bool {
    ["camera", "microphone"].iter().all(|name| health[*name]["state"] == "running")
}

fn error_of<'a>(health: &'a Value, name: &str) -> &'a str {
    health[name]["error"].as_str().unwrap_or_default()
}

#[test]
fn until_a_policy_is_chosen_nothing_is_opened_and_every_interface_reports_it() {
    let (booth, remedy) = (equipped(), "set policy.profile to \"eu\" or \"default\"");
    let witness = Witness::of(&booth);
    let daemon = start(&booth, &["policy.profile=unchosen"]);
    let warned = daemon.wait_for_log("POLICY NOT CHOSEN");
    assert!(warned.contains("WARN") && warned.contains(remedy), "{warned}");
    daemon.wait_for_health("the models", |health| {
        let is = |name: &str, state: &str| health[name]["state"] == state;
        is("vision", "running") && is("speech", "running") && is("camera", "paused")
    });
    let (code, health) = daemon.health();
    assert_eq!((code, &health["status"]), (503, &"unhealthy".into()), "{health:#}");
    let policy = &health["policy"];
    assert_eq!((&policy["profile"], &health["analysing"]), (&"unchosen".into(), &false.into()));
    assert!(policy["error"].as_str().unwrap().contains(remedy), "{health:#}");
    assert!(health["features"].as_object().unwrap().values().all(|on| *on == false));
    assert!(!health["models"].to_string().contains("expression"), "{health:#}");
    assert_eq!(daemon.get("/health/ready").0, 503);

    // A request is refused with the remedy.
    let asked = |method, path, body| ask(&daemon.address, method, path, &body).unwrap();
    let (code, refused) = asked("POST", "/api/v1/sessions", consent());
    assert_eq!((code, &refused["code"]), (400, &"invalid_input".into()), "{refused}");
    assert!(refused["error"].as_str().unwrap().contains(remedy), "{refused}");
    let (code, refused) = asked("PATCH", "/api/v1/features", json!({ "video": true }));
    assert_eq!(code, 400, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains(remedy), "{refused}");
    let mut page = daemon.watch();
    let state = page.next("state");
    assert_eq!((&state["profile"], &state["analysing"]), (&"unchosen".into(), &false.into()));
    page.say(&json!({ "type": "start_session", "data": consent() }));
    assert!(page.next("error").as_str().unwrap().contains(remedy));
    page.send_picture(&[0xff, 0xd8, 0xff, 0xd9]);
    assert!(page.next("error").as_str().unwrap().contains(remedy));

    let (status, _) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    assert_eq!(witness.opened(), BTreeSet::new(), "nothing was opened");

    // The same booth with a chosen policy: the witness sees well.
    let daemon = start(&booth, &["policy.profile=eu"]);
    daemon.wait_for_health("both devices", is_running);
    assert_eq!(daemon.health().1["policy"]["error"], Value::Null);
    assert_eq!(witness.opened(), BTreeSet::from(["mic".into(), "video0".into()]));
}

#[test]
fn without_a_policy_no_device_is_looked_for_and_no_demo_stands_in() {
    let booth = Booth::new();
    let witness = Witness::of(&booth);
    let settings = ["policy.profile=unchosen", "audio.device=mic"];
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    daemon.wait_for_health("the closed camera", |h| h["camera"]["state"] == "paused");
    let (_, health) = daemon.health();
    assert_eq!((&health["demo"], &health["status"]), (&false.into(), &"unhealthy".into()));
    assert_eq!(witness.opened(), BTreeSet::new());
}

#[test]
fn check_config_reports_an_unchosen_policy() {
    let check = |profile: &str| {
        let mut command = boothd(Command::new(&*BOOTHD));
        command.args(["--set", &format!("policy.profile={profile}"), "check-config"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, printed) = check("unchosen");
    assert_eq!(code, Some(0), "it has no mistakes");
    assert!(printed.contains("no policy is chosen") && !printed.contains("good"), "{printed}");
    assert_eq!(check("eu"), (Some(0), "the configuration is good\n".into()));
}

#[test]
fn the_light_is_lit_while_a_device_is_open_and_dark_otherwise() {
    let booth = equipped();
    let led = led(&booth);
    let daemon = with_light(&booth, &led, &["policy.require_consent=true"]);
    daemon.wait_for_health("the closed camera", |h| h["camera"]["state"] == "paused");
    assert_eq!(shows(&led), "0", "dark at the start, even if lit by another program");
    assert_eq!(fs::read_to_string(led.join("trigger")).unwrap(), "none");
    let (_, health) = daemon.health();
    assert_eq!(
        (&health["light"]["state"], &health["light"]["on"]),
        (&"running".into(), &false.into())
    );
    assert_eq!(health["light"]["source"], led.display().to_string());
    let metric = |line: &str| {
        let text = ask_whole(&daemon.address, "GET", "/metrics").unwrap().body;
        assert!(text.contains(line), "{line} is not in {text}");
    };
    metric("boothd_light_on 0");

    let session = begin(&daemon.address).unwrap();
    daemon.wait_for_health("both devices", is_running);
    assert_eq!(shows(&led), "255");
    assert_eq!(daemon.health().1["light"]["on"], true);
    metric("boothd_light_on 1");
    metric("boothd_stage_state{stage=\"light\",state=\"running\"} 1");
    // The camera leaves, the microphone stays open.
    booth.unplug_camera(0);
    daemon.wait_for_health("the loss", |h| h["camera"]["state"] == "unavailable");
    assert_eq!(shows(&led), "255");
    assert_eq!(end(&daemon.address, &session), Some(200));
    wait_shows(&led, "0");

    begin(&daemon.address).unwrap();
    wait_shows(&led, "255");
    let (status, _) = daemon.terminate();
    assert_eq!((status.code(), shows(&led).as_str()), (Some(0), "0"), "dark at the end");
}

#[test]
fn a_light_that_was_left_lit_is_dark_after_the_next_start() {
    let booth = equipped();
    let led = led(&booth);
    let daemon = with_light(&booth, &led, &[]);
    daemon.wait_for_health("both devices", is_running);
    daemon.signal(Signal::KILL);
    drop(daemon);
    assert_eq!(shows(&led), "255", "no process was left to darken it");
    let daemon = with_light(&booth, &led, &["policy.require_consent=true"]);
    daemon.wait_for_health("the closed camera", |h| h["camera"]["state"] == "paused");
    assert_eq!(shows(&led), "0");
}

#[test]
fn without_its_light_nothing_is_opened_until_it_works_again() {
    let booth = equipped();
    let good = led(&booth);
    // What stands in the place of the LED's `brightness`: not even root may write the first.
    let read_only = Some("/proc/sys/kernel/ngroups_max");
    let breaks = [
        ("missing", None, "brightness is not there; set light.path to a LED"),
        ("read-only", read_only, "brightness may not be written by boothd; see docs/guide/"),
        ("deaf", Some("/dev/null"), "brightness does not answer as a LED's file should"),
    ];
    for (name, file, reason) in breaks {
        let brightness = good.join("brightness");
        fs::remove_file(&brightness).unwrap();
        file.iter().for_each(|file| symlink(file, &brightness).unwrap());
        let witness = Witness::of(&booth);
        let daemon = with_light(&booth, &good, &[]);
        daemon.wait_for_health(name, |health| {
            ["camera", "microphone"].iter().all(|device| {
                let error = error_of(health, device);
                error.starts_with("nothing is opened without its recording light: ")
                    && error.contains(reason)
            })
        });
        let warned = daemon.wait_for_log("the recording light fails");
        assert!(warned.contains("WARN") && warned.contains(reason), "{warned}");
        let (code, health) = daemon.health();
        assert_eq!((code, &health["status"]), (503, &"unhealthy".into()), "{health:#}");
        assert_eq!(health["light"]["state"], "unavailable");
        assert!(error_of(&health, "light").contains(reason), "{health:#}");
        assert_eq!(witness.opened(), BTreeSet::new(), "{name}: nothing was opened");

        booth.write_whole("led/brightness", "0");
        let mended = daemon.wait_for_health("both devices", is_running);
        println!(
            "MEASURED {name} light mended, devices running after {} ms",
            mended.as_millis()
        );
        assert_eq!(shows(&good), "255");
        assert_eq!(witness.opened().len(), 2);
        let (_, health) = daemon.health();
        assert_eq!(
            (&health["light"]["state"], &health["light"]["on"]),
            (&"running".into(), &true.into())
        );
    }
}

#[test]
fn a_light_that_fails_closes_the_devices_and_one_that_is_switched_off_is_lit_again() {
    let booth = equipped();
    let led = led(&booth);
    let daemon = with_light(&booth, &led, &[]);
    daemon.wait_for_health("both devices", is_running);
    booth.write_whole("led/brightness", "0");
    let again = wait_shows(&led, "255");
    println!("MEASURED light lit again after {} ms", again.as_millis());
    assert!(again < Duration::from_secs(3), "{again:?}");

    let witness = Witness::of(&booth);
    fs::rename(&led, booth.path("pulled")).unwrap();
    let closed = daemon.wait_for_health("the loss", |health| {
        ["camera", "microphone"].iter().all(|name| {
            health[*name]["state"] == "unavailable"
                && error_of(health, name).starts_with("nothing is opened without")
        })
    });
    println!("MEASURED light lost, both devices closed after {} ms", closed.as_millis());
    assert!(closed < Duration::from_secs(3), "{closed:?}");
    witness.opened();
    fs::rename(booth.path("pulled"), &led).unwrap();
    daemon.wait_for_health("both devices", is_running);
    assert_eq!(witness.opened().len(), 2);
    assert_eq!(shows(&led), "255");
    assert_eq!(daemon.health().1["light"]["restarts_total"], 1);
}

#[test]
fn a_camera_that_refuses_to_close_keeps_the_light_lit_until_the_end() {
    let booth = equipped();
    plug_in_camera(&booth, 0, &["fault=refuses_to_stop"]);
    let led = led(&booth);
    let settings = ["policy.require_consent=true", "audio.source=off"];
    let daemon = with_light(&booth, &led, &settings);
    let session = begin(&daemon.address).unwrap();
    daemon.wait_for_health("the camera", |h| h["camera"]["state"] == "running");
    assert_eq!(end(&daemon.address, &session), Some(200));
    daemon.wait_for_log("camera refuses to stop, leaving it open");
    daemon.wait_for_health("the closed gate", |h| h["camera"]["state"] == "paused");
    assert_eq!(daemon.health().1["light"]["on"], true);
    assert_eq!(shows(&led), "255", "its driver still has it");
    daemon.terminate();
    assert_eq!(shows(&led), "0");
}

#[test]
fn a_recording_is_no_device_and_lights_nothing() {
    let booth = Booth::new();
    let led = led(&booth);
    let light = format!("light.path={}", led.display());
    let daemon = Daemon::start(booth.command(&*BOOTHD), &["audio.device=mic", &light]);
    daemon.watch().next("visual_analysis");
    // The sound may begin after the first picture.
    daemon.wait_for_health("all is well", |health| health["status"] == "healthy");
    assert_eq!(shows(&led), "0");
    let (_, health) = daemon.health();
    assert_eq!((&health["demo"], &health["light"]["on"]), (&true.into(), &false.into()));
}
