//! [`Store`]: the handle of other threads to the thread `store`.

mod outbox;
mod session_data;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tokio::sync::{oneshot, watch};

use super::{
    AuditEntry, AuditQuery, Database, NewSession, NewToken, Secret, SessionEnd, SessionRecord,
    StateOwner, StoreConfig, Token, TokenBook, TokenId, epoch, fault,
    outbox::{BOOT_ID_BYTES, OutboxState},
    pending::Pending,
    random_hex,
    set_aside::SetAside,
    standing::kept_beside,
    worker::{Opened, Order, StoreWorker},
};
use crate::{
    clock::{
        Clock, KeptClock,
        keeper::{Keeper, Reading},
    },
    component::{Component, ComponentId},
    error::{Error, ErrorKind, Result},
    names::SessionId,
};

/// Requests that may wait; the next one is refused (`Exhausted`), as the disk cannot keep up.
const QUEUE: usize = 64;

/// A handle to the thread `store`. Clones are cheap.
#[derive(Clone)]
pub struct Store {
    orders: SyncSender<Order>,
    book: watch::Sender<Arc<TokenBook>>,
    pub(super) clock: Arc<KeptClock>,
    component: Arc<Component>,
    pub(super) pending: Arc<Pending>,
    /// `None` while the database is not open.
    pub(super) outbox: watch::Sender<Option<OutboxState>>,
    pub(super) set_aside: watch::Sender<SetAside>,
    replaced: watch::Sender<Option<PathBuf>>,
    boot_id: Arc<str>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("stage", &self.component).finish_non_exhaustive()
    }
}

/// The thread itself, for the owner that joins it.
#[derive(Debug)]
pub struct StoreThread {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl StoreThread {
    /// Waits until everything that was asked so far is done and the file is closed. Requests
    /// that come later are refused.
    pub fn join(self) {
        if self.orders.send(Order::Leave).is_err() {
            log::debug!(target: "store", "the thread had left already");
        }
        if self.thread.join().is_err() {
            log::error!(target: "store", "thread panicked");
        }
    }
}

impl Store {
    /// The time as boothd keeps it; everything beside the store must work with the same.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Opens the database with the default retention and starts its thread.
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<(Store, StoreThread)> {
        Store::open_with(path, StoreConfig::default(), clock)
    }

    /// The same with a configuration, in a folder without a lock.
    ///
    /// # Errors
    /// As [`Store::open_owned`].
    pub fn open_with(
        path: &Path,
        config: StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<(Store, StoreThread)> {
        Store::open_owned(path, config, clock, None)
    }

    /// Opens the database in the folder of `owner`, marks what a crash left running as abandoned,
    /// and starts the thread.
    ///
    /// A disk that is full, read-only or failing is no error: the component is then `Unavailable` with
    /// the reason, requests are refused, and the thread opens the database once the disk lets it.
    ///
    /// # Errors
    /// `Config` when the file may not be read or written by this user, is damaged, or is a newer
    /// boothd's; the message says what to do. `Exhausted` when there are no more threads.
    pub fn open_owned(
        path: &Path,
        config: StoreConfig,
        clock: Arc<dyn Clock>,
        owner: Option<StateOwner>,
    ) -> Result<(Store, StoreThread)> {
        let component = Arc::new(Component::new(ComponentId::Store));
        component.update(|status| status.source = Some(super::DATABASE_FILE.into()));
        // Valid until the database is open; nothing expires by this clock.
        let keeper = Keeper::begin(Reading::of(&*clock), 0, false);
        let clock = Arc::new(KeptClock::new(clock, keeper));
        let opened = match Opened::first(path, owner.as_ref(), &BTreeSet::new(), &clock) {
            Ok(opened) => {
                component.media_passed(clock.monotonic());
                Some(opened)
            }
            Err(error) if fault::is_disks(&error) => {
                let reason = error.chain().to_string();
                log::error!(target: "store", error = &*reason; "the database cannot be opened yet: no session can begin until the disk of state.dir lets it; boothd tries again by itself");
                component.lost(reason);
                None
            }
            Err(error) => return Err(fault::at_start(path, &error)),
        };
        let (orders, received) = sync_channel(QUEUE);
        let rows = opened.as_ref().map(|opened| opened.tokens.clone()).unwrap_or_default();
        let (book, _) = watch::channel(Arc::new(TokenBook::default().with_rows(rows)));
        let (outbox, _) = watch::channel(opened.as_ref().map(|opened| opened.outbox));
        let (set_aside, _) = watch::channel(
            opened.as_ref().map(|opened| opened.set_aside.clone()).unwrap_or_default(),
        );
        let boot_id = random_hex(BOOT_ID_BYTES);
        let store = Store {
            orders: orders.clone(),
            book,
            clock,
            component,
            pending: Arc::default(),
            outbox,
            set_aside,
            replaced: watch::channel(kept_beside(path)).0,
            boot_id: Arc::from(&*boot_id),
        };
        let worker = store.worker(path, owner, config, opened);
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || worker.run(&received))
            .map_err(|cause| {
                let what = "no thread for the store; raise the limit of threads";
                Error::new(ErrorKind::Exhausted, what).because(cause)
            })?;
        Ok((store, StoreThread { orders, thread }))
    }

