//! WAVs as the world writes them: every format, number of channels, kind of header and cut, each
//! beside its definition.
//!
//! `WAV_MATRIX=DIR cargo test --release --test decode_wav` also writes them there, for
//! `scripts/compare_wavs_with_libsndfile.py DIR`.

use std::{env, fs, path::Path, time::Duration};

use boothd::{
    decode::{sound::SoundDecoder, wav::WavReader},
    error::{ErrorKind, Result},
    media::{SoundChunk, SoundFormat},
};

/// How a sample is written: the format's number, its bits, and whether it is extensible.
#[derive(Clone, Copy)]
struct Format {
    name: &'static str,
    tag: u16,
    bits: u16,
    /// Valid bits that an extensible format states.
    valid: Option<u16>,
    /// Of 16 signed bits: what is written (little endian), and what that is worth (1.0 is full
    /// scale).
    write: fn(i16) -> (Vec<u8>, f64),
}

const FORMATS: [Format; 14] = [
    format("u8", 1, 8, None, |v| {
        let byte = (i32::from(v) + 32_768) >> 8;
        (vec![u8::try_from(byte).expect("readable")], f64::from(byte - 128) / 128.0)
    }),
    format("s16", 1, 16, None, |v| (v.to_le_bytes().to_vec(), f64::from(v) / 32_768.0)),
    format("s16_ext", 1, 16, Some(16), |v| (v.to_le_bytes().to_vec(), f64::from(v) / 32_768.0)),
    // Fewer valid bits are the upper ones.
    format("s12_in_16_ext", 1, 16, Some(12), |v| {
        let v = v & !0xF;
        (v.to_le_bytes().to_vec(), f64::from(v) / 32_768.0)
    }),
    format("s12", 1, 12, None, |v| {
        let v = v & !0xF;
        (v.to_le_bytes().to_vec(), f64::from(v) / 32_768.0)
    }),
    format("s20", 1, 20, None, |v| wide(v, 3, 0xF0)),
    format("s24", 1, 24, None, |v| wide(v, 3, 0xFF)),
    format("s24_in_32_ext", 1, 32, Some(24), |v| wide(v, 4, 0xFF)),
    format("s32", 1, 32, None, |v| wide(v, 4, 0xFF)),
    format("f32", 3, 32, None, |v| {
        let v = f32::from(v) / 30_000.0;
        (v.to_le_bytes().to_vec(), v.into())
    }),
    format("f32_ext", 3, 32, Some(32), |v| {
        let v = f32::from(v) / 30_000.0;
        (v.to_le_bytes().to_vec(), v.into())
    }),
    format("f64", 3, 64, None, |v| {
        let v = f64::from(v) / 40_000.0;
        (v.to_le_bytes().to_vec(), v)
    }),
    format("a_law", 6, 8, None, |v| {
        let byte = v.to_le_bytes()[1];
        (vec![byte], a_law(byte))
    }),
    format("mu_law_ext", 7, 8, Some(8), |v| {
        let byte = v.to_le_bytes()[1];
        (vec![byte], mu_law(byte))
    }),
];

const fn format(
    name: &'static str,
    tag: u16,
    bits: u16,
    valid: Option<u16>,
    write: fn(i16) -> (Vec<u8>, f64),
) -> Format {
    Format { name, tag, bits, valid, write }
}

/// A sample of 3 or 4 bytes, of which the ones below 16 bits are not 0.
fn wide(v: i16, bytes: usize, mask: u8) -> (Vec<u8>, f64) {
    let [low, high] = v.to_le_bytes();
    let third = low.rotate_left(3) & mask;
    let value = i32::from_le_bytes([0, third, low, high]);
    let written = [0, third, low, high][4 - bytes..].to_vec();
    (written, f64::from(value) / 2_147_483_648.0)
}

/// ITU-T G.711: the sign, the segment and the step in it, as the middle of what it stands for.
fn a_law(byte: u8) -> f64 {
    let (segment, step) = (u32::from((byte ^ 0x55) >> 4 & 7), i32::from((byte ^ 0x55) & 15));
    let magnitude = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
    f64::from(if byte & 0x80 == 0 { -magnitude } else { magnitude }) * 8.0 / 32_768.0
}

