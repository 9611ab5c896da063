//! boothd as a service: the units, the reports to systemd over a real socket, the entries sent to
//! journald (its socket stands in a mount namespace; `unshare` needs root or user namespaces), and
//! credentials.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod credentials;
mod journal;
mod liveness;
mod notify;
mod scene;
mod units;

use boothd_test_support::{broker, daemon, doubles, operator};

use daemon::PATIENCE;
