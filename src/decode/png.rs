//! PNG of every colour type and depth; transparency is laid on black.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Reader, Transformations};

use super::Picture;
use crate::error::{Error, ErrorKind, Result};

/// Decodes a PNG to 8-bit RGB.
pub(super) fn decode(data: &[u8], picture: &mut Picture) -> Result<()> {
    let mut decoder = Decoder::new(Cursor::new(data));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(broken)?;
    picture.resize(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(broken)?;
    match reader.output_color_type() {
        (ColorType::Rgb, BitDepth::Eight) => {
            reader.next_frame(&mut picture.rgb).map_err(broken)?;
        }
        (colour, BitDepth::Eight) => unpack(&mut reader, colour, &mut picture.rgb)?,
        (_, depth) => {
            let what = format!("a PNG that expands to {depth:?} bits instead of 8");
            return Err(Error::new(ErrorKind::Internal, what));
        }
    }
    Ok(())
}

/// Decodes grey, and colour with transparency, by way of a second buffer.
fn unpack(reader: &mut Reader<Cursor<&[u8]>>, colour: ColorType, rgb: &mut [u8]) -> Result<()> {
    let size = reader.output_buffer_size().unwrap_or_default();
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(broken)?;
    let out = rgb.chunks_exact_mut(3);
    match colour {
        ColorType::Grayscale => {
            out.zip(&pixels).for_each(|(out, &grey)| out.fill(grey));
        }
        ColorType::GrayscaleAlpha => {
            let pixels = pixels.chunks_exact(2);
            out.zip(pixels).for_each(|(out, px)| out.fill(over_black(px[0], px[1])));
        }
        _ => {
            for (out, pixel) in out.zip(pixels.chunks_exact(4)) {
                let [red, green, blue, alpha] = *pixel else { unreachable!("chunks of 4") };
                out.copy_from_slice(&[red, green, blue].map(|c| over_black(c, alpha)));
            }
        }
    }
    Ok(())
}

fn over_black(value: u8, alpha: u8) -> u8 {
    let product = u16::from(value) * u16::from(alpha);
    u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
}

fn broken(cause: DecodingError) -> Error {
    Error::new(ErrorKind::InvalidInput, "a broken PNG picture").because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(colour: ColorType, depth: BitDepth, size: u32, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut bytes, size, size);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    fn first_pixel(colour: ColorType, depth: BitDepth, pixel: &[u8]) -> [u8; 3] {
        let mut picture = Picture::default();
        decode(&encode(colour, depth, 1, pixel), &mut picture).unwrap();
        assert_eq!((picture.width_px, picture.height_px), (1, 1));
        picture.rgb.as_slice().try_into().unwrap()
    }

    #[test]
    fn every_colour_type_becomes_rgb() {
        use BitDepth::{Eight, One, Sixteen};
        use ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        assert_eq!(first_pixel(Rgb, Eight, &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(first_pixel(Rgba, Eight, &[1, 2, 3, 255]), [1, 2, 3]);
        assert_eq!(first_pixel(Rgba, Eight, &[200, 100, 50, 0]), [0, 0, 0]);
        assert_eq!(first_pixel(Grayscale, Eight, &[9]), [9; 3]);
        assert_eq!(first_pixel(Grayscale, One, &[0x80]), [255; 3]);
        assert_eq!(first_pixel(GrayscaleAlpha, Eight, &[9, 255]), [9; 3]);
        assert_eq!(first_pixel(Rgb, Sixteen, &[1, 99, 2, 99, 3, 99]), [1, 2, 3]);
        assert_eq!(first_pixel(Grayscale, Sixteen, &[77, 1]), [77; 3]);
    }

    #[test]
    fn cut_off_and_garbage_are_refused() {
        let whole = encode(ColorType::Rgb, BitDepth::Eight, 16, &[90; 16 * 16 * 3]);
        for data in [&[][..], &whole[..whole.len() / 2], b"\x89PNG\r\n\x1a\nnothing"] {
            let err = decode(data, &mut Picture::default()).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_huge_picture_is_refused_from_its_header() {
        let mut bytes = Vec::new();
        let encoder = ::png::Encoder::new(&mut bytes, 8000, 6000);
        drop(encoder.write_header().unwrap());
        let mut picture = Picture::default();
        let err = decode(&bytes, &mut picture).unwrap_err().to_string();
        assert!(err.contains("8000x6000") && err.contains("4096"), "{err}");
        assert_eq!(picture.rgb.capacity(), 0);
    }
}
