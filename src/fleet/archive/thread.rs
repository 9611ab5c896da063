//! The loop of the thread `fleet-archive`: one transaction a second, at once when records wait,
//! and what is old is forgotten.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};

use super::{
    SCHEMA, erase,
    inbox::{Batch, Inbox},
    write::{self, Written},
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
    fleet::erasure::Erasures,
    stage::{Stage, State},
    store,
};

/// How often what is no record is written.
const EVERY: Duration = Duration::from_secs(1);

/// Records of so much time share a transaction, and its wait for the disk.
const GATHER: Duration = Duration::from_millis(20);

/// How often what is old is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// What the thread works with.
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    inbox: Arc<Inbox>,
    stage: Arc<Stage>,
    erasures: Erasures,
    /// Of the file as it was when the erasures were read last.
    read_at: Option<i64>,
    must_clear_log: bool,
}

/// The thread itself, for whoever joins it.
pub(crate) struct ArchiveThread {
    inbox: Arc<Inbox>,
    thread: JoinHandle<()>,
}

impl ArchiveThread {
    pub(super) fn start(
        writer: Writer,
        history: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let inbox = writer.inbox.clone();
        let thread = thread::Builder::new()
            .name("fleet-archive".into())
            .spawn(move || writer.run(history, &*clock))
            .map_err(|cause| {
                let what = "no thread for the archive; raise the limit of threads";
                Error::new(ErrorKind::Exhausted, what).because(cause)
            })?;
        Ok(ArchiveThread { inbox, thread })
    }

    /// Waits until everything that was given is on the disk, or cannot be.
    pub(crate) fn join(self) {
        self.inbox.close();
        if self.thread.join().is_err() {
            log::error!(target: "fleet", "the archive's thread panicked");
        }
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: &Path,
        (inbox, stage, erasures): (Arc<Inbox>, Arc<Stage>, Erasures),
    ) -> Self {
        let path = path.to_owned();
        let read_at = None;
        Writer { connection, path, inbox, stage, erasures, read_at, must_clear_log: false }
    }

    fn run(mut self, history: Duration, clock: &dyn Clock) {
        let mut forgotten_at: Option<Duration> = None;
        loop {
            self.stage.beat();
            let is_over = self.inbox.wait(EVERY);
            if !is_over {
                thread::sleep(GATHER);
            }
            let has_written = self.write(clock) && self.look_for_erasures();
            let now = clock.monotonic();
            if has_written && forgotten_at.is_none_or(|at| now - at >= FORGET_EVERY) {
                forgotten_at = Some(now);
                self.forget(history, clock);
            }
            if is_over {
                break;
            }
            if !has_written {
                // The disk is at fault: it has until the next turn.
                thread::sleep(EVERY);
                self.reopen(clock);
            }
        }
        self.stage.update(|status| status.state = State::Stopped);
    }

    /// Writes what waits; false when the disk is at fault, and all of it waits on.
    fn write(&mut self, clock: &dyn Clock) -> bool {
        let mut batch = self.inbox.take();
        while let Some(order) = batch.orders.pop_front() {
            order(&mut self.connection);
        }
        if !batch.is_empty() {
            match self.transact(&batch, clock.unix_ms()) {
                Ok(written) => self.written(batch, written, clock),
                Err(error) => {
                    self.lose(&error);
                    self.inbox.put_back(batch);
                    return false;
                }
            }
        }
        if self.must_clear_log {
            self.must_clear_log = !store::clear_log(&self.connection).unwrap_or(false);
        }
        true
    }

    fn transact(&mut self, batch: &Batch, now: i64) -> Result<Written> {
        let behaviour = TransactionBehavior::Immediate;
        let mut transaction = self.connection.transaction_with_behavior(behaviour)?;
        let written = write::write(&mut transaction, batch, now)?;
        transaction.commit()?;
        Ok(written)
    }

    fn written(&mut self, batch: Batch, written: Written, clock: &dyn Clock) {
        self.stage.media_passed(clock.monotonic());
        self.inbox.count(written);
        if written.has_erased {
            self.read_at = None;
        }
        self.must_clear_log |= written.has_erased;
        if written.refused > 0 {
            log::error!(target: "fleet", records = written.refused; "records that the archive cannot hold are lost");
            self.stage.update(|status| status.errors_total += written.refused);
        }
        batch.records.into_iter().for_each(|(_, ticket)| ticket.kept());
    }

    /// Reads the erasures anew where this or another process has changed them; `boothd fleet
    /// erase` works beside the server. False when the disk is at fault.
    fn look_for_erasures(&mut self) -> bool {
        let read = || {
            let ask = "PRAGMA data_version";
            let version: i64 = self.connection.query_row(ask, [], |row| row.get(0))?;
            if self.read_at != Some(version) {
                erase::publish(&self.connection, &self.erasures)?;
            }
            Ok(version)
        };
        let version: Result<i64> = read();
        match version {
            Ok(version) => self.read_at = Some(version),
            Err(error) => {
                self.read_at = None;
                self.lose(&error);
            }
        }
        self.read_at.is_some()
    }

    /// Tells the operator once until the archive is back.
    fn lose(&self, error: &Error) {
        let told = error.chain().to_string();
        if self.stage.status().state == State::Unavailable {
            return self.stage.update(|status| status.error = Some(told));
        }
        log::error!(target: "fleet", error = told.as_str(); "the archive is away; records wait unacknowledged");
        self.stage.lost(told);
    }

    fn reopen(&mut self, clock: &dyn Clock) {
        if let Ok(connection) = store::connect(&self.path, &SCHEMA) {
            self.connection = connection;
            self.read_at = None;
            log::debug!(target: "fleet", at = clock.unix_ms(); "the archive was opened again");
        }
    }

    fn forget(&mut self, history: Duration, clock: &dyn Clock) {
        let age_ms = i64::try_from(history.as_millis()).unwrap_or(i64::MAX);
        match write::forget(&mut self.connection, clock.forget_before(age_ms)) {
            Ok(0) => (),
            Ok(rows) => {
                log::info!(target: "fleet", rows = rows; "what was old enough is deleted")
            }
            Err(error) => self.lose(&error),
        }
    }
}
