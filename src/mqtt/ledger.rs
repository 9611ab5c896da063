//! What was said and is not acknowledged yet: which packet was which message, and which rows of
//! the outbox are on their way. Pure: knows no broker and no store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::store::OutboxRow;

/// A row that the broker refuses is tried again after so long.
const RETRY_REFUSED: Duration = Duration::from_secs(60);

/// A broker that refused so many rows, one after the other, refuses all of them.
const REFUSALS_IN_A_ROW: u32 = 16;

/// Pause then.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// How often the oldest row that nobody heard is said again before those behind it have their
/// turn: over half a minute, in which a desk that has lost its broker is back.
const MOST_PROBES: u32 = 4;

/// The first pause between them; each is twice the one before.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// What a QoS 1 message was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// The row of the outbox of that id.
    Row(i64),
    /// The last status before we leave.
    Goodbye,
    /// Something that is said again by itself.
    Other,
}

/// Which packet is which message. The library gives a message its number only when it leaves;
/// messages leave in the order in which they were given to it.
#[derive(Debug, Default)]
pub(super) struct Packets {
    unnumbered: VecDeque<Said>,
    numbered: HashMap<u16, Said>,
}

impl Packets {
    /// A QoS 1 message was given to the library.
    pub(super) fn said(&mut self, said: Said) {
        self.unnumbered.push_back(said);
    }

    /// The next of them has left, under that number.
    pub(super) fn left(&mut self, packet_id: u16) {
        // 0 is a QoS 0 message, which nobody acknowledges.
        if packet_id != 0
            && let Some(said) = self.unnumbered.pop_front()
        {
            self.numbered.insert(packet_id, said);
        }
    }

    /// The broker speaks of that number.
    pub(super) fn answered(&mut self, packet_id: u16) -> Option<Said> {
        self.numbered.remove(&packet_id)
    }

    /// The connection is gone, and all numbers with it.
    pub(super) fn clear(&mut self) {
        self.unnumbered.clear();
        self.numbered.clear();
    }
}