    /// Makes the worker of the thread.
    fn worker(
        &self,
        path: &Path,
        owner: Option<StateOwner>,
        config: StoreConfig,
        opened: Option<Opened>,
    ) -> StoreWorker {
        StoreWorker {
            data_version: opened.as_ref().map_or(0, |opened| opened.data_version),
            database: opened.map(|opened| opened.database),
            path: path.to_owned(),
            owner,
            running: BTreeSet::new(),
            config,
            clock: self.clock.clone(),
            component: self.component.clone(),
            book: self.book.clone(),
            cleaned_at: None,
            pending: self.pending.clone(),
            flushed_at: self.clock.monotonic(),
            outbox: self.outbox.clone(),
            fallen_out_total: 0,
            set_aside: self.set_aside.clone(),
            replaced: self.replaced.clone(),
            boot_id: self.boot_id.to_string(),
            must_clear_log: false,
        }
    }

    /// Id of this start of the daemon: with a message's `seq` it identifies duplicates.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// The component `store` in /health.
    pub fn component(&self) -> Arc<Component> {
        self.component.clone()
    }

    /// The file with the content of a database that was replaced while boothd ran. `None`: there is
    /// none, or it was moved away.
    pub fn replaced(&self) -> watch::Receiver<Option<PathBuf>> {
        self.replaced.subscribe()
    }

    /// Keeps things for so long from now on.
    ///
    /// # Errors
    /// `Exhausted`, `Unavailable` when the store has left.
    pub async fn configure(&self, config: StoreConfig) -> Result<()> {
        self.order(move |worker| {
            worker.config = config;
            // Rows over the new limits are deleted now.
            worker.cleaned_at = None;
            Ok(())
        })
        .await
    }

    /// The tokens, and every change of them, within a second also those of other processes.
    pub fn tokens(&self) -> watch::Receiver<Arc<TokenBook>> {
        self.book.subscribe()
    }

    /// Knows the configuration's own token from now on: an operator's, called "operator".
    pub fn admit_config_token(&self, secret: &Secret) {
        let now = self.clock.unix_ms();
        self.book.send_modify(|book| *book = Arc::new(book.with_configured(secret, now)));
    }

    /// Makes a token. Its secret is returned only here.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot be; `Unavailable`, `Exhausted`.
    pub async fn add_token(&self, new: NewToken, actor: &str) -> Result<(Token, Secret)> {
        let actor = actor.to_owned();
        self.change_tokens(move |database, now| database.add_token(new, &actor, now)).await
    }

    /// Takes a token back, for good.
    ///
    /// # Errors
    /// `InvalidInput` when there is none or it was revoked before; `Unavailable`, `Exhausted`.
    pub async fn revoke_token(&self, id: TokenId, actor: &str) -> Result<Token> {
        let actor = actor.to_owned();
        self.change_tokens(move |database, now| database.revoke_token(id, &actor, now)).await
    }

