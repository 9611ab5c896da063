//! [`WavReader`]: 16 kHz mono samples out of any WAV. Reads as it goes; never the whole file.

mod sample;
mod riff;

use std::io::Read;

use self::{
    riff::{Format, Peekable, unavailable},
    sample::unreadable,
};
use super::{channels::ChannelMixer, resample::Resampler};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, FULL_SCALE, SAMPLE_RATE_HZ, to_i16},
};

/// Reads a WAV (RIFF, RIFX, RF64, BW64) of integers of up to 32 bits, of floating point, A-law or
/// mu-law as 16 kHz mono 16-bit; what is cut or was never closed gives what it has.
///
/// 16 kHz mono 16-bit itself comes out unchanged, bit by bit.
pub struct WavReader<R> {
    reader: Peekable<R>,
    format: Format,
    is_big_endian: bool,
    /// Bytes of samples that the header promised and that are not read yet; `None`: all that follow.
    left: Option<u64>,
    /// `None` where the file is at 16 kHz.
    resampler: Option<Resampler>,
    /// A block as it stands in the file.
    raw: Vec<u8>,
    /// The same as numbers, with all channels.
    samples: Vec<f32>,
    mixer: ChannelMixer,
    mixed: Vec<f32>,
    /// Converted samples; the first `taken` are read.
    ready: Vec<f32>,
    taken: usize,
    is_at_end: bool,
    /// Samples of the file that were read, of all channels.
    consumed: u64,
}

/// As libsndfile; anything more is damage, not a recording.
const MOST_CHANNELS: u16 = 1024;

/// A file from an untrusted client must not grow a thousandfold on its way to 16 kHz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=384_000;

/// Frames (one sample of each channel) that are read at a time, where there are few channels.
const BLOCK_FRAMES: usize = 4096;

/// The same in samples of all channels.
const BLOCK_SAMPLES: usize = 8192;

impl<R: Read> WavReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when it is no WAV, or one that cannot be converted.
    pub fn new(reader: R) -> Result<Self> {
        let mut reader = Peekable::new(reader);
        let riff::Header { format, is_big_endian, data_bytes } = riff::header(&mut reader)?;
        if !(1..=MOST_CHANNELS).contains(&format.channels) {
            let what = format!("{} channels; 1 to {MOST_CHANNELS} are read", format.channels);
            return Err(unreadable(&what));
        }
        let resampler = match format.rate_hz {
            SAMPLE_RATE_HZ => None,
            rate_hz if RATES_HZ.contains(&rate_hz) => {
                Some(Resampler::new(rate_hz).ok_or_else(|| unusual_rate(rate_hz))?)
            }
            rate_hz => return Err(unusual_rate(rate_hz)),
        };
        let channels = usize::from(format.channels);
        let mixer = ChannelMixer::new(channels, format.rate_hz as f32, 1.0);
        Ok(WavReader {
            reader,
            format,
            mixer,
            samples: Vec::new(),
            is_big_endian,
            left: data_bytes,
            resampler,
            raw: Vec::new(),
            mixed: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            is_at_end: false,
            consumed: 0,
        })
    }

    /// How long a file of `file_bytes` is at most, in samples at 16 kHz.
    pub fn most_samples(&self, file_bytes: u64) -> u64 {
        let data_bytes = self.left.map_or(file_bytes, |left| left.min(file_bytes));
        let frames = data_bytes / self.frame_bytes() as u64;
        frames * u64::from(SAMPLE_RATE_HZ) / u64::from(self.format.rate_hz)
    }

    /// What is wrong with its channels, as far as they were read.
    pub fn channel_fault(&self) -> Option<ChannelFault> {
        self.mixer.fault()
    }

    /// Samples of the file, of all channels, that were read so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Fills `into`; returns how many samples it wrote, fewer than asked only at the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when a sample is not a number, [`ErrorKind::Unavailable`] when
    /// the file cannot be read on.
    pub fn read(&mut self, into: &mut [i16]) -> Result<usize> {
        let mut written = 0;
        while written < into.len() {
            if self.taken == self.ready.len() {
                if self.is_at_end {
                    break;
                }
                self.refill()?;
            }
            let fresh = &self.ready[self.taken..];
            let count = fresh.len().min(into.len() - written);
            for (to, from) in into[written..].iter_mut().zip(&fresh[..count]) {
                *to = to_i16(*from * FULL_SCALE);
            }
            written += count;
            self.taken += count;
        }
        Ok(written)
    }

    fn refill(&mut self) -> Result<()> {
        self.ready.clear();
        self.taken = 0;
        self.mixed.clear();
        self.read_block()?;
        let channels = usize::from(self.format.channels);
        self.samples.clear();
        self.format.encoding.decode(&self.raw, &mut self.samples);
        if !self.samples.iter().all(|sample| sample.is_finite()) {
            let message = "the WAV holds a sample that is not a number; create it again";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.mixer.mix(&self.samples, &mut self.mixed);
        self.consumed += (self.mixed.len() * channels) as u64;
        match &mut self.resampler {
            None => std::mem::swap(&mut self.mixed, &mut self.ready),
            Some(resampler) => {
                resampler.push(&self.mixed, &mut self.ready);
                if self.is_at_end {
                    resampler.finish(&mut self.ready);
                }
            }
        }
        Ok(())
    }

    /// Reads the next block of whole frames; a last one that was cut is left out.
    fn read_block(&mut self) -> Result<()> {
        let frame_bytes = self.frame_bytes();
        let channels = usize::from(self.format.channels);
        let block_bytes = frame_bytes * (BLOCK_SAMPLES / channels).clamp(1, BLOCK_FRAMES);
        let wanted = self.left.unwrap_or(u64::MAX).min(block_bytes as u64);
        self.raw.clear();
        self.raw.reserve_exact(block_bytes);
        (&mut self.reader).take(wanted).read_to_end(&mut self.raw).map_err(unavailable)?;
        if let Some(left) = &mut self.left {
            *left -= self.raw.len() as u64;
        }
        self.is_at_end = self.raw.len() < block_bytes;
        self.raw.truncate(self.raw.len() / frame_bytes * frame_bytes);
        let sample_bytes = self.format.encoding.bytes();
        if self.is_big_endian && sample_bytes > 1 {
            self.raw.chunks_exact_mut(sample_bytes).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    fn frame_bytes(&self) -> usize {
        self.format.encoding.bytes() * usize::from(self.format.channels)
    }
}

fn unusual_rate(rate_hz: u32) -> Error {
    let message = format!(
        "a WAV of {rate_hz} Hz is not converted here; do it: ffmpeg -i IN.wav -ar 16000 OUT.wav"
    );
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests;
