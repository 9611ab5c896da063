//! [`Gate`]: whether a device may be used now. Threads wait at it; any holder may close it.
//!
//! A closed gate means that the device is closed, not that its media is thrown away.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use crate::stop::Stop;

/// A gate. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    is_open: Mutex<bool>,
    changed: Condvar,
}

/// How often a thread that waits at a gate checks for a stop: a gate wakes it, a stop does not.
const STOP_LOOK: Duration = Duration::from_millis(250);

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Gate {
    /// A gate that is open or closed at first.
    pub fn new(open: bool) -> Self {
        Gate { shared: Arc::new(Shared { is_open: Mutex::new(open), changed: Condvar::new() }) }
    }

    /// Opens or closes it and wakes the waiting threads.
    pub fn set_open(&self, open: bool) {
        *self.shared.is_open.lock().expect(UNPOISONED) = open;
        self.shared.changed.notify_all();
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *self.shared.is_open.lock().expect(UNPOISONED)
    }

    /// Blocks until it is open; false when a stop was requested first. Calls `turn` at each check,
    /// about four times a second.
    pub fn wait_open(&self, stop: &Stop, mut turn: impl FnMut()) -> bool {
        let mut is_open = self.shared.is_open.lock().expect(UNPOISONED);
        while !*is_open && !stop.is_requested() {
            turn();
            let waited = self.shared.changed.wait_timeout(is_open, STOP_LOOK);
            is_open = waited.expect(UNPOISONED).0;
        }
        !stop.is_requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_is_woken_when_it_opens() {
        let (gate, stop) = (Gate::new(false), Stop::default());
        let opener = gate.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || opener.set_open(true));
            assert!(gate.wait_open(&stop, || ()));
        });
        assert!(gate.is_open());
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let (gate, stop) = (Gate::new(false), Stop::default());
        let asker = stop.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || asker.request());
            assert!(!gate.wait_open(&stop, || ()));
        });
        assert!(!gate.is_open());
    }
}
