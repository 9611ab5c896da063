//! [`FairQueue`]: a fair queue of queues.
//!
//! Each stream has one lane for one kind of media. Those with media wait in a ready-list and are
//! served round robin; a lane is served by one worker at a time, so a stream's state needs no
//! lock and its observations keep their order. A full lane drops its oldest media and counts it.
//! What waits in metered lanes shares one [`Budget`]; media beyond it is refused. Media at
//! work shares another ([`Working`]): a lane whose turn it is waits until there is
//! memory to decode its media.
//!
//! Media that takes long is worked on in pieces: between two of them the lane goes back into the
//! ready-list, behind all others that are there. So no stream waits for more than one piece of each
//! other lane, and the lane that goes first for one piece alone.

use std::{
    collections::{HashMap, VecDeque},
    ops::Add,
    sync::{Arc, Condvar, Mutex},
};

use super::{
    budget::{Budget, Held},
    working::{AtWork, Line, Working},
};
use crate::heartbeat::{Heartbeat, IDLE_TURN};

/// Names a lane within its [`FairQueue`].
pub(super) type LaneId = u64;

/// Media that waits in a lane and may be dropped there.
pub trait Media {
    /// Bytes of memory that it takes while it waits.
    fn bytes(&self) -> usize;

    /// Bytes that it takes, its own included, while it is decoded and analysed. Called once, so it may
    /// read a header; 0 where that is broken: the decoder then returns the error. For media in pieces
    /// it is called again after each and excludes its own bytes, which count as waiting until it is
    /// done.
    fn working_bytes(&self) -> usize;

    /// Whether it may be worked on in pieces.
    const IN_PIECES: bool = false;

    /// Records that the media before it was dropped.
    fn mark_gap(&mut self) {}
}

/// Why media was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotTaken {
    /// Too much waits already; later may work.
    TooMuchWaits,
    /// It takes more memory than there is for any; it never will be taken.
    TooLarge {
        /// What it takes.
        bytes: usize,
        /// What there is.
        most_bytes: usize,
    },
}

/// See the module. `M` media, `T` the stream's tracking state, `S` where observations go.
#[derive(Debug)]
pub struct FairQueue<M, T, S> {
    state: Mutex<State<M, T, S>>,
    changed: Condvar,
    waiting: Arc<Budget>,
    working: Working,
}

#[derive(Debug)]
struct State<M, T, S> {
    lanes: HashMap<LaneId, Lane<M, T, S>>,
    ready: VecDeque<LaneId>,
    is_closed: bool,
    in_flight: usize,
    dropped_total: u64,
    refused_total: u64,
    too_large_total: u64,
}

#[derive(Debug)]
struct Lane<M, T, S> {
    media: VecDeque<Waiting<M>>,
    /// Of which some pieces are done and some are not; no worker has it.
    begun: Option<Begun<M>>,
    room: Room,
    /// The last media was refused: the next one follows a loss.
    has_gap: bool,
    /// `None` while a worker has it.
    track: Option<T>,
    sink: Arc<S>,
    dropped_total: u64,
}

#[derive(Debug)]
struct Waiting<M> {
    media: M,
    /// `None` in a lane that is not metered.
    held: Option<Held>,
    working_bytes: usize,
}

#[derive(Debug)]
struct Begun<M> {
    media: M,
    at_work: AtWork,
    /// While it lies here, its own bytes.
    held: Option<Held>,
    /// What it takes for its next piece; it may not hold that much yet.
    working_bytes: usize,
}

/// What a lane may hold, and whether it waits for its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Media that may wait.
    pub capacity: usize,
    /// It is served before the others: the booth's own camera keeps its rate however many
    /// clients there are. One lane alone may be first, or first means nothing.
    pub goes_first: bool,
    /// What waits here counts against the budget: a client fills it.
    pub is_metered: bool,
}

