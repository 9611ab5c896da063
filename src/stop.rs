//! [`Stop`]: one request to stop, for threads (which block) and for tasks (which await).

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// A request to stop that can be made once and never taken back. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requested: Mutex<bool>,
    changed: Condvar,
    token: CancellationToken,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Stop {
    /// Requests that every holder of a clone stops.
    pub fn request(&self) {
        *self.shared.requested.lock().expect(UNPOISONED) = true;
        self.shared.changed.notify_all();
        self.shared.token.cancel();
    }

    /// Whether stop was requested.
    pub fn is_requested(&self) -> bool {
        self.shared.token.is_cancelled()
    }

    /// Blocks until stop is requested or `how_long` has passed; true when it was requested.
    pub fn wait_timeout(&self, how_long: Duration) -> bool {
        let requested = self.shared.requested.lock().expect(UNPOISONED);
        let waited = self.shared.changed.wait_timeout_while(requested, how_long, |r| !*r);
        *waited.expect(UNPOISONED).0
    }

    /// Resolves once stop is requested.
    pub async fn requested(&self) {
        self.shared.token.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_is_woken_by_the_request() {
        let stop = Stop::default();
        let asker = stop.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || asker.request());
            assert!(stop.wait_timeout(Duration::from_secs(60)));
        });
        assert!(stop.is_requested());
    }
}
