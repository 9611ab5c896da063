//! [`without_dirt`]: which of the bytes that libjpeg-turbo warns about cost nothing of the picture.
//!
//! Its warning of "extraneous bytes" means that a piece of the scan had more data than blocks.
//! Some cameras pad their data so; the same warning follows on a lost packet or a turned bit,
//! after which the decoder no longer knows where a block begins. So the scan is gone through again,
//! code by code (ITU-T T.81, annex F.2.2), and a piece with bytes left over is whole only if
//!
//! - each code is one, no block has more than 64 coefficients, and each coefficient times its
//!   quantisation step is one that 8-bit samples can have (A.3.3);
//! - the bits behind its last block are ones up to the byte's end (F.1.2.3);
//! - what is left over is padding (zeros or ones), or few bytes before a restart marker that do not
//!   look like blocks thrown out of their place.
//!
//! They look so if they can be read as the end of a piece, and the last blocks before them either
//! are not as bright as those around, or can be read otherwise: with one bit turned so that nothing
//! is left over, and just as bright as those around. Such bits are most of what damages a frame and
//! still passes for dirt; lost and repeated packets hardly ever do.
//!
//! Of a million bits turned one by one, 11,346 left a piece that was whole but for bytes left over,
//! and 12 of these were taken for dirt. Of 101,000 frames damaged as tests/decode_damage.rs does it
//! (seeds 1000 to 1100; the bounds were chosen on others), 1 was. In turn, a good frame with a random
//! byte in one place is refused in 16 of 100 cases, and with 2, 4, 8 or 32 bytes in 12, 7, 3 or 1,
//! because a turned bit may leave just that. With such bytes in three places it is never refused.

use std::ops::Range;

use super::{
    jpeg_bits::{Bits, Codes},
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

/// Pieces with bytes left over that damage may have left. Of 100 turned bits 1 leaves a piece that
/// ends as it should with such bytes, and most others one that does not, for which the frame is
/// refused. So three such pieces are a camera's habit.
const MOST_DAMAGED_PIECES: usize = 2;

/// The longest code, and the bits that may follow it. A decoder that has lost its way is at most so
/// many bits away from the next code.
const MOST_CODE_BITS: usize = 27;

/// So few bytes may be the end of a code that began before, with nothing more to be read in them.
const END_OF_CODE_BYTES: usize = 1;

/// MCUs at the end of a piece that are compared with those around. A bit turned before them leaves
/// them all wrong, or moved. With 2, four times as many are taken for dirt.
const LAST_MCUS: usize = 4;

/// Bits that are turned, one by one, to see whether that mends a piece: those of 384 bytes in 4 MCUs,
/// of which our clip has 30 to 120. What has more is refused unseen; so many take up to 60 ms.
const MOST_TURNS: usize = 3072;

/// Levels are 8 times the brightness. One block is at most so far off, lest it outweighs all others;
/// a piece that is half as far off on average is wrong.
const MOST_OFF: i32 = 8 * 32;

/// Another reading is as good if it is no further off than this, over all the last blocks together.
/// With a third of it, twice as many turned bits are taken for dirt.
const MOST_WORSE: i32 = 96;

/// `data` without bytes that belong to no block, and with an end marker. `None` where anything of
/// the picture is missing or wrong, or where that cannot be determined: then it is damaged.
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

/// One block of an MCU.
#[derive(Clone, Copy)]
struct Block {
    component: usize,
    dc: usize,
    ac: usize,
    quantisation: usize,
    /// Its place in the MCU, and the MCU's size, in blocks of its component.
    x: usize,
    y: usize,
    wide: usize,
    high: usize,
}

/// The DC of each block of a component times its step (8 times its brightness), row by row.
type Levels = Vec<i32>;

/// What is between two restart markers, with bytes left over.
struct Piece<'a> {
    mcus: Range<usize>,
    data: &'a [u8],
    /// Behind its last block.
    end: Place<'a>,
}

