//! Which cameras there are, and which of them a configured name means.
//!
//! Cameras renumber when they are plugged in again and their by-id links vanish with them, so
//! nothing here is remembered: each lookup reads /dev again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use v4l::{Device, capability::Flags, framesize::FrameSizeEnum, video::Capture};

use crate::error::{Error, ErrorKind, Result};

use super::{formats, node, permission};

pub use super::camera_info::{CameraInfo, FormatInfo, Sizes};
pub use super::cards::{MicrophoneInfo, any_microphone, list_microphones};

/// Whether one of its formats can be decoded.
fn is_usable(info: &CameraInfo) -> bool {
    let code = |format: &FormatInfo| <[u8; 4]>::try_from(format.fourcc.as_bytes()).ok();
    let mut codes = info.formats.iter().filter_map(code);
    codes.any(|code| formats::decodable(v4l::FourCC::new(&code)).is_some())
}

/// Every node that can capture, with what it offers; nodes that cannot be queried give an error.
pub fn list_cameras() -> Vec<(PathBuf, Result<CameraInfo>)> {
    let look = |node: PathBuf| {
        let info = node::open_node(&node).and_then(|device| inspect(&node, &device));
        (node, info)
    };
    nodes().into_iter().map(look).collect()
}

/// Whether a camera is there that `device = "auto"` would find.
pub fn any_camera() -> bool {
    find_camera("auto").is_ok()
}

/// The node that a configured device means right now.
///
/// # Errors
///
/// [`ErrorKind::Unavailable`] when nothing matches; [`ErrorKind::Config`] when something may
/// match but this account may not look.
pub(super) fn find_camera(device: &str) -> Result<PathBuf> {
    if device.starts_with('/') {
        return Ok(PathBuf::from(device));
    }
    let link = Path::new("/dev/v4l/by-id").join(device);
    if fs::symlink_metadata(&link).is_ok() {
        return Ok(link);
    }
    let cameras: Vec<_> =
        list_cameras().into_iter().filter_map(|(_, info)| info.ok()).collect();
    let wanted = device.to_lowercase();
    let found = match device {
        "auto" => cameras.iter().find(|camera| is_usable(camera)),
        _ => cameras.iter().find(|camera| camera.card.to_lowercase().contains(&wanted)),
    };
    found.map(|camera| camera.node.clone()).ok_or_else(|| not_found(device, &cameras))
}

fn not_found(device: &str, cameras: &[CameraInfo]) -> Error {
    let is_camera = |name: &str| name.starts_with("video");
    if let Some(node) = permission::first_forbidden(Path::new("/dev"), is_camera) {
        let remedy = permission::remedy(&node);
        let message = format!("{} may not be opened by this account; {remedy}", node.display());
        return Error::new(ErrorKind::Config, message);
    }
    let what = match device {
        "auto" => "no usable camera is there".to_owned(),
        name => format!("no camera is called `{name}`"),
    };
    let seen = |camera: &CameraInfo| {
        format!("{} ({}: {})", camera.card, camera.node.display(), camera.advice())
    };
    let message = match cameras {
        [] => format!("{what}, nor any other; plug it in"),
        some => {
            format!("{what}; seen: {}", some.iter().map(seen).collect::<Vec<_>>().join(", "))
        }
    };
    Error::new(ErrorKind::Unavailable, message)
}

/// The description of the opened `device` at `node`.
pub(super) fn inspect(node: &Path, device: &Device) -> Result<CameraInfo> {
    let unavailable =
        |what: &str| Error::new(ErrorKind::Unavailable, format!("{} {what}", node.display()));
    let caps = device
        .query_caps()
        .map_err(|err| unavailable("does not answer as a camera should").because(err))?;
    let needed = Flags::VIDEO_CAPTURE | Flags::STREAMING;
    if !caps.capabilities.contains(needed) {
        let what = if caps.capabilities.contains(Flags::VIDEO_CAPTURE_MPLANE) {
            "is a multi-planar node (a codec or a CSI port), not a webcam"
        } else {
            "does not capture now (a metadata node, or a loopback without input)"
        };
        return Err(unavailable(what));
    }
    let formats: Vec<_> = device
        .enum_formats()
        .unwrap_or_default()
        .into_iter()
        .map(|format| FormatInfo {
            fourcc: String::from_utf8_lossy(&format.fourcc.repr).into_owned(),
            description: format.description,
            sizes: sizes(device, format.fourcc),
        })
        .collect();
    if formats.is_empty() {
        return Err(unavailable("offers no formats yet"));
    }
    let links = links_to(node);
    let (card, driver, bus) = (caps.card, caps.driver, caps.bus);
    Ok(CameraInfo { node: node.to_owned(), card, driver, bus, links, formats })
}

fn sizes(device: &Device, fourcc: v4l::FourCC) -> Sizes {
    let mut listed = Vec::new();
    for size in device.enum_framesizes(fourcc).unwrap_or_default() {
        match size.size {
            FrameSizeEnum::Discrete(size) => listed.push((size.width, size.height)),
            FrameSizeEnum::Stepwise(s) => {
                return Sizes::Range((s.min_width, s.min_height), (s.max_width, s.max_height));
            }
        }
    }
    Sizes::Listed(listed)
}

/// /dev/video0, /dev/video1, … in the order of their numbers.
fn nodes() -> Vec<PathBuf> {
    let number =
        |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let entries = fs::read_dir("/dev").into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut nodes: Vec<_> = paths.filter(|path| number(path).is_some()).collect();
    nodes.sort_by_key(number);
    nodes
}

fn links_to(node: &Path) -> Vec<PathBuf> {
    let below = |dir: &str| fs::read_dir(dir).into_iter().flatten();
    let all = below("/dev/v4l/by-id").chain(below("/dev/v4l/by-path"));
    let is_ours = |link: &PathBuf| {
        fs::read_link(link).is_ok_and(|target| target.file_name() == node.file_name())
    };
    let mut links: Vec<_> =
        all.filter_map(|entry| Some(entry.ok()?.path())).filter(is_ours).collect();
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(fourcc: &str, sizes: Sizes) -> FormatInfo {
        FormatInfo { fourcc: fourcc.to_owned(), description: String::new(), sizes }
    }

    #[test]
    fn offers_fit_one_line() {
        let formats = vec![
            format("YUYV", Sizes::Listed(vec![(640, 480), (320, 240)])),
            format("MJPG", Sizes::Range((48, 32), (1920, 1080))),
        ];
        let info = CameraInfo { formats, ..CameraInfo::default() };
        assert_eq!(info.offers(), "YUYV 640x480 320x240, MJPG 48x32 to 1920x1080");
        assert!(info.formats[1].has_size(640, 480) && !info.formats[1].has_size(32, 32));
        assert!(is_usable(&info));
    }

    #[test]
    fn a_camera_on_the_csi_port_is_recognised() {
        let formats = vec![format("pRAA", Sizes::Listed(vec![]))];
        let unicam =
            CameraInfo { driver: "unicam".to_owned(), formats, ..CameraInfo::default() };
        assert!(unicam.advice().contains("libcamerify"));
        assert!(!is_usable(&unicam));
        let err = not_found("auto", &[unicam]);
        assert!(err.to_string().contains("libcamerify"), "{err}");
    }
}
