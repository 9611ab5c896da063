//! [`WavReader`]: 16 kHz mono samples out of any WAV. Reads as it goes; never the whole file.

use std::io::Read;

use hound::{SampleFormat, WavSpec};

use crate::{
    error::{Error, ErrorKind, Result},
    media::SAMPLE_RATE_HZ,
};

use super::resample::Resampler;

/// Reads a WAV of 8, 16, 24 or 32-bit integers or 32-bit floats as 16 kHz mono 16-bit.
///
/// 16 kHz mono 16-bit itself comes out unchanged, bit by bit.
pub struct WavReader<R> {
    reader: hound::WavReader<R>,
    spec: WavSpec,
    /// `None` where the file is at 16 kHz.
    resampler: Option<Resampler>,
    mixed: Vec<f32>,
    /// Converted samples that nobody has read; the first `taken` were.
    ready: Vec<f32>,
    taken: usize,
    is_at_end: bool,
    /// Samples of the file that were read, of all channels.
    consumed: u64,
}

/// Anything more is damage, not a recording.
const MOST_CHANNELS: u16 = 32;

const BITS: std::ops::RangeInclusive<u16> = 8..=32;

/// A file from a stranger must not grow a thousandfold on its way to 16 kHz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=384_000;

/// Frames (one sample of each channel) that are read at a time.
const BLOCK_FRAMES: usize = 4096;

