//! Rows on their way to the disk. They wait in memory, so that a card is written twice a minute
//! and not twice a second (docs/design/decisions/0007).

use std::{collections::BTreeMap, mem, sync::Mutex, time::Duration};

use super::metric::MetricRow;
use crate::names::SessionId;

/// Rows that may wait: nearly three hours of one booth, or 100 s of fifty clients, while the
/// disk is away. What comes then is lost and counted.
const MOST_ROWS: usize = 20_000;

/// Rows in memory, shared by the recorders and the thread `store`.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Batch>);

/// The rows and the counters of lost ones.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Oldest first.
    pub(super) rows: Vec<MetricRow>,
    /// Rows that were lost, by session.
    pub(super) lost: BTreeMap<SessionId, u64>,
    /// Since when the oldest row waits (monotonic).
    pub(super) since: Option<Duration>,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Pending {
    /// Adds a row. False: there was no room, and the row is counted as lost.
    pub(super) fn push(&self, row: MetricRow, now: Duration) -> bool {
        let mut batch = self.0.lock().expect(UNPOISONED);
        let has_room = batch.rows.len() < MOST_ROWS;
        if has_room {
            batch.since.get_or_insert(now);
            batch.rows.push(row);
        } else {
            *batch.lost.entry(row.session_id).or_default() += 1;
        }
        has_room
    }

    /// Takes all rows out.
    pub(super) fn take(&self) -> Batch {
        mem::take(&mut *self.0.lock().expect(UNPOISONED))
    }

    /// Puts rows that could not be written back, before those added since.
    pub(super) fn put_back(&self, mut back: Batch) {
        let mut batch = self.0.lock().expect(UNPOISONED);
        let since = mem::take(&mut *batch);
        back.since = back.since.or(since.since);
        back.rows.extend(since.rows);
        for (session_id, rows) in since.lost {
            *back.lost.entry(session_id).or_default() += rows;
        }
        for row in back.rows.split_off(back.rows.len().min(MOST_ROWS)) {
            *back.lost.entry(row.session_id).or_default() += 1;
        }
        *batch = back;
    }

    /// Since when the oldest row waits (monotonic).
    pub(super) fn since(&self) -> Option<Duration> {
        self.0.lock().expect(UNPOISONED).since
    }

    /// Forgets the rows of a session that is erased.
    pub(super) fn forget(&self, session_id: &str) {
        let mut batch = self.0.lock().expect(UNPOISONED);
        batch.rows.retain(|row| row.session_id.as_str() != session_id);
        batch.lost.remove(session_id);
        if batch.rows.is_empty() {
            batch.since = None;
        }
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.lost.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::metric::Modality;

    fn row(offset_s: u32) -> MetricRow {
        let session_id = "one".parse().unwrap();
        MetricRow { session_id, offset_s, modality: Modality::Audio, values: Vec::new() }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_order_is_kept() {
        let pending = Pending::default();
        let most = u32::try_from(MOST_ROWS).expect("fits");
        assert!((0..most).all(|k| pending.push(row(k), Duration::ZERO)));
        assert!(!pending.push(row(most), Duration::ZERO));
        let batch = pending.take();
        assert_eq!((batch.rows.len(), batch.lost["one"]), (MOST_ROWS, 1));
        assert!(pending.push(row(most + 1), Duration::ZERO), "there is room again");
        pending.put_back(batch);
        let batch = pending.take();
        assert_eq!((batch.rows[0].offset_s, batch.rows.len()), (0, MOST_ROWS));
        assert_eq!(batch.lost["one"], 2, "the newest had no room");
    }

    #[test]
    fn an_erased_session_leaves_nothing_behind() {
        let pending = Pending::default();
        pending.push(row(1), Duration::ZERO);
        pending.forget("one");
        assert!(pending.take().is_empty());
    }
}
