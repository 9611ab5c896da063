//! [`Mp4Reader`]: packets of AAC or Opus out of a fragmented MP4 that arrives in slices (ISO/IEC
//! 14496-12), as Safari's `MediaRecorder` makes it.
//!
//! Of the bytes between, a box of the structure (`moov`, `moof`) or one packet is kept until it is
//! whole; the rest is passed over. Symphonia's reader is not used: it needs the whole file or a
//! seek, knows no `tfdt`, so no gap, and panics at a `moof` without `mvex`.

mod boxes;
mod header;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::{
    boxes::{Head, LARGEST_SKIP_BYTES, damaged, head, headless, not_in_fragments, oversized},
    header::{Movie, Sample},
};
use super::packets::Event;
use crate::error::Result;

/// Real ones have 1 to 3 kB; of a file that is not in fragments it holds a table of all packets.
const LARGEST_BOX_BYTES: u64 = 128 << 10;

/// AAC allows 1.5 kB, Opus 61 kB.
const LARGEST_PACKET_BYTES: u32 = 64 << 10;

/// Bytes that are looked through at a time where the place is lost.
const MOST_SEARCHED_BYTES: usize = 64 << 10;

/// How every `moof` begins behind its size: with an `mfhd` of 16 bytes.
const FRAGMENT: &[u8; 12] = b"moof\0\0\0\x10mfhd";

/// Takes the slices of a fragmented MP4, or one whole MP4 after the other.
#[derive(Debug, Default)]
pub struct Mp4Reader {
    place: Place,
    /// `None` before the first `moov`.
    movie: Option<Movie>,
    has_beginning: bool,
    /// The beginning of a box or of a packet of which more must come.
    pending: Vec<u8>,
    /// Where the next byte stands in the file, less `pending`.
    position: u64,
    /// The packets of the newest fragment that were not read yet, in the file's order.
    samples: VecDeque<Sample>,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// In a box's head, or in a box that is kept.
    #[default]
    Box,
    /// In a box that is passed over, up to this position.
    Skip { end: u64 },
    /// In the packets, which end at this position.
    Data { end: u64 },
    /// Somewhere: what is before the next fragment is lost.
    Lost,
}

impl Mp4Reader {
    /// Whether a file begins like this.
    pub(super) fn is_beginning(slice: &[u8]) -> bool {
        slice.get(4..8) == Some(b"ftyp")
    }

