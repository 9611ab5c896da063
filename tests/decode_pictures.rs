//! Pictures as clients send them: files that other programs wrote (see `tests/data/README.md`).

use std::{fs, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use boothd::{
    decode::{Picture, data_url},
    error::{ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
};

/// The colours of the picture that all files show, 24 x 16: thirds of red, green and blue, and a
/// white corner at the top left.
const RED: [u8; 3] = [200, 30, 30];
const GREEN: [u8; 3] = [30, 180, 30];
const BLUE: [u8; 3] = [30, 30, 200];
const WHITE: [u8; 3] = [240; 3];

/// By way of a data URL, as a client sends it.
fn decode(name: &str) -> Result<Picture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name);
    let bytes = fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes));
    let (format, data) = data_url::picture(&url)?;
    let expected = if name.ends_with("png") { PixelFormat::Png } else { PixelFormat::Jpeg };
    assert_eq!(format, expected, "{name}");
    let mut picture = Picture::default();
    let captured_at = Duration::ZERO;
    let frame = Frame {
        sequence: 0,
        captured_at,
        unix_ms: 0,
        width_px: 0,
        height_px: 0,
        format,
        orientation: Orientation::Upright,
        data,
    };
    picture.decode(&frame)?;
    Ok(picture)
}

fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let at = (y * picture.width_px as usize + x) * 3;
    [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
}

/// The middles of the four areas.
fn areas(picture: &Picture) -> [[u8; 3]; 4] {
    assert_eq!((picture.width_px, picture.height_px), (24, 16));
    [(2, 4), (4, 12), (12, 8), (20, 8)].map(|(x, y)| pixel(picture, x, y))
}

fn check(name: &str, expected: [[u8; 3]; 4], tolerance: u8) {
    let got = areas(&decode(name).expect("a whole picture"));
    let near = got
        .as_flattened()
        .iter()
        .zip(expected.as_flattened())
        .all(|(got, expected)| got.abs_diff(*expected) <= tolerance);
    assert!(near, "{name}: {got:?} for {expected:?}");
}

/// ITU-R BT.601 luma, as every writer of grey pictures has it.
fn grey([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    [u8::try_from(luma / 1000).expect("the weights add up to 1"); 3]
}

const COLOURS: [[u8; 3]; 4] = [WHITE, RED, GREEN, BLUE];

#[test]
fn every_kind_of_png_is_read() {
    for name in ["rgb.png", "rgba.png", "rgb16.png", "rgba16.png", "palette.png"] {
        check(name, COLOURS, 2);
    }
    for name in ["grey.png", "grey_alpha.png", "grey16.png"] {
        check(name, COLOURS.map(grey), 3);
    }
    // The blue third is transparent, and lies on black.
    check("transparent.png", [WHITE, RED, GREEN, [0; 3]], 0);
    let bilevel = decode("bilevel.png").unwrap();
    assert_eq!(pixel(&bilevel, 1, 1), [255; 3]);
    assert!(bilevel.rgb.iter().all(|value| matches!(value, 0 | 255)));
}

#[test]
fn every_kind_of_jpeg_is_read() {
    for name in ["baseline.jpg", "progressive.jpg", "s420.jpg", "ffmpeg_422.jpg", "cmyk.jpg"] {
        check(name, COLOURS, 25);
    }
    check("grey.jpg", COLOURS.map(grey), 6);
}

/// Beside each lies what Pillow makes of it.
#[test]
fn unusual_jpegs_are_what_pillow_makes_of_them() {
    let names = [
        "arithmetic",
        "arithmetic_progressive",
        "three_scans",
        "restarts",
        "rgb_colours",
        "cmyk",
        "ycck",
    ];
    for name in names {
        let picture = decode(&format!("{name}.jpg")).unwrap();
        let expected = decode(&format!("{name}.png")).unwrap();
        let most = picture.rgb.iter().zip(&expected.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(picture.rgb.len(), expected.rgb.len(), "{name}");
        assert!(most <= Some(1), "{name}: {most:?}");
    }
}

#[test]
fn a_jpeg_turned_by_exif_comes_out_upright() {
    for orientation in 1..=8 {
        check(&format!("exif_{orientation}.jpg"), COLOURS, 25);
    }
}

#[test]
fn over_4096_px_a_side_is_refused_by_name_of_its_size() {
    for (name, size) in [("too_wide.jpg", "5000x16"), ("too_high.png", "16x5000")] {
        let err = decode(name).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
        assert!(err.to_string().contains(size) && err.to_string().contains("4096"), "{err}");
    }
}
