//! Sliding windows over observations that come at uneven times.

use std::{collections::VecDeque, time::Duration};

/// The longest time that one observation may stand for. A longer silence (camera away, frames
/// dropped) is time of which nothing is known.
pub(super) const MAX_GAP: Duration = Duration::from_secs(2);

/// The values of the last `length` of time, oldest first.
#[derive(Debug)]
pub(super) struct Window<T> {
    length: Duration,
    values: VecDeque<(Duration, T)>,
}

impl<T> Window<T> {
    pub(super) fn new(length: Duration) -> Self {
        Window { length, values: VecDeque::new() }
    }

    /// Adds a value and forgets those that are older than the window.
    pub(super) fn push(&mut self, at: Duration, value: T) {
        self.values.push_back((at, value));
        self.forget_before(at);
    }

    /// Forgets what is older than the window that ends at `at`.
    pub(super) fn forget_before(&mut self, at: Duration) {
        let Some(start) = at.checked_sub(self.length) else { return };
        while self.values.front().is_some_and(|(then, _)| *then < start) {
            self.values.pop_front();
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(|(_, value)| value)
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

/// The share of time during which something was true, out of the time in which it was known.
#[derive(Debug)]
pub(super) struct TimeShare {
    last: Option<Duration>,
    spans: Window<(bool, Duration)>,
}

impl TimeShare {
    pub(super) fn new(window: Duration) -> Self {
        TimeShare { last: None, spans: Window::new(window) }
    }

    /// Says what was true at `at`; it stands for the time since the observation before, at most
    /// [`MAX_GAP`]. `None` is unknown.
    pub(super) fn push(&mut self, at: Duration, truth: Option<bool>) {
        let span = self.last.map_or(Duration::ZERO, |last| at.saturating_sub(last));
        self.last = Some(at);
        match truth {
            Some(truth) => self.spans.push(at, (truth, span.min(MAX_GAP))),
            None => self.spans.forget_before(at),
        }
    }

    /// 0..1; `None` while no time was known. Before any time passed, the one observation is it.
    pub(super) fn ratio(&self) -> Option<f32> {
        let known: Duration = self.spans.values().map(|(_, span)| *span).sum();
        let held: Duration =
            self.spans.values().filter(|(truth, _)| *truth).map(|(_, span)| *span).sum();
        if known.is_zero() {
            return self.spans.values().last().map(|(truth, _)| f32::from(u8::from(*truth)));
        }
        Some(held.as_secs_f32() / known.as_secs_f32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn time_is_weighed_not_observations() {
        let mut share = TimeShare::new(at(10_000));
        share.push(at(0), Some(true));
        share.push(at(1500), Some(true)); // 1.5 s true
        share.push(at(2000), Some(false)); // 0.5 s false
        assert_eq!(share.ratio(), Some(0.75));
    }

    #[test]
    fn unknown_time_counts_for_nothing() {
        let mut share = TimeShare::new(at(10_000));
        share.push(at(0), None);
        assert_eq!(share.ratio(), None);
        share.push(at(1000), Some(true));
        share.push(at(2000), None);
        assert_eq!(share.ratio(), Some(1.0));
    }

    #[test]
    fn a_long_gap_is_not_credited_to_the_observation_after_it() {
        let mut share = TimeShare::new(at(60_000));
        share.push(at(0), Some(false));
        share.push(at(2000), Some(false));
        share.push(at(50_000), Some(true));
        assert_eq!(share.ratio(), Some(0.5));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut share = TimeShare::new(at(10_000));
        for ms in (0..10_000).step_by(1000) {
            share.push(at(ms), Some(true));
        }
        for ms in (10_000..=25_000).step_by(1000) {
            share.push(at(ms), Some(false));
        }
        assert_eq!(share.ratio(), Some(0.0));
    }
}
