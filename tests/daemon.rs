//! The daemon as an operator meets it: a child process, its log, its page, its stream, its
//! devices plugged in and out.
//!
//! Waits are for something to happen, with a generous limit; what is asserted about time is a
//! bar that the daemon promises.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use boothd::{
    decode::{Picture, mjpeg::MjpegReader},
    media::{Frame, Orientation, PixelFormat},
};
use boothd_test_support::{daemon, doubles, operator, process::set};
use serde_json::Value;

use daemon::{BOOTHD, Daemon, TOKEN, boothd};
use doubles::{Booth, plug_in_camera, plug_in_microphone};

/// Both devices, as an appliance has them.
const DEVICES: [&str; 4] =
    ["video.source=device", "audio.source=device", "video.device=auto", "audio.device=mic"];

#[test]
fn without_devices_the_demo_plays_loudly() {
    let booth = Booth::new();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &["audio.device=mic"]);
    let line = daemon.wait_for_log("DEMO SOURCE");
    assert!(line.starts_with("WARN") || line.contains(" WARN "), "{line}");
    let mut watcher = daemon.watch();
    let seen = watcher.next("visual_analysis");
    assert_eq!((&seen["demo_source"], &seen["face_detected"]), (&true.into(), &true.into()));
    let voice = watcher.next("audio_analysis");
    assert_eq!((&voice["demo_source"], &voice["audio_detected"]), (&true.into(), &true.into()));
    let (code, health) = daemon.health();
    assert_eq!(
        (code, &health["demo"], &health["status"]),
        (200, &true.into(), &"healthy".into())
    );
    assert_eq!(health["camera"]["demo"], true);
    for component in ["camera", "microphone", "vision", "speech"] {
        assert!(health[component]["last_media_ms_ago"].is_u64(), "{component}: {health:#}");
    }
    let (status, took) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "SIGTERM to exit took {took:?}");
}

fn clip() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/face_640x480.mjpeg");
    fs::read(path).expect("is committed")
}

/// The clip as a camera on the ceiling gives it.
fn upside_down() -> Vec<u8> {
    let clip = clip();
    let mut reader = MjpegReader::new(&clip[..]);
    let mut turned = Vec::new();
    for _ in 0..30 {
        let data = reader.read().expect("memory").expect("the clip has 240 pictures");
        let mut picture = Picture::default();
        let frame = Frame {
            sequence: 0,
            captured_at: Duration::ZERO,
            unix_ms: 0,
            width_px: 0,
            height_px: 0,
            format: PixelFormat::Jpeg,
            orientation: Orientation::Turned180,
            data,
        };
        picture.decode(&frame).expect("a picture");
        let encoder = jpeg_encoder::Encoder::new(&mut turned, 85);
        let colour = jpeg_encoder::ColorType::Rgb;
        encoder.encode(&picture.rgb, 640, 480, colour).expect("fits");
    }
    turned
}

fn is_upright(seen: &Value) -> bool {
    let roll_deg = seen["head_pose"]["roll_deg"].as_f64();
    roll_deg.is_some_and(|roll| roll.abs() < 25.0)
}

#[test]
fn a_camera_on_the_ceiling_is_turned_and_a_client_is_not() {
    let booth = Booth::new();
    booth.write_whole("ceiling.mjpeg", upside_down());
    let media = format!("media={}", booth.path("ceiling.mjpeg").display());
    booth.camera(0, &[&media, "formats=MJPG", "fps=15"]);
    let settings = ["video.source=device", "audio.source=off", "video.rotate_deg=180"];
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    let mut watcher = daemon.watch();
    for _ in 0..3 {
        let seen = watcher.next("visual_analysis");
        assert!(is_upright(&seen), "{seen:#}");
    }
    let mut client = daemon.client();
    client.send_picture(&MjpegReader::new(&clip()[..]).read().unwrap().unwrap());
    let seen = client.next("visual_analysis");
    assert!(is_upright(&seen), "{seen:#}");
}

