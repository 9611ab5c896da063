//! Reads the board every few seconds, once for all readers.

use std::time::Duration;

use tokio::{sync::watch, task::spawn_blocking, time};

use super::{Board, Reading};
use crate::stop::Stop;

/// How often the board is looked at: heat changes slowly, and a Pi's own driver asks every 2 s.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A trouble that was not seen at so many looks is over. A weak supply dips for a moment at each
/// peak; a verdict that follows each dip would be raised and ended all day.
const LOOKS_UNTIL_OVER: u8 = 2;

/// Looks at the board until `stop`; readers see the newest reading. Must be called in the network
/// runtime; a look blocks, so it has a thread of its own.
pub fn follow(mut board: Board, stop: Stop) -> watch::Receiver<Reading> {
    let mut watcher = Watcher::default();
    let (sender, readings) = watch::channel(watcher.take(board.read()));
    tokio::spawn(async move {
        let mut turn = time::interval(LOOK_EVERY);
        turn.tick().await;
        while !stop.is_requested() {
            tokio::select! { _ = turn.tick() => (), () = stop.requested() => return }
            let look = spawn_blocking(move || {
                let reading = board.read();
                (board, reading)
            });
            let Ok((same, reading)) = look.await else {
                return log::error!(target: "board", "the board cannot be looked at any more");
            };
            board = same;
            sender.send_replace(watcher.take(reading));
        }
    });
    readings
}

/// The state between two looks.
#[derive(Debug, Default)]
struct Watcher {
    too_hot: Held,
    throttled: Held,
    capped: Held,
    under_voltage: Held,
    over_current: Held,
    was_throttled: bool,
    was_under_voltage: bool,
    logged: Option<super::Trouble>,
}

impl Watcher {
    /// The reading as it is reported: a trouble lasts for [`LOOKS_UNTIL_OVER`] looks. Logs a trouble
    /// that begins or ends.
    fn take(&mut self, now: Reading) -> Reading {
        let is = |flag: Option<bool>| flag == Some(true);
        self.was_throttled |= is(now.throttled) || is(now.frequency_capped);
        self.was_throttled |= is(now.has_been_throttled);
        self.was_under_voltage |= is(now.under_voltage) || is(now.has_been_under_voltage);
        let reading = Reading {
            too_hot: self.too_hot.take(now.too_hot),
            throttled: self.throttled.take(now.throttled),
            frequency_capped: self.capped.take(now.frequency_capped),
            under_voltage: self.under_voltage.take(now.under_voltage),
            over_current: self.over_current.take(now.over_current),
            has_been_throttled: now.throttled.map(|_| self.was_throttled),
            has_been_under_voltage: now.under_voltage.map(|_| self.was_under_voltage),
            ..now
        };
        let trouble = reading.trouble();
        match (self.logged, trouble) {
            (before, Some(trouble)) if before != Some(trouble) => {
                log::warn!(target: "board", temperature_c = reading.temperature_c; "{}", trouble.sentence());
            }
            (Some(_), None) => log::info!(target: "board", "the board is well again"),
            _ => (),
        }
        self.logged = trouble;
        reading
    }
}

/// A flag that stays set for [`LOOKS_UNTIL_OVER`] looks after it was last reported.
#[derive(Debug, Default)]
struct Held {
    looks_left: u8,
}

impl Held {
    fn take(&mut self, now: Option<bool>) -> Option<bool> {
        if now == Some(true) {
            self.looks_left = LOOKS_UNTIL_OVER;
        } else if self.looks_left > 0 {
            self.looks_left -= 1;
            return Some(true);
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Trouble;

    fn voltage(is_low: bool) -> Reading {
        Reading { under_voltage: Some(is_low), ..Reading::default() }
    }

    #[test]
    fn a_trouble_lasts_until_two_looks_have_not_seen_it() {
        let mut watcher = Watcher::default();
        let mut take = |is_low| watcher.take(voltage(is_low)).trouble();
        assert_eq!(take(false), None);
        let troubles: Vec<_> = [true, false, true, false, false, false].map(&mut take).into();
        let low = Some(Trouble::UnderVoltage);
        assert_eq!(troubles, [low, low, low, low, low, None]);
    }

    #[test]
    fn what_has_been_is_remembered_and_what_is_not_reported_stays_unknown() {
        let mut watcher = Watcher::default();
        assert_eq!(watcher.take(voltage(false)).has_been_under_voltage, Some(false));
        watcher.take(voltage(true));
        for _ in 0..10 {
            watcher.take(voltage(false));
        }
        let now = watcher.take(voltage(false));
        assert_eq!((now.under_voltage, now.has_been_under_voltage), (Some(false), Some(true)));
        assert_eq!((now.throttled, now.has_been_throttled), (None, None));
        assert_eq!(Watcher::default().take(Reading::default()), Reading::default());
    }
}
