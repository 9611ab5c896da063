//! [`WebmReader`]: Opus packets out of a WebM that arrives in slices. Holds no decoding of sound.
//!
//! A browser's `MediaRecorder` hands out slices of one file and cuts anywhere, even inside a
//! Cluster's id, so the reader keeps its place between slices. It reads the file as a flat row
//! of elements: what lies inside a master element (RFC 9559) follows its head directly, and each
//! id it needs has one meaning at any depth. So sizes of masters, known or not, are not needed.

mod element;
mod block;
mod track;
#[cfg(test)]
mod tests;

use super::packets::Track;
pub use super::packets::{Event, OpusTrack};

use crate::error::{Error, ErrorKind, Result};
use element::Head;

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const CLUSTER: u32 = 0x1F43_B675;
const CLUSTER_TIMESTAMP: u32 = 0xE7;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const SIMPLE_BLOCK: u32 = 0xA3;

/// Real headers have 31 bytes and a little more.
const LARGEST_HEADER_BYTES: u64 = 4 << 10;
/// A sound track's entry has about 60 bytes.
const LARGEST_TRACK_BYTES: u64 = 64 << 10;
/// Opus allows 61 kB for 120 ms; a lace may hold several such packets.
const LARGEST_BLOCK_BYTES: u64 = 256 << 10;
/// A number.
const LARGEST_NUMBER_BYTES: u64 = 8;
/// What is passed over (pictures, index, tags, padding) is not kept; more than this is damage.
const LARGEST_SKIP_BYTES: u64 = 16 << 20;

/// Bytes that are searched at a time, where neither ids nor sizes identify them.
const MOST_SEARCHED_BYTES: usize = 64 << 10;

/// Takes the slices of a WebM, or one whole WebM after the other.
#[derive(Debug, Default)]
pub struct WebmReader {
    place: Place,
    clock: Clock,
    has_header: bool,
    /// The number and the shape of the Opus track.
    track: Option<(u64, OpusTrack)>,
    /// The beginning of an element of which more must come; never more than one element.
    pending: Vec<u8>,
}

/// What the time stamps of blocks count from, and in what.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// ns.
    unit: u64,
    /// Of the Cluster; `None` before its timestamp was read.
    begin: Option<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { unit: 1_000_000, begin: None }
    }
}

impl Clock {
    /// In µs; a damaged number gives a wrong time, never an overflow.
    fn at_us(self, relative: i16) -> Option<i64> {
        let units = i128::from(self.begin?) + i128::from(relative);
        i64::try_from(units * i128::from(self.unit) / 1000).ok()
    }
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// In an element's head or in a body that is kept.
    #[default]
    Element,
    /// In a body that is passed over; this many bytes are left of it.
    Skip(u64),
    /// Somewhere: what is before the next Cluster is lost.
    Lost {
        /// How many bytes of a Cluster's id were just seen.
        matched: usize,
        /// The next byte is the first of a slice, which may begin inside a Cluster's id.
        at_start: bool,
    },
}

enum Step {
    /// This many bytes are done with.
    Used(usize),
    /// Nothing can be decided before this many bytes are there.
    Needs(usize),
}

impl WebmReader {
    /// Reads the next slice. After an error it goes on at the next Cluster or the next file.
    ///
    /// # Errors
    /// `InvalidInput` when the slice is not WebM, has a size over the limits, belongs to a
    /// recording whose beginning was never seen, or has no Opus sound; `take`'s own errors.
    pub fn push(
        &mut self,
        slice: &[u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = self.begin(slice);
        while !rest.is_empty() {
            rest = self.read_on(rest, take)?;
        }
        Ok(())
    }

    /// Whether a file begins like this.
    pub(super) fn is_beginning(slice: &[u8]) -> bool {
        slice.starts_with(&EBML.to_be_bytes())
    }

    /// Begins the next slice; gives what of it is for [`WebmReader::read_on`].
    pub fn begin<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
        if WebmReader::is_beginning(slice) {
            // A new recording, whatever the one before still owed.
            self.pending.clear();
            self.place = Place::Element;
        }
        if let Place::Lost { at_start: true, .. } = self.place {
            return self.enter_cut_cluster(slice);
        }
        slice
    }

