//! [`Lanes`]: a fair queue of queues.
//!
//! Each stream has one lane for one kind of media. Lanes with media wait in a ready-list and are
//! served round robin; a lane is served by one worker at a time, so a stream's state needs no
//! lock and its observations keep their order. A full lane drops its oldest media and counts it.
//! What waits in metered lanes shares one [`Budget`]; media beyond it is refused.

use std::{
    collections::{HashMap, VecDeque},
    ops::Add,
    sync::{Arc, Condvar, Mutex},
};

use super::budget::{Budget, Held};
use crate::pulse::{IDLE_TURN, Pulse};

/// Names a lane within its [`Lanes`].
pub(super) type LaneId = u64;

/// What waits in a lane, and may be lost there.
pub trait Media {
    /// What it takes of the memory while it waits.
    fn bytes(&self) -> usize;

    /// What came just before was dropped.
    fn mark_gap(&mut self) {}
}

/// Too much waits already: media was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Overfull;

/// See the module. `M` media, `T` the stream's tracking state, `S` where observations go.
#[derive(Debug)]
pub struct Lanes<M, T, S> {
    state: Mutex<State<M, T, S>>,
    changed: Condvar,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct State<M, T, S> {
    lanes: HashMap<LaneId, Lane<M, T, S>>,
    ready: VecDeque<LaneId>,
    is_closed: bool,
    in_flight: usize,
    dropped_total: u64,
    refused_total: u64,
}

#[derive(Debug)]
struct Lane<M, T, S> {
    media: VecDeque<Waiting<M>>,
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
}

/// What a lane may hold, and whether it waits for its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Media that may wait.
    pub capacity: usize,
    /// It is served before the others: the booth's own camera keeps its rate however many
    /// clients there are. One lane alone may be first, or first means nothing.
    pub goes_first: bool,
    /// What waits here counts against the budget: who fills it is not ours.
    pub is_metered: bool,
}

/// What a worker takes: the oldest media of the lane whose turn it is.
#[derive(Debug)]
pub struct Taken<M, T, S> {
    /// Whose it is.
    pub lane: LaneId,
    /// To be analysed.
    pub media: M,
    /// To be given back.
    pub track: T,
    /// Where the observation goes.
    pub sink: Arc<S>,
    /// What this lane has dropped so far.
    pub dropped_total: u64,
}

/// How busy some lanes are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Media that waits.
    pub waiting: usize,
    /// Media in the hands of a worker.
    pub in_flight: usize,
    /// Media dropped since the start, lanes since closed included.
    pub dropped_total: u64,
    /// Media refused since the start, since too much waited.
    pub refused_total: u64,
}

