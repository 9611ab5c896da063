//! [`Event`]: what every container's reader finds in a recording, in the file's order.

use crate::error::{Error, ErrorKind, Result};

/// One item of a recording, in the file's order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// A file begins with this track; what came before is over.
    Track(Track),
    /// The next packet of that track.
    Packet {
        /// When its sound begins, in µs by the file's clock; `None` where it follows the packet
        /// before it directly, or the file does not state it.
        at_us: Option<i64>,
        /// The packet.
        packet: &'a [u8],
    },
}

/// How the sound of a file was encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Track {
    /// Opus.
    Opus(OpusTrack),
    /// AAC.
    Aac(AacTrack),
}

/// An Opus track: its `OpusHead` (RFC 7845, section 5.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpusTrack {
    /// 1 or 2.
    pub channels: u8,
    /// Samples at 48 kHz that the encoder put before the sound.
    pub pre_skip: u16,
    /// To be applied to the sound, in 1/256 dB.
    pub gain_q8_db: i16,
}

/// An AAC track.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AacTrack {
    /// Its `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1), of which so many bytes count.
    pub config: ([u8; 32], usize),
    /// µs that the encoder put before the sound.
    pub skip_us: u32,
}

impl OpusTrack {
    /// The track that an `OpusHead` describes; `head` starts at its first byte.
    ///
    /// # Errors
    /// `InvalidInput` when it is not whole, of a later version, or of more than two channels.
    pub(super) fn of_head(head: &[u8]) -> Result<Self> {
        let fields = head.strip_prefix(b"OpusHead");
        let Some(&[version, channels, skip_low, skip_high, _, _, _, _, low, high, family, ..]) =
            fields
        else {
            return Err(damaged("an Opus track without a whole OpusHead"));
        };
        if version & 0xF0 != 0 {
            return Err(damaged("an OpusHead of a later version"));
        }
        let track = OpusTrack {
            channels,
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            gain_q8_db: i16::from_le_bytes([low, high]),
        };
        track.of_few_channels(family)
    }

    /// Itself, where its channels are mono or stereo by the mapping of this `family`.
    pub(super) fn of_few_channels(self, family: u8) -> Result<Self> {
        if family != 0 || !(1..=2).contains(&self.channels) {
            let what = format!("Opus of {} channels; record in mono or stereo", self.channels);
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        Ok(self)
    }
}

fn damaged(what: &str) -> Error {
    let what = format!("a damaged recording: {what}; restart the recorder");
    Error::new(ErrorKind::InvalidInput, what)
}
