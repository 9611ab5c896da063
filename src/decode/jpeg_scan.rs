//! [`without_dirt`]: which of the bytes that libjpeg-turbo warns about cost nothing of the picture.
//!
//! Its warning of "extraneous bytes" says that a piece of the scan had more data than blocks.
//! Some cameras pad their data so; the same warning follows on a lost packet or a turned bit,
//! after which the decoder no longer knows where a block begins. So the scan is gone through again,
//! code by code (ITU-T T.81, annex F.2.2), and a piece with bytes left over is whole only if
//!
//! - each code is one, no block has more than 64 coefficients, and each coefficient times its
//!   quantisation step is one that 8-bit samples can have (A.3.3);
//! - the bits behind its last block are ones up to the byte's end (F.1.2.3);
//! - what is left over is padding (zeros or ones), or few bytes before a restart marker. These must
//!   not be further blocks that end with such bits: those would be blocks whose place others have
//!   taken. A few random bytes look so now and then, so most of a picture's pieces must not.
//!
//! Of 20,000 frames damaged as tests/decode_damage.rs does it (which keeps the first 1,000) 4 pass
//! that should not, each by a turned bit before a restart marker; the bounds were chosen on these.

use super::{
    jpeg_header::{END_OF_IMAGE, HUFFMAN_TABLES, JpegHeader, START_OF_SCAN, Walk},
    jpeg_tables::{AC_COLOUR, AC_LUMINANCE, DC_COLOUR, DC_LUMINANCE},
};

const QUANTISATION_TABLES: u8 = 0xDB;
const RESTART_INTERVAL: u8 = 0xDD;

/// Bytes before a restart marker that are no padding. Of longer ones too many are a lost or repeated
/// packet's.
const MOST_DIRT_BYTES: usize = 32;

/// The largest coefficient of a block of 8-bit samples (T.81, A.3.3): a DC of 8 x 128.
const LARGEST_COEFFICIENT: i32 = 1024;

/// `data` without bytes that belong to no block, and with an end marker. `None` where anything of
/// the picture is missing or wrong, or where that cannot be told: then it is damaged.
///
/// Knows baseline JPEGs of one scan, which is what cameras give. Of others only padding in the
/// place of the end marker is taken away; libjpeg-turbo judges the rest.
pub(super) fn without_dirt(data: &[u8], header: &JpegHeader<'_>) -> Option<Vec<u8>> {
    let is_baseline = !header.is_progressive && !header.is_arithmetic;
    if is_baseline && header.first_scan == header.components {
        return Scan::read(data, header)?.without_dirt(data, header.scan_at);
    }
    with_end(data, header)
}

/// `data` with an end marker in the place of padding, if it has no end marker.
fn with_end(data: &[u8], header: &JpegHeader<'_>) -> Option<Vec<u8>> {
    let has_end = header.check_passes(data).ok()?.is_some();
    let mut kept = data.iter().rposition(|byte| *byte != 0)? + 1;
    // A zero stuffed behind `FF` is data.
    kept += usize::from(data[kept - 1] == 0xFF && kept < data.len());
    (!has_end).then(|| [&data[..kept], &[0xFF, END_OF_IMAGE]].concat())
}

/// A Huffman table as T.81 (F.2.2.3) decodes with it.
#[derive(Clone)]
struct Codes {
    /// Of each length from 1: the first code behind those of that length, and what to add to a code
    /// to find its symbol.
    lengths: [(i32, i32); 16],
    symbols: Vec<u8>,
}

impl Codes {
    /// Of the number of codes of each length, and the symbols.
    fn new(counts: &[u8], symbols: &[u8]) -> Self {
        let (mut code, mut index) = (0_i32, 0_i32);
        let mut lengths = [(0, 0); 16];
        for (length, count) in lengths.iter_mut().zip(counts) {
            let first = index - code;
            code += i32::from(*count);
            index += i32::from(*count);
            *length = (code, first);
            code <<= 1;
        }
        Codes { lengths, symbols: symbols.to_vec() }
    }

    /// The next symbol.
    fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let mut code = 0;
        for (behind, first) in self.lengths {
            code = code << 1 | bits.next()?;
            if code < behind {
                return self.symbols.get(usize::try_from(code + first).ok()?).copied();
            }
        }
        None
    }
}

