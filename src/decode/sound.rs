//! [`SoundDecoder`]: what a client sends as sound, to 16 kHz mono. Holds no queue and no clock.

use std::{collections::VecDeque, fmt, io::Cursor};

use super::{
    opus::OpusDecoder,
    wav::WavReader,
    webm::{Event, OpusTrack, WebmReader},
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, SAMPLE_RATE_HZ, SoundChunk, SoundFormat},
};

/// The most sound that one chunk may hold.
pub const MOST_SECONDS: usize = 60;

/// Each file in a chunk costs a decoder, and its sound may all lie before its beginning.
const MOST_FILES: usize = 60;

/// [`MOST_SECONDS`] in samples.
pub const MOST_SAMPLES: usize = MOST_SECONDS * SAMPLE_RATE_HZ as usize;

/// Sound that is decoded at a time, as far as packets and blocks allow.
pub const PIECE_SAMPLES: usize = 3 * SAMPLE_RATE_HZ as usize;

/// The same in bytes of WebM, and in samples of a WAV at its own rate and of all its channels:
/// some of it holds no sound, or much of it makes little.
const PIECE_BYTES: usize = 400_000;

/// Decodes the chunks of one stream, in their order.
#[derive(Default)]
pub struct SoundDecoder {
    webm: WebmReader,
    /// `None` before the first track.
    opus: Option<OpusDecoder>,
    channel_fault: Option<ChannelFault>,
}

impl fmt::Debug for SoundDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundDecoder").field("webm", &self.webm).finish_non_exhaustive()
    }
}

impl SoundDecoder {
    /// What is wrong with the channels of the newest sound.
    pub fn channel_fault(&self) -> Option<ChannelFault> {
        self.channel_fault
    }

    /// Appends the sound of `chunk`; a WebM without sound, as some recorders begin or end with,
    /// appends nothing. After an error `out` is as before, and the next whole file or, within a
    /// recording, the next Cluster is decoded again.
    ///
    /// # Errors
    /// `InvalidInput` when the bytes are not what `chunk.format` says, are damaged, or hold more
    /// than [`MOST_SECONDS`]; the message tells the client what to do.
    pub fn push(&mut self, chunk: &SoundChunk, out: &mut Vec<i16>) -> Result<()> {
        let before = out.len();
        let mut decoding = self.begin(&mut chunk.clone());
        loop {
            match self.advance(&mut decoding, out) {
                Ok(true) => return Ok(()),
                Ok(false) => (),
                Err(error) => {
                    out.truncate(before);
                    return Err(error);
                }
            }
        }
    }

    /// Begins a chunk, of which it takes the data.
    pub fn begin(&mut self, chunk: &mut SoundChunk) -> Decoding {
        if chunk.gap_before {
            self.webm.lose_place();
        }
        let data = std::mem::take(&mut chunk.data);
        let source = match chunk.format {
            SoundFormat::Pcm16k => Source::Pcm { data, at: 0 },
            SoundFormat::Detect if is_wav(&data) => Source::UnreadWav { data, is_long: false },
            SoundFormat::Detect | SoundFormat::WebM => {
                let at = data.len() - self.webm.begin(&data).len();
                Source::WebM(WebmSource { data, at, ..WebmSource::default() })
            }
        };
        Decoding { source, samples: 0 }
    }

    /// Goes on with the chunk that was begun last, by one piece, and appends its sound: true once
    /// that was all. A piece is the first packet, block or element by which [`PIECE_SAMPLES`] were
    /// decoded or some hundred kilobytes read; a chunk that holds no more is done with the first.
    /// **Of what is longer at most that much is decoded by the first piece**: who has no memory for
    /// more yet waits before the next.
    ///
    /// # Errors
    /// As [`SoundDecoder::push`]; what was appended is then to be thrown away.
    pub fn advance(&mut self, decoding: &mut Decoding, out: &mut Vec<i16>) -> Result<bool> {
        let before = out.len();
        let is_done = match &mut decoding.source {
            Source::Pcm { data, at } => pcm(data, at, out)?,
            Source::UnreadWav { data, is_long } => {
                let reader = WavReader::new(Cursor::new(data.as_slice()))?;
                let most_samples = reader.most_samples(data.len() as u64);
                if !*is_long && most_samples > PIECE_SAMPLES as u64 {
                    // Its filter takes memory, which a long one has from its second piece on.
                    *is_long = true;
                    return Ok(false);
                }
                let data = std::mem::take(data);
                let mut reader = Box::new(WavReader::new(Cursor::new(data))?);
                let is_done = wav(&mut reader, out)?;
                decoding.source = Source::Wav(reader);
                is_done
            }
            Source::Wav(reader) => wav(reader, out)?,
            Source::WebM(source) => source.advance(&mut self.webm, &mut self.opus, out)?,
        };
        decoding.samples += out.len() - before;
        if decoding.samples > MOST_SAMPLES {
            if let Source::WebM(_) = decoding.source {
                self.webm.lose_place();
            }
            return Err(too_long());
        }
        Ok(is_done)
    }
}

