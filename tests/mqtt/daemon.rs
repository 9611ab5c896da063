//! The daemon itself: its last will, and the secrets that its log must not hold.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use boothd_test_support::{
    place::{BOOTHD, PROJECT},
    process::{Boothd, Process, set},
};
use serde_json::json;

use super::{
    BASE, PATIENCE,
    broker::{Broker, free_port},
    fleet_client::{FleetClient, Received},
};

struct Daemon {
    boothd: Boothd,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts a booth without camera and microphone.
    fn start(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(&*BOOTHD);
        command.args(["--data-dir", PROJECT, "run"]);
        let state = format!("state.dir={}", folder.path().join("state").display());
        let broker = format!("mqtt.broker=mqtt://127.0.0.1:{port}");
        set(&mut command, &["booth.id=one", "video.source=off", "audio.source=off"]);
        set(&mut command, &["web.port=0", &state, &broker]);
        set(&mut command, settings);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let boothd = Process::boothd(command.stderr(log));
        assert!(boothd.printed.starts_with("page: "), "{:?}", boothd.printed);
        Daemon { boothd, folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wait_log(&self, words: &str, times: usize) {
        let began = Instant::now();
        while self.log().matches(words).count() < times {
            assert!(began.elapsed() < PATIENCE, "no {words:?} in {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(&mut self) -> Duration {
        let (status, took) = self.boothd.process.terminate();
        assert!(status.success());
        took
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_booth_is_reported_offline() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let mut daemon = Daemon::start(broker.port, &[]);
    let online = fleet.wait_topic(&format!("{BASE}/status")).await.json();
    assert_eq!(online["status"], "online");
    let info = fleet.wait_topic("/info").await.json();
    assert_eq!(info["config_sha256"].as_str().unwrap().len(), 64);
    assert!(info["addresses"][0].as_str().unwrap().starts_with("127.0.0.1:"), "{info}");
    let health = fleet.wait_topic("/health").await.json();
    assert_eq!(health["mqtt"]["state"], "running", "{health:#}");
    assert!(health.get("connections").is_none());
    let text = health.to_string();
    assert!(!text.contains("session_id") && !text.contains("subject"), "{text}");
    daemon.boothd.process.kill();
    let gone = |received: &Received| received.json()["status"] == "offline";
    let will = fleet.wait("the last will", gone).await;
    assert_eq!(will.json()["boot_id"], online["boot_id"]);
    assert_eq!(
        (&will.json()["since"], &will.json()["reason"]),
        (&json!(null), &json!("connection lost"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_without_a_chosen_policy_reports_it_to_the_fleet_server() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let _daemon = Daemon::start(broker.port, &["policy.profile=unchosen"]);
    let info = fleet.wait_topic("/info").await.json();
    assert_eq!(info["profile"], "unchosen");
    let health = fleet.wait_topic("/health").await.json();
    assert_eq!(
        (&health["status"], &health["light"]["state"]),
        (&json!("unhealthy"), &json!("off"))
    );
    let remedy = health["policy"]["error"].as_str().unwrap();
    assert!(remedy.contains("set policy.profile to \"eu\" or \"default\""), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_booth_publishes_its_last_status_in_time() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let mut daemon = Daemon::start(broker.port, &[]);
    fleet.wait_topic("/health").await;
    let took = daemon.terminate();
    let gone = |received: &Received| received.json()["status"] == "offline";
    let goodbye = fleet.wait("the goodbye", gone).await.json();
    assert_eq!(goodbye["reason"], "stopped");
    assert!(took < Duration::from_secs(3), "{took:?}");
    println!("goodbye after {took:?}");
    // A frozen broker does not delay the end.
    let mut daemon = Daemon::start(broker.port, &[]);
    fleet.wait_topic("/health").await;
    broker.freeze();
    let took = daemon.terminate();
    broker.thaw();
    assert!(took < Duration::from_secs(5), "{took:?}");
    println!("with a frozen broker after {took:?}");
}

#[test]
fn a_password_stands_in_no_log_and_a_failure_is_logged_once() {
    let lines = "allow_anonymous false\npassword_file FOLDER/passwords\n";
    let broker = Broker::with(lines, |folder| Broker::add_login(folder, "site/one", "right"));
    let password: PathBuf = broker.folder.path().join("mine");
    fs::write(&password, "a-secret-password").unwrap();
    let file = format!("mqtt.password_file={}", password.display());
    let settings = [&*file, "mqtt.username=site/one", "log.level=trace"];
    let daemon = Daemon::start(broker.port, &settings);
    daemon.wait_log("refuses the login", 1);
    // The attempts themselves are seen in the broker's log.
    let began = Instant::now();
    let attempts = || {
        let log = fs::read_to_string(broker.folder.path().join("log")).unwrap();
        log.matches("not authorised").count()
    };
    while attempts() < 3 {
        assert!(began.elapsed() < PATIENCE, "the booth tries on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = daemon.log();
    assert_eq!(log.matches("no connection to the broker").count(), 1, "{log}");
    assert!(!log.contains("a-secret-password"), "{log}");
}

#[test]
fn a_booth_without_its_broker_runs_and_reports_it() {
    let mut daemon = Daemon::start(free_port(), &[]);
    daemon.wait_log("no broker answers", 1);
    assert!(daemon.terminate() < Duration::from_secs(2));
}
