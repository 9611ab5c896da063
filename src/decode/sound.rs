//! [`SoundDecoder`]: a client's chunks to 16 kHz mono samples.
//!
//! A stand-in until WebM can be read: it knows bare samples and whole WAV files.

use super::wav::WavReader;
use crate::{
    error::{Error, ErrorKind, Result},
    media::{SAMPLE_RATE_HZ, SoundChunk, SoundFormat},
};

/// More sound than this in one chunk is refused before room is made for it.
const MOST_SECONDS: usize = 60;
const MOST_SAMPLES: usize = MOST_SECONDS * SAMPLE_RATE_HZ as usize;

/// What is known of a stream of chunks.
#[derive(Debug, Default)]
pub struct SoundDecoder {}

impl SoundDecoder {
    /// Appends the chunk's sound to `out`, as 16 kHz mono. One without sound appends nothing.
    ///
    /// # Errors
    /// `InvalidInput` with what the sender can do about it; `out` is then as before.
    pub fn push(&mut self, chunk: &SoundChunk, out: &mut Vec<i16>) -> Result<()> {
        let before = out.len();
        let done = match chunk.format {
            SoundFormat::Pcm16k => pcm(&chunk.data, out),
            SoundFormat::Detect if chunk.data.starts_with(b"RIFF") => wav(&chunk.data, out),
            SoundFormat::Detect | SoundFormat::WebM => {
                Err(refuse("WebM is not supported yet; send WAV or PCM"))
            }
        };
        if done.is_err() {
            out.truncate(before);
        }
        done
    }
}

fn pcm(data: &[u8], out: &mut Vec<i16>) -> Result<()> {
    if !data.len().is_multiple_of(2) {
        return Err(refuse("PCM has 2 bytes a sample; the chunk ends in the middle of one"));
    }
    if data.len() / 2 > MOST_SAMPLES {
        return Err(too_long());
    }
    out.extend(data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    Ok(())
}

fn wav(data: &[u8], out: &mut Vec<i16>) -> Result<()> {
    let mut reader = WavReader::new(data)?;
    let (before, mut block) = (out.len(), [0; 4096]);
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(()),
            count => out.extend_from_slice(&block[..count]),
        }
        if out.len() - before > MOST_SAMPLES {
            return Err(too_long());
        }
    }
}

fn too_long() -> Error {
    refuse("a chunk may hold 60 s of sound at most; send shorter ones")
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}
