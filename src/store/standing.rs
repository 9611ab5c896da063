//! [`Standing`]: whether the files that a connection has open are still those that stand at their
//! names, and what is done where they are not. An open file outlives its name: what is written
//! into one that was deleted or replaced is lost when it is closed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, config::DbConfig};

use super::file::{self, beside, stamp};
use crate::error::{Error, ErrorKind, Result};

/// Stands before the time in the name of what is kept of a database that was replaced.
const REPLACED: &str = ".replaced-";

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct FileId {
    device: u64,
    inode: u64,
}

/// A database's file, its log and its index, as they were when they were opened.
#[derive(Debug)]
pub(crate) struct Standing {
    files: [(PathBuf, Option<FileId>); 3],
}

/// Files at the names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// The open files.
    Same,
    /// No database.
    Deleted,
    /// Another database.
    Replaced,
    /// The database, and not its log or its index.
    LogGone,
}

/// Place of the saved content of the open files.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Saved {
    /// At the database's name again.
    WrittenAnew,
    /// In this file, beside the one that took its place.
    Beside(PathBuf),
    /// The log is written back into the database.
    LogWrittenBack,
}

fn id_of(path: &Path) -> io::Result<Option<FileId>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(FileId { device: meta.dev(), inode: meta.ino() })),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

impl Standing {
    /// Of a database that was just opened and written.
    pub(crate) fn of(path: &Path) -> Self {
        let paths = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
        let files = paths.map(|path| {
            let id = id_of(&path).unwrap_or_default();
            (path, id)
        });
        Standing { files }
    }

    fn path(&self) -> &Path {
        &self.files[0].0
    }

    /// Whether the database stands at that name, under which it was not opened.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let (_, known) = &self.files[0];
        known.is_some() && id_of(path).is_ok_and(|found| found == *known)
    }

    /// Compares the names. A disk that does not answer is no difference: SQLite meets that error itself.
    pub(crate) fn look(&mut self) -> Found {
        for (nth, (path, known)) in self.files.iter_mut().enumerate() {
            let Ok(found) = id_of(path) else { return Found::Same };
            match (found, *known) {
                (Some(_), None) => *known = found,
                (found, known) if found == known => (),
                (None, _) if nth == 0 => return Found::Deleted,
                _ if nth == 0 => return Found::Replaced,
                _ => return Found::LogGone,
            }
        }
        Found::Same
    }

    /// Takes what only the open files hold to where it stays; they can then be let go. `now` is
    /// unix ms, for the names of files.
    ///
    /// # Errors
    /// `Unavailable` when the disk does not take it: the connection must then be kept.
    pub(crate) fn save(
        &self,
        connection: &Connection,
        found: Found,
        now: i64,
    ) -> Result<Saved> {
        let path = self.path();
        match found {
            Found::Same | Found::LogGone => {
                if !file::clear_log(connection)? {
                    let what = "the database's log was deleted or replaced, and another process \
                                reads the database; end that process";
                    return Err(Error::new(ErrorKind::Unavailable, what));
                }
                self.clear_names(now)?;
                Ok(Saved::LogWrittenBack)
            }
            Found::Deleted => {
                file::rescue(connection, path)?;
                self.clear_names(now)?;
                file::take_up_rescued(path)?;
                Ok(Saved::WrittenAnew)
            }
            Found::Replaced => {
                let half = beside(path, ".keeping");
                let kept = beside(path, &format!("{REPLACED}{}", stamp(now)));
                // Left by a crash during the copy; the connection has all data.
                fs::remove_file(&half).ok();
                file::copy(connection, &half)?;
                fs::rename(&half, &kept)
                    .and_then(|()| file::sync_folder(&kept))
                    .map_err(file::cannot_move)?;
                self.clear_names(now)?;
                Ok(Saved::Beside(kept))
            }
        }
    }

    /// No log and no index of what was open may stand beside what is opened next. Those of others
    /// came with a file that was put there, or are put aside.
    fn clear_names(&self, now: i64) -> Result<()> {
        let there = id_of(self.path()).map_err(file::cannot_move)?;
        let is_replaced = there.is_some() && there != self.files[0].1;
        for (path, known) in &self.files[1..] {
            match id_of(path).map_err(file::cannot_move)? {
                None => (),
                found if found == *known => fs::remove_file(path).map_err(file::cannot_move)?,
                Some(_) if is_replaced => (),
                Some(_) => {
                    let to = beside(path, &format!(".aside-{}", stamp(now)));
                    fs::rename(path, to).map_err(file::cannot_move)?;
                }
            }
        }
        Ok(())
    }
}

/// The newest copy kept beside the database `path` when another took its place; `None`: there is
/// none, or it was moved away.
pub(crate) fn kept_beside(path: &Path) -> Option<PathBuf> {
    let begins = format!("{}{REPLACED}", path.file_name()?.to_str()?);
    let names = fs::read_dir(path.parent()?).ok()?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // The name ends with the time, so that the newest is the greatest; its log is no copy.
    let kept = names.filter(|name| name.starts_with(&begins) && name.ends_with('Z'));
    kept.max().map(|newest| path.with_file_name(newest))
}

/// Closes a connection whose names belong to another file by now: SQLite would delete that one's
/// log.
pub(crate) fn let_go(connection: Connection) {
    let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    if kept.is_err() || connection.close().is_err() {
        log::debug!(target: "store", "a database that was replaced could not be closed in order");
    }
}