impl Add for Usage {
    type Output = Usage;
    fn add(self, other: Usage) -> Usage {
        Usage {
            waiting: self.waiting + other.waiting,
            in_flight: self.in_flight + other.in_flight,
            dropped_total: self.dropped_total + other.dropped_total,
            refused_total: self.refused_total + other.refused_total,
        }
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl<M: Media, T, S> Lanes<M, T, S> {
    /// No lanes yet; what waits in those to come shares `budget`.
    pub(super) fn within(budget: Arc<Budget>) -> Self {
        let state = State {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            is_closed: false,
            in_flight: 0,
            dropped_total: 0,
            refused_total: 0,
        };
        Lanes { state: Mutex::new(state), changed: Condvar::new(), budget }
    }

    /// Opens a lane.
    pub fn open(&self, lane: LaneId, room: Room, track: T, sink: Arc<S>) {
        let media = VecDeque::with_capacity(room.capacity);
        let track = Some(track);
        let opened = Lane { media, room, has_gap: false, track, sink, dropped_total: 0 };
        self.state.lock().expect(UNPOISONED).lanes.insert(lane, opened);
    }

    /// Never blocks. A full lane loses its oldest media, which is counted; a closed one takes
    /// nothing.
    ///
    /// # Errors
    /// Where the lane is metered and too much waits: nothing is lost but `media`, which is
    /// counted.
    pub fn put(&self, lane: LaneId, media: M) -> Result<(), Overfull> {
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        let Some(into) = state.lanes.get_mut(&lane).filter(|_| !state.is_closed) else {
            return Ok(());
        };
        let was_empty = into.media.is_empty();
        let put = into.put(media, &self.budget);
        state.dropped_total += u64::from(put == Ok(Put::InPlaceOfOldest));
        state.refused_total += u64::from(put.is_err());
        if put.is_ok() && was_empty && into.track.is_some() {
            enlist(&mut state.ready, lane, into.room);
            self.changed.notify_one();
        }
        put.map(|_| ())
    }

    /// Waits for media; `None` once the lanes are closed and empty. Beats at least once a
    /// second meanwhile.
    pub fn take(&self, pulse: &Pulse) -> Option<Taken<M, T, S>> {
        let mut state = self.state.lock().expect(UNPOISONED);
        pulse.beat();
        while state.ready.is_empty() && !state.is_closed {
            let waited = self.changed.wait_timeout(state, IDLE_TURN);
            state = waited.expect(UNPOISONED).0;
            pulse.beat();
        }
        let lane = state.ready.pop_front()?;
        state.in_flight += 1;
        let from = state.lanes.get_mut(&lane).expect("a listed lane is open");
        Some(Taken {
            lane,
            media: from.media.pop_front().expect("a listed lane has media").media,
            track: from.track.take().expect("a listed lane is not in flight"),
            sink: from.sink.clone(),
            dropped_total: from.dropped_total,
        })
    }

    /// Ends what [`Lanes::take`] began.
    pub fn give_back(&self, lane: LaneId, track: T) {
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        state.in_flight -= 1;
        let Some(back) = state.lanes.get_mut(&lane) else { return };
        back.track = Some(track);
        if !back.media.is_empty() {
            enlist(&mut state.ready, lane, back.room);
            self.changed.notify_one();
        }
    }

    /// Drops what waits in a lane, uncounted: it may not be analysed any more.
    pub fn clear_lane(&self, lane: LaneId) {
        let mut state = self.state.lock().expect(UNPOISONED);
        state.ready.retain(|listed| *listed != lane);
        if let Some(cleared) = state.lanes.get_mut(&lane) {
            cleared.media.clear();
        }
    }

    /// Closes one lane; what waits in it is dropped, since nobody is left to be told.
    pub fn close_lane(&self, lane: LaneId) {
        let mut state = self.state.lock().expect(UNPOISONED);
        state.lanes.remove(&lane);
        state.ready.retain(|listed| *listed != lane);
    }

    /// Takes no more media; workers leave when what waits is done.
    pub fn close(&self) {
        self.state.lock().expect(UNPOISONED).is_closed = true;
        self.changed.notify_all();
    }

    /// How busy the lanes are.
    pub fn usage(&self) -> Usage {
        let state = self.state.lock().expect(UNPOISONED);
        let waiting = state.lanes.values().map(|lane| lane.media.len()).sum();
        let State { in_flight, dropped_total, refused_total, .. } = *state;
        Usage { waiting, in_flight, dropped_total, refused_total }
    }
}

/// What became of media that was put into a lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Put {
    Behind,
    InPlaceOfOldest,
}

impl<M: Media, T, S> Lane<M, T, S> {
    fn put(&mut self, mut media: M, budget: &Arc<Budget>) -> Result<Put, Overfull> {
        let is_full = self.media.len() == self.room.capacity;
        let held =
            if self.room.is_metered { self.hold(media.bytes(), budget) } else { Ok(None) };
        let held = held.inspect_err(|_| self.has_gap = true)?;
        if std::mem::take(&mut self.has_gap) {
            media.mark_gap();
        }
        if is_full {
            self.media.pop_front();
            self.dropped_total += 1;
        }
        self.media.push_back(Waiting { media, held });
        if !is_full {
            return Ok(Put::Behind);
        }
        self.media.front_mut().expect("one was just put there").media.mark_gap();
        Ok(Put::InPlaceOfOldest)
    }

