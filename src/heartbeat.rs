//! [`Heartbeat`]: proof that one loop still turns. The loop beats at each turn, also while it has
//! nothing to do; two readings of the count show whether it turned in between.
//!
//! Holds no time: a beat is a count, and the reader decides how long it may stand still.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{select, time};

/// How long a loop may wait for its work before it turns for nothing but its beat.
pub const IDLE_TURN: Duration = Duration::from_secs(1);

/// A loop's own handle. Once it is dropped the loop has ended, and no more beats are expected.
#[derive(Debug)]
pub struct Heartbeat {
    name: Box<str>,
    beats: AtomicU64,
}

impl Heartbeat {
    /// The heartbeat of the loop of that name, which has not turned yet.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Heartbeat { name: name.into(), beats: AtomicU64::new(0) }
    }

    /// The loop's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The loop turns.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Relaxed);
    }

    /// How often it has turned.
    pub fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    /// Beats while `work` waits for something slow, such as a disk that does not answer: the beats
    /// show that the task is still scheduled.
    pub async fn beat_during<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            self.beat();
            select! {
                done = &mut work => return done,
                () = time::sleep(IDLE_TURN) => (),
            }
        }
    }
}

/// Turns for a task that waits for many things: one a second, so that it can beat. Must be made
/// in the network runtime.
pub fn idle_turns() -> time::Interval {
    let mut turns = time::interval(IDLE_TURN);
    turns.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    turns
}
