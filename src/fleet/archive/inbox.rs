//! [`Inbox`]: the bounded queue of the writer. A record waits outside while it is full, the oldest
//! minute is dropped and counted, a booth's newest row replaces the one before, and alerts are at
//! most a few for each booth. An order is refused while too many wait.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{super::alert::AlertChange, Backlog, written::Written};
use crate::{
    error::{Error, ErrorKind, Result},
    fleet::{
        booth::KnownBooth,
        message::{BoothKey, EraseAnswer, Record},
        minute::Minute,
        state::Outgoing,
    },
};

/// Records that may wait; the next one waits outside, unacknowledged.
const RECORDS: usize = 2048;

/// Minutes that may wait: ten minutes of 2,500 booths.
const MINUTES: usize = 50_000;

/// Answers to orders that may wait.
const ANSWERS: usize = 1024;

/// Orders of people that may wait.
const ORDERS: usize = 64;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// Called once the record is on the disk.
type Acknowledge = Box<dyn FnOnce() + Send>;

/// A record's place in the queue, and its acknowledgement once it is on the disk.
pub(super) struct Ticket {
    acknowledge: Acknowledge,
    _place: OwnedSemaphorePermit,
}

impl Ticket {
    pub(super) fn kept(self) {
        (self.acknowledge)();
    }
}

/// Work for a person's request; receives the writer's connection, or why there is none.
pub(super) type Order = Box<dyn FnOnce(Result<&mut Connection>) -> Reply + Send>;

/// Answers the request, once it is known whether its result is safe on the disk.
pub(super) type Reply = Box<dyn FnOnce(Result<()>)>;

/// What one transaction takes.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: VecDeque<(Record, Ticket)>,
    pub(super) minutes: VecDeque<Minute>,
    pub(super) booths: HashMap<BoothKey, KnownBooth>,
    pub(super) alerts: Vec<AlertChange>,
    pub(super) answers: Vec<(BoothKey, EraseAnswer)>,
    pub(super) orders: VecDeque<Order>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.minutes.is_empty()
            && self.booths.is_empty()
            && self.alerts.is_empty()
            && self.answers.is_empty()
    }
}

/// See the module.
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    came: Condvar,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    is_closed: bool,
    backlog: Backlog,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox {
            waiting: Mutex::default(),
            came: Condvar::new(),
            places: Arc::new(Semaphore::new(RECORDS)),
        }
    }
}

impl Inbox {
    /// Takes a record once there is a place for it; `acknowledge` is called when it is kept.
    pub(crate) async fn put_record(
        &self,
        record: Record,
        acknowledge: impl FnOnce() + Send + 'static,
    ) {
        let place = self.places.clone().acquire_owned().await.expect("is never closed");
        let ticket = Ticket { acknowledge: Box::new(acknowledge), _place: place };
        self.waiting.lock().expect(UNPOISONED).batch.records.push_back((record, ticket));
        self.came.notify_one();
    }

    pub(super) fn put(&self, outgoing: Outgoing) {
        let mut waiting = self.waiting.lock().expect(UNPOISONED);
        let batch = &mut waiting.batch;
        batch
            .booths
            .extend(outgoing.booths.into_iter().map(|booth| (booth.key.clone(), booth)));
        batch.alerts.extend(outgoing.alerts);
        batch.minutes.extend(outgoing.minutes);
        // An answer for which there is no room comes again with the order.
        let room = ANSWERS.saturating_sub(batch.answers.len());
        batch.answers.extend(outgoing.answers.into_iter().take(room));
        waiting.drop_minutes();
    }

    pub(super) fn order(&self, order: Order) -> Result<()> {
        let mut waiting = self.waiting.lock().expect(UNPOISONED);
        if waiting.is_closed {
            return Err(super::has_left());
        }
        if waiting.batch.orders.len() >= ORDERS {
            let what = "the archive cannot keep up; try again in a moment";
            return Err(Error::new(ErrorKind::Exhausted, what));
        }
        waiting.batch.orders.push_back(order);
        self.came.notify_one();
        Ok(())
    }

    /// Refuses further orders; the writer stops once the queue is empty.
    pub(super) fn close(&self) {
        self.waiting.lock().expect(UNPOISONED).is_closed = true;
        self.came.notify_one();
    }

    /// Waits for a record, an order or the end, at most `how_long`; whether it is the end.
    pub(super) fn wait(&self, how_long: Duration) -> bool {
        let waiting = self.waiting.lock().expect(UNPOISONED);
        let is_idle = |w: &mut Waiting| {
            !w.is_closed && w.batch.records.is_empty() && w.batch.orders.is_empty()
        };
        let waited = self.came.wait_timeout_while(waiting, how_long, is_idle);
        waited.expect(UNPOISONED).0.is_closed
    }

    pub(super) fn take(&self) -> Batch {
        std::mem::take(&mut self.waiting.lock().expect(UNPOISONED).batch)
    }

    pub(super) fn take_orders(&self) -> VecDeque<Order> {
        std::mem::take(&mut self.waiting.lock().expect(UNPOISONED).batch.orders)
    }

    /// Puts a batch that was not written back in front of the queue.
    pub(super) fn put_back(&self, mut batch: Batch) {
        let mut waiting = self.waiting.lock().expect(UNPOISONED);
        let newer = std::mem::take(&mut waiting.batch);
        batch.records.extend(newer.records);
        batch.minutes.extend(newer.minutes);
        batch.booths.extend(newer.booths);
        batch.alerts.extend(newer.alerts);
        batch.answers.extend(newer.answers);
        batch.orders.extend(newer.orders);
        waiting.batch = batch;
        waiting.drop_minutes();
    }

    pub(super) fn count(&self, written: Written) {
        let mut waiting = self.waiting.lock().expect(UNPOISONED);
        waiting.backlog.kept_records_total += written.kept;
        waiting.backlog.repeated_records_total += written.repeated;
        waiting.backlog.erased_records_total += written.erased;
    }

    pub(super) fn backlog(&self) -> Backlog {
        let waiting = self.waiting.lock().expect(UNPOISONED);
        Backlog {
            records: waiting.batch.records.len(),
            minutes: waiting.batch.minutes.len(),
            ..waiting.backlog
        }
    }
}

impl Waiting {
    fn drop_minutes(&mut self) {
        let minutes = &mut self.batch.minutes;
        let too_many = minutes.len().saturating_sub(MINUTES);
        minutes.drain(..too_many);
        self.backlog.dropped_minutes_total += u64::try_from(too_many).unwrap_or(u64::MAX);
    }
}