#[test]
fn a_server_without_devices_is_healthy_and_analyses_what_clients_send() {
    let off = ["video.source=off", "audio.source=off"];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &off);
    let line = daemon.wait_for_log("no camera and microphone here");
    assert!(line.contains("pictures and sound is analysed"), "{line}");
    daemon.wait_for_health("the models", |health| health["vision"]["state"] == "running");
    let mut client = daemon.client();
    client.send_picture(&MjpegReader::new(&clip()[..]).read().unwrap().unwrap());
    assert_eq!(client.next("visual_analysis")["face_detected"], true);
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech_16k.wav");
    let (header, samples) = (44, 4 * 32_000);
    let speech = &fs::read(speech).unwrap()[header..header + samples];
    speech.chunks(32_000).for_each(|second| client.send_media(3, second));
    assert_eq!(client.next("audio_analysis")["audio_detected"], true);
    let (code, health) = daemon.health();
    assert_eq!((code, &health["status"]), (200, &"healthy".into()), "{health:#}");
    for (device, worker) in [("camera", "vision"), ("microphone", "speech")] {
        assert_eq!(health[device]["state"], "off");
        assert_eq!(health[device]["source"], "no device: clients only");
        assert_eq!(health[worker]["state"], "running");
    }
    assert_eq!((&health["analysing"], &health["demo"]), (&false.into(), &false.into()));
    assert_eq!(daemon.get("/health/ready").0, 200);
}

#[test]
fn the_switches_decide_what_of_clients_is_analysed_without_devices_too() {
    let off = ["video.source=off", "audio.source=off", "features.video=false"];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &off);
    let line = daemon.wait_for_log("no camera and microphone here");
    assert!(line.contains("sound is analysed") && !line.contains("pictures"), "{line}");
    let mut client = daemon.client();
    client.send_picture(&MjpegReader::new(&clip()[..]).read().unwrap().unwrap());
    assert_eq!(client.next_error(), "feature_off");
}

#[test]
fn a_device_is_waited_for_and_nothing_stands_in() {
    let booth = Booth::new();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    daemon.wait_for_health("the camera's absence", |h| h["camera"]["state"] == "unavailable");
    let (code, health) = daemon.health();
    assert_eq!((code, &health["status"]), (503, &"unhealthy".into()), "{health:#}");
    assert_eq!(health["demo"], false);
    let mut watcher = daemon.watch();
    plug_in_camera(&booth, 0, &[]);
    let seen = watcher.next("visual_analysis");
    assert_eq!((&seen["demo_source"], &seen["face_detected"]), (&false.into(), &true.into()));
    let (code, health) = daemon.health();
    assert_eq!((code, &health["status"]), (200, &"degraded".into()), "{health:#}");
}

#[test]
fn a_camera_that_leaves_and_returns_disturbs_no_other_component() {
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let settings = [&DEVICES[..], &["audio.segment_ms=500", "audio.hop_ms=500"]].concat();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    let mut watcher = daemon.watch();
    watcher.next("visual_analysis");
    let before = watcher.next("audio_analysis")["sequence"].as_u64().expect("a number");

    booth.unplug_camera(0);
    daemon.wait_for_health("the loss", |h| h["camera"]["state"] == "unavailable");
    // Four segments in a row while the camera is away: the microphone goes on without a gap.
    let during: Vec<u64> = (0..4)
        .map(|_| watcher.next("audio_analysis")["sequence"].as_u64().expect("a number"))
        .collect();
    assert!(during[0] > before && during.windows(2).all(|w| w[1] == w[0] + 1), "{during:?}");

    let returned = Instant::now();
    plug_in_camera(&booth, 1, &[]); // under another number
    watcher.next("visual_analysis");
    let back = returned.elapsed();
    println!("MEASURED camera back to first report: {} ms", back.as_millis());
    assert!(back < Duration::from_secs(3), "the first report came after {back:?}");
    let (_, health) = daemon.health();
    assert_eq!(
        (&health["status"], &health["camera"]["restarts_total"]),
        (&"healthy".into(), &1.into())
    );
    assert_eq!(health["microphone"]["restarts_total"], 0, "{health:#}");
}

