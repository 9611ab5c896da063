//! Never falsely green: the booth's health through its real doors, and as everything renders it.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
#![allow(clippy::print_stdout, reason = "what was measured is for the reader")]

#[allow(dead_code, reason = "shared: these tests use their part")]
#[path = "../mqtt/broker.rs"]
mod broker;
#[allow(dead_code, reason = "shared: these tests use their part")]
#[path = "../mqtt/fleet_client.rs"]
mod fleet_client;
#[path = "../common/daemon.rs"]
mod daemon;
#[path = "../common/doors.rs"]
mod doors;
#[path = "../common/doubles.rs"]
mod doubles;
mod catalog;
mod faults;
mod matrix;
#[path = "../common/operator.rs"]
mod operator;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
