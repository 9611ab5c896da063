//! Bytes -> media. Pure: knows no clock, no device, no network.
//!
//! Pictures ([`picture`]: JPEG, PNG, YUV) and the containers of recordings ([`mjpeg`], [`y4m`],
//! [`wav`]).

pub mod mjpeg;
pub mod picture;
pub mod resample;
pub mod sound;
pub mod wav;
pub mod y4m;

mod jpeg;
mod png;
mod yuv;

pub use picture::{MAX_SIDE_PX, Picture};
