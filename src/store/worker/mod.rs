//! The loop of the thread `store`: processes requests, and looks for changes of other processes.

mod epoch;
mod outbox;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{
    StateOwner, StoreConfig, cleanup,
    database::Database,
    outbox::{OutboxState, Sender},
    pending::Pending,
    set_aside::SetAside,
    standing::{Found, Saved, kept_beside},
    token::TokenRow,
    token_book::TokenBook,
};
use crate::{
    clock::{Clock, KeptClock},
    component::Component,
    error::{Error, ErrorKind, Result},
};

/// Interval between two checks for changes of other processes.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A request to the thread.
pub(super) enum Order {
    /// Work on the database; sends its answer to the caller.
    Work(Box<dyn FnOnce(&mut StoreWorker) + Send>),
    /// Stops the thread after all earlier requests.
    Leave,
}

/// State of the thread `store`.
pub(super) struct StoreWorker {
    /// `None`: the disk has not let it be opened yet, or it was replaced by one that cannot be.
    pub(super) database: Option<Database>,
    pub(super) path: PathBuf,
    pub(super) owner: Option<StateOwner>,
    /// The sessions that this start of the daemon has begun and not ended.
    pub(super) running: BTreeSet<String>,
    pub(super) config: StoreConfig,
    pub(super) clock: Arc<KeptClock>,
    pub(super) component: Arc<Component>,
    pub(super) book: watch::Sender<Arc<TokenBook>>,
    /// `data_version` of the tokens in the book.
    pub(super) data_version: i64,
    /// Time of the last search for old rows, monotonic.
    pub(super) cleaned_at: Option<Duration>,
    /// Metrics on their way to the disk, and when they were last written (monotonic).
    pub(super) pending: Arc<Pending>,
    pub(super) flushed_at: Duration,
    /// `None` while the database is not open.
    pub(super) outbox: watch::Sender<Option<OutboxState>>,
    /// Rows of the outbox that were too many or too old, since the start.
    pub(super) fallen_out_total: u64,
    pub(super) set_aside: watch::Sender<SetAside>,
    /// Copy kept of a database that was replaced.
    pub(super) replaced: watch::Sender<Option<PathBuf>>,
    /// Names this start of the daemon.
    pub(super) boot_id: String,
    /// Erased data is still in the log, as another process reads it.
    pub(super) must_clear_log: bool,
}

/// A database as the daemon begins with it.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) data_version: i64,
    pub(super) tokens: Vec<TokenRow>,
    pub(super) outbox: OutboxState,
    pub(super) set_aside: SetAside,
}

impl Opened {
    /// Opens the file, once the folder is ours, and marks what a crash left running as abandoned:
    /// all but the sessions that this daemon itself is `running`.
    ///
    /// # Errors
    /// `Unavailable` when the disk is at fault or another daemon owns the folder, `Config` when a
    /// person must act.
    pub(super) fn first(
        path: &Path,
        owner: Option<&StateOwner>,
        running: &BTreeSet<String>,
        clock: &Arc<KeptClock>,
    ) -> Result<Self> {
        owner.map_or(Ok(()), StateOwner::ensure)?;
        let mut database = Database::open_owned(path)?;
        database.follow_time(clock)?;
        let abandoned = database.abandon_sessions(running, clock.unix_ms())?;
        if abandoned > 0 {
            log::warn!(target: "store", sessions = abandoned; "sessions that were running when boothd was last gone are abandoned");
        }
        let (rows, reason) = database.count_set_aside()?;
        let reason = reason.map(Arc::from);
        Ok(Opened {
            set_aside: SetAside { rows, reason, released_total: 0 },
            data_version: database.data_version()?,
            tokens: database.token_rows()?,
            outbox: database.outbox_state(0)?,
            database,
        })
    }
}

