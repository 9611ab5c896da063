//! [`JpegHeader`]: what a JPEG declares before its first scan, and how many passes it takes
//! over its blocks. Costs no decoding and no memory.
//!
//! Walks over the bytes as libjpeg does (bytes between segments are passed over), so that nothing
//! can be hidden from the estimate that the decoder then finds.

use super::{exif::Metadata, picture::check_size};
use crate::error::{Error, ErrorKind, Result};

pub(super) const END_OF_IMAGE: u8 = 0xD9;
pub(super) const START_OF_SCAN: u8 = 0xDA;
pub(super) const HUFFMAN_TABLES: u8 = 0xC4;
const START_OF_IMAGE: u8 = 0xD8;
/// Restart markers, and one for private use of arithmetic coders: nothing follows them.
const BARE_MARKERS: [std::ops::RangeInclusive<u8>; 2] = [0xD0..=0xD7, 0x01..=0x01];
const APP1: u8 = 0xE1;

/// Segments and Huffman tables in one JPEG. An Exif, an ICC profile and an extended XMP of 5 MB
/// have under 100; a decoder that sorts them or builds a table for each of 100,000 is busy for
/// seconds.
const MOST_SEGMENTS: usize = 4096;

/// A Huffman table has at least so many bytes.
const SMALLEST_TABLE_BYTES: usize = 17;

/// Scans in one JPEG; encoders write 1 (baseline) to about 20 (progressive, optimised).
pub(super) const MOST_SCANS: u32 = 100;

/// Blocks of 8x8 that all scans may visit. libjpeg's ten progressive scans over the largest
/// picture visit 3.7 million; at up to 100 ns a visit this is below a second of one core.
pub(super) const MOST_BLOCK_VISITS: u64 = 8_500_000;

/// Components of a picture that the decoder knows.
const MOST_COMPONENTS: usize = 4;

/// See the module.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct JpegHeader<'a> {
    pub(super) width_px: u16,
    pub(super) height_px: u16,
    /// Horizontal and vertical sampling factors.
    pub(super) samplings: [(u8, u8); MOST_COMPONENTS],
    pub(super) components: usize,
    pub(super) is_progressive: bool,
    /// Its entropy coding is arithmetic, not Huffman's.
    pub(super) is_arithmetic: bool,
    /// Components in the first scan.
    pub(super) first_scan: usize,
    /// Where it may state how the camera was held.
    pub(super) metadata: Metadata<'a>,
    /// Where the first scan's data begins.
    pub(super) scan_at: usize,
    segments: usize,
}

impl<'a> JpegHeader<'a> {
    /// Reads `jpeg` up to its first scan.
    ///
    /// # Errors
    /// `InvalidInput` where it is no JPEG, one of no size or over the limit, or one of too many
    /// segments.
    pub(super) fn read(jpeg: &'a [u8]) -> Result<Self> {
        let mut header = JpegHeader::default();
        let mut walk = Walk { jpeg, at: 2 };
        if !jpeg.starts_with(&[0xFF, 0xD8]) {
            return Err(broken("it does not begin as one"));
        }
        while let Some((marker, body)) = walk.segment() {
            header.segments += weight(marker, body.len());
            if header.segments > MOST_SEGMENTS {
                return Err(too_many_segments());
            }
            match marker {
                0xC0..=0xC2 | 0xC9 | 0xCA => header.frame(marker, body)?,
                0xC3 | 0xC5..=0xC7 | 0xCB | 0xCD..=0xCF => return Err(unusual(marker)),
                START_OF_IMAGE => return Err(broken("a second one begins within it")),
                APP1 => header.application(body),
                START_OF_SCAN if header.components > 0 => {
                    header.first_scan = body.first().copied().unwrap_or_default().into();
                    header.scan_at = walk.at;
                    return Ok(header);
                }
                START_OF_SCAN | END_OF_IMAGE => break,
                _ => {}
            }
        }
        Err(broken("it has no picture"))
    }

