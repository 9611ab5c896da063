//! [`Database`]: the one file, opened and asked. Blocks; belongs to one thread.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    fault,
    file::{self, Schema},
};
use crate::{
    clock::KeptClock,
    error::{Error, ErrorKind, Result},
};

/// The schema of `boothd.db`.
const SCHEMA: Schema = Schema {
    whole: include_str!("schema.sql"),
    upgrades: &[
        include_str!("upgrade/0001_tokens_sessions_audit.sql"),
        include_str!("upgrade/0002_metrics_events_outbox.sql"),
        include_str!("upgrade/0003_operations.sql"),
    ],
    // A batch of metrics ends in a handful of pages: docs/design/decisions/0007-batches.md.
    page_bytes: 1024,
};

/// An open database. The daemon's belongs to the thread `store`; a command opens its own, also
/// while the daemon runs.
#[derive(Debug)]
pub struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Tells what may have expired; `None`: the time that each request comes with.
    pub(super) clock: Option<Arc<KeptClock>>,
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
        let clock = self.clock.take();
        *self = Database { clock, ..opened };
        Ok(())
    }

    fn connect(path: &Path) -> Result<Self> {
        let connection = file::connect(path, &SCHEMA)?;
        Ok(Database { connection, path: path.to_owned(), clock: None })
    }

    /// Looks through every page.
    ///
    /// # Errors
    /// `Config` when one is damaged.
    pub fn check(&self) -> Result<()> {
        file::check(&self.connection, &self.path)
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
        Ok(self.connection.pragma_update(None, "user_version", SCHEMA.newest())?)
    }
}
