//! The connection to the fleet server, where one is configured.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::watch;

use super::components::Context;
use crate::{
    booth_api::{self, BoothApiState},
    clock::Clock,
    component::{Component, State},
    config::Config,
    mqtt::{self, About, Delivery, Mqtt, MqttDependencies},
    stop::Stop,
};

/// The connection to the fleet server, and its dependencies.
pub(super) struct FleetLink {
    state: BoothApiState,
    component: Arc<Component>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    listen: SocketAddr,
    /// State of the delivery, for the health monitor; outlives each connection.
    delivery: watch::Sender<Delivery>,
    mqtt: Option<Mqtt>,
}

impl FleetLink {
    /// Connects to the fleet server, where one is configured. Must be called in the network runtime.
    pub(super) fn start(
        context: &Context<'_>,
        state: BoothApiState,
        listen: SocketAddr,
    ) -> Self {
        let component = context.components.mqtt.clone();
        let (clock, stop) = (context.clock.clone(), context.stop.clone());
        let (delivery, delivered) = watch::channel(Delivery::default());
        state.health.watch(mqtt::probe(delivered, state.store.set_aside()));
        let mut fleet_link =
            FleetLink { state, component, clock, stop, listen, delivery, mqtt: None };
        fleet_link.connect(context.config);
        fleet_link
    }

    /// Disconnects in order and connects with another configuration; no waiting message is lost.
    pub(super) async fn reconnect(&mut self, config: &Config) {
        if let Some(mqtt) = self.mqtt.take() {
            mqtt.leave().await;
        }
        if !self.stop.is_requested() {
            self.connect(config);
        }
    }

    /// Disconnects in order.
    pub(super) async fn leave(&mut self) {
        if let Some(mqtt) = self.mqtt.take() {
            mqtt.leave().await;
        }
    }

    fn connect(&mut self, config: &Config) {
        self.delivery.send_replace(Delivery::default());
        let Some(mqtt) = &config.mqtt else {
            self.component.update(|status| status.state = State::Off);
            return;
        };
        self.component.update(|status| status.state = State::Starting);
        let state = &self.state;
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            board: state.board.borrow().clone(),
            models: state.models.iter().map(|m| (m.name.clone(), m.sha256.clone())).collect(),
            config_sha256: config.shared_sha256.clone(),
            listen: self.listen,
        };
        let (of_health, time) = (state.clone(), self.clock.clone());
        let dependencies = MqttDependencies {
            store: state.store.clone(),
            booth: state.booth.clone(),
            live: state.live.clone(),
            component: self.component.clone(),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
            about,
            health: Arc::new(move || booth_api::health_value(&of_health, &*time)),
            delivery: self.delivery.clone(),
        };
        self.mqtt = Some(Mqtt::start(mqtt, dependencies));
    }
}
