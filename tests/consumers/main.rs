//! Third-party programs that read the booth's MQTT messages: the real Home Assistant, Node-RED and
//! mqtt-exporter, with a real Mosquitto and `boothd run` on the bundled clip. Node-RED and
//! mqtt-exporter run the files of contrib/.
//!
//! The first run installs them with pip and npm into `target/consumers`.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod board;
mod guest;
mod home_assistant;
mod install;
mod mqtt_exporter;
mod node_red;
mod scene;

use boothd_test_support::{daemon, doubles, fleet, operator};

/// Long enough never to be reached by a test that works, on a slow machine too.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
