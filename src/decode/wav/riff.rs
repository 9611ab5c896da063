//! What stands in a WAV before its samples: its chunks, read one by one and never kept.
//!
//! Sizes are what writers get wrong (a pipe cannot go back to correct them), so each is read as
//! far as the file bears it out. libsndfile is the reference for what is accepted.

use std::io::{self, ErrorKind as IoErrorKind, Read};

use super::sample::{Encoding, unreadable};
use crate::error::{Error, ErrorKind, Result};

/// The description of the samples. After reading it the reader stands at the first sample.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) format: Format,
    /// RIFX: the numbers, those of the samples too, begin with their most significant byte.
    pub(super) is_big_endian: bool,
    /// Of the samples; `None` where the writer did not know: up to the end of the file.
    pub(super) data_bytes: Option<u64>,
}

/// The chunk `fmt `.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Format {
    pub(super) encoding: Encoding,
    pub(super) channels: u16,
    pub(super) rate_hz: u32,
}

/// What a writer that cannot go back leaves in a size; in RF64 the size then stands in `ds64`.
const UNKNOWN_SIZE: u32 = u32::MAX;

/// `WAVE_FORMAT_EXTENSIBLE`: the format is in a GUID.
const EXTENSIBLE: u16 = 0xFFFE;

/// What is behind the format's number in the GUIDs of KSDATAFORMAT_SUBTYPE, and of ambisonic
/// sound in B-format.
const GUID_TAILS: [(u16, u16, [u8; 8]); 2] = [
    (0, 0x0010, [0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]),
    (0x0721, 0x11D3, [0x86, 0x44, 0xC8, 0xC1, 0xCA, 0, 0, 0]),
];

/// Chunks that writers put after the samples or between others.
const KNOWN_IDS: [&[u8; 4]; 26] = [
    b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"junk", b"bext", b"ds64", b"cue ", b"smpl",
    b"inst", b"PEAK", b"id3 ", b"ID3 ", b"iXML", b"axml", b"chna", b"cart", b"levl", b"PAD ",
    b"FLLR", b"umid", b"DISP", b"_PMX", b"acid", b"plst",
];

/// A reader that can look ahead by some bytes.
pub(super) struct Peekable<R> {
    reader: R,
    ahead: Vec<u8>,
}

impl<R: Read> Peekable<R> {
    pub(super) fn new(reader: R) -> Self {
        Peekable { reader, ahead: Vec::new() }
    }

    /// The next `count` bytes, fewer only at the end.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        let missing = count.saturating_sub(self.ahead.len()) as u64;
        (&mut self.reader).take(missing).read_to_end(&mut self.ahead)?;
        Ok(&self.ahead[..count.min(self.ahead.len())])
    }
}

impl<R: Read> Read for Peekable<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.reader.read(into);
        }
        let count = into.len().min(self.ahead.len());
        into[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }
}

/// Numbers in the file's order of bytes.
#[derive(Clone, Copy)]
struct Order {
    is_big_endian: bool,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Reads up to the first sample.
///
/// # Errors
/// `InvalidInput` when it is no WAV, ends before its samples, or has some of a kind that is not
/// decoded here; `Unavailable` when it cannot be read.
pub(super) fn header<R: Read>(reader: &mut Peekable<R>) -> Result<Header> {
    let [a, b, c, d, _, _, _, _, kind @ ..] = exact::<12, _>(reader, "RIFF")?;
    let is_big_endian = match &[a, b, c, d] {
        b"RIFF" | b"RF64" | b"BW64" => false,
        b"RIFX" => true,
        _ => return Err(unreadable("it does not begin with RIFF")),
    };
    if &kind != b"WAVE" {
        let kind = String::from_utf8_lossy(&kind).into_owned();
        return Err(unreadable(&format!("a RIFF file of kind `{kind}`")));
    }
    let order = Order { is_big_endian };
    let (mut format, mut long_size) = (None, None);
    loop {
        let [a, b, c, d, size @ ..] = exact::<8, _>(reader, "list of chunks")?;
        let (id, size) = ([a, b, c, d], order.u32(size));
        match &id {
            b"data" => {
                let format =
                    format.ok_or_else(|| unreadable("its samples come before `fmt `"))?;
                let data_bytes = data_bytes(reader, size, long_size)?;
                return Ok(Header { format, is_big_endian, data_bytes });
            }
            b"fmt " => format = Some(fmt(reader, size, order)?),
            b"ds64" => {
                let sizes = exact::<16, _>(reader, "chunk `ds64`")?;
                let [.., e, f, g, h, i, j, k, l] = sizes;
                long_size = Some(u64::from_le_bytes([e, f, g, h, i, j, k, l]));
                skip(reader, id, u64::from(size).saturating_sub(16))?;
            }
            _ if id.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                skip(reader, id, size.into())?;
            }
            _ => return Err(unreadable("what follows a chunk is none: it is damaged")),
        }
        if size % 2 == 1 {
            skip_padding(reader)?;
        }
    }
}

