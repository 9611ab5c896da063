//! [`Rejections`]: what the server refused, by reason and network: counters for ever, and one line
//! of the journal a minute for each reason.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::slots::Network;

/// How often the journal is told.
pub(super) const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Networks that are told apart within a minute, for each reason; others are counted together.
const MOST_NETWORKS: usize = 256;

/// Networks that a line of the journal names.
const NAMED_NETWORKS: usize = 8;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// Why something was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// Too many sockets of every kind.
    Full,
    /// An unauthenticated connection lost its slot to a newer one.
    Displaced,
    /// Every seat for WebSockets was taken.
    NoSeat,
    /// More than 16 kB before authentication.
    TooLongBeforeAuth,
    /// A message that is too long, or too slow for its length.
    TooLong,
    /// More messages or control frames than `web.rate_limit_per_s`.
    RateLimited,
    /// A wrong, expired or revoked token.
    WrongToken,
}

impl Reason {
    const ALL: [Reason; 7] = [
        Reason::Full,
        Reason::Displaced,
        Reason::NoSeat,
        Reason::TooLongBeforeAuth,
        Reason::TooLong,
        Reason::RateLimited,
        Reason::WrongToken,
    ];

    /// As metrics and the journal have it.
    fn name(self) -> &'static str {
        match self {
            Reason::Full => "full",
            Reason::Displaced => "displaced",
            Reason::NoSeat => "no_seat",
            Reason::TooLongBeforeAuth => "too_long_before_auth",
            Reason::TooLong => "too_long",
            Reason::RateLimited => "rate_limited",
            Reason::WrongToken => "wrong_token",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    totals: [AtomicU64; Reason::ALL.len()],
    lately: Mutex<[Lately; Reason::ALL.len()]>,
}

#[derive(Debug, Default)]
struct Lately {
    by_network: HashMap<Network, u64>,
    others: u64,
}

impl Rejections {
    /// Counts one.
    pub(super) fn note(&self, reason: Reason, network: Network) {
        let at = reason as usize;
        self.totals[at].fetch_add(1, Relaxed);
        let mut lately = self.lately.lock().expect(UNPOISONED);
        let Lately { by_network, others } = &mut lately[at];
        if by_network.len() < MOST_NETWORKS || by_network.contains_key(&network) {
            *by_network.entry(network).or_default() += 1;
        } else {
            *others += 1;
        }
    }

    /// Each reason's word and how often it was met since the start.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Reason::ALL
            .iter()
            .map(|reason| (reason.name(), self.totals[*reason as usize].load(Relaxed)))
    }

    /// Tells the journal once a minute what was refused in it.
    pub(super) async fn report_for_ever(&self) {
        let mut minute = tokio::time::interval(REPORT_EVERY);
        loop {
            minute.tick().await;
            for (reason, total, networks) in self.take_lines() {
                log::warn!(target: "web", reason, total, networks = networks.as_str();
                    "refused in the last minute");
            }
        }
    }

    /// For each reason that was met: its word, how often, and by whom.
    fn take_lines(&self) -> Vec<(&'static str, u64, String)> {
        let lately = std::mem::take(&mut *self.lately.lock().expect(UNPOISONED));
        Reason::ALL.iter().zip(lately).filter_map(|(r, l)| l.line(*r)).collect()
    }
}

impl Lately {
    fn line(self, reason: Reason) -> Option<(&'static str, u64, String)> {
        let mut networks: Vec<(Network, u64)> = self.by_network.into_iter().collect();
        networks.sort_unstable_by_key(|(network, count)| (u64::MAX - count, *network));
        let total = networks.iter().map(|(_, count)| count).sum::<u64>() + self.others;
        let mut text = String::new();
        for (network, count) in networks.iter().take(NAMED_NETWORKS) {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, "{comma}{network} ({count})").expect("text grows");
        }
        let unnamed = networks.len().saturating_sub(NAMED_NETWORKS);
        if unnamed > 0 || self.others > 0 {
            text.push_str(" and others");
        }
        (total > 0).then_some((reason.name(), total, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Network {
        Network::of([10, 0, 0, last].into())
    }

    #[test]
    fn a_line_names_who_was_refused_most_and_begins_anew() {
        let rejections = Rejections::default();
        (0..3).for_each(|_| rejections.note(Reason::Displaced, network(2)));
        rejections.note(Reason::Displaced, network(1));
        rejections.note(Reason::WrongToken, network(1));
        let lines = rejections.take_lines();
        assert_eq!(lines[0], ("displaced", 4, "10.0.0.2 (3), 10.0.0.1 (1)".into()));
        assert_eq!(lines[1], ("wrong_token", 1, "10.0.0.1 (1)".into()));
        assert!(rejections.take_lines().is_empty());
        assert!(rejections.totals().any(|total| total == ("displaced", 4)));
    }

    #[test]
    fn however_many_networks_are_refused_the_table_stays_small() {
        let rejections = Rejections::default();
        for a in 0..=255 {
            (0..4)
                .for_each(|b| rejections.note(Reason::Full, Network::of([10, 0, b, a].into())));
        }
        let lines = rejections.take_lines();
        assert_eq!(lines[0].1, 1024);
        assert!(lines[0].2.ends_with(" and others") && lines[0].2.len() < 300, "{lines:?}");
        for a in 0..=255 {
            (0..4)
                .for_each(|b| rejections.note(Reason::Full, Network::of([10, 0, b, a].into())));
        }
        let lately = rejections.lately.lock().unwrap();
        assert_eq!(lately[Reason::Full as usize].by_network.len(), MOST_NETWORKS);
    }
}
