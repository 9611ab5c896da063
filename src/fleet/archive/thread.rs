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
    SCHEMA,
    inbox::{Batch, Inbox},
    write::{self, Written},
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
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
        (inbox, stage): (Arc<Inbox>, Arc<Stage>),
    ) -> Self {
        Writer { connection, path: path.to_owned(), inbox, stage, must_clear_log: false }
    }

    fn run(mut self, history: Duration, clock: &dyn Clock) {
        let mut forgotten_at: Option<Duration> = None;
        loop {
            self.stage.beat();
            let is_over = self.inbox.wait(EVERY);
            if !is_over {
                thread::sleep(GATHER);
            }
            let has_written = self.write(clock);
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
        self.inbox.count(written.kept, written.repeated);
        self.must_clear_log |= written.has_erased;
        if written.refused > 0 {
            log::error!(target: "fleet", records = written.refused; "records that the archive cannot hold are lost");
            self.stage.update(|status| status.errors_total += written.refused);
        }
        batch.records.into_iter().for_each(|(_, ticket)| ticket.kept());
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
            log::debug!(target: "fleet", at = clock.unix_ms(); "the archive was opened again");
        }
    }

    fn forget(&mut self, history: Duration, clock: &dyn Clock) {
        let age_ms = i64::try_from(history.as_millis()).unwrap_or(i64::MAX);
        match write::forget(&mut self.connection, clock.unix_ms().saturating_sub(age_ms)) {
            Ok(0) => (),
            Ok(rows) => {
                log::info!(target: "fleet", rows = rows; "what was old enough is deleted")
            }
            Err(error) => self.lose(&error),
        }
    }
}
