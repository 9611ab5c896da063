//! The daemon itself: what is said of it when it is killed, and what never stands in its log.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    BASE, PATIENCE,
    broker::{Broker, free_port},
    centre::{Centre, Heard},
};

pub(crate) use super::house::TOKEN;

struct Daemon {
    child: Child,
    /// It tells more than its first line.
    _stdout: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts a booth without camera and microphone.
    fn start(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_boothd"));
        command.args(["--data-dir", env!("CARGO_MANIFEST_DIR"), "run"]);
        let own = [
            "booth.id=one".to_owned(),
            "video.source=off".to_owned(),
            "audio.source=off".to_owned(),
            "web.port=0".to_owned(),
            format!("state.dir={}", folder.path().join("state").display()),
            format!("mqtt.broker=mqtt://127.0.0.1:{port}"),
        ];
        for setting in own.iter().map(String::as_str).chain(settings.iter().copied()) {
            command.args(["--set", setting]);
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut told = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut told).unwrap();
        assert!(told.starts_with("page: "), "{told:?}");
        Daemon { child, _stdout: stdout, folder }
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
        let began = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        began.elapsed()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_that_is_killed_is_said_to_be_gone() {
    let broker = Broker::open();
    let mut centre = Centre::join(broker.port).await;
    let mut daemon = Daemon::start(broker.port, &[]);
    let online = centre.wait_topic(&format!("{BASE}/status")).await.json();
    assert_eq!(online["status"], "online");
    let info = centre.wait_topic("/info").await.json();
    assert_eq!(info["config_sha256"].as_str().unwrap().len(), 64);
    assert!(info["addresses"][0].as_str().unwrap().starts_with("127.0.0.1:"), "{info}");
    let health = centre.wait_topic("/health").await.json();
    assert_eq!(health["mqtt"]["state"], "running", "{health:#}");
    assert!(health.get("connections").is_none());
    let text = health.to_string();
    assert!(!text.contains("session_id") && !text.contains("subject"), "{text}");
    daemon.child.kill().unwrap();
    let gone = |heard: &Heard| heard.json()["status"] == "offline";
    let will = centre.wait("the last will", gone).await;
    assert_eq!(will.json()["boot_id"], online["boot_id"]);
    assert_eq!(
        (&will.json()["since"], &will.json()["reason"]),
        (&json!(null), &json!("connection lost"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_for_which_nobody_has_chosen_a_policy_tells_its_desk() {
    let broker = Broker::open();
    let mut centre = Centre::join(broker.port).await;
    let _daemon = Daemon::start(broker.port, &["policy.profile=unchosen"]);
    let info = centre.wait_topic("/info").await.json();
    assert_eq!(info["profile"], "unchosen");
    let health = centre.wait_topic("/health").await.json();
    assert_eq!(
        (&health["status"], &health["light"]["state"]),
        (&json!("unhealthy"), &json!("off"))
    );
    let remedy = health["policy"]["error"].as_str().unwrap();
    assert!(remedy.contains("set policy.profile to \"eu\" or \"default\""), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_that_is_stopped_says_goodbye_in_time() {
    let broker = Broker::open();
    let mut centre = Centre::join(broker.port).await;
    let mut daemon = Daemon::start(broker.port, &[]);
    centre.wait_topic("/health").await;
    let took = daemon.terminate();
    let gone = |heard: &Heard| heard.json()["status"] == "offline";
    let goodbye = centre.wait("the goodbye", gone).await.json();
    assert_eq!(goodbye["reason"], "stopped");
    assert!(took < Duration::from_secs(3), "{took:?}");
    println!("goodbye after {took:?}");
    // A broker that hears nothing does not keep it.
    let mut daemon = Daemon::start(broker.port, &[]);
    centre.wait_topic("/health").await;
    broker.freeze();
    let took = daemon.terminate();
    broker.thaw();
    assert!(took < Duration::from_secs(5), "{took:?}");
    println!("with a frozen broker after {took:?}");
}

#[test]
fn a_password_stands_in_no_log_and_trouble_is_told_once() {
    let lines = "allow_anonymous false\npassword_file FOLDER/passwords\n";
    let broker = Broker::with(lines, |folder| Broker::add_login(folder, "site/one", "right"));
    let password: PathBuf = broker.folder.path().join("mine");
    fs::write(&password, "do-not-tell-anybody").unwrap();
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
    assert!(!log.contains("do-not-tell-anybody"), "{log}");
}

#[test]
fn a_booth_without_its_broker_runs_and_says_so() {
    let mut daemon = Daemon::start(free_port(), &[]);
    daemon.wait_log("no broker answers", 1);
    assert!(daemon.terminate() < Duration::from_secs(2));
}
