//! Faults of the real daemon: each is reported within 10 s and ends with its cause.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::Value;

use super::{
    broker::Broker,
    daemon::{BOOTHD, Daemon},
    doubles::{Booth, DEVICES, plug_in_camera, plug_in_microphone},
    fleet_client::FleetClient,
    operator::{begin, end},
};

/// What is promised, and a second for a busy machine's timers.
const WITHIN: Duration = Duration::from_secs(11);

fn has(health: &Value, code: &str) -> bool {
    health["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

fn is_healthy(health: &Value) -> bool {
    health["status"] == "healthy"
}

/// Waits for the finding; it must come in time.
fn finds(daemon: &Daemon, code: &str) -> Value {
    let took = daemon.wait_for_health(code, |health| has(health, code));
    println!("MEASURED {code} after {} ms", took.as_millis());
    assert!(took <= WITHIN, "{code} took {took:?}");
    daemon.health().1
}

fn clip() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/face_640x480.mjpeg")).unwrap()
}

/// The clip's first pictures.
fn pictures(count: usize) -> Vec<Vec<u8>> {
    let clip = clip();
    let begins: Vec<_> =
        (0..clip.len() - 2).filter(|at| clip[*at..].starts_with(&[0xff, 0xd8, 0xff])).collect();
    begins.windows(2).take(count).map(|pair| clip[pair[0]..pair[1]].to_vec()).collect()
}

/// The same picture, declared as 12 bits a sample: a whole JPEG that no decoder here reads.
fn of_12_bits(mut picture: Vec<u8>) -> Vec<u8> {
    let at = picture.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a baseline JPEG");
    (picture[at + 1], picture[at + 4]) = (0xc1, 12);
    picture
}

/// The same picture without one of its USB packets.
fn with_a_packet_lost(mut picture: Vec<u8>) -> Vec<u8> {
    let at = picture.len() / 2;
    drop(picture.drain(at..at + 1020));
    picture
}

fn write(folder: &Path, pictures: &[Vec<u8>]) -> String {
    let path = folder.join("made.mjpeg");
    fs::write(&path, pictures.concat()).unwrap();
    format!("video.file={}", path.display())
}

#[test]
fn a_camera_of_which_no_picture_can_be_decoded_is_unhealthy_whatever_a_client_sends() {
    let folder = tempfile::tempdir().unwrap();
    let good = pictures(30);
    let bad: Vec<_> = good.iter().cloned().map(of_12_bits).collect();
    let file = write(folder.path(), &bad);
    let settings = ["video.source=file", "audio.source=off", &*file];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &settings);
    let mut client = daemon.watch();
    let health = finds(&daemon, "frames_unreadable");
    // A client's good picture does not hide it.
    for picture in &good[..4] {
        client.send_picture(picture);
        client.next_of(&["visual_analysis", "error"]);
    }
    assert_eq!(health["status"], "unhealthy");
    let (code, health) = daemon.health();
    assert_eq!((code, daemon.get("/health/ready").0), (503, 503), "{health:#}");
    assert!(has(&health, "frames_unreadable"), "{health:#}");
    let sentence = health["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("camera not analysed: "), "{sentence}");
    assert!(sentence.contains("boothd devices"), "what to do: {sentence}");
    assert!(health["vision"]["error"].is_string(), "{health:#}");
}

#[test]
fn a_part_of_the_pictures_that_is_damaged_is_half_a_fault_with_its_count() {
    let folder = tempfile::tempdir().unwrap();
    // Every third frame of the file is taken: two of five of these are bad.
    let mixed = pictures(30)
        .into_iter()
        .enumerate()
        .map(|(k, picture)| if k % 5 < 2 { with_a_packet_lost(picture) } else { picture });
    let file = write(folder.path(), &mixed.collect::<Vec<_>>());
    let settings = ["video.source=file", "audio.source=off", "video.fps=5", &*file];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &settings);
    let health = finds(&daemon, "frames_damaged");
    assert_eq!(health["status"], "degraded", "{health:#}");
    assert!(health["findings"][0]["detail"].as_str().unwrap().contains(" of "), "{health:#}");
}