#[test]
fn a_stuck_camera_is_noticed() {
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    daemon.watch().next("visual_analysis");
    plug_in_camera(&booth, 0, &["fault=stuck"]);
    let noticed =
        daemon.wait_for_health("the stall", |h| h["camera"]["state"] == "unavailable");
    println!("MEASURED stuck camera noticed: {} ms", noticed.as_millis());
    assert!(noticed < Duration::from_secs(3), "it took {noticed:?}");
    plug_in_camera(&booth, 0, &[]);
    daemon.watch().next("visual_analysis");
    daemon.wait_for_health("the return", |h| h["camera"]["state"] == "running");
}

#[test]
fn garbage_pictures_are_counted_and_the_booth_goes_on() {
    let booth = Booth::new();
    let garbage = booth.path("garbage.mjpeg");
    fs::write(&garbage, [&b"\xff\xd8\xff\xdb\x00\x04"[..], &[7; 500], b"\xff\xd9"].concat())
        .expect("the folder is ours");
    booth.camera(0, &[&format!("media={}", garbage.display()), "formats=MJPG", "fps=15"]);
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    daemon.wait_for_health("errors", |h| {
        let errors = |component: &str| h[component]["errors_total"].as_u64().unwrap_or(0);
        errors("vision") + errors("camera") >= 2
    });
    booth.unplug_camera(0);
    plug_in_camera(&booth, 1, &[]);
    let seen = daemon.watch().next("visual_analysis");
    assert_eq!(seen["face_detected"], true);
}

#[test]
fn switched_off_features_are_null_and_reported() {
    let booth = Booth::new();
    let settings = ["policy.profile=eu", "features.gaze=false", "audio.source=off"];
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    let seen = daemon.watch().next("visual_analysis");
    assert_eq!(seen["face_detected"], true);
    for name in ["emotion_distribution", "dominant_emotion", "gaze", "eye_contact"] {
        assert!(seen[name].is_null(), "{name}: {seen:#}");
    }
    assert!(seen["head_pose"].is_object());
    let (_, health) = daemon.health();
    assert_eq!(health["microphone"]["state"], "off");
    assert_eq!(health["features"]["face_emotion"], false);
}

/// Runs a daemon that must refuse to start.
fn refused(settings: &[&str]) -> (Option<i32>, String) {
    let booth = Booth::new();
    let mut command = boothd(booth.command(&*BOOTHD));
    let state = format!("state.dir={}", booth.path("state").display());
    set(command.arg("run"), &["web.port=0", &state]);
    set(&mut command, settings);
    let Output { status, stderr, .. } = command.output().expect("boothd can be started");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_missing_or_changed_model_is_named_and_not_run() {
    let models = tempfile::tempdir().expect("a temporary folder");
    let setting = format!("models.dir={}", models.path().display());
    let (code, text) = refused(&[&setting]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("catalog.toml") && text.contains("models.dir"), "{text}");

    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    for entry in fs::read_dir(shipped).expect("models/ is there").map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), models.path().join(entry.file_name())).expect("ours");
        }
    }
    let eye = models.path().join("left_eye.w8.onnx");
    let mut bytes = fs::read(&eye).expect("just copied");
    bytes[1000] ^= 1;
    fs::write(&eye, bytes).expect("ours");
    let (code, text) = refused(&[&setting]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("left_eye.w8.onnx") && text.contains("sha256"), "{text}");

    fs::remove_file(&eye).expect("ours");
    let (code, text) = refused(&[&setting]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("left_eye.w8.onnx") && text.contains("cannot be read"), "{text}");
}

#[test]
fn a_taken_port_is_reported_and_can_be_tried_again() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("is bound").port();
    let (code, text) = refused(&[&format!("web.port={port}")]);
    assert_eq!(code, Some(69), "{text}");
    assert!(text.contains(&port.to_string()) && text.contains("web.port"), "{text}");
}

/// Resident memory of the process.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = resident.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.expect("Linux reports it in kB") * 1024
}

