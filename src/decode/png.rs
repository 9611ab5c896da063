//! PNG of every colour type and depth; transparency is laid on black.
//!
//! Row by row into the picture itself: a PNG of 16 bits and four channels takes no more memory
//! than one of 8 bits and three. What stands beside the pixels (texts, colour profiles, what
//! follows the last row) is passed over and not unpacked.

use std::io::{Cursor, Read as _};

use ::png::{
    BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Reader, Transformations,
};
use flate2::bufread::ZlibDecoder;

use super::{
    Picture,
    exif::{self, Metadata},
    picture::{Demand, check_size},
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::Orientation,
};

/// Rows, filters and the state of the decompression; what the library may take beside.
const ROWS_BYTES: usize = 2 << 20;

/// Exif as text that is longer is not read: a segment of a JPEG has 64 KiB, twice as many digits, and
/// a line break behind each 72.
const LONGEST_PROFILE: u64 = 160 << 10;

/// Where the first chunk begins, `IHDR`: behind the signature.
const CHUNKS_AT: usize = 8;
/// Where the size of a PNG stands: behind the length and name of `IHDR`.
const SIZE_AT: usize = CHUNKS_AT + 8;

/// Decodes a PNG to 8-bit RGB as it lies; returns how it is turned upright.
pub(super) fn decode(data: &[u8], picture: &mut Picture) -> Result<Orientation> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(data), options);
    // Chunks are held whole, and none is longer than the file.
    decoder.set_limits(Limits { bytes: ROWS_BYTES + data.len() });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(broken)?;
    let (width_px, height_px) = header.size();
    check_size(width_px, height_px)?;
    let mut reader = decoder.read_info().map_err(broken)?;
    let of_animation = reader.info().frame_control.as_ref();
    if of_animation.is_some_and(|frame| (frame.width, frame.height) != (width_px, height_px)) {
        let what = "a PNG whose first frame is not of its own size; send it without animation";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let (colour, depth) = reader.output_color_type();
    if depth != BitDepth::Eight {
        let what = format!("a PNG that expands to {depth:?} bits instead of 8");
        return Err(Error::new(ErrorKind::Internal, what));
    }
    picture.resize(width_px, height_px)?;
    read_rows(&mut reader, colour, picture)?;
    Ok(orientation(data))
}

/// How the picture is turned upright: by an `eXIf` chunk, by Exif as text (`Raw profile type exif`, of
/// ImageMagick and exiftool before there was that chunk), or by XMP. Each may stand before or behind
/// the pixels.
fn orientation(data: &[u8]) -> Orientation {
    let (mut metadata, mut profile) = (Metadata::default(), None);
    for (name, body) in chunks(data) {
        match name {
            b"eXIf" => metadata.exif = metadata.exif.or(Some(body)),
            b"iTXt" => metadata.xmp = metadata.xmp.or_else(|| xmp(body)),
            b"tEXt" | b"zTXt" => profile = profile.or_else(|| raw_profile(name, body)),
            _ => {}
        }
    }
    metadata.exif = metadata.exif.or(profile.as_deref());
    exif::orientation(metadata)
}

/// Names and contents of the chunks, as far as they are whole.
fn chunks(data: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = data.get(CHUNKS_AT..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, named) = rest.split_first_chunk::<4>()?;
        let (name, body) = named.split_first_chunk::<4>()?;
        let (body, behind) = body.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // A checksum ends a chunk.
        rest = behind.get(4..)?;
        Some((name, body))
    })
}

/// The XMP packet in an `iTXt` chunk, where it is not compressed, which XMP asks for.
fn xmp(body: &[u8]) -> Option<&[u8]> {
    let text = body.strip_prefix(b"XML:com.adobe.xmp\0\0\0")?;
    // A language and a translated keyword, each with its end, which XMP leaves empty.
    text.strip_prefix(b"\0\0")
}

/// The TIFF structure in a text of hexadecimal digits: a line that is empty, one that names it, one
/// with its length, then lines of digits. `None` for another text.
fn raw_profile(chunk: &[u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    let keywords = [b"Raw profile type exif\0", b"Raw profile type APP1\0"];
    let text = keywords.iter().find_map(|keyword| body.strip_prefix(*keyword))?;
    let mut unpacked = Vec::new();
    let text = if chunk == b"zTXt" {
        let packed = ZlibDecoder::new(text.strip_prefix(b"\0")?);
        packed.take(LONGEST_PROFILE).read_to_end(&mut unpacked).ok()?;
        &*unpacked
    } else {
        text
    };
    let digits = text.splitn(4, |byte| *byte == b'\n').nth(3)?;
    let digits = digits.iter().filter_map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    });
    let digits: Vec<u8> = digits.collect();
    let bytes: Vec<u8> =
        digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect();
    Some(bytes.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(bytes))
}

