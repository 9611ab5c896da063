use super::*;

type Numbers = FairQueue<u32, (), ()>;

/// A number that follows a loss is reported as a thousand more.
impl Media for u32 {
    /// A number is its own weight in bytes.
    fn bytes(&self) -> usize {
        *self as usize
    }

    /// A thousandfold, so that some are large.
    fn working_bytes(&self) -> usize {
        *self as usize * MB
    }

    fn mark_gap(&mut self) {
        *self += 1000;
    }
}

const BUDGET: usize = 100;
const MB: usize = 1 << 20;

fn lanes(names: &[LaneId], capacity: usize) -> Numbers {
    opened(names, Room { capacity, goes_first: false, is_metered: false })
}

fn opened(names: &[LaneId], room: Room) -> Numbers {
    let working = Working::within(Arc::new(Budget::new(BUDGET * MB)), 2);
    let lanes = Numbers::within(Arc::new(Budget::new(BUDGET)), working);
    names.iter().for_each(|name| lanes.open(*name, room, (), Arc::new(())));
    lanes
}

fn metered(names: &[LaneId], capacity: usize) -> Numbers {
    opened(names, Room { capacity, goes_first: false, is_metered: true })
}

fn serve(lanes: &Numbers) -> (LaneId, u32) {
    finish(lanes, begin(lanes).expect("media waits"))
}

/// What a worker would take now; `None` where it would wait.
fn begin(lanes: &Numbers) -> Option<Taken<u32, (), ()>> {
    lanes.next(&mut lanes.state.lock().unwrap())
}

fn finish(lanes: &Numbers, taken: Taken<u32, (), ()>) -> (LaneId, u32) {
    let done = (taken.lane, taken.media);
    lanes.give_back(taken);
    done
}

