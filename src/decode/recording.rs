//! [`Recording`]: what a recorder made, slice by slice, to 16 kHz mono. Holds no queue.
//!
//! Its container lists the packets and when each begins; its codec decodes them;
//! what is missing between them becomes silence, so that a pause lasts as long as it did.

mod container;

use std::{collections::VecDeque, mem::take};

use container::{Codec, Container};

use super::{
    packets::{Event, Track},
    timeline::Timeline,
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, SAMPLE_RATE_HZ},
};

use super::sound_limits::{MOST_SAMPLES, PIECE_BYTES, PIECE_SAMPLES, too_long};

/// What is missing between two slices is silence up to this; after more the sound starts again, as
/// after a slice that was lost. Within a slice it is silence whatever its length: with its sound it
/// may be [`MOST_SECONDS`](super::sound_limits::MOST_SECONDS) long.
pub const MOST_PAUSE_SECONDS: usize = 10;

/// Each file in a chunk costs a decoder, and its sound may all lie before its beginning.
const MOST_FILES: usize = 60;

/// The place in a recording, between its slices.
#[derive(Default)]
pub(super) struct Recording {
    container: Container,
    /// `None` before the first track.
    codec: Option<Codec>,
    timeline: Timeline,
}

impl Recording {
    /// Slices before the next one are missing.
    pub(super) fn lose_place(&mut self) {
        self.container.lose_place();
        self.timeline = Timeline::default();
    }

    /// What is wrong with the channels of its sound.
    pub(super) fn channel_fault(&self) -> Option<ChannelFault> {
        self.codec.as_ref().and_then(Codec::channel_fault)
    }

    /// Begins the next slice.
    pub(super) fn begin(&mut self, data: Vec<u8>) -> Slice {
        let at = data.len() - self.container.begin(&data).len();
        Slice { data, at, ..Slice::default() }
    }
}

/// A slice, under way.
#[derive(Default)]
pub(super) struct Slice {
    data: Vec<u8>,
    /// Where the next element begins.
    at: usize,
    /// Tracks that began.
    files: usize,
    /// Of the element that was read last: a block may hold half a minute.
    events: VecDeque<Owned>,
    /// What is wrong behind these.
    error: Option<Error>,
    /// Samples that are missing before the packet that is next.
    silence: usize,
    has_packets: bool,
    is_apart: bool,
}

/// An [`Event`] that waits.
enum Owned {
    Track(Track),
    Packet { at_us: Option<i64>, packet: Vec<u8> },
}

impl Slice {
    /// More than [`MOST_PAUSE_SECONDS`] are missing between the slice before and this one: true
    /// once, after the piece that found it.
    pub(super) fn take_break(&mut self) -> bool {
        take(&mut self.is_apart)
    }

    /// Goes on by one piece.
    pub(super) fn advance(
        &mut self,
        recording: &mut Recording,
        out: &mut Vec<i16>,
    ) -> Result<bool> {
        let (mut decoded, begun_at) = (0, self.at);
        while decoded < PIECE_SAMPLES && self.at - begun_at < PIECE_BYTES {
            if self.silence > 0 {
                let count = self.silence.min(PIECE_SAMPLES - decoded);
                out.resize(out.len() + count, 0);
                self.silence -= count;
                decoded += count;
            } else if let Some(event) = self.events.pop_front() {
                let done = self.decode(event, recording, out);
                decoded += done.inspect_err(|_| recording.lose_place())?;
            } else if let Some(error) = self.error.take() {
                recording.lose_place();
                return Err(error);
            } else if self.at == self.data.len() {
                return Ok(true);
            } else {
                self.read(&mut recording.container);
            }
        }
        Ok(self.is_done())
    }

    fn is_done(&self) -> bool {
        self.at == self.data.len() && self.events.is_empty() && self.error.is_none()
    }

    /// Reads the next element.
    fn read(&mut self, container: &mut Container) {
        let rest = &self.data[self.at..];
        let left = container.read_on(rest, &mut |event| {
            self.events.push_back(match event {
                Event::Track(track) => Owned::Track(track),
                Event::Packet { at_us, packet } => {
                    Owned::Packet { at_us, packet: packet.to_vec() }
                }
            });
            Ok(())
        });
        match left {
            Ok(left) => self.at = self.data.len() - left.len(),
            Err(error) => self.error = Some(error),
        }
    }

    /// How many samples were decoded; none where silence comes first, and the event next.
    fn decode(
        &mut self,
        event: Owned,
        recording: &mut Recording,
        out: &mut Vec<i16>,
    ) -> Result<usize> {
        match event {
            Owned::Track(track) => {
                recording.codec = None;
                self.files += 1;
                if self.files > MOST_FILES {
                    let what =
                        format!("more than {MOST_FILES} files in one chunk; send them singly");
                    return Err(Error::new(ErrorKind::InvalidInput, what));
                }
                recording.codec = Some(Codec::new(track)?);
                recording.timeline = Timeline::default();
                Ok(0)
            }
            Owned::Packet { at_us, packet } => {
                let missing = recording.timeline.missing(at_us);
                if missing > 0 {
                    self.pause(missing)?;
                    // It is due now.
                    self.events.push_front(Owned::Packet { at_us, packet });
                    return Ok(0);
                }
                self.has_packets = true;
                let Some(codec) = &mut recording.codec else {
                    // Its track was of no use, and the packets of the same chunk are of none.
                    return Err(unplayable());
                };
                let lasts_us = codec.push(&packet, out)?;
                recording.timeline.played(lasts_us);
                Ok(samples_in(lasts_us))
            }
        }
    }

    /// So much is missing before the next packet.
    fn pause(&mut self, samples: usize) -> Result<()> {
        let is_between = !self.has_packets;
        self.has_packets = true;
        if is_between && samples > MOST_PAUSE_SECONDS * SAMPLE_RATE_HZ as usize {
            self.is_apart = true;
            return Ok(());
        }
        if samples > MOST_SAMPLES {
            return Err(too_long());
        }
        self.silence = samples;
        Ok(())
    }
}

/// Counted at 16 kHz.
fn samples_in(us: i64) -> usize {
    usize::try_from(us * i64::from(SAMPLE_RATE_HZ) / 1_000_000).unwrap_or(0)
}

fn unplayable() -> Error {
    let what = "sound of a recording whose beginning could not be used; restart the recorder";
    Error::new(ErrorKind::InvalidInput, what)
}
