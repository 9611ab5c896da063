//! [`Pace`]: which of the frames that a source offers are taken. Pure: reads no clock.

use std::time::Duration;

/// Takes frames at an even rate on a fixed grid, so that the rate neither drifts nor beats with
/// the source's own.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    due: Option<Duration>,
}

impl Pace {
    /// A pace of `fps` frames a second; it takes every frame of a slower source.
    ///
    /// # Panics
    ///
    /// If `fps` is not a positive number: the configuration allows 1 to 30.
    pub fn new(fps: f64) -> Self {
        assert!(fps > 0.0 && fps.is_finite(), "a pace needs a positive rate, not {fps}");
        Pace { interval: Duration::from_secs_f64(1.0 / fps), due: None }
    }

    /// Whether the frame that arrived at `now` is taken.
    ///
    /// A source that jitters around the pace's own rate loses one frame at most: the grid stays
    /// where it is until the source is a whole interval behind (it stalled, or is slower).
    pub fn take(&mut self, now: Duration) -> bool {
        let due = self.due.unwrap_or(now);
        if now < due {
            return false;
        }
        let next = due + self.interval;
        let is_behind = now >= next + self.interval;
        self.due = Some(if is_behind { now + self.interval } else { next });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fps: f64, arrivals: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut pace = Pace::new(fps);
        arrivals.filter(|&at| pace.take(Duration::from_secs_f64(at))).collect()
    }

    #[test]
    fn thirty_a_second_become_two_evenly_spaced() {
        let taken = taken(2.0, (0..900).map(|i| f64::from(i) / 30.0));
        assert_eq!(taken.len(), 60);
        assert!(taken.windows(2).all(|w| (w[1] - w[0] - 0.5).abs() < 1.0 / 29.0), "{taken:?}");
    }

    #[test]
    fn a_rate_that_does_not_divide_keeps_the_average() {
        let taken = taken(7.0, (0..3000).map(|i| f64::from(i) / 30.0));
        assert!((699..=701).contains(&taken.len()), "{}", taken.len());
        assert!(taken.windows(2).all(|w| w[1] - w[0] < 1.0 / 7.0 + 1.0 / 29.0));
    }

    #[test]
    fn jitter_around_the_same_rate_costs_one_frame_at_most() {
        // A fixed pattern of -6..6 ms around 30 fps.
        let jitter = |i: u32| f64::from(i * 7919 % 13) / 1000.0 - 0.006;
        let taken = taken(30.0, (0..3000).map(|i| 1.0 + f64::from(i) / 30.0 + jitter(i)));
        assert!(taken.len() >= 2999, "{}", taken.len());
    }

    #[test]
    fn a_slower_source_is_taken_whole() {
        assert_eq!(taken(30.0, (0..100).map(|i| f64::from(i) / 10.0)).len(), 100);
    }

    #[test]
    fn a_stall_is_not_made_up_for_in_a_burst() {
        let arrivals = (0..30).chain(300..330).map(|i| f64::from(i) / 30.0);
        assert_eq!(taken(2.0, arrivals), [0.0, 0.5, 10.0, 10.5]);
    }
}
