//! Readings of the computer: trees of small files as boards have them, and a whole daemon
//! whose /sys is such a tree (a mount namespace; `unshare` needs root or user namespaces) or
//! whose clock is not set.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, path::Path, process::Command};

use boothd::board::{Board, Reading, Trouble};
use boothd_test_support::{daemon, operator, prometheus};
use daemon::{BOOTHD, Daemon};
use prometheus::Metrics;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// Writes the files that `text` lists; `\0` and `\n` in it are those.
fn plant(root: &Path, text: &str) {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for (path, content) in lines.filter_map(|line| line.split_once(" = ")) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = content.replace("\\0", "\0").replace("\\n", "\n");
        fs::write(path, content + "\n").unwrap();
    }
}

/// The first reading of such a board.
fn read(text: &str) -> Reading {
    let root = tempfile::tempdir().unwrap();
    plant(root.path(), text);
    Board::at(root.path()).read()
}

const PI_4: &str = include_str!("data/sysfs/pi4.txt");

#[test]
fn a_pi_reports_its_firmwares_bits() {
    let expected = Reading {
        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
        temperature_c: Some(61.3),
        too_hot: Some(false),
        throttled: Some(false),
        frequency_capped: Some(false),
        under_voltage: Some(false),
        over_current: None,
        has_been_throttled: Some(true),
        has_been_under_voltage: Some(true),
        memory_total_bytes: Some(3_884_360 * 1024),
        memory_available_bytes: Some(2_912_344 * 1024),
    };
    assert_eq!(read(PI_4), expected);
    let firmware = |bits| read(&PI_4.replace("= 50000", bits));
    assert_eq!(firmware("= 1").trouble(), Some(Trouble::UnderVoltage));
    assert_eq!(firmware("= 0x4").trouble(), Some(Trouble::Throttled));
    let soft_limit = firmware("= 80008");
    assert_eq!(soft_limit.trouble(), Some(Trouble::Throttled));
    assert_eq!((soft_limit.frequency_capped, soft_limit.throttled), (Some(true), Some(false)));
    let none = firmware("= 0");
    assert_eq!(none.has_been_throttled, Some(false));
    assert_eq!(firmware("= nonsense").throttled, None);
}

#[test]
fn a_pi_5_reports_what_its_kernel_exposes() {
    let hot = read(include_str!("data/sysfs/pi5.txt"));
    assert_eq!((hot.under_voltage, hot.too_hot), (Some(true), Some(true)));
    assert_eq!((hot.throttled, hot.frequency_capped, hot.over_current), (None, None, None));
    assert_eq!(hot.trouble(), Some(Trouble::UnderVoltage), "the cause before its effect");
    let capped = read(include_str!("data/sysfs/pi5_firmware.txt"));
    assert_eq!((capped.throttled, capped.frequency_capped), (Some(true), Some(true)));
    assert_eq!((capped.under_voltage, capped.too_hot), (Some(false), Some(false)));
    assert_eq!(capped.memory_total_bytes, None);
}

#[test]
fn a_jetson_reports_its_hottest_zone_and_its_alarms() {
    let root = tempfile::tempdir().unwrap();
    plant(root.path(), include_str!("data/sysfs/jetson_orin_nano.txt"));
    let mut board = Board::at(root.path());
    let orin = board.read();
    assert_eq!((orin.temperature_c, orin.too_hot), (Some(99.1), Some(true)));
    assert_eq!(orin.throttled, Some(true), "by an alert");
    assert_eq!(orin.over_current, Some(false), "alarms of before are not of now");
    assert_eq!((orin.under_voltage, orin.has_been_under_voltage), (None, None));
    plant(root.path(), "sys/class/hwmon/hwmon2/oc3_event_cnt = 38");
    assert_eq!(board.read().over_current, Some(true));
    assert_eq!(board.read().over_current, Some(false));
    plant(root.path(), "sys/class/hwmon/hwmon1/curr2_crit_alarm = 1");
    assert_eq!(board.read().over_current, Some(true));
    let nano = read(include_str!("data/sysfs/jetson_nano.txt"));
    assert_eq!(nano.temperature_c, Some(43.0), "not the 100 °C of PMIC-Die");
    assert_eq!((nano.throttled, nano.too_hot), (Some(true), None));
}

#[test]
fn a_pc_reports_little_and_an_unknown_machine_nothing() {
    let pc = read(include_str!("data/sysfs/pc.txt"));
    assert_eq!((pc.temperature_c, pc.too_hot), (Some(91.0), None));
    assert_eq!((pc.throttled, pc.under_voltage), (Some(false), None));
    assert_eq!(pc.trouble(), None);
    let firmware = read(
        "sys/class/thermal/thermal_zone0/type = acpitz\n\
                         sys/class/thermal/thermal_zone0/temp = 27800",
    );
    assert_eq!(firmware.temperature_c, Some(27.8));
    assert_eq!(read(""), Reading::default());
}