/// Entropy-coded data up to a marker, bit by bit.
#[derive(Clone)]
struct Bits<'a> {
    data: &'a [u8],
    /// Behind the byte in `byte`, and the zero stuffed behind it.
    at: usize,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Bits { data, at: 0, byte: 0, left: 0 }
    }

    fn next(&mut self) -> Option<i32> {
        if self.left == 0 {
            self.byte = *self.data.get(self.at)?;
            self.at += if self.byte == 0xFF { 2 } else { 1 };
            self.left = 8;
        }
        self.left -= 1;
        Some(i32::from(self.byte >> self.left & 1))
    }

    /// A value of so many bits, as T.81 (F.2.2.1) extends it.
    fn value(&mut self, size: u8) -> Option<i32> {
        let mut value = 0;
        for _ in 0..size {
            value = value << 1 | self.next()?;
        }
        let is_negative = size > 0 && value < 1 << (size - 1);
        Some(if is_negative { value - (1 << size) + 1 } else { value })
    }

    /// The bits up to the byte's end are ones.
    fn ends_with_ones(&self) -> bool {
        self.byte.trailing_ones() >= self.left.into()
    }

    fn used_bytes(&self) -> usize {
        self.at.min(self.data.len())
    }
}

/// One block of an MCU.
#[derive(Clone, Copy)]
struct Block {
    component: usize,
    dc: usize,
    ac: usize,
    quantisation: usize,
}

/// What the segments before a scan say of it.
struct Scan {
    dc: [Option<Codes>; 4],
    ac: [Option<Codes>; 4],
    /// In the order of the scan (zigzag).
    quantisation: [Option<[u16; 64]>; 4],
    /// MCUs from one restart to the next, or all.
    interval: usize,
    mcus: usize,
    blocks: Vec<Block>,
}

