//! [`Budget`]: bytes that all clients' media may take together, waiting or at work.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// With every lane full, fifty browsers have 15 MB waiting: a picture of 100 kB and four chunks
/// of 50 kB each. Four times that is never reached by them, and is still little on a board of
/// 1 GB; without it, four chunks of 10 MB each would be 2 GB.
pub const CLIENT_MEDIA_BYTES: usize = 64_000_000;

/// What media may take while it is decoded and analysed, over all workers, where the machine has
/// the memory: two pictures of 4096x4096 px, or one of the costliest kind.
pub const MOST_WORKING_BYTES: usize = crate::decode::still::LARGEST_WORKING_BYTES;

/// Media that takes more than this is large: it takes long, too, and may not hold every worker.
pub(super) const LARGE_BYTES: usize = 16 << 20;

/// Bytes that may be held, and are. Clones of the `Arc` share them.
#[derive(Debug)]
pub(super) struct Budget {
    most_bytes: AtomicUsize,
    held_bytes: AtomicUsize,
}

impl Budget {
    pub(super) fn new(most_bytes: usize) -> Self {
        Budget { most_bytes: AtomicUsize::new(most_bytes), held_bytes: AtomicUsize::new(0) }
    }

    /// Reserves `bytes` if there is room; dropping the returned part frees them.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let mut held = Held { budget: self.clone(), bytes: 0 };
        held.resize(bytes).then_some(held)
    }

    /// The same whether or not there is room: for media that must not wait.
    pub(super) fn hold_anyway(self: &Arc<Self>, bytes: usize) -> Held {
        self.held_bytes.fetch_add(bytes, Relaxed);
        Held { budget: self.clone(), bytes }
    }

    /// How much may be held in all.
    pub(super) fn most_bytes(&self) -> usize {
        self.most_bytes.load(Relaxed)
    }

    /// How much is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Relaxed)
    }

    /// Changes how much may be held; what is held already stays.
    pub(super) fn set_most_bytes(&self, most_bytes: usize) {
        self.most_bytes.store(most_bytes, Relaxed);
    }
}

/// Part of a [`Budget`].
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds `bytes` instead; false, and nothing is changed, where there is no room for it.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        // The counters guard nothing but themselves.
        let most_bytes = self.budget.most_bytes();
        let resized = self.budget.held_bytes.fetch_update(Relaxed, Relaxed, |all| {
            Some(all - self.bytes + bytes).filter(|all| *all <= most_bytes)
        });
        if resized.is_ok() {
            self.bytes = bytes;
        }
        resized.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_held_again() {
        let budget = Arc::new(Budget::new(10));
        let mut six = budget.hold(6).unwrap();
        assert!(budget.hold(5).is_none());
        let four = budget.hold(4).unwrap();
        assert!(!six.resize(7) && six.resize(3), "a refusal changes nothing");
        assert!(budget.hold(4).is_none());
        drop(four);
        assert!(budget.hold(7).is_some(), "and what was held for a moment is free again");
        assert!(six.resize(10));
    }

    #[test]
    fn what_must_not_wait_is_held_and_counted() {
        let budget = Arc::new(Budget::new(10));
        let own = budget.hold_anyway(12);
        assert!(budget.hold(1).is_none());
        assert_eq!((budget.held_bytes(), budget.most_bytes()), (12, 10));
        drop(own);
        budget.set_most_bytes(3);
        assert!(budget.hold(4).is_none() && budget.hold(3).is_some());
    }
}
