//! Bytes -> media. Pure: knows no clock, no device, no network.

pub mod picture;

mod jpeg;
mod png;
mod yuv;

pub use picture::{MAX_SIDE_PX, Picture};