    /// Exif or XMP; the first of each counts.
    fn application(&mut self, body: &'a [u8]) {
        let Metadata { exif, xmp } = &mut self.metadata;
        *exif = exif.or_else(|| body.strip_prefix(b"Exif\0\0"));
        *xmp = xmp.or_else(|| body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0"));
    }

    /// What decoding takes of the memory beside the bytes of the JPEG: the picture, and the
    /// coefficients of a picture that comes in several passes, or the brightness of each block of
    /// another, by which dirt is distinguished from damage.
    pub(super) fn working_bytes(&self) -> usize {
        let (most_h, most_v) = self.most_sampling();
        let (wide, high) = self.mcus();
        let blocks: usize =
            self.samplings().map(|(h, v)| usize::from(h) * usize::from(v)).sum();
        let comes_in_passes = self.is_progressive || self.first_scan != self.components;
        let coefficients = wide * high * blocks * if comes_in_passes { 64 * 2 } else { 4 };
        // A row of MCUs of each component, as samples of 16 bits, and its neighbours upsampled.
        let row = wide * most_h * 8 * most_v * 8 * self.components * 2 * 4;
        coefficients + row + usize::from(self.width_px) * usize::from(self.height_px) * 3
    }

    /// Refuses a JPEG whose scans would keep a decoder busy for seconds. Returns the offset behind
    /// its end marker, where it has one.
    ///
    /// # Errors
    /// `InvalidInput`, with what to send instead.
    pub(super) fn check_passes(&self, jpeg: &[u8]) -> Result<Option<usize>> {
        let mut visits = self.visits(self.first_scan);
        let (mut scans, mut segments, mut end) = (1_u32, self.segments, None);
        let mut walk = Walk { jpeg, at: self.scan_at };
        while let Some((marker, body)) = walk.segment_behind_data() {
            segments += weight(marker, body.len());
            match marker {
                END_OF_IMAGE => {
                    end = Some(walk.at);
                    break;
                }
                START_OF_SCAN => {
                    scans += 1;
                    visits += self.visits(body.first().copied().unwrap_or_default().into());
                }
                _ => {}
            }
            if segments > MOST_SEGMENTS {
                return Err(too_many_segments());
            }
        }
        if scans <= MOST_SCANS && visits <= MOST_BLOCK_VISITS {
            return Ok(end);
        }
        let what = format!(
            "a JPEG of {}x{} px in {scans} scans takes too long to decode; save it as a baseline \
             JPEG, or smaller",
            self.width_px, self.height_px
        );
        Err(Error::new(ErrorKind::InvalidInput, what))
    }

    /// Blocks that a scan of so many components visits, were they the largest.
    fn visits(&self, components: usize) -> u64 {
        let (wide, high) = self.mcus();
        let blocks = |(h, v): (u8, u8)| usize::from(h) * usize::from(v);
        let mut sizes = [0; 4];
        for (size, blocks) in sizes.iter_mut().zip(self.samplings().map(blocks)) {
            *size = blocks;
        }
        sizes.sort_unstable();
        let blocks: usize = sizes.iter().rev().take(components).sum();
        (wide * high * blocks) as u64
    }

    pub(super) fn samplings(&self) -> impl Iterator<Item = (u8, u8)> {
        self.samplings.into_iter().take(self.components)
    }

    fn most_sampling(&self) -> (usize, usize) {
        let most = self.samplings().fold((1, 1), |(h, v), one| (h.max(one.0), v.max(one.1)));
        (most.0.into(), most.1.into())
    }

    /// Minimum coded units, across and down.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let (most_h, most_v) = self.most_sampling();
        let (width, height) = (usize::from(self.width_px), usize::from(self.height_px));
        (width.div_ceil(8 * most_h), height.div_ceil(8 * most_v))
    }

