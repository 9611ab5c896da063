//! Secrets from systemd's credential folder.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    PATIENCE,
    broker::Broker,
    daemon::{BOOTHD, boothd},
};

/// A booth without devices, with credentials of systemd only.
struct Service {
    child: Child,
    address: String,
    _state: TempDir,
}

fn command(credentials: &Path, state: &TempDir, settings: &[&str]) -> Command {
    let mut command = boothd(Command::new(BOOTHD));
    let dir = format!("state.dir={}", state.path().display());
    command.arg("run").env("CREDENTIALS_DIRECTORY", credentials).stderr(Stdio::piped());
    let own = ["web.port=0", "video.source=off", "audio.source=off", &dir];
    own.iter().chain(settings).for_each(|setting| _ = command.args(["--set", setting]));
    command
}

impl Service {
    fn start(credentials: &Path, settings: &[&str]) -> (Self, String) {
        let state = tempfile::tempdir().unwrap();
        let mut command = command(credentials, &state, settings);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut printed = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut printed).unwrap();
        let address = printed.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:"));
        let address = address.unwrap_or_else(|| panic!("no address in {printed:?}")).to_owned();
        (Service { child, address, _state: state }, printed)
    }

    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn wait_for_health(&self, words: &str) {
        let began = Instant::now();
        loop {
            let health = self.get("/health", "");
            if health.contains(words) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {words:?} in {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
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
    let (booth, printed) = Service::start(credentials.path(), &settings);
    assert!(printed.contains("the credential's") && !printed.contains("a-token"), "{printed}");
    booth.wait_for_health(r#""mqtt":{"state":"running""#);
    let status =
        |token| booth.get("/api/v1/sessions", token).split(' ').nth(1).unwrap().to_owned();
    assert_eq!(
        (status("a-token-from-systemd"), status("another-token-0123")),
        ("200".into(), "401".into())
    );

    // A wrong password is reported.
    write("mqtt_password", "of-yesterday");
    let (booth, _) = Service::start(credentials.path(), &settings);
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
