//! What the centre keeps: booths, minutes of their metrics, sessions, events and alerts, in
//! `state.dir/fleet.db`.
//!
//! The thread `fleet-archive` alone writes, one transaction a second, and at once when records
//! wait; the thread `fleet-reader` answers questions on a connection of its own. A record is
//! acknowledged to the broker only once its transaction is on the disk.

mod alerts;
mod erase;
mod history;
mod inbox;
mod reader;
mod records;
mod thread;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::Connection;

pub use alerts::{AlertQuery, AlertRecord};
pub use history::{History, Series};
pub use records::{EventRow, SessionQuery, SessionRow};
pub(super) use thread::ArchiveThread;

use super::{
    alert::AlertKind,
    booth::KnownBooth,
    desk::Outgoing,
    erasure::{Erasures, FleetEraseReceipt, FleetEraseTarget},
    message::BoothKey,
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
    stage::{Component, Stage},
    store::{self, Schema},
};
use inbox::Inbox;
use reader::Reader;

/// The archive's name in `state.dir`.
pub(super) const ARCHIVE_FILE: &str = "fleet.db";

/// The archive of a centre that keeps its state in `state_dir`.
pub fn archive_path(state_dir: &Path) -> PathBuf {
    state_dir.join(ARCHIVE_FILE)
}

/// A table that only an archive has.
const OF_AN_ARCHIVE: &str = "alert";

/// Whether that file is an archive of a fleet server.
///
/// # Errors
/// `InvalidInput` when it cannot be read or is no database.
pub fn is_archive(file: &Path) -> Result<bool> {
    store::has_table(file, OF_AN_ARCHIVE)
}

/// Copies the archive in `state_dir` to a new file, also while the fleet server runs.
///
/// # Errors
/// `InvalidInput` when there is none or the file cannot be made; `Config`, `Unavailable`.
pub fn back_up(state_dir: &Path, to: &Path) -> Result<()> {
    let path = archive_path(state_dir);
    if !path.exists() {
        let what = format!("there is no archive {}; name its state.dir", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let connection =
        store::connect_first(&path, &SCHEMA).map_err(|error| store::at_start(&path, &error))?;
    store::copy(&connection, to)
}

/// Puts `from`, an archive, in the place of the one at `to`; where what was there is kept. Only
/// for whoever owns the folder.
///
/// # Errors
/// As [`store::restore`].
pub fn restore(from: &Path, to: &Path, now: i64) -> Result<Option<PathBuf>> {
    store::put_back(from, to, (&SCHEMA, OF_AN_ARCHIVE), now)
}

/// The schema of `fleet.db`.
const SCHEMA: Schema = Schema {
    whole: include_str!("schema.sql"),
    upgrades: &[
        include_str!("upgrade/0001_booths_minutes_records_alerts.sql"),
        include_str!("upgrade/0002_board_alerts.sql"),
        include_str!("upgrade/0003_policy_and_light_alerts.sql"),
        include_str!("upgrade/0004_operations.sql"),
    ],
    // A centre writes much at a time, on a disk of its own.
    page_bytes: 4096,
};

/// What the desk knows from before.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) booths: Vec<KnownBooth>,
    pub(super) alerts: Vec<(BoothKey, AlertKind, i64, String)>,
}

/// A handle to the archive. Clones share it.
#[derive(Clone)]
pub struct Archive {
    inbox: Arc<Inbox>,
    reader: Reader,
    stage: Arc<Stage>,
    erasures: Erasures,
}

impl Archive {
    /// Opens the file and starts its two threads.
    ///
    /// # Errors
    /// `Config` when the file cannot be made, read or written, or is damaged.
    pub(super) fn open(
        path: &Path,
        history: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<(Archive, ArchiveThread, Memory)> {
        let (connection, memory) = open(path).map_err(|error| store::at_start(path, &error))?;
        store::check(&connection, path)?;
        let stage = Arc::new(Stage::new(Component::Archive));
        stage.update(|status| status.source = Some(ARCHIVE_FILE.into()));
        stage.media_passed(clock.monotonic());
        let inbox = Arc::new(Inbox::default());
        let reader = Reader::start(path)?;
        let erasures = Erasures::default();
        erase::publish(&connection, &erasures)?;
        let shared = (inbox.clone(), stage.clone(), erasures.clone());
        let desk = thread::Writer::new(connection, path, shared);
        let thread = ArchiveThread::start(desk, history, clock)?;
        Ok((Archive { inbox, reader, stage, erasures }, thread, memory))
    }

    /// What /health shows of it.
    pub fn stage(&self) -> Arc<Stage> {
        self.stage.clone()
    }

    /// What was erased, and which orders are open.
    pub(super) fn erasures(&self) -> Erasures {
        self.erasures.clone()
    }

    /// Orders to booths that have not yet been obeyed.
    pub fn open_orders(&self) -> usize {
        self.erasures.known().open.len()
    }

    /// Gives what is to be kept.
    pub(super) fn put(&self, outgoing: Outgoing) {
        self.inbox.put(outgoing);
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        self.inbox.clone()
    }

    /// Records that wait, and minutes that were dropped since the start.
    pub fn backlog(&self) -> Backlog {
        self.inbox.backlog()
    }

    /// Asks the reader.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reader.ask(question).await
    }
}

/// How the writer keeps up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Backlog {
    /// Records that are not yet on the disk.
    pub records: usize,
    /// Minutes that are not yet on the disk.
    pub minutes: usize,
    /// Minutes for which there was no room, since the start.
    pub dropped_minutes_total: u64,
    /// Records on the disk, since the start, each once.
    pub kept_records_total: u64,
    /// Records that came again, since the start.
    pub repeated_records_total: u64,
    /// Records of what was erased, which were not taken, since the start.
    pub erased_records_total: u64,
}

/// Erases for a command, which may run beside the fleet server: that notices within a second.
///
/// # Errors
/// `InvalidInput` when there is nothing to erase; `Config`, `Unavailable` when the archive cannot
/// be opened or written.
pub fn erase_by_command(
    path: &Path,
    target: &FleetEraseTarget,
    (receipt_id, now): (&str, i64),
) -> Result<FleetEraseReceipt> {
    if !path.exists() {
        let what = format!("{} is not there: is state.dir the fleet server's?", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let mut connection = store::connect(path, &SCHEMA)?;
    let mut receipt = erase::erase(&mut connection, target, receipt_id, now)?;
    receipt.is_log_clear = store::clear_log(&connection)?;
    Ok(receipt)
}

fn open(path: &Path) -> Result<(Connection, Memory)> {
    let connection = store::connect_first(path, &SCHEMA)?;
    store::note_opening(&connection, path)?;
    let memory = Memory {
        booths: write::known_booths(&connection)?,
        alerts: alerts::open_alerts(&connection)?,
    };
    Ok((connection, memory))
}

fn has_left() -> Error {
    Error::new(ErrorKind::Unavailable, "the centre stops and answers nothing more")
}
