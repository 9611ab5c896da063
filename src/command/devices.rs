//! `boothd devices`: the cameras and microphones that boothd can use, and how to name them.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{write_json, write_line};
use crate::{
    capture::devices::{CameraInfo, MicrophoneInfo, list_cameras, list_microphones},
    error::Result,
};

/// `boothd devices`
#[derive(Args, Debug)]
pub(super) struct DevicesArguments {
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &DevicesArguments, out: &mut dyn Write) -> Result<()> {
    let (cameras, microphones) = (list_cameras(), list_microphones());
    if arguments.json {
        let cameras: Vec<_> = cameras
            .iter()
            .map(|(node, info)| match info {
                Ok(info) => camera_json(info),
                Err(error) => json!({"node": node, "error": error.chain().to_string()}),
            })
            .collect();
        let microphones: Vec<_> = microphones.iter().map(microphone_json).collect();
        return write_json(out, &json!({"cameras": cameras, "microphones": microphones}));
    }
    write_line(out, "Cameras (video.device):")?;
    for (node, info) in &cameras {
        match info {
            Ok(info) => write_camera(out, info)?,
            Err(error) => write_line(out, &format!("  {}: {}", node.display(), error.chain()))?,
        }
    }
    if cameras.is_empty() {
        write_line(out, "  none")?;
    }
    write_line(out, "Microphones (audio.device):")?;
    for microphone in &microphones {
        let MicrophoneInfo { device, card, name } = microphone;
        write_line(out, &format!("  {device}  {card}, {name}"))?;
    }
    if microphones.is_empty() {
        write_line(out, "  none")?;
    }
    Ok(())
}

fn write_camera(out: &mut dyn Write, info: &CameraInfo) -> Result<()> {
    let CameraInfo { node, card, driver, bus, .. } = info;
    write_line(out, &format!("  {}  {card} ({driver}, {bus})", node.display()))?;
    for link in &info.links {
        write_line(out, &format!("    {}", link.display()))?;
    }
    write_line(out, &format!("    {}", info.offers()))
}

fn camera_json(info: &CameraInfo) -> serde_json::Value {
    json!({
        "node": info.node, "card": info.card, "driver": info.driver, "bus": info.bus,
        "links": info.links, "offers": info.offers(),
    })
}

fn microphone_json(info: &MicrophoneInfo) -> serde_json::Value {
    json!({"device": info.device, "card": info.card, "name": info.name})
}
