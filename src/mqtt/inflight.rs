//! Unacknowledged messages: which packet is which message, and which rows of the outbox are in
//! flight. Pure: knows no broker and no store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    refusal::{Fault, Refusal},
    suspects::Suspect,
};
use crate::store::OutboxRow;

/// A row without a subscriber is sent again after this time, unless a subscriber shows earlier.
const RETRY_UNSUBSCRIBED: Duration = Duration::from_secs(60);

/// The first pause after a refusal that is not the row's own fault; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after such a refusal.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Refusals without a clear reason, after which a row is set aside. Only those count between which
/// the broker took another message: one that refuses everything is at fault itself.
const MAX_UNCLEAR: u32 = 3;

/// A broker that refused so many rows, one after the other, refuses all of them.
const REFUSALS_IN_A_ROW: u32 = 16;

/// Pause then.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// How often the oldest row without a subscriber is published again before the rows behind it:
/// more than half a minute, in which a fleet server that has lost its broker is back.
const MOST_PROBES: u32 = 4;

/// The first pause between them; each is twice the one before.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Kind of a QoS 1 message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Published {
    /// The row of the outbox with this id.
    Row(i64),
    /// The last status before the disconnect.
    Goodbye,
    /// A message that is published again periodically or on a change.
    Other,
}

/// A QoS 1 message that was given to the library.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Sent {
    pub(super) published: Published,
    pub(super) topic: String,
    /// Its topic without private parts.
    pub(super) about: String,
    /// Size of its payload, bytes.
    pub(super) bytes: usize,
}

impl Sent {
    pub(super) fn suspect(&self) -> Suspect {
        match self.published {
            Published::Row(id) => Suspect::Row(id),
            Published::Goodbye | Published::Other => Suspect::Topic(self.topic.clone()),
        }
    }
}

/// Which packet is which message. The library gives a message its number only when it leaves;
/// messages leave in the order in which they were given to it.
#[derive(Debug, Default)]
pub(super) struct InflightPackets {
    unnumbered: VecDeque<Sent>,
    /// With the place in which they left.
    numbered: HashMap<u16, (u64, Sent)>,
    left_total: u64,
    /// The subscription has no answer yet.
    is_subscribing: bool,
}

impl InflightPackets {
    /// A QoS 1 message was given to the library.
    pub(super) fn published(&mut self, sent: Sent) {
        self.unnumbered.push_back(sent);
    }

    /// The subscription was given to it.
    pub(super) fn subscribing(&mut self) {
        self.is_subscribing = true;
    }

    pub(super) fn subscribed(&mut self) {
        self.is_subscribing = false;
    }

    /// The next of them has left, under that number.
    pub(super) fn left(&mut self, packet_id: u16) {
        // 0 is a QoS 0 message, which is not acknowledged.
        if packet_id != 0
            && let Some(sent) = self.unnumbered.pop_front()
        {
            self.left_total += 1;
            self.numbered.insert(packet_id, (self.left_total, sent));
        }
    }

    /// The broker has answered the message of that number.
    pub(super) fn answered(&mut self, packet_id: u16) -> Option<Sent> {
        self.numbered.remove(&packet_id).map(|(_, sent)| sent)
    }

    /// Whether every message has its answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.unnumbered.is_empty() && self.numbered.is_empty() && !self.is_subscribing
    }

    /// The connection is gone, and all numbers with it: what had left and has no answer, in the
    /// order in which it left. None of it was a message for a subscription without an answer.
    pub(super) fn lose(&mut self) -> Vec<Sent> {
        self.unnumbered.clear();
        let mut lost: Vec<_> = self.numbered.drain().map(|(_, sent)| sent).collect();
        lost.sort_by_key(|(place, _)| *place);
        lost.into_iter().map(|(_, sent)| sent).collect()
    }

    /// The subscription had no answer when the connection was lost.
    pub(super) fn lose_subscription(&mut self) -> bool {
        std::mem::take(&mut self.is_subscribing)
    }
}

/// A row that is sent again later.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due_at: Instant,
    /// Due as soon as the broker takes any message.
    ends_with_an_ack: bool,
}

/// A kind of rows that the booth has no right to publish: one of them tries, the others wait.
#[derive(Clone, Debug)]
struct Blocked {
    due_at: Instant,
    pause: Duration,
    /// The oldest row that was passed over for it.
    oldest: i64,
    /// The one that tries.
    probe: Option<i64>,
}

/// Unclear refusals of a row.
#[derive(Clone, Copy, Debug)]
struct Unclear {
    counted: u32,
    /// Messages that the broker had taken at the last of them.
    taken_total: u64,
    pause: Duration,
}

