//! [`StateOwner`]: the lock by which one daemon at a time owns a state folder.
//!
//! The lock is `flock` on `state.dir/lock`: the kernel gives it back however the process ends, so
//! a file that a crash or a power cut left behind is no obstacle. Commands that work beside the
//! daemon (`token`, `export`, `erase`, `backup`) do not take it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::fault;
use crate::error::{Error, ErrorKind, Result};

/// The lock's name in `state.dir`.
const LOCK_FILE: &str = "lock";

/// Letters of the note in the lock file that a refusal repeats.
const MOST_NOTE_BYTES: u64 = 200;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// Ownership of a state folder, until the last clone is dropped or the process ends.
#[derive(Clone, Debug)]
pub struct StateOwner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state_dir: PathBuf,
    note: String,
    /// `None`: the disk did not let it be made yet.
    held: Mutex<Option<File>>,
}

impl StateOwner {
    /// Takes the folder, which is made where it is missing, for the command `what` at `now`
    /// (unix ms, for the note only).
    ///
    /// A disk that is full, read-only or failing does not refuse: the lock is then taken by
    /// [`StateOwner::ensure`], before anything is written. A file system without `flock` does not
    /// refuse either; a warning is logged.
    ///
    /// # Errors
    /// `Unavailable` when another daemon owns the folder: the message says which one. `Config`
    /// when the folder or the lock file may not be written.
    pub fn take(state_dir: &Path, what: &str, now: i64) -> Result<Self> {
        let since = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let since = since.strftime("%Y-%m-%d %H:%M UTC");
        let note = format!("{what}, process {}, since {since}", process::id());
        let owner = StateOwner {
            shared: Arc::new(Shared {
                state_dir: state_dir.to_owned(),
                note,
                held: Mutex::default(),
            }),
        };
        match owner.ensure() {
            Err(error) if fault::is_disks(&error) => {
                let reason = error.chain().to_string();
                log::error!(target: "store", error = reason.as_str(); "the lock of the state folder cannot be made yet");
                Ok(owner)
            }
            taken => taken.map(|()| owner),
        }
    }

    /// Checks that the lock is still held, else takes it (again): the disk may have been full before,
    /// or the file may have been deleted.
    ///
    /// # Errors
    /// As [`StateOwner::take`]; `Unavailable` also when the disk does not let it be made.
    pub fn ensure(&self) -> Result<()> {
        let path = self.shared.state_dir.join(LOCK_FILE);
        let mut held = self.shared.held.lock().expect(UNPOISONED);
        if held.as_ref().is_some_and(|file| is_at(file, &path)) {
            return Ok(());
        }
        let file = self.lock(&path)?;
        *held = Some(file);
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<File> {
        loop {
            let mut file = open(&self.shared.state_dir, path)
                .map_err(|cause| cannot_be_made(path, cause))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => (),
                Err(Errno::WOULDBLOCK) => return Err(self.refuse(&mut file)),
                Err(Errno::INTR) => continue,
                Err(cause) => {
                    log::warn!(
                        target: "store", path = &*path.to_string_lossy(), error = &*cause.to_string();
                        "the file system of state.dir has no file locks (a network file system?): nothing keeps a second daemon out of it; keep state.dir on a local disk"
                    );
                }
            }
            // The file may have been deleted between its opening and its lock.
            if is_at(&file, path) {
                note(&mut file, &self.shared.note);
                return Ok(file);
            }
        }
    }

    fn refuse(&self, file: &mut File) -> Error {
        let mut holder = Vec::new();
        let read = file.take(MOST_NOTE_BYTES).read_to_end(&mut holder);
        let holder = String::from_utf8_lossy(&holder);
        let holder = match read.ok().and(holder.lines().next()) {
            Some(holder) if !holder.is_empty() => holder,
            _ => "another boothd, which could not write down who it is",
        };
        let what = format!(
            "the state folder {} is in use by {holder}; two daemons on one folder would end each \
             other's interviews: stop that one, or set another state.dir for this one",
            self.shared.state_dir.display()
        );
        Error::new(ErrorKind::Unavailable, what)
    }
}

/// Opens the lock file, makes it where it can; where it is there and only cannot be written, it
/// is good enough to be locked.
fn open(state_dir: &Path, path: &Path) -> io::Result<File> {
    let make = || {
        fs::create_dir_all(state_dir)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
    };
    make().or_else(|cause| File::open(path).map_err(|_| cause))
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

/// Writes the owner into the lock file, for the message of a refusal. On a full disk the file is
/// left empty: no name is better than a former owner's.
fn note(file: &mut File, note: &str) {
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(format!("{note}\n").as_bytes()));
    if let Err(cause) = written {
        log::debug!(target: "store", error = &*cause.to_string(); "the owner could not be written into the lock file");
    }
}

fn cannot_be_made(path: &Path, cause: io::Error) -> Error {
    let kind =
        if fault::is_disks_io(&cause) { ErrorKind::Unavailable } else { ErrorKind::Config };
    let what = format!(
        "the lock {} cannot be made; make state.dir and what is in it writable for the user \
         that boothd runs as",
        path.display()
    );
    Error::new(kind, what).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_521_600_000;

    #[test]
    fn a_second_owner_is_refused_with_the_name_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let first = StateOwner::take(&state_dir, "boothd run", NOON).unwrap();
        let refused = StateOwner::take(&state_dir, "boothd fleet", NOON).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        let expected = format!(
            "is in use by boothd run, process {}, since 2026-11-24 12:00 UTC;",
            process::id()
        );
        assert!(refused.to_string().contains(&expected), "{refused}");
        drop(first);
        StateOwner::take(&state_dir, "boothd fleet", NOON).unwrap();
    }

    #[test]
    fn a_lock_that_was_deleted_is_taken_again_unless_another_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join(LOCK_FILE);
        let first = StateOwner::take(folder.path(), "boothd run", NOON).unwrap();
        fs::remove_file(&lock).unwrap();
        first.ensure().unwrap();
        StateOwner::take(folder.path(), "boothd run", NOON).unwrap_err();
        fs::remove_file(&lock).unwrap();
        let second = StateOwner::take(folder.path(), "boothd fleet", NOON).unwrap();
        let lost = first.ensure().unwrap_err();
        assert!(lost.to_string().contains("boothd fleet"), "{lost}");
        drop(second);
        first.ensure().unwrap();
    }

    #[test]
    fn what_a_crash_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK_FILE), "boothd run, process 1, since long ago\n")
            .unwrap();
        StateOwner::take(folder.path(), "boothd run", NOON).unwrap();
        let note = fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap();
        assert!(note.contains(&format!("process {},", process::id())), "{note}");
    }
}
