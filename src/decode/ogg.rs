//! [`OggReader`]: Opus packets out of an Ogg that arrives in slices (RFC 3533, RFC 7845).
//!
//! A page is kept until it is whole, at most 65,307 bytes, and so is a packet that goes on in the
//! next one. Other streams beside the Opus one are passed over.

use super::packets::{Event, OpusTrack, Track};
use crate::error::{Error, ErrorKind, Result};

const CAPTURE: &[u8; 4] = b"OggS";

/// Of a page before its table of lengths.
const HEADER_BYTES: usize = 27;

/// Opus allows 61 kB for 120 ms.
const LARGEST_PACKET_BYTES: usize = 64 << 10;

const CONTINUED: u8 = 1;
const BEGINS: u8 = 2;

/// Granules count samples at this rate, whatever the encoder was given.
const GRANULES_PER_S: i64 = 48_000;

/// Takes the slices of an Ogg, or one whole Ogg after the other.
#[derive(Debug, Default)]
pub struct OggReader {
    /// The beginning of a page, or what may be one where the place is lost.
    pending: Vec<u8>,
    /// Somewhere: what is before the next page is lost.
    is_lost: bool,
    stream: Option<Stream>,
    /// What another stream that began is, for the refusal where none is Opus.
    other: Option<&'static str>,
}

/// The Opus stream.
#[derive(Debug)]
struct Stream {
    serial: u32,
    /// Of the page that is due.
    sequence: u32,
    /// Its comments, which are passed over, have ended.
    has_comments: bool,
    has_packets: bool,
    /// The beginning of a packet that goes on in the next page; `None` where it was lost.
    packet: Option<Vec<u8>>,
}

impl OggReader {
    /// Whether a file begins like this.
    pub(super) fn is_beginning(slice: &[u8]) -> bool {
        slice.starts_with(CAPTURE) && slice.get(5).is_some_and(|flags| flags & BEGINS != 0)
    }