/// A place between two blocks.
#[derive(Clone)]
struct Place<'a> {
    bits: Bits<'a>,
    /// The last DC of each component.
    dc: [i32; 4],
}

impl<'a> Place<'a> {
    fn new(data: &'a [u8]) -> Self {
        Place { bits: Bits::new(data), dc: [0; 4] }
    }
}

impl Piece<'_> {
    fn last_mcus(&self) -> Range<usize> {
        self.mcus.end - self.mcus.len().min(LAST_MCUS)..self.mcus.end
    }
}

/// The tables and parameters that the segments before a scan define for it.
struct Scan {
    dc: [Option<Codes>; 4],
    ac: [Option<Codes>; 4],
    /// In the order of the scan (zigzag).
    quantisation: [Option<[u16; 64]>; 4],
    /// MCUs from one restart to the next, or all.
    interval: usize,
    mcus: usize,
    /// MCUs across.
    wide: usize,
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
            wide,
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
        if described.len() < header.components || selected.len() < header.components {
            return None;
        }
        for (component, (frame, scan)) in described.zip(selected).enumerate() {
            let tables = scan[1];
            if frame[0] != scan[0] {
                return None;
            }
            // A scan of one component has its blocks one by one, whatever its sampling.
            let (wide, high) =
                if header.components == 1 { (1, 1) } else { header.samplings[component] };
            let (wide, high) = (usize::from(wide), usize::from(high));
            self.blocks.extend((0..wide * high).map(|n| Block {
                component,
                dc: usize::from(tables >> 4),
                ac: usize::from(tables & 0x0F),
                quantisation: frame[2].into(),
                x: n % wide,
                y: n / wide,
                wide,
                high,
            }));
        }
        if header.components == 1 {
            let side = |px: u16| usize::from(px).div_ceil(8);
            self.wide = side(header.width_px);
            self.mcus = self.wide * side(header.height_px);
        }
        Some(())
    }

    /// The picture's bytes up to the scan, and of the scan what belongs to blocks.
    fn without_dirt(&self, jpeg: &[u8], scan_at: usize) -> Option<Vec<u8>> {
        let mut clean = Vec::with_capacity(jpeg.len() + 2);
        clean.extend_from_slice(&jpeg[..scan_at]);
        let (mut at, mut begin, mut restart) = (scan_at, 0, 0xD0);
        let (mut levels, mut dirty) = (self.no_levels(), Vec::new());
        loop {
            let left = self.mcus - begin;
            let count = if self.interval == 0 { left } else { left.min(self.interval) };
            let mcus = begin..begin + count;
            let data = &jpeg[at..marker_from(jpeg, at)];
            at += data.len();
            begin = mcus.end;
            let end = self.whole(data, mcus.clone(), &mut levels)?;
            let (kept, over) = data.split_at(end.bits.used_bytes());
            clean.extend_from_slice(kept);
            if !is_padding(over) {
                if begin == self.mcus || over.len() > MOST_DIRT_BYTES {
                    return None;
                }
                dirty.push(Piece { mcus, data, end });
            }
            if begin == self.mcus {
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
        (is_over && !self.is_damaged(&dirty, &levels)).then_some(clean)
    }

    /// The bytes left over in all of `dirty` look like what damage has thrown out of its place.
    fn is_damaged(&self, dirty: &[Piece<'_>], levels: &[Levels]) -> bool {
        let is_suspect = |piece: &Piece<'_>| {
            let end = &piece.end.bits;
            let is_short = end.data.len() - end.used_bytes() <= END_OF_CODE_BYTES;
            (is_short || self.can_go_on(end)) && !self.fits_in(piece, levels)
        };
        (1..=MOST_DAMAGED_PIECES).contains(&dirty.len()) && dirty.iter().all(is_suspect)
    }

    /// Passes over MCUs, which must be there and end as such a piece does.
    fn whole<'a>(
        &self,
        data: &'a [u8],
        mcus: Range<usize>,
        levels: &mut [Levels],
    ) -> Option<Place<'a>> {
        let mut place = Place::new(data);
        for mcu in mcus {
            for block in &self.blocks {
                let level = self.block(*block, &mut place)?;
                *levels.get_mut(block.component)?.get_mut(self.index(block, mcu))? = level;
            }
        }
        let is_end = place.bits.used_bytes() == data.len() || place.bits.ends_with_ones();
        is_end.then_some(place)
    }

    /// The levels of so many MCUs; `None` where they are not there.
    fn mcus(&self, count: usize, place: &mut Place<'_>) -> Option<Vec<i32>> {
        let blocks = (0..count).flat_map(|_| &self.blocks);
        blocks.map(|block| self.block(*block, place)).collect()
    }

    /// No block's level is known.
    fn no_levels(&self) -> [Levels; 4] {
        let mut levels = [const { Vec::new() }; 4];
        for block in &self.blocks {
            if let Some(levels) = levels.get_mut(block.component) {
                levels.resize(self.mcus * block.wide * block.high, 0);
            }
        }
        levels
    }

    /// Where a block's level is among those of its component.
    fn index(&self, block: &Block, mcu: usize) -> usize {
        let (x, y) = (mcu % self.wide, mcu / self.wide);
        (y * block.high + block.y) * self.wide * block.wide + x * block.wide + block.x
    }

    /// The last blocks of a piece are in their place: they are about as bright as those around, and
    /// no other reading of its data, the bytes left over with it, is as good.
    fn fits_in(&self, piece: &Piece<'_>, levels: &[Levels]) -> bool {
        let last = piece.last_mcus().flat_map(|mcu| {
            self.blocks.iter().map(move |block| (block.component, self.index(block, mcu)))
        });
        let last: Vec<i32> = last.map(|(component, at)| levels[component][at]).collect();
        let off = self.off(piece, &last, levels);
        let is_as_good = |other: &[i32]| self.off(piece, other, levels) <= off + MOST_WORSE;
        let most_off = i32::try_from(last.len()).map_or(0, |blocks| blocks * MOST_OFF / 2);
        off <= most_off && !self.is_moved(piece) && !self.can_be_mended(piece, is_as_good)
    }

    /// How far the last blocks of a piece are off those above and below, all in all.
    fn off(&self, piece: &Piece<'_>, last: &[i32], levels: &[Levels]) -> i32 {
        let blocks =
            piece.last_mcus().flat_map(|mcu| self.blocks.iter().map(move |b| (mcu, b)));
        let off = blocks.zip(last).map(|((mcu, block), level)| {
            let (row, at) = (self.wide * block.wide, self.index(block, mcu));
            // What is above may belong to the piece, and be wrong with it.
            let is_other = mcu < piece.mcus.start + self.wide;
            let above = at.checked_sub((block.y + 1) * row).filter(|_| is_other);
            let below = at + (block.high - block.y) * row;
            let near = above.into_iter().chain([below]).flat_map(|at| {
                let of_row = at - at % row..at - at % row + row;
                (at.saturating_sub(1)..=at + 1).filter(move |at| of_row.contains(at))
            });
            let near = near.filter_map(|at| levels[block.component].get(at));
            let (least, most) =
                near.fold((i32::MAX, i32::MIN), |(a, b), l| (a.min(*l), b.max(*l)));
            // Without any around there is nothing that speaks for it.
            let off = if least > most { MOST_OFF } else { (least - level).max(level - most) };
            off.clamp(0, MOST_OFF)
        });
        off.sum()
    }

    /// MCUs are left over: the last ones, which others have pushed out of their place. Where a turned
    /// bit cuts a block in two, of a piece that is of one brightness, nothing else shows it.
    fn is_moved(&self, piece: &Piece<'_>) -> bool {
        let mut place = piece.end.clone();
        while !place.bits.is_over() {
            if self.mcus(1, &mut place).is_none() {
                return false;
            }
        }
        true
    }

    /// With one bit turned near the end of the piece nothing is left over, and the blocks then are
    /// as good.
    fn can_be_mended(&self, piece: &Piece<'_>, is_as_good: impl Fn(&[i32]) -> bool) -> bool {
        let (count, mut start) = (piece.last_mcus().len(), Place::new(piece.data));
        if self.mcus(piece.mcus.len() - count, &mut start).is_none() {
            return false;
        }
        let first = if start.bits.left > 0 { start.bits.current } else { start.bits.at };
        let mut bits = first * 8..piece.end.bits.used_bytes() * 8;
        let mut data = piece.data.to_vec();
        bits.len() > MOST_TURNS
            || bits.any(|bit| {
                let turn = 0x80 >> (bit % 8);
                data[bit / 8] ^= turn;
                let bits = Bits { data: &data, ..start.bits.clone() };
                let mut place = Place { bits, ..start.clone() };
                let last = self.mcus(count, &mut place);
                let is_mended =
                    place.bits.is_over() && last.is_some_and(|last| is_as_good(&last));
                data[bit / 8] ^= turn;
                is_mended
            })
    }

    /// Blocks follow, up to the end of the data, the first of which has begun before, or begins after
    /// any of the next bits.
    fn can_go_on(&self, from: &Bits<'_>) -> bool {
        let mut from = from.clone();
        for _ in 0..=MOST_CODE_BITS {
            let goes_on = |n| {
                [true, false]
                    .into_iter()
                    .any(|has_begun| self.ends_well(from.clone(), n, has_begun))
            };
            if (0..self.blocks.len()).any(goes_on) {
                return true;
            }
            if from.next().is_none() {
                break;
            }
        }
        false
    }

    /// Blocks follow, from the `n`th of an MCU, up to the end of the data.
    fn ends_well(&self, mut bits: Bits<'_>, n: usize, mut has_begun: bool) -> bool {
        for block in self.blocks.iter().cycle().skip(n) {
            has_begun = has_begun || self.difference(*block, &mut bits).is_some();
            if !has_begun || self.coefficients(*block, &mut bits).is_none() {
                return false;
            }
            if bits.is_over() {
                return true;
            }
            has_begun = false;
        }
        false
    }

    /// Passes over a block; `None` where it is none. Returns its level.
    fn block(&self, block: Block, place: &mut Place<'_>) -> Option<i32> {
        let step = self.quantisation.get(block.quantisation)?.as_ref()?[0];
        let dc = &mut place.dc[block.component];
        *dc += self.difference(block, &mut place.bits)?;
        let level = possible(*dc, step)?;
        self.coefficients(block, &mut place.bits)?;
        Some(level)
    }

    /// How the DC differs from the one before.
    fn difference(&self, block: Block, bits: &mut Bits<'_>) -> Option<i32> {
        let size = self.dc.get(block.dc)?.as_ref()?.decode(bits)?;
        if size > 11 { None } else { bits.value(size) }
    }

    /// The rest of a block.
    fn coefficients(&self, block: Block, bits: &mut Bits<'_>) -> Option<()> {
        let steps = self.quantisation.get(block.quantisation)?.as_ref()?;
        let codes = self.ac.get(block.ac)?.as_ref()?;
        let mut at = 0;
        while at < 63 {
            let symbol = codes.decode(bits)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 0x0F);
            if size == 0 && run < 15 {
                break;
            }
            at += run + 1;
            possible(bits.value(size)?, *steps.get(at)?)?;
        }
        Some(())
    }
}

/// A coefficient times its step, if 8-bit samples can have it.
fn possible(value: i32, step: u16) -> Option<i32> {
    let step = i32::from(step);
    value.checked_mul(step).filter(|product| product.abs() <= LARGEST_COEFFICIENT + step)
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
