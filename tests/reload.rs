//! Signals, and standard streams that take nothing: what an operator or the system does to a
//! daemon in the midst of an interview.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write, pipe},
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use boothd_test_support::{
    daemon, operator,
    process::{Process, free_port, set},
};
use daemon::{BOOTHD, Daemon, PATIENCE, TOKEN, boothd};
use operator::{ask, begin, end};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const BEFORE: &str = "[video]\nsource = \"off\"\n[audio]\nsource = \"off\"\n";

/// A daemon with a configuration file.
struct Booth {
    daemon: Daemon,
    file: PathBuf,
    _folder: TempDir,
}

impl Booth {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boothd.toml");
        fs::write(&file, BEFORE).unwrap();
        let mut command = Command::new(&*BOOTHD);
        command.arg("--config").arg(&file);
        let daemon = Daemon::start(command, &[]);
        Booth { daemon, file, _folder: folder }
    }

    /// Saves the file with `more` and reloads.
    fn reload(&self, more: &str) {
        fs::write(&self.file, format!("{BEFORE}{more}")).unwrap();
        self.daemon.signal(Signal::HUP);
    }

    fn features(&self) -> Value {
        let (_, answer) =
            ask(&self.daemon.address, "GET", "/api/v1/features", &Value::Null).unwrap();
        answer
    }

    fn wait_for_finding(&self, code: &str, is_there: bool) -> Value {
        let has = |health: &Value| {
            let findings = health["findings"].as_array();
            findings.is_some_and(|all| all.iter().any(|finding| finding["code"] == code))
        };
        self.daemon.wait_for_health(code, |health| has(health) == is_there);
        self.daemon.health().1
    }
}

#[test]
fn a_reload_takes_what_it_can_in_the_midst_of_an_interview_and_names_the_rest() {
    let booth = Booth::start();
    let session = begin(&booth.daemon.address).expect("begins");
    assert_eq!(booth.features()["features"]["gaze"], true);
    booth.reload(
        "[log]\nlevel = \"debug\"\n[features]\ngaze = false\n[eye_contact]\ncone_deg = 9.0\n\
         [web]\nheartbeat_s = 11.0\nmax_connections = 7\n[mqtt]\nbroker = \"mqtt://127.0.0.1:1\"\n",
    );
    let taken = booth.daemon.wait_for_log("the configuration is reloaded");
    for key in ["log.level", "features.gaze", "eye_contact.cone_deg", "web.heartbeat_s"] {
        assert!(taken.contains(key), "{key}: {taken}");
    }
    assert!(!taken.contains("max_connections"), "{taken}");
    let waits = booth.daemon.wait_for_log("hold when boothd is started again");
    assert!(waits.contains("keys=web.max_connections"), "{waits}");
    assert_eq!(booth.features()["features"]["gaze"], false);
    let health = booth.wait_for_finding("configuration_needs_restart", true);
    assert!(health.to_string().contains("web.max_connections"), "{health:#}");
    booth.daemon.wait_for_health("the broker", |health| health["mqtt"]["state"] != "off");
    // Input that is no HTTP is logged at debug only.
    let mut nonsense = std::net::TcpStream::connect(&booth.daemon.address).unwrap();
    std::io::Write::write_all(&mut nonsense, b"\0\r\n\r\n").unwrap();
    booth.daemon.wait_for_log("DEBUG");
    booth.reload("");
    booth.wait_for_finding("configuration_needs_restart", false);
    assert_eq!(booth.features()["features"]["gaze"], true);
    booth.daemon.wait_for_health("no broker", |health| health["mqtt"]["state"] == "off");
    assert_eq!(end(&booth.daemon.address, &session), Some(200), "the interview went on");
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_is_logged() {
    let booth = Booth::start();
    booth.reload("[features]\ngaze = false\n[log]\nlevel = \"loud\"\n[web]\nport = \"x\"\n");
    let line = booth.daemon.wait_for_log("the configuration was not reloaded");
    for words in ["2 mistakes", "log.level", "web.port", "line "] {
        assert!(line.contains(words), "{words}: {line}");
    }
    booth.wait_for_finding("configuration_refused", true);
    assert_eq!(booth.features()["features"]["gaze"], true);
    booth.reload("");
    booth.wait_for_finding("configuration_refused", false);
}

#[test]
fn signals_that_mean_nothing_end_nothing() {
    let booth = Booth::start();
    for signal in [Signal::USR1, Signal::USR2, Signal::PIPE] {
        booth.daemon.signal(signal);
    }
    booth.daemon.wait_for_log("a signal that means nothing");
    booth.reload("");
    booth.daemon.wait_for_log("the configuration is reloaded");
    assert_eq!(booth.daemon.get("/health/live").0, 200);
}

/// `boothd run` with these streams; asks for a page before it gives the child back.
fn run_with(stdout: Stdio, stderr: Stdio) -> (TempDir, Process, String) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let (port, token) = (format!("web.port={port}"), format!("web.token={TOKEN}"));
    let state = format!("state.dir={}", folder.path().display());
    let mut command = boothd(Command::new(&*BOOTHD));
    set(command.arg("run"), &[&port, &token, &state, "log.level=trace"]);
    set(&mut command, &["video.source=off", "audio.source=off"]);
    let process = Process::spawn(command.stdout(stdout).stderr(stderr));
    (folder, process, port.replace("web.port=", "127.0.0.1:"))
}

/// Capacity of a pipe, bytes.
const PIPE_BYTES: usize = 65_536;

/// Sends requests until that many are answered.
fn answers(address: &str, wanted: usize) {
    let deadline = Instant::now() + PATIENCE;
    let mut answered = 0;
    while answered < wanted {
        assert!(Instant::now() < deadline, "{answered} answers");
        let answer = ask(address, "GET", "/api/v1/features", &Value::Null);
        answered += usize::from(answer.is_some_and(|(status, _)| status == 200));
    }
}

#[test]
fn a_booth_whose_streams_take_nothing_goes_on() {
    let full = || Stdio::from(fs::File::create("/dev/full").unwrap());
    let gone = || Stdio::from(pipe().unwrap().1);
    for (stdout, stderr) in [(full(), full()), (gone(), gone())] {
        let (_folder, _process, address) = run_with(stdout, stderr);
        answers(&address, 3);
    }
}

#[test]
fn a_standard_error_without_a_reader_costs_lines_and_no_answer() {
    let (reader, mut writer) = pipe().unwrap();
    // A pipe of Linux has room for so much: not a line more.
    let mut junk = vec![b'x'; PIPE_BYTES];
    junk[PIPE_BYTES - 1] = b'\n';
    writer.write_all(&junk).unwrap();
    let (_folder, process, address) = run_with(Stdio::null(), Stdio::from(writer));
    answers(&address, 3);
    // It is read again: the next line has the number of lost lines.
    let mut lines = BufReader::new(reader).lines();
    assert_eq!(lines.next().unwrap().unwrap().len(), PIPE_BYTES - 1);
    process.signal(Signal::USR1);
    let notice = lines.next().unwrap().unwrap();
    assert!(notice.contains("lines of the log are lost"), "{notice}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let state = format!("state.dir={}", folder.path().display());
    for arguments in [&["token", "list"][..], &["check-config"], &["devices"]] {
        let mut command = boothd(Command::new(&*BOOTHD));
        command.args(["--set", &state]).args(arguments);
        command.stdout(Stdio::from(pipe().unwrap().1)).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut printed = String::new();
        child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(141), "{arguments:?}: {printed}");
        assert!(!printed.contains("panicked") && !printed.contains("cannot be"), "{printed}");
    }
}
