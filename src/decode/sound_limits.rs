//! How much sound one chunk may hold, and how much is decoded at a time.

use crate::{
    error::{Error, ErrorKind},
    media::SAMPLE_RATE_HZ,
};

/// The most sound that one chunk may hold, with the pauses in it.
pub const MOST_SECONDS: usize = 60;

/// [`MOST_SECONDS`] in samples.
pub const MOST_SAMPLES: usize = MOST_SECONDS * SAMPLE_RATE_HZ as usize;

/// Sound that is decoded at a time, as far as packets and blocks allow.
pub const PIECE_SAMPLES: usize = 3 * SAMPLE_RATE_HZ as usize;

/// The same in bytes of a recording, and in samples of a WAV at its own rate and of all its channels:
/// some of it holds no sound, or much of it makes little.
pub(super) const PIECE_BYTES: usize = 400_000;

pub(super) fn too_long() -> Error {
    let what =
        format!("more than {MOST_SECONDS} s of sound in one chunk; send it in smaller ones");
    Error::new(ErrorKind::InvalidInput, what)
}
