//! A Mosquitto of our own on a free port of the loopback.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use boothd::mqtt::{
    Identity, MqttConfig,
    client::{AsyncClient, EventLoop},
    connect,
    topics::BoothName,
};
use rustix::process::Signal;
use tempfile::TempDir;

pub use crate::process::free_port;
use crate::{process::Process, small_disk};

/// How long Mosquitto may take to leave.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running broker. Keeps its port over a restart.
pub struct Broker {
    process: Process,
    /// Size of its own disk for persistence, KiB; the disk is new at each start.
    disk_kib: Option<u32>,
    /// Where it listens.
    pub port: u16,
    /// Its configuration, log and data.
    pub folder: TempDir,
}

/// Every client has all rights, and nothing is persistent.
const OPEN: &str = "allow_anonymous true\npersistence false\n";

/// The same with room for what many booths send at once.
const ROOMY: &str = "allow_anonymous true\npersistence false\nmax_queued_messages 100000\n\
                     max_inflight_messages 1000\nlog_type error\n";

impl Broker {
    /// Keeps nothing.
    pub fn open() -> Self {
        Broker::with(OPEN, |_| ())
    }

    /// Keeps nothing, and has room for many booths.
    pub fn roomy() -> Self {
        Broker::with(ROOMY, |_| ())
    }

    /// A client of that broker, named `id`.
    pub fn client(&self, id: &str, session_expiry: Duration) -> (AsyncClient, EventLoop) {
        let config = MqttConfig::new("127.0.0.1", self.port, BoothName::new("test", id));
        let identity = Identity {
            client_id: id.into(),
            session_expiry,
            will: None,
            queue: 10_000,
            inflight: 1000,
            most_bytes: 1 << 20,
            manual_acks: false,
        };
        connect(&config, &identity).expect("the configuration is right")
    }

    /// With these lines after the listener's; `prepare` may put files into the folder.
    pub fn with(lines: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let port = free_port();
        let lines = lines.replace("FOLDER", &folder.path().display().to_string());
        // As root it would become another user, who may not read the folder.
        let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        let log = folder.path().join("log");
        let config = format!(
            "{user}log_dest file {}\nlistener {port} 127.0.0.1\n{lines}",
            log.display()
        );
        Broker::with_config(folder, port, &config)
    }

    /// The sample of contrib/mosquitto with our files, ports and users.
    pub fn sample(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let port = free_port();
        let sample = |name| fs::read_to_string(format!("contrib/mosquitto/{name}")).unwrap();
        let own = folder.path().display().to_string();
        fs::write(folder.path().join("acl"), sample("acl")).unwrap();
        let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        let config = sample("boothd.conf")
            .replace("/etc/mosquitto/boothd", &own)
            .replace("/var/lib/mosquitto", &own)
            .replace("listener 8883", &format!("listener {port} 127.0.0.1"));
        let config = format!("{user}log_dest file {own}/log\n{config}");
        Broker::with_config(folder, port, &config)
    }

    fn with_config(folder: TempDir, port: u16, config: &str) -> Self {
        fs::write(folder.path().join("conf"), config).unwrap();
        let process = start(&folder.path().join("conf"), port, None);
        Broker { process, disk_kib: None, port, folder }
    }

    /// The same broker on a small disk ([`small_disk`]).
    pub fn moved_to_disk(mut self, kib: u32) -> Self {
        self.terminate();
        fs::create_dir_all(self.folder.path().join("disk")).unwrap();
        self.disk_kib = Some(kib);
        self.start_again();
        self
    }

    /// Leaves no byte on its disk.
    pub fn fill_disk(&self) {
        let filler = self.folder.path().join("disk/filler");
        small_disk::fill(&small_disk::seen_by(self.process.pid(), &filler));
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Adds a login to `folder/passwords`.
    pub fn add_login(folder: &Path, user: &str, password: &str) {
        let file = folder.join("passwords");
        if !file.exists() {
            fs::write(&file, "").unwrap();
        }
        let mut command = Command::new("mosquitto_passwd");
        command.arg("-b").arg(&file).args([user, password]).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
    }

    /// Stops all its threads, like a hanging machine.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets them run again.
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Kills it, frozen or not.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it as systemd does. Mosquitto listens a moment before it heeds SIGTERM: one that comes in
    /// between is lost, and the broker stays. So it is asked until it is gone.
    pub fn terminate(&mut self) {
        let began = Instant::now();
        while self.process.0.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "mosquitto does not leave: {}", self.log());
            self.process.signal(Signal::TERM);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it again on the same port, with its persistent data.
    pub fn start_again(&mut self) {
        self.process = start(&self.config(), self.port, self.disk_kib);
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("conf")
    }
}

fn start(config: &Path, port: u16, disk_kib: Option<u32>) -> Process {
    let mosquitto = if Path::new("/usr/sbin/mosquitto").exists() {
        "/usr/sbin/mosquitto"
    } else {
        "mosquitto"
    };
    let mut command = match disk_kib {
        None => Command::new(mosquitto),
        Some(kib) => small_disk::command(&config.with_file_name("disk"), kib, mosquitto),
    };
    command.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::spawn(&mut command);
    let log = || fs::read_to_string(config.with_file_name("log")).unwrap_or_default();
    process.wait_for_port(port, log);
    process
}
