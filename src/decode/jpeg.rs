//! JPEG, and a camera's MJPEG frames, which may lack their Huffman tables and carry padding.
//!
//! libjpeg-turbo decodes, and its warnings are the verdict: it goes on behind damage and shows
//! grey or shifted blocks, which would be measured as a face. A frame that it warns about is
//! refused, except where [`jpeg_scan::without_dirt`] finds that nothing of the picture is lost.

use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat};

use super::{
    Picture, exif,
    jpeg_header::{JpegHeader, MOST_SCANS},
    jpeg_scan,
    picture::Demand,
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::Orientation,
};

/// The warning of libjpeg-turbo about bytes that belong to no block.
const EXTRANEOUS: &str = "extraneous bytes before marker";

const NO_END: &str = "the data ends before the picture does";

/// Decodes a JPEG of any colour space to RGB as it lies; returns how it is turned upright.
pub(super) fn decode(data: &[u8], picture: &mut Picture) -> Result<Orientation> {
    let header = JpegHeader::read(data)?;
    let end = header.check_passes(data)?;
    let verdict = match end {
        // What follows the end marker is a driver's padding.
        Some(end) => decompress(&data[..end], &header, picture),
        None => Err(Refusal::Damaged(NO_END.into())),
    };
    match verdict {
        Ok(()) => (),
        Err(Refusal::Damaged(warning)) if end.is_none() || warning.contains(EXTRANEOUS) => {
            let clean = jpeg_scan::without_dirt(data, &header);
            let clean = clean.ok_or_else(|| Error::from(Refusal::Damaged(warning)))?;
            decompress(&clean, &header, picture)?;
        }
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(exif::orientation(header.metadata))
}

/// What [`decode`] takes of the memory beside `data`, and how it is turned then.
///
/// # Errors
/// As [`JpegHeader::read`].
pub(super) fn demand(data: &[u8]) -> Result<Demand> {
    let header = JpegHeader::read(data)?;
    Ok(Demand {
        width_px: header.width_px.into(),
        height_px: header.height_px.into(),
        orientation: exif::orientation(header.metadata),
        decoding_bytes: header.working_bytes(),
        // libjpeg-turbo keeps a colour profile twice, and dirt is taken out of a copy.
        beside_bytes: 2 * data.len(),
    })
}

/// Why there is no picture.
enum Refusal {
    /// libjpeg-turbo warned of the data, or gave up.
    Damaged(String),
    /// It was not asked.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(err: Error) -> Self {
        Refusal::Other(err)
    }
}

impl From<turbojpeg::Error> for Refusal {
    fn from(err: turbojpeg::Error) -> Self {
        match err {
            turbojpeg::Error::TurboJpegError(message) => Refusal::Damaged(message),
            other => Refusal::Damaged(other.to_string()),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Damaged(warning) => {
                Error::new(ErrorKind::InvalidInput, "a damaged JPEG picture").because(warning)
            }
            Refusal::Other(err) => err,
        }
    }
}

/// Decodes to RGB with libjpeg-turbo, its defaults being the exact transform and smooth colours.
/// Fails at the first warning or error, with its words.
fn decompress(
    data: &[u8],
    header: &JpegHeader<'_>,
    picture: &mut Picture,
) -> std::result::Result<(), Refusal> {
    // A new one for each picture: one that is used again lends its tables to a JPEG without.
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(MOST_SCANS)?;
    let read = decompressor.read_header(data)?;
    check(&read, header)?;
    let (width, height) = (read.width, read.height);
    let is_cmyk = matches!(read.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let pitch = width * format.size();
    picture.resize_for(header.width_px.into(), header.height_px.into(), format.size())?;
    let pixels = picture.rgb.as_mut_slice();
    decompressor.decompress(data, Image { pixels, width, pitch, height, format })?;
    if is_cmyk {
        cmyk_to_rgb(&mut picture.rgb);
    }
    Ok(())
}

/// Refuses a JPEG that libjpeg-turbo understands otherwise than our own header did, which the
/// memory was judged by.
fn check(read: &DecompressHeader, header: &JpegHeader<'_>) -> Result<()> {
    let judged = (header.width_px.into(), header.height_px.into(), header.is_progressive);
    if (read.width, read.height, read.is_progressive) == judged {
        return Ok(());
    }
    let what = "a JPEG picture whose headers contradict each other";
    Err(Error::new(ErrorKind::InvalidInput, what))
}

/// Packs pixels of four colours to RGB in their place. They are inverted (255 is no ink), as Adobe
/// writes them and everybody reads them.
fn cmyk_to_rgb(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for n in 0..count {
        let black = u16::from(pixels[4 * n + 3]);
        for channel in 0..3 {
            let light = u16::from(pixels[4 * n + channel]) * black;
            pixels[3 * n + channel] = u8::try_from((light + 127) / 255).unwrap_or(u8::MAX);
        }
    }
    pixels.truncate(3 * count);
}

#[cfg(test)]
mod tests;
