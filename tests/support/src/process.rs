//! Child processes that end with the test.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A child process. Dropping it kills it: a test that failed must leave none behind.
pub struct Process(pub Child);

impl Process {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.spawn();
        Process(child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}")))
    }

    /// Starts boothd and waits until it prints its address, a free port of the loopback.
    pub fn boothd(command: &mut Command) -> Boothd {
        let mut process = Process::spawn(command.stdout(Stdio::piped()));
        let mut stdout = BufReader::new(process.0.stdout.take().expect("is piped"));
        let mut printed = String::new();
        stdout.read_line(&mut printed).expect("boothd prints its address");
        let address = printed.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:"));
        let address = address.map(str::to_owned);
        Boothd { process, address, printed, stdout }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }

    /// Kills it, stopped or not.
    pub fn kill(&mut self) {
        self.0.kill().expect("it was ours");
        self.0.wait().expect("it was ours");
    }

    /// Ends it as systemd does; how it left, and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal(Signal::TERM);
        (self.0.wait().expect("it was ours"), asked.elapsed())
    }

    /// Waits until the process listens on that port; `log` is for the one that does not.
    pub fn wait_for_port(&mut self, port: u16, log: impl Fn() -> String) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let left = self.0.try_wait().expect("it was ours");
            assert!(left.is_none(), "it has left: {}", log());
            assert!(began.elapsed() < PATIENCE, "it does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

impl Drop for Process {
    fn drop(&mut self) {
        // One that left already is no error.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What [`Process::boothd`] started.
pub struct Boothd {
    /// The process itself.
    pub process: Process,
    /// Where it listens; `None` when it printed something else.
    pub address: Option<String>,
    /// Its first line.
    pub printed: String,
    /// Must stay open as long as the process prints.
    pub stdout: BufReader<ChildStdout>,
}

impl Boothd {
    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.clone().unwrap_or_else(|| panic!("no address in {:?}", self.printed))
    }
}

/// Gives it these settings.
pub fn set(command: &mut Command, settings: &[&str]) {
    command.args(settings.iter().flat_map(|setting| ["--set", *setting]));
}

/// A port without a listener now.
pub fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("is bound").port()
}
