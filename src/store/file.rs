//! An SQLite file of ours: made, opened, upgraded and looked through. Knows no table.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};

use super::fault;
use crate::error::{Error, ErrorKind, Result};

/// What a file holds: the newest version as a whole, and how older ones become the same.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The whole schema, for a new file.
    pub(crate) whole: &'static str,
    /// What makes version n of version n - 1, from the empty file on.
    pub(crate) upgrades: &'static [&'static str],
    /// Size of a page, the least that is written: small where a card is to be spared.
    pub(crate) page_bytes: u32,
}

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that stay prepared: all there are.
const STATEMENTS: usize = 64;

impl Schema {
    /// The newest version, as the file notes it.
    pub(crate) fn newest(&self) -> u32 {
        u32::try_from(self.upgrades.len()).expect("there are not so many upgrades")
    }

    /// Makes the newest version of whatever version the file has, in one transaction; true
    /// when it was an older one.
    fn upgrade(&self, connection: &mut Connection) -> Result<bool> {
        let newest = self.newest();
        // Most starts find the newest version and need not wait for a writer.
        if version(connection)? == newest {
            return Ok(false);
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
            let done = usize::try_from(found).expect("32 bits fit");
            let steps = &self.upgrades[done..];
            steps.iter().try_for_each(|step| transaction.execute_batch(step))?;
        }
        transaction.pragma_update(None, "user_version", newest)?;
        transaction.commit()?;
        Ok(found > 0)
    }
}

/// Opens the file, or makes it (mode 0600, with its folder); an older one is upgraded.
///
/// # Errors
/// `Unavailable` when it cannot be made or written or is damaged, `Config` when it is a newer
/// boothd's.
pub(crate) fn connect(path: &Path, schema: &Schema) -> Result<Connection> {
    make_private(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // Settled before the first table; pages that are free go back to the disk piece by piece.
    connection.pragma_update(None, "page_size", schema.page_bytes)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    // An answer means that the disk has it, also when the power fails the next moment.
    connection.pragma_update(None, "synchronous", "full")?;
    if schema.upgrade(&mut connection)? {
        // A file of before knew no pieces and may have other pages: it is written anew, this
        // once. Pages keep their size where another process has the file open in WAL mode.
        if connection.pragma_update(None, "journal_mode", "delete").is_err() {
            log::info!(target: "store", "the database keeps the size of its pages");
        }
        connection.execute_batch("VACUUM")?;
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    Ok(connection)
}

/// Looks through every page.
///
/// # Errors
/// `Config` when one is damaged.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let ask = "PRAGMA quick_check(1)";
    let found: Result<String> =
        connection.query_row(ask, [], |row| row.get(0)).map_err(Error::from);
    let damage = match found {
        Ok(found) if found == "ok" => return Ok(()),
        Ok(found) => found,
        Err(error) => return Err(fault::at_start(path, &error)),
    };
    let what = format!(
        "the database {} is damaged; move it and its -wal and -shm files away, and start \
         boothd again: it makes a new one",
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

fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The file must be its owner's alone before SQLite writes a byte; -wal and -shm take its mode.
fn make_private(path: &Path) -> Result<()> {
    let prepare = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    };
    prepare().map_err(|cause: std::io::Error| {
        let what = "it cannot be written; make state.dir and what is in it writable for the \
                    user that boothd runs as";
        Error::new(ErrorKind::Unavailable, what).because(cause)
    })
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