/// What a worker takes: the oldest media of the lane whose turn it is, or its next piece.
#[derive(Debug)]
pub struct Taken<M, T, S> {
    /// The lane of the media.
    pub lane: LaneId,
    /// To be analysed.
    pub media: M,
    /// To be given back.
    pub track: T,
    /// Where the observation goes.
    pub sink: Arc<S>,
    /// What this lane has dropped so far.
    pub dropped_total: u64,
    /// The memory that it holds until it is done.
    at_work: AtWork,
    /// Of what waits, where it is worked on in pieces.
    held: Option<Held>,
}

/// How busy some lanes are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Media that waits.
    pub waiting: usize,
    /// Media that a worker analyses, or that is between two pieces.
    pub in_flight: usize,
    /// Media dropped since the start, lanes since closed included.
    pub dropped_total: u64,
    /// Media refused since the start, since too much waited.
    pub refused_total: u64,
    /// Media refused since the start, since decoding it takes more memory than there is.
    pub too_large_total: u64,
    /// Memory held by media that a worker analyses or that is between two pieces, bytes.
    pub working_bytes: usize,
    /// How much of it may be held.
    pub most_working_bytes: usize,
}

impl Add for Usage {
    type Output = Usage;
    fn add(self, other: Usage) -> Usage {
        Usage {
            waiting: self.waiting + other.waiting,
            in_flight: self.in_flight + other.in_flight,
            dropped_total: self.dropped_total + other.dropped_total,
            refused_total: self.refused_total + other.refused_total,
            too_large_total: self.too_large_total + other.too_large_total,
            working_bytes: self.working_bytes + other.working_bytes,
            most_working_bytes: self.most_working_bytes + other.most_working_bytes,
        }
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl<M: Media, T, S> FairQueue<M, T, S> {
    /// No lanes yet; what waits in those to come shares `waiting`.
    pub(super) fn within(waiting: Arc<Budget>, working: Working) -> Self {
        let state = State {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            is_closed: false,
            in_flight: 0,
            dropped_total: 0,
            refused_total: 0,
            too_large_total: 0,
        };
        FairQueue { state: Mutex::new(state), changed: Condvar::new(), waiting, working }
    }

    /// Opens a lane.
    pub fn open(&self, lane: LaneId, room: Room, track: T, sink: Arc<S>) {
        let media = VecDeque::with_capacity(room.capacity);
        let track = Some(track);
        let (begun, has_gap, dropped_total) = (None, false, 0);
        let opened = Lane { media, begun, room, has_gap, track, sink, dropped_total };
        self.state.lock().expect(UNPOISONED).lanes.insert(lane, opened);
    }

    /// Puts media into a lane; never blocks. A full lane drops its oldest media, which is counted; a
    /// closed one takes nothing.
    ///
    /// # Errors
    /// Where the lane is metered and too much waits, or the media is too large: nothing is lost
    /// but `media`, which is counted.
    pub fn put(&self, lane: LaneId, media: M) -> Result<(), NotTaken> {
        let media = self.weighed(media);
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        let Some(into) = state.lanes.get_mut(&lane).filter(|_| !state.is_closed) else {
            return Ok(());
        };
        let was_idle = into.is_idle();
        let put = self.admit(&media, into.room).and_then(|()| into.put(media, &self.waiting));
        match put {
            Ok(Put::Behind) => {}
            Ok(Put::InPlaceOfOldest) => state.dropped_total += 1,
            Err(NotTaken::TooMuchWaits) => state.refused_total += 1,
            Err(NotTaken::TooLarge { .. }) => state.too_large_total += 1,
        }
        if put.is_ok() && was_idle && into.track.is_some() {
            enlist(&mut state.ready, lane, into.room);
            self.changed.notify_one();
        }
        put.map(|_| ())
    }

    /// Waits for media and for the memory that it takes; `None` once the lanes are closed and
    /// empty. Beats at least once a second meanwhile.
    pub fn take(&self, heartbeat: &Heartbeat) -> Option<Taken<M, T, S>> {
        let mut state = self.state.lock().expect(UNPOISONED);
        loop {
            heartbeat.beat();
            if let Some(taken) = self.next(&mut state) {
                return Some(taken);
            }
            if state.is_closed && state.ready.is_empty() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, IDLE_TURN);
            state = waited.expect(UNPOISONED).0;
        }
    }

    /// Ends what [`FairQueue::take`] began.
    pub fn give_back(&self, taken: Taken<M, T, S>) {
        let Taken { lane, media, track, at_work, held, .. } = taken;
        // Its memory is free before another lane is notified.
        drop(media);
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        state.in_flight -= 1;
        drop((at_work, held));
        if let Some(back) = state.lanes.get_mut(&lane) {
            back.track = Some(track);
            if !back.is_idle() {
                enlist(&mut state.ready, lane, back.room);
            }
        }
        if !state.ready.is_empty() {
            // There is memory again, and more than one may have waited for it.
            self.changed.notify_all();
        }
    }

    /// Lays down what was taken until its lane has its turn again: there is more to be done. Where
    /// the lane is closed, the media is dropped.
    pub fn put_back(&self, taken: Taken<M, T, S>) {
        let Taken { lane, media, track, at_work, held, .. } = taken;
        let working_bytes = media.working_bytes();
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        state.in_flight -= 1;
        if let Some(back) = state.lanes.get_mut(&lane) {
            back.track = Some(track);
            back.begun = Some(Begun { media, at_work, held, working_bytes });
            enlist(&mut state.ready, lane, back.room);
            self.changed.notify_one();
        } else {
            drop((media, at_work, held));
            self.changed.notify_all();
        }
    }

    /// Changes what may be at work; what waits and would never be, is dropped and counted.
    pub(super) fn limit_working(&self, most_bytes: usize) {
        self.working.set_most_bytes(most_bytes);
        let mut guard = self.state.lock().expect(UNPOISONED);
        let State { lanes, ready, dropped_total, .. } = &mut *guard;
        for lane in lanes.values_mut().filter(|lane| lane.room.is_metered) {
            let before = lane.media.len();
            // What was begun is finished: it may hold its memory.
            lane.media.retain(|waiting| waiting.working_bytes <= most_bytes);
            let dropped = (before - lane.media.len()) as u64;
            lane.dropped_total += dropped;
            *dropped_total += dropped;
        }
        ready.retain(|listed| lanes.get(listed).is_some_and(|lane| !lane.is_idle()));
    }

    /// Drops what waits in a lane, uncounted: it may not be analysed any more.
    pub fn clear_lane(&self, lane: LaneId) {
        let mut state = self.state.lock().expect(UNPOISONED);
        state.ready.retain(|listed| *listed != lane);
        if let Some(cleared) = state.lanes.get_mut(&lane) {
            cleared.media.clear();
            // Its memory may be what another waits for.
            if cleared.begun.take().is_some() {
                self.changed.notify_all();
            }
        }
    }

    /// Closes one lane; what waits in it is dropped, since no receiver is left.
    pub fn close_lane(&self, lane: LaneId) {
        let mut state = self.state.lock().expect(UNPOISONED);
        state.ready.retain(|listed| *listed != lane);
        let closed = state.lanes.remove(&lane);
        if closed.is_some_and(|closed| closed.begun.is_some()) {
            self.changed.notify_all();
        }
    }

    /// Takes no more media; workers end when the waiting media is done.
    pub fn close(&self) {
        self.state.lock().expect(UNPOISONED).is_closed = true;
        self.changed.notify_all();
    }

    /// How busy the lanes are.
    pub fn usage(&self) -> Usage {
        let state = self.state.lock().expect(UNPOISONED);
        let waiting = state.lanes.values().map(|lane| lane.media.len()).sum();
        let begun = state.lanes.values().filter(|lane| lane.begun.is_some()).count();
        let State { in_flight, dropped_total, refused_total, too_large_total, .. } = *state;
        Usage {
            waiting,
            in_flight: in_flight + begun,
            dropped_total,
            refused_total,
            too_large_total,
            working_bytes: self.working.held_bytes(),
            most_working_bytes: self.working.most_bytes(),
        }
    }

    fn weighed(&self, media: M) -> Waiting<M> {
        let working_bytes = media.working_bytes();
        Waiting { media, held: None, working_bytes }
    }

    /// Refuses what there never will be memory for. The booth's own is always taken.
    fn admit(&self, media: &Waiting<M>, room: Room) -> Result<(), NotTaken> {
        let (bytes, most_bytes) = (media.working_bytes, self.working.most_bytes());
        if room.is_metered && bytes > most_bytes {
            return Err(NotTaken::TooLarge { bytes, most_bytes });
        }
        Ok(())
    }

    /// What a worker is to do next, if there is anything and the memory for it.
    fn next(&self, state: &mut State<M, T, S>) -> Option<Taken<M, T, S>> {
        let mut line = self.working.line();
        let State { ready, lanes, in_flight, .. } = state;
        let (place, lane, work) = ready.iter().enumerate().find_map(|(place, lane)| {
            let from = lanes.get_mut(lane).expect("a listed lane is open");
            Some((place, *lane, from.begin(&self.working, &mut line)?))
        })?;
        ready.remove(place);
        let from = lanes.get_mut(&lane).expect("a listed lane is open");
        *in_flight += 1;
        let (media, at_work, held) = work;
        Some(Taken {
            lane,
            media,
            track: from.track.take().expect("a listed lane is not in flight"),
            sink: from.sink.clone(),
            dropped_total: from.dropped_total,
            at_work,
            held,
        })
    }
}

/// What became of media that was put into a lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Put {
    Behind,
    InPlaceOfOldest,
}