#[test]
fn the_newest_wins_and_the_loss_is_counted() {
    let lanes = lanes(&[1], 1);
    lanes.put(1, 10).unwrap();
    lanes.put(1, 11).unwrap();
    let taken = lanes.take(&Heartbeat::new("test")).expect("media waits");
    assert_eq!((taken.media, taken.dropped_total), (1011, 1), "and the next one knows of it");
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
fn between_two_pieces_the_others_have_their_turn_and_the_booths_own_comes_first() {
    let lanes = metered(&[1, 2], 2);
    let own = Room { capacity: 1, goes_first: true, is_metered: false };
    lanes.open(9, own, (), Arc::new(()));
    [(1, 10), (1, 11), (2, 20)].into_iter().for_each(|(lane, n)| lanes.put(lane, n).unwrap());
    let mut turns = Vec::new();
    for piece in 0..6 {
        let taken = begin(&lanes).unwrap();
        turns.push((taken.lane, taken.media));
        if piece == 2 {
            lanes.put(9, 90).unwrap();
        }
        if taken.lane == 9 {
            finish(&lanes, taken);
        } else {
            lanes.put_back(taken);
        }
        assert_eq!(lanes.usage().in_flight, 2.min(piece + 1), "what lies there is under way");
    }
    assert_eq!(turns, [(1, 10), (2, 20), (1, 10), (9, 90), (2, 20), (1, 10)]);
    assert_eq!([serve(&lanes), serve(&lanes), serve(&lanes)], [(2, 20), (1, 10), (1, 11)]);
    assert_eq!((lanes.usage().in_flight, lanes.usage().working_bytes), (0, 0));
}

#[test]
fn what_needs_more_memory_for_its_next_piece_waits_for_it_and_no_other_lane_does() {
    let lanes = metered(&[1, 2, 3], 1);
    let begun = |lane: LaneId, n: u32, later: u32| {
        lanes.put(lane, n).unwrap();
        let mut taken = begin(&lanes).unwrap();
        assert_eq!(taken.lane, lane);
        taken.media = later;
        lanes.put_back(taken);
    };
    begun(1, 1, 60);
    let first = begin(&lanes).unwrap();
    assert_eq!((first.media, lanes.usage().working_bytes), (60, 60 * MB));
    lanes.put_back(first);
    lanes.put(2, 2).unwrap();
    let mut first = begin(&lanes).unwrap();
    first.media = 61;
    let mut second = begin(&lanes).unwrap();
    second.media = 50;
    lanes.put_back(second);
    assert!(begin(&lanes).is_none(), "60 and 50 are too much");
    lanes.put(3, 3).unwrap();
    assert_eq!(serve(&lanes), (3, 3));
    lanes.put_back(first);
    let first = begin(&lanes).unwrap();
    assert_eq!(first.media, 61, "what it holds lets it go on");
    lanes.put_back(first);
    lanes.close_lane(1);
    assert_eq!(serve(&lanes), (2, 50), "and what is dropped holds nothing");
    begun(3, 1, 70);
    lanes.clear_lane(3);
    let usage = lanes.usage();
    assert_eq!((usage.in_flight, usage.working_bytes), (0, 0));
    assert!(begin(&lanes).is_none());
}

#[test]
fn a_stream_is_in_the_hands_of_one_worker_at_a_time() {
    let lanes = lanes(&[1], 2);
    lanes.put(1, 0).unwrap();
    let first = lanes.take(&Heartbeat::new("test")).expect("media waits");
    lanes.put(1, 1).unwrap();
    let usage = lanes.usage();
    assert_eq!((usage.waiting, usage.in_flight), (1, 1));
    lanes.close();
    assert!(
        lanes.take(&Heartbeat::new("test")).is_none(),
        "the lane is in flight, so nothing is ready"
    );
    finish(&lanes, first);
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
    assert!(lanes.take(&Heartbeat::new("test")).is_none());
}

#[test]
fn metered_lanes_share_one_budget_and_what_is_beyond_it_is_refused() {
    let lanes = metered(&[1, 2], 2);
    lanes.put(1, 60).unwrap();
    assert_eq!(lanes.put(2, 41), Err(NotTaken::TooMuchWaits));
    let usage = lanes.usage();
    assert_eq!((usage.waiting, usage.refused_total), (1, 1));
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
    assert_eq!(lanes.put(1, 71), Err(NotTaken::TooMuchWaits), "and what waits there stays");
    assert_eq!(lanes.usage().dropped_total, 1);
    assert_eq!(serve(&lanes), (1, 1070));
}

#[test]
fn what_is_not_metered_is_not_counted() {
    let lanes = lanes(&[1], 2);
    lanes.open(2, Room { capacity: 1, goes_first: false, is_metered: true }, (), Arc::new(()));
    (0..2).for_each(|_| lanes.put(1, 1000).unwrap());
    lanes.put(2, 100).unwrap();
}

#[test]
fn what_is_at_work_shares_one_memory_and_the_rest_waits_for_its_turn() {
    let lanes = metered(&[1, 2, 3], 1);
    let working = Working::within(Arc::new(Budget::new(BUDGET * MB)), 9);
    let lanes = FairQueue { working, ..lanes };
    // What waits may be 100 in all, what works 100 MB.
    [(1, 60), (2, 30), (3, 5)].into_iter().for_each(|(lane, n)| lanes.put(lane, n).unwrap());
    let first = begin(&lanes).unwrap();
    lanes.put(1, 50).unwrap();
    let second = begin(&lanes).unwrap();
    assert_eq!((first.media, second.media, lanes.usage().working_bytes), (60, 30, 90 * MB));
    lanes.put(2, 45).unwrap();
    assert_eq!(finish(&lanes, second), (2, 30));
    let third = begin(&lanes).unwrap();
    assert_eq!(third.media, 5, "lane 2 waits: 60 and 45 are too much");
    assert!(begin(&lanes).is_none());
    assert_eq!(finish(&lanes, first), (1, 60));
    let large = begin(&lanes).unwrap();
    assert_eq!(large.media, 45, "and it is the first whose turn it is");
    finish(&lanes, third);
    assert_eq!((serve(&lanes), finish(&lanes, large)), ((1, 50), (2, 45)));
    assert_eq!(lanes.usage().working_bytes, 0);
}

#[test]
fn what_is_large_never_holds_every_worker() {
    let lanes = metered(&[1, 2, 3], 1);
    [(1, 30), (2, 31), (3, 2)].into_iter().for_each(|(lane, n)| lanes.put(lane, n).unwrap());
    let large = begin(&lanes).unwrap();
    assert_eq!((large.media, serve(&lanes)), (30, (3, 2)), "of two workers one is left");
    let own = Room { capacity: 1, goes_first: true, is_metered: false };
    lanes.open(9, own, (), Arc::new(()));
    assert!(begin(&lanes).is_none());
    lanes.put(9, 90).unwrap();
    let own = begin(&lanes).unwrap();
    assert_eq!(own.media, 90, "the booth's own never waits, and counts");
    assert_eq!(lanes.usage().working_bytes, 120 * MB);
    finish(&lanes, large);
    assert!(begin(&lanes).is_none());
    finish(&lanes, own);
    assert_eq!(serve(&lanes), (2, 31));
}

#[test]
fn what_there_never_will_be_memory_for_is_refused_at_once() {
    let lanes = metered(&[1, 2], 1);
    lanes.limit_working(50 * MB);
    let refused = NotTaken::TooLarge { bytes: 51 * MB, most_bytes: 50 * MB };
    assert_eq!(lanes.put(1, 51), Err(refused));
    assert_eq!((lanes.usage().too_large_total, lanes.usage().refused_total), (1, 0));
    lanes.put(1, 50).unwrap();
    lanes.put(2, 40).unwrap();
    lanes.limit_working(45 * MB);
    assert_eq!(lanes.usage().dropped_total, 1, "nor is it waited for in vain");
    assert_eq!(serve(&lanes), (2, 40));
    assert!(begin(&lanes).is_none());
    lanes.put(1, 45).unwrap();
    assert_eq!(serve(&lanes), (1, 45));
}

#[test]
fn a_worker_that_waits_for_memory_goes_on_when_there_is_some() {
    let lanes = Arc::new(metered(&[1, 2], 1));
    lanes.put(1, 70).unwrap();
    let first = begin(&lanes).unwrap();
    lanes.put(2, 80).unwrap();
    let other = lanes.clone();
    let worker = std::thread::Builder::new().spawn(move || {
        let taken = other.take(&Heartbeat::new("test")).expect("media waits");
        finish(&other, taken)
    });
    finish(&lanes, first);
    assert_eq!(worker.unwrap().join().unwrap(), (2, 80));
    lanes.close();
    assert!(lanes.take(&Heartbeat::new("test")).is_none());
}
