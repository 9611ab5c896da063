//! A Mosquitto of our own on a free port of the loopback.

#[path = "../common/small_disk.rs"]
mod small_disk;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::PATIENCE;

/// A running broker. Keeps its port over a restart.
pub(crate) struct Broker {
    child: Child,
    /// Size of its own disk for persistence, KiB; the disk is new at each start.
    disk_kib: Option<u32>,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

/// Every client has all rights, and nothing is persistent.
const OPEN: &str = "allow_anonymous true\npersistence false\n";

impl Broker {
    pub(crate) fn open() -> Self {
        Broker::with(OPEN, |_| ())
    }

    /// With these lines after the listener's; `prepare` may put files into the folder.
    pub(crate) fn with(lines: &str, prepare: impl FnOnce(&Path)) -> Self {
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
    pub(crate) fn sample(prepare: impl FnOnce(&Path)) -> Self {
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
        let child = start(&folder.path().join("conf"), port, None);
        Broker { child, disk_kib: None, port, folder }
    }

    /// The same broker on a small disk (tests/common/small_disk.rs).
    pub(crate) fn moved_to_disk(mut self, kib: u32) -> Self {
        self.terminate();
        fs::create_dir_all(self.folder.path().join("disk")).unwrap();
        self.disk_kib = Some(kib);
        self.start_again();
        self
    }

    /// Leaves no byte on its disk.
    pub(crate) fn fill_disk(&self) {
        let filler = self.folder.path().join("disk/filler");
        small_disk::fill(&small_disk::seen_by(self.child.id(), &filler));
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Adds a login to `folder/passwords`.
    pub(crate) fn add_login(folder: &Path, user: &str, password: &str) {
        let file = folder.join("passwords");
        if !file.exists() {
            fs::write(&file, "").unwrap();
        }
        let mut command = Command::new("mosquitto_passwd");
        command.arg("-b").arg(&file).args([user, password]).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
    }

    /// Stops all its threads, like a hanging machine.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Kills it, frozen or not.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as systemd does. Mosquitto listens a moment before it heeds SIGTERM: one that comes in
    /// between is lost, and the broker stays. So it is asked until it is gone.
    pub(crate) fn terminate(&mut self) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "mosquitto does not leave: {}", self.log());
            self.signal(rustix::process::Signal::TERM);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it again on the same port, with its persistent data.
    pub(crate) fn start_again(&mut self) {
        self.child = start(&self.config(), self.port, self.disk_kib);
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("conf")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn start(config: &Path, port: u16, disk_kib: Option<u32>) -> Child {
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
    let mut child = command.spawn().expect("mosquitto is installed");
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = || fs::read_to_string(config.with_file_name("log")).unwrap_or_default();
        assert!(child.try_wait().unwrap().is_none(), "mosquitto has left: {}", log());
        assert!(began.elapsed() < PATIENCE, "mosquitto does not listen: {}", log());
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// A port without a listener now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
