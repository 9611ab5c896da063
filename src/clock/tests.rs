use super::*;

#[test]
fn a_synchronization_before_the_clock_was_set_by_hand_does_not_count() {
    let day = 24 * 60 * 60 * 1000;
    assert!(is_recent(1_000_000, 1_000_000) && is_recent(0, day / 4));
    assert!(!is_recent(0, day), "the kernel would call it unset, too");
    assert!(!is_recent(400 * day, day), "the clock was set back since");
}

#[test]
fn the_machine_knows_its_start_and_how_long_ago_it_was() {
    let clock = SystemClock::default();
    let before = clock.since_boot();
    assert!(before > Duration::ZERO && clock.since_boot() >= before);
    assert_eq!(clock.boot_id(), SystemClock::default().boot_id());
    let gone = clock.unix_ms() - clock.unix_ms_at(before);
    assert!((0..60_000).contains(&gone), "{gone} ms");
}
