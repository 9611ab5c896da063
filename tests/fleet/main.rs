//! The fleet server: its state on a simulated clock, the archive, and `boothd fleet` with a real broker.

mod archive;
mod browser;
mod fleet_server;
mod state;
mod erase;
mod hostile;
mod replaced;
mod schema;

use boothd_test_support::{fleet as common, script};
