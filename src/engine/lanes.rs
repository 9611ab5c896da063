//! [`Lanes`]: a fair queue of queues.
//!
//! Each stream has one lane for one kind of media. Lanes with media wait in a ready-list and are
//! served round robin; a lane is served by one worker at a time, so a stream's state needs no
//! lock and its observations keep their order. A full lane drops its oldest media and counts it.

use std::{
    collections::{HashMap, VecDeque},
    ops::Add,
    sync::{Arc, Condvar, Mutex},
};

/// Names a lane within its [`Lanes`].
pub(super) type LaneId = u64;

/// What waits in a lane, and may be lost there.
pub trait Media {
    /// What came just before was dropped.
    fn mark_gap(&mut self) {}
}

/// See the module. `M` media, `T` the stream's tracking state, `S` where observations go.
#[derive(Debug)]
pub struct Lanes<M, T, S> {
    state: Mutex<State<M, T, S>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<M, T, S> {
    lanes: HashMap<LaneId, Lane<M, T, S>>,
    ready: VecDeque<LaneId>,
    is_closed: bool,
    in_flight: usize,
    dropped_total: u64,
}

#[derive(Debug)]
struct Lane<M, T, S> {
    media: VecDeque<M>,
    room: Room,
    /// `None` while a worker has it.
    track: Option<T>,
    sink: Arc<S>,
    dropped_total: u64,
}

/// What a lane may hold, and whether it waits for its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Media that may wait.
    pub capacity: usize,
    /// It is served before the others: the booth's own camera keeps its rate however many
    /// clients there are. One lane alone may be first, or first means nothing.
    pub goes_first: bool,
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
}

impl Add for Usage {
    type Output = Usage;
    fn add(self, other: Usage) -> Usage {
        Usage {
            waiting: self.waiting + other.waiting,
            in_flight: self.in_flight + other.in_flight,
            dropped_total: self.dropped_total + other.dropped_total,
        }
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl<M, T, S> Default for Lanes<M, T, S> {
    fn default() -> Self {
        let state = State {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            is_closed: false,
            in_flight: 0,
            dropped_total: 0,
        };
        Lanes { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<M: Media, T, S> Lanes<M, T, S> {
    /// Opens a lane.
    pub fn open(&self, lane: LaneId, room: Room, track: T, sink: Arc<S>) {
        let media = VecDeque::with_capacity(room.capacity);
        let opened = Lane { media, room, track: Some(track), sink, dropped_total: 0 };
        self.state.lock().expect(UNPOISONED).lanes.insert(lane, opened);
    }

    /// Never blocks. A full lane loses its oldest media, which is counted; a closed one takes
    /// nothing.
    pub fn put(&self, lane: LaneId, media: M) {
        let mut guard = self.state.lock().expect(UNPOISONED);
        let state = &mut *guard;
        let Some(into) = state.lanes.get_mut(&lane).filter(|_| !state.is_closed) else {
            return;
        };
        let was_empty = into.media.is_empty();
        if into.media.len() == into.room.capacity {
            into.media.pop_front();
            into.dropped_total += 1;
            state.dropped_total += 1;
            into.media.push_back(media);
            into.media.front_mut().expect("one was just put there").mark_gap();
        } else {
            into.media.push_back(media);
        }
        if was_empty && into.track.is_some() {
            enlist(&mut state.ready, lane, into.room);
            self.changed.notify_one();
        }
    }

    /// Waits for media; `None` once the lanes are closed and empty.
    pub fn take(&self) -> Option<Taken<M, T, S>> {
        let guard = self.state.lock().expect(UNPOISONED);
        let is_idle = |state: &mut State<M, T, S>| state.ready.is_empty() && !state.is_closed;
        let mut state = self.changed.wait_while(guard, is_idle).expect(UNPOISONED);
        let lane = state.ready.pop_front()?;
        state.in_flight += 1;
        let from = state.lanes.get_mut(&lane).expect("a listed lane is open");
        Some(Taken {
            lane,
            media: from.media.pop_front().expect("a listed lane has media"),
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
        Usage { waiting, in_flight: state.in_flight, dropped_total: state.dropped_total }
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
        fn mark_gap(&mut self) {
            *self += 1000;
        }
    }

    fn lanes(names: &[LaneId], capacity: usize) -> Numbers {
        let lanes = Numbers::default();
        names.iter().for_each(|name| {
            lanes.open(*name, Room { capacity, goes_first: false }, (), Arc::new(()))
        });
        lanes
    }

    fn serve(lanes: &Numbers) -> (LaneId, u32) {
        let taken = lanes.take().expect("media waits");
        lanes.give_back(taken.lane, ());
        (taken.lane, taken.media)
    }

    #[test]
    fn the_newest_wins_and_the_loss_is_counted() {
        let lanes = lanes(&[1], 1);
        lanes.put(1, 10);
        lanes.put(1, 11);
        let taken = lanes.take().expect("media waits");
        assert_eq!(
            (taken.media, taken.dropped_total),
            (1011, 1),
            "and the next one knows of it"
        );
    }

    #[test]
    fn what_follows_a_loss_is_marked_and_nothing_else() {
        let lanes = lanes(&[1], 2);
        (0..3).for_each(|k| lanes.put(1, k));
        assert_eq!([serve(&lanes), serve(&lanes)], [(1, 1001), (1, 2)]);
        lanes.put(1, 4);
        assert_eq!(serve(&lanes), (1, 4));
    }

    #[test]
    fn a_cleared_lane_is_open_for_what_comes_next() {
        let lanes = lanes(&[1], 2);
        lanes.put(1, 0);
        lanes.clear_lane(1);
        lanes.put(1, 7);
        assert_eq!(serve(&lanes), (1, 7));
    }

    #[test]
    fn a_busy_stream_does_not_starve_another() {
        let lanes = lanes(&[1, 2], 4);
        (0..4).for_each(|k| lanes.put(1, k));
        lanes.put(2, 100);
        assert_eq!([serve(&lanes), serve(&lanes), serve(&lanes)], [(1, 0), (2, 100), (1, 1)]);
    }

    #[test]
    fn the_booths_own_lane_does_not_wait_for_the_others() {
        let lanes = lanes(&[1, 2, 3], 1);
        lanes.open(9, Room { capacity: 1, goes_first: true }, (), Arc::new(()));
        (1..=3).for_each(|lane| lanes.put(lane, 0));
        lanes.put(9, 7);
        assert_eq!([serve(&lanes), serve(&lanes)], [(9, 7), (1, 0)]);
    }

    #[test]
    fn a_stream_is_in_the_hands_of_one_worker_at_a_time() {
        let lanes = lanes(&[1], 2);
        lanes.put(1, 0);
        let first = lanes.take().expect("media waits");
        lanes.put(1, 1);
        assert_eq!(lanes.usage(), Usage { waiting: 1, in_flight: 1, dropped_total: 0 });
        lanes.close();
        assert!(lanes.take().is_none(), "the lane is in flight, so nothing is ready");
        lanes.give_back(first.lane, ());
        assert_eq!(serve(&lanes), (1, 1));
    }

    #[test]
    fn a_closed_lane_loses_its_media_without_disturbing_others() {
        let lanes = lanes(&[1, 2], 2);
        lanes.put(1, 0);
        lanes.put(2, 5);
        lanes.close_lane(1);
        lanes.put(1, 9);
        assert_eq!(serve(&lanes), (2, 5));
        lanes.close();
        assert!(lanes.take().is_none());
    }
}
