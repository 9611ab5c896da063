//! What a recorder puts its sound into: a container, and a codec within.

use crate::{
    decode::{
        aac::AacDecoder,
        mp4::Mp4Reader,
        ogg::OggReader,
        opus::OpusDecoder,
        packets::{Event, Track},
        timeline::lasting_us,
        webm::WebmReader,
    },
    error::{Error, ErrorKind, Result},
    media::ChannelFault,
};

/// What the newest recording is in.
#[derive(Default)]
pub(super) enum Container {
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
    pub(super) fn begin<'a>(&mut self, slice: &'a [u8]) -> &'a [u8] {
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

    pub(super) fn lose_place(&mut self) {
        match self {
            Container::None => (),
            Container::WebM(reader) => reader.lose_place(),
            Container::Ogg(reader) => reader.lose_place(),
            Container::Mp4(reader) => reader.lose_place(),
        }
    }

    pub(super) fn read_on<'a>(
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
pub(super) enum Codec {
    Opus(Box<OpusDecoder>),
    Aac(Box<AacDecoder>),
}

impl Codec {
    pub(super) fn new(track: Track) -> Result<Self> {
        Ok(match track {
            Track::Opus(track) => Codec::Opus(Box::new(OpusDecoder::new(track)?)),
            Track::Aac(track) => Codec::Aac(Box::new(AacDecoder::new(track)?)),
        })
    }

    pub(super) fn channel_fault(&self) -> Option<ChannelFault> {
        match self {
            Codec::Opus(opus) => opus.channel_fault(),
            Codec::Aac(aac) => aac.channel_fault(),
        }
    }

    /// Appends a packet's sound; gives how long it lasts in µs.
    pub(super) fn push(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<i64> {
        match self {
            Codec::Opus(opus) => opus.push(packet, out).map(lasting_us),
            Codec::Aac(aac) => aac.push(packet, out),
        }
    }
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
