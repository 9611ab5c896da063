//! Devices and files to media: everything that opens a camera, a microphone or a recording.
//!
//! Holds the device loops ([`camera`], [`microphone`]), the only users of the `v4l` and `alsa`
//! crates ([`v4l2`], [`pcm`]), the recording light that they are opened under ([`light_opener`]), and the
//! files that stand in for devices ([`files`], [`replay`]).
//! Must not hold decoding of pictures (`decode`) or any analysis.
//!
//! A device loop is two functions: `run` for ever, `run_once` until an error. What it captures
//! goes into a sink that never blocks, so a slow analysis can never stall a driver.

pub mod pace;
pub mod segmenter;
mod stillness;
pub mod retry;
pub mod permission;
pub mod camera;
pub mod camera_info;
pub mod formats;
mod node;
pub mod microphone;
pub mod files;
pub mod replay;
pub mod cards;
pub mod pcm;
pub mod devices;
pub mod v4l2;
pub mod light_opener;
pub mod source;

use crate::media::{Frame, Segment};

/// Takes frames. The engine implements it as a lane of one in which the newest frame wins.
pub trait FrameSink: Send + Sync {
    /// Never blocks: a frame for which there is no room is dropped and counted by the sink.
    fn put(&self, frame: Frame);
}

/// Takes segments of sound. The engine implements it as a bounded queue.
pub trait SegmentSink: Send + Sync {
    /// Never blocks: a segment for which there is no room is dropped and counted by the sink.
    fn put(&self, segment: Segment);
}

impl<F: Fn(Frame) + Send + Sync> FrameSink for F {
    fn put(&self, frame: Frame) {
        self(frame);
    }
}

impl<F: Fn(Segment) + Send + Sync> SegmentSink for F {
    fn put(&self, segment: Segment) {
        self(segment);
    }
}
