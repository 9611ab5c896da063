//! Creates, opens, upgrades and checks an SQLite file. Knows no table.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use rustix::{
    fs::{Access, CWD, RenameFlags, access, renameat_with},
    io::Errno,
};

use super::{fault, opening_name};
use crate::error::{Error, ErrorKind, Result};

/// Version of the first release's schema. Versions 1 to 3 were never released.
const FIRST_VERSION: u32 = 4;

/// Schema of a file: the newest version as a whole, and the upgrades of older versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// The whole schema, for a new file.
    pub(crate) whole: &'static str,
    /// Upgrades, each to the next version, from the first release's on.
    pub(crate) upgrades: &'static [&'static str],
    /// Adds to a file of the newest version the columns that the catalogue of metrics has and the
    /// file does not.
    pub(crate) add_columns: fn(&Connection) -> Result<()>,
    /// Size of a page, the smallest write: small pages reduce the wear of an SD card.
    pub(crate) page_bytes: u32,
}

/// Maximum wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Capacity of the cache of prepared statements; holds all statements.
const STATEMENTS: usize = 64;

impl Schema {
    /// The newest version, as the file notes it.
    pub(crate) fn newest(&self) -> u32 {
        FIRST_VERSION + u32::try_from(self.upgrades.len()).expect("there are not so many")
    }

