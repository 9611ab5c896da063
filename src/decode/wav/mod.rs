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
mod tests {
    use std::io::Cursor;

    use hound::{Sample, SampleFormat, WavSpec, WavWriter};

    use super::*;

    fn wav<S: Sample + Copy>(
        channels: u16,
        rate: u32,
        bits_per_sample: u16,
        sample_format: SampleFormat,
        s: &[S],
    ) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample, sample_format };
        let mut writer = WavWriter::new(&mut file, spec).unwrap();
        s.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<i16>> {
        let (mut reader, mut all) = (WavReader::new(bytes)?, Vec::new());
        let mut block = [0; 1000];
        loop {
            let count = reader.read(&mut block)?;
            all.extend_from_slice(&block[..count]);
            if count < block.len() {
                return Ok(all);
            }
        }
    }

    const INT: SampleFormat = SampleFormat::Int;

    #[test]
    fn our_own_format_comes_out_bit_by_bit() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        assert_eq!(read_all(&wav(1, 16_000, 16, INT, &samples)).unwrap(), samples);
    }

    #[test]
    fn every_width_means_the_same_loudness() {
        let half = |bits: u32| vec![1_i32 << (bits - 2); 100];
        for bits in [8, 16, 24, 32] {
            let bytes = wav(1, 16_000, bits, INT, &half(u32::from(bits)));
            assert_eq!(read_all(&bytes).unwrap(), vec![16_384; 100], "{bits} bit");
        }
        let bytes = wav(1, 16_000, 32, SampleFormat::Float, &[0.5_f32, 2.0, -2.0]);
        assert_eq!(read_all(&bytes).unwrap(), [16_384, i16::MAX, i16::MIN]);
    }

    #[test]
    fn channels_are_averaged_and_rates_converted() {
        let stereo: Vec<i16> = [1000, 3000].repeat(48_000);
        let mono = read_all(&wav(2, 48_000, 16, INT, &stereo)).unwrap();
        assert_eq!(mono.len(), 16_000);
        assert!(mono[100..15_900].iter().all(|&sample| sample == 2000));
    }

    #[test]
    fn channels_that_cancel_each_other_or_are_dead_are_no_silence() {
        let loud = |k: i32| i16::try_from((k * 37 % 200 - 100) * 100).unwrap();
        let mono: Vec<i16> = (0..48_000).map(loud).collect();
        for (gain, fault) in [(-1, ChannelFault::Opposite), (0, ChannelFault::Dead)] {
            let stereo: Vec<i16> = mono.iter().flat_map(|left| [*left, gain * left]).collect();
            let bytes = wav(2, 16_000, 16, INT, &stereo);
            assert_eq!(read_all(&bytes).unwrap(), mono, "{gain}");
            let mut reader = WavReader::new(&*bytes).unwrap();
            reader.read(&mut vec![0; 48_000]).unwrap();
            assert_eq!(reader.channel_fault(), Some(fault));
        }
    }

    #[test]
    fn a_file_that_was_cut_gives_what_it_has() {
        let mut bytes = wav(1, 16_000, 16, INT, &[7_i16; 5000]);
        bytes.truncate(bytes.len() - 2001);
        assert_eq!(read_all(&bytes).unwrap(), vec![7; 3999]);
    }

    #[test]
    fn more_valid_bits_than_bits_mean_nothing() {
        // Found by the fuzzer: 96 of 24; libsndfile reads as much.
        let wide = include_bytes!("../../../fuzz/corpus/wav/96_bits");
        assert!(!read_all(wide).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let nan = wav(1, 16_000, 32, SampleFormat::Float, &[0.1, f32::NAN]);
        let mut silent = wav(1, 16_000, 16, INT, &[0_i16; 9]);
        silent[22] = 0; // The number of channels.
        for bytes in [silent, nan, b"RIFF".to_vec(), vec![], wav(1, 1, 16, INT, &[0_i16])] {
            assert_eq!(read_all(&bytes).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
