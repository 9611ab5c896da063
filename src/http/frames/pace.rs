//! [`Pace`]: limits the bytes that one connection sends in the long run.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// What one connection may send in the long run, bytes a second: thirty times what the page's
/// camera sends.
const BYTES_PER_S: f64 = 4e6;

/// What it may send at once after a pause.
const BURST_BYTES: f64 = 16e6;

/// A bucket of bytes: who has taken more than it held waits until it is filled again.
pub(super) struct Pace {
    left: f64,
    filled_at: Instant,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace { left: BURST_BYTES, filled_at: now, wait: None }
    }

    #[allow(clippy::cast_precision_loss, reason = "a buffer's length")]
    pub(super) fn count(&mut self, bytes: usize) {
        self.left -= bytes as f64;
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        if self.left > 0.0 {
            return Poll::Ready(());
        }
        let now = Instant::now();
        let passed_s = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.left = (self.left + passed_s * BYTES_PER_S).min(BURST_BYTES);
        if self.left > 0.0 {
            return Poll::Ready(());
        }
        let missing_s = (1.0 - self.left) / BYTES_PER_S;
        let mut wait = Box::pin(sleep(Duration::from_secs_f64(missing_s)));
        // Registers for the waking.
        let over = wait.as_mut().poll(context);
        self.wait = over.is_pending().then_some(wait);
        over
    }
}