/// What [`decode`] takes of the memory beside `data`, and how it is turned then.
///
/// # Errors
/// `InvalidInput` where there is no header, or the size is none that is decoded.
pub(super) fn demand(data: &[u8]) -> Result<Demand> {
    let side = |at: usize| data.get(at..).and_then(|rest| rest.first_chunk::<4>());
    let (Some(width), Some(height)) = (side(SIZE_AT), side(SIZE_AT + 4)) else {
        return Err(Error::new(ErrorKind::InvalidInput, "a PNG picture without its header"));
    };
    let (width_px, height_px) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
    check_size(width_px, height_px)?;
    let orientation = orientation(data);
    let beside_bytes = ROWS_BYTES + data.len();
    Ok(Demand { width_px, height_px, orientation, decoding_bytes: 0, beside_bytes })
}

/// Which pixels a pass over the picture brings.
#[derive(Clone, Copy)]
struct Pass {
    /// The first column and row, from 0.
    begin: [usize; 2],
    /// From one column and row to the next.
    step: [usize; 2],
}

const fn pass(begin: [usize; 2], step: [usize; 2]) -> Pass {
    Pass { begin, step }
}

const WHOLE: [Pass; 1] = [pass([0, 0], [1, 1])];

/// Adam7, as the standard has it (PNG, section 8.2).
const INTERLACED: [Pass; 7] = [
    pass([0, 0], [8, 8]),
    pass([4, 0], [8, 8]),
    pass([0, 4], [4, 8]),
    pass([2, 0], [4, 4]),
    pass([0, 2], [2, 4]),
    pass([1, 0], [2, 2]),
    pass([0, 1], [1, 2]),
];

/// Reads exactly the rows that the picture has; what is packed behind them is not unpacked.
fn read_rows(
    reader: &mut Reader<Cursor<&[u8]>>,
    colour: ColorType,
    picture: &mut Picture,
) -> Result<()> {
    let passes: &[Pass] = if reader.info().interlaced { &INTERLACED } else { &WHOLE };
    let mut row = vec![0; reader.output_line_size(picture.width_px).unwrap_or_default()];
    let stride = picture.width_px as usize * 3;
    for Pass { begin, step } in passes {
        if begin[0] >= picture.width_px as usize {
            // A pass without columns has no rows either.
            continue;
        }
        for line in picture.rgb.chunks_exact_mut(stride).skip(begin[1]).step_by(step[1]) {
            reader.read_row(&mut row).map_err(broken)?;
            let (pixels, _) = line.as_chunks_mut::<3>();
            to_rgb(&row, colour, pixels.iter_mut().skip(begin[0]).step_by(step[0]));
        }
    }
    Ok(())
}

/// Converts as many pixels of a row as there are places in `out`.
fn to_rgb<'a>(row: &[u8], colour: ColorType, out: impl Iterator<Item = &'a mut [u8; 3]>) {
    match colour {
        ColorType::Grayscale => out.zip(row).for_each(|(out, grey)| *out = [*grey; 3]),
        ColorType::GrayscaleAlpha => {
            let (pixels, _) = row.as_chunks::<2>();
            out.zip(pixels)
                .for_each(|(out, [grey, alpha])| *out = [over_black(*grey, *alpha); 3]);
        }
        ColorType::Rgba => {
            let (pixels, _) = row.as_chunks::<4>();
            for (out, [red, green, blue, alpha]) in out.zip(pixels) {
                *out = [*red, *green, *blue].map(|channel| over_black(channel, *alpha));
            }
        }
        // The library expands palettes.
        ColorType::Rgb | ColorType::Indexed => {
            let (pixels, _) = row.as_chunks::<3>();
            out.zip(pixels).for_each(|(out, pixel)| *out = *pixel);
        }
    }
}

fn over_black(value: u8, alpha: u8) -> u8 {
    let product = u16::from(value) * u16::from(alpha);
    u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
}

fn broken(cause: DecodingError) -> Error {
    Error::new(ErrorKind::InvalidInput, "a broken PNG picture").because(cause)
}

#[cfg(test)]
mod tests;