/// Media with the memory to work on it, and its share of what waits.
type Work<M> = (M, AtWork, Option<Held>);

impl<M: Media, T, S> Lane<M, T, S> {
    fn is_idle(&self) -> bool {
        self.begun.is_none() && self.media.is_empty()
    }

    /// The next work of this lane, if there is memory for it.
    fn begin(&mut self, working: &Working, line: &mut Line<'_>) -> Option<Work<M>> {
        if let Some(begun) = &mut self.begun {
            // The booth's own never waits.
            if self.room.is_metered && !begun.at_work.grow(begun.working_bytes) {
                return None;
            }
            let Begun { media, at_work, held, .. } = self.begun.take()?;
            return Some((media, at_work, held));
        }
        let bytes = self.media.front().expect("a listed lane has media").working_bytes;
        let at_work =
            if self.room.is_metered { line.hold(bytes)? } else { working.hold_anyway(bytes) };
        let Waiting { media, held, .. } = self.media.pop_front()?;
        Some((media, at_work, held.filter(|_| M::IN_PIECES)))
    }

    fn put(&mut self, mut new: Waiting<M>, budget: &Arc<Budget>) -> Result<Put, NotTaken> {
        let is_full = self.media.len() == self.room.capacity;
        if self.room.is_metered {
            let held = self.hold(new.media.bytes(), budget);
            new.held = held.inspect_err(|_| self.has_gap = true)?;
        }
        if std::mem::take(&mut self.has_gap) {
            new.media.mark_gap();
        }
        if is_full {
            self.media.pop_front();
            self.dropped_total += 1;
        }
        self.media.push_back(new);
        if !is_full {
            return Ok(Put::Behind);
        }
        self.media.front_mut().expect("one was just put there").media.mark_gap();
        Ok(Put::InPlaceOfOldest)
    }

    /// Room for so many bytes; in a full lane the oldest media's, which is about to go.
    fn hold(&mut self, bytes: usize, budget: &Arc<Budget>) -> Result<Option<Held>, NotTaken> {
        let is_full = self.media.len() == self.room.capacity;
        let Some(oldest) = self.media.front_mut().filter(|_| is_full) else {
            return budget.hold(bytes).map(Some).ok_or(NotTaken::TooMuchWaits);
        };
        let mut held = oldest.held.take().expect("the lane is metered, and so is all in it");
        if held.resize(bytes) {
            return Ok(Some(held));
        }
        oldest.held = Some(held);
        Err(NotTaken::TooMuchWaits)
    }
}

fn enlist(ready: &mut VecDeque<LaneId>, lane: LaneId, room: Room) {
    if room.goes_first {
        ready.push_front(lane);
    } else {
        ready.push_back(lane);
    }
}

#[cfg(test)]
mod tests;
