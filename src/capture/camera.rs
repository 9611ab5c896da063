//! [`Camera`]: the loop that turns a camera into frames, for ever.
//!
//! Knows no V4L2: a device is opened through [`CameraOpener`], so tests bring their own cameras
//! and clock. Frames that the pace does not take go back to the driver without being copied.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
};

use super::{FrameSink, pace::Pace, retry, retry::LoopContext, stillness::FrozenFrames};

/// Which camera, and what is wanted of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// `auto`, a path (`/dev/video0`, `/dev/v4l/by-id/…`), the name of a by-id link, or part of
    /// the card's name (`Logitech C920`).
    pub device: String,
    /// Width to ask for; the camera may give another.
    pub width_px: u32,
    /// Height to ask for; the camera may give another.
    pub height_px: u32,
    /// How many frames a second are taken: 1 to 30.
    pub fps: f64,
    /// How the camera hangs.
    pub orientation: Orientation,
}

impl Default for CameraConfig {
    fn default() -> Self {
        CameraConfig {
            device: "auto".to_owned(),
            width_px: 640,
            height_px: 480,
            fps: 10.0,
            orientation: Orientation::Upright,
        }
    }
}

/// Finds and opens a camera.
pub trait CameraOpener: Send + Sync {
    /// Looks the device up again, since cameras renumber, and starts it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when it is away, busy or not ready; [`ErrorKind::Config`] when
    /// a person must act (no permission, no format that boothd can decode).
    fn open(&self, wanted: &CameraConfig) -> Result<Box<dyn FrameDevice>>;
}

/// A camera that streams.
pub trait FrameDevice {
    /// The card's name, its node, the format and the size that it really delivers.
    fn description(&self) -> &str;

    /// Waits at most `timeout` for the next frame and lends it; `None` when there was none.
    ///
    /// # Errors
    ///
    /// The device is unusable and must be opened again.
    fn next(&mut self, timeout: Duration) -> Result<Option<RawFrame<'_>>>;

    /// Stops it, before it is dropped; false when it refuses, and then it is left open.
    fn stop(&mut self) -> bool {
        true
    }
}

/// A frame that still lies in the driver's memory.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// Layout of `bytes`.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Bytes from one row to the next (packed formats only; rows may be padded).
    pub stride_bytes: usize,
    /// What the driver filled.
    pub bytes: &'a [u8],
    /// The driver itself reports that the data is damaged.
    pub is_damaged: bool,
}

/// How long one wait for a frame lasts: what it takes to obey a stop.
const POLL_TIMEOUT: Duration = Duration::from_millis(150);

/// Without a usable frame for so long the device is stuck and is opened again. Leaves room below
/// the 3 s in which that must be noticed, and for cameras that take a second or two to start.
const STALL: Duration = Duration::from_millis(2200);

/// A device that answers "nothing yet" at once is not asked again sooner than this.
const REST: Duration = Duration::from_millis(20);

/// The camera's loop.
pub struct Camera {
    config: CameraConfig,
    opener: Box<dyn CameraOpener>,
    context: LoopContext,
    taken_total: AtomicU64,
}

impl Camera {
    /// A camera that is not yet open.
    pub fn new(
        config: CameraConfig,
        opener: Box<dyn CameraOpener>,
        context: LoopContext,
    ) -> Self {
        Camera { config, opener, context, taken_total: AtomicU64::new(0) }
    }

    /// Captures until stop is requested; a camera that is lost is opened again for ever.
    pub fn run(&self, sink: &dyn FrameSink) {
        retry::run_for_ever(&self.context, || self.run_once(sink));
    }