    /// A start of frame: precision, height, width, and three bytes a component.
    fn frame(&mut self, marker: u8, body: &[u8]) -> Result<()> {
        let [bits, high, low, wide, narrow, components, rest @ ..] = body else {
            return Err(broken("its size is cut off"));
        };
        if *bits != 8 {
            let what = format!("a JPEG of {bits} bits a sample; save it with 8");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let components = usize::from(*components);
        if self.components > 0 || !(1..=MOST_COMPONENTS).contains(&components) {
            return Err(broken("it has more than one picture, or more than 4 colours"));
        }
        self.height_px = u16::from_be_bytes([*high, *low]);
        self.width_px = u16::from_be_bytes([*wide, *narrow]);
        check_size(self.width_px.into(), self.height_px.into())?;
        for (n, described) in rest.chunks_exact(3).take(components).enumerate() {
            let (h, v) = (described[1] >> 4, described[1] & 0x0F);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(broken("its colours are sampled 0 or more than 4 times"));
            }
            self.samplings[n] = (h, v);
        }
        if rest.len() < 3 * components {
            return Err(broken("its colours are cut off"));
        }
        self.components = components;
        self.is_progressive = matches!(marker, 0xC2 | 0xCA);
        self.is_arithmetic = marker >= 0xC9;
        Ok(())
    }
}

/// A place in the segments of a JPEG.
pub(super) struct Walk<'a> {
    pub(super) jpeg: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Walk<'a> {
    /// The next marker and the body of its segment, cut short where the JPEG is.
    pub(super) fn segment(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let start = self.at + self.jpeg.get(self.at..)?.iter().position(|b| *b == 0xFF)?;
            let fill = self.jpeg[start..].iter().take_while(|b| matches!(b, 0xFF | 0)).count();
            let at = start + fill;
            let marker = *self.jpeg.get(at)?;
            self.at = at + 1;
            if self.jpeg[at - 1] == 0xFF {
                return Some((marker, self.body(marker)));
            }
        }
    }

    /// The same within entropy-coded data, which has stuffed bytes and restarts of its own.
    fn segment_behind_data(&mut self) -> Option<(u8, &'a [u8])> {
        let is_marker =
            |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF | 0xD0..=0xD7);
        let rest = self.jpeg.get(self.at..)?;
        let found = rest.windows(2).position(is_marker)?;
        self.at += found + 2;
        Some((rest[found + 1], self.body(rest[found + 1])))
    }

    /// What follows a marker and its length.
    fn body(&mut self, marker: u8) -> &'a [u8] {
        let Some([high, low]) = self.jpeg.get(self.at..self.at + 2) else { return &[] };
        let is_bare = BARE_MARKERS.iter().any(|bare| bare.contains(&marker));
        if is_bare || matches!(marker, START_OF_IMAGE | END_OF_IMAGE) {
            return &[];
        }
        let length = usize::from(u16::from_be_bytes([*high, *low])).max(2);
        let end = (self.at + length).min(self.jpeg.len());
        let body = &self.jpeg[self.at + 2..end];
        self.at = end;
        body
    }
}

/// How many segments and tables a segment counts for.
fn weight(marker: u8, body_bytes: usize) -> usize {
    if marker == HUFFMAN_TABLES { 1 + body_bytes / SMALLEST_TABLE_BYTES } else { 1 }
}

fn too_many_segments() -> Error {
    let what = format!(
        "a JPEG of more than {MOST_SEGMENTS} segments; save it again without its extra data"
    );
    Error::new(ErrorKind::InvalidInput, what)
}

/// Lossless and hierarchical JPEGs.
fn unusual(marker: u8) -> Error {
    let what = format!(
        "a JPEG of an unusual kind (start of frame {marker:#04X}); save it as a baseline JPEG"
    );
    Error::new(ErrorKind::InvalidInput, what)
}

fn broken(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, "a broken JPEG picture").because(why.to_owned())
}
