//! [`Picture`]: a decoded frame, 8-bit RGB, in a buffer that is used again for the next one.

use crate::{
    error::{Error, ErrorKind, Result},
    media::Orientation,
};

/// The longest side of a picture that is decoded.
pub const MAX_SIDE_PX: u32 = 4096;

/// What a [`Picture`] may keep for the next one after [`Picture::rest`]: one of 720 lines.
pub const KEPT_BYTES: usize = 1280 * 720 * 3;

/// What a compressed picture declares before it is decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// How it is turned upright.
    pub(super) orientation: Orientation,
    /// Decoding takes so much, the picture included; 0 where that is all.
    pub(super) decoding_bytes: usize,
    /// What the decoder keeps the while, and while the picture is turned.
    pub(super) beside_bytes: usize,
}

/// Room for exactly so much in an empty buffer.
///
/// # Errors
/// `Exhausted` where the system gives none.
pub(super) fn make_room(buffer: &mut Vec<u8>, bytes: usize) -> Result<()> {
    buffer.clear();
    buffer.try_reserve_exact(bytes).map_err(|cause| {
        let what = "no memory is left for a picture of this size; send a smaller one";
        Error::new(ErrorKind::Exhausted, what).because(cause)
    })
}

/// A decoded picture: `rgb` holds `height_px` rows of `width_px` times red, green, blue.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Picture {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// `width_px * height_px * 3` bytes, row by row from the top.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Sets the size and makes room for it.
    pub(super) fn resize(&mut self, width_px: u32, height_px: u32) -> Result<()> {
        self.resize_for(width_px, height_px, 3)
    }

    /// The same for a decoder that needs more bytes a pixel at first, and cuts `rgb` itself.
    pub(super) fn resize_for(
        &mut self,
        width_px: u32,
        height_px: u32,
        bytes_per_px: usize,
    ) -> Result<()> {
        check_size(width_px, height_px)?;
        let bytes = width_px as usize * height_px as usize * bytes_per_px;
        self.give_back_memory(bytes);
        // Pictures mostly follow ones of their size, and all bytes are written again.
        if self.rgb.len() != bytes {
            make_room(&mut self.rgb, bytes)?;
            self.rgb.resize(bytes, 0);
        }
        self.width_px = width_px;
        self.height_px = height_px;
        Ok(())
    }

    /// Ends what was decoded where it is over [`KEPT_BYTES`]: one huge picture must not hold its
    /// memory for the rest of the daemon's life.
    pub fn rest(&mut self) {
        if self.rgb.capacity() > KEPT_BYTES {
            *self = Picture::default();
        }
    }

    /// Drops a buffer that is too small or far too large for `bytes`: nothing in it is needed,
    /// and growing it would hold both for a while.
    fn give_back_memory(&mut self, bytes: usize) {
        if self.rgb.capacity() < bytes || self.rgb.capacity() / 4 > bytes {
            self.rgb = Vec::new();
        }
    }
}

/// Refuses an empty picture and one over [`MAX_SIDE_PX`].
pub(super) fn check_size(width_px: u32, height_px: u32) -> Result<()> {
    if (1..=MAX_SIDE_PX).contains(&width_px) && (1..=MAX_SIDE_PX).contains(&height_px) {
        return Ok(());
    }
    let what = format!(
        "a picture of {width_px}x{height_px} px; send one of 1 to {MAX_SIDE_PX} px a side"
    );
    Err(Error::new(ErrorKind::InvalidInput, what))
}
