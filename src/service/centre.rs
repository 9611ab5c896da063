//! [`FleetStatus`]: how a centre is, in the words that systemd and its operator need.

use std::sync::Arc;

use super::{ProgressProbe, ServiceStatus, one_line};
use crate::component::{Component, State};

/// What is looked at.
#[derive(Debug)]
pub struct FleetStatus {
    /// The way to the broker.
    pub broker: Arc<Component>,
    /// Where what booths say is kept.
    pub archive: Arc<Component>,
    /// Where the centre's own tokens are.
    pub store: Arc<Component>,
}

impl FleetStatus {
    /// How the centre is now. Booths that say nothing are no trouble of the centre's.
    pub fn look(&self) -> ServiceStatus {
        let FleetStatus { broker, archive, store } = self;
        let mut probes = Vec::new();
        [broker, archive, store]
            .iter()
            .for_each(|component| ProgressProbe::of_loops(component, &mut probes));
        let status = broker.status();
        let at = status.source.unwrap_or_default();
        let heard = match (status.state, status.error) {
            (State::Running, _) => format!("Listening to booths at {at}"),
            (_, Some(error)) => format!("No booth is heard: {}", one_line(&error)),
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
            sentence: heard + &lost.collect::<String>(),
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
    fn it_is_ready_when_booths_are_heard_or_it_is_known_why_not() {
        let component = |name| Arc::new(Component::new(name));
        let centre = FleetStatus {
            broker: component(ComponentId::Broker),
            archive: component(ComponentId::Archive),
            store: component(ComponentId::Store),
        };
        centre.broker.update(|s| s.source = Some("mqtt://desk:1883".into()));
        let said = || (centre.look().is_ready, centre.look().sentence);
        assert_eq!(said(), (false, "Connecting to mqtt://desk:1883".into()));
        centre.broker.lost("no broker answers\nat mqtt://desk:1883");
        let why = "No booth is heard: no broker answers; at mqtt://desk:1883";
        assert_eq!(said(), (true, why.into()));
        centre.broker.media_passed(Duration::from_secs(1));
        centre.archive.lost("full");
        let both = "Listening to booths at mqtt://desk:1883; the archive is away, see /health";
        assert_eq!(said(), (true, both.into()));
    }

    #[test]
    fn its_loops_must_turn() {
        let component = |name| Arc::new(Component::new(name));
        let centre = FleetStatus {
            broker: component(ComponentId::Broker),
            archive: component(ComponentId::Archive),
            store: component(ComponentId::Store),
        };
        let listener = centre.broker.heartbeat("listener");
        centre.archive.beat();
        let names: Vec<_> = centre.look().probes.into_iter().map(|probe| probe.name).collect();
        assert_eq!(names, ["listener", "archive"], "the store's has not begun");
        drop(listener);
        assert_eq!(centre.look().probes.len(), 1);
    }
}
