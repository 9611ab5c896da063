//! How much memory the daemon may take, and what it takes now: by the service manager's limits
//! (control groups, version 2), the limits of the process, and the machine's own memory.
//!
//! Reaching any of them ends the daemon, so what clients can make it take is kept below the
//! smallest: docs/ref/memory.md.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, getrlimit};

use crate::board::field;

/// The share of the machine's free memory at the start that boothd counts on: other programs take
/// some later.
const SHARE_OF_MACHINE: (u64, u64) = (3, 4);

/// One limit, and how far it is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// What sets it.
    pub source: Source,
    /// How much may be taken, bytes.
    pub limit_bytes: u64,
    /// How much is, bytes.
    pub used_bytes: u64,
}

/// What sets a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// `MemoryMax=` of the unit or of a slice around it.
    ControlGroupMax,
    /// `MemoryHigh=` of the same: beyond it the process is slowed down until it hardly runs.
    ControlGroupHigh,
    /// `RLIMIT_DATA`: `LimitDATA=`, `prlimit --data`.
    Data,
    /// `RLIMIT_AS`: `LimitAS=`, `ulimit -v`.
    AddressSpace,
    /// The machine's memory.
    Machine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::ControlGroupMax => "MemoryMax= of the service",
            Source::ControlGroupHigh => "MemoryHigh= of the service",
            Source::Data => "the limit of data (RLIMIT_DATA)",
            Source::AddressSpace => "the limit of address space (RLIMIT_AS)",
            Source::Machine => "the machine",
        })
    }
}

impl Limit {
    /// What may still be taken, bytes.
    pub fn left_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.used_bytes)
    }
}

/// The limit of which least is left; `None` where the system reports none.
pub fn tightest() -> Option<Limit> {
    let limits = Limits {
        root: PathBuf::from("/"),
        data: getrlimit(Resource::Data).current,
        address_space: getrlimit(Resource::As).current,
    };
    limits.tightest()
}

/// Where limits are looked for.
struct Limits {
    /// The root of the file system; another one in tests.
    root: PathBuf,
    data: Option<u64>,
    address_space: Option<u64>,
}

impl Limits {
    fn tightest(&self) -> Option<Limit> {
        let status = self.text("proc/self/status").unwrap_or_default();
        let used = |name| field(&status, name).map_or(0, |kib| kib * 1024);
        let (resident, data, mapped) = (used("VmRSS:"), used("VmData:"), used("VmSize:"));
        let limit = |source, limit_bytes, used_bytes| Limit { source, limit_bytes, used_bytes };
        let of_group = |(source, bytes)| limit(source, bytes, resident);
        let data = self.data.map(|bytes| limit(Source::Data, bytes, data));
        let space = self.address_space.map(|bytes| limit(Source::AddressSpace, bytes, mapped));
        let all = self.control_groups().into_iter().map(of_group);
        all.chain(data).chain(space).chain(self.machine()).min_by_key(Limit::left_bytes)
    }

    /// The limits of the process's own group and of every group around it.
    fn control_groups(&self) -> Vec<(Source, u64)> {
        let own = self.text("proc/self/cgroup").unwrap_or_default();
        // `0::/system.slice/boothd.service`; other lines are version 1.
        let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::/")) else {
            return Vec::new();
        };
        let files = [
            (Source::ControlGroupMax, "memory.max"),
            (Source::ControlGroupHigh, "memory.high"),
        ];
        let groups = Path::new(own).ancestors();
        let limit = |group: &Path, file| {
            let path = Path::new("sys/fs/cgroup").join(group).join(file);
            // `max` where there is none.
            self.text(path)?.trim().parse().ok()
        };
        groups
            .flat_map(|group| files.map(|(source, file)| Some((source, limit(group, file)?))))
            .flatten()
            .collect()
    }

    fn machine(&self) -> Option<Limit> {
        let list = self.text("proc/meminfo")?;
        let bytes = |name| field(&list, name).map(|kib| kib * 1024);
        let (total, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
        let left = available / SHARE_OF_MACHINE.1 * SHARE_OF_MACHINE.0;
        let used_bytes = total.saturating_sub(left);
        Some(Limit { source: Source::Machine, limit_bytes: total, used_bytes })
    }

    fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// A machine of 1000 MB with 800 MB left, and a process that takes 80, 120 and 900 MB.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Limits) {
        let folder = tempfile::tempdir().unwrap();
        let status =
            "Name:\tboothd\nVmSize:\t  921600 kB\nVmRSS:\t   81920 kB\nVmData:\t  122880 kB\n";
        let memory = "MemTotal:  1024000 kB\nMemFree:  1 kB\nMemAvailable:  819200 kB\n";
        let own = "0::/system.slice/boothd.service\n";
        let usual =
            [("proc/self/status", status), ("proc/meminfo", memory), ("proc/self/cgroup", own)];
        for (path, text) in usual.iter().chain(files) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = folder.path().to_owned();
        (folder, Limits { root, data: None, address_space: None })
    }

    fn seen(limits: &Limits) -> (Source, u64) {
        let limit = limits.tightest().unwrap();
        (limit.source, limit.left_bytes() / MB)
    }

    #[test]
    fn without_limits_the_machine_is_one() {
        assert_eq!(seen(&machine(&[]).1), (Source::Machine, 600));
    }

    #[test]
    fn the_tightest_of_the_groups_counts() {
        let own = "sys/fs/cgroup/system.slice/boothd.service/memory.max";
        let high = "sys/fs/cgroup/system.slice/boothd.service/memory.high";
        let slice = "sys/fs/cgroup/system.slice/memory.max";
        let top = "sys/fs/cgroup/memory.max";
        let mb = |mb: u64| (mb * MB).to_string() + "\n";
        let group = |files: &[(&str, &str)]| seen(&machine(files).1);
        assert_eq!(group(&[(own, &mb(512))]), (Source::ControlGroupMax, 432));
        assert_eq!(group(&[(own, "max\n"), (slice, &mb(300))]), (Source::ControlGroupMax, 220));
        assert_eq!(group(&[(own, &mb(512)), (top, &mb(200))]), (Source::ControlGroupMax, 120));
        assert_eq!(group(&[(own, &mb(512)), (high, &mb(100))]), (Source::ControlGroupHigh, 20));
        assert_eq!(group(&[(own, &mb(50))]), (Source::ControlGroupMax, 0), "no wrap");
    }

    #[test]
    fn limits_of_the_process_count_what_they_limit() {
        let (_folder, limits) = machine(&[]);
        let data = Limits { data: Some(512 * MB), root: limits.root.clone(), ..limits };
        assert_eq!(seen(&data), (Source::Data, 392));
        let space = Limits { data: None, address_space: Some(1000 * MB), ..data };
        assert_eq!(seen(&space), (Source::AddressSpace, 100));
    }

    #[test]
    fn this_machine_has_one() {
        let limit = tightest().unwrap();
        assert!(limit.left_bytes() > 0 && limit.used_bytes > 0, "{limit:?}");
    }
}
