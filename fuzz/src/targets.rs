//! One function a target: takes any bytes and must not panic, hang, or take memory beyond the
//! limits that it checks. `tests/fuzz_corpus.rs` runs the same functions over the kept corpus.

use std::time::Duration;

use boothd::{
    booth_api::message::client,
    decode::{
        Picture,
        aac::AacDecoder,
        data_url,
        mjpeg::MjpegReader,
        opus::OpusDecoder,
        packets::{AacTrack, OpusTrack},
        sound::{MOST_SECONDS, SoundDecoder},
        y4m::Y4mReader,
    },
    media::{Frame, Orientation, PixelFormat, SAMPLE_RATE_HZ, SoundChunk, SoundFormat},
};

const MOST_SAMPLES: usize = MOST_SECONDS * SAMPLE_RATE_HZ as usize;

/// The first byte determines where and how the rest, a recording, is cut into chunks.
pub fn webm(data: &[u8]) {
    recording(data);
}

/// The same of an Ogg.
pub fn ogg(data: &[u8]) {
    recording(data);
}

/// The same of an MP4.
pub fn mp4(data: &[u8]) {
    recording(data);
}

fn recording(data: &[u8]) {
    let Some((&plan, data)) = data.split_first() else { return };
    let (mut decoder, mut sound) = (SoundDecoder::default(), Vec::new());
    let piece = match plan & 0x0F {
        0 => data.len().max(1),
        n => (1 << n) - 1,
    };
    for (n, bytes) in data.chunks(piece).enumerate() {
        let format =
            if plan & 0x10 == 0 { SoundFormat::Recording } else { SoundFormat::Detect };
        let gap_before = plan & 0x20 != 0 && n % 3 == 2;
        sound.clear();
        let refused = decoder.push(&chunk(format, gap_before, bytes), &mut sound).is_err();
        assert!(sound.len() <= MOST_SAMPLES && (!refused || sound.is_empty()));
    }
}

/// A row of packets: each has its length in two bytes before it.
pub fn opus_packet(mut data: &[u8]) {
    let track = OpusTrack { channels: 1, pre_skip: 312, gain_q8_db: 0 };
    let mut decoder = OpusDecoder::new(track).expect("takes 16 kHz mono");
    let mut sound = Vec::new();
    while let [low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (packet, after) = rest.split_at(length);
        data = after;
        sound.clear();
        let _refused = decoder.push(packet, &mut sound);
        assert!(sound.len() <= SAMPLE_RATE_HZ as usize * 120 / 1000);
    }
}

/// The first bytes are the track's configuration, behind their number; then packets as above.
pub fn aac_packet(data: &[u8]) {
    let Some((&count, data)) = data.split_first() else { return };
    let (given, mut data) = data.split_at(usize::from(count).min(data.len()).min(32));
    let mut config = ([0; 32], given.len());
    config.0[..given.len()].copy_from_slice(given);
    let Ok(mut decoder) = AacDecoder::new(AacTrack { config, skip_us: 0 }) else { return };
    let mut sound = Vec::new();
    while let [low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (packet, after) = rest.split_at(length);
        data = after;
        sound.clear();
        let _refused = decoder.push(packet, &mut sound);
        // 1024 samples at 8 kHz.
        assert!(sound.len() <= 2048 + 16);
    }
}

/// A client's frame as text, and the picture in it. Bytes that are no data URL are taken as the
/// picture itself, so that the fuzzer need not learn base64.
pub fn data_url(data: &[u8]) {
    let (format, bytes) = match data {
        [0xFF, 0xD8, ..] => (PixelFormat::Jpeg, data.to_vec()),
        [0x89, ..] => (PixelFormat::Png, data.to_vec()),
        _ => {
            let Ok(text) = std::str::from_utf8(data) else { return };
            let _sound = data_url::sound(text);
            let Ok(picture) = data_url::picture(text) else { return };
            picture
        }
    };
    decode(format, bytes);
}

/// A WAV of a client or a file.
pub fn wav(data: &[u8]) {
    let mut sound = Vec::new();
    let _refused =
        SoundDecoder::default().push(&chunk(SoundFormat::Detect, false, data), &mut sound);
    assert!(sound.len() <= MOST_SAMPLES);
}

/// A Y4M file, read and passed over.
pub fn y4m(data: &[u8]) {
    let Ok(mut reader) = Y4mReader::new(data) else { return };
    let header = reader.header();
    if let Ok(Some(bytes)) = reader.read() {
        let mut frame = frame(PixelFormat::I420, bytes);
        (frame.width_px, frame.height_px) = (header.width_px, header.height_px);
        let _refused = Picture::default().decode(&frame);
    }
    while reader.skip().is_ok_and(|is_more| is_more) {}
}

/// Concatenated JPEGs, each decoded.
pub fn mjpeg(data: &[u8]) {
    let mut reader = MjpegReader::new(data);
    let mut decoded = 0;
    while let Ok(Some(bytes)) = reader.read() {
        // A thousand of the smallest fit into one input; a few show as much.
        if decoded < 4 {
            decode(PixelFormat::Jpeg, bytes);
        }
        decoded += 1;
    }
}

fn decode(format: PixelFormat, bytes: Vec<u8>) {
    let mut picture = Picture::default();
    if picture.decode(&frame(format, bytes)).is_ok() {
        let pixels = picture.width_px as usize * picture.height_px as usize;
        assert_eq!(picture.rgb.len(), pixels * 3);
    }
}

fn frame(format: PixelFormat, data: Vec<u8>) -> Frame {
    let captured_at = Duration::ZERO;
    Frame {
        sequence: 0,
        captured_at,
        unix_ms: 0,
        width_px: 0,
        height_px: 0,
        format,
        orientation: Orientation::Upright,
        data,
    }
}

fn chunk(format: SoundFormat, gap_before: bool, data: &[u8]) -> SoundChunk {
    SoundChunk {
        sequence: 0,
        captured_at: Duration::ZERO,
        unix_ms: 0,
        format,
        gap_before,
        data: data.to_vec(),
    }
}

/// A text message and a binary one of a client.
pub fn message(data: &[u8]) {
    if let Ok((_, timestamp)) = client::parse_binary(data) {
        assert_eq!(data[1..client::BINARY_HEADER_BYTES], timestamp.to_le_bytes());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(refusal) = client::parse(text) {
        assert!(!refusal.code.is_empty() && !refusal.sentence.is_empty());
    }
}
