//! The way to the central desk, where there is one.

use std::{net::SocketAddr, sync::Arc};

use tokio::runtime::Runtime;

use super::Stages;
use crate::{
    clock::Clock,
    config::Config,
    mqtt::{About, Mqtt, MqttGround},
    stage::State,
    stop::Stop,
    web::{self, WebState},
};

/// Begins to talk to the central desk, where there is one.
pub(super) fn start(
    config: &Config,
    stages: &Stages,
    runtime: &Runtime,
    state: &WebState,
    (clock, stop, listen): (Arc<dyn Clock>, Stop, SocketAddr),
) -> Option<Mqtt> {
    let stage = stages.mqtt.clone();
    let Some(mqtt) = &config.mqtt else {
        stage.update(|status| status.state = State::Off);
        return None;
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        board: state.board.borrow().clone(),
        models: state.models.iter().map(|m| (m.name.clone(), m.sha256.clone())).collect(),
        config_sha256: config.shared_sha256(),
        listen,
    };
    let (of_health, time) = (state.clone(), clock.clone());
    let health = Arc::new(move || web::health_value(&of_health, &*time));
    let (store, booth, live) = (state.store.clone(), state.booth.clone(), state.live.clone());
    let ground = MqttGround { store, booth, live, stage, clock, stop, about, health };
    let _runtime = runtime.enter();
    Some(Mqtt::start(mqtt, ground))
}
