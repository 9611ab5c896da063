//! The machine's cameras and microphones, as `boothd devices` lists them.

use std::path::Path;

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    capture::devices::{CameraInfo, MicrophoneInfo, list_cameras, list_microphones},
    error::{Error, ErrorKind, Result},
    http::Refused,
};

/// The cameras and microphones of the machine.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Devices {
    cameras: Vec<Camera>,
    microphones: Vec<Microphone>,
}

#[derive(JsonSchema, Serialize)]
struct Camera {
    /// Its node, `/dev/video0`.
    node: String,
    /// The camera's own name; null where it could not be queried.
    card: Option<String>,
    /// The kernel driver.
    driver: Option<String>,
    /// Where it is plugged in.
    bus: Option<String>,
    /// Names that survive renumbering.
    links: Vec<String>,
    /// Formats and sizes, in words.
    offers: Option<String>,
    /// Why it could not be queried.
    error: Option<String>,
}

#[derive(JsonSchema, Serialize)]
struct Microphone {
    /// The value for `audio.device`.
    device: String,
    /// The card's own name.
    card: String,
    /// The name of the device on that card.
    name: String,
}

/// Answers GET /api/v1/devices.
pub(super) async fn list() -> std::result::Result<Json<Devices>, Refused> {
    // Devices are asked by system calls that may wait for the hardware.
    let looked = tokio::task::spawn_blocking(|| Devices {
        cameras: list_cameras().into_iter().map(|(node, info)| camera(&node, info)).collect(),
        microphones: list_microphones().into_iter().map(microphone).collect(),
    });
    let devices = looked.await.map_err(|cause| {
        Error::new(ErrorKind::Internal, "the devices cannot be listed").because(cause)
    })?;
    Ok(Json(devices))
}

fn camera(node: &Path, info: Result<CameraInfo>) -> Camera {
    let shown = |path: &Path| path.display().to_string();
    match info {
        Ok(info) => Camera {
            node: shown(node),
            offers: Some(info.offers()),
            card: Some(info.card),
            driver: Some(info.driver),
            bus: Some(info.bus),
            links: info.links.iter().map(|link| shown(link)).collect(),
            error: None,
        },
        Err(error) => Camera {
            node: shown(node),
            card: None,
            driver: None,
            bus: None,
            links: Vec::new(),
            offers: None,
            error: Some(error.to_string()),
        },
    }
}

fn microphone(info: MicrophoneInfo) -> Microphone {
    let MicrophoneInfo { device, card, name } = info;
    Microphone { device, card, name }
}
