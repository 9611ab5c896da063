//! The recording light in the daemon: dark before any device opens and after every device closes,
//! and watched in between.

use std::{path::Path, thread::JoinHandle};

use super::threads::{join, spawn};
use crate::{
    capture::source::Present, config::Config, error::Result, light::Light, stop::Stop,
};

/// The light and the thread that keeps it; dark once this is dropped.
pub(super) struct RecordingLight {
    light: Light,
    keeper: Option<JoinHandle<()>>,
    stop: Stop,
}

impl RecordingLight {
    /// Darkens the light and starts its thread. Without a light there is no thread.
    pub(super) fn start(folder: Option<&Path>, stop: Stop) -> Result<Self> {
        let light = Light::new(folder);
        let (kept, until) = (light.clone(), stop.clone());
        let keeper = light.is_there().then(|| spawn("light", move || kept.watch(&until)));
        Ok(RecordingLight { light, keeper: keeper.transpose()?, stop })
    }

    pub(super) fn light(&self) -> Light {
        self.light.clone()
    }
}

impl Drop for RecordingLight {
    /// Also on an early exit with open devices: their gates close.
    fn drop(&mut self) {
        self.stop.request();
        if let Some(keeper) = self.keeper.take() {
            join(keeper);
        }
        self.light.put_out();
    }
}

/// Which devices exist, where the answer decides what plays. No device is looked for where none
/// may be opened.
pub(super) fn present(config: &Config, light: &Light) -> Present {
    let may_look = config.policy.check_chosen().is_ok();
    if may_look && config.sources.depend_on_presence() {
        Present::look(&config.camera.device, &config.microphone.device, light)
    } else {
        Present::EXPECTED
    }
}
