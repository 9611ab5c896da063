//! Which wall time boothd works with, and what it may be used for.
//!
//! A machine's wall clock is whatever its last battery, time server or person made of it. What is
//! sure is how much time has passed since the machine was started ([`Clock::since_boot`]): a start
//! of the machine is one *epoch*, and all that is not known of its times is a single number, the
//! wall time of its beginning (`origin_ms`). [`Keeper`] finds that number:
//!
//! - While the clock is not vouched for, the origin follows it. A step moves everything that was
//!   written in this epoch by as much, so that order and durations stay as they were.
//! - Once the kernel has reported for [`SETTLES_IN_MS`] that a time server keeps the clock right,
//!   and it made no step, it is *vouched for*. From then on boothd counts by itself: a step that no time
//!   server stands by changes nothing.
//! - `certain_ms` is the origin of a time that is never ahead of the truth: the last time that was
//!   vouched for, and the running time that was counted since. Only by it may anything be deleted
//!   or expire. A booth that is never vouched for counts from 0, and so deletes by running time.
//!
//! Pure but for [`KeptClock`], which gives the rest of the daemon the time that was found.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Clock, EARLIEST_UNIX_MS, whole_ms};
use crate::stop::Stop;

/// A difference of less is drift, slewing or a slow look, ms.
pub const STEP_MS: i64 = 1000;

/// A difference of less is not worth a change, ms.
const TREMOR_MS: i64 = 50;

/// How long a clock that is reported as set must stand still, ms.
pub const SETTLES_IN_MS: i64 = 5 * 60 * 1000;

/// A clock that is set, but so far from what was counted, must stand still for longer, ms.
pub const LEAP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How long that is, ms.
pub const LEAP_SETTLES_IN_MS: i64 = 24 * 60 * 60 * 1000;

/// The year 3000, unix ms. A clock that is beyond it, or before 1970, is ignored.
const LATEST_UNIX_MS: i64 = 32_503_680_000_000;

/// No machine was started before 1970: so no time of a row is before it, wherever the clock goes.
const NO_FLOOR_MS: i64 = 0;

/// Attempts to read two clocks at the same moment.
const READS: u32 = 5;

/// Two clocks that were read within this time count as read at the same moment, ms.
const SAME_MOMENT_MS: i64 = 5;

/// How far wall time is trusted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Trust {
    /// No time server keeps the clock right, and none did since the machine was started.
    #[default]
    Unset,
    /// One does, but not yet for long enough.
    Settling,
    /// One did, and boothd counts on from there.
    Vouched,
}

impl Trust {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Trust::Unset => "unset",
            Trust::Settling => "settling",
            Trust::Vouched => "vouched",
        }
    }
}

/// How the clock is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClockStatus {
    /// How far it is trusted.
    pub trust: Trust,
    /// How far the machine's wall clock is ahead of the time that boothd works with, ms. Not 0
    /// where the machine's clock was set and no time server stands by it.
    pub ahead_ms: i64,
}

impl ClockStatus {
    /// Of a clock that is taken as it is.
    pub(super) fn of_raw(is_set: bool) -> Self {
        let trust = if is_set { Trust::Vouched } else { Trust::Unset };
        ClockStatus { trust, ahead_ms: 0 }
    }

    /// What old rows and tokens go by: the calendar as far as the clock is vouched for, else the
    /// time that the machine has run.
    pub fn expires_by(self) -> &'static str {
        if self.trust == Trust::Vouched { "calendar" } else { "running_time" }
    }
}

/// The clocks of the machine, read at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// [`Clock::since_boot`], ms.
    pub since_boot_ms: i64,
    /// Wall time, unix ms.
    pub wall_ms: i64,
    /// The kernel reports that a time server keeps it right.
    pub is_set: bool,
}

impl Reading {
    /// Reads the clocks of `clock`, again where the thread was interrupted in between.
    pub fn of(clock: &dyn Clock) -> Self {
        let mut read = None;
        for _ in 0..READS {
            let before = whole_ms(clock.since_boot());
            let (wall_ms, is_set) = (clock.unix_ms(), clock.is_set());
            let took = whole_ms(clock.since_boot()) - before;
            let is_better = read.is_none_or(|(best, _)| took < best);
            if is_better {
                read = Some((took, Reading { since_boot_ms: before, wall_ms, is_set }));
            }
            if took <= SAME_MOMENT_MS {
                break;
            }
        }
        read.expect("was read at least once").1
    }

