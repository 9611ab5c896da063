use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};

use super::*;

fn encode(colour: ColorType, depth: BitDepth, size: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, size, size);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

fn first_pixel(colour: ColorType, depth: BitDepth, pixel: &[u8]) -> [u8; 3] {
    let mut picture = Picture::default();
    decode(&encode(colour, depth, 1, pixel), &mut picture).unwrap();
    assert_eq!((picture.width_px, picture.height_px), (1, 1));
    picture.rgb.as_slice().try_into().unwrap()
}

#[test]
fn every_colour_type_becomes_rgb() {
    use BitDepth::{Eight, One, Sixteen};
    use ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    assert_eq!(first_pixel(Rgb, Eight, &[1, 2, 3]), [1, 2, 3]);
    assert_eq!(first_pixel(Rgba, Eight, &[1, 2, 3, 255]), [1, 2, 3]);
    assert_eq!(first_pixel(Rgba, Eight, &[200, 100, 50, 0]), [0, 0, 0]);
    assert_eq!(first_pixel(Grayscale, Eight, &[9]), [9; 3]);
    assert_eq!(first_pixel(Grayscale, One, &[0x80]), [255; 3]);
    assert_eq!(first_pixel(GrayscaleAlpha, Eight, &[9, 255]), [9; 3]);
    assert_eq!(first_pixel(Rgb, Sixteen, &[1, 99, 2, 99, 3, 99]), [1, 2, 3]);
    assert_eq!(first_pixel(Grayscale, Sixteen, &[77, 1]), [77; 3]);
}

