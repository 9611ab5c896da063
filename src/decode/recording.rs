//! [`Recording`]: what a recorder made, slice by slice, to 16 kHz mono. Holds no queue.
//!
//! Its container lists the packets and when each begins; its codec decodes them;
//! what is missing between them becomes silence, so that a pause lasts as long as it did.

use std::{collections::VecDeque, mem::take};

use super::{
    aac::AacDecoder,
    mp4::Mp4Reader,
    ogg::OggReader,
    opus::OpusDecoder,
    packets::{Event, Track},
    timeline::{Timeline, lasting_us},
    webm::WebmReader,
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

/// What the newest recording is in.
#[derive(Default)]
enum Container {
    /// No recording began.
    #[default]
    None,
    WebM(WebmReader),
    Ogg(OggReader),
    Mp4(Mp4Reader),
}

impl Container {
    /// Begins the next slice, which may be the first of a recording in another container; gives
    /// what of it is for [`Container::read_on`].
    fn begin<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
        // A first slice may be cut within its first bytes; a later one that begins like those may
        // be nothing but the next slice.
        let (is_first, magic) = (matches!(self, Container::None), &slice[..slice.len().min(8)]);
        let begins = |whole: bool, at: usize, first: &[u8]| {
            let given = magic.get(at..).unwrap_or_default();
            whole
                || (is_first
                    && !magic.is_empty()
                    && given.iter().zip(first).all(|(a, b)| a == b))
        };
        let is_webm = begins(WebmReader::is_beginning(slice), 0, &[0x1A, 0x45, 0xDF, 0xA3]);
        let is_ogg = begins(OggReader::is_beginning(slice), 0, b"OggS\0\x02");
        let is_mp4 = begins(Mp4Reader::is_beginning(slice), 4, b"ftyp") && slice[0] == 0;
        if is_webm && !matches!(self, Container::WebM(_)) {
            *self = Container::WebM(WebmReader::default());
        } else if is_ogg && !matches!(self, Container::Ogg(_)) {
            *self = Container::Ogg(OggReader::default());
        } else if is_mp4 && !matches!(self, Container::Mp4(_)) {
            *self = Container::Mp4(Mp4Reader::default());
        }
        match self {
            Container::None => slice,
            Container::WebM(reader) => reader.begin(slice),
            Container::Ogg(reader) => reader.begin(slice),
            Container::Mp4(reader) => reader.begin(slice),
        }
    }

    fn lose_place(&mut self) {
        match self {
            Container::None => (),
            Container::WebM(reader) => reader.lose_place(),
            Container::Ogg(reader) => reader.lose_place(),
            Container::Mp4(reader) => reader.lose_place(),
        }
    }

    fn read_on<'a>(
        &mut self,
        rest: &'a [u8],
        take: &mut dyn FnMut(Event<'_>) -> Result<()>,
    ) -> Result<&'a [u8]> {
        match self {
            Container::None => Err(unknown(rest)),
            Container::WebM(reader) => reader.read_on(rest, take),
            Container::Ogg(reader) => reader.read_on(rest, take),
            Container::Mp4(reader) => reader.read_on(rest, take),
        }
    }
}

/// What makes sound of packets.
enum Codec {
    Opus(Box<OpusDecoder>),
    Aac(Box<AacDecoder>),
}

impl Codec {
    fn new(track: Track) -> Result<Self> {
        Ok(match track {
            Track::Opus(track) => Codec::Opus(Box::new(OpusDecoder::new(track)?)),
            Track::Aac(track) => Codec::Aac(Box::new(AacDecoder::new(track)?)),
        })
    }

    fn channel_fault(&self) -> Option<ChannelFault> {
        match self {
            Codec::Opus(opus) => opus.channel_fault(),
            Codec::Aac(aac) => aac.channel_fault(),
        }
    }

    /// Appends a packet's sound; gives how long it lasts in µs.
    fn push(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<i64> {
        match self {
            Codec::Opus(opus) => opus.push(packet, out).map(lasting_us),
            Codec::Aac(aac) => aac.push(packet, out),
        }
    }
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

/// The error for a chunk that begins no recording and follows none.
fn unknown(data: &[u8]) -> Error {
    let send = "send WebM or Ogg with Opus, MP4 with AAC or Opus, or WAV";
    let what = match foreign(data) {
        Some(name) => format!("{name}, which is not decoded here; {send}"),
        None => format!(
            "neither the beginning of a recording nor the next slice of one whose beginning was \
             sent: restart the recorder on this connection and send its first slice first, or \
             send whole files; {send}"
        ),
    };
    Error::new(ErrorKind::InvalidInput, what)
}

/// The name of what begins like this.
fn foreign(data: &[u8]) -> Option<&'static str> {
    // Where in the file these bytes stand, and what it is then.
    const NAMES: [(usize, &[u8], &str); 21] = [
        (0, b"fLaC", "FLAC"),
        (0, b"ID3", "MP3"),
        (0, b"\xFF\xFB", "MP3"),
        (0, b"\xFF\xFA", "MP3"),
        (0, b"\xFF\xF3", "MP3"),
        (0, b"\xFF\xF2", "MP3"),
        (0, b"\xFF\xF1", "AAC without a container (ADTS)"),
        (0, b"\xFF\xF9", "AAC without a container (ADTS)"),
        (8, b"AIFF", "AIFF"),
        (8, b"AIFC", "AIFF"),
        (8, b"AVI ", "AVI"),
        (8, b"WEBP", "a picture (WebP)"),
        (0, b"caff", "Core Audio (CAF)"),
        (0, b".snd", "Sun audio (AU)"),
        (0, b"#!AMR", "AMR"),
        (0, b"riff\x2E\x91\xCF\x11", "Wave64"),
        (0, b"\x30\x26\xB2\x75", "Windows Media"),
        (0, b"OggS", "an Ogg from its middle: send its first slice first"),
        (4, b"moof", "an MP4 from its middle: send its first slice first"),
        (0, b"\xFF\xD8\xFF", "a picture (JPEG)"),
        (0, b"\x89PNG", "a picture (PNG)"),
    ];
    let found = NAMES
        .iter()
        .find(|(at, magic, _)| data.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    found.map(|(_, _, name)| *name)
}
