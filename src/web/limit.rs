//! [`RateLimit`]: limits the messages of one client.

use std::time::Duration;

/// A token bucket: gains `per_second` tokens up to two seconds' worth; a message takes one.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: f64,
    tokens: f64,
    filled_at: Duration,
}

/// Seconds' worth of messages that may come at once.
const BURST_S: f64 = 2.0;

impl RateLimit {
    /// A full bucket.
    pub(super) fn new(per_second: f64, now: Duration) -> Self {
        RateLimit { per_second, tokens: per_second * BURST_S, filled_at: now }
    }

    /// Whether a message at `now` is within the limit.
    pub(super) fn admits(&mut self, now: Duration) -> bool {
        let passed_s = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        let most = self.per_second * BURST_S;
        self.tokens = (self.tokens + passed_s * self.per_second).min(most);
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
        let mut limit = RateLimit::new(2.0, Duration::ZERO);
        let burst = (0..10).filter(|_| limit.admits(Duration::ZERO)).count();
        assert_eq!(burst, 4);
        assert!(!limit.admits(Duration::from_millis(499)));
        assert!(limit.admits(Duration::from_millis(501)));
        assert!(!limit.admits(Duration::from_millis(502)));
    }

    #[test]
    fn a_long_silence_saves_up_no_more_than_a_burst() {
        let mut limit = RateLimit::new(1.0, Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| limit.admits(later)).count(), 2);
    }
}
