//! Never falsely green: the booth's health through its real doors, and as everything renders it.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
#![allow(clippy::print_stdout, reason = "what was measured is for the reader")]

mod catalog;
mod faults;
mod matrix;

use boothd_test_support::{broker, daemon, doors, doubles, fleet_client, operator};
