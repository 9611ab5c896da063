//! [`SoundDecoder`]: what a client sends as sound, to 16 kHz mono. Holds no queue and no clock.

use std::fmt;

use super::{
    opus::OpusDecoder,
    wav::WavReader,
    webm::{Event, WebmReader},
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{SAMPLE_RATE_HZ, SoundChunk, SoundFormat},
};

/// The most sound that one chunk may hold.
pub const MOST_SECONDS: usize = 60;

/// Each file in a chunk costs a decoder, and its sound may all lie before its beginning.
const MOST_FILES: usize = 60;

/// [`MOST_SECONDS`] in samples.
pub const MOST_SAMPLES: usize = MOST_SECONDS * SAMPLE_RATE_HZ as usize;

/// Decodes the chunks of one stream, in their order.
#[derive(Default)]
pub struct SoundDecoder {
    webm: WebmReader,
    /// `None` before the first track.
    opus: Option<OpusDecoder>,
}

impl fmt::Debug for SoundDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundDecoder").field("webm", &self.webm).finish_non_exhaustive()
    }
}

impl SoundDecoder {
    /// Appends the sound of `chunk`; a WebM without sound, as some recorders begin or end with,
    /// appends nothing. After an error `out` is as before, and the next whole file or, within a
    /// recording, the next Cluster is decoded again.
    ///
    /// # Errors
    /// `InvalidInput` when the bytes are not what `chunk.format` says, are damaged, or hold more
    /// than [`MOST_SECONDS`]; the message tells the client what to do.
    pub fn push(&mut self, chunk: &SoundChunk, out: &mut Vec<i16>) -> Result<()> {
        let before = out.len();
        if chunk.gap_before {
            self.webm.lose_place();
        }
        let data = chunk.data.as_slice();
        let result = match chunk.format {
            SoundFormat::Pcm16k => pcm(data, out),
            SoundFormat::Detect if is_wav(data) => wav(data, out),
            SoundFormat::Detect | SoundFormat::WebM => self.webm(data, out),
        };
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    fn webm(&mut self, data: &[u8], out: &mut Vec<i16>) -> Result<()> {
        let limit = out.len() + MOST_SAMPLES;
        let (opus, mut files) = (&mut self.opus, 0);
        self.webm.push(data, &mut |event| match event {
            Event::Track(track) => {
                files += 1;
                if files > MOST_FILES {
                    let what = format!(
                        "more than {MOST_FILES} WebM files in one chunk; send them singly"
                    );
                    return Err(Error::new(ErrorKind::InvalidInput, what));
                }
                *opus = Some(OpusDecoder::new(track)?);
                Ok(())
            }
            Event::Packet(packet) => {
                opus.as_mut().expect("a track comes before its packets").push(packet, out)?;
                if out.len() > limit { Err(too_long()) } else { Ok(()) }
            }
        })
    }
}

fn is_wav(data: &[u8]) -> bool {
    data.starts_with(b"RIFF") && data.get(8..12) == Some(b"WAVE")
}

fn pcm(data: &[u8], out: &mut Vec<i16>) -> Result<()> {
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
    out.extend(samples.iter().map(|sample| i16::from_le_bytes(*sample)));
    Ok(())
}

fn wav(data: &[u8], out: &mut Vec<i16>) -> Result<()> {
    let mut reader = WavReader::new(data)?;
    let (mut block, limit) = ([0; 4096], out.len() + MOST_SAMPLES);
    loop {
        let count = reader.read(&mut block)?;
        out.extend_from_slice(&block[..count]);
        if out.len() > limit {
            return Err(too_long());
        }
        if count < block.len() {
            return Ok(());
        }
    }
}

fn too_long() -> Error {
    let what =
        format!("more than {MOST_SECONDS} s of sound in one chunk; send it in smaller ones");
    Error::new(ErrorKind::InvalidInput, what)
}
