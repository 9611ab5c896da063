//! [`Watchdog`]: judges whether what must move moves. Pure: the time and what is seen are given.

use std::{collections::BTreeMap, time::Duration};

use crate::component::Component;

/// Idle loops turn once a second; sooner than this nobody can be called stuck.
const LEAST: Duration = Duration::from_secs(2);

/// Something that must move, as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgressProbe {
    /// What it is, for the operator.
    pub name: String,
    /// Changes whenever it moves.
    pub moved: u128,
    /// It need not move now: the reason why it does not is known.
    pub is_excused: bool,
    /// How much longer than others it may stand still: its own rhythm.
    pub patience: Duration,
}

impl ProgressProbe {
    /// The loops of a component: each must turn, whatever comes of it.
    pub fn of_loops(component: &Component, probes: &mut Vec<ProgressProbe>) {
        component.each_pulse(|name, beats| {
            let (name, moved) = (name.to_owned(), u128::from(beats));
            probes.push(ProgressProbe {
                name,
                moved,
                is_excused: false,
                patience: Duration::ZERO,
            });
        });
    }
}

/// Something that stands still.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stuck {
    /// What.
    pub name: String,
    /// Since when.
    pub still: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Watchdog {
    limit: Duration,
    /// What each probe said when it last moved, and when that was.
    seen: BTreeMap<String, (u128, Duration)>,
}

impl Watchdog {
    /// A watchdog whose bowl empties in `period`: what stands still for half of it is stuck, so
    /// that nothing is fed for the whole of it.
    pub fn new(period: Duration) -> Self {
        Watchdog { limit: (period / 2).max(LEAST), seen: BTreeMap::new() }
    }

    /// Looks at everything that must move; what stands still longest beyond its patience, if any.
    pub fn look(&mut self, now: Duration, probes: &[ProgressProbe]) -> Option<Stuck> {
        let mut seen = BTreeMap::new();
        let mut stuck: Option<Stuck> = None;
        for probe in probes {
            let moved_at = match self.seen.get(&probe.name) {
                Some((moved, at)) if *moved == probe.moved && !probe.is_excused => *at,
                _ => now,
            };
            seen.insert(probe.name.clone(), (probe.moved, moved_at));
            let still = now.saturating_sub(moved_at);
            let is_worst = stuck.as_ref().is_none_or(|worst| still > worst.still);
            if still >= self.limit + probe.patience && is_worst {
                stuck = Some(Stuck { name: probe.name.clone(), still });
            }
        }
        self.seen = seen;
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(name: &str, moved: u128) -> ProgressProbe {
        ProgressProbe { name: name.into(), moved, is_excused: false, patience: Duration::ZERO }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_stands_still_for_half_a_period_is_stuck_until_it_moves() {
        let mut watchdog = Watchdog::new(s(60));
        assert_eq!(watchdog.look(s(0), &[probe("store", 7), probe("camera", 1)]), None);
        assert_eq!(watchdog.look(s(29), &[probe("store", 7), probe("camera", 2)]), None);
        let stuck = Stuck { name: "store".into(), still: s(30) };
        assert_eq!(watchdog.look(s(30), &[probe("store", 7), probe("camera", 3)]), Some(stuck));
        assert_eq!(watchdog.look(s(31), &[probe("store", 8), probe("camera", 4)]), None);
    }

    #[test]
    fn what_is_excused_begins_anew_afterwards() {
        let mut watchdog = Watchdog::new(s(20));
        let away = ProgressProbe { is_excused: true, ..probe("frames", 5) };
        (0..100).for_each(|now| {
            assert_eq!(watchdog.look(s(now), std::slice::from_ref(&away)), None)
        });
        assert_eq!(watchdog.look(s(108), &[probe("frames", 5)]), None, "since the last excuse");
        assert!(watchdog.look(s(109), &[probe("frames", 5)]).is_some());
    }

    #[test]
    fn a_slow_rhythm_has_its_own_patience_and_who_has_left_is_not_missed() {
        let mut watchdog = Watchdog::new(s(20));
        let slow = ProgressProbe { patience: s(30), ..probe("segments", 1) };
        assert_eq!(watchdog.look(s(0), &[slow.clone(), probe("vision-0", 1)]), None);
        assert_eq!(watchdog.look(s(39), std::slice::from_ref(&slow)), None);
        assert_eq!(watchdog.look(s(40), &[slow]).unwrap().name, "segments");
    }

    #[test]
    fn a_short_period_does_not_ask_for_more_than_loops_promise() {
        let mut watchdog = Watchdog::new(s(1));
        assert_eq!(watchdog.look(s(0), &[probe("store", 1)]), None);
        assert_eq!(watchdog.look(Duration::from_millis(1900), &[probe("store", 1)]), None);
        assert!(watchdog.look(s(2), &[probe("store", 1)]).is_some());
    }
}
