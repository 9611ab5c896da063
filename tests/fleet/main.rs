//! The fleet server: its state on a simulated clock, the archive, and `boothd fleet` with a real broker.

#[path = "../common/fleet.rs"]
mod common;
mod archive;
mod browser;
mod fleet_server;
mod state;
mod erase;
mod hostile;
mod replaced;
mod schema;
#[path = "../common/script.rs"]
mod script;
