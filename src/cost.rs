//! [`Cost`]: what a step of an analysis took, on the wall and of the processor.

use std::{
    ops::AddAssign,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// What something took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    /// From begin to end.
    pub wall: Duration,
    /// Processor time of the thread that did it.
    pub cpu: Duration,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// Measures successive steps on one thread.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Begins the first step.
    pub fn start() -> Self {
        Stopwatch { wall: Instant::now(), cpu: thread_cpu_time() }
    }

    /// Ends a step and begins the next.
    pub fn lap(&mut self) -> Cost {
        let now = Stopwatch::start();
        let cost = Cost { wall: now.wall - self.wall, cpu: now.cpu.saturating_sub(self.cpu) };
        *self = now;
        cost
    }
}

/// Processor time of the calling thread.
fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_processor_time_and_waiting_does_not() {
        let mut stopwatch = Stopwatch::start();
        let mut sum = 0u64;
        while stopwatch.cpu + Duration::from_millis(2) > thread_cpu_time() {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(stopwatch.lap().cpu >= Duration::from_millis(2));
        let (send, receive) = std::sync::mpsc::sync_channel(0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let busy = thread_cpu_time();
                while thread_cpu_time() < busy + Duration::from_millis(5) {}
                send.send(()).expect("the receiver waits");
            });
            receive.recv().expect("the sender sends");
        });
        let waited = stopwatch.lap();
        assert!(waited.wall >= Duration::from_millis(5) && waited.cpu < waited.wall / 2);
    }
}
