//! Decides whether a log belongs to the database beside it. SQLite plays any log back, also onto
//! an older copy that has replaced the database: that corrupts the copy.
//!
//! Each start of the daemon gives the database a new name, in the table `opening`, and in the file
//! `…-opening` beside it once it stands in the database itself and not only in the log. A copy has
//! another name than that.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    file::{self, Schema, beside},
    opening_name::{OPENING_BYTES, UNNAMED, give, name, name_without_log},
    random::random_hex,
};
use crate::error::Result;

/// A longer file is not ours: it has one name per line, and one line more for each start at which
/// another process was reading the database.
const MOST_NAMES_BYTES: u64 = 1 << 16;

/// As [`file::connect`], for a file that nothing in this process has open: also looks at what a crash or
/// a person has left beside it.
///
/// # Errors
/// As [`file::connect`].
pub(crate) fn connect_first(path: &Path, schema: &Schema) -> Result<Connection> {
    file::take_up_rescued(path)?;
    judge_log(path)?;
    file::connect(path, schema)
}

/// Puts a log aside that belongs to another database than the one it lies beside. Only for a file
/// that nothing in this process has open.
///
/// # Errors
/// `Unavailable` when it cannot be moved.
fn judge_log(path: &Path) -> Result<()> {
    let log = beside(path, "-wal");
    let Ok(meta) = fs::metadata(&log) else { return Ok(()) };
    if meta.len() == 0 {
        return Ok(());
    }
    let Some(names) = read_names(path) else { return Ok(()) };
    // A database that is unreadable without its log was being written at a power cut.
    let Some(name) = name_without_log(path) else { return Ok(()) };
    if names.contains(&name) {
        return Ok(());
    }
    let to = file::put_log_aside(path, &meta)?;
    log::error!(
        target: "store", path = &*path.to_string_lossy(), log = &*to.to_string_lossy();
        "the database is a copy that was put in its place, and the log beside it belongs to the one before: the log is put aside and not played back; what it holds and the copy does not is in it"
    );
    Ok(())
}

/// Gives the database that was just opened a name of its own, from which its log is known.
///
/// # Errors
/// `Unavailable` when the disk does not take it: then nothing else should be written either.
pub(crate) fn note(connection: &Connection, path: &Path) -> Result<()> {
    let before = name(connection)?.unwrap_or_else(|| UNNAMED.into());
    let next = random_hex(OPENING_BYTES);
    if let Some(mut names) = read_names(path) {
        names.extend([before, next.clone()]);
        write_names(path, &names)?;
    }
    give(connection, &next)?;
    // While another process reads the database, the log and its earlier names stay.
    if file::clear_log(connection)? {
        write_names(path, &[next])?;
    }
    Ok(())
}

fn names_path(path: &Path) -> PathBuf {
    beside(path, "-opening")
}

/// The names that the log's database may have; `None` where there is no file of names.
fn read_names(path: &Path) -> Option<Vec<String>> {
    let path = names_path(path);
    let is_ours = fs::metadata(&path).ok()?.len() <= MOST_NAMES_BYTES;
    let text = is_ours.then(|| fs::read_to_string(&path).ok()).flatten()?;
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

/// All of it or nothing, also when the power goes.
fn write_names(path: &Path, names: &[String]) -> Result<()> {
    let (at, new) = (names_path(path), beside(path, "-opening.new"));
    let write = || -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all((names.join("\n") + "\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &at)?;
        at.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(file::cannot_be_written)
}
