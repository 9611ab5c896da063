//! [`Rate`]: the share of bad items in the last seconds.

use std::{collections::VecDeque, time::Duration};

/// The window that is counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Interval between two stored counts, so that the window holds few of them.
const EVERY: Duration = Duration::from_secs(1);

/// A tenth that is bad is worth a finding, where it is more than chance.
const BAD_OF: u64 = 10;
const LEAST_BAD: u64 = 3;

/// Two counters at a moment: good and bad.
type Count = (Duration, u64, u64);

/// The counters of the last ten seconds.
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<Count>);

impl Rate {
    /// Takes the counters as they are at `now`. Returns how many of the last ten seconds were bad, as
    /// text, if these are too many.
    pub(super) fn share(&mut self, now: Duration, good: u64, bad: u64) -> Option<String> {
        if self.0.back().is_none_or(|(at, ..)| now.saturating_sub(*at) >= EVERY) {
            self.0.push_back((now, good, bad));
        }
        while self.0.len() > 1 && now.saturating_sub(self.0[0].0) > WINDOW {
            self.0.pop_front();
        }
        let (_, good_before, bad_before) = *self.0.front()?;
        let (good, bad) = (good.saturating_sub(good_before), bad.saturating_sub(bad_before));
        let is_much = bad >= LEAST_BAD && bad * BAD_OF >= good + bad;
        is_much.then(|| format!("{bad} of {} in the last {} s", good + bad, WINDOW.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each half second one comes, bad where `is_bad` returns true; when it was too much.
    fn too_much(seconds: u64, is_bad: impl Fn(u64) -> bool) -> Vec<u64> {
        let (mut rate, mut good, mut bad) = (Rate::default(), 0, 0);
        let mut at = Vec::new();
        for half_s in 0..2 * seconds {
            if is_bad(half_s) {
                bad += 1
            } else {
                good += 1
            }
            if rate.share(Duration::from_millis(500 * half_s), good, bad).is_some() {
                at.push(half_s / 2);
            }
        }
        at
    }

    #[test]
    fn three_of_ten_are_too_many_within_10_s_and_it_ends_by_itself() {
        let third = too_much(60, |k| (20..60).contains(&k) && k % 3 == 0);
        assert!((10..=20).contains(&third[0]), "{third:?}");
        assert!((30..=41).contains(third.last().unwrap()), "{third:?}");
        assert_eq!(too_much(60, |k| k % 20 == 0), [0; 0], "one of twenty is chance");
        assert_eq!(too_much(60, |_| false), [0; 0]);
    }
}
