//! The centre: the desk on a simulated clock, the archive, and `boothd fleet` with a real broker.

#[path = "../common/fleet.rs"]
mod common;
mod archive;
mod browser;
mod centre;
mod state;
mod erase;
mod hostile;
mod replaced;
mod schema;
#[path = "../common/script.rs"]
mod script;
