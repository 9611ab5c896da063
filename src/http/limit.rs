//! [`RateLimit`]: limits how often one client may do something.

use std::time::Duration;

/// A token bucket: gains one token each period, up to its size; an event takes one.
#[derive(Debug)]
pub(crate) struct RateLimit {
    size: f64,
    period_s: f64,
    tokens: f64,
    filled_at: Duration,
}

/// Seconds' worth of messages that may come at once.
const BURST_S: f64 = 2.0;

impl RateLimit {
    /// A full bucket of `size`, which gains a token each `period`.
    pub(crate) fn new(size: f64, period: Duration, now: Duration) -> Self {
        RateLimit { size, period_s: period.as_secs_f64(), tokens: size, filled_at: now }
    }

    /// A full bucket for messages: two seconds' worth may come at once.
    pub(crate) fn per_second(rate: f64, now: Duration) -> Self {
        let size = rate * BURST_S;
        RateLimit { size, period_s: rate.recip(), tokens: size, filled_at: now }
    }

    /// Whether an event at `now` is within the limit.
    pub(crate) fn admits(&mut self, now: Duration) -> bool {
        let passed_s = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.tokens = (self.tokens + passed_s / self.period_s).min(self.size);
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let mut limit = RateLimit::per_second(2.0, Duration::ZERO);
        let burst = (0..10).filter(|_| limit.admits(Duration::ZERO)).count();
        assert_eq!(burst, 4);
        assert!(!limit.admits(Duration::from_millis(499)));
        assert!(limit.admits(Duration::from_millis(501)));
        assert!(!limit.admits(Duration::from_millis(502)));
    }

    #[test]
    fn a_long_silence_saves_up_no_more_than_a_burst() {
        let mut limit = RateLimit::per_second(1.0, Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| limit.admits(later)).count(), 2);
    }
}
