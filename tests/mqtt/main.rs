//! The booth and a real Mosquitto: nothing that was accepted is lost, whatever the broker does.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod away;
mod booth;
mod commands;
mod daemon;
mod disk;
mod kept;
mod limits;
mod login;
mod outbox;
mod refused;
mod published;

use boothd_test_support::{broker, daemon as house, fleet_client, operator, script};

/// Long enough never to be reached by a test that works.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The topics of the booth under test.
const BASE: &str = "boothd/v1/site/one";
