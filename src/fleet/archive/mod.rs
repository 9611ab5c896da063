//! [`Archive`]: booths, minutes of their metrics, sessions, events and alerts, in
//! `state.dir/fleet.db`.
//!
//! The thread `fleet-archive` alone writes, one transaction a second, and at once when records
//! wait; the thread `fleet-reader` reads on its own connection. A record is
//! acknowledged to the broker only once its transaction is on the disk.

mod alerts;
mod reader;
mod records;
mod written;
mod inbox;
mod erase;
mod write;
mod history;
mod thread;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    sync::Mutex,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

pub use alerts::{AlertQuery, AlertRecord};
pub use history::{History, Series};
pub use records::{EventRow, SessionQuery, SessionRow};
pub(super) use thread::ArchiveThread;
use thread::Writer;

use super::{
    alert::AlertKind,
    booth::KnownBooth,
    erasure::{Erasures, FleetEraseReceipt, FleetEraseTarget},
    message::BoothKey,
    state::Outgoing,
};
use crate::{
    clock::Clock,
    component::{Component, ComponentId, State},
    error::{Error, ErrorKind, Result},
    health::{Code, Finding, Severity, kept_in},
    store::{self, Schema},
};
use inbox::{Inbox, Reply};
use reader::{Reader, ReadersPlace};

/// The archive's name in `state.dir`.
pub(super) const ARCHIVE_FILE: &str = "fleet.db";

/// The path of the archive in `state_dir`.
pub fn archive_path(state_dir: &Path) -> PathBuf {
    state_dir.join(ARCHIVE_FILE)
}

/// A table that only an archive has.
const OF_AN_ARCHIVE: &str = "alert";

/// Whether `file` is the archive of a fleet server.
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

/// Replaces the archive at `to` by the archive `from`; returns where the old one is kept. Only for
/// the owner of the folder.
///
/// # Errors
/// As [`store::restore`].
pub fn restore(from: &Path, to: &Path, now: i64) -> Result<Option<PathBuf>> {
    store::put_back(from, to, &SCHEMA, OF_AN_ARCHIVE, now)
}

/// The schema of `fleet.db`.
const SCHEMA: Schema = Schema {
    whole: include_str!("schema.sql"),
    upgrades: &[],
    add_columns: crate::fleet::minute::add_columns,
    // The fleet server writes much at a time, on a disk of its own.
    page_bytes: 4096,
};

/// The archived part of the fleet state.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) booths: Vec<KnownBooth>,
    pub(super) alerts: Vec<(BoothKey, AlertKind, i64, String)>,
}

/// The copy of an archive that was replaced by another file while the fleet server ran.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Kept {
    file: PathBuf,
    /// Nothing is written until the right one is back, or the fleet server is started again.
    is_held: bool,
}