/// Treatment of a row that the broker refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It waits and is sent again automatically.
    Waits,
    /// The broker will never take it; it is set aside.
    SetAside,
}

/// Rows of the outbox in flight.
#[derive(Debug)]
pub(super) struct OutboxWindow {
    /// Maximum number of rows in flight.
    size: usize,
    /// Id up to which rows were selected since the connection was made.
    cursor: i64,
    /// Rows in flight with their kinds.
    on_their_way: BTreeMap<i64, String>,
    /// Acknowledged, and not deleted yet.
    done: BTreeSet<i64>,
    /// Set aside, and not marked as such yet.
    aside: BTreeSet<i64>,
    waiting: BTreeMap<i64, Waiting>,
    blocked: BTreeMap<String, Blocked>,
    unclear: BTreeMap<i64, Unclear>,
    /// Messages that the broker has taken, of rows and of others.
    taken_total: u64,
    refusals_in_a_row: u32,
    /// Next pause while the broker is busy.
    busy_pause: Duration,
    /// A row was acknowledged since the connection was made: there is a subscriber.
    has_subscriber: bool,
    /// Publications without a subscriber since the last with one.
    probes: u32,
    paused_until: Option<Instant>,
}

impl OutboxWindow {
    pub(super) fn new(size: usize) -> Self {
        OutboxWindow {
            size,
            cursor: 0,
            on_their_way: BTreeMap::new(),
            done: BTreeSet::new(),
            aside: BTreeSet::new(),
            waiting: BTreeMap::new(),
            blocked: BTreeMap::new(),
            unclear: BTreeMap::new(),
            taken_total: 0,
            refusals_in_a_row: 0,
            busy_pause: FIRST_PAUSE,
            has_subscriber: false,
            probes: 0,
            paused_until: None,
        }
    }

    /// A new connection: begins again with the oldest row that is not acknowledged.
    pub(super) fn restart(&mut self, size: usize) {
        let (done, aside) = (std::mem::take(&mut self.done), std::mem::take(&mut self.aside));
        let unclear = std::mem::take(&mut self.unclear);
        let taken_total = self.taken_total;
        *self = OutboxWindow { done, aside, unclear, taken_total, ..OutboxWindow::new(size) };
    }

    /// Rows that were set aside may be sent again.
    pub(super) fn look_again(&mut self) {
        self.cursor = 0;
        self.unclear.clear();
    }

    /// Number of rows that may be sent now.
    pub(super) fn room(&self, now: Instant) -> usize {
        if self.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        // Until there is a subscriber, one at a time keeps the order: a fleet server that
        // subscribes between two rows would have the second without the first.
        let size = if self.has_subscriber && self.probes == 0 { self.size } else { 1 };
        size.saturating_sub(self.on_their_way.len())
    }

    /// After which row to look for more, where there may be some. Rows that waited and whose time
    /// has come are looked at first: then from before the oldest of them.
    pub(super) fn look_after(&mut self, newest_id: i64, now: Instant) -> Option<i64> {
        let due = self.waiting.iter().find(|(_, waiting)| waiting.due_at <= now);
        if let Some(due) = due.map(|(id, _)| *id) {
            self.waiting.retain(|_, waiting| waiting.due_at > now);
            self.put_back(due);
        }
        let blocked = self.blocked.values_mut();
        let due = blocked.filter(|b| b.probe.is_none() && b.due_at <= now);
        if let Some(oldest) = due.map(|b| std::mem::replace(&mut b.oldest, i64::MAX)).min() {
            self.put_back(oldest);
        }
        (self.cursor < newest_id).then_some(self.cursor)
    }

    /// Selects from the rows read after `after` those to send. `newest_id` was the newest before the
    /// read.
    pub(super) fn choose(
        &mut self,
        rows: Vec<OutboxRow>,
        limit: u32,
        newest_id: i64,
        now: Instant,
    ) -> Vec<OutboxRow> {
        let is_all = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        self.cursor = match rows.last() {
            Some(last) if is_all => last.outbox_id.max(newest_id),
            Some(last) => last.outbox_id,
            None => newest_id,
        };
        rows.into_iter()
            .filter(|row| !self.is_known(row.outbox_id) && self.may_go(row, now))
            .collect()
    }

    fn is_known(&self, id: i64) -> bool {
        self.done.contains(&id)
            || self.aside.contains(&id)
            || self.on_their_way.contains_key(&id)
            || self.waiting.contains_key(&id)
    }