    /// Begins the next slice; gives what of it is for [`OggReader::read_on`].
    pub(super) fn begin<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
        if OggReader::is_beginning(slice) {
            self.pending.clear();
            self.is_lost = false;
        }
        slice
    }

    /// Slices before the next one are missing, or damaged: goes on at the next page.
    pub(super) fn lose_place(&mut self) {
        self.pending.clear();
        self.is_lost = true;
        if let Some(stream) = &mut self.stream {
            stream.packet = None;
        }
    }

    /// Reads a page of what is left of a slice, or a part of it: gives what is left then.
    ///
    /// # Errors
    /// `InvalidInput` when it is no Ogg, is damaged, has no Opus, or a beginning that was never
    /// seen; `take`'s own errors. It goes on at the next page.
    pub(super) fn read_on<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let result =
            if self.is_lost { Ok(self.find_page(rest)) } else { self.read(rest, take) };
        if result.is_err() {
            self.lose_place();
        }
        result
    }

    /// Passes over everything before the next page.
    fn find_page<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let before = self.pending.len();
        let now = rest.len().min(LARGEST_PACKET_BYTES);
        self.pending.extend_from_slice(&rest[..now]);
        if let Some(at) = self.pending.windows(4).position(|bytes| bytes == CAPTURE) {
            self.is_lost = false;
            // The page begins in this slice, or in the last bytes of the one before.
            let begun = before.saturating_sub(at);
            self.pending.drain(..at);
            self.pending.truncate(begun);
            return &rest[at.saturating_sub(before)..];
        }
        self.pending.drain(..self.pending.len().saturating_sub(3));
        &rest[now..]
    }

    fn read<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        if self.pending.is_empty()
            && let Some(bytes) = page_bytes(rest)?
            && let Some(page) = rest.get(..bytes)
        {
            self.page(page, take)?;
            return Ok(&rest[bytes..]);
        }
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = rest;
        loop {
            let wanted = match page_bytes(&pending)? {
                Some(bytes) if bytes == pending.len() => {
                    self.page(&pending, take)?;
                    pending.clear();
                    break;
                }
                Some(bytes) => bytes,
                None if pending.len() < HEADER_BYTES => HEADER_BYTES,
                None => HEADER_BYTES + usize::from(pending[HEADER_BYTES - 1]),
            };
            let more = (wanted - pending.len()).min(rest.len());
            pending.extend_from_slice(&rest[..more]);
            rest = &rest[more..];
            if pending.len() < wanted {
                // What there is of it must not be anything else, however short.
                page_bytes(&pending)?;
                break;
            }
        }
        // Its memory serves the next one.
        self.pending = pending;
        Ok(rest)
    }

    /// Reads a whole page.
    fn page(
        &mut self,
        page: &[u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let [_, _, _, _, _, flags, g0, g1, g2, g3, g4, g5, g6, g7, header @ ..] = page else {
            return Err(damaged("a page without a head"));
        };
        let [s0, s1, s2, s3, n0, n1, n2, n3, c0, c1, c2, c3, count, header @ ..] = header
        else {
            return Err(damaged("a page without a head"));
        };
        if crc(page) != u32::from_le_bytes([*c0, *c1, *c2, *c3]) {
            return Err(damaged("a page whose checksum is wrong"));
        }
        let serial = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
        let sequence = u32::from_le_bytes([*n0, *n1, *n2, *n3]);
        let granule = i64::from_le_bytes([*g0, *g1, *g2, *g3, *g4, *g5, *g6, *g7]);
        let (lengths, body) = header.split_at(usize::from(*count));
        if flags & BEGINS != 0 {
            return self.begin_stream(serial, sequence, body, take);
        }
        let Some(stream) = &mut self.stream else {
            return Err(self.other.map_or_else(headless, no_opus));
        };
        if stream.serial != serial {
            return Ok(());
        }
        if stream.sequence != sequence || flags & CONTINUED == 0 {
            let is_continued = flags & CONTINUED != 0;
            // The rest of a packet whose beginning was lost is no packet.
            stream.packet = (!is_continued).then(Vec::new);
        }
        stream.sequence = sequence.wrapping_add(1);
        stream.packets(lengths, body, granule, take)
    }

    fn begin_stream(
        &mut self,
        serial: u32,
        sequence: u32,
        body: &[u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.stream.as_ref().is_some_and(|stream| stream.has_packets) {
            // The next file.
            (self.stream, self.other) = (None, None);
        }
        if !body.starts_with(b"OpusHead") {
            self.other = Some(name(body));
            return Ok(());
        }
        let track = OpusTrack::of_head(body)?;
        self.stream = Some(Stream {
            serial,
            sequence: sequence.wrapping_add(1),
            has_comments: false,
            has_packets: false,
            packet: Some(Vec::new()),
        });
        take(Event::Track(Track::Opus(track)))
    }
}

impl Stream {
    /// Hands over the packets that end in this page.
    fn packets(
        &mut self,
        lengths: &[u8],
        mut body: &[u8],
        granule: i64,
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut whole, mut size) = (Vec::new(), 0);
        for length in lengths {
            size += usize::from(*length);
            if *length < 255 {
                let (part, rest) = body.split_at_checked(size).ok_or_else(cut)?;
                (body, size) = (rest, 0);
                whole.extend(self.complete(part));
            }
        }
        let (part, _) = body.split_at_checked(size).ok_or_else(cut)?;
        if lengths.last() == Some(&255) {
            self.keep(part)?;
        }
        let lasts: i64 = whole.iter().map(|packet| i64::from(granules(packet))).sum();
        // It counts the samples up to the end of the page's last packet.
        let begin = granule.saturating_sub(lasts);
        let mut at_us = (granule >= 0).then(|| {
            let us = i128::from(begin) * 1_000_000 / i128::from(GRANULES_PER_S);
            i64::try_from(us).unwrap_or(i64::MAX)
        });
        for packet in whole {
            self.has_packets = true;
            take(Event::Packet { at_us: at_us.take(), packet: &packet })?;
        }
        Ok(())
    }

    /// The packet that ends with this part; `None` for comments, and where its beginning was lost.
    fn complete(&mut self, part: &[u8]) -> Option<Vec<u8>> {
        let begun = self.packet.replace(Vec::new());
        if !self.has_comments {
            self.has_comments = true;
            return None;
        }
        let mut packet = begun?;
        packet.extend_from_slice(part);
        Some(packet)
    }

    /// Keeps the part of a packet that goes on.
    fn keep(&mut self, part: &[u8]) -> Result<()> {
        let Some(packet) = self.packet.as_mut().filter(|_| self.has_comments) else {
            // Comments may hold pictures.
            return Ok(());
        };
        if packet.len() + part.len() > LARGEST_PACKET_BYTES {
            return Err(damaged("a packet of over 65536 bytes"));
        }
        packet.extend_from_slice(part);
        Ok(())
    }
}

