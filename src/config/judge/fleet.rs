//! What the `[fleet]` keys mean: thresholds of the alerts, and retention of the archive.

use std::time::Duration;

use super::Judge;
use crate::{fleet::FleetConfig, mqtt::topics::is_level};

impl Judge<'_> {
    pub(super) fn fleet(&mut self) -> FleetConfig {
        let client_id = self.text("fleet.client_id");
        if !is_level(&client_id) {
            let message = "must have 1 to 64 characters and none of / + # % $";
            self.problem("fleet.client_id", message);
        }
        let days: u64 = self.count("fleet.history_days");
        FleetConfig {
            history: Duration::from_secs(days * 24 * 60 * 60),
            offline_after: Duration::from_secs(self.count("fleet.offline_after_s")),
            outbox_depth: self.count("fleet.outbox_depth"),
            client_id,
        }
    }
}
