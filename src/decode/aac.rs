//! [`AacDecoder`]: AAC packets to 16 kHz mono. The only door to that codec.
//!
//! AAC-LC in mono or stereo, as browsers record. Its own rate is converted after it.

use symphonia_codec_aac::AacDecoder as Codec;
use symphonia_core::{
    audio::{Audio as _, Channels, GenericAudioBufferRef},
    codecs::audio::{
        AudioCodecParameters, AudioDecoder as _, AudioDecoderOptions, well_known::CODEC_ID_AAC,
    },
    packet::PacketRef,
};

use super::{channels::ChannelMixer, packets::AacTrack, resample::Resampler};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, FULL_SCALE, SAMPLE_RATE_HZ, to_i16},
};

/// Decodes the packets of one track, in their order.
pub struct AacDecoder {
    codec: Codec,
    rate_hz: u32,
    /// `None` where the track is at 16 kHz.
    resampler: Option<Resampler>,
    /// Samples of one channel, at the track's rate, that are still to be left out at the beginning.
    skip: usize,
    mixer: ChannelMixer,
    /// A packet's samples with their channels, and mixed.
    frames: Vec<f32>,
    mono: Vec<f32>,
    converted: Vec<f32>,
}

impl AacDecoder {
    /// A decoder for the beginning of `track`.
    ///
    /// # Errors
    /// `InvalidInput` when it is another profile than LC, has more than two channels, or a rate
    /// that is not converted here.
    pub fn new(track: AacTrack) -> Result<Self> {
        let (bytes, count) = track.config;
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_extra_data(bytes[..count.min(bytes.len())].into());
        let codec = Codec::try_new(&params, &AudioDecoderOptions::default()).map_err(|cause| {
            let what = "AAC of another kind than LC in mono or stereo (HE-AAC, more channels); \
                        record with `audio/mp4;codecs=mp4a.40.2`";
            Error::new(ErrorKind::InvalidInput, what).because(cause)
        })?;
        let rate_hz = codec.codec_params().sample_rate.unwrap_or(0);
        let resampler = match rate_hz {
            SAMPLE_RATE_HZ => None,
            8000..=96_000 => Some(Resampler::new(rate_hz).ok_or_else(|| unusual(rate_hz))?),
            _ => return Err(unusual(rate_hz)),
        };
        // 1024 samples at 44.1 kHz are no whole number of µs.
        let skip = (u64::from(track.skip_us) * u64::from(rate_hz) + 500_000) / 1_000_000;
        let skip = usize::try_from(skip).expect("less than a second");
        let channels = codec.codec_params().channels.as_ref().map_or(1, Channels::count);
        Ok(AacDecoder {
            codec,
            rate_hz,
            resampler,
            skip,
            mixer: ChannelMixer::new(channels.max(1), rate_hz as f32, 1.0),
            frames: Vec::new(),
            mono: Vec::new(),
            converted: Vec::new(),
        })
    }

    /// What is wrong with the channels of its sound.
    pub fn channel_fault(&self) -> Option<ChannelFault> {
        self.mixer.fault()
    }

    /// Appends the sound of the next packet; gives how long it lasts in µs, with what is left out
    /// at the beginning.
    ///
    /// # Errors
    /// `InvalidInput` when it is no packet of AAC.
    pub fn push(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<i64> {
        let packet = PacketRef::new(0, 0.into(), 0_u64.into(), packet);
        let decoded = self.codec.decode_ref(&packet).map_err(|cause| {
            let what = "a broken packet of AAC; restart the recorder";
            Error::new(ErrorKind::InvalidInput, what).because(cause)
        })?;
        let GenericAudioBufferRef::F32(planes) = decoded else {
            return Err(Error::new(
                ErrorKind::Internal,
                "the AAC codec gives no 32-bit floats",
            ));
        };
        let count = planes.frames();
        self.frames.clear();
        planes.copy_to_vec_interleaved(&mut self.frames);
        self.mono.clear();
        self.mixer.mix(&self.frames, &mut self.mono);
        let skip = self.skip.min(count);
        self.skip -= skip;
        let fresh = &self.mono[skip..];
        self.converted.clear();
        let sound = match &mut self.resampler {
            None => fresh,
            Some(resampler) => {
                resampler.push(fresh, &mut self.converted);
                &self.converted
            }
        };
        out.extend(sound.iter().map(|sample| to_i16(*sample * FULL_SCALE)));
        Ok(count as i64 * 1_000_000 / i64::from(self.rate_hz))
    }
}

fn unusual(rate_hz: u32) -> Error {
    let what =
        format!("AAC at {rate_hz} Hz is not converted here; record at 48000 or 44100 Hz");
    Error::new(ErrorKind::InvalidInput, what)
}