fn mu_law(byte: u8) -> f64 {
    let (segment, step) = (u32::from(!byte >> 4 & 7), i32::from(!byte & 15));
    let magnitude = ((2 * step + 33) << segment) - 33;
    f64::from(if byte & 0x80 == 0 { -magnitude } else { magnitude }) * 4.0 / 32_768.0
}

/// What is around the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Header {
    Plain,
    /// A `LIST` of 17 bytes and its pad byte.
    OddList,
    /// The same without a pad byte (libsndfile refuses it).
    OddListUnpadded,
    /// `JUNK`, `bext` and `fact` before the samples, `LIST` and `id3 ` behind them.
    Chunks,
    /// The size of the samples and of the file as a pipe leaves them.
    Streamed,
    /// A size of 0, of a recorder that was ended (as ffmpeg takes it).
    NeverClosed,
    /// More is promised than is there.
    TooLong,
    Rf64,
    /// As Rf64 by another name (libsndfile does not know it).
    Bw64,
    /// RF64 of a pipe: 0 in `ds64`.
    StreamedRf64,
    /// Big endian.
    Rifx,
}

const HEADERS: [Header; 11] = [
    Header::Plain,
    Header::OddList,
    Header::OddListUnpadded,
    Header::Chunks,
    Header::Streamed,
    Header::NeverClosed,
    Header::TooLong,
    Header::Rf64,
    Header::Bw64,
    Header::StreamedRf64,
    Header::Rifx,
];

/// Bytes that are missing at the end of the samples: none, one, or a frame and a half.
const CUTS: [f64; 3] = [0.0, 0.0001, 1.5];

const CHANNELS: [u16; 3] = [1, 2, 6];

/// One file of the matrix, and the 16 kHz mono samples that it holds by definition.
struct Case {
    name: String,
    bytes: Vec<u8>,
    expected: Vec<i16>,
    is_mono: bool,
}

/// 399 frames, so that the samples of 8 bits are odd in number; each channel has its own.
fn case(format: &Format, channels: u16, header: Header, cut: f64) -> Case {
    let (mut samples, mut expected) = (Vec::new(), Vec::new());
    for frame in 0..399_i32 {
        let mut sum = 0.0;
        for channel in 0..i32::from(channels) {
            let value = i16::try_from((frame * (317 + 100 * channel)) % 65_536 - 32_768)
                .expect("it fits");
            let (mut bytes, worth) = (format.write)(value);
            if header == Header::Rifx {
                bytes.reverse();
            }
            samples.extend(bytes);
            sum += worth;
        }
        let mean = (sum / f64::from(channels) * 32_768.0).round();
        #[allow(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
        expected.push(mean.clamp(-32_768.0, 32_767.0) as i16);
    }
    let frame_bytes = samples.len() / 399;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few bytes")]
    let missing = (frame_bytes as f64 * cut).ceil() as usize;
    expected.truncate((samples.len() - missing) / frame_bytes);
    let bytes = file(&fmt(format, channels, header), header, &samples, missing);
    let name = format!("{}_{channels}ch_{header:?}_cut{missing}", format.name);
    Case { name, bytes, expected, is_mono: channels == 1 }
}

fn u16_of(header: Header, v: u16) -> [u8; 2] {
    if header == Header::Rifx { v.to_be_bytes() } else { v.to_le_bytes() }
}

fn u32_of(header: Header, v: u32) -> [u8; 4] {
    if header == Header::Rifx { v.to_be_bytes() } else { v.to_le_bytes() }
}

