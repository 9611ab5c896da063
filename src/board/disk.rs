//! Free space on the disk.

use std::path::Path;

use rustix::fs::statvfs;

/// Less than this left on the disk is trouble: the system itself needs some.
pub const LOW_DISK_BYTES: u64 = 200 << 20;

/// Bytes that boothd may still write on the disk of `folder`; `None` where that is not known.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

/// One sentence for the operator where too little is left.
pub fn low_disk(free_bytes: u64) -> Option<String> {
    (free_bytes < LOW_DISK_BYTES).then(|| {
        format!(
            "{} MiB left on the disk; make room, or keep less (store.retention_days)",
            free_bytes >> 20
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_gives_a_sentence() {
        assert!(free_bytes(Path::new("/")).is_some());
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")), None);
        assert!(low_disk(3 << 20).unwrap().starts_with("3 MiB left"));
        assert_eq!(low_disk(LOW_DISK_BYTES), None);
    }
}
