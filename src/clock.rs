//! Time, behind a trait so that tests own it.
//!
//! Monotonic time is a [`Duration`] since the clock began: it can be stored, compared and
//! simulated, and a replayed file can use its own media time in its place.

use std::{
    path::Path,
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::stop::Stop;

/// 2026-01-01 UTC, unix ms. There was no boothd before: an earlier wall time is that of a board
/// without a battery, which begins in 1970 or on the day that its system was built.
pub const EARLIEST_UNIX_MS: i64 = 1_767_225_600_000;

/// systemd-timesyncd touches it each time that the network has told it the time.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Where stages read the time and wait.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time since this clock began.
    fn monotonic(&self) -> Duration;
    /// Wall time, milliseconds since 1970-01-01 UTC.
    fn unix_ms(&self) -> i64;
    /// Whether wall time can be trusted: a board without a battery starts anywhere, until the
    /// network has told it the time.
    fn is_set(&self) -> bool {
        true
    }
    /// Blocks the calling thread for `how_long`, or until `stop` is requested.
    fn sleep(&self, how_long: Duration, stop: &Stop);
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads wall time")]
    fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// As the kernel has it from whoever sets its clock (timesyncd, chrony, ntpd, a GPS).
    #[allow(unsafe_code, reason = "no safe crate in the tree reads the kernel's clock state")]
    fn is_set(&self) -> bool {
        // SAFETY: all zeros is a timex, and with `modes` 0 the kernel only writes into it.
        let mut state: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is valid for the call.
        match unsafe { libc::adjtimex(&raw mut state) } {
            // A sandbox that protects the clock forbids even to read its state.
            -1 => Path::new(SYNCHRONIZED).exists(),
            clock => clock != libc::TIME_ERROR,
        }
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        stop.wait_timeout(how_long);
    }
}

/// A clock that runs faster than the machine's, so that a recording plays in less time.
///
/// Everything that is measured on it is in the recording's time; wall time stays true.
#[derive(Clone, Copy, Debug)]
pub struct FastClock {
    machine: SystemClock,
    speed: u32,
}

impl FastClock {
    /// A clock that runs `speed` times as fast.
    pub fn new(speed: u32) -> Self {
        FastClock { machine: SystemClock::default(), speed: speed.max(1) }
    }
}

impl Clock for FastClock {
    fn monotonic(&self) -> Duration {
        self.machine.monotonic() * self.speed
    }

    fn unix_ms(&self) -> i64 {
        self.machine.unix_ms()
    }

    fn is_set(&self) -> bool {
        self.machine.is_set()
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        self.machine.sleep(how_long / self.speed, stop);
    }
}

/// A clock that moves only when somebody sleeps on it or a test advances it.
#[derive(Debug, Default)]
pub struct SimulatedClock {
    now: Mutex<Duration>,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl SimulatedClock {
    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        *self.now.lock().expect(UNPOISONED) += by;
    }
}

impl Clock for SimulatedClock {
    fn monotonic(&self) -> Duration {
        *self.now.lock().expect(UNPOISONED)
    }

    fn unix_ms(&self) -> i64 {
        i64::try_from(self.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        if !stop.is_requested() {
            self.advance(how_long);
        }
    }
}