#[test]
fn cut_off_and_garbage_are_refused() {
    let whole = encode(ColorType::Rgb, BitDepth::Eight, 16, &[90; 16 * 16 * 3]);
    for data in [&[][..], &whole[..whole.len() / 2], b"\x89PNG\r\n\x1a\nnothing"] {
        let err = decode(data, &mut Picture::default()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_huge_picture_is_refused_from_its_header() {
    let mut bytes = Vec::new();
    let encoder = ::png::Encoder::new(&mut bytes, 8000, 6000);
    drop(encoder.write_header().unwrap());
    let mut picture = Picture::default();
    let err = decode(&bytes, &mut picture).unwrap_err().to_string();
    assert!(err.contains("8000x6000") && err.contains("4096"), "{err}");
    assert_eq!(picture.rgb.capacity(), 0);
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let mut crc = u32::MAX;
    for byte in name.iter().chain(body) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
        }
    }
    [&length, &name[..], body, &(!crc).to_be_bytes()].concat()
}

/// A zlib stream of stored blocks.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(0xFFFF);
    let last = blocks.len() - 1;
    for (n, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        out.push(u8::from(n == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    // The sum is not looked at.
    out.extend([0; 4]);
    out
}

fn file(size: [u32; 2], depth: u8, colour: u8, interlace: u8, idat: &[u8]) -> Vec<u8> {
    let [width, height] = size.map(u32::to_be_bytes);
    let header = [&width[..], &height, &[depth, colour, 0, 0, interlace]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    [signature, chunk(b"IHDR", &header), chunk(b"IDAT", idat), chunk(b"IEND", &[])].concat()
}

#[test]
fn interlaced_pictures_of_every_size_are_put_together() {
    for (width, height) in (1..=17).flat_map(|w| (1..=17).map(move |h| (w, h))) {
        // RGBA of 16 bits, whose place is its colour.
        let pixel = |x: usize, y: usize| {
            [x, 9, y, 9, x + y, 9, 255, 255].map(|value| u8::try_from(value).unwrap())
        };
        let mut data = Vec::new();
        for Pass { begin, step } in INTERLACED {
            for y in (begin[1]..height).step_by(step[1]) {
                if begin[0] < width {
                    data.push(0);
                }
                for x in (begin[0]..width).step_by(step[0]) {
                    data.extend(pixel(x, y));
                }
            }
        }
        let size = [width, height].map(|side| u32::try_from(side).unwrap());
        let mut picture = Picture::default();
        decode(&file(size, 16, 6, 1, &stored(&data)), &mut picture).unwrap();
        for (n, got) in picture.rgb.chunks(3).enumerate() {
            let [red, _, green, _, blue, ..] = pixel(n % width, n / width);
            assert_eq!(got, [red, green, blue], "{width}x{height}, pixel {n}");
        }
    }
}

#[test]
fn what_stands_beside_the_pixels_is_not_unpacked() {
    let whole = encode(ColorType::Rgb, BitDepth::Eight, 4, &[90; 4 * 4 * 3]);
    let behind_header = 8 + 25;
    // A text chunk without a name is an error for a decoder that reads it.
    for name in [b"iCCP", b"tEXt", b"zTXt", b"iTXt"] {
        let (head, rest) = whole.split_at(behind_header);
        let with = [head, &chunk(name, b"\0"), rest].concat();
        decode(&with, &mut Picture::default()).unwrap();
    }
    // Rows that the header does not know of, and behind them what is no stream at all.
    let mut stream = stored(&[0; 13 * 4 + 1_000_000]);
    let last = 2 + 5 * (1_000_052 / 0xFFFF) + 0xFFFF * (1_000_052 / 0xFFFF);
    stream[last] = 7;
    let mut picture = Picture::default();
    decode(&file([4, 4], 8, 2, 0, &stream), &mut picture).unwrap();
    assert_eq!(picture.rgb, [0; 48]);
}

#[test]
fn the_memory_is_judged_by_the_header() {
    let whole = encode(ColorType::Rgb, BitDepth::Eight, 16, &[90; 16 * 16 * 3]);
    let Demand { width_px, height_px, beside_bytes, .. } = demand(&whole).unwrap();
    assert_eq!((width_px, height_px, beside_bytes), (16, 16, ROWS_BYTES + whole.len()));
    assert!(demand(&whole[..20]).is_err());
    let huge = file([5000, 1], 8, 2, 0, &[]);
    assert!(demand(&huge).unwrap_err().to_string().contains("5000x1"));
}
#[test]
fn an_exif_chunk_turns_it_wherever_it_stands() {
    let whole = encode(ColorType::Rgb, BitDepth::Eight, 4, &[90; 4 * 4 * 3]);
    let tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
    for at in [CHUNKS_AT + 25, whole.len() - 12] {
        let (head, rest) = whole.split_at(at);
        let turned = [head, &chunk(b"eXIf", tiff), rest].concat();
        let way = decode(&turned, &mut Picture::default()).unwrap();
        assert_eq!(way, Orientation::Turned90, "at {at}");
        assert_eq!(demand(&turned).unwrap().orientation, way);
        let junk = [head, &chunk(b"eXIf", b"no TIFF"), rest].concat();
        let way = decode(&junk, &mut Picture::default()).unwrap();
        assert_eq!(way, Orientation::Upright, "at {at}");
    }
}

/// Pillow's `ImageOps.exif_transpose` turns all of these, too.
#[test]
fn exif_as_text_and_xmp_turn_it() {
    let whole = encode(ColorType::Rgb, BitDepth::Eight, 4, &[90; 4 * 4 * 3]);
    let profile =
        "\nexif\n      32\n457869660000\n4d4d002a00000008000101120003000000010006\n0000\n";
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(profile.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let keyword = &b"Raw profile type exif\0"[..];
    let xmp = &b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation=\"6\"/>"[..];
    let turn = |name: &[u8; 4], body: &[u8]| {
        let (head, rest) = whole.split_at(CHUNKS_AT + 25);
        decode(&[head, &chunk(name, body), rest].concat(), &mut Picture::default()).unwrap()
    };
    let plain = [keyword, profile.as_bytes()].concat();
    assert_eq!(turn(b"tEXt", &plain), Orientation::Turned90);
    assert_eq!(turn(b"zTXt", &[keyword, b"\0", &*packed].concat()), Orientation::Turned90);
    assert_eq!(turn(b"iTXt", xmp), Orientation::Turned90);
    for (name, body) in [
        (b"tEXt", &plain[..40]),
        (b"tEXt", &b"Comment\0tiff:Orientation=\"6\""[..]),
        (b"zTXt", &b"Raw profile type exif\0\0junk"[..]),
        (b"iTXt", &b"XML:com.adobe.xmp\0\x01\0\0\0packed"[..]),
    ] {
        assert_eq!(turn(name, body), Orientation::Upright, "{}", body.escape_ascii());
    }
    let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
    (0..64).for_each(|_| bomb.write_all(&[b'0'; 1 << 20]).unwrap());
    let bomb = [keyword, b"\0", &*bomb.finish().unwrap()].concat();
    assert_eq!(turn(b"zTXt", &bomb), Orientation::Upright);
}
