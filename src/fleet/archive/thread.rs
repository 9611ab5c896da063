//! The loop of the thread `fleet-archive`: one transaction a second, at once when records wait,
//! and what is old is forgotten.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};

use super::{
    Kept, SCHEMA, Shared, UNPOISONED, erase,
    inbox::{Batch, Inbox, Reply},
    read_memory, write,
    written::Written,
};
use crate::{
    clock::Clock,
    component::State,
    error::{Error, ErrorKind, Result},
    store::{self, Found, Saved, Standing},
};

/// How often what is no record is written.
const EVERY: Duration = Duration::from_secs(1);

/// Records of so much time share a transaction, and its wait for the disk.
const GATHER: Duration = Duration::from_millis(20);

/// How often what is old is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// State of the thread.
pub(super) struct Writer {
    path: PathBuf,
    shared: Shared,
    /// `None`: the disk has not let it be opened yet.
    open: Option<Open>,
    /// Another file stands at the name of the one that is open.
    replaced: Option<Replaced>,
    /// The archived state was handed to the fleet state.
    is_remembered: bool,
    /// `data_version` of the file when the erasures were read last.
    read_at: Option<i64>,
    must_clear_log: bool,
}

/// The file that is written to.
struct Open {
    connection: Connection,
    standing: Standing,
}

/// A copy of what is open, beside the file that took its place.
struct Replaced {
    kept: PathBuf,
    copy: Standing,
}

impl Replaced {
    fn error(&self, path: &Path) -> Error {
        let (kept, path) = (self.kept.display(), path.display());
        let what = format!(
            "the archive {path} was replaced while the fleet server ran; records wait at the broker \
             and nothing is written. What it held is in {kept}: to go on with that, move it back \
             (mv {kept} {path}); to go on with the file that was put there, start boothd fleet again"
        );
        Error::new(ErrorKind::Unavailable, what)
    }
}

