//! Secrets from systemd's credential folder.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use boothd_test_support::{
    http::{self, Answer},
    process::{Boothd, Process, set},
};
use tempfile::TempDir;

use super::{
    PATIENCE,
    broker::Broker,
    daemon::{BOOTHD, boothd},
};

/// A booth without devices, with credentials of systemd only.
struct Service {
    boothd: Boothd,
    _state: TempDir,
}

fn command(credentials: &Path, state: &TempDir, settings: &[&str]) -> Command {
    let mut command = boothd(Command::new(&*BOOTHD));
    let dir = format!("state.dir={}", state.path().display());
    command.arg("run").env("CREDENTIALS_DIRECTORY", credentials).stderr(Stdio::piped());
    let own = ["web.port=0", "video.source=off", "audio.source=off", &dir];
    set(&mut command, &own);
    set(&mut command, settings);
    command
}

impl Service {
    fn start(credentials: &Path, settings: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = command(credentials, &state, settings);
        let boothd = Process::boothd(command.stderr(Stdio::null()));
        Service { boothd, _state: state }
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        http::request(&self.boothd.address(), "GET", path, token, "").expect("an answer")
    }

    fn wait_for_health(&self, words: &str) {
        let began = Instant::now();
        loop {
            let health = self.get("/health", "").body;
            if health.contains(words) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {words:?} in {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_brokers_password_and_the_token_come_as_credentials() {
    let lines = "allow_anonymous false\npassword_file FOLDER/passwords\n";
    let broker =
        Broker::with(lines, |folder| Broker::add_login(folder, "site/one", "from-systemd"));
    let credentials = tempfile::tempdir().unwrap();
    let write = |name, text| fs::write(credentials.path().join(name), text).unwrap();
    write("mqtt_password", "from-systemd\n");
    write("token", "a-token-from-systemd\n");
    let address = format!("mqtt.broker=mqtt://127.0.0.1:{}", broker.port);
    let settings = [&*address, "mqtt.username=site/one"];
    let booth = Service::start(credentials.path(), &settings);
    let printed = &booth.boothd.printed;
    assert!(printed.contains("the credential's") && !printed.contains("a-token"), "{printed}");
    booth.wait_for_health(r#""mqtt":{"state":"running""#);
    let status = |token| booth.get("/api/v1/sessions", token).status;
    assert_eq!((status("a-token-from-systemd"), status("another-token-0123")), (200, 401));

    // A wrong password is reported.
    write("mqtt_password", "of-yesterday");
    let booth = Service::start(credentials.path(), &settings);
    booth.wait_for_health("refuses the login");
}

#[test]
fn a_token_that_can_be_guessed_opens_no_booth() {
    let (credentials, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(credentials.path().join("token"), "short\n").unwrap();
    let output = command(credentials.path(), &state, &[]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{printed}");
    assert!(printed.contains("at least 16") && !printed.contains("short"), "{printed}");
}
