//! [`OpusDecoder`]: Opus packets to 16 kHz mono. The only door to the codec.
//!
//! Opus decodes at 16 kHz itself, so nothing is resampled after it. Its own mono of two channels
//! is their mean, which is silence where they cancel each other, so stereo is mixed here. Why this
//! codec: docs/design/decisions/0006-opus.md.

use ropus::{Channels, DecodeMode, Decoder};

use super::{channels::ChannelMixer, packets::OpusTrack};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, FULL_SCALE, SAMPLE_RATE_HZ, to_i16},
};

/// The longest packet lasts 120 ms.
const LARGEST_PACKET_SAMPLES: usize = SAMPLE_RATE_HZ as usize * 120 / 1000;

/// Opus counts its pre-skip at this rate.
const OPUS_RATE_HZ: u32 = 48_000;

/// Decodes the packets of one track, in their order.
pub struct OpusDecoder {
    decoder: Decoder,
    mixer: ChannelMixer,
    /// Samples that are still to be left out at the beginning.
    skip: usize,
    /// One packet's sound, with its channels, and mixed.
    samples: Box<[i16]>,
    mono: Vec<f32>,
}

impl OpusDecoder {
    /// A decoder for the beginning of `track`.
    ///
    /// # Errors
    /// `Internal`: the codec refused 16 kHz mono.
    pub fn new(track: OpusTrack) -> Result<Self> {
        let (channels, width) =
            if track.channels > 1 { (Channels::Stereo, 2) } else { (Channels::Mono, 1) };
        let mut decoder = Decoder::new(SAMPLE_RATE_HZ, channels).map_err(unfit)?;
        decoder.set_gain(track.gain_q8_db.into()).map_err(unfit)?;
        let skip = usize::from(track.pre_skip) / (OPUS_RATE_HZ / SAMPLE_RATE_HZ) as usize;
        let samples = vec![0; LARGEST_PACKET_SAMPLES * width].into_boxed_slice();
        let mixer = ChannelMixer::new(width, SAMPLE_RATE_HZ as f32, FULL_SCALE);
        Ok(OpusDecoder { decoder, mixer, skip, samples, mono: Vec::new() })
    }

    /// Appends the sound of the next packet, at most 120 ms; gives how many samples were decoded,
    /// with those that are left out at the beginning.
    ///
    /// # Errors
    /// `InvalidInput` when it is no Opus packet.
    pub fn push(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<usize> {
        if packet.is_empty() {
            // To the codec this would mean a lost packet, whose sound it makes up.
            return Err(broken("it is empty"));
        }
        let samples = &mut self.samples[..];
        let count = self
            .decoder
            .decode(packet, samples, DecodeMode::Normal)
            .map_err(|err| broken(&err.to_string()))?;
        let skip = self.skip.min(count);
        self.skip -= skip;
        let width = self.mixer.channels();
        if width == 1 {
            out.extend_from_slice(&samples[skip..count]);
            return Ok(count);
        }
        self.mono.clear();
        self.mixer.mix(&samples[..count * width], &mut self.mono);
        out.extend(self.mono[skip..].iter().map(|sample| to_i16(*sample)));
        Ok(count)
    }

    /// What is wrong with the channels of its sound.
    pub fn channel_fault(&self) -> Option<ChannelFault> {
        self.mixer.fault()
    }
}

fn unfit(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "the Opus codec refuses 16 kHz mono").because(cause)
}

fn broken(cause: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "a broken Opus packet; restart the recorder")
        .because(cause.to_owned())
}
