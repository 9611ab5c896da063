//! What the system that runs boothd sees of it: the log in the journal or on standard error, and
//! what systemd is told of its state.
//!
//! Holds everything that knows systemd. Owns no component: it reads what the components say of themselves,
//! and nothing waits for it.

mod booth;
mod centre;
mod journal;
mod log;
mod notify;
mod stderr;
mod watchdog;

use std::{io, panic, process, thread};

use crate::names::shown;

pub use booth::BoothStatus;
pub use centre::FleetStatus;
pub use journal::is_journal;
pub use log::{init_logging, say_last, set_log_level};
pub use notify::{Notifier, ServiceStatus, reload_begins, reload_ends};
pub use watchdog::{ProgressProbe, Stuck, Watchdog};

/// From now on a panic of any thread ends the process, once it has told where it was: systemd
/// restarts a whole daemon, never half of one.
pub fn abort_on_panic() {
    panic::set_hook(Box::new(move |what| {
        if is_journal(io::stderr()) {
            ::log::error!(target: "service", "{what}; this is a fault of boothd, please report it");
        }
        // Not by the hook of before, which waits for a standard error that nobody reads.
        let thread = thread::current();
        say_last(&format!("thread '{}' {what}", thread.name().unwrap_or("unnamed")));
        process::abort();
    }));
}

/// What a device or a client says must not begin a line of its own, command a terminal or change
/// the order of what is read: what cannot be seen is written as its number.
fn one_line(text: &str) -> String {
    shown(&text.replace(['\n', '\r'], "; ")).into_owned()
}
