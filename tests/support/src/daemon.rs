//! The daemon itself as a child process, and the clients that talk to it.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{
    Message, WebSocket, client::IntoClientRequest, stream::MaybeTlsStream,
};

pub use crate::place::BOOTHD;
use crate::{
    http,
    place::PROJECT,
    process::{Boothd, Process, set},
};

/// How long a test waits for what must happen; far beyond every bar.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The operator's token of every daemon here.
pub const TOKEN: &str = "daemon-test-token-0123";

/// A running `boothd run`.
pub struct Daemon {
    process: Process,
    /// Where it listens.
    pub address: String,
    log: mpsc::Receiver<String>,
    state_folder: TempDir,
}

/// The program under test with the project's folder as its data.
pub fn boothd(mut command: Command) -> Command {
    command.args(["--data-dir", PROJECT]);
    command
}

/// Exit code, standard output and standard error of one command.
pub fn printed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = boothd(Command::new(&*BOOTHD)).args(arguments).output();
    let output = output.expect("boothd can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

impl Daemon {
    /// Starts `boothd run` on a free port of the loopback and waits until it prints its address.
    pub fn start(command: Command, settings: &[&str]) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let mut command = boothd(command);
        command.arg("run").args(["--set", "web.port=0"]);
        command.args(["--set", &format!("web.token={TOKEN}")]);
        command.args(["--set", &format!("state.dir={}", state.path().display())]);
        set(&mut command, settings);
        command.stderr(Stdio::piped());
        let Boothd { mut process, address, printed, .. } = Process::boothd(&mut command);
        let log = lines_of(process.0.stderr.take().expect("is piped"));
        let Some(address) = address else {
            let log: Vec<_> = log.iter().collect();
            panic!("no address in {printed:?}; the log: {log:#?}");
        };
        Daemon { process, address, log, state_folder: state }
    }

    /// The process, for looking at what it uses.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it keeps its database.
    pub fn state_dir(&self) -> &std::path::Path {
        self.state_folder.path()
    }

    /// Waits for a log line that holds `words`.
    pub fn wait_for_log(&self, words: &str) -> String {
        let mut seen = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(deadline - Instant::now()) {
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
        panic!("{words:?} is not in the log: {seen:#?}");
    }

    /// Status and body of one GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        let answer = http::request(&self.address, "GET", path, "", "");
        let answer = answer.expect("the door is open");
        (answer.status, answer.body)
    }

    /// /health, with its status code.
    pub fn health(&self) -> (u16, Value) {
        let (code, body) = self.get("/health");
        (code, serde_json::from_str(&body).expect("/health is JSON"))
    }

    /// Asks /health until `is_so`; gives how long that took.
    pub fn wait_for_health(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            let (_, health) = self.health();
            if is_so(&health) {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not happen: {health:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A client that watches the booth.
    pub fn watch(&self) -> Watcher {
        let mut watcher = self.client();
        watcher.say(&json!({"type": "watch", "data": {"stream": "booth"}}));
        watcher
    }

    /// A client with a session of its own.
    pub fn client(&self) -> Watcher {
        let url = format!("ws://{}/ws/multimodal-analysis?token={TOKEN}", self.address);
        let request = url.into_client_request().expect("a good URL");
        let (socket, _) =
            tokio_tungstenite::tungstenite::connect(request).expect("the door is open");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        }
        Watcher(socket)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Asks it to leave and waits for it.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        self.process.terminate()
    }
}

/// A client that watches the booth's stream.
pub struct Watcher(WebSocket<MaybeTlsStream<TcpStream>>);

impl Watcher {
    /// Sends a JSON message.
    pub fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).expect("the door listens");
    }

    /// Sends a picture of its own, into its own stream.
    pub fn send_picture(&mut self, jpeg: &[u8]) {
        self.send_media(1, jpeg);
    }

    /// Sends media of a kind that docs/ref/api.md numbers.
    pub fn send_media(&mut self, kind: u8, data: &[u8]) {
        let message = [&[kind], &1_u64.to_le_bytes()[..], data].concat();
        self.0.send(Message::binary(message)).expect("the door listens");
    }

    /// The code of the next error.
    pub fn next_error(&mut self) -> String {
        let message = self.next_message(&["error"]);
        message["code"].as_str().expect("an error has a code").to_owned()
    }

    /// The data of the next message of this type.
    pub fn next(&mut self, kind: &str) -> Value {
        self.next_of(&[kind]).1
    }

    /// Type and data of the next message of one of these types.
    pub fn next_of(&mut self, kinds: &[&str]) -> (String, Value) {
        let mut message = self.next_message(kinds);
        let kind = message["type"].as_str().expect("a message has a type").to_owned();
        (kind, message["data"].take())
    }

    /// The next message of one of these types.
    fn next_message(&mut self, kinds: &[&str]) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no {kinds:?} came");
            let message = self.0.read().expect("a message in time");
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if kinds.iter().any(|kind| message["type"] == *kind) {
                return message;
            }
        }
    }
}

/// The lines of a stream, as they come.
fn lines_of(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(10_000);
    let read = move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new().spawn(read).expect("a thread can be started");
    receiver
}
