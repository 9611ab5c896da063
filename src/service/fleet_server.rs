//! [`FleetStatus`]: renders the fleet server's state for systemd.

use std::sync::Arc;

use super::{ProgressProbe, ServiceStatus, one_line};
use crate::component::{Component, State};

/// Source of a fleet server's [`ServiceStatus`].
#[derive(Debug)]
pub struct FleetStatus {
    /// The connection to the broker.
    pub broker: Arc<Component>,
    /// The archive of the booths' messages.
    pub archive: Arc<Component>,
    /// The database of the fleet server's own tokens.
    pub store: Arc<Component>,
}

impl FleetStatus {
    /// The current status of the fleet server. Silent booths do not affect it.
    pub fn look(&self) -> ServiceStatus {
        let FleetStatus { broker, archive, store } = self;
        let mut probes = Vec::new();
        [broker, archive, store]
            .iter()
            .for_each(|component| ProgressProbe::of_loops(component, &mut probes));
        let status = broker.status();
        let at = status.source.unwrap_or_default();
        let connection = match (status.state, status.error) {
            (State::Running, _) => format!("Listening to booths at {at}"),
            (_, Some(error)) => format!("Not connected to the broker: {}", one_line(&error)),
            (_, None) => format!("Connecting to {at}"),
        };
        let lost = [(archive, "archive"), (store, "database")].into_iter().filter_map(
            |(component, name)| {
                let is_lost = component.status().state == State::Unavailable;
                is_lost.then(|| format!("; the {name} is away, see /health"))
            },
        );
        ServiceStatus {
            is_ready: status.state != State::Starting,
            is_loading: false,
            sentence: connection + &lost.collect::<String>(),
            probes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::component::ComponentId;

    #[test]
    fn it_is_ready_when_connected_or_when_the_reason_is_known() {
        let component = |name| Arc::new(Component::new(name));
        let server = FleetStatus {
            broker: component(ComponentId::Broker),
            archive: component(ComponentId::Archive),
            store: component(ComponentId::Store),
        };
        server.broker.update(|s| s.source = Some("mqtt://broker:1883".into()));
        let reported = || (server.look().is_ready, server.look().sentence);
        assert_eq!(reported(), (false, "Connecting to mqtt://broker:1883".into()));
        server.broker.lost("no broker answers\nat mqtt://broker:1883");
        let why = "Not connected to the broker: no broker answers; at mqtt://broker:1883";
        assert_eq!(reported(), (true, why.into()));
        server.broker.media_passed(Duration::from_secs(1));
        server.archive.lost("full");
        let both =
            "Listening to booths at mqtt://broker:1883; the archive is away, see /health";
        assert_eq!(reported(), (true, both.into()));
    }

    #[test]
    fn its_loops_must_turn() {
        let component = |name| Arc::new(Component::new(name));
        let server = FleetStatus {
            broker: component(ComponentId::Broker),
            archive: component(ComponentId::Archive),
            store: component(ComponentId::Store),
        };
        let listener = server.broker.heartbeat("listener");
        server.archive.beat();
        let names: Vec<_> = server.look().probes.into_iter().map(|probe| probe.name).collect();
        assert_eq!(names, ["listener", "archive"], "the store's has not begun");
        drop(listener);
        assert_eq!(server.look().probes.len(), 1);
    }
}
