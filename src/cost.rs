//! [`Cost`]: wall time and processor time of one step of an analysis; [`Histogram`]: the wall times
//! of many.

use std::{
    ops::AddAssign,
    sync::LazyLock,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Time that a step took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    /// Wall time from begin to end.
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

/// The distribution of a step's durations, in constant memory: four buckets an octave.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Not cumulative; bucket `k` ends at `BOUNDS_S[k]`, the last has no end.
    counts: [u64; BUCKETS + 1],
    count: u64,
    sum: Duration,
}

/// Bounds from 0.1 ms to 100 s and a little.
const BUCKETS: usize = 81;
/// Upper bound of the first bucket.
const FIRST_BOUND_S: f64 = 1e-4;
/// Bounds per doubling: a quantile is off by 19 % at most.
const BUCKETS_PER_OCTAVE: f64 = 4.0;

/// Upper bounds of the buckets, seconds; worked out once, since every frame records ten times.
static BOUNDS_S: LazyLock<[f64; BUCKETS]> = LazyLock::new(|| {
    std::array::from_fn(|k| FIRST_BOUND_S * (k as f64 / BUCKETS_PER_OCTAVE).exp2())
});

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: [0; BUCKETS + 1], count: 0, sum: Duration::ZERO }
    }
}

impl Histogram {
    /// Takes in one duration.
    pub fn record(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[BOUNDS_S.partition_point(|bound_s| *bound_s < seconds)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The bound under which a share of `q` (0..1) lies, right to a bucket; `None` when nothing
    /// was recorded or the answer lies beyond the last bound.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let wanted = q.clamp(0.0, 1.0) * self.count as f64;
        let mut buckets = self.buckets().filter(|(_, below)| *below > 0);
        let (bound_s, _) = buckets.find(|(_, below)| *below as f64 >= wanted)?;
        Some(Duration::from_secs_f64(bound_s))
    }

    /// Upper bound of each bucket in seconds, and how many durations were not over it. The last
    /// bucket, without a bound, is [`Histogram::count`].
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut below = 0;
        self.counts.iter().take(BUCKETS).enumerate().map(move |(k, count)| {
            below += count;
            (BOUNDS_S[k], below)
        })
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
    fn a_histogram_counts_what_is_not_over_each_bound() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=100).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        assert_eq!((histogram.count(), histogram.sum()), (100, Duration::from_millis(5050)));
        for (bound_s, below) in histogram.buckets() {
            let exact = (1..=100).filter(|ms| f64::from(*ms) / 1e3 <= bound_s).count();
            assert_eq!(below, exact as u64, "not over {bound_s} s");
        }
        for q in [0.05, 0.5, 0.95, 1.0] {
            let found = histogram.quantile(q).unwrap().as_secs_f64() / (q / 10.0);
            assert!((1.0..1.2).contains(&found), "{q}: {found} times the truth");
        }
    }

    #[test]
    fn what_took_for_ever_is_counted_beyond_the_last_bound() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_secs(1000));
        assert_eq!(histogram.count(), 1);
        assert!(histogram.buckets().all(|(_, below)| below == 0));
        assert_eq!(histogram.quantile(0.5), None);
        let (last_s, _) = histogram.buckets().last().unwrap();
        assert!((100.0..110.0).contains(&last_s), "{last_s}");
    }

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
