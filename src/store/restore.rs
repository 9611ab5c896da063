//! Puts a back-up in the place of a database, with the daemon stopped. Nothing is touched before
//! the back-up is known to be whole, and what was there is kept under another name.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    database::{self, Database},
    file::{self, Schema, beside, stamp},
    opening_name,
};
use crate::error::{Error, ErrorKind, Result};

/// Suffixes of a database's own files.
const BESIDE: [&str; 5] = ["", "-wal", "-shm", "-journal", "-opening"];

/// A table that only a booth's database has.
const OF_A_BOOTH: &str = "token";

/// Puts `from`, a booth's database, in the place of the one at `to`; where what was there is kept,
/// if there was anything. The caller must own the folder ([`StateOwner`](super::StateOwner)).
/// `now` is unix ms.
///
/// # Errors
/// `InvalidInput` when `from` cannot be read, is damaged, or is no booth's database: nothing has
/// changed then. `Config`, `Unavailable` when the folder cannot be written.
pub fn restore(from: &Path, to: &Path, actor: &str, now: i64) -> Result<Option<PathBuf>> {
    let kept = put_back(from, to, &database::SCHEMA, OF_A_BOOTH, now)?;
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    Database::open(to)?.note_restored(&name, actor, now)?;
    Ok(kept)
}

/// Whether that file has that table.
///
/// # Errors
/// `InvalidInput` when it cannot be read or is no database.
pub(crate) fn has_table(file: &Path, table: &str) -> Result<bool> {
    let ask = || -> rusqlite::Result<bool> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let ask = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        connection.query_row(ask, [table], |row| row.get(0))
    };
    ask().map_err(|cause| {
        let what = format!(
            "{} cannot be read as a database; name a file that `boothd backup` made",
            file.display()
        );
        Error::new(ErrorKind::InvalidInput, what).because(cause)
    })
}

/// As [`restore`], for a file of that schema, which has that table.
pub(crate) fn put_back(
    from: &Path,
    to: &Path,
    schema: &Schema,
    table: &str,
    now: i64,
) -> Result<Option<PathBuf>> {
    let new = beside(to, ".restoring");
    clear(&new).map_err(file::cannot_be_written)?;
    let prepared = copy_files(from, &new)
        .and_then(|()| prepare(&new, schema, table))
        .and_then(|()| give_to_owner(&new, to).map_err(file::cannot_be_written));
    if let Err(error) = prepared {
        clear(&new).ok();
        return Err(error);
    }
    // A start that finds no database takes this one up, so that a power cut from here on loses
    // neither.
    let rescued = beside(to, ".rescued");
    fs::rename(&new, &rescued).map_err(file::cannot_move)?;
    let kept = put_aside(to, now).map_err(file::cannot_move)?;
    file::take_up_rescued(to)?;
    Ok(kept)
}

/// Copies the file, and the log of one that was not closed.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for ending in ["", "-wal"] {
        let (from, to) = (beside(from, ending), beside(to, ending));
        if !ending.is_empty() && !from.exists() {
            continue;
        }
        if !from.is_file() {
            let what = format!("there is no file {}", from.display());
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let copy = || {
            fs::copy(&from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600))
        };
        copy().map_err(file::cannot_be_written)?;
    }
    Ok(())
}

/// Judges the copy, makes the newest version of it, and leaves one file that no log belongs to.
fn prepare(new: &Path, schema: &Schema, table: &str) -> Result<()> {
    if !has_table(new, table)? {
        let what = "the file is no back-up of this kind: it is a database of something else; \
                    nothing was changed";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let judge = || -> Result<()> {
        let connection = file::connect(new, schema)?;
        let first: String =
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if first != "ok" {
            return Err(Error::new(ErrorKind::InvalidInput, first));
        }
        let strays: i64 = connection.query_row(
            "SELECT count(*) FROM pragma_foreign_key_check",
            [],
            |row| row.get(0),
        )?;
        if strays > 0 {
            let what = format!("{strays} rows belong to rows that are not there");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        connection.pragma_update(None, "journal_mode", "delete")?;
        Ok(())
    };
    judge().map_err(|error| {
        let what = format!(
            "the back-up cannot be restored, and nothing was changed: {}",
            error.chain()
        );
        Error::new(ErrorKind::InvalidInput, what)
    })?;
    opening_name::rename(new)?;
    let sync = || fs::File::open(new)?.sync_all();
    sync().map_err(file::cannot_be_written)
}

/// A restore as root must not leave a file that the daemon cannot open.
fn give_to_owner(new: &Path, to: &Path) -> io::Result<()> {
    let Some(folder) = to.parent() else { return Ok(()) };
    let (owner, ours) = (fs::metadata(folder)?, fs::metadata(new)?);
    if (owner.uid(), owner.gid()) != (ours.uid(), ours.gid()) {
        chown(new, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// Renames a database with all that lies beside it; its new name, where there was one.
fn put_aside(database: &Path, now: i64) -> io::Result<Option<PathBuf>> {
    let to = beside(database, &format!(".before-restore-{}", stamp(now)));
    let mut kept = None;
    for ending in BESIDE {
        let from = beside(database, ending);
        if from.exists() {
            file::rename_new(&from, &beside(&to, ending))?;
            kept = Some(to.clone());
        }
    }
    file::sync_folder(database)?;
    Ok(kept)
}

/// Removes the files of an interrupted restore.
fn clear(new: &Path) -> io::Result<()> {
    for ending in BESIDE {
        match fs::remove_file(beside(new, ending)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => (),
        }
    }
    Ok(())
}