#[test]
fn what_the_policy_forbids_is_not_loaded() {
    let booth = Booth::new();
    let names = |settings: &[&str]| {
        let daemon = Daemon::start(booth.command(&*BOOTHD), settings);
        daemon.wait_for_health("vision", |health| health["vision"]["state"] == "running");
        daemon.watch().next("visual_analysis");
        let (_, health) = daemon.health();
        let models = health["models"].as_object().expect("by name").keys().cloned().collect();
        let memory = resident_bytes(daemon.pid());
        (models, memory)
    };
    let (all, with): (BTreeSet<String>, u64) = names(&["audio.source=off"]);
    let (allowed, without) = names(&["audio.source=off", "policy.profile=eu"]);
    let missing: Vec<_> = all.difference(&allowed).map(String::as_str).collect();
    assert_eq!(missing, ["expression", "expression_fer"]);
    assert!(all.contains("voice_activity"), "clients may send sound: {all:?}");
    assert!(without + 1_000_000 < with, "{without} B without, {with} B with them");
}

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    folders.iter().flat_map(|folder| files_below(folder)).chain(files).collect()
}

/// The files on a disk that a process has open for writing.
fn open_for_writing(pid: u32) -> Vec<PathBuf> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut paths = Vec::new();
    for entry in fs::read_dir(process.join("fd")).expect("it runs").flatten() {
        let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
        let flags = info.unwrap_or_default();
        let flags = flags.lines().find_map(|line| line.strip_prefix("flags:"));
        let may_write = flags.is_some_and(|flags| !flags.trim().ends_with('0'));
        let path = fs::read_link(entry.path()).unwrap_or_default();
        if may_write && path.is_file() {
            paths.push(path);
        }
    }
    paths
}

/// Looks at /preview.mjpeg until a picture begins.
fn see_preview(address: &str) {
    let mut stream = TcpStream::connect(address).expect("the door is open");
    let request =
        format!("GET /preview.mjpeg?token={TOKEN} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it listens");
    stream.set_read_timeout(Some(daemon::PATIENCE)).expect("a socket has a timeout");
    let (mut seen, mut part) = (Vec::new(), [0; 4096]);
    while !seen.windows(3).any(|bytes| bytes == b"\xff\xd8\xff") {
        let read = stream.read(&mut part).expect("a picture in time");
        assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&seen));
        seen.extend(&part[..read]);
    }
}

#[test]
fn no_picture_and_no_sound_is_written_to_any_file() {
    let (booth, folder) = (Booth::new(), tempfile::tempdir().expect("a folder"));
    let mut command = booth.command(&*BOOTHD);
    command.current_dir(folder.path()).env("TMPDIR", folder.path()).env("HOME", folder.path());
    let state = format!("state.dir={}", folder.path().join("state").display());
    let settings = [&*state, "audio.device=mic", "features.preview=true", "store.flush_s=1"];
    let daemon = Daemon::start(command, &settings);
    let session = operator::begin(&daemon.address).expect("begins");
    let mut watcher = daemon.watch();
    watcher.next("visual_analysis");
    watcher.next("audio_analysis");
    see_preview(&daemon.address);
    watcher.next("visual_analysis");
    let open = open_for_writing(daemon.pid());
    assert!(!open.is_empty(), "the database is open");
    let elsewhere: Vec<_> =
        open.iter().filter(|path| !path.starts_with(folder.path())).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert_eq!(operator::end(&daemon.address, &session), Some(200));
    daemon.terminate();
    let files = files_below(folder.path());
    assert!(files.iter().any(|path| path.ends_with("boothd.db")), "{files:?}");
    let sound = fs::read("demo/speech_16k.wav").expect("it is in the repository");
    let marks: [&[u8]; 5] =
        [b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xdb", b"/9j/", b"RIFF", &sound[60_000..60_032]];
    for path in files {
        let bytes = fs::read(&path).expect("readable");
        for mark in marks {
            let is_there = bytes.windows(mark.len()).any(|part| part == mark);
            assert!(!is_there, "{mark:x?} is in {}", path.display());
        }
    }
}
