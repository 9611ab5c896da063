//! boothd as a service: the units, the reports to systemd over a real socket, the entries sent to
//! journald (its socket stands in a mount namespace; `unshare` needs root or user namespaces), and
//! credentials.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[allow(dead_code, reason = "the tests of MQTT use the rest")]
#[path = "../mqtt/broker.rs"]
mod broker;
mod credentials;
#[path = "../common/daemon.rs"]
mod daemon;
#[path = "../common/doubles.rs"]
mod doubles;
mod journal;
mod liveness;
mod notify;
#[path = "../common/operator.rs"]
mod operator;
mod scene;
mod units;

use daemon::PATIENCE;