/// A chunk that is decoded piece by piece.
pub struct Decoding {
    source: Source,
    /// What was decoded so far.
    samples: usize,
}

impl fmt::Debug for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoding").field("samples", &self.samples).finish_non_exhaustive()
    }
}

enum Source {
    /// Bare samples; those before `at` are decoded.
    Pcm {
        data: Vec<u8>,
        at: usize,
    },
    UnreadWav {
        data: Vec<u8>,
        is_long: bool,
    },
    Wav(Box<WavReader<Cursor<Vec<u8>>>>),
    WebM(WebmSource),
}

/// A slice of WebM, under way.
#[derive(Default)]
struct WebmSource {
    data: Vec<u8>,
    /// Where the next element begins.
    at: usize,
    /// Tracks that began.
    files: usize,
    /// Of the element that was read last: a block may hold half a minute.
    events: VecDeque<Owned>,
    /// What is wrong behind these.
    error: Option<Error>,
}

/// An [`Event`] that waits.
enum Owned {
    Track(OpusTrack),
    Packet(Vec<u8>),
}

impl WebmSource {
    fn advance(
        &mut self,
        webm: &mut WebmReader,
        opus: &mut Option<OpusDecoder>,
        out: &mut Vec<i16>,
    ) -> Result<bool> {
        let (mut decoded, begun_at) = (0, self.at);
        while decoded < PIECE_SAMPLES && self.at - begun_at < PIECE_BYTES {
            if let Some(event) = self.events.pop_front() {
                let done = self.decode(event, opus, out);
                decoded += done.inspect_err(|_| webm.lose_place())?;
            } else if let Some(error) = self.error.take() {
                return Err(error);
            } else if self.at == self.data.len() {
                return Ok(true);
            } else {
                self.read(webm);
            }
        }
        Ok(self.is_done())
    }

    fn is_done(&self) -> bool {
        self.at == self.data.len() && self.events.is_empty() && self.error.is_none()
    }

    /// Reads the next element.
    fn read(&mut self, webm: &mut WebmReader) {
        let rest = &self.data[self.at..];
        let left = webm.read_on(rest, &mut |event| {
            self.events.push_back(match event {
                Event::Track(track) => Owned::Track(track),
                Event::Packet(packet) => Owned::Packet(packet.to_vec()),
            });
            Ok(())
        });
        match left {
            Ok(left) => self.at = self.data.len() - left.len(),
            Err(error) => self.error = Some(error),
        }
    }

    /// How many samples were decoded.
    fn decode(
        &mut self,
        event: Owned,
        opus: &mut Option<OpusDecoder>,
        out: &mut Vec<i16>,
    ) -> Result<usize> {
        match event {
            Owned::Track(track) => {
                self.files += 1;
                if self.files > MOST_FILES {
                    let what = format!(
                        "more than {MOST_FILES} WebM files in one chunk; send them singly"
                    );
                    return Err(Error::new(ErrorKind::InvalidInput, what));
                }
                *opus = Some(OpusDecoder::new(track)?);
                Ok(0)
            }
            Owned::Packet(packet) => {
                opus.as_mut().expect("a track comes before its packets").push(&packet, out)
            }
        }
    }
}

fn is_wav(data: &[u8]) -> bool {
    let is_riff = [b"RIFF", b"RIFX", b"RF64", b"BW64"].iter().any(|id| data.starts_with(*id));
    is_riff && data.get(8..12) == Some(b"WAVE")
}

fn pcm(data: &[u8], at: &mut usize, out: &mut Vec<i16>) -> Result<bool> {
    let (samples, rest) = data.as_chunks::<2>();
    if !rest.is_empty() {
        let what = format!(
            "{} bytes of PCM; a sample has 2 (signed, little endian, 16 kHz, mono)",
            data.len()
        );
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    if samples.len() > MOST_SAMPLES {
        return Err(too_long());
    }
    let end = (*at + PIECE_SAMPLES).min(samples.len());
    out.extend(samples[*at..end].iter().map(|sample| i16::from_le_bytes(*sample)));
    *at = end;
    Ok(end == samples.len())
}

fn wav(reader: &mut WavReader<Cursor<Vec<u8>>>, out: &mut Vec<i16>) -> Result<bool> {
    // Short, since at the highest rate each sample is made of 24 of each channel.
    let (mut block, before, begun_at) = ([0; 512], out.len(), reader.consumed());
    while out.len() - before < PIECE_SAMPLES
        && reader.consumed() - begun_at < PIECE_BYTES as u64
    {
        let count = reader.read(&mut block)?;
        out.extend_from_slice(&block[..count]);
        if count < block.len() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn too_long() -> Error {
    let what =
        format!("more than {MOST_SECONDS} s of sound in one chunk; send it in smaller ones");
    Error::new(ErrorKind::InvalidInput, what)
}