impl StoreWorker {
    /// Runs until [`Order::Leave`].
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = orders.recv_timeout(LOOK_EVERY);
            self.component.beat();
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
        if let Some(mut database) = self.database.take()
            && database.look() != Found::Same
        {
            database.let_go();
        }
        self.component.update(|status| status.state = crate::component::State::Stopped);
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
            // The component holds the error.
            Err(_) => self.pending.put_back(batch),
        }
        written.is_ok()
    }

    /// Source of new rows of the outbox.
    pub(super) fn sender(&self) -> Sender {
        Sender {
            boot_id: self.boot_id.clone(),
            is_wanted: self.config.outbox.is_some(),
            is_clock_set: self.clock.is_set(),
        }
    }

    /// Does one piece of work, and sets the state of the database in the component.
    ///
    /// Work is not acknowledged before it is certain that the next start finds its result.
    pub(super) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Database, i64) -> Result<T>,
    ) -> Result<T> {
        let now = self.clock.unix_ms();
        let Some(database) = &mut self.database else { return Err(self.is_away()) };
        let done = match work(database, now) {
            Ok(done) => self.see_files().map(|()| done),
            refused => refused,
        };
        match &done {
            Err(error) if error.kind() == ErrorKind::Unavailable => self.lose(error),
            Err(error) if error.kind() == ErrorKind::Internal => {
                log::error!(target: "store", error = error.chain().to_string().as_str(); "the database refused a statement");
            }
            // A readable database may still not be writable: only a reopening ends a loss.
            _ if self.is_lost() => (),
            _ => self.component.media_passed(self.clock.monotonic()),
        }
        done
    }

    fn is_away(&self) -> Error {
        let what =
            "the database is not open; /health says why, and boothd tries again by itself";
        let error = Error::new(ErrorKind::Unavailable, what);
        match self.component.status().error {
            Some(reason) => error.because(reason),
            None => error,
        }
    }

    /// Opens the file again and writes what waits; true when that worked.
    fn mend(&mut self) -> bool {
        let opened = match &mut self.database {
            Some(database) => database.reopen(),
            None => self.open_now(),
        };
        if let Err(error) = opened {
            self.lose(&error);
            return false;
        }
        let is_mended = self.flush();
        if is_mended {
            self.component.media_passed(self.clock.monotonic());
            log::info!(target: "store", "the database is back");
            self.data_version = 0;
        }
        is_mended
    }

    /// Opens what the start, or the loss of the file before, has left closed.
    fn open_now(&mut self) -> Result<()> {
        let owner = self.owner.as_ref();
        let opened = Opened::first(&self.path, owner, &self.running, &self.clock)?;
        self.data_version = opened.data_version;
        self.book.send_modify(|book| *book = Arc::new(book.with_rows(opened.tokens)));
        self.publish_outbox(Some(opened.outbox));
        self.set_aside.send_modify(|state| {
            *state = SetAside { released_total: state.released_total, ..opened.set_aside };
        });
        self.database = Some(opened.database);
        Ok(())
    }

    /// Where the open files were deleted or replaced: saves their content, and continues with the
    /// files in the folder.
    ///
    /// # Errors
    /// `Unavailable` when that cannot be done yet, or when the database was replaced: what was
    /// just asked for is then in a file of its own.
    fn see_files(&mut self) -> Result<()> {
        let Some(database) = &mut self.database else { return Ok(()) };
        let found = database.look();
        if found == Found::Same {
            return Ok(());
        }
        let saved = database.save(found, self.clock.unix_ms());
        let saved = saved.inspect_err(|error| self.lose(error))?;
        if let Some(database) = self.database.take() {
            database.let_go();
        }
        self.publish_outbox(None);
        self.look_for_kept();
        let path = self.path.to_string_lossy().into_owned();
        match &saved {
            Saved::WrittenAnew => {
                log::error!(target: "store", path = &*path; "the database was deleted while boothd ran; it is written anew with all that it held. To erase people use `boothd erase`, to begin anew stop boothd first");
            }
            Saved::LogWrittenBack => {
                log::error!(target: "store", path = &*path; "the log of the database was deleted or replaced while boothd ran; what it held is written into the database. Leave the files beside it alone");
            }
            Saved::Beside(kept) => {
                log::error!(target: "store", path = &*path, kept = &*kept.to_string_lossy(); "the database was replaced while boothd ran; what it held is kept in a file of its own, and boothd goes on with the one that stands there now. Use `boothd restore`, with boothd stopped");
            }
        }
        self.open_now().inspect_err(|error| self.lose(error))?;
        let Saved::Beside(kept) = saved else { return Ok(()) };
        let running = self.running.clone();
        self.attempt(|database, now| database.carry_over(&kept, &running, now))?;
        let what = format!(
            "the database was replaced at this moment; what was asked for before stands in {}: \
             ask again",
            kept.display()
        );
        Err(Error::new(ErrorKind::Unavailable, what))
    }

    /// Publishes the copy kept of a replaced database, until it is moved away.
    fn look_for_kept(&self) {
        self.replaced.send_if_modified(|known| {
            let before = std::mem::replace(known, kept_beside(&self.path));
            *known != before
        });
    }

    /// Publishes the tokens as they are now.
    pub(super) fn publish_tokens(&mut self) -> Result<()> {
        let rows = self.attempt(|database, _| database.token_rows())?;
        self.book.send_modify(|book| *book = Arc::new(book.with_rows(rows)));
        Ok(())
    }

    /// Periodic work: reopens a lost database, reads changes of others, deletes old rows.
    fn look_after(&mut self) {
        // Only this thread makes such a file, so the folder is read only where there is one.
        if self.replaced.borrow().is_some() {
            self.look_for_kept();
        }
        // The component holds an error; the work is tried again.
        if self.see_files().is_err() || (self.is_lost() && !self.mend()) {
            return;
        }
        // The component holds an error; the work is tried again.
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
        self.component.status().state == crate::component::State::Unavailable
    }

    /// Logs the loss once and counts it once, until the database is back.
    fn lose(&self, error: &Error) {
        let reason = error.chain().to_string();
        if self.is_lost() {
            return self.component.update(|status| status.error = Some(reason));
        }
        log::error!(target: "store", error = reason.as_str(); "the database is away");
        self.component.lost(reason);
    }
}
