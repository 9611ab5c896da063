//! The log in the journal, with a test double at journald's socket.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use boothd_test_support::process::{Process, set};

use super::{
    PATIENCE,
    daemon::{BOOTHD, Daemon, TOKEN, boothd},
    doubles::{Booth, DEVICES, plug_in_camera, plug_in_microphone},
    operator::{aside, begin, end},
};

type Entry = BTreeMap<String, String>;

/// A journald double that only receives.
struct Journald {
    /// Read by a thread of its own: a logging program must not wait for the test.
    came: mpsc::Receiver<Entry>,
    folder: TempDir,
    entries: Vec<Entry>,
}

/// Mounts the folder `$1` in the place of journald's, declares standard error to be the journal, and
/// executes the rest. The mount ends with the process.
const IN_A_NAMESPACE: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
    mount --bind \"$1\" /run/systemd/journal && shift && \
    JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"";

/// `program` in a mount namespace with that journald.
fn in_namespace(command: &mut Command, folder: &TempDir) {
    command.args(["--map-root-user", "--mount", "sh", "-c", IN_A_NAMESPACE, "sh"]);
    command.arg(folder.path());
}

impl Journald {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("socket")).unwrap();
        let (sender, came) = mpsc::sync_channel(100_000);
        aside(move || {
            let mut bytes = vec![0; 256 * 1024];
            while let Ok(length) = socket.recv(&mut bytes) {
                // A logger tests by an empty message whether journald listens.
                if length > 0 && sender.send(parse(&bytes[..length])).is_err() {
                    break;
                }
            }
        });
        Journald { came, folder, entries: Vec::new() }
    }

    /// `booth`'s command, with its log here.
    fn command(&self, booth: &Booth) -> Command {
        let mut command = booth.command("unshare");
        in_namespace(&mut command, &self.folder);
        command.arg(&*BOOTHD);
        command
    }

    /// Takes an entry, if one comes in time.
    fn take(&mut self, how_long: Duration) -> bool {
        let entry = self.came.recv_timeout(how_long);
        self.entries.extend(entry.iter().cloned());
        entry.is_ok()
    }

    /// Waits for an entry whose message begins so.
    fn wait(&mut self, message: &str) -> Entry {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.entries.iter().find(|entry| entry["MESSAGE"].starts_with(message));
            if let Some(found) = found {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "{message:?} is not in {:#?}", self.entries);
            self.take(Duration::from_secs(1));
        }
    }
}

/// The native protocol: `NAME=value\n`, or `NAME\n`, the length as 64 bit little-endian, the value
/// and `\n`.
fn parse(mut bytes: &[u8]) -> Entry {
    let mut entry = Entry::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line ends");
        let line = std::str::from_utf8(&bytes[..end]).unwrap();
        bytes = &bytes[end + 1..];
        let (name, value) = if let Some((name, value)) = line.split_once('=') {
            (name, value.to_owned())
        } else {
            let (length, rest) = bytes.split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap());
            let (value, rest) = rest.split_at(usize::try_from(length).unwrap());
            bytes = rest.strip_prefix(b"\n").expect("a value ends");
            (line, String::from_utf8(value.to_vec()).unwrap())
        };
        let is_valid = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(
            name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(is_valid)
        );
        assert!(entry.insert(name.to_owned(), value).is_none(), "{name} comes twice");
    }
    entry
}

#[test]
fn the_journal_gets_fields_and_true_priorities() {
    let (booth, mut journald) = (Booth::new(), Journald::new());
    plug_in_camera(&booth, 0, &[]);
    let daemon =
        Daemon::start(journald.command(&booth), &[&DEVICES[..], &["log.level=debug"]].concat());
    let opened = journald.wait("camera opened");
    let field = |entry: &Entry, name: &str| entry.get(name).cloned().unwrap_or_default();
    assert_eq!(field(&opened, "PRIORITY"), "6", "info");
    assert_eq!(field(&opened, "SYSLOG_IDENTIFIER"), "boothd");
    assert_eq!(field(&opened, "TARGET"), "camera");
    assert_eq!(field(&opened, "THREAD_NAME"), "camera");
    assert_eq!(field(&opened, "SYSLOG_PID"), daemon.pid().to_string());
    assert!(field(&opened, "DEVICE").contains("Booth shim camera"), "{opened:#?}");
    assert!(opened["MESSAGE"].contains(" device="), "who reads only messages knows, too");
    let away = journald.wait("source unavailable");
    assert_eq!(
        (field(&away, "PRIORITY"), field(&away, "TARGET")),
        ("4".into(), "microphone".into())
    );
    assert!(!field(&away, "ERROR").is_empty() && !away["MESSAGE"].contains('\n'), "{away:#?}");
    let (status, _) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    journald.wait("stopped");
    let mut priorities: Vec<_> =
        journald.entries.iter().map(|e| e["PRIORITY"].clone()).collect();
    priorities.sort();
    priorities.dedup();
    let known = ["4", "6", "7"];
    assert!(priorities.iter().all(|it| known.contains(&&**it)), "{priorities:?}");
}