    /// Whether its kind is not blocked, or it is the row that tries.
    fn may_go(&mut self, row: &OutboxRow, now: Instant) -> bool {
        let Some(blocked) = self.blocked.get_mut(&row.kind) else { return true };
        if blocked.probe.is_none() && blocked.due_at <= now {
            blocked.probe = Some(row.outbox_id);
            return true;
        }
        blocked.oldest = blocked.oldest.min(row.outbox_id);
        false
    }

    /// Records that the row was handed to the library.
    pub(super) fn sent(&mut self, outbox_id: i64, kind: &str) {
        self.on_their_way.insert(outbox_id, kind.to_owned());
    }

    /// Records that the library had no room for the row: it and the following rows are selected again.
    pub(super) fn put_back(&mut self, outbox_id: i64) {
        self.cursor = self.cursor.min(outbox_id.saturating_sub(1));
        // A row that was chosen to try and did not leave has not tried.
        for blocked in self.blocked.values_mut() {
            let has_not = |id: &i64| *id >= outbox_id && !self.on_their_way.contains_key(id);
            if let Some(id) = blocked.probe.filter(has_not) {
                blocked.probe = None;
                blocked.oldest = blocked.oldest.min(id);
            }
        }
    }

    /// Records that the broker has taken a message that is no row.
    pub(super) fn taken(&mut self) {
        self.taken_total += 1;
    }

    /// Records that the broker has acknowledged the row.
    pub(super) fn acknowledged(&mut self, outbox_id: i64) {
        self.taken();
        self.refusals_in_a_row = 0;
        self.busy_pause = FIRST_PAUSE;
        self.has_subscriber = true;
        self.probes = 0;
        self.unclear.remove(&outbox_id);
        self.done.insert(outbox_id);
        if let Some(kind) = self.on_their_way.remove(&outbox_id) {
            self.unblock(&kind);
        }
        // There is a subscriber again: rows sent without one follow now, from the oldest on.
        let again = self.waiting.iter().find(|(_, waiting)| waiting.ends_with_an_ack);
        if let Some(oldest) = again.map(|(id, _)| *id) {
            self.waiting.retain(|_, waiting| !waiting.ends_with_an_ack);
            self.put_back(oldest);
        }
    }

    /// The broker has the row and no subscriber: the fleet server is away, and its session at the
    /// broker has ended. The row stays and is sent again soon, in order; a row that never finds a
    /// subscriber does not block the others for ever.
    pub(super) fn no_subscriber(&mut self, outbox_id: i64, now: Instant) {
        self.taken();
        self.unclear.remove(&outbox_id);
        if let Some(kind) = self.on_their_way.remove(&outbox_id) {
            self.unblock(&kind);
        }
        if self.probes > MOST_PROBES {
            self.wait(outbox_id, now + RETRY_UNSUBSCRIBED, true);
            return self.count_refusal(now);
        }
        self.put_back(outbox_id);
        // The answers to the other rows in flight mean the same.
        if self.paused_until.is_none_or(|until| until <= now) {
            self.paused_until = Some(now + PROBE_PAUSE * 2_u32.pow(self.probes));
            self.probes += 1;
        }
    }

    /// Whether rows wait for a subscriber.
    pub(super) fn lacks_subscriber(&self) -> bool {
        self.probes > 0
    }

    /// Records a refusal: the row waits or is set aside; the others go on.
    pub(super) fn refused(
        &mut self,
        outbox_id: i64,
        refusal: &Refusal,
        now: Instant,
    ) -> Outcome {
        let kind = self.on_their_way.remove(&outbox_id).unwrap_or_default();
        match refusal.fault() {
            Fault::Message => {
                self.set_aside(outbox_id);
                return Outcome::SetAside;
            }
            Fault::Rights => self.block(outbox_id, kind, now),
            Fault::Busy => self.hold_all(outbox_id, now),
            Fault::Unclear if self.is_hopeless(outbox_id, now) => {
                self.set_aside(outbox_id);
                return Outcome::SetAside;
            }
            Fault::Unclear => self.count_refusal(now),
        }
        Outcome::Waits
    }

    /// Stops sending the row; its mark is being written.
    pub(super) fn set_aside(&mut self, outbox_id: i64) {
        self.on_their_way.remove(&outbox_id);
        self.waiting.remove(&outbox_id);
        self.unclear.remove(&outbox_id);
        self.aside.insert(outbox_id);
        for blocked in self.blocked.values_mut().filter(|b| b.probe == Some(outbox_id)) {
            blocked.probe = None;
        }
    }

    /// Records that the mark of the row is on the disk.
    pub(super) fn marked(&mut self, outbox_id: i64) {
        self.aside.remove(&outbox_id);
    }