    /// Begins the next slice; gives what of it is for [`Mp4Reader::read_on`].
    pub(super) fn begin<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
        if Mp4Reader::is_beginning(slice) {
            // A new recording, whatever the one before still owed.
            *self = Mp4Reader { has_beginning: true, ..Mp4Reader::default() };
        }
        slice
    }

    /// Slices before the next one are missing, or damaged: goes on at the next fragment.
    pub(super) fn lose_place(&mut self) {
        self.pending.clear();
        self.samples.clear();
        self.place = if self.has_beginning { Place::Lost } else { Place::Box };
    }

    /// Reads a box, a packet, or what is between them, of what is left of a slice: gives what is
    /// left then.
    ///
    /// # Errors
    /// `InvalidInput` when it is no MP4, damaged, not in fragments, has neither AAC nor Opus, or a
    /// beginning that was never seen; `take`'s own errors. It goes on at the next fragment.
    pub(super) fn read_on<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let result = match self.place {
            Place::Lost => Ok(self.find_fragment(rest)),
            Place::Skip { end } => Ok(self.skip(rest, end)),
            Place::Data { end } => self.read_data(rest, end, take),
            Place::Box => self.read_box(rest, take),
        };
        if result.is_err() {
            self.lose_place();
        }
        result
    }

    /// Passes over everything before the size of the next fragment.
    fn find_fragment<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let before = self.pending.len();
        let now = rest.len().min(MOST_SEARCHED_BYTES);
        self.pending.extend_from_slice(&rest[..now]);
        let found = self.pending.windows(FRAGMENT.len()).position(|bytes| bytes == FRAGMENT);
        if let Some(at) = found.and_then(|at| at.checked_sub(4)) {
            self.place = Place::Box;
            self.position = 0;
            // The box begins in this slice, or in the last bytes of the one before.
            let begun = before.saturating_sub(at);
            self.pending.drain(..at);
            self.pending.truncate(begun);
            return &rest[at.saturating_sub(before)..];
        }
        let kept = FRAGMENT.len() + 3;
        self.pending.drain(..self.pending.len().saturating_sub(kept));
        &rest[now..]
    }

    /// Passes over what is before `end`.
    fn skip<'a>(&mut self, rest: &'a [u8], end: u64) -> &'a [u8] {
        let left = usize::try_from(end - self.position).unwrap_or(usize::MAX);
        let now = left.min(rest.len());
        self.position += now as u64;
        if self.position == end {
            self.place = Place::Box;
        }
        &rest[now..]
    }

    /// Reads the next packet in a `mdat`, or a part of it, or what is before it.
    fn read_data<'a>(
        &mut self,
        rest: &'a [u8],
        end: u64,
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let next = self.samples.front().filter(|sample| sample.from < end).copied();
        let Some(sample) = next else {
            self.place = Place::Skip { end };
            return Ok(rest);
        };
        if sample.from > self.position {
            let left = usize::try_from(sample.from - self.position).unwrap_or(usize::MAX);
            let now = left.min(rest.len());
            self.position += now as u64;
            return Ok(&rest[now..]);
        }
        let size = sample.bytes as usize;
        if sample.from < self.position || u64::from(sample.bytes) > end - self.position {
            return Err(damaged("packets that overlap, or lie outside of their box"));
        }
        let now = (size - self.pending.len()).min(rest.len());
        let (part, after) = rest.split_at(now);
        let at_us = sample.at_us;
        if self.pending.is_empty() && part.len() == size {
            take(Event::Packet { at_us, packet: part })?;
        } else {
            self.pending.extend_from_slice(part);
            if self.pending.len() < size {
                return Ok(after);
            }
            take(Event::Packet { at_us, packet: &self.pending })?;
            self.pending.clear();
        }
        self.samples.pop_front();
        self.position += size as u64;
        if self.position == end {
            self.place = Place::Box;
        }
        Ok(after)
    }

    /// Reads a box's head, and all of it where it is kept.
    fn read_box<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let mut rest = rest;
        loop {
            let wanted = match self.step(take)? {
                None => return Ok(rest),
                Some(wanted) => wanted,
            };
            let more = (wanted - self.pending.len()).min(rest.len());
            if more == 0 {
                return Ok(rest);
            }
            self.pending.extend_from_slice(&rest[..more]);
            rest = &rest[more..];
        }
    }

    /// Reads the box in `pending`; how many bytes must be there before it can go on, or `None`
    /// once it is done with.
    fn step(&mut self, take: &mut dyn FnMut(Event<'_>) -> Result<()>) -> Result<Option<usize>> {
        if !self.has_beginning {
            let kind = self.pending.get(4..).unwrap_or_default();
            if !b"ftyp".iter().zip(kind).all(|(a, b)| a == b) {
                return Err(headless());
            }
            self.has_beginning = kind.len() >= 4;
        }
        let Some(Head { kind, bytes, head_bytes }) = head(&self.pending)? else {
            return Ok(Some(if self.pending.len() < 8 { 8 } else { 16 }));
        };
        let is_kept = matches!(&kind, b"moov" | b"moof");
        let largest = if is_kept { LARGEST_BOX_BYTES } else { LARGEST_SKIP_BYTES };
        if &kind == b"mdat" && self.movie.is_none() {
            return Err(not_in_fragments());
        }
        if bytes > largest {
            return Err(oversized(&kind, largest));
        }
        let end = self.position + bytes;
        if !is_kept {
            self.pending.clear();
            self.position += head_bytes as u64;
            self.place = match &kind {
                _ if self.position == end => Place::Box,
                b"mdat" => Place::Data { end },
                _ => Place::Skip { end },
            };
            return Ok(None);
        }
        let total = usize::try_from(bytes).expect("below the limit");
        if self.pending.len() < total {
            return Ok(Some(total));
        }
        let body = &self.pending[head_bytes..];
        if &kind == b"moov" {
            let (movie, track) = Movie::read(body)?;
            self.movie = Some(movie);
            take(Event::Track(track))?;
        } else {
            let movie = self.movie.as_ref();
            let movie = movie.ok_or_else(|| damaged("a fragment before its moov"))?;
            self.samples = movie.fragment(body, self.position, end)?;
        }
        self.pending.clear();
        self.position = end;
        Ok(None)
    }
}
