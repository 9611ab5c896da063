//! [`V4l2Opener`]: real cameras, through the `v4l` crate. Holds no loop, no lookup of
//! names (`devices`) and no choice of formats (`formats`).
//!
//! Workarounds for v4l 0.14 that this module keeps from its callers:
//! - after a failed dequeue `Stream::next` queues the same buffer again, which kernels refuse.
//!   So the descriptor is polled first, and `next` is called only when a frame waits;
//! - `set_format` silently gives another format: what it returns is checked;
//! - `Stream` panics when it is dropped and the device refuses to stop (see `stop` below).

use std::{io, mem::ManuallyDrop, path::PathBuf, sync::Arc, time::Duration};

use rustix::io::Errno;
use v4l::{
    Device,
    buffer::{Flags, Type},
    device::Handle,
    io::{
        mmap::Stream,
        traits::{CaptureStream, Stream as _},
    },
    parameters::Capabilities,
    video::{Capture, capture::Parameters},
};

use crate::error::{Error, ErrorKind, Result};

use super::{
    camera::{CameraConfig, CameraOpener, FrameDevice, RawFrame},
    devices,
    formats::{self, Layout},
    node::{io_error, open_node},
};

/// Opens V4L2 cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct V4l2Opener;

/// Driver memory for this many frames: one that is read, three that fill.
const BUFFERS: u32 = 4;

/// The rate asked of the camera where fewer frames are wanted. 15 halves the traffic and the
/// interrupts of the usual 30; slower still would let it expose longer and blur faces.
const LEAST_CAMERA_FPS: u32 = 15;

const POLLIN: i16 = 1;

impl CameraOpener for V4l2Opener {
    fn open(&self, wanted: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
        let node = devices::find_camera(&wanted.device)?;
        let device = open_node(&node)?;
        let info = devices::inspect(&node, &device)?;
        let format = formats::choose(&info, wanted)?;
        let given = device.set_format(&format).map_err(|err| io_error(&node, &err))?;
        let layout = Layout::of(&given).ok_or_else(|| formats::undecodable(&info, &given))?;
        ask_for_rate(&device, wanted.fps);

        let stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)
            .map_err(|err| io_error(&node, &err))?;
        let size = format!("{}x{}", given.width, given.height);
        let description =
            format!("{} ({}), {} {size}", info.card, node.display(), given.fourcc);
        if (given.width, given.height) != (wanted.width_px, wanted.height_px) {
            log::warn!(target: "camera", device = description.as_str(); "camera gives another picture size than asked for");
        }
        let handle = device.handle();
        let mut camera = V4l2Camera { node, description, layout, handle, stream: Some(stream) };
        camera.start()?;
        Ok(Box::new(camera))
    }
}

/// A camera that cannot change its rate is paced all the same, so a refusal is no error.
fn ask_for_rate(device: &Device, fps: f64) {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the configuration allows 1 to 30; a cast saturates beyond"
    )]
    let wanted_fps = (fps.ceil() as u32).max(LEAST_CAMERA_FPS);
    let Ok(now) = device.params() else { return };
    let can_change = now.capabilities.contains(Capabilities::TIME_PER_FRAME);
    // Only ever slower: a camera that gives less has its reasons (light, bandwidth).
    let is_faster = now.interval.denominator > wanted_fps * now.interval.numerator;
    if can_change
        && is_faster
        && let Err(err) = device.set_params(&Parameters::with_fps(wanted_fps))
    {
        log::debug!(target: "camera", error:% = err; "camera keeps its own frame rate");
    }
}

struct V4l2Camera {
    node: PathBuf,
    description: String,
    layout: Layout,
    handle: Arc<Handle>,
    /// `None` once it was stopped.
    stream: Option<Stream<'static>>,
}

const STREAMS: &str = "the stream is there until the camera is stopped";

impl V4l2Camera {
    /// Hands the driver every buffer but the first, which [`FrameDevice::next`] holds.
    fn start(&mut self) -> Result<()> {
        let stream = self.stream.as_mut().expect(STREAMS);
        stream.set_timeout(Duration::from_millis(200));
        // The driver may grant more or fewer buffers than asked for; it refuses the one beyond.
        let queued = (1..32).take_while(|&index| CaptureStream::queue(stream, index).is_ok());
        if queued.count() == 0 {
            let message = format!("camera {} grants only one buffer", self.node.display());
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        stream.start().map_err(|err| io_error(&self.node, &err))
    }
}

impl FrameDevice for V4l2Camera {
    fn description(&self) -> &str {
        &self.description
    }

    fn next(&mut self, timeout: Duration) -> Result<Option<RawFrame<'_>>> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        match self.handle.poll(POLLIN, timeout_ms) {
            Ok(0) => return Ok(None),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(err) => return Err(io_error(&self.node, &err)),
            Ok(_) => (),
        }
        let stream = self.stream.as_mut().expect(STREAMS);
        let (bytes, meta) =
            CaptureStream::next(stream).map_err(|err| io_error(&self.node, &err))?;
        let filled = bytes.len().min(meta.bytesused as usize);
        Ok(Some(RawFrame {
            format: self.layout.format,
            width_px: self.layout.width_px,
            height_px: self.layout.height_px,
            stride_bytes: self.layout.stride_bytes,
            bytes: &bytes[..filled],
            is_damaged: meta.flags.contains(Flags::ERROR),
        }))
    }

    /// `Stream` panics, and a panic ends the daemon, if the device refuses to stop for any reason
    /// but having gone. Such a stream is leaked instead: some buffers and one descriptor, from a
    /// device that is broken until it is plugged in again (which brings a new node).
    fn stop(&mut self) -> bool {
        let Some(mut stream) = self.stream.take() else { return true };
        match stream.stop() {
            Err(err) if !is_gone(&err) => {
                log::error!(target: "camera", device = self.description.as_str(), error:% = err; "camera refuses to stop, leaving it open");
                let _leaked = ManuallyDrop::new(stream);
                false
            }
            _ => true,
        }
    }
}

impl Drop for V4l2Camera {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_gone(err: &io::Error) -> bool {
    Errno::from_io_error(err) == Some(Errno::NODEV)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_message_has_a_remedy() {
        let node = Path::new("/dev/video0");
        let busy = io_error(node, &io::Error::from_raw_os_error(Errno::BUSY.raw_os_error()));
        assert!(busy.to_string().contains("another program"));
        let denied =
            io_error(node, &io::Error::from_raw_os_error(Errno::ACCESS.raw_os_error()));
        assert_eq!(denied.kind(), ErrorKind::Config);
    }
}
