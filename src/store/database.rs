//! [`Database`]: the connection to `boothd.db`. Blocks; belongs to one thread.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    fault,
    file::{self, Schema},
    opening,
    standing::{self, Found, Saved, Standing},
};
use crate::{
    clock::KeptClock,
    error::{Error, ErrorKind, Result},
};

/// The schema of `boothd.db`.
pub(super) const SCHEMA: Schema = Schema {
    whole: include_str!("schema.sql"),
    upgrades: &[],
    add_columns: super::metric::add_columns,
    // A batch of metrics ends in a handful of pages: docs/design/decisions/0007-batches.md.
    page_bytes: 1024,
};

/// An open database. The daemon's belongs to the thread `store`; a command opens its own, also
/// while the daemon runs.
#[derive(Debug)]
pub struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Clock that decides what has expired; `None`: the time that each request comes with.
    pub(super) clock: Option<Arc<KeptClock>>,
    standing: Standing,
}

impl Database {
    /// Opens the file, or makes it (mode 0600, with its folder); an older one is upgraded.
    ///
    /// # Errors
    /// `Config` when the file cannot be made or written, is damaged, or is a newer boothd's.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = opening::connect_first(path, &SCHEMA);
        opened
            .map(|connection| Database::of(connection, path))
            .map_err(|error| fault::at_start(path, &error))
    }

    /// The same for the daemon, which owns the folder and goes on writing: also checks that the file
    /// is whole and the disk takes a write.
    ///
    /// # Errors
    /// `Unavailable` when the disk is at fault, `Config` when a person must act.
    pub(super) fn open_owned(path: &Path) -> Result<Self> {
        let mut database = Database::of(opening::connect_first(path, &SCHEMA)?, path);
        database.check()?;
        opening::note(&database.connection, path)?;
        database.standing = Standing::of(path);
        Ok(database)
    }

    /// The same for one that was open before: `Unavailable` when the disk is still at fault.
    pub(super) fn reopen(&mut self) -> Result<()> {
        let mut opened = Database::of(file::connect(&self.path, &SCHEMA)?, &self.path);
        opened.touch()?;
        if self.look() != Found::Same {
            // The open files hold all data; they are not closed for the files at their names now.
            opened.let_go();
            let what =
                "the database was deleted or replaced at this moment; boothd looks again";
            return Err(Error::new(ErrorKind::Unavailable, what));
        }
        opened.standing = Standing::of(&self.path);
        opened.clock = self.clock.take();
        *self = opened;
        Ok(())
    }

    fn of(connection: Connection, path: &Path) -> Self {
        let standing = Standing::of(path);
        Database { connection, path: path.to_owned(), clock: None, standing }
    }

    /// Whether the files that are open are those that stand in the folder.
    pub(super) fn look(&mut self) -> Found {
        self.standing.look()
    }

    /// Saves what only the open files hold; then [`Database::let_go`].
    ///
    /// # Errors
    /// `Unavailable` when the disk does not take it.
    pub(super) fn save(&self, found: Found, now: i64) -> Result<Saved> {
        self.standing.save(&self.connection, found, now)
    }

    /// Closes it without touching the files that stand at its names by now.
    pub(super) fn let_go(self) {
        standing::let_go(self.connection);
    }

    /// Checks every page.
    ///
    /// # Errors
    /// `Config` when one is damaged, `Unavailable` when the disk does not let it be read.
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
        file::copy(&self.connection, to)
    }

    /// Size of the database on the disk, and the free part of it, bytes.
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

    /// Makes the smallest possible write, which proves that the disk takes one.
    fn touch(&self) -> Result<()> {
        Ok(self.connection.pragma_update(None, "user_version", SCHEMA.newest())?)
    }
}
