//! JPEG, and a camera's MJPEG frames, which may lack their Huffman tables and carry padding.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::{Picture, exif};
use crate::error::{Error, ErrorKind, Result};

const START_OF_SCAN: u8 = 0xDA;
const HUFFMAN_TABLES: u8 = 0xC4;
const START_AND_AVI1: [u8; 11] =
    [0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x07, b'A', b'V', b'I', b'1', 0x00];

/// Decodes a JPEG of any colour space to RGB, upright as its Exif segment says.
pub(super) fn decode(data: &[u8], picture: &mut Picture) -> Result<()> {
    if !has_end(data) {
        let what = format!(
            "a JPEG of {} bytes without its end marker: cut off, or no JPEG at all",
            data.len()
        );
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    if names_tables(data) {
        decode_whole(data, picture)?;
    } else {
        // An `AVI1` segment is how MJPEG says "with the tables of Annex K", which it leaves out.
        decode_whole(&[&START_AND_AVI1, &data[2..]].concat(), picture)?;
    }
    exif::turn_upright(picture, exif::orientation(data));
    Ok(())
}

fn decode_whole(data: &[u8], picture: &mut Picture) -> Result<()> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        // Our own check below names the size and the limit.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|e| broken(&e))?;
    let info = decoder.info().ok_or_else(|| broken(&"no picture in it"))?;
    picture.resize(info.width.into(), info.height.into())?;
    decoder.decode_into(&mut picture.rgb).map_err(|e| broken(&e))
}

fn broken(cause: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidInput, "a broken JPEG picture").because(cause.to_string())
}

/// Whether the end marker is there; what follows it is a driver's padding.
fn has_end(data: &[u8]) -> bool {
    data.starts_with(&[0xFF, 0xD8]) && data.windows(2).rev().any(|pair| pair == [0xFF, 0xD9])
}

/// Whether a DHT segment stands before the first scan.
fn names_tables(data: &[u8]) -> bool {
    let mut rest = &data[2..];
    while let [0xFF, marker, high, low, ..] = *rest {
        match marker {
            HUFFMAN_TABLES => return true,
            START_OF_SCAN => return false,
            // Padding between segments.
            0xFF => rest = &rest[1..],
            _ => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
        }
    }
    // Broken: the decoder says how.
    true
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    fn encode(width: u16, height: u16, colour: ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, 90).encode(pixels, width, height, colour).unwrap();
        jpeg
    }

    fn bars() -> Vec<u8> {
        let pixels: Vec<u8> = (0..48 * 32)
            .flat_map(|i| if i % 48 < 24 { [250, 5, 5] } else { [5, 5, 250] })
            .collect();
        encode(48, 32, ColorType::Rgb, &pixels)
    }

    fn decoded(data: &[u8]) -> Picture {
        let mut picture = Picture::default();
        decode(data, &mut picture).unwrap();
        picture
    }

    /// Removes every DHT segment, as many cameras do.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (jpeg[..2].to_vec(), &jpeg[2..]);
        while rest[1] != START_OF_SCAN {
            let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            if rest[1] != HUFFMAN_TABLES {
                out.extend_from_slice(&rest[..length]);
            }
            rest = &rest[length..];
        }
        out.extend_from_slice(rest);
        out
    }

    #[test]
    fn colours_survive() {
        let picture = decoded(&bars());
        assert_eq!((picture.width_px, picture.height_px), (48, 32));
        assert!(picture.rgb[0] > 230 && picture.rgb[2] < 30, "{:?}", &picture.rgb[..3]);
    }

    #[test]
    fn grey_becomes_rgb_and_one_pixel_is_a_picture() {
        let picture = decoded(&encode(1, 1, ColorType::Luma, &[200]));
        assert_eq!((picture.width_px, picture.height_px, picture.rgb.len()), (1, 1, 3));
        assert!(picture.rgb.iter().all(|byte| byte.abs_diff(200) <= 3), "{:?}", picture.rgb);
    }

    #[test]
    fn camera_frames_without_tables_and_with_padding_decode_the_same() {
        let whole = bars();
        let mut camera = without_tables(&whole);
        assert!(camera.len() < whole.len());
        camera.extend_from_slice(&[0; 512]);
        assert_eq!(decoded(&camera), decoded(&whole));
    }

    #[test]
    fn cut_off_and_garbage_are_refused() {
        let whole = bars();
        let garbage: Vec<u8> =
            (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let fake = [&[0xFF, 0xD8], garbage.as_slice(), &[0xFF, 0xD9]].concat();
        let inputs: [&[u8]; 5] = [&[], &whole[..1], &whole[..whole.len() / 2], &garbage, &fake];
        for data in inputs {
            let err = decode(data, &mut Picture::default()).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let whole = bars();
        let mut picture = Picture::default();
        for at in 0..whole.len() {
            let _cut = decode(&whole[..at], &mut picture);
            let mut flipped = whole.clone();
            flipped[at] ^= 0x5A;
            let _flipped = decode(&flipped, &mut picture);
        }
        decode(&whole, &mut picture).unwrap();
    }

    #[test]
    fn a_huge_picture_is_refused_from_its_header() {
        let mut huge = bars();
        let frame = huge.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        huge[frame + 5..frame + 9].copy_from_slice(&[0x17, 0x70, 0x1F, 0x40]);
        let mut picture = Picture::default();
        let err = decode(&huge, &mut picture).unwrap_err().to_string();
        assert!(err.contains("8000x6000") && err.contains("4096"), "{err}");
        assert_eq!(picture.rgb.capacity(), 0);
    }
}
