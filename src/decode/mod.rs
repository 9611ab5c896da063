//! Bytes -> media. Pure: no clock, no device, no network.
//!
//! Pictures ([`picture`]: JPEG, PNG, YUV), the containers of recordings ([`mjpeg`], [`y4m`],
//! [`wav`], with their [`channels`]) and what clients send ([`data_url`], [`sound`]: WAV, PCM, and
//! recordings in [`webm`], [`ogg`] or [`mp4`] with [`opus`] or [`aac`]).

pub mod channels;
pub mod data_url;
pub mod mjpeg;
pub mod packets;
pub mod mp4;
pub mod ogg;
pub mod opus;
pub mod picture;
pub mod resample;
pub mod aac;
mod sound_limits;
pub mod wav;
pub mod webm;
pub mod y4m;
mod exif;
mod jpeg_bits;
mod jpeg_header;
mod jpeg_tables;
mod jpeg_scan;
mod jpeg;
mod png;
mod timeline;
mod recording;
pub mod sound;
mod turn;
mod yuv;
pub mod still;

pub use picture::{MAX_SIDE_PX, Picture};