    fn wait(&mut self, outbox_id: i64, due_at: Instant, ends_with_an_ack: bool) {
        self.waiting.insert(outbox_id, Waiting { due_at, ends_with_an_ack });
    }

    fn block(&mut self, outbox_id: i64, kind: String, now: Instant) {
        let blocked = self.blocked.entry(kind).or_insert(Blocked {
            due_at: now,
            pause: FIRST_PAUSE / 2,
            oldest: outbox_id,
            probe: Some(outbox_id),
        });
        blocked.oldest = blocked.oldest.min(outbox_id);
        // The answers to others of the kind in flight mean the same.
        if blocked.probe == Some(outbox_id) {
            blocked.probe = None;
            blocked.pause = (blocked.pause * 2).min(MAX_PAUSE);
            blocked.due_at = now + blocked.pause;
        }
    }

    fn unblock(&mut self, kind: &str) {
        let blocked = self.blocked.remove(kind);
        if let Some(blocked) = blocked.filter(|blocked| blocked.oldest < i64::MAX) {
            self.put_back(blocked.oldest);
        }
    }

    /// The broker is busy: nothing for a while, and then another row than this, which the broker
    /// may mean after all.
    fn hold_all(&mut self, outbox_id: i64, now: Instant) {
        let is_first = self.paused_until.is_none_or(|until| until <= now);
        if is_first {
            self.paused_until = Some(now + self.busy_pause);
            self.busy_pause = (self.busy_pause * 2).min(MAX_PAUSE);
        }
        self.has_subscriber = false;
        self.wait(outbox_id, now + self.busy_pause * 2, true);
    }

    /// Counts an unclear refusal; true when it was the last.
    fn is_hopeless(&mut self, outbox_id: i64, now: Instant) -> bool {
        let taken_total = self.taken_total;
        let first = Unclear { counted: 0, taken_total: u64::MAX, pause: FIRST_PAUSE / 2 };
        let unclear = self.unclear.entry(outbox_id).or_insert(first);
        if unclear.taken_total != taken_total {
            unclear.counted += 1;
            unclear.taken_total = taken_total;
        }
        unclear.pause = (unclear.pause * 2).min(MAX_PAUSE);
        let Unclear { counted, pause, .. } = *unclear;
        self.wait(outbox_id, now + pause, false);
        counted >= MAX_UNCLEAR
    }

    fn count_refusal(&mut self, now: Instant) {
        self.refusals_in_a_row += 1;
        if self.refusals_in_a_row >= REFUSALS_IN_A_ROW {
            self.refusals_in_a_row = 0;
            self.paused_until = Some(now + REFUSED_PAUSE);
        }
    }

    /// Time at which the next waiting row may be sent.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let waiting = self.waiting.values().map(|waiting| waiting.due_at).min();
        let blocked =
            self.blocked.values().filter(|b| b.probe.is_none() && b.oldest < i64::MAX);
        let blocked = blocked.map(|blocked| blocked.due_at).min();
        [self.paused_until, waiting, blocked].into_iter().flatten().min()
    }

    /// Kinds of rows that the booth has no right to publish.
    pub(super) fn blocked_kinds(&self) -> impl Iterator<Item = &str> {
        self.blocked.keys().map(String::as_str)
    }

    /// Rows that were refused for no clear reason and are sent again.
    pub(super) fn unclear_total(&self) -> usize {
        self.unclear.len()
    }

    /// Whether the broker refused as busy and has taken no row since.
    pub(super) fn is_busy(&self) -> bool {
        self.busy_pause > FIRST_PAUSE
    }

    /// Whether no row is in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.on_their_way.is_empty()
    }

    /// Acknowledged rows, which can be deleted.
    pub(super) fn done(&self) -> Vec<i64> {
        self.done.iter().copied().collect()
    }

    /// Records that these rows are deleted.
    pub(super) fn deleted(&mut self, ids: &[i64]) {
        for id in ids {
            self.done.remove(id);
        }
    }
}

/// Limits the messages per second (token bucket).
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

    /// Sends nothing for a while, independent of saved tokens.
    pub(super) fn hold_until(&mut self, when: Instant) {
        self.tokens = 0.0;
        self.counted_at = when;
    }

    /// Number of messages that may be sent now.
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

    /// Records a sent message.
    pub(super) fn spend(&mut self) {
        self.tokens -= 1.0;
    }

    /// Time at which the next message may be sent.
    pub(super) fn next_at(&self) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0);
        self.counted_at + Duration::from_secs_f64(missing / self.per_s)
    }
}

#[cfg(test)]
mod tests;