/// Length of the page at the beginning; `None` until enough of its header is there.
fn page_bytes(bytes: &[u8]) -> Result<Option<usize>> {
    let begun = &bytes[..bytes.len().min(4)];
    if !CAPTURE.starts_with(begun) {
        return Err(damaged("no page where one must begin"));
    }
    if bytes.get(4).is_some_and(|version| *version != 0) {
        return Err(damaged("a page of a later version"));
    }
    let Some(count) = bytes.get(HEADER_BYTES - 1) else { return Ok(None) };
    let Some(lengths) = bytes.get(HEADER_BYTES..HEADER_BYTES + usize::from(*count)) else {
        return Ok(None);
    };
    let body: usize = lengths.iter().map(|length| usize::from(*length)).sum();
    Ok(Some(HEADER_BYTES + lengths.len() + body))
}

/// How long a packet lasts, in samples at 48 kHz (RFC 6716, section 3.1).
fn granules(packet: &[u8]) -> u32 {
    let Some(toc) = packet.first() else { return 0 };
    let config = toc >> 3;
    let frame = match config {
        0..12 => [480, 960, 1920, 2880][usize::from(config & 3)],
        12..16 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u32::from(count & 0x3F)),
    };
    frame * frames
}

/// What a stream is by the beginning of its first packet.
fn name(head: &[u8]) -> &'static str {
    const NAMES: [(&[u8], &str); 8] = [
        (b"\x01vorbis", "Vorbis"),
        (b"\x7FFLAC", "FLAC"),
        (b"Speex   ", "Speex"),
        (b"\x80theora", "Theora"),
        (b"fishead\0", "Skeleton"),
        (b"\x80kate", "Kate"),
        (b"PCM     ", "PCM"),
        (b"BBCD", "Dirac"),
    ];
    NAMES.iter().find(|(magic, _)| head.starts_with(magic)).map_or("unknown", |(_, name)| name)
}

/// CRC-32 with the polynomial 0x04C11DB7, from 0, not reflected, the field itself as 0.
fn crc(page: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let (mut at, mut byte) = (0, 0_u32);
        while at < table.len() {
            let (mut value, mut bit) = (byte << 24, 0);
            while bit < 8 {
                value = value << 1 ^ if value >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
            byte += 1;
        }
        table
    };
    page.iter().enumerate().fold(0, |crc: u32, (at, byte)| {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        crc << 8 ^ TABLE[usize::from(crc.to_be_bytes()[0] ^ byte)]
    })
}

fn cut() -> Error {
    damaged("a page that is shorter than it states")
}

fn damaged(what: &str) -> Error {
    let what = format!("a damaged Ogg: {what}; restart the recorder");
    Error::new(ErrorKind::InvalidInput, what)
}

fn headless() -> Error {
    let what = "a slice of an Ogg whose beginning was never sent: restart the recorder on this \
                connection and send its first slice first, or send whole files";
    Error::new(ErrorKind::InvalidInput, what)
}

fn no_opus(name: &'static str) -> Error {
    let what = format!(
        "an Ogg with a stream of {name} and no Opus; record with `audio/ogg;codecs=opus`"
    );
    Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests;
