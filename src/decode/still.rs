//! A frame of any format to a [`Picture`], upright.

use super::{
    jpeg,
    picture::{Demand, Picture, check_size},
    png, turn, yuv,
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
};

/// The most that decoding a picture takes beside its own bytes: a progressive JPEG of four
/// colours, its coefficients of 16 bits, the picture, and rows of samples.
pub const LARGEST_WORKING_BYTES: usize = 200 << 20;

/// What decoding `frame` and looking at it takes of the memory, its own bytes included, judged by its
/// header. Costs no decoding.
///
/// # Errors
/// As [`Picture::decode`].
pub fn working_bytes(frame: &Frame) -> Result<usize> {
    let (width_px, height_px) = (frame.width_px, frame.height_px);
    let demand = match frame.format {
        PixelFormat::Jpeg => jpeg::demand(&frame.data)?,
        PixelFormat::Png => png::demand(&frame.data)?,
        PixelFormat::Yuyv | PixelFormat::I420 | PixelFormat::Rgb8 => {
            check_size(width_px, height_px)?;
            Demand { width_px, height_px, ..Demand::default() }
        }
    };
    let is_copied = [demand.orientation, frame.orientation].iter().any(|way| way.swaps_sides());
    let picture = demand.width_px as usize * demand.height_px as usize * 3;
    let turning = if is_copied { 2 * picture } else { picture };
    // A face that fills the picture is shrunk to half and to a quarter of its size.
    let looking = picture + picture / 4 + picture / 16;
    let most = demand.decoding_bytes.max(turning).max(looking);
    Ok(most + demand.beside_bytes + frame.data.len())
}

impl Picture {
    /// Replaces the contents by `frame`, decoded and upright: turned by its Exif data, then by the
    /// frame's orientation. After an error the contents are unspecified.
    ///
    /// # Errors
    /// `InvalidInput` when the bytes are not such a picture, are cut off, do not fit the size
    /// that the frame states, or a side is 0 or over [`MAX_SIDE_PX`](super::MAX_SIDE_PX) (by its header: such a
    /// picture is not decoded).
    pub fn decode(&mut self, frame: &Frame) -> Result<()> {
        let own = match frame.format {
            PixelFormat::Jpeg => jpeg::decode(&frame.data, self)?,
            PixelFormat::Png => png::decode(&frame.data, self)?,
            PixelFormat::Yuyv => self.unpack(frame, 2, yuv::yuyv_to_rgb)?,
            PixelFormat::I420 => self.unpack(frame, 0, yuv::i420_to_rgb)?,
            PixelFormat::Rgb8 => self.unpack(frame, 3, |data, _, rgb| {
                rgb.copy_from_slice(data);
            })?,
        };
        turn::upright(self, own)?;
        turn::upright(self, frame.orientation)
    }

    /// Unpacks raw pixels of `bytes_per_px` (0: planar 4:2:0).
    fn unpack(
        &mut self,
        frame: &Frame,
        bytes_per_px: usize,
        unpack: impl FnOnce(&[u8], usize, &mut [u8]),
    ) -> Result<Orientation> {
        self.resize(frame.width_px, frame.height_px)?;
        let (width, height) = (frame.width_px as usize, frame.height_px as usize);
        let expected = match bytes_per_px {
            0 => width * height + 2 * width.div_ceil(2) * height.div_ceil(2),
            // Two pixels share their colour: an odd row still ends with a whole pair.
            2 => width.div_ceil(2) * 4 * height,
            bytes => width * height * bytes,
        };
        let Some(data) = frame.data.get(..expected) else {
            let what = format!(
                "a {width}x{height} {:?} frame needs {expected} bytes and has {}; the camera cut it off",
                frame.format,
                frame.data.len()
            );
            return Err(Error::new(ErrorKind::InvalidInput, what));
        };
        unpack(data, width, &mut self.rgb);
        Ok(Orientation::Upright)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decode::picture::KEPT_BYTES;

    fn frame(format: PixelFormat, width_px: u32, height_px: u32, data: Vec<u8>) -> Frame {
        let (captured_at, orientation) = (Duration::ZERO, Orientation::Upright);
        let (sequence, unix_ms) = (0, 0);
        Frame { sequence, captured_at, unix_ms, width_px, height_px, format, orientation, data }
    }

    #[test]
    fn a_picture_takes_its_own_bytes_its_pixels_and_the_sizes_to_which_a_face_is_shrunk() {
        let frame = frame(PixelFormat::Rgb8, 64, 32, vec![0; 64 * 32 * 3]);
        let pixels = 64 * 32 * 3;
        let shrunk = 32 * 16 * 3 + 16 * 8 * 3;
        assert_eq!(working_bytes(&frame).unwrap(), frame.data.len() + pixels + shrunk);
    }

    #[test]
    fn raw_frames_that_are_cut_off_are_refused_with_the_missing_bytes() {
        for (format, bytes) in
            [(PixelFormat::Yuyv, 15), (PixelFormat::I420, 11), (PixelFormat::Rgb8, 23)]
        {
            let err =
                Picture::default().decode(&frame(format, 4, 2, vec![0; bytes])).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput);
            assert!(err.to_string().contains(&format!("needs {} bytes", bytes + 1)), "{err}");
        }
    }

    #[test]
    fn a_stated_size_that_is_absurd_is_refused_before_memory_is_taken() {
        for (width, height) in [(0, 480), (640, 0), (4097, 1), (u32::MAX, u32::MAX)] {
            let err = Picture::default()
                .decode(&frame(PixelFormat::Rgb8, width, height, Vec::new()))
                .unwrap_err();
            assert!(err.to_string().contains(&format!("{width}x{height}")), "{err}");
        }
    }

    #[test]
    fn rgb_passes_through_and_the_buffer_is_reused() {
        let mut picture = Picture::default();
        picture.decode(&frame(PixelFormat::Rgb8, 2, 1, vec![1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(picture.rgb, [1, 2, 3, 4, 5, 6]);
        picture.decode(&frame(PixelFormat::Rgb8, 1, 1, vec![7, 8, 9])).unwrap();
        assert_eq!((picture.width_px, picture.rgb.as_slice()), (1, [7, 8, 9].as_slice()));
    }

    #[test]
    fn a_huge_picture_gives_its_memory_back() {
        let mut picture = Picture::default();
        picture.decode(&frame(PixelFormat::Rgb8, 4096, 100, vec![0; 4096 * 300])).unwrap();
        picture.decode(&frame(PixelFormat::Rgb8, 64, 48, vec![0; 64 * 48 * 3])).unwrap();
        assert!(picture.rgb.capacity() < 4096 * 300 / 4);
    }

    #[test]
    fn a_picture_at_rest_keeps_what_the_next_one_is_likely_to_need() {
        let mut picture = Picture::default();
        picture.decode(&frame(PixelFormat::Rgb8, 1280, 720, vec![7; KEPT_BYTES])).unwrap();
        picture.rest();
        assert_eq!((picture.width_px, picture.rgb.len()), (1280, KEPT_BYTES));
        picture
            .decode(&frame(PixelFormat::Rgb8, 4096, 1024, vec![7; 4096 * 1024 * 3]))
            .unwrap();
        picture.rest();
        assert_eq!((picture.width_px, picture.rgb.capacity()), (0, 0));
    }
}
