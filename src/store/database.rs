//! [`Database`]: the one file, opened, upgraded and asked. Blocks; belongs to one thread.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault;
use crate::error::{Error, ErrorKind, Result};

/// The whole schema, for a new file.
const SCHEMA: &str = include_str!("schema.sql");

/// What makes version n of version n - 1, from the empty file on.
const UPGRADES: &[&str] = &[
    include_str!("upgrade/0001_tokens_sessions_audit.sql"),
    include_str!("upgrade/0002_metrics_events_outbox.sql"),
];

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that stay prepared: all there are.
const STATEMENTS: usize = 64;

/// An open database. The daemon's belongs to the thread `store`; a command opens its own, also
/// while the daemon runs.
#[derive(Debug)]
pub struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens the file, or makes it (mode 0600, with its folder); an older one is upgraded.
    ///
    /// # Errors
    /// `Config` when the file cannot be made or written, is damaged, or is a newer boothd's.
    pub fn open(path: &Path) -> Result<Self> {
        Database::connect(path).map_err(|error| fault::at_start(path, &error))
    }

    /// The same for one that was open before: `Unavailable` when the disk is still at fault.
    pub(super) fn reopen(&mut self) -> Result<()> {
        let opened = Database::connect(&self.path)?;
        opened.touch()?;
        *self = opened;
        Ok(())
    }

    fn connect(path: &Path) -> Result<Self> {
        make_private(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "secure_delete", true)?;
        // Pages that are free go back to the disk piece by piece; settled before the first table.
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
        // An answer means that the disk has it, also when the power fails the next moment.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        let mut database = Database { connection, path: path.to_owned() };
        if database.upgrade(SCHEMA, UPGRADES)? {
            // A file of before knew no pieces: it is written anew, this once.
            database.connection.execute_batch("VACUUM")?;
        }
        Ok(database)
    }

    /// Looks through every page.
    ///
    /// # Errors
    /// `Config` when one is damaged.
    pub fn check(&self) -> Result<()> {
        let ask = "PRAGMA quick_check(1)";
        let found: Result<String> =
            self.connection.query_row(ask, [], |row| row.get(0)).map_err(Error::from);
        let damage = match found {
            Ok(found) if found == "ok" => return Ok(()),
            Ok(found) => found,
            Err(error) => return Err(fault::at_start(&self.path, &error)),
        };
        let what = format!(
            "the database {} is damaged; move it and its -wal and -shm files away, and start \
             boothd again: it makes a new one",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Config, what).because(damage))
    }

    /// Makes the newest version of whatever version the file has, in one transaction; true
    /// when it was an older one.
    fn upgrade(&mut self, schema: &str, upgrades: &[&str]) -> Result<bool> {
        let newest = upgrades.len();
        // Most starts find the newest version and need not wait for a writer.
        if version(&self.connection)? == newest {
            return Ok(false);
        }
        let transaction = self.begin()?;
        let found = version(&transaction)?;
        if found > newest {
            let what = format!(
                "it is of version {found}, made by a newer boothd, and this one knows only \
                 {newest}; install the newer boothd again"
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
        if found == 0 {
            transaction.execute_batch(schema)?;
        } else {
            upgrades[found..].iter().try_for_each(|step| transaction.execute_batch(step))?;
        }
        transaction.pragma_update(None, "user_version", as_row(newest))?;
        transaction.commit()?;
        Ok(found > 0)
    }

    /// A transaction that writes: it takes its turn now, not in the middle.
    pub(super) fn begin(&mut self) -> Result<Transaction<'_>> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Copies the database as it is now to a new file (mode 0600), while it is in use.
    ///
    /// # Errors
    /// `InvalidInput` when the file is there already or cannot be made; `Unavailable`.
    pub fn back_up(&self, to: &Path) -> Result<()> {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
        made.map_err(|cause| {
            let what =
                format!("{} cannot be made; name a file that is not there", to.display());
            Error::new(ErrorKind::InvalidInput, what).because(cause)
        })?;
        let copied = self.connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
        if copied.is_err() {
            // Half a copy would be taken for a whole one.
            fs::remove_file(to).ok();
        }
        copied?;
        Ok(())
    }

    /// What the database takes on the disk, and how much of that is free, bytes.
    pub(super) fn size_bytes(&self) -> Result<(u64, u64)> {
        let ask = |pragma: &str| -> Result<u64> {
            Ok(self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?)
        };
        let page = ask("page_size")?;
        Ok((ask("page_count")? * page, ask("freelist_count")? * page))
    }

    /// A number that changes with each commit of another connection.
    pub(super) fn data_version(&self) -> Result<i64> {
        let mut ask = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(ask.query_row([], |row| row.get(0))?)
    }

    /// The smallest write there is, which proves that the disk takes one.
    fn touch(&self) -> Result<()> {
        Ok(self.connection.pragma_update(None, "user_version", as_row(UPGRADES.len()))?)
    }
}

fn version(connection: &Connection) -> Result<usize> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(usize::try_from(found).expect("32 bits fit"))
}

fn as_row(version: usize) -> u32 {
    u32::try_from(version).expect("there are not so many upgrades")
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
