//! Errors of SQLite, sorted by their remedy.

use std::{error, io, path::Path};

use rusqlite::{ErrorCode, ffi};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind};

impl From<rusqlite::Error> for Error {
    /// In flight: the store tries again by itself where the disk or the file is at fault.
    fn from(cause: rusqlite::Error) -> Self {
        let (kind, what) = judge(&cause);
        Error::new(kind, what).because(cause)
    }
}

fn judge(cause: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use ErrorKind::{Internal, InvalidInput, Unavailable};
    let extended = cause.sqlite_error().map(|error| error.extended_code);
    if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) {
        // The index of the log grows before anything is written, so a full disk shows there first.
        let what = "the disk of the database is full or fails; make room in state.dir, or look at \
                    the disk";
        return (Unavailable, what);
    }
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            (Unavailable, "the disk of the database is full; make room in state.dir")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (Unavailable, "the database may not be written; make state.dir writable for boothd")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
            (Unavailable, "the database cannot be reached; look at the disk of state.dir")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Unavailable,
            "another process keeps the database locked; end it, or wait and try again",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            Unavailable,
            "the database is damaged; stop boothd, move boothd.db and boothd.db-* out of \
             state.dir, and start it again: it makes a new one",
        ),
        Some(ErrorCode::ConstraintViolation) => {
            (InvalidInput, "the database refuses this: it is too long, out of range or twice")
        }
        _ => (Internal, "the database does not understand boothd"),
    }
}

/// At the start: a person must look at it, since starting again would not help.
pub(crate) fn at_start(path: &Path, error: &Error) -> Error {
    let what = format!("the database {} cannot be opened: {error}", path.display());
    let kind = match error.kind() {
        ErrorKind::Internal => ErrorKind::Internal,
        _ => ErrorKind::Config,
    };
    match std::error::Error::source(error) {
        Some(cause) => Error::new(kind, what).because(cause.to_string()),
        None => Error::new(kind, what),
    }
}

/// Whether the disk is at fault (full, read-only, failing, gone), which may mend without a person
/// who edits anything.
pub(crate) fn is_disks_io(cause: &io::Error) -> bool {
    const DISKS: [Errno; 7] = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::ROFS,
        Errno::IO,
        Errno::NODEV,
        Errno::NXIO,
        Errno::STALE,
    ];
    Errno::from_io_error(cause).is_some_and(|cause| DISKS.contains(&cause))
}

/// The same for an error of ours, by its cause.
pub(crate) fn is_disks(error: &Error) -> bool {
    let Some(cause) = error::Error::source(error) else { return false };
    if let Some(cause) = cause.downcast_ref::<io::Error>() {
        return is_disks_io(cause);
    }
    cause.downcast_ref::<rusqlite::Error>().is_some_and(is_disks_sqlite)
}

/// SQLite replaces the system's reasons by its own texts.
fn is_disks_sqlite(cause: &rusqlite::Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure,
    };
    let code = cause.sqlite_error_code();
    code.is_some_and(|code| {
        [CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure]
            .contains(&code)
    })
}
