use jpeg_encoder::{ColorType, Encoder};

use super::{
    super::jpeg_header::{HUFFMAN_TABLES, START_OF_SCAN},
    *,
};

fn encode(width: u16, height: u16, colour: ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, 90).encode(pixels, width, height, colour).unwrap();
    jpeg
}

fn bars() -> Vec<u8> {
    let pixels: Vec<u8> = (0..48 * 32)
        .flat_map(|i| if i % 48 < 24 { [250, 5, 5] } else { [5, 5, 250] })
        .collect();
    encode(48, 32, ColorType::Rgb, &pixels)
}

fn decoded(data: &[u8]) -> Picture {
    let mut picture = Picture::default();
    decode(data, &mut picture).unwrap();
    picture
}

/// Removes every DHT segment, as many cameras do.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (jpeg[..2].to_vec(), &jpeg[2..]);
    while rest[1] != START_OF_SCAN {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[1] != HUFFMAN_TABLES {
            out.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    out
}

#[test]
fn colours_survive() {
    let picture = decoded(&bars());
    assert_eq!((picture.width_px, picture.height_px), (48, 32));
    assert!(picture.rgb[0] > 230 && picture.rgb[2] < 30, "{:?}", &picture.rgb[..3]);
}

#[test]
fn grey_becomes_rgb_and_one_pixel_is_a_picture() {
    let picture = decoded(&encode(1, 1, ColorType::Luma, &[200]));
    assert_eq!((picture.width_px, picture.height_px, picture.rgb.len()), (1, 1, 3));
    assert!(picture.rgb.iter().all(|byte| byte.abs_diff(200) <= 3), "{:?}", picture.rgb);
}

#[test]
fn camera_frames_without_tables_and_with_padding_decode_the_same() {
    let whole = bars();
    let mut camera = without_tables(&whole);
    assert!(camera.len() < whole.len());
    camera.extend_from_slice(&[0; 512]);
    assert_eq!(decoded(&camera), decoded(&whole));
}

#[test]
fn cut_off_and_garbage_are_refused() {
    let whole = bars();
    let garbage: Vec<u8> =
        (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let fake = [&[0xFF, 0xD8], garbage.as_slice(), &[0xFF, 0xD9]].concat();
    let inputs: [&[u8]; 5] = [&[], &whole[..1], &whole[..whole.len() / 2], &garbage, &fake];
    for data in inputs {
        let err = decode(data, &mut Picture::default()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn what_is_not_decoded_is_refused_with_words() {
    let whole = bars();
    let at = whole.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    let with = |offset: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[at + offset] = byte;
        decode(&changed, &mut Picture::default()).unwrap_err().to_string()
    };
    let twelve_bits = with(4, 12);
    assert!(twelve_bits.contains("12 bits"), "{twelve_bits}");
    let lossless = with(1, 0xC3);
    assert!(lossless.contains("0xC3") && lossless.contains("baseline"), "{lossless}");
}

#[test]
fn damage_is_reported_in_the_words_of_the_decoder() {
    let mut cut = bars();
    let end = cut.len() - 2;
    drop(cut.drain(end - 8..end));
    let err = decode(&cut, &mut Picture::default()).unwrap_err();
    let cause = std::error::Error::source(&err).unwrap().to_string();
    assert!(cause.contains("premature end"), "{err}: {cause}");
}

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    let whole = bars();
    let mut picture = Picture::default();
    for at in 0..whole.len() {
        let _cut = decode(&whole[..at], &mut picture);
        let mut flipped = whole.clone();
        flipped[at] ^= 0x5A;
        let _flipped = decode(&flipped, &mut picture);
    }
    decode(&whole, &mut picture).unwrap();
}

#[test]
fn a_huge_picture_is_refused_from_its_header() {
    let mut huge = bars();
    let frame = huge.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0x17, 0x70, 0x1F, 0x40]);
    let mut picture = Picture::default();
    let err = decode(&huge, &mut picture).unwrap_err().to_string();
    assert!(err.contains("8000x6000") && err.contains("4096"), "{err}");
    assert_eq!(picture.rgb.capacity(), 0);
}

/// A progressive JPEG of one value: a scan of the DC coefficients, then `scans` scans, each
/// of which adds nothing to any block.
fn progressive(side_px: u16, scans: usize) -> Vec<u8> {
    let [high, low] = side_px.to_be_bytes();
    let blocks = usize::from(side_px.div_ceil(8)).pow(2);
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    jpeg.extend([1; 64]);
    jpeg.extend([0xFF, 0xC2, 0, 17, 8, high, low, high, low, 3]);
    jpeg.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    let table = |class: u8, symbols: &[u8], length: usize| {
        let mut counts = [0; 16];
        counts[length - 1] = u8::try_from(symbols.len()).unwrap();
        let bytes = u8::try_from(19 + symbols.len()).unwrap();
        [&[0xFF, 0xC4, 0, bytes, class << 4], &counts[..], symbols].concat()
    };
    jpeg.extend(table(0, &[0], 1));
    jpeg.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    jpeg.extend(vec![0; (blocks * 3).div_ceil(8)]);
    let lowest = scans.div_ceil(3).saturating_sub(1).min(13);
    for scan in 0..scans {
        // `1`: the end of the band in this block.
        jpeg.extend(table(1, &[0xE0, 0x00], 2));
        let component = u8::try_from(scan % 3 + 1).unwrap();
        // Each scan refines by a bit what the one before it of its component gave.
        let bit = u8::try_from(lowest.saturating_sub(scan / 3)).unwrap();
        let approximation = if scan < 3 { bit } else { (bit + 1) << 4 | bit };
        jpeg.extend([0xFF, 0xDA, 0, 8, 1, component, 0, 1, 63, approximation]);
        jpeg.extend(vec![0b0101_0101; blocks.div_ceil(4)]);
    }
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

#[test]
fn the_memory_is_judged_by_the_header() {
    let rgb = 1024 * 1024 * 3;
    let bytes = |jpeg: &[u8]| demand(jpeg).unwrap().decoding_bytes;
    let baseline = encode(1024, 1024, ColorType::Rgb, &vec![9; rgb]);
    assert!((rgb..rgb + rgb / 4).contains(&bytes(&baseline)), "{}", bytes(&baseline));
    let passes = progressive(1024, 3);
    let coefficients = rgb * 2;
    let expected = rgb + coefficients;
    assert!((expected..expected + rgb / 4).contains(&bytes(&passes)), "{}", bytes(&passes));
    assert!(demand(b"\xFF\xD8\xFF\xD9").is_err());
}

#[test]
fn a_usual_number_of_passes_is_decoded_and_a_hostile_one_refused() {
    let picture = decoded(&progressive(64, 12));
    assert_eq!((picture.width_px, picture.height_px), (64, 64));
    // The largest picture with the passes of libjpeg's own script.
    let usual = progressive(4096, 10);
    JpegHeader::read(&usual).unwrap().check_passes(&usual).unwrap();
    for (side_px, scans) in [(64, 100), (4096, 40), (3000, 80)] {
        let jpeg = progressive(side_px, scans);
        let err = decode(&jpeg, &mut Picture::default()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
        assert!(err.to_string().contains("baseline"), "{side_px} {scans}: {err}");
    }
}

#[test]
fn segments_and_tables_without_end_are_refused() {
    let whole = bars();
    let comment = [0xFF, 0xFE, 0, 2].repeat(5000);
    let tables = {
        // Tables of no symbols, as many as fit.
        let count = 3000;
        let length = u16::try_from(2 + 17 * count).unwrap().to_be_bytes();
        [&[0xFF, 0xC4], &length[..], &vec![0; 17 * count]].concat().repeat(2)
    };
    let end = whole.len() - 2;
    for (at, extra) in [(2, &comment), (2, &tables), (end, &comment), (end, &tables)] {
        let jpeg = [&whole[..at], extra, &whole[at..]].concat();
        let err = decode(&jpeg, &mut Picture::default()).unwrap_err().to_string();
        assert!(err.contains("segments"), "{at}: {err}");
    }
}
