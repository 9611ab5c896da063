//! [`CameraInfo`]: a camera as its driver describes it.

use std::path::PathBuf;

/// A node that can capture, with its own description.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CameraInfo {
    /// Its node, `/dev/video0`.
    pub node: PathBuf,
    /// The camera's own name.
    pub card: String,
    /// The kernel driver.
    pub driver: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Links below /dev/v4l that lead to it and survive renumbering.
    pub links: Vec<PathBuf>,
    /// What it offers.
    pub formats: Vec<FormatInfo>,
}

/// A format that a camera offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormatInfo {
    /// Four characters, `YUYV`.
    pub fourcc: String,
    /// The driver's description.
    pub description: String,
    /// The picture sizes.
    pub sizes: Sizes,
}

/// The picture sizes of a format, in pixels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sizes {
    /// These; empty where the driver lists none.
    Listed(Vec<(u32, u32)>),
    /// Anything between the smallest and the largest.
    Range((u32, u32), (u32, u32)),
}

/// Drivers of camera ports (MIPI CSI), whose pictures must be processed before they are pictures.
const CSI_DRIVERS: &[&str] = &["unicam", "bcm2835-isp", "rp1-cfe", "pispbe", "tegra-video"];

impl FormatInfo {
    /// Whether a picture of this size can be asked for; unknown counts as no.
    pub(super) fn has_size(&self, width: u32, height: u32) -> bool {
        match &self.sizes {
            Sizes::Listed(sizes) => sizes.contains(&(width, height)),
            Sizes::Range(least, most) => {
                (least.0..=most.0).contains(&width) && (least.1..=most.1).contains(&height)
            }
        }
    }
}

impl CameraInfo {
    /// What it offers in one line: `YUYV 640x480 320x240, MJPG 640x480`.
    pub fn offers(&self) -> String {
        let one = |format: &FormatInfo| match &format.sizes {
            Sizes::Listed(sizes) => {
                let sizes = sizes.iter().map(|(w, h)| format!(" {w}x{h}"));
                format!("{}{}", format.fourcc, sizes.collect::<String>())
            }
            Sizes::Range(least, most) => {
                format!("{} {}x{} to {}x{}", format.fourcc, least.0, least.1, most.0, most.1)
            }
        };
        self.formats.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// What to do about a camera that cannot be used.
    pub(super) fn advice(&self) -> &'static str {
        if CSI_DRIVERS.iter().any(|driver| self.driver.starts_with(driver)) {
            "this is a camera on the CSI port, which libcamera drives and not V4L2: start boothd \
             under `libcamerify`, or use a USB camera"
        } else {
            "use another camera (any UVC webcam offers YUYV or MJPG)"
        }
    }
}
