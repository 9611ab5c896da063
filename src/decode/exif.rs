//! The orientation in the metadata of a JPEG or PNG. Reads nothing else of it.

use crate::media::Orientation;

const ORIENTATION: u16 = 0x0112;

/// The places in a file that may state how the camera was held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Metadata<'a> {
    /// The TIFF structure of an Exif segment or chunk.
    pub exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub xmp: Option<&'a [u8]>,
}

/// How the camera was held; upright where no readable metadata states it. As in Pillow, XMP counts
/// where Exif has none.
pub(super) fn orientation(Metadata { exif, xmp }: Metadata<'_>) -> Orientation {
    exif.and_then(in_tiff).or_else(|| xmp.and_then(in_xmp)).unwrap_or_default()
}

/// The property `tiff:Orientation` (XMP, part 2, section 3.1), as an attribute or an element.
fn in_xmp(packet: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let places = packet.windows(NAME.len()).enumerate().filter(|(_, text)| *text == NAME);
    places.filter_map(|(at, _)| in_property(&packet[at + NAME.len()..])).next()
}

/// What follows the name of the property: `="6"` or `>6<`.
fn in_property(text: &[u8]) -> Option<Orientation> {
    let value = text.strip_prefix(b"=").or_else(|| text.strip_prefix(b">"))?;
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let [digit @ b'1'..=b'8', behind, ..] = value else { return None };
    let is_whole = matches!(behind, b'"' | b'\'' | b'<');
    let index = usize::from(digit - b'1');
    is_whole.then_some(Orientation::ALL[index])
}

/// The value in the first directory of a TIFF structure.
fn in_tiff(tiff: &[u8]) -> Option<Orientation> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..)?.get(..2)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let (first, second) = (usize::from(u16_at(at)?), usize::from(u16_at(at + 2)?));
        Some(if is_little { second << 16 | first } else { first << 16 | second })
    };
    let directory = u32_at(4)?;
    let entries = usize::from(u16_at(directory)?);
    // An entry has 12 bytes: tag, type, count (4), value (4).
    let entry = (0..entries)
        .map(|n| directory + 2 + 12 * n)
        .find(|at| u16_at(*at) == Some(ORIENTATION))?;
    // The standard has a SHORT here; some programs write a BYTE or a LONG.
    let value = match u16_at(entry + 2)? {
        1 => (*tiff.get(entry + 8)?).into(),
        3 => u16_at(entry + 8)?.into(),
        4 => u32_at(entry + 8)?,
        _ => return None,
    };
    Orientation::ALL.get(value.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_exif(tiff: &[u8]) -> Orientation {
        orientation(Metadata { exif: Some(tiff), xmp: None })
    }

    #[test]
    fn both_byte_orders_are_read() {
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(of_exif(little), Orientation::Turned90);
        assert_eq!(of_exif(big), Orientation::Turned270);
        // A LONG and a BYTE, behind another entry and far from the head.
        let long =
            b"MM\0*\0\0\0\x0c....\0\x02\x01\x00............\x01\x12\0\x04\0\0\0\x01\0\0\0\x03";
        let long = [&long[..16], &[0; 10], &long[28..]].concat();
        assert_eq!(of_exif(&long), Orientation::Turned180);
        let byte = b"II*\0\x08\0\0\0\x01\0\x12\x01\x01\0\x01\0\0\0\x02\0\0\0";
        assert_eq!(of_exif(byte), Orientation::Mirrored);
    }

    #[test]
    fn damage_means_upright() {
        let whole = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        for cut in 0..whole.len() - 3 {
            let seen = of_exif(&whole[..cut]);
            assert_eq!(seen, Orientation::Upright, "cut at {cut}");
        }
        let far = b"II*\0\xff\xff\xff\xff\x01\0";
        let wrong = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0";
        for damaged in [&far[..], wrong] {
            assert_eq!(of_exif(damaged), Orientation::Upright);
        }
        assert_eq!(orientation(Metadata::default()), Orientation::Upright);
    }

    #[test]
    fn xmp_counts_where_exif_is_silent() {
        let of = |exif: Option<&[u8]>, xmp: &str| {
            orientation(Metadata { exif, xmp: Some(xmp.as_bytes()) })
        };
        let turned = Orientation::Turned90;
        assert_eq!(of(None, "<rdf:Description tiff:Orientation=\"6\"/>"), turned);
        assert_eq!(of(None, "<tiff:Orientation>6</tiff:Orientation>"), turned);
        assert_eq!(of(None, "tiff:Orientation is named here: tiff:Orientation='6'"), turned);
        let silent = b"II*\0\x08\0\0\0\0\0\0\0\0\0";
        assert_eq!(of(Some(silent), "tiff:Orientation=\"6\""), turned);
        let stated = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0";
        assert_eq!(of(Some(stated), "tiff:Orientation=\"6\""), Orientation::Turned180);
        for nothing in [
            "",
            "tiff:Orientation",
            "tiff:Orientation=\"",
            "tiff:Orientation=\"9\"",
            "tiff:Orientation=\"60\"",
            "tiff:Orientation=\"6",
        ] {
            assert_eq!(of(None, nothing), Orientation::Upright, "{nothing}");
        }
    }
}
