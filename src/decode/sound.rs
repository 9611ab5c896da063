//! [`SoundDecoder`]: what a client sends as sound, to 16 kHz mono. Holds no queue and no clock.

use std::{fmt, io::Cursor};

pub use super::{
    recording::MOST_PAUSE_SECONDS,
    sound_limits::{MOST_SAMPLES, MOST_SECONDS, PIECE_SAMPLES},
};
use super::{
    recording::{Recording, Slice},
    sound_limits::{PIECE_BYTES, too_long},
    wav::WavReader,
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, SoundChunk, SoundFormat},
};

/// Decodes the chunks of one stream, in their order.
#[derive(Default)]
pub struct SoundDecoder {
    recording: Recording,
    channel_fault: Option<ChannelFault>,
}

impl fmt::Debug for SoundDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundDecoder").finish_non_exhaustive()
    }
}

impl SoundDecoder {
    /// What is wrong with the channels of the newest sound.
    pub fn channel_fault(&self) -> Option<ChannelFault> {
        self.channel_fault
    }

    /// Appends the sound of `chunk`; a WebM without sound, as some recorders begin or end with,
    /// appends nothing. Where time passed by the recording's clock without sound there is silence,
    /// between two chunks of up to [`MOST_PAUSE_SECONDS`] (see [`Decoding::take_break`]). After an
    /// error `out` is as before, and the next whole file or, within a recording, the next Cluster
    /// is decoded again.
    ///
    /// # Errors
    /// `InvalidInput` when the bytes do not match `chunk.format`, are damaged, or hold more than
    /// [`MOST_SECONDS`]; the message holds the remedy for the client.
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
            self.recording.lose_place();
        }
        let data = std::mem::take(&mut chunk.data);
        let source = match chunk.format {
            SoundFormat::Pcm16k => Source::Pcm { data, at: 0 },
            SoundFormat::Detect if is_wav(&data) => Source::UnreadWav { data, is_long: false },
            SoundFormat::Detect | SoundFormat::Recording => {
                Source::Slice(Box::new(self.recording.begin(data)))
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
            Source::Slice(slice) => slice.advance(&mut self.recording, out)?,
        };
        self.channel_fault = match &decoding.source {
            Source::Pcm { .. } | Source::UnreadWav { .. } => None,
            Source::Wav(reader) => reader.channel_fault(),
            Source::Slice(_) => self.recording.channel_fault(),
        };
        decoding.samples += out.len() - before;
        if decoding.samples > MOST_SAMPLES {
            if let Source::Slice(_) = decoding.source {
                self.recording.lose_place();
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

impl Decoding {
    /// So much time is missing before this chunk, by its own clock, that its sound does not follow
    /// the sound before: true once, after the piece that found it.
    pub fn take_break(&mut self) -> bool {
        if let Source::Slice(slice) = &mut self.source { slice.take_break() } else { false }
    }
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
    Slice(Box<Slice>),
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
