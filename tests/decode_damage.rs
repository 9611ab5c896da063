//! Damaged JPEGs: boothd's verdict beside libjpeg-turbo's own.

use std::{fs, path::Path, time::Duration};

use boothd::{
    decode::{Picture, mjpeg::MjpegReader},
    error::{ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use turbojpeg::Decompressor;

fn decode(data: &[u8]) -> Result<Picture> {
    let mut picture = Picture::default();
    let (captured_at, format, data) = (Duration::ZERO, PixelFormat::Jpeg, data.to_vec());
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

/// libjpeg-turbo's verdict: its pixels, or its first warning or error.
fn reference(data: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let mut decompressor = Decompressor::new().expect("libjpeg-turbo has memory");
    let header = decompressor.read_header(data).map_err(|err| err.to_string())?;
    let (width, height) = (header.width, header.height);
    if width * height > 640 * 480 {
        return Err("a larger picture than any of these".into());
    }
    let mut pixels = vec![0; width * height * 3];
    let format = turbojpeg::PixelFormat::RGB;
    let image = turbojpeg::Image {
        pixels: pixels.as_mut_slice(),
        width,
        height,
        pitch: width * 3,
        format,
    };
    decompressor.decompress(data, image).map_err(|err| err.to_string())?;
    Ok(pixels)
}

/// SplitMix64: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("under `end`")
    }

    /// Anything but 0xFF.
    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(255)).expect("under 255")
    }

    fn between(&mut self, begin: usize, end: usize) -> usize {
        begin + self.below(end - begin)
    }
}

/// What can happen to a frame on a cable.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Lost,
    Zeroed,
    Repeated,
    Swapped,
    Turned,
}

const DAMAGES: [Damage; 5] =
    [Damage::Lost, Damage::Zeroed, Damage::Repeated, Damage::Swapped, Damage::Turned];

impl Damage {
    fn inflict(self, jpeg: &[u8], dice: &mut Dice) -> Vec<u8> {
        let mut out = jpeg.to_vec();
        let length = dice.between(512, 3073);
        let at = dice.below(jpeg.len() - 2 * length);
        let packet = at..at + length;
        match self {
            Damage::Lost => drop(out.drain(packet)),
            Damage::Zeroed => out[packet].fill(0),
            Damage::Repeated => drop(out.splice(at..at, jpeg[packet].to_vec())),
            Damage::Swapped => out[at..at + 2 * length].rotate_left(length),
            Damage::Turned => {
                for _ in 0..dice.between(1, 9) {
                    let at = dice.below(out.len());
                    out[at] ^= 1 << dice.below(8);
                }
            }
        }
        out
    }
}

/// The first `count` frames of the clip, as the camera gave them.
fn clip(count: usize) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/face_640x480.mjpeg");
    let bytes = fs::read(path).expect("it is in the repository");
    let mut reader = MjpegReader::new(&bytes[..]);
    (0..count).map(|_| reader.read().expect("the clip is whole").expect("a frame")).collect()
}

/// A kind of JPEG that cameras give.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// `None`: grey.
    sampling: Option<SamplingFactor>,
    /// MCUs from one restart marker to the next; 0: none.
    restart_interval: u16,
}

fn kinds() -> impl Iterator<Item = Kind> {
    use SamplingFactor::{F_1_1, F_2_1, F_2_2};
    let samplings = [Some(F_2_2), Some(F_2_1), Some(F_1_1), None];
    let of = |sampling| [0, 4, 40].map(|restart_interval| Kind { sampling, restart_interval });
    samplings.into_iter().flat_map(of)
}

impl Kind {
    fn encode(self, picture: &Picture) -> Vec<u8> {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 85);
        encoder.set_restart_interval(self.restart_interval);
        let [width, height] =
            [picture.width_px, picture.height_px].map(|px| u16::try_from(px).expect("small"));
        let grey: Vec<u8>;
        let (pixels, colour) = match self.sampling {
            Some(sampling) => {
                encoder.set_sampling_factor(sampling);
                (&picture.rgb, ColorType::Rgb)
            }
            None => {
                grey = picture.rgb.chunks(3).map(|pixel| pixel[1]).collect();
                (&grey, ColorType::Luma)
            }
        };
        encoder.encode(pixels, width, height, colour).expect("a small picture");
        jpeg
    }
}

/// Frames of every kind.
fn frames() -> Vec<(Kind, Vec<u8>)> {
    let pictures = clip(4)
        .iter()
        .map(|frame| decode(frame).expect("the clip is whole"))
        .collect::<Vec<_>>();
    kinds().flat_map(|kind| pictures.iter().map(move |p| (kind, kind.encode(p)))).collect()
}

/// A frame, and what has become of it.
struct Damaged<'a> {
    what: String,
    whole: &'a [u8],
    data: Vec<u8>,
}

/// The damaged frames of a seed.
fn damaged(frames: &[(Kind, Vec<u8>)], seed: u64) -> impl Iterator<Item = Damaged<'_>> {
    let mut dice = Dice(seed);
    (0..1000).map(move |n| {
        let damage = DAMAGES[n % DAMAGES.len()];
        let (kind, whole) = &frames[dice.below(frames.len())];
        let what = format!("seed {seed}, frame {n}, {kind:?}, {damage:?}");
        Damaged { what, whole, data: damage.inflict(whole, &mut dice) }
    })
}

