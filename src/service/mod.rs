//! The interface to the system: the log in the journal or on standard error, and the state that
//! systemd receives.
//!
//! Only this module knows systemd. Owns no component: it reads their status, and nothing waits for
//! it.

mod sentence;
mod journal;
mod stderr;
mod log;
mod watchdog;
mod notify;
mod booth;
mod fleet_server;

use std::{io, panic, process, thread};

use crate::names::shown;

pub use booth::BoothStatus;
pub use fleet_server::FleetStatus;
pub use journal::is_journal;
pub use log::{init_logging, log_last, set_log_level};
pub use notify::{Notifier, ServiceStatus, reload_begins, reload_ends};
pub use watchdog::{ProgressProbe, Stuck, Watchdog};

/// From now on a panic of any thread logs its place and ends the process: systemd restarts the
/// whole daemon, never a part of it.
pub fn abort_on_panic() {
    panic::set_hook(Box::new(move |what| {
        if is_journal(io::stderr()) {
            ::log::error!(target: "service", "{what}; this is a fault of boothd, please report it");
        }
        // Not by the default hook, which blocks on a standard error without a reader.
        let thread = thread::current();
        log_last(&format!("thread '{}' {what}", thread.name().unwrap_or("unnamed")));
        process::abort();
    }));
}

/// A text from a device or a client on one line: control characters, which could begin a line,
/// control a terminal or reorder the text, are replaced by their numbers.
fn one_line(text: &str) -> String {
    shown(&text.replace(['\n', '\r'], "; ")).into_owned()
}
