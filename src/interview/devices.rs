//! [`Devices`]: states of the booth's camera and microphone, and the changes to report.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};

use crate::{
    component::{Component, ComponentId, State},
    stop::Stop,
};

/// Interval between two reads of the components. A lost device is away for longer.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Components that are devices.
const DEVICES: [ComponentId; 2] = [ComponentId::Camera, ComponentId::Microphone];

/// States of the devices by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Devices(Vec<Device>);

#[derive(Clone, Debug, PartialEq)]
struct Device {
    name: &'static str,
    state: &'static str,
    reason: Option<String>,
}

impl Devices {
    fn look(components: &[Arc<Component>]) -> Self {
        let devices = components.iter().filter(|component| DEVICES.contains(&component.id()));
        let look = |component: &Arc<Component>| {
            let status = component.status();
            Some(Device {
                name: component.name(),
                state: word(status.state)?,
                reason: status.error,
            })
        };
        Devices(devices.filter_map(look).collect())
    }

    /// What changed since `reported`, as (device, `lost`, `back`, `paused` or `off`, reason); a
    /// device that was always well is no news.
    pub fn news_since(
        self,
        reported: &Devices,
    ) -> impl Iterator<Item = (&'static str, &'static str, Option<String>)> {
        let before = |name| reported.0.iter().find(|device| device.name == name).cloned();
        let is_news = move |device: &Device| match before(device.name) {
            Some(before) => before.state != device.state,
            None => device.state != BACK,
        };
        let news: Vec<Device> = self.0.into_iter().filter(is_news).collect();
        news.into_iter().map(|device| {
            let reason = device.reason.filter(|_| device.state == "lost");
            (device.name, device.state, reason)
        })
    }
}

const BACK: &str = "back";

/// A device that only starts is no news yet.
fn word(state: State) -> Option<&'static str> {
    match state {
        State::Starting | State::Stopped => None,
        State::Running => Some(BACK),
        State::Unavailable => Some("lost"),
        State::Paused => Some("paused"),
        State::Off => Some("off"),
    }
}

/// Looks at the components until `stop`; readers see every change that lasts.
pub fn follow(components: Vec<Arc<Component>>, stop: Stop) -> watch::Receiver<Devices> {
    let (sender, devices) = watch::channel(Devices::look(&components));
    tokio::spawn(async move {
        let mut turn = time::interval(LOOK_EVERY);
        while !stop.is_requested() {
            turn.tick().await;
            let now = Devices::look(&components);
            sender.send_if_modified(|known| {
                let changed = *known != now;
                *known = now;
                changed
            });
        }
    });
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(state: &'static str, reason: Option<&str>) -> Devices {
        Devices(vec![Device { name: "camera", state, reason: reason.map(str::to_owned) }])
    }

    #[test]
    fn only_changes_are_news_and_only_a_loss_has_a_reason() {
        let news =
            |now: Devices, reported: &Devices| now.news_since(reported).collect::<Vec<_>>();
        let (back, lost) = (devices("back", None), devices("lost", Some("unplugged")));
        assert_eq!(news(back.clone(), &Devices::default()), []);
        assert_eq!(news(back.clone(), &back), []);
        let reason = Some("unplugged".to_owned());
        assert_eq!(news(lost.clone(), &back), [("camera", "lost", reason.clone())]);
        assert_eq!(news(lost.clone(), &Devices::default()), [("camera", "lost", reason)]);
        assert_eq!(news(back, &lost), [("camera", "back", None)]);
    }
}
