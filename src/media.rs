//! What travels: [`Frame`], [`Period`], [`Segment`] and [`SoundChunk`]. Holds no decoding and no devices.

use std::time::Duration;

/// The one sample rate inside boothd; other rates are converted at the device.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Full scale of 16-bit samples.
pub const FULL_SCALE: f32 = 32_768.0;

/// The nearest 16-bit sample; `sample` is in steps of the 16-bit range, and clipped to it.
#[allow(clippy::cast_possible_truncation, reason = "clamped to 16 bits just before")]
pub fn to_i16(sample: f32) -> i16 {
    sample.round().clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i16
}

/// How the bytes of a [`Frame`] are laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PixelFormat {
    /// A whole JPEG picture (a camera's MJPEG frame).
    Jpeg,
    /// A whole PNG picture.
    Png,
    /// Packed 4:2:2, `Y0 U Y1 V`, 2 bytes a pixel, BT.601 limited range.
    Yuyv,
    /// Planar 4:2:0, Y then U then V, as Y4M has it.
    I420,
    /// 3 bytes a pixel, red first.
    Rgb8,
}

/// How a picture lies and must be turned to be upright: one of eight ways.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Orientation {
    /// As it is.
    #[default]
    Upright,
    /// Left and right must be exchanged.
    Mirrored,
    /// It must be turned by 180 degrees.
    Turned180,
    /// Top and bottom must be exchanged.
    Flipped,
    /// Rows must become columns, and columns rows.
    Transposed,
    /// It must be turned clockwise by 90 degrees.
    Turned90,
    /// The same, both counted from their ends.
    Transverse,
    /// It must be turned clockwise by 270 degrees.
    Turned270,
}

impl Orientation {
    /// In the order of their numbers in Exif 2.32 (section 4.6.4), which begin with 1.
    pub const ALL: [Orientation; 8] = [
        Orientation::Upright,
        Orientation::Mirrored,
        Orientation::Turned180,
        Orientation::Flipped,
        Orientation::Transposed,
        Orientation::Turned90,
        Orientation::Transverse,
        Orientation::Turned270,
    ];

    /// The picture is turned clockwise by so many quarters, then left and right are exchanged.
    pub fn new(quarters: u32, mirror: bool) -> Self {
        match (quarters % 4, mirror) {
            (0, false) => Orientation::Upright,
            (0, true) => Orientation::Mirrored,
            (1, false) => Orientation::Turned90,
            (1, true) => Orientation::Transposed,
            (2, false) => Orientation::Turned180,
            (2, true) => Orientation::Flipped,
            (_, false) => Orientation::Turned270,
            (_, true) => Orientation::Transverse,
        }
    }

    /// Width and height change places.
    pub fn swaps_sides(self) -> bool {
        use Orientation::{Transposed, Transverse, Turned90, Turned270};
        matches!(self, Transposed | Turned90 | Transverse | Turned270)
    }
}

/// One picture as it was captured, not yet decoded.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Counts every frame this source analysed or dropped after pacing, from 0.
    pub sequence: u64,
    /// When the frame was in memory: the clock's monotonic time, or the media time of a file
    /// that is analysed faster than real time.
    pub captured_at: Duration,
    /// Wall time of the same moment, ms since 1970.
    pub unix_ms: i64,
    /// Width in pixels; for JPEG and PNG as the device promised (the decoder finds the truth).
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Layout of `data`.
    pub format: PixelFormat,
    /// How it is turned once it is decoded, in addition to the orientation in the file itself.
    pub orientation: Orientation,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What is wrong with the channels of some sound; the mono samples do without it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChannelFault {
    /// One channel is the other, negated: a balanced microphone in a stereo jack.
    Opposite,
    /// At least one channel is silent beside the others.
    Dead,
}

impl ChannelFault {
    /// As reports have it.
    pub fn name(self) -> &'static str {
        match self {
            ChannelFault::Opposite => "opposite_channels",
            ChannelFault::Dead => "dead_channel",
        }
    }

    /// What it is, and what boothd does about it.
    pub fn sentence(self) -> &'static str {
        match self {
            ChannelFault::Opposite => {
                "one channel is the other turned over, as of a balanced microphone in a stereo \
                 jack; boothd turns it back"
            }
            ChannelFault::Dead => "one channel is silent beside the other and is left out",
        }
    }
}

/// One read from the microphone, 100 ms by default: 16 kHz mono.
#[derive(Clone, Debug)]
pub struct Period {
    /// When its last sample was in memory (the clock's monotonic time, or media time).
    pub captured_at: Duration,
    /// Wall time of the same moment, ms since 1970.
    pub unix_ms: i64,
    /// Samples were lost between the period before and this one.
    pub gap_before: bool,
    /// What is wrong with the channels that the samples were mixed from.
    pub channel_fault: Option<ChannelFault>,
    /// 16-bit samples.
    pub samples: Vec<i16>,
}

/// Some seconds of sound (3 by default) cut from the periods; successive segments may overlap.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Counts segments of this source from 0.
    pub sequence: u64,
    /// When its last sample was in memory (the clock's monotonic time, or media time).
    pub captured_at: Duration,
    /// Wall time of the same moment, ms since 1970.
    pub unix_ms: i64,
    /// How many samples at the end were not in the segment before.
    pub new_samples: usize,
    /// What is wrong with the channels that the newest samples were mixed from.
    pub channel_fault: Option<ChannelFault>,
    /// 16-bit samples, 16 kHz mono.
    pub samples: Vec<i16>,
}

/// How the bytes of a [`SoundChunk`] are laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SoundFormat {
    /// WAV or a recording, by the first bytes; anything else is a recording's later slice.
    Detect,
    /// A slice of a recording: WebM, Ogg or MP4, by the first bytes of its first slice.
    Recording,
    /// Bare samples, `s16le`, 16 kHz mono.
    Pcm16k,
}

/// Some sound as a client sent it, not yet decoded.
#[derive(Clone, Debug)]
pub struct SoundChunk {
    /// Counts the chunks of this source from 0.
    pub sequence: u64,
    /// When it was in memory (the clock's monotonic time).
    pub captured_at: Duration,
    /// Wall time of the same moment, ms since 1970.
    pub unix_ms: i64,
    /// Layout of `data`.
    pub format: SoundFormat,
    /// Chunks between the one before and this one were lost.
    pub gap_before: bool,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Segment {
    /// Length of the segment.
    pub fn duration(&self) -> Duration {
        duration_of(self.samples.len())
    }
}

/// How long `samples` samples last at [`SAMPLE_RATE_HZ`].
pub fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
}