#[test]
fn a_frozen_camera_and_a_muted_microphone_are_reported_and_recover() {
    let booth = Booth::new();
    let still = booth.path("still.mjpeg");
    fs::write(&still, &pictures(1)[0]).unwrap();
    let media = format!("media={}", still.display());
    booth.camera(0, &[&media, "formats=MJPG", "fps=15"]);
    plug_in_microphone(&booth);
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    let health = finds(&daemon, "camera_frozen");
    assert_eq!(health["status"], "degraded", "the microphone works: {health:#}");
    booth.sound("sound.raw", &[0; 160_000]);
    // The plug-in plays what it has read; a microphone that is plugged in again starts over.
    booth.unplug_microphone();
    daemon.wait_for_health("the loss", |health| health["microphone"]["state"] == "unavailable");
    booth.microphone(&[]);
    daemon.wait_for_health("the return", |health| health["microphone"]["state"] == "running");
    let health = finds(&daemon, "microphone_constant");
    assert_eq!(
        (daemon.health().0, &health["status"]),
        (503, &"unhealthy".into()),
        "{health:#}"
    );

    booth.unplug_camera(0);
    plug_in_camera(&booth, 1, &[]);
    plug_in_microphone(&booth);
    booth.unplug_microphone();
    daemon.wait_for_health("the loss", |health| health["microphone"]["state"] == "unavailable");
    booth.microphone(&[]);
    daemon.wait_for_health("the return", is_healthy);
}

#[test]
fn a_covered_lens_is_reported() {
    let booth = Booth::new();
    // Black with a little noise: no two pictures are the same.
    let picture = |noise: u8| {
        let mut yuyv = [16, 128].repeat(640 * 480);
        yuyv[0] += noise;
        yuyv
    };
    let media = booth.path("black.yuyv");
    fs::write(&media, [picture(0), picture(1), picture(2)].concat()).unwrap();
    booth.camera(0, &[&format!("media={}", media.display()), "fps=15"]);
    plug_in_microphone(&booth);
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    let health = finds(&daemon, "camera_black");
    assert_eq!(health["status"], "degraded", "{health:#}");
    booth.unplug_camera(0);
    plug_in_camera(&booth, 1, &[]);
    daemon.wait_for_health("the return", is_healthy);
}

#[test]
fn a_database_that_another_process_keeps_locked_is_reported_while_a_session_runs() {
    let settings = ["store.flush_s=1"];
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let settings = [&DEVICES[..], &settings].concat();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    daemon.wait_for_health("analysis", is_healthy);
    let session = begin(&daemon.address).unwrap();
    let other = Connection::open(daemon.state_dir().join("boothd.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let health = finds(&daemon, "store_away");
    assert_eq!(health["status"], "degraded", "{health:#}");
    other.execute_batch("ROLLBACK").unwrap();
    daemon.wait_for_health("the return", is_healthy);
    assert_eq!(end(&daemon.address, &session), Some(200));
}

#[test]
fn records_that_a_frozen_broker_does_not_take_are_reported() {
    let broker = Broker::open();
    // Records are taken only where something subscribes to them.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _subscriber = runtime.block_on(FleetClient::join(broker.port));
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let address = format!("mqtt.broker=mqtt://127.0.0.1:{}", broker.port);
    let settings = [&DEVICES[..], &[&*address, "mqtt.keep_alive_s=60"]].concat();
    let daemon = Daemon::start(booth.command(&*BOOTHD), &settings);
    daemon.wait_for_health("the connection", |health| health["mqtt"]["state"] == "running");
    daemon.wait_for_health("analysis", is_healthy);
    broker.freeze();
    let began = Instant::now();
    let session = begin(&daemon.address).unwrap();
    let health = finds(&daemon, "records_not_delivered");
    assert!(began.elapsed() <= WITHIN, "{:?}", began.elapsed());
    assert_eq!(health["status"], "degraded", "{health:#}");
    broker.thaw();
    daemon.wait_for_health("the return", is_healthy);
    assert_eq!(end(&daemon.address, &session), Some(200));
}

#[test]
fn a_clients_bad_media_is_no_fault_of_the_booth() {
    let booth = Booth::new();
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let daemon = Daemon::start(booth.command(&*BOOTHD), &DEVICES);
    daemon.wait_for_health("analysis", is_healthy);
    let (mut client, bad) = (daemon.watch(), of_12_bits(pictures(1).remove(0)));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        client.send_picture(&bad);
        let (_, data) = client.next_of(&["visual_analysis", "error"]);
        drop(data);
        let (code, health) = daemon.health();
        assert!(code == 200 && is_healthy(&health), "{health:#}");
    }
}