/// How many bytes of samples follow the head of `data`.
fn data_bytes<R: Read>(
    reader: &mut Peekable<R>,
    size: u32,
    long_size: Option<u64>,
) -> Result<Option<u64>> {
    match (size, long_size) {
        // In RF64 of a pipe the long size is as little known.
        (UNKNOWN_SIZE, long_size) => Ok(long_size.filter(|size| *size > 0)),
        (0, _) => {
            // A recorder that was ended before it could correct its header, or no sound at all?
            let next = reader.peek(4).map_err(unavailable)?;
            Ok((next.is_empty() || is_known(next)).then_some(0))
        }
        (size, _) => Ok(Some(size.into())),
    }
}

fn fmt<R: Read>(reader: &mut Peekable<R>, size: u32, order: Order) -> Result<Format> {
    if size < 16 {
        return Err(unreadable("its chunk `fmt ` has less than 16 bytes"));
    }
    let mut rest = u64::from(size) - 16;
    let fields = exact::<16, _>(reader, "chunk `fmt `")?;
    let field = |n: usize| order.u16([fields[n], fields[n + 1]]);
    let (mut tag, channels, align, bits) = (field(0), field(2), field(12), field(14));
    if tag == EXTENSIBLE {
        let extension = exact::<24, _>(reader, "chunk `fmt `")?;
        rest = rest.checked_sub(24).ok_or_else(|| unreadable("its format is cut"))?;
        tag = sub_format(&extension[8..], order)?;
    }
    skip(reader, *b"fmt ", rest)?;
    let rate_hz = order.u32([fields[4], fields[5], fields[6], fields[7]]);
    let encoding = Encoding::of(tag, bits, align, channels)?;
    Ok(Format { encoding, channels, rate_hz })
}

/// The format's number in the GUID of an extensible format.
fn sub_format(guid: &[u8], order: Order) -> Result<u16> {
    let pair = |n: usize| order.u16([guid[n], guid[n + 1]]);
    let tag = order.u32([guid[0], guid[1], guid[2], guid[3]]);
    let is_known = GUID_TAILS
        .iter()
        .any(|(two, three, rest)| (pair(4), pair(6)) == (*two, *three) && guid[8..] == *rest);
    let tag = u16::try_from(tag).ok().filter(|_| is_known);
    tag.ok_or_else(|| unreadable("an extensible format of an unknown kind"))
}

/// Passes over the byte that makes a chunk's size even, which some writers forget.
fn skip_padding<R: Read>(reader: &mut Peekable<R>) -> Result<()> {
    let next = reader.peek(5).map_err(unavailable)?;
    let is_forgotten = next.len() >= 4
        && next[..4].iter().all(|byte| byte.is_ascii_alphanumeric() || b" _".contains(byte))
        && !is_known(&next[1..]);
    if !next.is_empty() && !is_forgotten {
        exact::<1, _>(reader, "list of chunks")?;
    }
    Ok(())
}

fn is_known(id: &[u8]) -> bool {
    KNOWN_IDS.iter().any(|known| known.as_slice() == id)
}

fn skip<R: Read>(reader: &mut Peekable<R>, id: [u8; 4], bytes: u64) -> Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink()).map_err(unavailable)?;
    if skipped < bytes {
        let id = String::from_utf8_lossy(&id).into_owned();
        return Err(unreadable(&format!("it ends within its chunk `{id}`, before its sound")));
    }
    Ok(())
}

fn exact<const N: usize, R: Read>(reader: &mut Peekable<R>, part: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|err| match err.kind() {
        IoErrorKind::UnexpectedEof => {
            unreadable(&format!("it ends within its {part}, before its sound"))
        }
        _ => unavailable(err),
    })?;
    Ok(bytes)
}

pub(super) fn unavailable(err: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot read on in the WAV; check the disk and the file")
        .because(err)
}
