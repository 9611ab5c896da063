//! [`Notifier`]: the thread that reports boothd's state to systemd: READY, STATUS, WATCHDOG,
//! STOPPING.

use std::{
    env, io,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

use super::{ProgressProbe, Watchdog};
use crate::{
    error::{Error, ErrorKind, Result},
    stop::Stop,
};

/// Interval of the reports. A lost device is away for longer.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// While the models load, systemd is asked this often for more time. A restart would only begin
/// the load again, for ever on a slow or busy machine.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Requested time, from the request on.
const MORE_TIME_US: u32 = 60_000_000;

/// A load that takes longer than this has hung.
const LONGEST_LOAD: Duration = Duration::from_secs(10 * 60);

/// The state that systemd receives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceStatus {
    /// Media flows where it should, or the reason why it does not is known.
    pub is_ready: bool,
    /// Models are being loaded; readiness follows.
    pub is_loading: bool,
    /// One sentence for `systemctl status`, without subjects and measurements.
    pub sentence: String,
    /// Everything that must progress.
    pub probes: Vec<ProgressProbe>,
}

/// Handle of the thread; there is none without `NOTIFY_SOCKET`.
#[derive(Debug)]
pub struct Notifier(Option<JoinHandle<()>>);

impl Notifier {
    /// Reports the result of `look` to systemd, if it listens, until `stop` is requested.
    ///
    /// # Errors
    /// `Exhausted` when the system gives no more threads.
    pub fn start(
        look: impl FnMut() -> ServiceStatus + Send + 'static,
        stop: Stop,
    ) -> Result<Self> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Notifier(None));
        }
        let period = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
        let speaker = Speaker::new(period);
        thread::Builder::new()
            .name("notify".into())
            .spawn(move || speaker.run(look, &stop))
            .map(|thread| Notifier(Some(thread)))
            .map_err(|cause| {
                let what = "no thread for the reports to systemd; raise the limit of threads";
                Error::new(ErrorKind::Exhausted, what).because(cause)
            })
    }

    /// Waits until systemd has the report that boothd stops.
    pub fn join(self) {
        if let Notifier(Some(thread)) = self
            && thread.join().is_err()
        {
            log::error!(target: "service", "thread panicked");
        }
    }
}

/// systemd has the report READY; only then a reload can be reported.
static IS_READY: AtomicBool = AtomicBool::new(false);

/// Reports to systemd, if it listens, that a reload begins.
pub fn reload_begins() {
    if !IS_READY.load(Ordering::Relaxed) {
        return;
    }
    // `Type=notify-reload` of newer versions needs the time, to tell this answer from earlier ones.
    let Ok(at) = NotifyState::monotonic_usec_now() else { return };
    if let Err(cause) = sd_notify::notify(&[NotifyState::Reloading, at]) {
        log::debug!(target: "service", cause:display; "the reload could not be reported to systemd");
    }
}

/// Reports to systemd, if it listens, that the reload has ended.
pub fn reload_ends() {
    if !IS_READY.load(Ordering::Relaxed) {
        return;
    }
    if let Err(cause) = sd_notify::notify(&[NotifyState::Ready]) {
        log::debug!(target: "service", cause:display; "the reload could not be reported to systemd");
    }
}

/// Reports sent to systemd so far.
struct Speaker {
    period: Option<Duration>,
    watchdog: Option<Watchdog>,
    is_ready: bool,
    /// Time of the last request for more time, since the start of the thread.
    asked_at: Option<Duration>,
    reported: String,
    /// Since the thread began.
    fed_at: Option<Duration>,
    stuck: Option<String>,
    has_failed: bool,
}

impl Speaker {
    fn new(period: Option<Duration>) -> Self {
        Speaker {
            period,
            watchdog: period.map(Watchdog::new),
            is_ready: false,
            asked_at: None,
            reported: String::new(),
            fed_at: None,
            stuck: None,
            has_failed: false,
        }
    }

    fn run(mut self, mut look: impl FnMut() -> ServiceStatus, stop: &Stop) {
        let began_at = Instant::now();
        let every = self.period.map_or(LOOK_EVERY, |period| LOOK_EVERY.min(period / 8));
        while !stop.wait_timeout(every) {
            let (now, status) = (began_at.elapsed(), look());
            self.report(now, every, &status);
        }
        let status = NotifyState::Status("Stopping");
        self.send(&[NotifyState::Stopping, status]);
    }

    fn report(&mut self, now: Duration, every: Duration, status: &ServiceStatus) {
        let sentence = match self.judge(now, status) {
            Some(stuck) => format!("{stuck}; systemd will restart boothd"),
            None => status.sentence.clone(),
        };
        let mut states = Vec::with_capacity(4);
        if status.is_ready && !self.is_ready {
            self.is_ready = true;
            IS_READY.store(true, Ordering::Relaxed);
            states.push(NotifyState::Ready);
        }
        if self.reported != sentence {
            self.reported.clone_from(&sentence);
            states.push(NotifyState::Status(&sentence));
        }
        if self.needs_time(now, status) {
            self.asked_at = Some(now);
            states.push(NotifyState::ExtendTimeoutUsec(MORE_TIME_US));
        }
        if self.is_feed_due(now + every) {
            self.fed_at = Some(now);
            states.push(NotifyState::Watchdog);
        }
        if !states.is_empty() {
            self.send(&states);
        }
    }

    fn needs_time(&self, now: Duration, status: &ServiceStatus) -> bool {
        let loads = status.is_loading && !self.is_ready && now < LONGEST_LOAD;
        loads && self.asked_at.is_none_or(|asked_at| now >= asked_at + ASK_EVERY)
    }

    /// Name of a stuck part; logs it once.
    fn judge(&mut self, now: Duration, status: &ServiceStatus) -> Option<String> {
        let stuck = self.watchdog.as_mut()?.look(now, &status.probes);
        match (&stuck, &self.stuck) {
            (Some(stuck), known) if known.as_ref() != Some(&stuck.name) => {
                log::error!(
                    target: "service", part = stuck.name.as_str(),
                    still_ms = u64::try_from(stuck.still.as_millis()).unwrap_or(u64::MAX);
                    "a part of boothd is stuck; the watchdog is not fed, and systemd restarts boothd"
                );
            }
            (None, Some(part)) => {
                log::info!(target: "service", part = part.as_str(); "it moves again; the watchdog is fed");
            }
            _ => (),
        }
        self.stuck = stuck.map(|stuck| stuck.name);
        self.stuck.as_ref().map(|name| format!("STUCK: {name}"))
    }

    /// Whether the next look, at `next`, would come after half of the period. systemd begins to
    /// count at READY.
    fn is_feed_due(&self, next: Duration) -> bool {
        let Some(period) = self.period else { return false };
        let is_due = self.fed_at.is_none_or(|fed_at| next > fed_at + period / 2);
        self.is_ready && self.stuck.is_none() && is_due
    }

    /// Logs a failure. Without reports systemd restarts boothd by itself.
    fn send(&mut self, states: &[NotifyState<'_>]) {
        match sd_notify::notify(states) {
            Ok(()) => self.has_failed = false,
            Err(cause) => self.log_failure(&cause),
        }
    }

    fn log_failure(&mut self, cause: &io::Error) {
        if !self.has_failed {
            log::warn!(target: "service", cause:display; "the state cannot be reported to systemd; check NOTIFY_SOCKET and NotifyAccess=");
        }
        self.has_failed = true;
    }
}

#[cfg(test)]
mod tests;
