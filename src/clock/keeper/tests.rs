use super::*;
use crate::clock::SimulatedClock;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn at(since_boot_ms: i64, wall_ms: i64, is_set: bool) -> Reading {
    Reading { since_boot_ms, wall_ms, is_set }
}

/// Observes each reading; the last change that mattered.
fn after(keeper: Keeper, readings: &[Reading]) -> (Keeper, Vec<Change>) {
    let mut changes = Vec::new();
    let keeper = readings.iter().fold(keeper, |keeper, reading| {
        let (next, change) = keeper.observe(*reading);
        changes.extend(change);
        next
    });
    (keeper, changes)
}

#[test]
fn a_clock_that_is_set_moves_what_was_before_and_is_trusted_after_a_while() {
    let keeper = Keeper::begin(at(0, 5_000, false), 0, false);
    let (keeper, changes) =
        after(keeper, &[at(60_000, 65_000, false), at(70_000, NOW + 70_000, true)]);
    assert_eq!(changes, [Change::Stepped(NOW - 5_000)]);
    assert_eq!((keeper.status().trust, keeper.certain_ms), (Trust::Settling, 0));
    let settled = 70_000 + SETTLES_IN_MS;
    let (keeper, changes) = after(keeper, &[at(settled, NOW + settled, true)]);
    assert_eq!(changes, [Change::Vouched(0)]);
    assert_eq!((keeper.status().trust, keeper.certain_ms), (Trust::Vouched, NOW));
}

#[test]
fn once_vouched_for_no_step_by_hand_moves_anything_and_slewing_does() {
    let vouched = Keeper::resume(NOW, NOW, true, true);
    let set_by_hand = at(60_000, NOW + 60_000 + 400 * DAY, false);
    let (keeper, changes) = after(vouched, &[set_by_hand, at(DAY, NOW + 401 * DAY, false)]);
    assert_eq!((changes.len(), keeper.origin_ms), (0, NOW));
    assert_eq!(keeper.status().ahead_ms, 400 * DAY);
    let (keeper, _) = after(keeper, &[at(2 * DAY, NOW + 2 * DAY + 300, false)]);
    assert_eq!((keeper.status().ahead_ms, keeper.origin_ms), (0, NOW + 300));
}

#[test]
fn a_time_server_must_stand_by_a_leap_for_a_day() {
    let floor = Keeper::begin(at(0, NOW + 400 * DAY, true), NOW, true);
    assert_eq!((floor.origin_ms, floor.certain_ms), (NOW + 400 * DAY, NOW));
    let wrong = |t: i64| at(t, NOW + 400 * DAY + t, true);
    let (keeper, changes) = after(floor, &[wrong(0), wrong(SETTLES_IN_MS), wrong(DAY - 1)]);
    assert_eq!((changes.len(), keeper.certain_ms), (0, NOW));
    let (keeper, changes) = after(keeper, &[wrong(DAY)]);
    assert_eq!((changes.len(), keeper.certain_ms), (1, NOW + 400 * DAY));
}

#[test]
fn what_is_certain_is_a_floor_and_a_clock_before_it_is_wrong() {
    let keeper = Keeper::begin(at(10_000, 20_000, false), NOW, true);
    assert_eq!(keeper.origin_ms, NOW, "1970 cannot be");
    let (keeper, changes) = after(keeper, &[at(20_000, 30_000, false)]);
    assert_eq!((changes.len(), keeper.origin_ms), (0, NOW));
}

#[test]
fn what_has_a_wall_time_alone_is_forgotten_by_what_is_certain() {
    let kept = |machine: &Arc<SimulatedClock>, keeper, earlier| {
        let kept = KeptClock::new(machine.clone(), keeper);
        kept.remember(earlier);
        kept
    };
    let machine = Arc::new(SimulatedClock::default());
    machine.advance(Duration::from_secs(100 * 24 * 60 * 60));
    // By the calendar.
    let vouched = Keeper::resume(NOW, NOW, true, true);
    assert_eq!(kept(&machine, vouched, vec![]).forget_before(90 * DAY), NOW + 10 * DAY);
    // By running time: 100 days of this start, whose clock is years ahead, and before it ten
    // of one in 1970.
    let ahead = Keeper::resume(NOW + 900 * DAY, 10 * DAY, false, false);
    let first = Span { origin_ms: 0, certain_ms: 0, seen_ms: 10 * DAY };
    let kept = kept(&machine, ahead, vec![first]);
    assert_eq!(kept.forget_before(120 * DAY), 0, "nothing is so old");
    assert_eq!(kept.forget_before(105 * DAY), 5 * DAY, "half of the first start");
    assert_eq!(kept.forget_before(90 * DAY), NOW + 910 * DAY, "all of it");
}

#[test]
fn a_clock_that_is_reported_as_set_in_1970_is_not_trusted() {
    let keeper = Keeper::begin(at(0, 0, true), 0, false);
    let (keeper, _) = after(keeper, &[at(0, 0, true), at(DAY, DAY, true)]);
    assert!(!keeper.is_vouched);
}