impl<R: Read> WavReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when it is no WAV, or one that cannot be converted.
    pub fn new(reader: R) -> Result<Self> {
        let reader = hound::WavReader::new(reader).map_err(|err| {
            let message =
                "not a readable WAV; convert it: ffmpeg -i IN -ac 1 -ar 16000 OUT.wav";
            Error::new(ErrorKind::InvalidInput, message).because(err)
        })?;
        let spec = reader.spec();
        if !(1..=MOST_CHANNELS).contains(&spec.channels)
            || !BITS.contains(&spec.bits_per_sample)
        {
            let message = format!(
                "a WAV of {} channels of {} bits; 1 to {MOST_CHANNELS} of 8 to 32 bits are read",
                spec.channels, spec.bits_per_sample
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let resampler = match spec.sample_rate {
            SAMPLE_RATE_HZ => None,
            rate_hz if RATES_HZ.contains(&rate_hz) => {
                Some(Resampler::new(rate_hz).ok_or_else(|| unusual_rate(rate_hz))?)
            }
            rate_hz => return Err(unusual_rate(rate_hz)),
        };
        let (mixed, ready) = (Vec::new(), Vec::new());
        let (taken, is_at_end, consumed) = (0, false, 0);
        Ok(WavReader { reader, spec, resampler, mixed, ready, taken, is_at_end, consumed })
    }

    /// How long the file says it is, in samples at 16 kHz.
    pub fn declared_samples(&self) -> u64 {
        let frames = u64::from(self.reader.duration());
        frames * u64::from(SAMPLE_RATE_HZ) / u64::from(self.spec.sample_rate)
    }

    /// Samples of the file, of all channels, that were read so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Fills `into`; returns how many samples it wrote, fewer than asked only at the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when a sample is not a number or cannot be decoded,
    /// [`ErrorKind::Unavailable`] when the file cannot be read on.
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
                *to = to_i16(*from);
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
        let channels = usize::from(self.spec.channels);
        match (self.spec.sample_format, self.spec.bits_per_sample) {
            (SampleFormat::Float, _) => {
                let samples = self.reader.samples::<f32>();
                mix(samples, channels, &mut self.mixed)?;
            }
            (SampleFormat::Int, bits) => {
                let scale = 1.0 / f64::from(1_u32 << (bits - 1));
                #[allow(clippy::cast_possible_truncation, reason = "f32 holds 24 bits exactly")]
                let scaled = |sample: i32| (f64::from(sample) * scale) as f32;
                let samples = self.reader.samples::<i32>().map(|s| s.map(scaled));
                mix(samples, channels, &mut self.mixed)?;
            }
        }
        self.is_at_end = self.mixed.len() < BLOCK_FRAMES;
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
}

/// Averages the channels of up to [`BLOCK_FRAMES`] frames; a frame that was cut is left out.
fn mix(
    mut samples: impl Iterator<Item = hound::Result<f32>>,
    channels: usize,
    mixed: &mut Vec<f32>,
) -> Result<()> {
    #[allow(clippy::cast_precision_loss, reason = "a handful of channels")]
    let share = 1.0 / channels as f32;
    while mixed.len() < BLOCK_FRAMES {
        let mut sum = 0.0;
        for _ in 0..channels {
            match samples.next() {
                None => return Ok(()),
                Some(Ok(sample)) if sample.is_finite() => sum += sample,
                Some(Ok(_)) => {
                    let message = "the WAV holds a sample that is not a number; make it anew";
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                // hound's own word for a file that ends before its header says: use what is there.
                Some(Err(hound::Error::IoError(err))) if err.raw_os_error().is_none() => {
                    return Ok(());
                }
                Some(Err(err)) => return Err(unreadable(err)),
            }
        }
        mixed.push(sum * share);
    }
    Ok(())
}

fn unreadable(err: hound::Error) -> Error {
    let kind = match err {
        hound::Error::IoError(_) => ErrorKind::Unavailable,
        _ => ErrorKind::InvalidInput,
    };
    Error::new(kind, "cannot read on in the WAV; check the disk and the file").because(err)
}

fn unusual_rate(rate_hz: u32) -> Error {
    let message = format!(
        "a WAV of {rate_hz} Hz is not converted here; do it: ffmpeg -i IN.wav -ar 16000 OUT.wav"
    );
    Error::new(ErrorKind::InvalidInput, message)
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to i16 just before")]
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{Sample, WavWriter};

    use super::*;

    fn wav<S: Sample + Copy>(
        channels: u16,
        rate: u32,
        spec: (u16, SampleFormat),
        s: &[S],
    ) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let (bits_per_sample, sample_format) = spec;
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
        assert_eq!(read_all(&wav(1, 16_000, (16, INT), &samples)).unwrap(), samples);
    }

    #[test]
    fn every_width_means_the_same_loudness() {
        let half = |bits: u32| vec![1_i32 << (bits - 2); 100];
        for bits in [8, 16, 24, 32] {
            let bytes = wav(1, 16_000, (bits, INT), &half(u32::from(bits)));
            assert_eq!(read_all(&bytes).unwrap(), vec![16_384; 100], "{bits} bit");
        }
        let bytes = wav(1, 16_000, (32, SampleFormat::Float), &[0.5_f32, 2.0, -2.0]);
        assert_eq!(read_all(&bytes).unwrap(), [16_384, i16::MAX, i16::MIN]);
    }

    #[test]
    fn channels_are_averaged_and_rates_converted() {
        let stereo: Vec<i16> = [1000, 3000].repeat(48_000);
        let mono = read_all(&wav(2, 48_000, (16, INT), &stereo)).unwrap();
        assert_eq!(mono.len(), 16_000);
        assert!(mono[100..15_900].iter().all(|&sample| sample == 2000));
    }

    #[test]
    fn a_file_that_was_cut_gives_what_it_has() {
        let mut bytes = wav(1, 16_000, (16, INT), &[7_i16; 5000]);
        bytes.truncate(bytes.len() - 2001);
        assert_eq!(read_all(&bytes).unwrap(), vec![7; 3999]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let nan = wav(1, 16_000, (32, SampleFormat::Float), &[0.1, f32::NAN]);
        let mut silent = wav(1, 16_000, (16, INT), &[0_i16; 9]);
        silent[22] = 0; // The number of channels.
        // Found by the fuzzer.
        let wide = include_bytes!("../../fuzz/corpus/wav/96_bits").to_vec();
        for bytes in
            [silent, nan, b"RIFF".to_vec(), vec![], wide, wav(1, 1, (16, INT), &[0_i16])]
        {
            assert_eq!(read_all(&bytes).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
