use super::*;

fn status(is_ready: bool, moved: u128) -> ServiceStatus {
    let patience = Duration::ZERO;
    let probe = ProgressProbe { name: "store".into(), moved, is_excused: false, patience };
    let sentence = "fine".into();
    ServiceStatus { is_ready, is_loading: false, sentence, probes: vec![probe] }
}

#[test]
fn while_models_load_more_time_is_asked_for_though_not_for_ever() {
    let mut speaker = Speaker::new(None);
    let loading = ServiceStatus { is_loading: true, ..status(false, 0) };
    let asked: Vec<u64> = (0..2 * 3600)
        .filter(|half_s| {
            let now = LOOK_EVERY * u32::try_from(*half_s).unwrap();
            let before = speaker.asked_at;
            speaker.report(now, LOOK_EVERY, &loading);
            speaker.asked_at != before
        })
        .collect();
    assert_eq!(asked[..3], [0, 20, 40], "each 10 s");
    let last = LOOK_EVERY * u32::try_from(*asked.last().unwrap()).unwrap();
    assert!(last < LONGEST_LOAD && last >= LONGEST_LOAD - ASK_EVERY, "{last:?}");
    let mut ready = Speaker::new(None);
    ready.report(Duration::ZERO, LOOK_EVERY, &status(true, 0));
    ready.report(ASK_EVERY, LOOK_EVERY, &loading);
    assert_eq!(ready.asked_at, None, "it is started");
}

/// Whether the watchdog is fed at each look, and when nothing moves any more.
fn feeds(moves: impl Fn(u64) -> u128, ready_from: u64) -> Vec<u64> {
    let period = Duration::from_secs(8);
    let mut speaker = Speaker::new(Some(period));
    let every = LOOK_EVERY;
    let mut meals = Vec::new();
    for half_seconds in 0..80 {
        let now = LOOK_EVERY * u32::try_from(half_seconds).unwrap();
        let seen = status(half_seconds >= ready_from, moves(half_seconds));
        let fed_before = speaker.fed_at;
        speaker.report(now, every, &seen);
        if speaker.fed_at != fed_before {
            meals.push(half_seconds);
        }
    }
    meals
}

#[test]
fn it_is_fed_at_half_of_its_period_once_boothd_is_ready() {
    let fed = feeds(u128::from, 10);
    assert_eq!(fed[0], 10);
    assert!(fed.windows(2).all(|pair| pair[1] - pair[0] == 8), "each 4 s: {fed:?}");
}

#[test]
fn it_is_starved_within_its_period_and_fed_again_when_all_moves() {
    let stands_still = |now: u64| if (20..60).contains(&now) { 20 } else { u128::from(now) };
    let fed = feeds(stands_still, 0);
    let last = fed.iter().rev().find(|at| **at < 60).unwrap();
    // It stopped at 10 s; the period is 8 s.
    assert!((20..20 + 16).contains(last), "{fed:?}");
    assert!(fed.iter().any(|at| (60..64).contains(at)), "{fed:?}");
}
