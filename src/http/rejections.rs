//! [`Rejections`]: requests and connections that the server refused, by reason and network: counters
//! since the start, and one line of the journal a minute for each reason, since clients decide how
//! many there are. Where the configuration is the likely cause (a host, an origin, a proxy that drops
//! headers), the first of a minute is logged at once, with the remedy.

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{network::Network, proxy::Asked};

/// Time between two reports in the journal.
pub(super) const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Networks that are counted separately within a minute, for each reason; others are counted together.
const MOST_NETWORKS: usize = 256;

/// Networks that a line of the journal names.
const NAMED_NETWORKS: usize = 8;

/// Characters of a client's text in the journal.
const SHOWN_CHARS: usize = 80;

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
    /// A request that calls the server by a name that is not its own.
    WrongHost,
    /// A page of another origin opens the WebSocket.
    WrongOrigin,
    /// A request to the WebSocket's address that asks for no upgrade.
    NoUpgrade,
}

impl Reason {
    const ALL: [Reason; 10] = [
        Reason::Full,
        Reason::Displaced,
        Reason::NoSeat,
        Reason::TooLongBeforeAuth,
        Reason::TooLong,
        Reason::RateLimited,
        Reason::WrongToken,
        Reason::WrongHost,
        Reason::WrongOrigin,
        Reason::NoUpgrade,
    ];

    /// Its label in metrics and in the journal.
    fn name(self) -> &'static str {
        match self {
            Reason::Full => "full",
            Reason::Displaced => "displaced",
            Reason::NoSeat => "no_seat",
            Reason::TooLongBeforeAuth => "too_long_before_auth",
            Reason::TooLong => "too_long",
            Reason::RateLimited => "rate_limited",
            Reason::WrongToken => "wrong_token",
            Reason::WrongHost => "wrong_host",
            Reason::WrongOrigin => "wrong_origin",
            Reason::NoUpgrade => "no_upgrade",
        }
    }

    /// The text of its line in the journal, with the remedy if there is one.
    fn sentence(self) -> &'static str {
        match self {
            Reason::WrongHost => {
                "request refused: the booth is not called by this host (web.hosts)"
            }
            Reason::WrongOrigin => {
                "WebSocket refused: the page's origin is not the host that was called; is a \
                 reverse proxy in front that is not in web.proxies? (docs/guide/proxy.md)"
            }
            Reason::NoUpgrade => {
                "WebSocket refused: the request asks for no upgrade; a reverse proxy in front \
                 must pass Upgrade and Connection on (docs/guide/proxy.md)"
            }
            _ => "refused",
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
    /// Counts one; returns whether it is the first of its reason in this minute.
    pub(super) fn note(&self, reason: Reason, network: Network) -> bool {
        let at = reason as usize;
        self.totals[at].fetch_add(1, Relaxed);
        let mut lately = self.lately.lock().expect(UNPOISONED);
        let Lately { by_network, others } = &mut lately[at];
        let is_first = by_network.is_empty();
        if by_network.len() < MOST_NETWORKS || by_network.contains_key(&network) {
            *by_network.entry(network).or_default() += 1;
        } else {
            *others += 1;
        }
        is_first
    }

    /// Counts a request that was turned away before anything was asked of it, and logs the first
    /// of its reason in this minute.
    pub(super) fn note_request(&self, reason: Reason, asked: &Asked, origin: Option<&str>) {
        let client = asked.client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        if self.note(reason, Network::of(client)) {
            let (client, host, origin) =
                (client.to_string(), shown(asked.host.as_deref()), shown(origin));
            log::warn!(
                target: "web", client = client.as_str(), host = host.as_str(),
                origin = origin.as_str();
                "{}", reason.sentence()
            );
        }
    }

    /// The count of each reason since the start.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Reason::ALL
            .iter()
            .map(|reason| (reason.name(), self.totals[*reason as usize].load(Relaxed)))
    }

    /// Logs the rejections of each minute.
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

    /// For each reason of this minute: its label, its count, and the networks.
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

/// A client's text for the journal: shortened, without line breaks.
fn shown(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().chars();
    text.filter(|c| c.is_ascii_graphic()).take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Network {
        Network::of([10, 0, 0, last].into())
    }

    #[test]
    fn a_line_names_who_was_refused_most_and_starts_again() {
        let rejections = Rejections::default();
        for _ in 0..3 {
            rejections.note(Reason::Displaced, network(2));
        }
        rejections.note(Reason::Displaced, network(1));
        rejections.note(Reason::WrongToken, network(1));
        let lines = rejections.take_lines();
        assert_eq!(lines[0], ("displaced", 4, "10.0.0.2 (3), 10.0.0.1 (1)".into()));
        assert_eq!(lines[1], ("wrong_token", 1, "10.0.0.1 (1)".into()));
        assert!(rejections.take_lines().is_empty());
        assert!(rejections.totals().any(|total| total == ("displaced", 4)));
    }

    #[test]
    fn only_the_first_of_a_minute_is_logged_at_once() {
        let rejections = Rejections::default();
        assert!(rejections.note(Reason::WrongOrigin, network(1)));
        assert!(!rejections.note(Reason::WrongOrigin, network(2)), "from any network");
        assert!(rejections.note(Reason::WrongHost, network(1)), "another reason has its own");
        rejections.take_lines();
        assert!(rejections.note(Reason::WrongOrigin, network(1)), "a new minute");
    }

    #[test]
    fn a_clients_text_cannot_end_the_line() {
        assert_eq!(shown(Some("a\nb\u{202e}c\"")), "abc\"");
        assert_eq!(shown(Some(&"x".repeat(500))).len(), SHOWN_CHARS);
    }

    #[test]
    fn however_many_networks_are_refused_the_table_stays_small() {
        let rejections = Rejections::default();
        for a in 0..=255 {
            for b in 0..4 {
                rejections.note(Reason::Full, Network::of([10, 0, b, a].into()));
            }
        }
        let lines = rejections.take_lines();
        assert_eq!(lines[0].1, 1024);
        assert!(lines[0].2.ends_with(" and others") && lines[0].2.len() < 300, "{lines:?}");
        for a in 0..=255 {
            for b in 0..4 {
                rejections.note(Reason::Full, Network::of([10, 0, b, a].into()));
            }
        }
        let lately = rejections.lately.lock().unwrap();
        assert_eq!(lately[Reason::Full as usize].by_network.len(), MOST_NETWORKS);
    }
}