/// Which rows of the outbox are on their way.
#[derive(Debug)]
pub(super) struct Window {
    /// Rows that may be on their way.
    size: usize,
    /// Everything up to this one was looked at since the connection was made.
    cursor: i64,
    on_their_way: BTreeSet<i64>,
    /// Acknowledged, and not deleted yet.
    done: BTreeSet<i64>,
    /// When they may be tried again.
    refused: BTreeMap<i64, Instant>,
    /// Those of them that were accepted, but that nobody heard.
    unheard: BTreeSet<i64>,
    refusals_in_a_row: u32,
    /// A row was acknowledged since the connection was made: somebody listens.
    is_heard: bool,
    /// How often a row was said that nobody heard, since one was heard.
    probes: u32,
    paused_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Window {
            size,
            cursor: 0,
            on_their_way: BTreeSet::new(),
            done: BTreeSet::new(),
            refused: BTreeMap::new(),
            unheard: BTreeSet::new(),
            refusals_in_a_row: 0,
            is_heard: false,
            probes: 0,
            paused_until: None,
        }
    }

    /// A new connection: begins again with the oldest row that is not acknowledged.
    pub(super) fn restart(&mut self, size: usize) {
        self.size = size;
        self.cursor = 0;
        self.on_their_way.clear();
        self.refused.clear();
        self.unheard.clear();
        self.refusals_in_a_row = 0;
        self.is_heard = false;
        self.probes = 0;
        self.paused_until = None;
    }

    /// How many more rows may be sent now.
    pub(super) fn room(&self, now: Instant) -> usize {
        if self.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        // Until somebody hears, one at a time keeps the order: a desk that comes between two rows
        // would have the second without the first.
        let size = if self.is_heard && self.probes == 0 { self.size } else { 1 };
        size.saturating_sub(self.on_their_way.len())
    }

    /// After which row to look for more, where there may be some. Refused rows whose time has
    /// come are looked at first: then from before the oldest of them.
    pub(super) fn look_after(&mut self, newest_id: i64, now: Instant) -> Option<i64> {
        let due = self.refused.iter().find(|(_, at)| **at <= now).map(|(id, _)| *id);
        if let Some(due) = due {
            self.refused.retain(|_, at| *at > now);
            self.cursor = self.cursor.min(due - 1);
        }
        (self.cursor < newest_id).then_some(self.cursor)
    }

    /// Which of the rows that were read after `after` are to be sent. `newest_id` was the newest
    /// before they were read.
    pub(super) fn choose(
        &mut self,
        rows: Vec<OutboxRow>,
        limit: u32,
        newest_id: i64,
    ) -> Vec<OutboxRow> {
        let is_all = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        self.cursor = match rows.last() {
            Some(last) if is_all => last.outbox_id.max(newest_id),
            Some(last) => last.outbox_id,
            None => newest_id,
        };
        let is_known = |id: &i64| {
            self.done.contains(id)
                || self.on_their_way.contains(id)
                || self.refused.contains_key(id)
        };
        rows.into_iter().filter(|row| !is_known(&row.outbox_id)).collect()
    }

    /// That row was given to the library.
    pub(super) fn sent(&mut self, outbox_id: i64) {
        self.on_their_way.insert(outbox_id);
    }

    /// That row found no room, so it and what comes after it is looked at again.
    pub(super) fn put_back(&mut self, outbox_id: i64) {
        self.cursor = self.cursor.min(outbox_id - 1);
    }

    /// The broker has it.
    pub(super) fn acknowledged(&mut self, outbox_id: i64) {
        self.refusals_in_a_row = 0;
        self.is_heard = true;
        self.probes = 0;
        self.on_their_way.remove(&outbox_id);
        self.done.insert(outbox_id);
        // Somebody listens again: what nobody heard comes now, from the oldest on.
        for unheard in std::mem::take(&mut self.unheard) {
            if self.refused.remove(&unheard).is_some() {
                self.put_back(unheard);
            }
        }
    }

    /// The broker has it, and nobody to give it to: the desk is away, and the broker does not
    /// know of it any more. It is kept, and said again soon, in order; a row that stays unheard
    /// does not block the others for ever.
    pub(super) fn unheard(&mut self, outbox_id: i64, now: Instant) {
        if self.probes > MOST_PROBES {
            self.unheard.insert(outbox_id);
            return self.refused(outbox_id, now);
        }
        self.on_their_way.remove(&outbox_id);
        self.put_back(outbox_id);
        // The others that were on their way with it say the same.
        if self.paused_until.is_none_or(|until| until <= now) {
            self.paused_until = Some(now + PROBE_PAUSE * 2_u32.pow(self.probes));
            self.probes += 1;
        }
    }

    /// Somebody must listen first.
    pub(super) fn is_unheard(&self) -> bool {
        self.probes > 0
    }

    /// The broker does not want it: it is kept, and the others go on.
    pub(super) fn refused(&mut self, outbox_id: i64, now: Instant) {
        self.on_their_way.remove(&outbox_id);
        self.refused.insert(outbox_id, now + RETRY_REFUSED);
        self.refusals_in_a_row += 1;
        if self.refusals_in_a_row >= REFUSALS_IN_A_ROW {
            self.refusals_in_a_row = 0;
            self.paused_until = Some(now + REFUSED_PAUSE);
        }
    }

    /// When something may be sent that may not be sent now.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let refused = self.refused.values().min().copied();
        [self.paused_until, refused].into_iter().flatten().min()
    }

    /// Rows that the broker refuses.
    pub(super) fn refused_total(&self) -> usize {
        self.refused.len()
    }

    /// Nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.on_their_way.is_empty()
    }

    /// Rows to be deleted.
    pub(super) fn done(&self) -> Vec<i64> {
        self.done.iter().copied().collect()
    }

    /// They are deleted.
    pub(super) fn deleted(&mut self, ids: &[i64]) {
        for id in ids {
            self.done.remove(id);
        }
    }
}

/// How many messages may be sent in a second.
#[derive(Debug)]
pub(super) struct Rate {
    per_s: f64,
    tokens: f64,
    counted_at: Instant,
}

/// Share of a second that may be sent at once after a silence.
const BURST_S: f64 = 0.1;

impl Rate {
    pub(super) fn new(per_s: u32, now: Instant) -> Self {
        let per_s = f64::from(per_s);
        Rate { per_s, tokens: (per_s * BURST_S).max(1.0), counted_at: now }
    }

    /// Nothing for a while, whatever was saved.
    pub(super) fn hold_until(&mut self, when: Instant) {
        self.tokens = 0.0;
        self.counted_at = when;
    }

