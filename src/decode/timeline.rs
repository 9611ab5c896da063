//! [`Timeline`]: what is missing between the packets of a recording, by its container's clock.
//!
//! A packet that was never sent (silence of a talker, loss in a conference, a paused recorder)
//! leaves nothing but a jump of the time stamps. Time stamps also waver, since recorders round
//! them, take them from a busy system's clock, or from another clock than the microphone's.

use crate::media::SAMPLE_RATE_HZ;

/// A packet that comes so late had something before it. Below are rounding to milliseconds and the
/// wavering of a browser's capture; ffmpeg's `aresample=async=1` has the same.
const TOLERANCE_US: i64 = 100_000;

/// A packet so early belongs to another count of time; no sound lies that close together.
const MOST_EARLY_US: i64 = 1_000_000;

/// The part of its duration by which each packet draws the count towards its time stamp: what two
/// crystals differ by is not taken for loss, and a loss of every hundredth packet is not taken
/// for crystals.
const DRIFT: i64 = 1000;

/// When the next packet is due.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// In µs by the container's clock; `None` before the first packet.
    due_us: Option<i64>,
    /// How much later the newest packet was, within the tolerance.
    late_us: i64,
}

impl Timeline {
    /// Samples (at 16 kHz) that are missing before a packet of this time; `None` where the
    /// container gives it none, so that it follows the one before.
    pub(super) fn missing(&mut self, at_us: Option<i64>) -> usize {
        self.late_us = 0;
        let Some(at_us) = at_us else { return 0 };
        let due_us = *self.due_us.get_or_insert(at_us);
        let late_us = at_us.saturating_sub(due_us);
        if late_us >= TOLERANCE_US {
            self.due_us = Some(at_us);
            let samples = i128::from(late_us) * i128::from(SAMPLE_RATE_HZ) / 1_000_000;
            return usize::try_from(samples).unwrap_or(usize::MAX);
        }
        if late_us <= -MOST_EARLY_US {
            self.due_us = Some(at_us);
        } else {
            self.late_us = late_us;
        }
        0
    }

    /// The packet lasted so long.
    pub(super) fn played(&mut self, lasts_us: i64) {
        if let Some(due_us) = &mut self.due_us {
            let drift = lasts_us / DRIFT;
            *due_us = due_us.saturating_add(lasts_us + self.late_us.clamp(-drift, drift));
        }
    }
}

/// How long so many samples last at 16 kHz, in µs.
pub(super) fn lasting_us(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX / 125) * 125 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples that are missing in a row of packets of 20 ms with these times in µs.
    fn missing(times: impl IntoIterator<Item = i64>) -> Vec<usize> {
        let mut timeline = Timeline::default();
        let each = times.into_iter().map(|at_us| {
            let missing = timeline.missing(Some(at_us));
            timeline.played(20_000);
            missing
        });
        each.collect()
    }

    #[test]
    fn wavering_is_no_gap() {
        // Half an hour: rounded to ms, a clock 300 ppm faster or slower, and 60 ms either way.
        let packets = 90_000;
        for ppm in [-300, 0, 300] {
            let times = (0..packets).map(|n| {
                let at = n * (20_000 + 20_000 * ppm / 1_000_000);
                let wavering =
                    [0, 37_000, -60_000, 12_300, 60_000][usize::try_from(n % 5).unwrap()];
                (at + wavering) / 1000 * 1000
            });
            assert_eq!(missing(times).iter().sum::<usize>(), 0, "{ppm} ppm");
        }
    }

    #[test]
    fn a_gap_is_as_long_as_it_is() {
        let times = (0..300).map(|n| n * 20_000 + if n >= 100 { 2_500_000 } else { 0 });
        let found = missing(times);
        assert_eq!((found[100], found.iter().sum::<usize>()), (40_000, 40_000));
    }

    #[test]
    fn packets_that_are_lost_here_and_there_add_up() {
        // Of 3,000 packets every twentieth is missing: 3 s.
        let times = (0..3000).filter(|n| n % 20 != 7).map(|n| n * 20_000);
        let lost = missing(times).iter().sum::<usize>();
        assert!((46_000..=48_000).contains(&lost), "{lost}");
    }

    #[test]
    fn a_count_that_starts_again_is_no_gap() {
        let times = (0..50).chain(0..50).map(|n| n * 40_000 / 2);
        assert_eq!(missing(times).iter().sum::<usize>(), 0);
        assert_eq!(missing([i64::MAX, i64::MIN, i64::MAX])[0], 0);
    }

    #[test]
    fn a_packet_without_a_time_follows_the_one_before() {
        let mut timeline = Timeline::default();
        for at_us in [Some(0), None, None, Some(60_000)] {
            assert_eq!(timeline.missing(at_us), 0);
            timeline.played(20_000);
        }
        assert_eq!(timeline.missing(Some(180_000)), 1600);
    }
}