/// The second seed is none of those that the bounds were chosen on.
#[test]
fn damaged_frames_are_judged_as_libjpeg_turbo_judges_them() {
    let frames = frames();
    let (mut refused, mut clean, mut dirty) = (0, 0, 0);
    for Damaged { what, whole, data } in
        [15, 1000].into_iter().flat_map(|n| damaged(&frames, n))
    {
        match (reference(&data), decode(&data)) {
            (Ok(pixels), Ok(picture)) => {
                assert!(pixels == picture.rgb, "{what}: other pixels");
                clean += 1;
            }
            (Ok(_), Err(err)) => panic!("{what}: libjpeg-turbo takes it, and not: {err}"),
            (Err(_), Err(err)) => {
                assert_eq!(err.kind(), ErrorKind::InvalidInput);
                refused += 1;
            }
            // An end marker or padding was hit and no pixel.
            (Err(warning), Ok(picture)) => {
                let whole = decode(whole).unwrap();
                assert!(picture == whole, "{what}: taken in spite of: {warning}");
                dirty += 1;
            }
        }
    }
    println!(
        "MEASURED {refused} refused, {clean} clean, {dirty} with dirt that costs no pixel"
    );
}

/// Each has a turned bit that leaves a few bytes before a restart marker; these were once taken for
/// dirt.
#[test]
fn turned_bits_that_leave_bytes_before_a_restart_are_no_dirt() {
    let frames = frames();
    let cases: [(u64, &[usize]); 9] = [
        (1, &[54]),
        (6, &[869]),
        (7, &[314, 684]),
        (9, &[734]),
        (10, &[809]),
        (11, &[564, 654]),
        (13, &[974]),
        (14, &[969]),
        (17, &[324]),
    ];
    for (seed, numbers) in cases {
        let cases = damaged(&frames, seed).enumerate().filter(|(n, _)| numbers.contains(n));
        for (_, Damaged { what, data, .. }) in cases {
            let warning = reference(&data).unwrap_err();
            assert!(warning.contains("extraneous bytes"), "{what}: {warning}");
            assert!(decode(&data).is_err(), "{what}: taken in spite of: {warning}");
        }
    }
}

/// Dirt that some cameras give.
#[derive(Clone, Copy, Debug)]
enum Dirt {
    BeforeOneRestart,
    BeforeEachRestart,
    BeforeEnd,
    BehindEnd,
    NoEnd,
    ZerosForEnd,
    OnesForEnd,
}

const DIRTS: [Dirt; 7] = [
    Dirt::BeforeOneRestart,
    Dirt::BeforeEachRestart,
    Dirt::BeforeEnd,
    Dirt::BehindEnd,
    Dirt::NoEnd,
    Dirt::ZerosForEnd,
    Dirt::OnesForEnd,
];

impl Dirt {
    fn add(self, jpeg: &[u8], dice: &mut Dice) -> Vec<u8> {
        let scan = &jpeg[..jpeg.len() - 2];
        let padding = |byte, dice: &mut Dice| vec![byte; dice.between(1, 600)];
        match self {
            Dirt::BeforeOneRestart | Dirt::BeforeEachRestart => {
                let restarts: Vec<_> = (0..scan.len())
                    .filter(|at| scan[*at] == 0xFF && (0xD0..0xD8).contains(&scan[*at + 1]))
                    .collect();
                let one = restarts[dice.below(restarts.len())];
                let mut out = jpeg.to_vec();
                for at in restarts.into_iter().rev() {
                    if at == one || matches!(self, Dirt::BeforeEachRestart) {
                        let garbage = (0..dice.between(1, 9)).map(|_| dice.byte());
                        out.splice(at..at, garbage.collect::<Vec<_>>());
                    }
                }
                out
            }
            Dirt::BeforeEnd => [scan, &padding(0, dice), &[0xFF, 0xD9]].concat(),
            Dirt::BehindEnd => [jpeg, &padding(0x5A, dice)].concat(),
            Dirt::NoEnd => scan.to_vec(),
            Dirt::ZerosForEnd => [scan, &padding(0, dice)].concat(),
            Dirt::OnesForEnd => [scan, &padding(0xFF, dice)].concat(),
        }
    }

    fn needs_restarts(self) -> bool {
        matches!(self, Dirt::BeforeOneRestart | Dirt::BeforeEachRestart)
    }
}

#[test]
fn dirt_that_costs_nothing_of_the_picture_is_passed_over() {
    let mut dice = Dice(2);
    let (mut alone, mut mistaken) = (0, 0);
    for (kind, whole) in frames() {
        let expected = decode(&whole).unwrap();
        let has_restarts = kind.restart_interval > 0;
        for dirt in DIRTS.into_iter().filter(|dirt| has_restarts || !dirt.needs_restarts()) {
            let what = format!("{kind:?}, {dirt:?}");
            match (decode(&dirt.add(&whole, &mut dice)), dirt) {
                (Ok(picture), _) => assert!(picture == expected, "{what}: other pixels"),
                // A turned bit could have left just these bytes.
                (Err(_), Dirt::BeforeOneRestart) => mistaken += 1,
                (Err(err), _) => panic!("{what}: {err}"),
            }
            alone += usize::from(matches!(dirt, Dirt::BeforeOneRestart));
        }
    }
    println!("MEASURED {mistaken} of {alone} pictures with dirt in one place are refused");
    assert!(alone > 30 && mistaken * 10 <= alone, "{mistaken} of {alone}");
}

/// Cameras may leave their Huffman tables out.
#[test]
fn dirt_is_passed_over_without_tables_too() {
    let mut dice = Dice(3);
    for (_, whole) in frames() {
        let mut bare = whole.clone();
        while let Some(at) = bare.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
            let length = 2 + usize::from(u16::from_be_bytes([bare[at + 2], bare[at + 3]]));
            drop(bare.drain(at..at + length));
        }
        let expected = decode(&whole).unwrap();
        assert!(decode(&bare).unwrap() == expected);
        for dirt in [Dirt::BeforeEnd, Dirt::ZerosForEnd] {
            assert!(decode(&dirt.add(&bare, &mut dice)).unwrap() == expected, "{dirt:?}");
        }
    }
}