/// Names of metrics in a report.
const METRICS: [&str; 11] = [
    "emotion",
    "gaze",
    "yaw",
    "pitch",
    "eye_contact",
    "blink",
    "speech_rate",
    "arousal",
    "volume",
    "stability",
    "happy",
];

#[test]
fn nothing_of_a_person_and_no_secret_stands_in_the_journal() {
    let (booth, mut journald) = (Booth::new(), Journald::new());
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let settings = [&DEVICES[..], &["policy.require_consent=true", "log.level=trace"]].concat();
    let daemon = Daemon::start(journald.command(&booth), &settings);
    let session = begin(&daemon.address).unwrap();
    let mut watcher = daemon.watch();
    watcher.next("visual_analysis");
    watcher.next("audio_analysis");
    assert_eq!(end(&daemon.address, &session), Some(200));
    let (status, _) = daemon.terminate();
    assert_eq!(status.code(), Some(0));
    journald.wait("stopped");
    while journald.take(Duration::from_millis(200)) {}
    for entry in &journald.entries {
        let text = format!("{entry:?}");
        assert!(!text.contains(TOKEN), "at any level: {text}");
        if entry["PRIORITY"] == "7" {
            continue;
        }
        assert!(!text.contains("candidate") && !text.contains(&session), "{text}");
        let fields = entry.iter().filter(|(name, _)| !name.starts_with("CODE_"));
        let values =
            fields.map(|(_, value)| value.to_lowercase()).collect::<Vec<_>>().join(" ");
        let leaked: Vec<_> =
            METRICS.iter().filter(|metric| values.contains(**metric)).collect();
        assert!(leaked.is_empty(), "{leaked:?} in {text}");
    }
    assert!(
        journald.entries.iter().any(|entry| entry["PRIORITY"] == "6"),
        "it was listened to"
    );
}

#[test]
fn without_journald_the_log_is_on_standard_error() {
    let (booth, empty) = (Booth::new(), tempfile::tempdir().unwrap());
    let mut command = booth.command("unshare");
    in_namespace(&mut command, &empty);
    command.arg(&*BOOTHD);
    let daemon = Daemon::start(command, &DEVICES);
    let line = daemon.wait_for_log("source unavailable");
    assert!(line.starts_with("<4>WARN  "), "with its priority, without a time: {line}");
}

#[test]
fn the_last_words_are_an_error() {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\"";
    command.args([
        "-c",
        script,
        &*BOOTHD,
        "run",
        "--set",
        "video.fps=0",
        "--set",
        "audio.hop_ms=1",
    ]);
    command.args(["--set", &format!("state.dir={}", state.path().display())]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("video.fps") && printed.contains("audio.hop_ms"), "{printed}");
    assert!(printed.lines().all(|line| line.starts_with("<3>")), "{printed}");
}

#[test]
fn the_variable_alone_is_no_journal() {
    let booth = Booth::new();
    let mut command = booth.command(&*BOOTHD);
    // A shell that systemd started has it, and so has everything that is started in that shell.
    command.env("JOURNAL_STREAM", "9:123456789");
    let daemon = Daemon::start(command, &DEVICES);
    let line = daemon.wait_for_log("source unavailable");
    assert!(line.contains(" WARN  ") && !line.starts_with("WARN"), "{line}");
}

#[test]
fn a_new_token_does_not_stand_in_the_journal() {
    let state = tempfile::tempdir().unwrap();
    let first_line = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script, &BOOTHD]);
        let mut command = boothd(command);
        let dir = format!("state.dir={}", state.path().display());
        set(command.arg("run"), &["web.port=0", "video.source=off", "audio.source=off", &dir]);
        let mut child = Process::spawn(command.stdout(Stdio::piped()));
        let mut stdout = BufReader::new(child.0.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("page: ") {
            line.clear();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the address of the page is printed"
            );
        }
        child.kill();
        stdout.read_to_string(&mut line).unwrap();
        line
    };
    let journal =
        "exec 2>&1; JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\"";
    let printed = first_line(journal);
    let token = fs::read_to_string(state.path().join("token")).unwrap();
    assert!(!printed.contains(token.trim()) && printed.contains("is kept in"), "{printed}");
    fs::remove_file(state.path().join("token")).unwrap();
    let printed = first_line("exec \"$0\" \"$@\" 2>/dev/null");
    let token = fs::read_to_string(state.path().join("token")).unwrap();
    assert!(printed.contains(token.trim()), "a person at a terminal sees it: {printed}");
}
