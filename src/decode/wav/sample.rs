//! [`Encoding`]: how a WAV writes a sample, and what it is worth.

use crate::error::{Error, ErrorKind, Result};

/// How one sample of one channel is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// Unsigned; 128 is silence.
    U8,
    S16,
    S24,
    S32,
    F32,
    F64,
    /// ITU-T G.711, 8 bits for 13.
    ALaw,
    /// ITU-T G.711, 8 bits for 14.
    MuLaw,
}

impl Encoding {
    /// The encoding of a format's number and its bits a sample. `frame_bytes` and `channels` are what
    /// the header states.
    ///
    /// Fewer bits than the bytes have are the upper ones (Microsoft, Multiple Channel Audio Data
    /// and WAVE Files), so that they need no regard.
    ///
    /// # Errors
    /// `InvalidInput` with the name of what is not decoded here.
    pub(super) fn of(tag: u16, bits: u16, frame_bytes: u16, channels: u16) -> Result<Self> {
        let encoding = match (tag, bits) {
            (1, 1..=8) => Encoding::U8,
            (1, 9..=16) => Encoding::S16,
            (1, 17..=24) => Encoding::S24,
            (1, 25..=32) => Encoding::S32,
            (3, 32) => Encoding::F32,
            (3, 64) => Encoding::F64,
            (6, _) => Encoding::ALaw,
            (7, _) => Encoding::MuLaw,
            _ => return Err(unreadable(&name(tag, bits))),
        };
        let stated = usize::from(frame_bytes);
        let own = encoding.bytes() * usize::from(channels);
        // Less is a writer's slip; more may be padding, whose place is unknown.
        if stated > own && matches!(tag, 1 | 3) {
            let what = format!(
                "{channels} channels of {bits} bits in frames of {stated} bytes, where {own} are due"
            );
            return Err(unreadable(&what));
        }
        Ok(encoding)
    }

    /// Of one sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Encoding::U8 | Encoding::ALaw | Encoding::MuLaw => 1,
            Encoding::S16 => 2,
            Encoding::S24 => 3,
            Encoding::S32 | Encoding::F32 => 4,
            Encoding::F64 => 8,
        }
    }

    /// Appends the samples in `raw` (whole ones, little endian); 1.0 is full scale.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "f32 holds 24 bits exactly; sound has 16"
    )]
    pub(super) fn decode(self, raw: &[u8], samples: &mut Vec<f32>) {
        const FULL_16: f32 = 1.0 / 32_768.0;
        const FULL_32: f64 = 1.0 / 2_147_483_648.0;
        match self {
            Encoding::U8 => {
                decode(raw, samples, |[byte]| (f32::from(byte) - 128.0) / 128.0);
            }
            Encoding::S16 => {
                decode(raw, samples, |bytes| f32::from(i16::from_le_bytes(bytes)) * FULL_16)
            }
            Encoding::S24 => decode(raw, samples, |[low, middle, high]| {
                (f64::from(i32::from_le_bytes([0, low, middle, high])) * FULL_32) as f32
            }),
            Encoding::S32 => decode(raw, samples, |bytes| {
                (f64::from(i32::from_le_bytes(bytes)) * FULL_32) as f32
            }),
            Encoding::F32 => decode(raw, samples, f32::from_le_bytes),
            Encoding::F64 => decode(raw, samples, |bytes| f64::from_le_bytes(bytes) as f32),
            Encoding::ALaw => {
                decode(raw, samples, |[byte]| f32::from(a_law(byte)) * FULL_16);
            }
            Encoding::MuLaw => {
                decode(raw, samples, |[byte]| f32::from(mu_law(byte)) * FULL_16);
            }
        }
    }
}

fn decode<const N: usize>(raw: &[u8], samples: &mut Vec<f32>, value: impl Fn([u8; N]) -> f32) {
    let (written, _) = raw.as_chunks::<N>();
    samples.extend(written.iter().map(|sample| value(*sample)));
}

/// G.711, table 1: every second bit is inverted; 3 bits of exponent and 4 of mantissa.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 0x0F));
    let step = match exponent {
        0 => mantissa << 4 | 8,
        _ => (mantissa << 4 | 0x108) << (exponent - 1),
    };
    if byte & 0x80 == 0 { -step } else { step }
}

/// G.711, table 2: all bits are inverted, and 33 (132 of 16 bits) is added before the exponent.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 0x0F));
    let step = ((mantissa << 3 | 0x84) << exponent) - 0x84;
    if byte & 0x80 == 0 { step } else { -step }
}

/// What a WAV holds that is not decoded here (numbers: RFC 2361 and mmreg.h).
fn name(tag: u16, bits: u16) -> String {
    let name = match tag {
        1 => return format!("PCM of {bits} bits"),
        3 => return format!("floating point of {bits} bits"),
        0x02 => "Microsoft ADPCM",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 6.10",
        0x50 => "MPEG layer 1 or 2",
        0x55 => "MP3",
        0xFF | 0x1600 | 0x1610 => "AAC",
        0x160..=0x163 => "Windows Media Audio",
        0x2000 => "AC-3",
        0xF1AC => "FLAC",
        _ => return format!("sound of the format {tag:#06X}"),
    };
    format!("sound as {name}")
}

/// The error of a file that is no WAV or a damaged one: why, and what to do.
pub(super) fn unreadable(why: &str) -> Error {
    let what =
        format!("not a readable WAV ({why}); convert it: ffmpeg -i IN -ac 1 -ar 16000 OUT.wav");
    Error::new(ErrorKind::InvalidInput, what)
}