    /// Opens the camera and captures until stop is requested or the gate is closed.
    ///
    /// # Errors
    ///
    /// The errors of [`CameraOpener::open`] and [`FrameDevice::next`], and
    /// [`ErrorKind::Unavailable`] when no usable frame came for 2.2 s.
    pub fn run_once(&self, sink: &dyn FrameSink) -> Result<()> {
        let LoopContext { clock, component, stop, .. } = &self.context;
        let mut device = self.opener.open(&self.config)?;
        let name = device.description().to_owned();
        log::info!(target: component.name(), device = name.as_str(); "camera opened");
        component.update(|status| {
            (status.source, status.unchanged_since) = (Some(name.clone()), None)
        });

        let mut pace = Pace::new(self.config.fps);
        let mut frozen = FrozenFrames::default();
        let mut usable_at = clock.monotonic();
        let mut problem = "no frames";
        while self.context.may_go_on() {
            let asked_at = clock.monotonic();
            let raw = device.next(POLL_TIMEOUT)?;
            let now = clock.monotonic();
            match raw.map(|raw| (raw, raw.problem())) {
                Some((raw, None)) => {
                    (usable_at, problem) = (now, "no frames");
                    component.update(|status| status.received_total += 1);
                    if pace.take(now) && self.context.may_go_on() {
                        let unchanged_since = frozen.see(raw.bytes, now);
                        component.update(|status| status.unchanged_since = unchanged_since);
                        self.put(raw, now, sink);
                    }
                }
                Some((_, Some(found))) => {
                    problem = found;
                    component.update(|status| status.errors_total += 1);
                }
                None if now.saturating_sub(asked_at) < REST => clock.sleep(REST, stop),
                None => (),
            }
            if now.saturating_sub(usable_at) >= STALL {
                return Err(stalled(&name, problem));
            }
        }
        Ok(())
    }

    fn put(&self, raw: RawFrame<'_>, now: Duration, sink: &dyn FrameSink) {
        let frame = Frame {
            sequence: self.taken_total.fetch_add(1, Ordering::Relaxed),
            captured_at: now,
            unix_ms: self.context.clock.unix_ms(),
            width_px: raw.width_px,
            height_px: raw.height_px,
            format: raw.format,
            orientation: self.config.orientation,
            data: raw.to_packed(),
        };
        self.context.component.media_passed(now);
        sink.put(frame);
    }
}

fn stalled(name: &str, problem: &str) -> Error {
    let message = format!(
        "camera {name} sent {problem} for {} ms; opening it again (if this repeats: another \
         cable, another USB port, a powered hub)",
        STALL.as_millis()
    );
    Error::new(ErrorKind::Unavailable, message)
}

impl RawFrame<'_> {
    /// Why this frame cannot be used, as far as it shows without decoding.
    fn problem(&self) -> Option<&'static str> {
        let (width, height) = (self.width_px as usize, self.height_px as usize);
        let is_whole = match self.format {
            PixelFormat::Jpeg => self.bytes.starts_with(&[0xff, 0xd8, 0xff]),
            PixelFormat::Png => self.bytes.starts_with(b"\x89PNG"),
            PixelFormat::Yuyv => self.bytes.len() >= self.packed_end(2 * width, height),
            PixelFormat::Rgb8 => self.bytes.len() >= self.packed_end(3 * width, height),
            PixelFormat::I420 => self.bytes.len() >= i420_bytes(width, height),
        };
        match (self.is_damaged, is_whole) {
            (true, _) => Some("only frames that its driver calls damaged"),
            (false, false) => Some("only short or broken frames"),
            (false, true) => None,
        }
    }

    /// Where the last row ends; the padding after it may be missing.
    fn packed_end(&self, row_bytes: usize, rows: usize) -> usize {
        self.stride_bytes.max(row_bytes) * rows.saturating_sub(1) + row_bytes
    }

    /// A copy without the padding that some drivers put behind each row.
    fn to_packed(self) -> Vec<u8> {
        let (width, height) = (self.width_px as usize, self.height_px as usize);
        let row_bytes = match self.format {
            PixelFormat::Yuyv => 2 * width,
            PixelFormat::Rgb8 => 3 * width,
            PixelFormat::I420 => return self.bytes[..i420_bytes(width, height)].to_vec(),
            PixelFormat::Jpeg | PixelFormat::Png => return self.bytes.to_vec(),
        };
        if self.stride_bytes <= row_bytes {
            return self.bytes[..row_bytes * height].to_vec();
        }
        let rows = self.bytes.chunks(self.stride_bytes).take(height);
        let mut packed = Vec::with_capacity(row_bytes * height);
        rows.for_each(|row| packed.extend_from_slice(&row[..row_bytes]));
        packed
    }
}

/// The size of a planar 4:2:0 picture; an odd row or column still has chroma.
fn i420_bytes(width: usize, height: usize) -> usize {
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

#[cfg(test)]
#[path = "camera_tests.rs"]
mod tests;
