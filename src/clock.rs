//! Time, behind a trait so that tests own it.
//!
//! Monotonic time is a [`Duration`] since the clock began: it can be stored, compared and
//! simulated, and a replayed file can use its own media time in its place.
//!
//! Wall time is a label. A duration is never the difference of two labels, and nothing is deleted
//! or expired by one: [`Clock::since_boot`] measures, [`Clock::certain_unix_ms`] expires, and the
//! [`keeper`] corrects labels when the clock is set (docs/ref/time.md).

pub mod keeper;

use std::{
    fs, io,
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use crate::stop::Stop;
pub use keeper::{ClockStatus, KeptClock, Span, Trust};

/// 2026-01-01 UTC, unix ms. There was no boothd before: an earlier wall time is that of a board
/// without a battery, which begins in 1970 or on the day that its system was built.
pub const EARLIEST_UNIX_MS: i64 = 1_767_225_600_000;

/// systemd-timesyncd touches it at each synchronization.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// The kernel's name of this start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How long a synchronization counts: as long as the kernel takes to call its own clock unset,
/// 16 s of error at 500 ppm.
const SYNCHRONIZATION_LASTS: Duration = Duration::from_secs(32_000);

/// Where components read the time and wait.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time since this clock began. A replayed recording's time where one plays.
    fn monotonic(&self) -> Duration;
    /// Wall time, milliseconds since 1970-01-01 UTC: a label, never the basis of a duration.
    fn unix_ms(&self) -> i64;
    /// Whether wall time can be trusted: a board without a battery starts at an arbitrary time and
    /// keeps it until a time server sets it.
    fn is_set(&self) -> bool {
        true
    }
    /// Time since the machine was started, suspended or not. It cannot be set.
    fn since_boot(&self) -> Duration {
        self.monotonic()
    }
    /// Names the start of the machine that [`Clock::since_boot`] counts from; empty: not known.
    fn boot_id(&self) -> String {
        String::new()
    }
    /// Wall time at a moment of this start of the machine, as it is known now.
    fn unix_ms_at(&self, since_boot: Duration) -> i64 {
        self.unix_ms() - whole_ms(self.since_boot()) + whole_ms(since_boot)
    }
    /// Wall time that has been reached for certain: what may be expired by. Never ahead of the
    /// truth as far as the clock was ever vouched for; see [`keeper`].
    fn certain_unix_ms(&self) -> i64 {
        self.unix_ms()
    }
    /// The wall time before which everything is older than `age_ms` for certain: for what is kept
    /// under a wall time alone.
    fn forget_before(&self, age_ms: i64) -> i64 {
        self.unix_ms().saturating_sub(age_ms)
    }
    /// How far wall time is trusted.
    fn status(&self) -> ClockStatus {
        ClockStatus::of_raw(self.is_set())
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

    /// The kernel's state, which the time daemon sets (timesyncd, chrony, ntpd, a GPS).
    #[allow(unsafe_code, reason = "no safe crate in the tree reads the kernel's clock state")]
    fn is_set(&self) -> bool {
        // SAFETY: all zeros is a timex, and with `modes` 0 the kernel only writes into it.
        let mut state: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is valid for the call.
        match unsafe { libc::adjtimex(&raw mut state) } {
            // A sandbox that protects the clock forbids even to read its state.
            -1 => synchronized_at().is_ok_and(|at| is_recent(at, self.unix_ms())),
            clock => clock != libc::TIME_ERROR,
        }
    }

    fn since_boot(&self) -> Duration {
        let since = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(since.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(since.tv_nsec).unwrap_or_default())
    }

    fn boot_id(&self) -> String {
        fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default()
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        stop.wait_timeout(how_long);
    }
}

/// The last synchronization of systemd-timesyncd, unix ms.
fn synchronized_at() -> io::Result<i64> {
    let at = fs::metadata(SYNCHRONIZED)?.modified()?;
    Ok(whole_ms(at.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

/// Whether a synchronization at `at` is valid for the clock at `now` (unix ms): one that lies in
/// the future or long ago was before the clock was set by hand.
fn is_recent(at: i64, now: i64) -> bool {
    // A file's time may be a tick of the kernel ahead.
    (-1000..whole_ms(SYNCHRONIZATION_LASTS)).contains(&(now - at))
}

/// A duration in whole milliseconds.
pub fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
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

    fn since_boot(&self) -> Duration {
        self.machine.since_boot()
    }

    fn boot_id(&self) -> String {
        self.machine.boot_id()
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        self.machine.sleep(how_long / self.speed, stop);
    }
}

/// A clock that moves only when a component sleeps on it or a test advances it. Its wall time follows,
/// until a test steps it, unsets it or restarts its machine.
#[derive(Debug, Default)]
pub struct SimulatedClock {
    now: Mutex<Simulated>,
}

#[derive(Debug, Default)]
struct Simulated {
    monotonic: Duration,
    /// When its machine was last started (monotonic), and how often it was.
    booted_at: Duration,
    boots: u32,
    /// Wall time less monotonic time, ms.
    wall_offset_ms: i64,
    is_unset: bool,
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl SimulatedClock {
    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        self.now.lock().expect(UNPOISONED).monotonic += by;
    }

    /// Sets wall time forward or back; monotonic time does not notice.
    pub fn step_wall(&self, by_ms: i64) {
        self.now.lock().expect(UNPOISONED).wall_offset_ms += by_ms;
    }

    /// Simulates whether a time server synchronizes the clock ([`Clock::is_set`]).
    pub fn set_synchronized(&self, is_set: bool) {
        self.now.lock().expect(UNPOISONED).is_unset = !is_set;
    }

    /// The machine was off for so long, and starts: another boot id, and time since boot is 0.
    pub fn reboot(&self, off: Duration) {
        let mut now = self.now.lock().expect(UNPOISONED);
        now.monotonic += off;
        (now.booted_at, now.boots) = (now.monotonic, now.boots + 1);
    }
}

impl Clock for SimulatedClock {
    fn monotonic(&self) -> Duration {
        self.now.lock().expect(UNPOISONED).monotonic
    }

    fn unix_ms(&self) -> i64 {
        let now = self.now.lock().expect(UNPOISONED);
        whole_ms(now.monotonic) + now.wall_offset_ms
    }

    fn is_set(&self) -> bool {
        !self.now.lock().expect(UNPOISONED).is_unset
    }

    fn since_boot(&self) -> Duration {
        let now = self.now.lock().expect(UNPOISONED);
        now.monotonic - now.booted_at
    }

    fn boot_id(&self) -> String {
        format!("simulated-{}", self.now.lock().expect(UNPOISONED).boots)
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        if !stop.is_requested() {
            self.advance(how_long);
        }
    }
}

#[cfg(test)]
mod tests;
