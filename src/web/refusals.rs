//! [`Refusals`]: the log of requests that were turned away for their host, their page or a missing
//! upgrade. A stranger decides how many come, so each reason is logged once a minute.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::proxy::Asked;
use crate::clock::Clock;

/// Why a request was turned away before anything was asked of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// It calls the booth by a name that is not its own.
    Host,
    /// A page of another origin opens the WebSocket.
    Origin,
    /// It asks for the WebSocket without asking for an upgrade.
    NoUpgrade,
}

const REASONS: [Reason; 3] = [Reason::Host, Reason::Origin, Reason::NoUpgrade];

/// From one line of a reason to its next.
const EVERY: Duration = Duration::from_secs(60);

/// Letters of a stranger's text in the log.
const SHOWN_CHARS: usize = 80;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// See the module.
pub(super) struct Refusals {
    clock: Arc<dyn Clock>,
    /// By reason: when it was last logged, and how many came since.
    logged: Mutex<[(Option<Duration>, u64); REASONS.len()]>,
}

impl Reason {
    fn sentence(self) -> &'static str {
        match self {
            Reason::Host => "request refused: the booth is not called by this host (web.hosts)",
            Reason::Origin => {
                "WebSocket refused: the page's origin is not the host that was called; is a \
                 reverse proxy in front that is not in web.proxies? (docs/guide/proxy.md)"
            }
            Reason::NoUpgrade => {
                "WebSocket refused: the request asks for no upgrade; a reverse proxy in front \
                 must pass Upgrade and Connection on (docs/guide/proxy.md)"
            }
        }
    }
}

impl Refusals {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Refusals { clock, logged: Mutex::default() }
    }

    /// Logs a refusal, or counts it for the next line.
    pub(super) fn log(&self, reason: Reason, asked: &Asked, origin: Option<&str>) {
        let Some(times) = self.due(reason) else { return };
        let host = shown(asked.host.as_deref());
        let client = asked.client.map(|address| address.to_string()).unwrap_or_default();
        log::warn!(
            target: "web", client = client.as_str(), host = host.as_str(),
            origin = shown(origin).as_str(), times;
            "{}", reason.sentence()
        );
    }

    /// How many are to be logged now; `None`: the last line is younger than a minute.
    fn due(&self, reason: Reason) -> Option<u64> {
        let now = self.clock.monotonic();
        let place = REASONS.iter().position(|each| *each == reason)?;
        let (at, waiting) = &mut self.logged.lock().expect(UNPOISONED)[place];
        *waiting += 1;
        if at.is_some_and(|at| now.saturating_sub(at) < EVERY) {
            return None;
        }
        *at = Some(now);
        Some(std::mem::take(waiting))
    }
}

/// A stranger's text for the log: without what could end a line, and short.
fn shown(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().chars();
    text.filter(|c| c.is_ascii_graphic()).take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    #[test]
    fn each_reason_is_logged_once_a_minute_with_how_many_came() {
        let clock = Arc::new(SimulatedClock::default());
        let refusals = Refusals::new(clock.clone());
        assert_eq!(refusals.due(Reason::Origin), Some(1));
        assert_eq!(refusals.due(Reason::Origin), None);
        assert_eq!(refusals.due(Reason::Host), Some(1), "another reason has its own minute");
        assert_eq!(refusals.due(Reason::Origin), None);
        clock.advance(EVERY);
        assert_eq!(refusals.due(Reason::Origin), Some(3));
    }

    #[test]
    fn a_strangers_text_cannot_end_the_line() {
        assert_eq!(shown(Some("a\nb\u{202e}c\"")), "abc\"");
        assert_eq!(shown(Some(&"x".repeat(500))).len(), SHOWN_CHARS);
    }
}
