//! Which sound cards there are, and which ALSA device a configured name means.

use std::path::Path;

use alsa::{
    Direction,
    card::{Card, Iter},
    ctl::{Ctl, DeviceIter},
};

use super::permission;

/// A device of a sound card that can record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MicrophoneInfo {
    /// What to write into the configuration: survives renumbering and converts rate and channels.
    pub device: String,
    /// The card's own name.
    pub card: String,
    /// The name of the device on that card.
    pub name: String,
}

/// Every device of every sound card that can record.
pub fn list_microphones() -> Vec<MicrophoneInfo> {
    Iter::new()
        .filter_map(Result::ok)
        .flat_map(|card| of_card(card).unwrap_or_default())
        .collect()
}

/// Whether a sound card is there that can record.
pub fn any_microphone() -> bool {
    !list_microphones().is_empty()
}

fn of_card(card: Card) -> alsa::Result<Vec<MicrophoneInfo>> {
    let control = Ctl::from_card(&card, false)?;
    let info = control.card_info()?;
    let (id, card) = (info.get_id()?.to_owned(), info.get_name()?.to_owned());
    let recording = DeviceIter::new(&control).filter_map(|device| {
        let number = u32::try_from(device).ok()?;
        let pcm = control.pcm_info(number, 0, Direction::Capture).ok()?;
        let name = pcm.get_name().unwrap_or_default().to_owned();
        let device = format!("plughw:CARD={id},DEV={number}");
        Some(MicrophoneInfo { device, card: card.clone(), name })
    });
    Ok(recording.collect())
}

/// The ALSA devices to try, in order, for a configured name.
pub(super) fn candidates(device: &str, cards: &[MicrophoneInfo]) -> Vec<String> {
    if device == "auto" {
        let first = cards.first().map(|card| card.device.clone());
        return std::iter::once("default".to_owned()).chain(first).collect();
    }
    // `hw:` neither resamples nor mixes; the same device behind `plug` does.
    if let Some(rest) = device.strip_prefix("hw:") {
        return vec![format!("plughw:{rest}")];
    }
    let wanted = device.to_lowercase();
    let is_meant = |info: &&MicrophoneInfo| {
        info.card.to_lowercase().contains(&wanted) || info.name.to_lowercase().contains(&wanted)
    };
    match cards.iter().find(is_meant) {
        Some(info) if !device.contains(':') => vec![info.device.clone()],
        _ => vec![device.to_owned()],
    }
}

/// The first device that records and that this account may not open, with the remedy.
pub(super) fn forbidden() -> Option<String> {
    // `pcmC0D0c`: card 0, device 0, capture. Its `p` plays.
    let records = |name: &str| name.starts_with("pcm") && name.ends_with('c');
    let node = permission::first_forbidden(Path::new("/dev/snd"), records)?;
    let remedy = permission::remedy(&node);
    Some(format!("{} may not be opened by this account; {remedy}", node.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Vec<MicrophoneInfo> {
        let info = |device: &str, card: &str| MicrophoneInfo {
            device: device.to_owned(),
            card: card.to_owned(),
            name: "USB Audio".to_owned(),
        };
        vec![
            info("plughw:CARD=C920,DEV=0", "HD Pro Webcam C920"),
            info("plughw:CARD=Blue,DEV=0", "Yeti"),
        ]
    }

    #[test]
    fn names_become_alsa_devices() {
        let of = |device| candidates(device, &cards());
        assert_eq!(of("auto"), ["default", "plughw:CARD=C920,DEV=0"]);
        assert_eq!(of("default"), ["default"]);
        assert_eq!(of("yeti"), ["plughw:CARD=Blue,DEV=0"]);
        assert_eq!(of("hw:CARD=Blue,DEV=0"), ["plughw:CARD=Blue,DEV=0"]);
        assert_eq!(of("plughw:1,0"), ["plughw:1,0"]);
        assert_eq!(of("booth_mic"), ["booth_mic"], "a PCM of asound.conf");
        assert_eq!(candidates("auto", &[]), ["default"]);
    }
}
