//! Bytes -> media. Pure: no clock, no device, no network.
//!
//! Pictures ([`picture`]: JPEG, PNG, YUV), the containers of recordings ([`mjpeg`], [`y4m`],
//! [`wav`], with their [`channels`]) and what clients send ([`data_url`], [`sound`]: WAV, PCM, and
//! recordings in [`webm`], [`ogg`] or [`mp4`] with [`opus`] or [`aac`]).

pub mod aac;
pub mod channels;
pub mod data_url;
pub mod mjpeg;
pub mod mp4;
pub mod ogg;
pub mod opus;
pub mod packets;
pub mod picture;
pub mod resample;
pub mod sound;
pub mod wav;
pub mod webm;
pub mod y4m;

mod exif;
mod jpeg;
mod jpeg_bits;
mod jpeg_header;
mod jpeg_scan;
mod jpeg_tables;
mod png;
mod recording;
mod timeline;
mod turn;
mod yuv;

pub use picture::{MAX_SIDE_PX, Picture};