/// A daemon whose /sys is the folder `sys` of `root`.
fn on_a_board(root: &Path) -> Daemon {
    let script = "mount --rbind \"$1\" /sys && shift && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, &BOOTHD]);
    command.arg(root.join("sys"));
    Daemon::start(command, &QUIET)
}

/// Without devices: what is tested here needs none.
const QUIET: [&str; 3] = ["video.source=off", "audio.source=off", "web.metrics_public=true"];

#[test]
fn a_daemon_reports_a_weak_supply_while_it_lasts() {
    let root = tempfile::tempdir().unwrap();
    plant(root.path(), &PI_4.replace("= 50000", "= 0"));
    let firmware = |bits: &str| {
        let path = "sys/devices/platform/soc/soc:firmware/get_throttled";
        plant(root.path(), &format!("{path} = {bits}"));
    };
    let daemon = on_a_board(root.path());
    daemon.wait_for_health("the models", |health| health["status"] == "healthy");
    let (_, health) = daemon.health();
    let board = &health["board"];
    assert_eq!(board["model"], "Raspberry Pi 4 Model B Rev 1.4");
    assert_eq!((&board["temperature_c"], &board["trouble"]), (&61.3.into(), &Value::Null));
    assert_eq!(board["has_been_under_voltage"], false);
    assert!(board["memory_available_bytes"].as_u64().unwrap() > 1 << 20);
    let metrics = || Metrics::parse(&daemon.get("/metrics").1).samples;
    assert_eq!(metrics()["boothd_board_temperature_celsius"].to_bits(), 61.3_f64.to_bits());
    assert!(metrics().contains_key("boothd_memory_available_bytes"));
    assert!(!metrics().contains_key("boothd_board_over_current"), "a Pi does not report it");
    firmware("50005");
    daemon.wait_for_health("the weakness", |health| health["status"] == "degraded");
    let (code, health) = daemon.health();
    assert_eq!((code, &health["board"]["trouble"]), (200, &"under_voltage".into()));
    let error = health["board"]["error"].as_str().unwrap();
    assert!(error.contains("too little voltage") && error.contains("short cable"), "{error}");
    assert!(daemon.wait_for_log("too little voltage").contains("WARN"));
    assert_eq!(metrics()["boothd_board_under_voltage"].to_bits(), 1.0_f64.to_bits());
    firmware("50000");
    daemon.wait_for_health("the return", |health| health["status"] == "healthy");
    let (_, health) = daemon.health();
    assert_eq!(health["board"]["under_voltage"], false);
    assert_eq!(health["board"]["has_been_under_voltage"], true);
    assert!(daemon.wait_for_log("well again").contains("INFO"));
}

/// A library that stands between the daemon and the kernel's clock: the clock is unset until
/// there is a file `set`.
fn unset_clock(folder: &Path) -> std::path::PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    let program = include_str!("doubles/clock.c");
    fs::write(&source, program.replace("FOLDER", &folder.display().to_string())).unwrap();
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    assert!(build.status().unwrap().success());
    library
}

/// Kinds of the records that wait for the fleet server, and whether their time is trusted.
fn waiting(state: &Path) -> Vec<(String, bool)> {
    let path = state.join("boothd.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut ask = database
        .prepare("SELECT kind, is_clock_set FROM outbox WHERE session_id NOT NULL ORDER BY 1")
        .unwrap();
    let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn an_unset_clock_is_reported_with_every_record() {
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = Command::new(&*BOOTHD);
    command.env("LD_PRELOAD", unset_clock(folder.path()));
    let state_dir = format!("state.dir={}", state.path().display());
    // No broker answers there, so that the records stay.
    let mut settings = vec!["mqtt.broker=mqtt://127.0.0.1:1", &*state_dir];
    settings.extend(QUIET);
    let daemon = Daemon::start(command, &settings);
    let (_, health) = daemon.health();
    assert_eq!(health["clock"]["set"], false);
    let error = health["clock"]["error"].as_str().unwrap();
    assert!(error.contains("time server"), "{error}");
    let is_reported_set = |daemon: &Daemon| {
        Metrics::parse(&daemon.get("/metrics").1).samples["boothd_clock_set"] > 0.5
    };
    assert!(!is_reported_set(&daemon));
    let session = operator::begin(&daemon.address).expect("begins");
    fs::write(folder.path().join("set"), "").unwrap();
    let (_, health) = daemon.health();
    assert_eq!(
        (&health["clock"]["set"], &health["clock"]["error"]),
        (&true.into(), &Value::Null)
    );
    assert!(is_reported_set(&daemon));
    assert_eq!(operator::end(&daemon.address, &session), Some(200));
    let expected = [("started".to_owned(), false), ("summary".to_owned(), true)];
    assert_eq!(waiting(state.path()), expected);
}
