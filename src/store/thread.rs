//! The loop of the thread `store`: does what it is asked, and looks for what others changed.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{
    StoreConfig, cleanup,
    database::Database,
    outbox::{OutboxState, Sender},
    pending::Pending,
    set_aside::SetAside,
    token_book::TokenBook,
};
use crate::{
    clock::{Clock, KeptClock},
    error::{Error, ErrorKind, Result},
    stage::Stage,
};

/// How often the thread looks whether another process has changed something.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the thread is asked.
pub(super) enum Order {
    /// Something to do with the database; answers whoever asked.
    Work(Box<dyn FnOnce(&mut Desk) + Send>),
    /// To leave, once everything that was asked before is done.
    Leave,
}

/// What the thread works with.
pub(super) struct Desk {
    pub(super) database: Database,
    pub(super) config: StoreConfig,
    pub(super) clock: Arc<KeptClock>,
    pub(super) stage: Arc<Stage>,
    pub(super) book: watch::Sender<Arc<TokenBook>>,
    /// Of the tokens in the book.
    pub(super) data_version: i64,
    /// When old rows were last looked for, monotonic.
    pub(super) cleaned_at: Option<Duration>,
    /// Metrics on their way to the disk, and when they were last written (monotonic).
    pub(super) pending: Arc<Pending>,
    pub(super) flushed_at: Duration,
    pub(super) outbox: watch::Sender<OutboxState>,
    pub(super) set_aside: watch::Sender<SetAside>,
    /// Names this start of the daemon.
    pub(super) boot_id: String,
    /// What was erased still stands in the log, as another process reads it.
    pub(super) must_clear_log: bool,
}

impl Desk {
    /// Runs until it is told to leave.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = orders.recv_timeout(LOOK_EVERY);
            self.stage.beat();
            self.look_after();
            match order {
                Ok(Order::Work(work)) => work(&mut self),
                Err(RecvTimeoutError::Timeout) => (),
                Ok(Order::Leave) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.flush();
        if let Err(error) = self.note_running() {
            log::debug!(target: "store", error = error.chain().to_string().as_str(); "running time was not noted");
        }
        self.stage.update(|status| status.state = crate::stage::State::Stopped);
    }

    /// Writes the metrics that wait. What cannot be written waits on: false then.
    pub(super) fn flush(&mut self) -> bool {
        self.flushed_at = self.clock.monotonic();
        let batch = self.pending.take();
        if batch.is_empty() {
            return true;
        }
        let written = self.attempt(|database, _| database.record(&batch));
        match &written {
            Ok(0) => (),
            Ok(lost) => {
                log::warn!(target: "store", rows = *lost; "metrics were out of range, or of a session that runs no more, and are lost");
            }
            // It stands in the stage.
            Err(_) => self.pending.put_back(batch),
        }
        written.is_ok()
    }

    /// Who puts rows into the outbox now.
    pub(super) fn sender(&self) -> Sender {
        Sender {
            boot_id: self.boot_id.clone(),
            is_wanted: self.config.outbox.is_some(),
            is_clock_set: self.clock.is_set(),
        }
    }

    /// Does one piece of work, and says in the stage how the database is.
    pub(super) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Database, i64) -> Result<T>,
    ) -> Result<T> {
        let done = work(&mut self.database, self.clock.unix_ms());
        match &done {
            Err(error) if error.kind() == ErrorKind::Unavailable => self.lose(error),
            Err(error) if error.kind() == ErrorKind::Internal => {
                log::error!(target: "store", error = error.chain().to_string().as_str(); "the database refused a statement");
            }
            // What can be read may still not be written: only mending ends a loss.
            _ if self.is_lost() => (),
            _ => self.stage.media_passed(self.clock.monotonic()),
        }
        done
    }

    /// Opens the file again and writes what waits; true when that worked.
    fn mend(&mut self) -> bool {
        let is_open = self.attempt(|database, _| database.reopen()).is_ok();
        let is_mended = is_open && self.flush();
        if is_mended {
            self.stage.media_passed(self.clock.monotonic());
            log::info!(target: "store", "the database is back");
            self.data_version = 0;
        }
        is_mended
    }

    /// Publishes the tokens as they are now.
    pub(super) fn publish_tokens(&mut self) -> Result<()> {
        let rows = self.attempt(|database, _| database.token_rows())?;
        self.book.send_modify(|book| *book = Arc::new(book.with_rows(rows)));
        Ok(())
    }

    /// What the thread does unasked: mends, sees what others changed, forgets what is old.
    fn look_after(&mut self) {
        if self.is_lost() && !self.mend() {
            return;
        }
        // What goes wrong here stands in the stage, and is tried again.
        if self.clock.monotonic().saturating_sub(self.flushed_at) >= self.config.flush_interval
        {
            self.flush();
        }
        if self.must_clear_log {
            let is_clear = self.attempt(|database, _| database.clear_log());
            self.must_clear_log = !is_clear.unwrap_or(false);
        }
        let looked =
            self.keep_time().and_then(|()| self.see_changes()).and_then(|()| self.clean());
        if let Err(error) = looked {
            log::debug!(target: "store", error = error.chain().to_string().as_str(); "not looked after");
        }
    }

    fn see_changes(&mut self) -> Result<()> {
        let data_version = self.attempt(|database, _| database.data_version())?;
        if data_version != self.data_version {
            self.publish_tokens()?;
            self.count_outbox()?;
            // A command may have erased something while we were reading the log.
            self.must_clear_log = true;
            self.data_version = data_version;
        }
        Ok(())
    }

    fn clean(&mut self) -> Result<()> {
        let now = self.clock.monotonic();
        let is_due = self.cleaned_at.is_none_or(|at| now - at >= cleanup::EVERY);
        if !is_due {
            return Ok(());
        }
        self.note_running()?;
        let (config, certain_ms) = (self.config.clone(), self.clock.certain_unix_ms());
        let deleted = self.attempt(|database, _| database.forget(&config, certain_ms))?;
        self.trim_outbox()?;
        self.cleaned_at = Some(now);
        if deleted > 0 {
            log::info!(target: "store", rows = deleted; "what was old enough is deleted");
            self.publish_tokens()?;
        }
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.stage.status().state == crate::stage::State::Unavailable
    }

    /// Tells the operator once, and counts it once, until the database is back.
    fn lose(&self, error: &Error) {
        let told = error.chain().to_string();
        if self.is_lost() {
            return self.stage.update(|status| status.error = Some(told));
        }
        log::error!(target: "store", error = told.as_str(); "the database is away");
        self.stage.lost(told);
    }
}