    /// Makes the newest version of whatever version the file has, in one transaction.
    fn upgrade(&self, connection: &mut Connection) -> Result<()> {
        let newest = self.newest();
        // Most starts find the newest version and need not wait for a writer.
        if version(connection)? == newest {
            return Ok(());
        }
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        if found > newest {
            let what = format!(
                "it is of version {found}, made by a newer boothd, and this one knows only \
                 {newest}; install the newer boothd again"
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
        if found == 0 {
            transaction.execute_batch(self.whole)?;
        } else {
            let Some(done) = found.checked_sub(FIRST_VERSION) else {
                let what = format!(
                    "it is of version {found}, made by a boothd from before the first release; \
                     move it and its -wal and -shm files away, and start boothd again: it makes \
                     a new one"
                );
                return Err(Error::new(ErrorKind::Config, what));
            };
            let done = usize::try_from(done).expect("32 bits fit");
            let steps = &self.upgrades[done..];
            steps.iter().try_for_each(|step| transaction.execute_batch(step))?;
        }
        transaction.pragma_update(None, "user_version", newest)?;
        Ok(transaction.commit()?)
    }
}

/// Opens the file, or makes it (mode 0600, with its folder); an older one is upgraded.
///
/// # Errors
/// `Unavailable` when it cannot be made or written or is damaged, `Config` when it is a newer
/// boothd's or may not be written by this user.
pub(crate) fn connect(path: &Path, schema: &Schema) -> Result<Connection> {
    make_private(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // Must be set before the first table; free pages then go back to the disk step by step.
    connection.pragma_update(None, "page_size", schema.page_bytes)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    // A commit returns after the disk has the data, so that it survives a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    schema.upgrade(&mut connection)?;
    (schema.add_columns)(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    Ok(connection)
}

/// Looks through every page.
///
/// # Errors
/// `Config` when one is damaged, `Unavailable` when the disk does not let it be read.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let ask = "PRAGMA quick_check(1)";
    let found: rusqlite::Result<String> = connection.query_row(ask, [], |row| row.get(0));
    let damage = match found {
        Ok(found) if found == "ok" => return Ok(()),
        Ok(found) => found,
        Err(cause) => {
            let error = Error::from(cause);
            if fault::is_disks(&error) {
                return Err(error);
            }
            error.chain().to_string()
        }
    };
    let what = format!(
        "the database {} is damaged; put a back-up in its place with `boothd restore FILE`, or \
         move it and its -wal and -shm files away, and start boothd again: it makes a new one",
        path.display()
    );
    Err(Error::new(ErrorKind::Config, what).because(damage))
}

/// Moves the write-ahead log into the file and cuts it to nothing: false while another process
/// reads it. What was deleted is zeros in the file (`secure_delete`).
///
/// # Errors
/// `Unavailable`.
pub(crate) fn clear_log(connection: &Connection) -> Result<bool> {
    let ask = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = connection.query_row(ask, [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// A column of numbers of a table.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// `INTEGER` or `REAL`.
    pub(crate) kind: &'static str,
    /// Smallest and largest value.
    pub(crate) range: (f64, f64),
}

/// Adds the columns that a table does not have, all or none of them.
///
/// # Errors
/// `Unavailable` when the disk does not take them.
pub(crate) fn add_columns(
    connection: &Connection,
    table: &str,
    columns: impl Iterator<Item = Column> + Clone,
) -> Result<()> {
    let names = || -> Result<BTreeSet<String>> {
        let mut ask = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        Ok(ask.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    let is_whole =
        |has: BTreeSet<String>| columns.clone().all(|column| has.contains(column.name));
    // Most starts find them all and need not wait for a writer.
    if is_whole(names()?) {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let add = || -> Result<()> {
        let has = names()?;
        for Column { name, kind, range: (min, max) } in columns.clone() {
            if !has.contains(name) {
                connection.execute_batch(&format!(
                    "ALTER TABLE {table} ADD COLUMN {name} {kind} \
                     CHECK ({name} BETWEEN {min} AND {max})"
                ))?;
            }
        }
        Ok(connection.execute_batch("COMMIT")?)
    };
    add().inspect_err(|_| drop(connection.execute_batch("ROLLBACK")))
}

fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The file must be its owner's alone before SQLite writes a byte; -wal and -shm take its mode. A
/// file that is there is not opened here: closing it would drop SQLite's own locks on it.
fn make_private(path: &Path) -> Result<()> {
    let prepare = || match fs::metadata(path) {
        Ok(meta) => {
            if meta.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            }
            Ok(access(path, Access::READ_OK | Access::WRITE_OK)?)
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut options = fs::OpenOptions::new();
            match options.create_new(true).write(true).mode(0o600).open(path) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made.map(drop),
            }
        }
        Err(cause) => Err(cause),
    };
    prepare().map_err(cannot_be_written)
}

/// Error of a failed access: the disk may recover, or a person must let boothd write.
pub(super) fn cannot_be_written(cause: io::Error) -> Error {
    if fault::is_disks_io(&cause) {
        let what = "the disk of state.dir does not take it; make room, or look at the disk";
        return Error::new(ErrorKind::Unavailable, what).because(cause);
    }
    let what = "it cannot be written; make state.dir and what is in it writable for the user \
                that boothd runs as";
    Error::new(ErrorKind::Config, what).because(cause)
}

/// A file in the folder cannot be moved.
pub(super) fn cannot_move(cause: io::Error) -> Error {
    let what = "a file in state.dir cannot be moved; make state.dir writable for boothd";
    Error::new(ErrorKind::Unavailable, what).because(cause)
}

/// The name of a file that belongs to the database `path`.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// A time (unix ms) in the form of the names of files that were put aside.
pub(crate) fn stamp(unix_ms: i64) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}

/// Renames, unless something has that name already.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not support RENAME_NOREPLACE.
        Err(Errno::INVAL | Errno::NOSYS) if !to.exists() => fs::rename(from, to),
        moved => Ok(moved?),
    }
}

/// Makes changes in a file's folder durable (fsync of the folder).
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Copies what a connection sees into a new file (mode 0600), whole and on the disk, which no log
/// belongs to.
///
/// # Errors
/// `InvalidInput` when the file is there already or cannot be made; `Unavailable`.
pub(crate) fn copy(connection: &Connection, to: &Path) -> Result<()> {
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let file = made.map_err(|cause| {
        if fault::is_disks_io(&cause) {
            return cannot_be_written(cause);
        }
        let what = format!("{} cannot be made; name a file that is not there", to.display());
        Error::new(ErrorKind::InvalidInput, what).because(cause)
    })?;
    let copy = || -> Result<()> {
        connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        opening_name::rename(to)?;
        file.sync_all().and_then(|()| sync_folder(to)).map_err(cannot_be_written)
    };
    copy().inspect_err(|_| {
        // A partial copy would be taken for a complete one.
        fs::remove_file(to).ok();
    })
}

/// Copies what a connection to the deleted database `path` sees to where
/// [`take_up_rescued`] finds it.
pub(super) fn rescue(connection: &Connection, path: &Path) -> Result<()> {
    let (half, whole) = (beside(path, ".rescuing"), beside(path, ".rescued"));
    // Left by a crash during the copy; the connection has all data.
    fs::remove_file(&half).ok();
    copy(connection, &half)?;
    fs::rename(&half, &whole).and_then(|()| sync_folder(&whole)).map_err(cannot_move)
}

/// Puts what was saved from a deleted database in its place, where none stands there.
pub(super) fn take_up_rescued(path: &Path) -> Result<()> {
    let rescued = beside(path, ".rescued");
    if !rescued.exists() || path.exists() {
        return Ok(());
    }
    match rename_new(&rescued, path).and_then(|()| sync_folder(path)) {
        // Another process was quicker, with the same file.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && path.exists() => Ok(()),
        moved => moved.map_err(cannot_move),
    }
}

/// Renames a log that belongs to another database, with its index, to a name with the time of its
/// last write.
pub(super) fn put_log_aside(path: &Path, log: &Metadata) -> Result<PathBuf> {
    let written_ms = log.mtime() * 1000 + log.mtime_nsec() / 1_000_000;
    let to = beside(path, &format!(".aside-{}-wal", stamp(written_ms)));
    rename_new(&beside(path, "-wal"), &to).map_err(cannot_move)?;
    match fs::remove_file(beside(path, "-shm")) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(cannot_move(cause));
        }
        _ => (),
    }
    sync_folder(path).map_err(cannot_move)?;
    Ok(to)
}

/// Free pages go back to the disk: the pragma frees one a step.
///
/// # Errors
/// `Unavailable`.
pub(crate) fn give_back_pages(connection: &Connection) -> Result<()> {
    let mut free = connection.prepare_cached("PRAGMA incremental_vacuum")?;
    let mut steps = free.query([])?;
    while steps.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests;