    /// Reads one element of what is left of a slice, or a part of it: gives what is left then.
    ///
    /// # Errors
    /// As [`WebmReader::push`].
    pub fn read_on<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let result = self.read(rest, take);
        if result.is_err() {
            self.lose_place();
        }
        result
    }

    /// Slices before the next one are missing: goes on at the next Cluster.
    pub fn lose_place(&mut self) {
        self.pending.clear();
        self.place = Place::Element;
        if self.has_header {
            self.place = Place::Lost { matched: 0, at_start: true };
        }
    }

    fn read<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        match self.place {
            Place::Skip(left) => {
                let now = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - now as u64;
                self.place = if left == 0 { Place::Element } else { Place::Skip(left) };
                Ok(&rest[now..])
            }
            Place::Lost { matched, .. } => {
                let now = &rest[..rest.len().min(MOST_SEARCHED_BYTES)];
                let left = self.find_cluster(now, matched).len();
                Ok(&rest[now.len() - left..])
            }
            Place::Element if self.pending.is_empty() => match self.step(rest, take)? {
                Step::Used(bytes) => Ok(&rest[bytes..]),
                Step::Needs(_) => {
                    self.pending.extend_from_slice(rest);
                    Ok(&[])
                }
            },
            Place::Element => self.complete(rest, take),
        }
    }

    /// Adds to the pending element what it lacks and reads it; returns what follows.
    fn complete<'a>(
        &mut self,
        mut rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        let mut pending = std::mem::take(&mut self.pending);
        loop {
            match self.step(&pending, take)? {
                // It was filled to the byte: nothing is left over.
                Step::Used(_) => {
                    pending.clear();
                    break;
                }
                Step::Needs(_) if rest.is_empty() => break,
                Step::Needs(total) => {
                    let more = (total - pending.len()).min(rest.len());
                    pending.extend_from_slice(&rest[..more]);
                    rest = &rest[more..];
                }
            }
        }
        // Its memory serves the next one.
        self.pending = pending;
        Ok(rest)
    }

    /// Reads the element at the beginning of `bytes`.
    fn step(
        &mut self,
        bytes: &[u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<Step> {
        if !self.has_header && !bytes.iter().zip(EBML.to_be_bytes()).all(|(a, b)| *a == b) {
            return Err(headless());
        }
        let padding = bytes.iter().take(MOST_SEARCHED_BYTES);
        let padding = padding.take_while(|byte| **byte == 0).count();
        if padding > 0 {
            // No id begins with 0; a known client bug fills an empty recording with it.
            return Ok(Step::Used(padding));
        }
        let Some(Head { id, size, bytes: head }) = element::head(bytes)? else {
            return Ok(Step::Needs(bytes.len() + 1));
        };
        let largest = match id {
            SEGMENT | INFO | TRACKS | BLOCK_GROUP => return Ok(Step::Used(head)),
            CLUSTER => {
                self.clock.begin = None;
                return Ok(Step::Used(head));
            }
            EBML => LARGEST_HEADER_BYTES,
            TIMESTAMP_SCALE | CLUSTER_TIMESTAMP => LARGEST_NUMBER_BYTES,
            TRACK_ENTRY => LARGEST_TRACK_BYTES,
            // Of another track it is passed over: a picture, maybe.
            BLOCK | SIMPLE_BLOCK => match self.is_of_track(&bytes[head..], size) {
                None => return Ok(Step::Needs(bytes.len() + 1)),
                Some(true) => LARGEST_BLOCK_BYTES,
                Some(false) => LARGEST_SKIP_BYTES,
            },
            _ => LARGEST_SKIP_BYTES,
        };
        let size =
            size.filter(|size| *size <= largest).ok_or_else(|| oversized(id, largest))?;
        let is_kept = match id {
            EBML | TIMESTAMP_SCALE | CLUSTER_TIMESTAMP | TRACK_ENTRY => true,
            BLOCK | SIMPLE_BLOCK => largest == LARGEST_BLOCK_BYTES,
            _ => false,
        };
        if !is_kept {
            // Of a block its track's number may be there already.
            let now = (bytes.len() - head).min(usize::try_from(size).expect("below the limit"));
            let left = size - now as u64;
            self.place = if left == 0 { Place::Element } else { Place::Skip(left) };
            return Ok(Step::Used(head + now));
        }
        let total = head + usize::try_from(size).expect("below the limit");
        let Some(body) = bytes.get(head..total) else { return Ok(Step::Needs(total)) };
        self.read_body(id, body, take)?;
        Ok(Step::Used(total))
    }

    /// Whether the block whose body begins like this is the Opus track's; `None` while its track's
    /// number is not whole. One that cannot be passed over is taken for it, to be refused.
    fn is_of_track(&self, body: &[u8], size: Option<u64>) -> Option<bool> {
        let Some((number, _)) = self.track else { return Some(true) };
        let most = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX);
        match element::vint(body) {
            Some((owner, _)) => Some(owner == number),
            None => (body.len() >= most.min(8)).then_some(true),
        }
    }

    fn read_body(
        &mut self,
        id: u32,
        body: &[u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        match id {
            EBML => {
                track::check_doc_type(body)?;
                self.has_header = true;
                self.track = None;
                self.clock = Clock::default();
                Ok(())
            }
            TIMESTAMP_SCALE => {
                self.clock.unit = element::unsigned(body).unwrap_or(self.clock.unit);
                Ok(())
            }
            CLUSTER_TIMESTAMP => {
                self.clock.begin = element::unsigned(body);
                Ok(())
            }
            TRACK_ENTRY if self.track.is_none() => {
                self.track = track::opus_track(body)?;
                self.track.map_or(Ok(()), |(_, track)| take(Event::Track(Track::Opus(track))))
            }
            TRACK_ENTRY => Ok(()),
            _ => {
                let Some((number, _)) = self.track else { return Err(no_opus()) };
                let clock = self.clock;
                block::packets(body, number, &mut |relative, packet| {
                    let at_us = relative.and_then(|relative| clock.at_us(relative));
                    take(Event::Packet { at_us, packet })
                })
            }
        }
    }

    /// Passes over everything up to and including the next Cluster's id.
    fn find_cluster<'a>(&mut self, bytes: &'a [u8], mut matched: usize) -> &'a [u8] {
        let id = CLUSTER.to_be_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            matched =
                if *byte == id[matched] { matched + 1 } else { usize::from(*byte == id[0]) };
            if matched == id.len() {
                self.place = Place::Element;
                // The id is read again with the size that follows it.
                self.pending.extend_from_slice(&id);
                return &bytes[at + 1..];
            }
        }
        self.place = Place::Lost { matched, at_start: false };
        &[]
    }

    /// Chromium cuts after the first byte of a Cluster's id, which is lost with the slice before.
    fn enter_cut_cluster<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
        let id = CLUSTER.to_be_bytes();
        for cut in 1..id.len() {
            let Some(after) = slice.strip_prefix(&id[cut..]) else { continue };
            let whole = [&id[..], &after[..after.len().min(8)]].concat();
            let Ok(Some(head)) = element::head(&whole) else { continue };
            let body = &after[head.bytes - id.len()..];
            // Every writer begins a Cluster with its timestamp: no accidental match has that.
            if body.first().is_some_and(|id| u32::from(*id) == CLUSTER_TIMESTAMP) {
                self.place = Place::Element;
                return body;
            }
        }
        if !slice.is_empty() {
            self.place = Place::Lost { matched: 0, at_start: false };
        }
        slice
    }
}

fn headless() -> Error {
    let what = "a slice of a WebM whose beginning was never sent: restart the recorder on \
                this connection and send its first slice first, or send whole files";
    Error::new(ErrorKind::InvalidInput, what)
}

fn oversized(id: u32, largest: u64) -> Error {
    let what = format!(
        "a WebM element {id:X} of unknown size or over {largest} bytes: damaged, or no WebM"
    );
    Error::new(ErrorKind::InvalidInput, what)
}

fn no_opus() -> Error {
    let what = "a WebM without an Opus track; record with `audio/webm;codecs=opus`";
    Error::new(ErrorKind::InvalidInput, what)
}