    /// Wall time of the machine's start, by the machine's clock.
    fn offset_ms(self) -> i64 {
        self.wall_ms - self.since_boot_ms
    }
}

/// What a reading changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Times of this epoch are later by this many ms; no time server vouches for it.
    Stepped(i64),
    /// The same, and from now on a time server vouches for them.
    Vouched(i64),
}

/// The clock has been set and has stood still since.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Steady {
    offset_ms: i64,
    since_ms: i64,
}

/// See the module. One epoch's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keeper {
    /// Wall time of the machine's start, as best known, unix ms.
    pub origin_ms: i64,
    /// The same, never ahead of the truth.
    pub certain_ms: i64,
    /// A time server has vouched for the origin.
    pub is_vouched: bool,
    /// `certain_ms` goes back to a time that was vouched for, in this epoch or an earlier one.
    pub has_floor: bool,
    steady: Option<Steady>,
    ahead_ms: i64,
}

impl Keeper {
    /// A new epoch. `certain_ms`: what is certain of its beginning, counted from an earlier one;
    /// `has_floor`: from a time that was vouched for.
    pub fn begin(reading: Reading, certain_ms: i64, has_floor: bool) -> Self {
        let floor = if has_floor { certain_ms } else { NO_FLOOR_MS };
        let wall_ms = reading.wall_ms.clamp(0, LATEST_UNIX_MS);
        let origin_ms = Reading { wall_ms, ..reading }.offset_ms().max(floor);
        Keeper { origin_ms, certain_ms, has_floor, ..Keeper::default() }
    }

    /// The epoch goes on after boothd was away, with the origin that was kept.
    pub fn resume(origin_ms: i64, certain_ms: i64, is_vouched: bool, has_floor: bool) -> Self {
        Keeper { origin_ms, certain_ms, is_vouched, has_floor, ..Keeper::default() }
    }

    /// What it is after `reading`, and what that changes for what was written before. To be taken
    /// only once the change is on the disk.
    #[must_use]
    pub fn observe(self, reading: Reading) -> (Self, Option<Change>) {
        if !(0..=LATEST_UNIX_MS).contains(&reading.wall_ms) {
            return (Keeper { steady: None, ..self }, None);
        }
        let offset_ms = reading.offset_ms();
        let mut next = Keeper { steady: self.stands_still(reading), ..self };
        if next.is_trustworthy(reading) && !self.is_followed(offset_ms) {
            next.vouch(offset_ms);
            return (next, Some(Change::Vouched(offset_ms - self.origin_ms)));
        }
        if self.is_vouched {
            next.follow_slowly(offset_ms);
            return (next, None);
        }
        let floor = if self.has_floor { self.certain_ms } else { NO_FLOOR_MS };
        let target = offset_ms.max(floor);
        let by = target - self.origin_ms;
        if by.abs() > TREMOR_MS {
            next.origin_ms = target;
        }
        (next, (by.abs() > STEP_MS).then_some(Change::Stepped(by)))
    }

    /// The clock is vouched for already, and is where it was.
    fn is_followed(&self, offset_ms: i64) -> bool {
        self.is_vouched && (offset_ms - self.origin_ms).abs() <= STEP_MS
    }

    fn stands_still(&self, reading: Reading) -> Option<Steady> {
        let offset_ms = reading.offset_ms();
        if !reading.is_set {
            return None;
        }
        let fresh = Steady { offset_ms, since_ms: reading.since_boot_ms };
        let stands = |s: &Steady| (offset_ms - s.offset_ms).abs() <= STEP_MS;
        Some(self.steady.filter(stands).map_or(fresh, |s| Steady { offset_ms, ..s }))
    }

    fn is_trustworthy(&self, reading: Reading) -> bool {
        let Some(steady) = self.steady else { return false };
        let leap = (steady.offset_ms - self.certain_ms).abs();
        let is_far = self.has_floor && leap > LEAP_MS;
        let needed = if is_far { LEAP_SETTLES_IN_MS } else { SETTLES_IN_MS };
        reading.wall_ms >= EARLIEST_UNIX_MS && reading.since_boot_ms - steady.since_ms >= needed
    }

    fn vouch(&mut self, offset_ms: i64) {
        (self.origin_ms, self.certain_ms) = (offset_ms, offset_ms);
        (self.is_vouched, self.has_floor) = (true, true);
        self.ahead_ms = 0;
    }