/// State that the writer and the handles share.
#[derive(Clone)]
struct Shared {
    inbox: Arc<Inbox>,
    component: Arc<Component>,
    erasures: Erasures,
    readers_place: ReadersPlace,
    /// The archived state, until the fleet state takes it.
    memory: Arc<Mutex<Option<Memory>>>,
    kept: Arc<Mutex<Option<Kept>>>,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// A handle to the archive. Clones share it.
#[derive(Clone)]
pub struct Archive {
    shared: Shared,
    reader: Reader,
}

impl Archive {
    /// Opens the file and starts its two threads.
    ///
    /// A disk that is full, read-only or failing is no error: the component is then `Unavailable` with
    /// the reason, records wait unacknowledged, and the writer opens the file once the disk lets
    /// it.
    ///
    /// # Errors
    /// `Config` when the file may not be read or written by this user, is damaged, or is a newer
    /// boothd's. `Exhausted` when there are no more threads.
    pub(super) fn open(
        path: &Path,
        history: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<(Archive, ArchiveThread)> {
        let component = Arc::new(Component::new(ComponentId::Archive));
        component.update(|status| status.source = Some(ARCHIVE_FILE.into()));
        let shared = Shared {
            inbox: Arc::default(),
            component,
            erasures: Erasures::default(),
            readers_place: ReadersPlace::default(),
            memory: Arc::default(),
            kept: Arc::default(),
        };
        let writer = Writer::open(path, shared.clone(), &*clock)?;
        let reader = Reader::start(shared.readers_place.clone())?;
        let thread = ArchiveThread::start(writer, history, clock)?;
        Ok((Archive { shared, reader }, thread))
    }

    /// Its state for /health.
    pub fn component(&self) -> Arc<Component> {
        self.shared.component.clone()
    }

    /// The archived state, once, as soon as the file is readable.
    pub(super) fn take_memory(&self) -> Option<Memory> {
        self.shared.memory.lock().expect(UNPOISONED).take()
    }

    /// Its finding; `None`: it works.
    pub(super) fn finding(&self) -> Option<Finding> {
        let status = self.shared.component.status();
        let is_well = status.state == State::Running;
        let kept = self.shared.kept.lock().expect(UNPOISONED).clone();
        match kept {
            Some(kept) if kept.is_held || is_well => {
                let finding = Finding::new(Code::ArchiveReplaced);
                let severity =
                    if kept.is_held { Severity::Unhealthy } else { Severity::Degraded };
                let finding = match status.error {
                    Some(error) if kept.is_held => finding.because(error),
                    _ => finding.with(kept_in(&kept.file)),
                };
                Some(finding.as_severe_as(severity))
            }
            _ if is_well => None,
            _ => {
                let finding = Finding::new(Code::ArchiveAway);
                Some(match status.error {
                    Some(error) => finding.because(error),
                    None => finding,
                })
            }
        }
    }

    /// Digests of erased sessions, and the open orders.
    pub(super) fn erasures(&self) -> Erasures {
        self.shared.erasures.clone()
    }

    /// Number of open erase orders; `None`: the file was not readable yet.
    pub fn open_orders(&self) -> Option<usize> {
        let known = self.shared.erasures.known();
        known.is_read().then(|| known.open.len())
    }

    /// Queues rows for the writer.
    pub(super) fn put(&self, outgoing: Outgoing) {
        self.shared.inbox.put(outgoing);
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        self.shared.inbox.clone()
    }

    /// Records that wait, and minutes that were dropped since the start.
    pub fn backlog(&self) -> Backlog {
        self.shared.inbox.backlog()
    }

    /// Runs `work` on the writer's connection, and waits until its result is safe on the disk.
    async fn command<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let order = move |connection: Result<&mut Connection>| -> Reply {
            let done = connection.and_then(work);
            // The caller may be gone.
            Box::new(move |stands: Result<()>| {
                drop(answer.send(done.and_then(|done| stands.map(|()| done))));
            })
        };
        self.shared.inbox.order(Box::new(order))?;
        answered.await.unwrap_or_else(|_| Err(has_left()))
    }

    /// Runs `question` on the reader's connection.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reader.ask(question).await
    }
}

/// Queue lengths and counts of the writer.
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
    /// Records that arrived again, since the start.
    pub repeated_records_total: u64,
    /// Records of erased sessions, which were refused, since the start.
    pub erased_records_total: u64,
}

/// Erases from a command. It may run beside the fleet server, which notices within a second.
///
/// # Errors
/// `InvalidInput` when there is nothing to erase; `Config`, `Unavailable` when the archive cannot
/// be opened or written.
pub fn erase_by_command(
    path: &Path,
    target: &FleetEraseTarget,
    receipt_id: &str,
    now: i64,
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

fn read_memory(connection: &Connection) -> Result<Memory> {
    Ok(Memory {
        booths: write::known_booths(connection)?,
        alerts: alerts::open_alerts(connection)?,
    })
}

fn is_away() -> Error {
    let what = "the archive is not open; /health shows the reason, and boothd retries";
    Error::new(ErrorKind::Unavailable, what)
}

fn has_left() -> Error {
    Error::new(ErrorKind::Unavailable, "the fleet server is stopping")
}
