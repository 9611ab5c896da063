//! A test double of systemd's notification socket, and a booth with devices.

use std::{
    os::unix::net::UnixDatagram,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    PATIENCE,
    daemon::{BOOTHD, Daemon},
    doubles::{Booth, DEVICES, plug_in_camera, plug_in_microphone},
};

/// `WatchdogSec=` of these tests: short, and long enough for a busy machine.
pub(crate) const PERIOD: Duration = Duration::from_secs(6);

/// systemd's notification socket.
pub(crate) struct Systemd {
    socket: UnixDatagram,
    folder: TempDir,
    /// Received lines and their times.
    pub(crate) received: Vec<(Instant, String)>,
}

impl Systemd {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Systemd { socket, folder, received: Vec::new() }
    }

    /// Lets a program send its reports to it.
    pub(crate) fn invite(&self, command: &mut Command) {
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
    }

    /// The same, and to keep a watchdog fed.
    pub(crate) fn watch(&self, command: &mut Command) {
        self.invite(command);
        command.env("WATCHDOG_USEC", PERIOD.as_micros().to_string());
    }

    /// Takes what comes until then; false when a line that `is_it` was among it, which ends it.
    fn listen(&mut self, until: Instant, is_it: impl Fn(&str) -> bool) -> bool {
        let mut bytes = [0; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = self.socket.recv(&mut bytes) else { continue };
            let (now, text) =
                (Instant::now(), String::from_utf8(bytes[..length].to_vec()).unwrap());
            self.received.extend(text.lines().map(|line| (now, line.to_owned())));
            if text.lines().any(&is_it) {
                return false;
            }
        }
    }

    /// Waits for a line that `is_it`, from now on: when it came.
    pub(crate) fn wait(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Instant {
        let timed_out = self.listen(Instant::now() + PATIENCE, is_it);
        assert!(!timed_out, "{what} did not come: {:#?}", self.received);
        Instant::now()
    }

    pub(crate) fn wait_line(&mut self, line: &str) -> Instant {
        self.wait(line, |received| received == line)
    }

    pub(crate) fn wait_words(&mut self, words: &str) -> Instant {
        self.wait(words, |received| received.contains(words))
    }

    /// Receives for the given time.
    pub(crate) fn hear_for(&mut self, how_long: Duration) {
        self.listen(Instant::now() + how_long, |_| false);
    }

    /// Times at which this line was received.
    pub(crate) fn times(&self, line: &str) -> Vec<Instant> {
        self.received
            .iter()
            .filter(|(_, received)| received == line)
            .map(|(at, _)| *at)
            .collect()
    }

    /// Waits for that many watchdog reports, none later than systemd would allow.
    pub(crate) fn sees_it_fed(&mut self, times: usize) {
        let mut before = Instant::now();
        for _ in 0..times {
            let now = self.wait_line("WATCHDOG=1");
            assert!(now - before < PERIOD, "{:?} without a meal", now - before);
            before = now;
        }
    }
}

/// A booth with both devices under a watchdog, ready.
pub(crate) fn watched() -> (Booth, Systemd, Daemon) {
    let (booth, mut systemd) = (Booth::new(), Systemd::new());
    plug_in_camera(&booth, 0, &[]);
    plug_in_microphone(&booth);
    let mut command = booth.command(&*BOOTHD);
    systemd.watch(&mut command);
    let daemon = Daemon::start(command, &DEVICES);
    systemd.wait_line("READY=1");
    (booth, systemd, daemon)
}
