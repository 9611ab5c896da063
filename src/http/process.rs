//! Resources that the process uses, from /proc. `None`: the system does not report it.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use crate::board::field;

/// Processor time of all threads so far.
pub(crate) fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Memory that is in RAM now.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(field(&status, "VmRSS:")? * 1024)
}

/// Threads that run.
pub(crate) fn threads() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/status").ok()?, "Threads:")
}

/// Files and sockets that are open, less the one that this question opens.
pub(crate) fn open_fds() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(open.saturating_sub(1)).ok()
}

/// How many may be open; `None` without a limit.
pub(crate) fn max_fds() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_reports_what_the_process_uses() {
        let before = open_fds().unwrap();
        let file = fs::File::open("/proc/self/status").unwrap();
        // Other tests of this process open and close files too.
        assert!(before >= 3 && max_fds().is_none_or(|max| max > before));
        drop(file);
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(threads().unwrap() >= 1);
        assert_eq!(field("VmRSS:\t  12 kB\nThreads:\t3\n", "Threads:"), Some(3));
    }
}