    /// A clock that is slewed takes boothd with it; one that is set does not.
    fn follow_slowly(&mut self, offset_ms: i64) {
        let away = offset_ms - self.origin_ms;
        self.ahead_ms = if away.abs() > STEP_MS { away } else { 0 };
        if self.ahead_ms == 0 && away.abs() > TREMOR_MS {
            (self.origin_ms, self.certain_ms) = (offset_ms, offset_ms);
        }
    }

    /// How the clock is.
    pub fn status(&self) -> ClockStatus {
        let trust = match (self.is_vouched, self.steady) {
            (true, _) => Trust::Vouched,
            (false, Some(_)) => Trust::Settling,
            (false, None) => Trust::Unset,
        };
        ClockStatus { trust, ahead_ms: self.ahead_ms }
    }
}

/// The machine's clock with the wall time that the [`Keeper`] found. Its time changes only after
/// the store has written the change.
pub struct KeptClock {
    machine: Arc<dyn Clock>,
    keeper: Mutex<Keeper>,
    earlier: Mutex<Vec<Span>>,
}

/// An earlier epoch: the times that it wrote, and how old they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// As [`Keeper::origin_ms`].
    pub origin_ms: i64,
    /// The latest that its beginning can have been, on the scale of certain time.
    pub certain_ms: i64,
    /// How long it lasted, ms.
    pub seen_ms: i64,
}

impl Span {
    /// The earliest of its times that is not before `certain_ms`; `None`: all are.
    fn first_since(self, certain_ms: i64) -> Option<i64> {
        let since = (certain_ms - self.certain_ms).max(0);
        (since <= self.seen_ms).then_some(self.origin_ms + since)
    }
}

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl std::fmt::Debug for KeptClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptClock").field("keeper", &self.keeper()).finish_non_exhaustive()
    }
}

impl KeptClock {
    /// The clock of a machine in that epoch.
    pub fn new(machine: Arc<dyn Clock>, keeper: Keeper) -> Self {
        KeptClock { machine, keeper: Mutex::new(keeper), earlier: Mutex::default() }
    }

    /// The epochs before this one, as they are known now.
    pub fn remember(&self, earlier: Vec<Span>) {
        *self.earlier.lock().expect(UNPOISONED) = earlier;
    }

    /// The machine's clocks as they are now.
    pub fn reading(&self) -> Reading {
        Reading::of(&*self.machine)
    }

    /// What was found so far.
    pub fn keeper(&self) -> Keeper {
        *self.keeper.lock().expect(UNPOISONED)
    }

    /// From now on this is the time. Only for the store, which has it on the disk.
    pub fn adopt(&self, keeper: Keeper) {
        *self.keeper.lock().expect(UNPOISONED) = keeper;
    }
}

impl Clock for KeptClock {
    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn unix_ms(&self) -> i64 {
        self.unix_ms_at(self.since_boot())
    }

    /// True also after a step of the machine's clock: boothd keeps the time that was vouched for.
    fn is_set(&self) -> bool {
        self.keeper().is_vouched || self.machine.is_set()
    }

    fn since_boot(&self) -> Duration {
        self.machine.since_boot()
    }

    fn boot_id(&self) -> String {
        self.machine.boot_id()
    }

    fn unix_ms_at(&self, since_boot: Duration) -> i64 {
        (self.keeper().origin_ms + whole_ms(since_boot)).max(0)
    }

    fn certain_unix_ms(&self) -> i64 {
        self.keeper().certain_ms + whole_ms(self.since_boot())
    }

    fn forget_before(&self, age_ms: i64) -> i64 {
        let (keeper, seen_ms) = (self.keeper(), whole_ms(self.since_boot()));
        let Keeper { origin_ms, certain_ms, has_floor, .. } = keeper;
        let before = certain_ms + seen_ms - age_ms;
        // What was written before there were epochs is as old as the first, or as its own time.
        let unknown = match (has_floor, before < 0) {
            (true, _) => before,
            (false, true) => 0,
            (false, false) => i64::MAX,
        };
        let own = Span { origin_ms, certain_ms, seen_ms };
        let earlier = self.earlier.lock().expect(UNPOISONED);
        let young = earlier.iter().chain([&own]).filter_map(|span| span.first_since(before));
        young.chain([unknown]).min().unwrap_or(0)
    }

    fn status(&self) -> ClockStatus {
        self.keeper().status()
    }

    fn sleep(&self, how_long: Duration, stop: &Stop) {
        self.machine.sleep(how_long, stop);
    }
}

#[cfg(test)]
mod tests;