/// The handle that stops and joins the thread.
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
        let inbox = writer.shared.inbox.clone();
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
    /// Opens the file where the disk lets it.
    ///
    /// # Errors
    /// `Config` when a person must act.
    pub(super) fn open(path: &Path, shared: Shared, clock: &dyn Clock) -> Result<Self> {
        let mut writer = Writer {
            path: path.to_owned(),
            shared,
            open: None,
            replaced: None,
            is_remembered: false,
            read_at: None,
            must_clear_log: false,
        };
        match writer.open_now() {
            Ok(()) => writer.shared.component.media_passed(clock.monotonic()),
            Err(error) if store::is_disks(&error) => writer.lose(&error),
            Err(error) => return Err(store::at_start(path, &error)),
        }
        Ok(writer)
    }

    fn run(mut self, history: Duration, clock: &dyn Clock) {
        let mut forgotten_at: Option<Duration> = None;
        loop {
            self.shared.component.beat();
            let is_over = self.shared.inbox.wait(EVERY);
            if !is_over {
                thread::sleep(GATHER);
            }
            let is_well = self.turn(clock);
            let now = clock.monotonic();
            if is_well && forgotten_at.is_none_or(|at| now - at >= FORGET_EVERY) {
                forgotten_at = Some(now);
                self.forget(history, clock);
            }
            if is_over {
                break;
            }
            if !is_well {
                // The disk, or a person, has until the next turn.
                thread::sleep(EVERY);
            }
        }
        self.close();
    }

    /// Does what waits; false when it cannot be done now, and all of it waits on, unacknowledged.
    fn turn(&mut self, clock: &dyn Clock) -> bool {
        let was_lost = self.is_lost();
        let done = self
            .stand(clock.unix_ms())
            .and_then(|()| if was_lost { self.reopen() } else { Ok(()) })
            .and_then(|()| self.write(clock))
            .and_then(|()| self.look_for_erasures());
        match done {
            Ok(()) if was_lost => {
                self.shared.component.media_passed(clock.monotonic());
                log::info!(target: "fleet", "the archive is back");
            }
            Ok(()) => (),
            Err(error) => {
                self.lose(&error);
                self.refuse_orders(&error);
                return false;
            }
        }
        true
    }

    /// Ensures that a file is open and stands at its name. If the file was deleted or replaced, its
    /// content is saved.
    ///
    /// # Errors
    /// `Unavailable` while that cannot be done, or another file stands there.
    fn stand(&mut self, now: i64) -> Result<()> {
        self.look_for_kept();
        let Some(open) = &mut self.open else { return self.open_now() };
        match (open.standing.look(), &self.replaced) {
            (Found::Same, None) => Ok(()),
            (Found::Replaced, None) => self.keep(now),
            (Found::Replaced, Some(replaced)) if replaced.copy.is_at(&self.path) => {
                log::info!(target: "fleet", "the archive that was replaced is back at its name");
                self.let_go();
                self.open_now()
            }
            (Found::Replaced, Some(replaced)) => Err(replaced.error(&self.path)),
            (found, _) => self.save(found, now),
        }
    }

    /// Keeps what is open beside the file that took its place.
    fn keep(&mut self, now: i64) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let saved = open.standing.save(&open.connection, Found::Replaced, now);
        let saved = saved.map_err(|error| {
            let what = format!(
                "the archive {} was replaced while the fleet server ran, and what it held cannot be \
                 kept beside it; records wait at the broker. {error}",
                self.path.display()
            );
            Error::new(ErrorKind::Unavailable, what)
        })?;
        let Saved::Beside(kept) = saved else { return Ok(()) };
        let replaced = Replaced { copy: Standing::of(&kept), kept };
        let error = replaced.error(&self.path);
        self.replaced = Some(replaced);
        self.look_for_kept();
        Err(error)
    }

    /// Takes what only the open files hold to their names, and opens what stands there then.
    fn save(&mut self, found: Found, now: i64) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let saved = open.standing.save(&open.connection, found, now)?;
        let path = &*self.path.to_string_lossy();
        match (saved, &self.replaced) {
            (_, Some(replaced)) => {
                log::info!(target: "fleet", path; "the archive that was replaced is back at its name");
                // All that the copy holds stands at the name again.
                if let Err(cause) = fs::remove_file(&replaced.kept) {
                    log::debug!(target: "fleet", error = &*cause.to_string(); "the copy stays");
                }
            }
            (Saved::LogWrittenBack, None) => {
                log::error!(target: "fleet", path; "the log of the archive was deleted or replaced while the fleet server ran; what it held is written into the archive. Leave the files beside it alone");
            }
            (Saved::WrittenAnew | Saved::Beside(_), None) => {
                log::error!(target: "fleet", path; "the archive was deleted while the fleet server ran; it is written again with all its content. To erase people use `boothd fleet erase`, to begin with an empty archive stop boothd fleet first");
            }
        }
        self.let_go();
        self.open_now()
    }

    fn open_now(&mut self) -> Result<()> {
        let connection = store::connect_first(&self.path, &SCHEMA)?;
        // Looked at now: what follows may take a while.
        let standing = Standing::of(&self.path);
        if !self.is_remembered {
            store::check(&connection, &self.path)?;
        }
        store::note_opening(&connection, &self.path)?;
        let memory = read_memory(&connection)?;
        erase::publish(&connection, &self.shared.erasures)?;
        self.shared.readers_place.open(&self.path)?;
        self.open = Some(Open { connection, standing });
        self.read_at = None;
        if !self.is_remembered {
            self.is_remembered = true;
            *self.shared.memory.lock().expect(UNPOISONED) = Some(memory);
        }
        self.look_for_kept();
        Ok(())
    }

    /// The same for a file that is open and stands at its name: on a disk that takes a write.
    fn reopen(&mut self) -> Result<()> {
        let connection = store::connect(&self.path, &SCHEMA)?;
        connection.pragma_update(None, "user_version", SCHEMA.newest())?;
        if self.open.as_mut().is_none_or(|open| open.standing.look() != Found::Same) {
            // Replaced at this moment: what is open is not let go for that.
            store::let_go(connection);
            return Err(super::is_away());
        }
        self.open = Some(Open { standing: Standing::of(&self.path), connection });
        self.read_at = None;
        Ok(())
    }

    /// Closes what is open without touching the files that stand at its names by now.
    fn let_go(&mut self) {
        self.replaced = None;
        self.shared.readers_place.take().into_iter().for_each(store::let_go);
        if let Some(open) = self.open.take() {
            store::let_go(open.connection);
        }
    }

    fn close(mut self) {
        let is_same = self.open.as_mut().is_none_or(|open| open.standing.look() == Found::Same);
        if !is_same {
            self.let_go();
        }
        drop(self.shared.readers_place.take());
        drop(self.open.take());
        self.shared.component.update(|status| status.state = State::Stopped);
    }

    /// Updates the finding about the copy of a replaced archive, until the copy is moved away.
    fn look_for_kept(&self) {
        let mut known = self.shared.kept.lock().expect(UNPOISONED);
        if let Some(Replaced { kept, .. }) = &self.replaced {
            *known = Some(Kept { file: kept.clone(), is_held: true });
            return;
        }
        // Only this thread makes such a file: it is searched for at a start, and where there was one.
        if known.is_some() || self.read_at.is_none() {
            let file = store::kept_beside(&self.path);
            *known = file.map(|file| Kept { file, is_held: false });
        }
    }

    /// Writes what waits. Nothing is acknowledged before it is certain that it stands where the next
    /// start finds it.
    ///
    /// # Errors
    /// All of it waits on.
    fn write(&mut self, clock: &dyn Clock) -> Result<()> {
        let now = clock.unix_ms();
        let Some(open) = &mut self.open else { return Err(super::is_away()) };
        let mut batch = self.shared.inbox.take();
        let orders = std::mem::take(&mut batch.orders).into_iter();
        let replies: Vec<Reply> = orders.map(|order| order(Ok(&mut open.connection))).collect();
        let written = match batch.is_empty() {
            true => Ok(None),
            false => transact(&mut open.connection, &batch, now).map(Some),
        };
        let stands = self.stand(now);
        for reply in replies {
            reply(stands.as_ref().copied().map_err(again));
        }
        match (written, stands) {
            (Ok(Some(written)), Ok(())) => self.written(batch, written, clock),
            (Ok(None), Ok(())) => (),
            (Ok(_), Err(error)) => {
                // It stands in the file that is open, and is written again into the right one: what
                // comes twice counts once, but for minutes.
                batch.minutes.clear();
                self.shared.inbox.put_back(batch);
                return Err(error);
            }
            (Err(error), _) => {
                self.shared.inbox.put_back(batch);
                return Err(error);
            }
        }
        if let Some(open) = self.open.as_ref().filter(|_| self.must_clear_log) {
            self.must_clear_log = !store::clear_log(&open.connection).unwrap_or(false);
        }
        Ok(())
    }

    fn written(&mut self, batch: Batch, written: Written, clock: &dyn Clock) {
        self.shared.component.media_passed(clock.monotonic());
        self.shared.inbox.count(written);
        if written.has_erased {
            self.read_at = None;
        }
        self.must_clear_log |= written.has_erased;
        if written.refused > 0 {
            log::error!(target: "fleet", records = written.refused; "records that the archive cannot hold are lost");
            self.shared.component.update(|status| status.errors_total += written.refused);
        }
        batch.records.into_iter().for_each(|(_, ticket)| ticket.kept());
    }

    /// Reads the erasures again after this or another process has changed them; `boothd fleet
    /// erase` runs beside the server.
    fn look_for_erasures(&mut self) -> Result<()> {
        let Some(Open { connection, .. }) = &self.open else { return Err(super::is_away()) };
        let before = self.read_at.take();
        let ask = "PRAGMA data_version";
        let version: i64 = connection.query_row(ask, [], |row| row.get(0))?;
        if before != Some(version) {
            erase::publish(connection, &self.shared.erasures)?;
        }
        self.read_at = Some(version);
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.shared.component.status().state == State::Unavailable
    }

    /// Marks the archive as unavailable; logs once until it is back.
    fn lose(&self, error: &Error) {
        let error = error.chain().to_string();
        if self.is_lost() {
            return self.shared.component.update(|status| status.error = Some(error));
        }
        log::error!(target: "fleet", error = error.as_str(); "the archive is away; records wait unacknowledged");
        self.shared.component.lost(error);
    }

    /// Refuses waiting requests, since the fault may last.
    fn refuse_orders(&self, error: &Error) {
        for order in self.shared.inbox.take_orders() {
            order(Err(again(error)))(Ok(()));
        }
    }

    fn forget(&mut self, history: Duration, clock: &dyn Clock) {
        let Some(open) = &mut self.open else { return };
        let age_ms = i64::try_from(history.as_millis()).unwrap_or(i64::MAX);
        match write::forget(&mut open.connection, clock.forget_before(age_ms)) {
            Ok(0) => (),
            Ok(rows) => {
                log::info!(target: "fleet", rows = rows; "what was old enough is deleted")
            }
            Err(error) => self.lose(&error),
        }
    }
}

fn transact(connection: &mut Connection, batch: &Batch, now: i64) -> Result<Written> {
    let behaviour = TransactionBehavior::Immediate;
    let mut transaction = connection.transaction_with_behavior(behaviour)?;
    let written = write::write(&mut transaction, batch, now)?;
    transaction.commit()?;
    Ok(written)
}

/// The same error for one more caller.
fn again(error: &Error) -> Error {
    Error::new(ErrorKind::Unavailable, error.to_string())
}
