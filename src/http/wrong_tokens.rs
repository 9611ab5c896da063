//! [`WrongTokens`]: slows down the guessing of tokens, by network.
//!
//! A valid token is never delayed, whatever other clients of the same address do. A wrong one is answered
//! more slowly once its network has shown [`FREE`] of them: one answer each [`ANSWER_EVERY`],
//! however many connections ask. A network without one for [`FORGET_AFTER`] starts again at zero.

use std::{collections::HashMap, fmt, sync::Mutex, time::Duration};

use super::network::Network;

/// Wrong tokens that are answered at once: a typing mistake, a program with an old token.
const FREE: u32 = 10;

/// Then one wrong token of a network is answered in this time.
const ANSWER_EVERY: Duration = Duration::from_millis(20);

/// No answer waits longer; connections are few.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// A network without a wrong token for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Networks that are kept apart; the one that was quiet for longest makes room.
const MOST_NETWORKS: usize = 1024;

/// The span of the report about guessing.
const LATELY: Duration = Duration::from_secs(300);

/// Fewer wrong tokens of one network are a mistake, not guessing.
const GUESSING: u32 = 30;

const MAX_RETRY_AFTER_S: u32 = 60;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    networks: Mutex<HashMap<Network, Seen>>,
}

#[derive(Debug)]
struct Seen {
    count: u32,
    last_at: Duration,
    /// When the next answer may leave.
    next_at: Duration,
}

/// The answer to a wrong token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Brake {
    /// It is answered as wrong.
    Off,
    /// It is answered as one of too many, after a while.
    On { delay: Duration, retry_after_s: u32 },
}

/// How much guessing there was lately. Addresses are for the journal: /health is public.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Guessing {
    /// Networks that showed many wrong tokens.
    networks: usize,
    /// How many wrong tokens those showed.
    tokens: u64,
}

impl fmt::Display for Guessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guessing { networks, tokens } = self;
        let plural = if *networks == 1 { "address" } else { "addresses" };
        write!(f, "{tokens} from {networks} {plural}")
    }
}

impl WrongTokens {
    /// Notes a wrong token of `network` at `now`.
    pub(super) fn note(&self, network: Network, now: Duration) -> Brake {
        let mut networks = self.networks.lock().expect(UNPOISONED);
        if networks.len() >= MOST_NETWORKS && !networks.contains_key(&network) {
            let quietest = networks.iter().min_by_key(|(_, seen)| seen.last_at);
            let quietest = quietest.map(|(network, _)| *network);
            quietest.and_then(|quietest| networks.remove(&quietest));
        }
        let fresh = || Seen { count: 0, last_at: now, next_at: now };
        let seen = networks.entry(network).or_insert_with(fresh);
        if now.saturating_sub(seen.last_at) >= FORGET_AFTER {
            *seen = fresh();
        }
        seen.count = seen.count.saturating_add(1);
        seen.last_at = now;
        let Some(excess) = seen.count.checked_sub(FREE + 1) else { return Brake::Off };
        seen.next_at = (seen.next_at.max(now) + ANSWER_EVERY).min(now + MAX_DELAY);
        let retry_after_s = 1_u32.checked_shl(excess / FREE).unwrap_or(MAX_RETRY_AFTER_S);
        Brake::On {
            delay: seen.next_at - now,
            retry_after_s: retry_after_s.clamp(1, MAX_RETRY_AFTER_S),
        }
    }

    /// The guessing of the last five minutes, if there was any.
    pub(crate) fn guessing(&self, now: Duration) -> Option<Guessing> {
        let networks = self.networks.lock().expect(UNPOISONED);
        let guess =
            |seen: &Seen| seen.count >= GUESSING && now.saturating_sub(seen.last_at) < LATELY;
        let counts =
            networks.values().filter(|seen| guess(seen)).map(|seen| u64::from(seen.count));
        let counts: Vec<u64> = counts.collect();
        let (networks, tokens) = (counts.len(), counts.iter().sum());
        (networks > 0).then_some(Guessing { networks, tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn network(last: u8) -> Network {
        Network::of([10, 0, 0, last].into())
    }

    fn note_many(wrong: &WrongTokens, count: u32) -> Brake {
        (0..count).map(|_| wrong.note(network(1), NOW)).last().expect("at least one")
    }

    #[test]
    fn the_brake_comes_after_some_and_answers_leave_one_by_one() {
        let wrong = WrongTokens::default();
        assert_eq!(note_many(&wrong, FREE), Brake::Off);
        let on = |delay_ms, retry_after_s| {
            let delay = Duration::from_millis(delay_ms);
            Brake::On { delay, retry_after_s }
        };
        assert_eq!(note_many(&wrong, 1), on(20, 1));
        assert_eq!(note_many(&wrong, 1), on(40, 1));
        assert_eq!(note_many(&wrong, 1000), on(2000, 60), "no answer waits for ever");
        assert_eq!(wrong.note(network(2), NOW), Brake::Off, "another network");
        assert_eq!(wrong.note(network(1), NOW + FORGET_AFTER), Brake::Off, "long ago");
    }

    #[test]
    fn guessing_is_reported_for_a_while() {
        let wrong = WrongTokens::default();
        note_many(&wrong, GUESSING - 1);
        assert_eq!(wrong.guessing(NOW), None);
        note_many(&wrong, 1);
        let guessing = wrong.guessing(NOW).expect("enough of them");
        assert_eq!(guessing.to_string(), "30 from 1 address");
        assert_eq!(wrong.guessing(NOW + LATELY), None);
    }

    #[test]
    fn the_table_of_networks_is_bounded() {
        let wrong = WrongTokens::default();
        for number in 0..u16::try_from(2 * MOST_NETWORKS).unwrap() {
            let [high, low] = number.to_be_bytes();
            let at = NOW + Duration::from_millis(number.into());
            wrong.note(Network::of([10, 1, high, low].into()), at);
        }
        assert_eq!(wrong.networks.lock().unwrap().len(), MOST_NETWORKS);
    }
}
