//! [`Working`]: what media may take of the memory while workers have it in hand.
//!
//! Media whose turn it is waits until there is memory for it, and large media never holds every
//! worker.

use std::sync::Arc;

use super::budget::{Budget, Held, LARGE_BYTES};

/// What may be at work at the same time.
#[derive(Debug)]
pub(super) struct Working {
    memory: Arc<Budget>,
    /// Places for large media of clients: one fewer than there are workers, so that what is small,
    /// and the booth's own camera, never waits for what takes long.
    large: Arc<Budget>,
}

/// What media at work holds; dropped, it is free again.
#[derive(Debug)]
pub(super) struct AtWork {
    memory: Held,
    /// A place, where the media is large; held only to be given back on drop.
    _large: Option<Held>,
}

impl Working {
    /// For so many workers.
    pub(super) fn within(memory: Arc<Budget>, workers: usize) -> Self {
        Working { memory, large: Arc::new(Budget::new(workers.saturating_sub(1).max(1))) }
    }

    /// How much may be held in all.
    pub(super) fn most_bytes(&self) -> usize {
        self.memory.most_bytes()
    }

    /// How much is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.memory.held_bytes()
    }

    /// Changes how much may be held; what is held already stays.
    pub(super) fn set_most_bytes(&self, most_bytes: usize) {
        self.memory.set_most_bytes(most_bytes);
    }

    /// For the booth's own, which never waits: it makes others wait.
    pub(super) fn hold_anyway(&self, bytes: usize) -> AtWork {
        AtWork { memory: self.memory.hold_anyway(bytes), _large: None }
    }

    /// Begins a pass over the waiting lanes, in their order.
    pub(super) fn line(&self) -> Line<'_> {
        Line { working: self, must_be_small: false }
    }
}

/// A pass over the media that waits for memory, in the order of turns.
pub(super) struct Line<'a> {
    working: &'a Working,
    must_be_small: bool,
}

impl Line<'_> {
    /// Memory for the next media, where there is room for it.
    pub(super) fn hold(&mut self, bytes: usize) -> Option<AtWork> {
        let large = match bytes > LARGE_BYTES {
            true if self.must_be_small => return None,
            true => Some(self.working.large.hold(1)?),
            false => None,
        };
        let memory = self.working.memory.hold(bytes);
        // Its turn comes as soon as there is room: nothing large overtakes it.
        self.must_be_small |= memory.is_none();
        Some(AtWork { memory: memory?, _large: large })
    }
}

impl AtWork {
    /// Holds `bytes` from now on; false, and nothing is changed, where there is no room for it.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.memory.resize(bytes)
    }
}
