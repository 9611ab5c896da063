//! The components of the booth's daemon, and what its parts are built from.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::{
    capture::source::Sources,
    clock::Clock,
    component::{Component, ComponentId, State},
    config::Config,
    light::Light,
    stop::Stop,
};

/// What every part of the daemon is built from.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) components: &'a Components,
    /// The runtime of the network and the tasks.
    pub(super) runtime: &'a Runtime,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) stop: &'a Stop,
}

/// Sentence in /health for a device that is switched off in the configuration.
const CLIENTS_ONLY: &str = "no device: clients only";

/// The components of the daemon in /health, in the order of the data.
pub(super) struct Components {
    pub(super) camera: Arc<Component>,
    pub(super) microphone: Arc<Component>,
    pub(super) light: Light,
    pub(super) vision: Arc<Component>,
    pub(super) speech: Arc<Component>,
    pub(super) recorder: Arc<Component>,
    pub(super) store: Arc<Component>,
    pub(super) mqtt: Arc<Component>,
}

impl Components {
    pub(super) fn new(store: Arc<Component>, light: Light) -> Self {
        let component = |component| Arc::new(Component::new(component));
        Components {
            camera: component(ComponentId::Camera),
            microphone: component(ComponentId::Microphone),
            light,
            vision: component(ComponentId::Vision),
            speech: component(ComponentId::Speech),
            recorder: component(ComponentId::Recorder),
            store,
            mqtt: component(ComponentId::Mqtt),
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Component>> {
        let Components { camera, microphone, light, vision, speech, recorder, store, mqtt } =
            self;
        [camera, microphone, light.component(), vision, speech, recorder, store, mqtt]
            .map(Arc::clone)
            .into()
    }

    /// Sets the components that are off, and those that play the bundled clip.
    pub(super) fn note_sources(&self, sources: &Sources, is_demo: bool) {
        let off = |component: &Component| {
            component.update(|status| {
                (status.state, status.source) = (State::Off, Some(CLIENTS_ONLY.into()));
            });
        };
        if sources.video.is_none() {
            off(&self.camera);
        }
        if sources.audio.is_none() {
            off(&self.microphone);
        }
        if is_demo {
            let demo = |component: &Component| component.update(|status| status.demo = true);
            demo(&self.camera);
            demo(&self.microphone);
            log::warn!(target: "app", "DEMO SOURCE: no camera and no microphone were found, so the bundled clip plays; its metrics are of no real person");
        }
    }
}