    /// Room for so many bytes; in a full lane the oldest media's, which is about to go.
    fn hold(&mut self, bytes: usize, budget: &Arc<Budget>) -> Result<Option<Held>, Overfull> {
        let is_full = self.media.len() == self.room.capacity;
        let Some(oldest) = self.media.front_mut().filter(|_| is_full) else {
            return budget.hold(bytes).map(Some).ok_or(Overfull);
        };
        let mut held = oldest.held.take().expect("the lane is metered, and so is all in it");
        if held.resize(bytes) {
            return Ok(Some(held));
        }
        oldest.held = Some(held);
        Err(Overfull)
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
mod tests {
    use super::*;

    type Numbers = Lanes<u32, (), ()>;

    /// A number that follows a loss is told as a thousand more.
    impl Media for u32 {
        /// A number weighs as much as it says.
        fn bytes(&self) -> usize {
            *self as usize
        }

        fn mark_gap(&mut self) {
            *self += 1000;
        }
    }

    const BUDGET: usize = 100;

    fn lanes(names: &[LaneId], capacity: usize) -> Numbers {
        opened(names, Room { capacity, goes_first: false, is_metered: false })
    }

    fn opened(names: &[LaneId], room: Room) -> Numbers {
        let lanes = Numbers::within(Arc::new(Budget::new(BUDGET)));
        names.iter().for_each(|name| lanes.open(*name, room, (), Arc::new(())));
        lanes
    }

    fn metered(names: &[LaneId], capacity: usize) -> Numbers {
        opened(names, Room { capacity, goes_first: false, is_metered: true })
    }

    fn serve(lanes: &Numbers) -> (LaneId, u32) {
        let taken = lanes.take(&Pulse::new("test")).expect("media waits");
        lanes.give_back(taken.lane, ());
        (taken.lane, taken.media)
    }

    #[test]
    fn the_newest_wins_and_the_loss_is_counted() {
        let lanes = lanes(&[1], 1);
        lanes.put(1, 10).unwrap();
        lanes.put(1, 11).unwrap();
        let taken = lanes.take(&Pulse::new("test")).expect("media waits");
        assert_eq!(
            (taken.media, taken.dropped_total),
            (1011, 1),
            "and the next one knows of it"
        );
    }

    #[test]
    fn what_follows_a_loss_is_marked_and_nothing_else() {
        let lanes = lanes(&[1], 2);
        (0..3).for_each(|k| lanes.put(1, k).unwrap());
        assert_eq!([serve(&lanes), serve(&lanes)], [(1, 1001), (1, 2)]);
        lanes.put(1, 4).unwrap();
        assert_eq!(serve(&lanes), (1, 4));
    }

    #[test]
    fn a_cleared_lane_is_open_for_what_comes_next() {
        let lanes = lanes(&[1], 2);
        lanes.put(1, 0).unwrap();
        lanes.clear_lane(1);
        lanes.put(1, 7).unwrap();
        assert_eq!(serve(&lanes), (1, 7));
    }

    #[test]
    fn a_busy_stream_does_not_starve_another() {
        let lanes = lanes(&[1, 2], 4);
        (0..4).for_each(|k| lanes.put(1, k).unwrap());
        lanes.put(2, 100).unwrap();
        assert_eq!([serve(&lanes), serve(&lanes), serve(&lanes)], [(1, 0), (2, 100), (1, 1)]);
    }

    #[test]
    fn the_booths_own_lane_does_not_wait_for_the_others() {
        let lanes = lanes(&[1, 2, 3], 1);
        let room = Room { capacity: 1, goes_first: true, is_metered: false };
        lanes.open(9, room, (), Arc::new(()));
        (1..=3).for_each(|lane| lanes.put(lane, 0).unwrap());
        lanes.put(9, 7).unwrap();
        assert_eq!([serve(&lanes), serve(&lanes)], [(9, 7), (1, 0)]);
    }

    #[test]
    fn a_stream_is_in_the_hands_of_one_worker_at_a_time() {
        let lanes = lanes(&[1], 2);
        lanes.put(1, 0).unwrap();
        let first = lanes.take(&Pulse::new("test")).expect("media waits");
        lanes.put(1, 1).unwrap();
        assert_eq!(lanes.usage(), Usage { waiting: 1, in_flight: 1, ..Usage::default() });
        lanes.close();
        assert!(
            lanes.take(&Pulse::new("test")).is_none(),
            "the lane is in flight, so nothing is ready"
        );
        lanes.give_back(first.lane, ());
        assert_eq!(serve(&lanes), (1, 1));
    }

    #[test]
    fn a_closed_lane_loses_its_media_without_disturbing_others() {
        let lanes = lanes(&[1, 2], 2);
        lanes.put(1, 0).unwrap();
        lanes.put(2, 5).unwrap();
        lanes.close_lane(1);
        lanes.put(1, 9).unwrap();
        assert_eq!(serve(&lanes), (2, 5));
        lanes.close();
        assert!(lanes.take(&Pulse::new("test")).is_none());
    }

    #[test]
    fn metered_lanes_share_one_budget_and_what_is_beyond_it_is_refused() {
        let lanes = metered(&[1, 2], 2);
        lanes.put(1, 60).unwrap();
        assert_eq!(lanes.put(2, 41), Err(Overfull));
        assert_eq!(lanes.usage(), Usage { waiting: 1, refused_total: 1, ..Usage::default() });
        lanes.put(2, 40).unwrap();
        assert_eq!(serve(&lanes), (1, 60));
        lanes.put(1, 60).unwrap();
        lanes.close_lane(1);
        assert_eq!(serve(&lanes), (2, 1040), "what was refused before it is a loss");
        lanes.put(2, 100).unwrap();
        lanes.clear_lane(2);
        lanes.put(2, 100).unwrap();
    }

    #[test]
    fn a_full_lane_makes_room_by_its_own_oldest() {
        let lanes = metered(&[1, 2], 1);
        lanes.put(1, 60).unwrap();
        lanes.put(2, 30).unwrap();
        lanes.put(1, 70).unwrap();
        assert_eq!(lanes.put(1, 71), Err(Overfull), "and what waits there stays");
        assert_eq!(lanes.usage().dropped_total, 1);
        assert_eq!(serve(&lanes), (1, 1070));
    }

    #[test]
    fn what_is_not_metered_is_not_counted() {
        let lanes = lanes(&[1], 2);
        lanes.open(
            2,
            Room { capacity: 1, goes_first: false, is_metered: true },
            (),
            Arc::new(()),
        );
        (0..2).for_each(|_| lanes.put(1, 1000).unwrap());
        lanes.put(2, 100).unwrap();
    }
}
