//! [`Budget`]: the memory that all clients' waiting media may take together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// With every lane full, fifty browsers have 15 MB waiting: a picture of 100 kB and four chunks
/// of 50 kB each. Four times that is never reached by them, and is still little on a board of
/// 1 GB; without it, four chunks of 10 MB each would be 2 GB.
pub(super) const CLIENT_MEDIA_BYTES: usize = 64_000_000;

/// Bytes that may be held, and are. Clones of the `Arc` share them.
#[derive(Debug)]
pub(super) struct Budget {
    most_bytes: usize,
    held_bytes: AtomicUsize,
}

impl Budget {
    pub(super) fn new(most_bytes: usize) -> Self {
        Budget { most_bytes, held_bytes: AtomicUsize::new(0) }
    }

    /// Room for so much, if there is any; it is given back when what is returned is dropped.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let mut held = Held { budget: self.clone(), bytes: 0 };
        held.resize(bytes).then_some(held)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(CLIENT_MEDIA_BYTES)
    }
}

/// Part of a [`Budget`].
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds so much instead; false, and nothing is changed, where there is no room for it.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        // The counter guards nothing but itself.
        let resized = self.budget.held_bytes.fetch_update(Relaxed, Relaxed, |all| {
            Some(all - self.bytes + bytes).filter(|all| *all <= self.budget.most_bytes)
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
}