/// The chunk `fmt `.
fn fmt(format: &Format, channels: u16, header: Header) -> Vec<u8> {
    let two = |v| u16_of(header, v);
    let four = |v| u32_of(header, v);
    let align = channels * format.bits.div_ceil(8);
    let tag = if format.valid.is_some() { 0xFFFE } else { format.tag };
    let mut fmt = [two(tag), two(channels)].concat();
    fmt.extend([four(16_000), four(16_000 * u32::from(align))].concat());
    fmt.extend([two(align), two(format.bits)].concat());
    if let Some(valid) = format.valid {
        fmt.extend([two(22), two(valid), two(0), two(0)].concat());
        fmt.extend(four(format.tag.into()));
        fmt.extend([two(0), two(0x10)].concat());
        fmt.extend([0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    }
    fmt
}

/// The whole file, of whose samples `missing` bytes are cut at the end.
fn file(fmt: &[u8], header: Header, samples: &[u8], missing: usize) -> Vec<u8> {
    use Header::*;
    let four = |v| u32_of(header, v);
    let size = |bytes: &[u8]| four(u32::try_from(bytes.len()).expect("it fits"));
    let chunk = |id: &[u8; 4], body: &[u8]| {
        let pad = if body.len() % 2 == 1 { &[0][..] } else { &[] };
        [id, &size(body)[..], body, pad].concat()
    };
    let list = b"INFOISFT\x05\0\0\0abcd\0";
    let there = &samples[..samples.len() - missing];
    let long = |bytes: u64| [0, bytes, 399].map(u64::to_le_bytes).concat();
    let mut body = match header {
        Rf64 | Bw64 => chunk(b"ds64", &[&long(there.len() as u64)[..], &[0; 4]].concat()),
        StreamedRf64 => chunk(b"ds64", &[&long(0)[..], &[0; 4]].concat()),
        Chunks => [chunk(b"JUNK", &[7; 28]), chunk(b"bext", &[0; 603])].concat(),
        _ => Vec::new(),
    };
    body.extend(chunk(b"fmt ", fmt));
    body.extend(match header {
        OddList => chunk(b"LIST", list),
        OddListUnpadded => [b"LIST", &four(17)[..], list].concat(),
        Chunks => chunk(b"fact", &four(399)),
        _ => Vec::new(),
    });
    let data_size = match header {
        Streamed | Rf64 | Bw64 | StreamedRf64 => four(u32::MAX),
        NeverClosed => four(0),
        TooLong => four(0x7FFF_F000),
        // A header that is right and a file that was cut, or a frame that was cut by the writer.
        Chunks => size(there),
        _ => size(samples),
    };
    body.extend([b"data", &data_size[..], there].concat());
    if header == Chunks {
        body.extend(vec![0; there.len() % 2]);
        body.extend([chunk(b"LIST", list), chunk(b"id3 ", &[9; 11])].concat());
    }
    let id = match header {
        Rf64 | StreamedRf64 => b"RF64",
        Bw64 => b"BW64",
        Rifx => b"RIFX",
        _ => b"RIFF",
    };
    let riff_size = match header {
        Streamed | Rf64 | Bw64 | StreamedRf64 => four(u32::MAX),
        NeverClosed => four(8),
        _ => four(u32::try_from(body.len() + 4).expect("it fits")),
    };
    [id, &riff_size[..], b"WAVE", &body].concat()
}

fn decoded(bytes: &[u8]) -> Result<Vec<i16>> {
    let (captured_at, format) = (Duration::ZERO, SoundFormat::Detect);
    let data = bytes.to_vec();
    let chunk =
        SoundChunk { sequence: 0, captured_at, unix_ms: 0, format, gap_before: false, data };
    let mut sound = Vec::new();
    SoundDecoder::default().push(&chunk, &mut sound)?;
    Ok(sound)
}

fn matrix() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in &FORMATS {
        for channels in CHANNELS {
            for header in HEADERS {
                cases.extend(CUTS.map(|cut| case(format, channels, header, cut)));
            }
        }
    }
    cases
}

#[test]
fn every_wav_holds_what_its_definition_states() {
    let cases = matrix();
    assert_eq!(cases.len(), 14 * 3 * 11 * 3);
    for Case { name, bytes, expected, is_mono } in &cases {
        let sound = decoded(bytes).unwrap_or_else(|err| panic!("{name}: {err}"));
        assert_eq!(sound.len(), expected.len(), "{name}");
        // The average of channels may lie on the edge between two values.
        let most = i32::from(!is_mono);
        let worst = sound.iter().zip(expected);
        let worst = worst.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap();
        assert!(worst <= most, "{name}: {worst}");
        // A file is read by the same reader, of which each read is short.
        let (mut reader, mut block) = (WavReader::new(bytes.as_slice()).unwrap(), [0; 7]);
        let mut again = Vec::new();
        while let count @ 1.. = reader.read(&mut block).unwrap() {
            again.extend_from_slice(&block[..count]);
        }
        assert!(again == sound, "{name}");
    }
    if let Some(dir) = env::var_os("WAV_MATRIX") {
        let dir = Path::new(&dir);
        for Case { name, bytes, expected, .. } in &cases {
            let raw: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
            fs::write(dir.join(format!("{name}.wav")), bytes).unwrap();
            fs::write(dir.join(format!("{name}.s16le")), raw).unwrap();
        }
    }
}

/// `fmt ` and samples of a plain file.
fn plain(fmt: &[u8], samples: &[u8]) -> Vec<u8> {
    file(fmt, Header::Plain, samples, 0)
}

#[test]
fn what_is_not_decoded_is_named() {
    let good = fmt(&FORMATS[1], 1, Header::Plain);
    let with = |at: usize, bytes: &[u8]| {
        let mut fmt = good.clone();
        fmt[at..at + bytes.len()].copy_from_slice(bytes);
        plain(&fmt, &[0; 64])
    };
    let extensible = |tag: u16| {
        let mut fmt = fmt(&FORMATS[2], 1, Header::Plain);
        fmt[24..26].copy_from_slice(&tag.to_le_bytes());
        plain(&fmt, &[0; 64])
    };
    let whole = plain(&good, &[0; 64]);
    for (bytes, named) in [
        (with(0, &[2]), "Microsoft ADPCM"),
        (with(0, &[0x11]), "IMA ADPCM"),
        (with(0, &[0x31]), "GSM"),
        (with(0, &[0x55]), "MP3"),
        (extensible(0x55), "MP3"),
        (with(0, &[0xCD, 0xAB]), "0xABCD"),
        (with(0, &[3]), "floating point of 16 bits"),
        (with(14, &[0]), "PCM of 0 bits"),
        (with(14, &[64]), "PCM of 64 bits"),
        (with(2, &[0]), "0 channels"),
        (with(2, &[0x01, 0x04]), "1025 channels"),
        // 24 bits somewhere in 4 bytes.
        (with(12, &[4, 0, 24]), "frames of 4 bytes, where 3 are due"),
        (with(4, &[1, 0, 0, 0]), "1 Hz"),
        (plain(&good[..14], &[0; 64]), "less than 16 bytes"),
        (whole[..30].to_vec(), "ends within its chunk `fmt `"),
        (whole[..40].to_vec(), "ends within its list of chunks"),
        ([&whole[..36], b"LIST\xFF\0\0\0", &[0; 99]].concat(), "within its chunk `LIST`"),
        ([&whole[..36], &[0; 32]].concat(), "damaged"),
        ([&whole[..12], &whole[36..]].concat(), "before `fmt `"),
    ] {
        let err = decoded(&bytes).expect_err(named);
        assert_eq!(err.kind(), ErrorKind::InvalidInput, "{named}");
        assert!(err.to_string().contains(named), "{named}: {err}");
        assert!(err.to_string().contains("ffmpeg"), "has a remedy: {err}");
    }
}

#[test]
fn a_file_without_sound_is_empty_and_not_the_chunk_behind_it() {
    let good = fmt(&FORMATS[1], 1, Header::Plain);
    let empty = plain(&good, &[]);
    assert!(decoded(&empty).unwrap().is_empty());
    let list = [&empty[..], b"LIST\x04\0\0\0INFO"].concat();
    assert!(decoded(&list).unwrap().is_empty());
}