    /// Every token of the database, by its number; the configuration's is not among them.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn list_tokens(&self) -> Result<Vec<Token>> {
        self.ask(|database, _| database.tokens()).await
    }

    /// Whether the token may use that session id: the id is unused, or this token began its session.
    /// An operator may use all ids.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn may_use_session(&self, session_id: &SessionId, id: TokenId) -> Result<bool> {
        let session_id = session_id.clone();
        self.ask(move |database, now| database.may_use_session(&session_id, id, now)).await
    }

    /// Notes that a session has begun, with its consent and its audit entry: all or nothing.
    ///
    /// # Errors
    /// `InvalidInput` when the id is taken or a text is too long; `Unavailable`, `Exhausted`.
    pub async fn begin_session(&self, mut new: NewSession) -> Result<()> {
        let origin_ms = self.clock.keeper().origin_ms;
        self.order(move |worker| {
            new.move_by(epoch::moved(&worker.clock, origin_ms));
            let sender = worker.sender();
            worker.attempt(|database, now| database.begin_session(&new, &sender, now))?;
            worker.running.insert(new.session_id.to_string());
            worker.count_added()
        })
        .await
    }

    /// Stores the end of a session and its summary, after the last of its metrics.
    ///
    /// # Errors
    /// `InvalidInput` when no such session is running; `Unavailable`, `Exhausted`.
    pub async fn end_session(&self, mut end: SessionEnd) -> Result<()> {
        let origin_ms = self.clock.keeper().origin_ms;
        self.order(move |worker| {
            end.ended_at += epoch::moved(&worker.clock, origin_ms);
            worker.flush();
            let sender = worker.sender();
            worker.attempt(|database, now| database.end_session(&end, &sender, now))?;
            worker.running.remove(end.session_id.as_str());
            worker.count_added()
        })
        .await
    }

    /// Sessions that began before `before` (unix ms), newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn sessions(
        &self,
        limit: u32,
        before: Option<i64>,
    ) -> Result<Vec<SessionRecord>> {
        self.ask(move |database, _| database.sessions(limit, before)).await
    }

    /// One session.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn session(&self, session_id: &str) -> Result<Option<SessionRecord>> {
        let session_id = session_id.to_owned();
        self.ask(move |database, _| database.session(&session_id)).await
    }

    /// Adds to the audit log. Never a metric, never a secret.
    ///
    /// # Errors
    /// `InvalidInput` when a text is too long; `Unavailable`, `Exhausted`.
    pub async fn audit(
        &self,
        actor: &str,
        action: &str,
        object: &str,
        detail: &str,
    ) -> Result<()> {
        let actor = actor.to_owned();
        let [action, object, detail] = [action, object, detail].map(str::to_owned);
        self.ask(move |database, now| database.audit(now, &actor, [&action, &object, &detail]))
            .await
    }

    /// The newest entries of the audit log, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.ask(move |database, _| database.audit_log(limit)).await
    }

    /// A part of the audit log, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn audit_part(&self, query: AuditQuery) -> Result<Vec<AuditEntry>> {
        self.ask(move |database, _| database.audit_part(&query)).await
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database, i64) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.order(move |worker| worker.attempt(work)).await
    }

    /// The same for changes of tokens: the book has the change before the caller has its answer.
    async fn change_tokens<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database, i64) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.order(move |worker| {
            let done = worker.attempt(work)?;
            worker.publish_tokens()?;
            Ok(done)
        })
        .await
    }

    pub(super) async fn order<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut StoreWorker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        // The caller may have gone away; the work is done all the same.
        let work = move |worker: &mut StoreWorker| drop(answer.send(work(worker)));
        self.orders.try_send(Order::Work(Box::new(work))).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                let what = "the database cannot keep up; try again in a moment";
                Error::new(ErrorKind::Exhausted, what)
            }
            TrySendError::Disconnected(_) => has_left(),
        })?;
        answered.await.unwrap_or_else(|_| Err(has_left()))
    }
}

fn has_left() -> Error {
    Error::new(ErrorKind::Unavailable, "boothd stops and remembers nothing more")
}