    /// How many now.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a tenth of 10 000, never negative"
    )]
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        if passed > 0.0 {
            self.tokens =
                (self.tokens + passed * self.per_s).min((self.per_s * BURST_S).max(1.0));
            self.counted_at = now;
        }
        self.tokens as usize
    }

    /// One was sent.
    pub(super) fn spend(&mut self) {
        self.tokens -= 1.0;
    }

    /// When the next may be sent.
    pub(super) fn next_at(&self) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0);
        self.counted_at + Duration::from_secs_f64(missing / self.per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outbox_id: i64) -> OutboxRow {
        OutboxRow {
            outbox_id,
            boot_id: "b".into(),
            session_id: None,
            kind: "event/x".into(),
            at: 0,
            is_clock_set: true,
            payload: serde_json::json!({}),
        }
    }

    fn chosen(window: &mut Window, ids: &[i64], limit: u32, newest: i64) -> Vec<i64> {
        let rows = ids.iter().map(|id| row(*id)).collect();
        let rows = window.choose(rows, limit, newest);
        let ids: Vec<i64> = rows.iter().map(|row| row.outbox_id).collect();
        ids.iter().for_each(|id| window.sent(*id));
        ids
    }

    #[test]
    fn a_number_belongs_to_the_oldest_message_without_one() {
        let mut packets = Packets::default();
        packets.said(Said::Row(7));
        packets.said(Said::Other);
        packets.left(0);
        packets.left(3);
        packets.left(4);
        assert_eq!(packets.answered(4), Some(Said::Other));
        assert_eq!(packets.answered(3), Some(Said::Row(7)));
        assert_eq!(packets.answered(3), None);
        packets.said(Said::Row(8));
        packets.clear();
        packets.left(1);
        assert_eq!(packets.answered(1), None);
    }

    #[tokio::test]
    async fn a_new_connection_begins_with_the_oldest_that_is_not_acknowledged() {
        let (now, mut window) = (Instant::now(), Window::new(3));
        assert_eq!(window.look_after(5, now), Some(0));
        assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 5), [1, 2, 3]);
        assert_eq!(window.room(now), 0);
        window.acknowledged(2);
        assert_eq!((window.room(now), window.look_after(5, now)), (1, Some(3)));
        assert_eq!(chosen(&mut window, &[4], 1, 5), [4]);
        window.restart(3);
        assert_eq!(window.look_after(5, now), Some(0));
        assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 5), [1, 3], "2 is only not deleted yet");
        window.deleted(&[2]);
        assert!(window.done().is_empty());
    }

    #[tokio::test]
    async fn rows_that_are_gone_are_not_looked_for_again() {
        let (now, mut window) = (Instant::now(), Window::new(3));
        assert!(chosen(&mut window, &[], 3, 9).is_empty());
        assert_eq!(window.look_after(9, now), None);
        assert_eq!(window.look_after(10, now), Some(9));
        window.put_back(4);
        assert_eq!(window.look_after(9, now), Some(3));
    }

    #[tokio::test]
    async fn a_refused_row_blocks_nobody_and_comes_again() {
        let (now, mut window) = (Instant::now(), Window::new(3));
        chosen(&mut window, &[1, 2], 3, 2);
        window.refused(1, now);
        window.acknowledged(2);
        assert_eq!((window.refused_total(), window.done()), (1, vec![2]));
        assert_eq!(window.look_after(2, now), None);
        let later = window.wakes_at().expect("there is a refused one");
        assert_eq!(window.look_after(2, later), Some(0));
        assert_eq!(chosen(&mut window, &[1, 2], 3, 2), [1]);
        for id in 3..3 + i64::from(REFUSALS_IN_A_ROW) {
            window.refused(id, now);
        }
        assert_eq!(window.room(now), 0, "a broker that refuses all is left alone for a while");
        assert!(window.room(now + REFUSED_PAUSE) > 0);
    }

    #[tokio::test]
    async fn what_nobody_hears_is_said_again_in_order_and_blocks_nobody_for_ever() {
        let (mut now, mut window) = (Instant::now(), Window::new(3));
        chosen(&mut window, &[1, 2, 3], 3, 4);
        [1, 2, 3].into_iter().for_each(|id| window.unheard(id, now));
        assert_eq!(window.room(now), 0);
        for probe in 0..MOST_PROBES {
            now = window.wakes_at().expect("is paused");
            assert_eq!((window.room(now), window.look_after(4, now)), (1, Some(0)), "{probe}");
            assert_eq!(chosen(&mut window, &[1], 1, 4), [1]);
            window.unheard(1, now);
        }
        now += Duration::from_secs(60);
        assert_eq!(window.look_after(4, now), Some(0));
        assert_eq!(chosen(&mut window, &[1], 1, 4), [1]);
        window.unheard(1, now);
        assert_eq!(window.look_after(4, now), Some(1), "the next has its turn");
        assert_eq!(chosen(&mut window, &[2], 1, 4), [2]);
        window.acknowledged(2);
        assert_eq!(window.look_after(4, now), Some(0), "somebody listens: the oldest first");
        assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 4), [1, 3]);
    }

    #[tokio::test]
    async fn the_rate_is_kept() {
        let began = Instant::now();
        let (mut rate, mut now, mut sent) = (Rate::new(200, began), began, 0_usize);
        while now < began + Duration::from_secs(10) {
            for _ in 0..rate.allowed(now) {
                rate.spend();
                sent += 1;
            }
            now += Duration::from_millis(7);
        }
        assert!((2000..=2021).contains(&sent), "{sent}");
        rate.hold_until(now + Duration::from_secs(1));
        assert_eq!(rate.allowed(now + Duration::from_millis(900)), 0);
        assert!(rate.next_at() > now + Duration::from_secs(1));
    }
}
