//! The orientation in a JPEG's Exif segment, and turning a picture by it. Reads nothing else of it.

use super::{Picture, picture};
use crate::error::Result;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// How the camera was held: 1 to 8 as Exif 2.32 (section 4.6.4) numbers them. 1 is upright, and
/// what a picture without a readable Exif segment has. `tiff` is what the segment holds.
pub(super) fn orientation(tiff: Option<&[u8]>) -> u8 {
    tiff.and_then(in_tiff).unwrap_or(1)
}

/// Whether turning a picture upright takes a second one.
pub(super) fn takes_a_copy(orientation: u8) -> bool {
    (5..=8).contains(&orientation)
}

/// The value in the first directory of a TIFF structure.
fn in_tiff(tiff: &[u8]) -> Option<u8> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..)?.get(..2)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let offset: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let offset = if is_little { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) }
        as usize;
    let entries = usize::from(u16_at(offset)?);
    let first = offset + 2;
    // An entry has 12 bytes: tag, type, count (4), value (4).
    let entry =
        (0..entries).map(|n| first + 12 * n).find(|at| u16_at(*at) == Some(ORIENTATION))?;
    if u16_at(entry + 2)? != SHORT {
        return None;
    }
    u8::try_from(u16_at(entry + 8)?).ok().filter(|value| (1..=8).contains(value))
}

/// Turns `picture` upright: in its place, or by way of a second one where its sides change.
///
/// # Errors
/// `Exhausted` where there is no memory for a second picture.
pub(super) fn turn_upright(picture: &mut Picture, orientation: u8) -> Result<()> {
    if takes_a_copy(orientation) {
        transpose(picture)?;
    }
    let width = picture.width_px as usize;
    let (pixels, _) = picture.rgb.as_chunks_mut::<3>();
    // A transposed picture is left to be mirrored as the upright ones are.
    match orientation {
        2 | 6 => pixels.chunks_mut(width).for_each(<[_]>::reverse),
        3 | 7 => pixels.reverse(),
        4 | 8 => {
            pixels.reverse();
            pixels.chunks_mut(width).for_each(<[_]>::reverse);
        }
        _ => {}
    }
    Ok(())
}

/// Makes rows of columns.
fn transpose(picture: &mut Picture) -> Result<()> {
    let (width, height) = (picture.width_px as usize, picture.height_px as usize);
    let mut turned = Vec::new();
    picture::make_room(&mut turned, picture.rgb.len())?;
    for x in 0..width {
        for y in 0..height {
            turned.extend_from_slice(&picture.rgb[(y * width + x) * 3..][..3]);
        }
    }
    picture.rgb = turned;
    std::mem::swap(&mut picture.width_px, &mut picture.height_px);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_read() {
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(orientation(Some(little)), 6);
        assert_eq!(orientation(Some(big)), 8);
    }

    #[test]
    fn damage_means_upright() {
        let whole = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        for cut in 0..whole.len() - 3 {
            assert_eq!(orientation(Some(&whole[..cut])), 1, "cut at {cut}");
        }
        let far = b"II*\0\xff\xff\xff\xff\x01\0";
        let wrong = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0";
        assert_eq!(
            (orientation(Some(far)), orientation(Some(wrong)), orientation(None)),
            (1, 1, 1)
        );
    }

    #[test]
    fn every_orientation_turns_as_exif_says() {
        // 3 x 2 with its pixels numbered:  0 1 2 / 3 4 5
        let numbered = Picture {
            width_px: 3,
            height_px: 2,
            rgb: (0..6).flat_map(|n| [n, n, n]).collect(),
        };
        let expected: [(u8, u32, [u8; 6]); 8] = [
            (1, 3, [0, 1, 2, 3, 4, 5]),
            (2, 3, [2, 1, 0, 5, 4, 3]),
            (3, 3, [5, 4, 3, 2, 1, 0]),
            (4, 3, [3, 4, 5, 0, 1, 2]),
            (5, 2, [0, 3, 1, 4, 2, 5]),
            (6, 2, [3, 0, 4, 1, 5, 2]),
            (7, 2, [5, 2, 4, 1, 3, 0]),
            (8, 2, [2, 5, 1, 4, 0, 3]),
        ];
        for (orientation, width_px, pixels) in expected {
            let mut picture = numbered.clone();
            turn_upright(&mut picture, orientation).unwrap();
            assert_eq!(picture.width_px, width_px, "{orientation}");
            let got: Vec<u8> = picture.rgb.chunks(3).map(|pixel| pixel[0]).collect();
            assert_eq!(got, pixels, "{orientation}");
        }
    }
}