impl Scan {
    /// Reads the segments up to the scan.
    fn read(jpeg: &[u8], header: &JpegHeader<'_>) -> Option<Self> {
        let (wide, high) = header.mcus();
        let (dc, ac) = annex_k();
        let mut scan = Scan {
            dc,
            ac,
            quantisation: [None; 4],
            interval: 0,
            mcus: wide * high,
            blocks: Vec::new(),
        };
        let (mut frame, mut walk) = (&[][..], Walk { jpeg, at: 2 });
        while let Some((marker, body)) = walk.segment() {
            match marker {
                0xC0 | 0xC1 => frame = body.get(6..)?,
                HUFFMAN_TABLES => scan.huffman_tables(body)?,
                QUANTISATION_TABLES => scan.quantisation_tables(body)?,
                RESTART_INTERVAL => {
                    scan.interval = u16::from_be_bytes(*body.first_chunk()?).into();
                }
                START_OF_SCAN => {
                    scan.begin(frame, body, header)?;
                    return Some(scan);
                }
                _ => {}
            }
        }
        None
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_at_checked(17) {
            let symbols = head[1..].iter().map(|count| usize::from(*count)).sum();
            let (symbols, behind) = rest.split_at_checked(symbols)?;
            let tables = if head[0] >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(head[0] & 0x0F))? =
                Some(Codes::new(&head[1..], symbols));
            body = behind;
        }
        Some(())
    }

    fn quantisation_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_first() {
            let bytes = if head >> 4 == 0 { 1 } else { 2 };
            let (steps, behind) = rest.split_at_checked(64 * bytes)?;
            let mut table = [0; 64];
            for (step, read) in table.iter_mut().zip(steps.chunks(bytes)) {
                *step = read.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            *self.quantisation.get_mut(usize::from(head & 0x0F))? = Some(table);
            body = behind;
        }
        Some(())
    }

    /// The blocks of an MCU. `frame`: the components of the frame, three bytes each; `scan`: a count,
    /// and two bytes for each component of the scan.
    fn begin(&mut self, frame: &[u8], scan: &[u8], header: &JpegHeader<'_>) -> Option<()> {
        let described = frame.chunks_exact(3).take(header.components);
        let selected = scan.get(1..)?.chunks_exact(2);
        for (component, (frame, scan)) in described.zip(selected).enumerate() {
            let tables = scan[1];
            let block = Block {
                component,
                dc: usize::from(tables >> 4),
                ac: usize::from(tables & 0x0F),
                quantisation: frame[2].into(),
            };
            if frame[0] != scan[0] {
                return None;
            }
            let (h, v) = header.samplings[component];
            // A scan of one component has its blocks one by one, whatever its sampling.
            let count = if header.components == 1 { 1 } else { h * v };
            self.blocks.extend((0..count).map(|_| block));
        }
        if header.components == 1 {
            let side = |px: u16| usize::from(px).div_ceil(8);
            self.mcus = side(header.width_px) * side(header.height_px);
        }
        Some(())
    }

    /// The picture's bytes up to the scan, and of the scan what belongs to blocks.
    fn without_dirt(&self, jpeg: &[u8], scan_at: usize) -> Option<Vec<u8>> {
        let mut clean = Vec::with_capacity(jpeg.len() + 2);
        clean.extend_from_slice(&jpeg[..scan_at]);
        let (mut at, mut left, mut restart) = (scan_at, self.mcus, 0xD0);
        // Pieces with dirt, and of those the ones that look as if blocks went on there.
        let (mut dirty, mut going_on) = (0, 0);
        loop {
            let mcus = if self.interval == 0 { left } else { left.min(self.interval) };
            left -= mcus;
            let piece = &jpeg[at..marker_from(jpeg, at)];
            at += piece.len();
            let bits = self.whole(piece, mcus)?;
            let (kept, over) = piece.split_at(bits.used_bytes());
            clean.extend_from_slice(kept);
            if !is_padding(over) {
                if left == 0 || over.len() > MOST_DIRT_BYTES {
                    return None;
                }
                dirty += 1;
                going_on += usize::from(self.goes_on(&bits));
            }
            if left == 0 {
                break;
            }
            let fill = jpeg[at..].iter().take_while(|byte| **byte == 0xFF).count();
            at += fill + 1;
            if fill == 0 || jpeg.get(at - 1) != Some(&restart) {
                return None;
            }
            clean.extend([0xFF, restart]);
            restart = 0xD0 | (restart + 1) & 7;
        }
        let behind = jpeg[at..].iter().find(|byte| **byte != 0xFF);
        clean.extend([0xFF, END_OF_IMAGE]);
        let is_over = matches!(behind, Some(&END_OF_IMAGE) | None);
        (is_over && 2 * going_on <= dirty).then_some(clean)
    }

    /// Passes over `mcus` MCUs, which must be there and end as such a piece does.
    fn whole<'a>(&self, piece: &'a [u8], mcus: usize) -> Option<Bits<'a>> {
        let (mut bits, mut dc) = (Bits::new(piece), [0; 4]);
        for _ in 0..mcus {
            for block in &self.blocks {
                self.block(*block, &mut bits, &mut dc)?;
            }
        }
        (bits.used_bytes() == piece.len() || bits.ends_with_ones()).then_some(bits)
    }

    /// Blocks of any component follow, up to the end of the data.
    fn goes_on(&self, from: &Bits<'_>) -> bool {
        self.blocks.iter().any(|block| {
            let mut bits = from.clone();
            loop {
                if self.block(*block, &mut bits, &mut [0; 4]).is_none() {
                    return false;
                }
                if bits.used_bytes() == bits.data.len() && bits.ends_with_ones() {
                    return true;
                }
            }
        })
    }

    /// Passes over a block; `None` where it is none.
    fn block(&self, block: Block, bits: &mut Bits<'_>, dc: &mut [i32; 4]) -> Option<()> {
        let steps = self.quantisation.get(block.quantisation)?.as_ref()?;
        let is_possible = |value: i32, step: u16| {
            let step = i32::from(step);
            value.checked_mul(step).is_some_and(|c| c.abs() <= LARGEST_COEFFICIENT + step)
        };
        let size = self.dc.get(block.dc)?.as_ref()?.decode(bits)?;
        let value = &mut dc[block.component];
        *value += bits.value(size.min(16))?;
        if size > 11 || !is_possible(*value, steps[0]) {
            return None;
        }
        let codes = self.ac.get(block.ac)?.as_ref()?;
        let mut at = 0;
        while at < 63 {
            let symbol = codes.decode(bits)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 0x0F);
            if size == 0 && run < 15 {
                break;
            }
            at += run + 1;
            if !is_possible(bits.value(size)?, *steps.get(at)?) {
                return None;
            }
        }
        Some(())
    }
}

/// Where the next marker begins, or the data ends; zeros stuffed behind `FF` are data.
fn marker_from(jpeg: &[u8], at: usize) -> usize {
    let found = jpeg[at..].windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0);
    found.map_or(jpeg.len(), |found| at + found)
}

/// Zeros, or ones with the zeros that are stuffed behind them.
fn is_padding(over: &[u8]) -> bool {
    let is_ones = |pair: &[u8]| matches!(pair, [0xFF, 0] | [0xFF]);
    over.iter().all(|byte| *byte == 0) || over.chunks(2).all(is_ones)
}

/// The tables that a JPEG without its own is coded with: DC and AC.
fn annex_k() -> ([Option<Codes>; 4], [Option<Codes>; 4]) {
    let table = |(counts, symbols): ([u8; 16], &[u8])| Some(Codes::new(&counts, symbols));
    let dc = [table(DC_LUMINANCE), table(DC_COLOUR), None, None];
    let ac = [table(AC_LUMINANCE), table(AC_COLOUR), None, None];
    (dc, ac)
}
