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

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{
    file::{self, beside},
    random_hex,
};
use crate::error::Result;

/// Bytes of randomness in the name of an opening.
const OPENING_BYTES: usize = 16;

/// Stands for a database that has no name yet.
const UNNAMED: &str = "none";

/// A longer file is not ours: it has one name per line, and one line more for each start at which
/// another process was reading the database.
const MOST_NAMES_BYTES: u64 = 1 << 16;

/// Puts a log aside that belongs to another database than the one it lies beside. Only for a file
/// that nothing in this process has open.
///
/// # Errors
/// `Unavailable` when it cannot be moved.
pub(super) fn judge_log(path: &Path) -> Result<()> {
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

/// Gives a copy a name that no log knows.
///
/// # Errors
/// `Unavailable`.
pub(super) fn rename(copy: &Path) -> Result<()> {
    let connection = Connection::open(copy)?;
    connection.pragma_update(None, "synchronous", "full")?;
    give(&connection, &random_hex(OPENING_BYTES))
}

fn give(connection: &Connection, name: &str) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("DELETE FROM opening", [])?;
    transaction.execute("INSERT INTO opening (opening_id) VALUES (?1)", [name])?;
    Ok(transaction.commit()?)
}

fn name(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let ask = "SELECT opening_id FROM opening";
    connection.query_row(ask, [], |row| row.get(0)).optional()
}

/// The name in the database itself, without its log.
fn name_without_log(path: &Path) -> Option<String> {
    let address = immutable(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address, flags).ok()?;
    let ask = "SELECT count(*) FROM sqlite_schema WHERE name = 'opening'";
    let has_names: bool = connection.query_row(ask, [], |row| row.get(0)).ok()?;
    if !has_names {
        return Some(UNNAMED.into());
    }
    Some(name(&connection).ok()?.unwrap_or_else(|| UNNAMED.into()))
}

/// SQLite's address of a file that it reads without its log and locks nothing of.
fn immutable(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                address.push(char::from(*byte));
            }
            _ => write!(address, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    address + "?immutable=1"
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
