//! [`Watchdog`]: judges whether all parts progress. Pure: time and probes are given.

use std::{collections::BTreeMap, time::Duration};

use crate::component::Component;

/// Idle loops turn once a second, so a shorter standstill does not count.
const LEAST: Duration = Duration::from_secs(2);

/// The current value of something that must change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgressProbe {
    /// Name for the operator.
    pub name: String,
    /// Changes whenever it moves.
    pub moved: u128,
    /// It need not change now: the reason is known.
    pub is_excused: bool,
    /// Additional time without change: its own rhythm.
    pub patience: Duration,
}

impl ProgressProbe {
    /// The loops of a component: each must turn, successful or not.
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

/// A probe that does not change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stuck {
    /// Name of the probe.
    pub name: String,
    /// Time without change.
    pub still: Duration,
}

/// Compares successive values of the probes.
#[derive(Debug)]
pub struct Watchdog {
    limit: Duration,
    /// Value of each probe at its last change, and the time of the change.
    seen: BTreeMap<String, (u128, Duration)>,
}

impl Watchdog {
    /// A watchdog of that period: a probe without change for half of it is stuck, so that systemd's
    /// period ends without a report.
    pub fn new(period: Duration) -> Self {
        Watchdog { limit: (period / 2).max(LEAST), seen: BTreeMap::new() }
    }

    /// Compares the probes; returns the one that is without change for longest beyond its patience.
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
    fn an_excused_probe_starts_again_afterwards() {
        let mut watchdog = Watchdog::new(s(20));
        let away = ProgressProbe { is_excused: true, ..probe("frames", 5) };
        (0..100).for_each(|now| {
            assert_eq!(watchdog.look(s(now), std::slice::from_ref(&away)), None)
        });
        assert_eq!(watchdog.look(s(108), &[probe("frames", 5)]), None, "since the last excuse");
        assert!(watchdog.look(s(109), &[probe("frames", 5)]).is_some());
    }

    #[test]
    fn a_slow_probe_has_its_own_patience_and_a_removed_one_is_ignored() {
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
