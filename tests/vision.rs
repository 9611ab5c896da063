//! The path of a frame through the real models, on pictures made from the bundled clip.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "helpers of tests; clippy exempts only the tests themselves"
)]

#[path = "accuracy_vision/clip.rs"]
#[allow(dead_code, reason = "the truth tables are for the accuracy tests")]
mod clip;
#[path = "vision/faces.rs"]
mod faces;

use std::{path::Path, sync::OnceLock, time::Duration};

use boothd::{
    decode::Picture,
    error::ErrorKind,
    features::Features,
    inference::{Catalog, Colour, Layout, ModelEntry},
    media::{Frame, Orientation, PixelFormat},
    vision::{
        EXPRESSIONS, ExpressionChoice, ExpressionModels, Face, FaceAnalyser, FaceModels,
        FaceObservation, FaceTrack, QualityVerdict, VisionConfig,
    },
};

fn catalog() -> Catalog {
    Catalog::open(Path::new("models")).unwrap()
}

fn analyser_with(config: VisionConfig) -> FaceAnalyser {
    static MODELS: OnceLock<FaceModels> = OnceLock::new();
    let load = || FaceModels::load(&catalog(), &VisionConfig::default()).unwrap();
    FaceAnalyser::new(MODELS.get_or_init(load), config)
}

fn analyser() -> FaceAnalyser {
    analyser_with(VisionConfig::default())
}

/// The portrait of the clip's first frame.
fn portrait() -> Picture {
    static PICTURE: OnceLock<Picture> = OnceLock::new();
    let decode = || {
        let mut picture = Picture::default();
        picture.decode(&clip::frames()[0]).unwrap();
        picture
    };
    PICTURE.get_or_init(decode).clone()
}

fn wall() -> Picture {
    Picture { rgb: vec![120; 640 * 480 * 3], ..portrait() }
}

fn frame(picture: &Picture, at_ms: u64) -> Frame {
    Frame {
        sequence: at_ms,
        captured_at: Duration::from_millis(at_ms),
        unix_ms: 7,
        width_px: picture.width_px,
        height_px: picture.height_px,
        format: PixelFormat::Rgb8,
        orientation: Orientation::Upright,
        data: picture.rgb.clone(),
    }
}

fn face(picture: &Picture) -> Face {
    analyser().observe_still(&frame(picture, 0)).unwrap().face.expect("a face is in it")
}

/// A picture whose pixel at x, y is that of `source` at `from(x, y)`.
fn remapped(source: &Picture, from: impl Fn(f32, f32) -> (f32, f32)) -> Picture {
    let (width, height) = (source.width_px as usize, source.height_px as usize);
    let mut rgb = Vec::with_capacity(source.rgb.len());
    for y in 0..height {
        for x in 0..width {
            let (x, y) = from(x as f32, y as f32);
            let x = (x.round().max(0.0) as usize).min(width - 1);
            let y = (y.round().max(0.0) as usize).min(height - 1);
            rgb.extend_from_slice(&source.rgb[(y * width + x) * 3..][..3]);
        }
    }
    Picture { rgb, ..source.clone() }
}

fn mirrored(source: &Picture) -> Picture {
    remapped(source, |x, y| (639.0 - x, y))
}

/// The portrait at `scale`, its face's middle moved from 320, 202 to `x`, `y`, and only there.
fn with_face_at(base: &Picture, x: f32, y: f32, scale: f32) -> Picture {
    let (source, mut picture) = (portrait(), base.clone());
    let moved =
        remapped(&source, |px, py| ((px - x) / scale + 320.0, (py - y) / scale + 202.0));
    for (at, (out, pixel)) in picture.rgb.chunks_mut(3).zip(moved.rgb.chunks(3)).enumerate() {
        let (dx, dy) = ((at % 640) as f32 - x, (at / 640) as f32 - y);
        if dx.abs() < 110.0 * scale && dy.abs() < 130.0 * scale {
            out.copy_from_slice(pixel);
        }
    }
    picture
}

#[test]
fn mirroring_the_picture_mirrors_the_angles() {
    let (plain, mirror) = (face(&portrait()), face(&mirrored(&portrait())));
    let (a, b) = (plain.head_pose.unwrap(), mirror.head_pose.unwrap());
    assert!((a.yaw_deg + b.yaw_deg).abs() < 3.0, "{a:?} {b:?}");
    assert!((a.pitch_deg - b.pitch_deg).abs() < 3.0, "{a:?} {b:?}");
    assert!((a.roll_deg + b.roll_deg).abs() < 1.5, "{a:?} {b:?}");
    let (a, b) = (plain.gaze.unwrap(), mirror.gaze.unwrap());
    assert!((a.yaw_deg + b.yaw_deg).abs() < 4.0, "{a:?} {b:?}");
    assert!((a.pitch_deg - b.pitch_deg).abs() < 4.0, "{a:?} {b:?}");
}

#[test]
fn turning_the_picture_clockwise_adds_to_the_roll() {
    let (sin, cos) = 0.4_f32.sin_cos();
    let turned = remapped(&portrait(), |x, y| {
        let (x, y) = (x - 320.0, y - 202.0);
        (x * cos + y * sin + 320.0, y * cos - x * sin + 202.0)
    });
    let (before, after) = (face(&portrait()), face(&turned));
    let roll = |face: &Face| face.head_pose.unwrap().roll_deg;
    let added = roll(&after) - roll(&before);
    assert!((added - 0.4_f32.to_degrees()).abs() < 2.0, "{added}");
    let gaze = |face: &Face| face.gaze.unwrap();
    assert!((gaze(&before).yaw_deg - gaze(&after).yaw_deg).abs() < 6.0);
}

#[test]
fn the_portrait_looks_into_the_camera_and_gaze_follows_the_irises() {
    let gaze = face(&portrait()).gaze.unwrap();
    println!("the portrait's gaze: {gaze:?}");
    assert!(gaze.yaw_deg.abs() < 12.0 && gaze.pitch_deg.abs() < 15.0, "{gaze:?}");
    // Both irises pushed by 4 px: the pixels of the eyes move, the lids stay.
    let pushed = |by: f32| {
        let landmarks = face(&portrait()).landmarks;
        let picture = remapped(&portrait(), |x, y| {
            for iris in [468, 473] {
                let [cx, cy, _] = landmarks[iris];
                let reach = 1.0 - ((x - cx) / 10.0).powi(2) - ((y - cy) / 5.0).powi(2);
                if reach > 0.0 {
                    return (x - by * reach.min(0.5) * 2.0, y);
                }
            }
            (x, y)
        });
        face(&picture).gaze.unwrap().yaw_deg
    };
    let (left, right) = (pushed(-4.0), pushed(4.0));
    assert!(left > gaze.yaw_deg + 3.0, "{left} after {gaze:?}");
    assert!(right < gaze.yaw_deg - 3.0, "{right} after {gaze:?}");
}

#[test]
fn probabilities_sum_to_one_and_the_smiling_portrait_is_happy() {
    let expression = face(&portrait()).expression.unwrap();
    let sum: f32 = expression.probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-5);
    assert!(!expression.cached);
    let best = (0..7)
        .max_by(|&a, &b| expression.probabilities[a].total_cmp(&expression.probabilities[b]));
    assert_eq!(EXPRESSIONS[best.unwrap()], "happy", "{expression:?}");
}

#[test]
fn off_means_the_field_is_none() {
    let mut track = FaceTrack::default();
    let mut analyser = analyser();
    let mut observe = |at_ms, features| {
        analyser
            .observe(&frame(&portrait(), at_ms), &mut track, features)
            .unwrap()
            .face
            .unwrap()
    };
    let off = Features { face_emotion: false, gaze: false, head_pose: false, ..Features::ALL };
    let seen = observe(0, off);
    assert_eq!((seen.head_pose, seen.gaze, seen.expression), (None, None, None));
    assert_eq!(seen.landmarks.len(), 468);
    let seen = observe(66, Features::ALL);
    assert!(seen.head_pose.is_some() && seen.gaze.is_some() && seen.expression.is_some());
    assert_eq!(seen.landmarks.len(), 478);
}

/// Observes pictures `step_ms` apart.
fn observe_all(
    config: VisionConfig,
    pictures: &[&Picture],
    step_ms: u64,
) -> Vec<FaceObservation> {
    let (mut analyser, mut track) = (analyser_with(config), FaceTrack::default());
    let frames = pictures.iter().zip(0..).map(|(picture, i)| frame(picture, i * step_ms));
    frames.map(|frame| analyser.observe(&frame, &mut track, Features::ALL).unwrap()).collect()
}

#[test]
fn an_expression_is_reused_only_while_fresh_unchanged_and_wanted() {
    let (portrait, mirror) = (portrait(), mirrored(&portrait()));
    let cached = |config, pictures: &[&Picture], step_ms| -> Vec<bool> {
        let seen = observe_all(config, pictures, step_ms).into_iter();
        seen.map(|o| o.face.unwrap().expression.unwrap().cached).collect()
    };
    let expression_cache = Duration::from_millis(400);
    let brief = || VisionConfig { expression_cache, ..VisionConfig::default() };
    // The second frame is the first whose crop comes from the track.
    let expected = [false, false, true, true, false, true, true, false];
    assert_eq!(cached(brief(), &[&portrait; 8], 150), expected);
    assert_eq!(cached(brief(), &[&portrait; 3], 500), [false; 3]);
    let changing = [&portrait, &portrait, &portrait, &mirror];
    assert_eq!(cached(brief(), &changing, 66), [false, false, true, false]);
    let never = VisionConfig { expression_cache: Duration::ZERO, ..brief() };
    assert_eq!(cached(never, &[&portrait; 3], 66), [false; 3]);
}

#[test]
fn nothing_is_reused_across_tracks() {
    let (portrait, wall) = (portrait(), wall());
    let seen = observe_all(VisionConfig::default(), &[&portrait, &wall, &portrait], 66);
    let faces: Vec<Option<&Face>> = seen.iter().map(|o| o.face.as_ref()).collect();
    assert!(faces[1].is_none());
    assert_eq!(seen[1].face_count, 0);
    let (first, second) = (faces[0].unwrap(), faces[2].unwrap());
    assert_ne!(first.track, second.track);
    assert!(!second.expression.unwrap().cached);
}

#[test]
fn a_lost_face_costs_one_detection_and_a_followed_one_none() {
    let (portrait, wall) = (portrait(), wall());
    let pictures = [&portrait, &portrait, &portrait, &wall, &portrait, &portrait];
    let seen = observe_all(VisionConfig::default(), &pictures, 66);
    let ran: Vec<bool> = seen.iter().map(|o| o.detector_ran).collect();
    assert_eq!(ran, [true, false, false, true, true, false]);
}

#[test]
fn a_passer_by_behind_is_counted_and_does_not_take_over() {
    let alone = with_face_at(&wall(), 200.0, 240.0, 1.0);
    let joined = with_face_at(&alone, 500.0, 160.0, 0.6);
    let seen = observe_all(VisionConfig::default(), &[&alone, &joined, &joined], 2000);
    assert_eq!(seen.iter().map(|o| o.face_count).collect::<Vec<_>>(), [1, 2, 2]);
    for observation in &seen {
        let face = observation.face.as_ref().unwrap();
        assert_eq!(face.track, seen[0].face.as_ref().unwrap().track);
        assert!((face.bbox.centre().x - 200.0).abs() < 30.0, "{:?}", face.bbox);
    }
    // Alone again, the passer-by would be looked at; who then sits down in front takes over.
    let passing = with_face_at(&wall(), 520.0, 150.0, 0.6);
    let seated = with_face_at(&passing, 220.0, 260.0, 1.2);
    let seen = observe_all(VisionConfig::default(), &[&passing, &seated], 2000);
    let (before, after) = (seen[0].face.as_ref().unwrap(), seen[1].face.as_ref().unwrap());
    assert!((before.bbox.centre().x - 520.0).abs() < 30.0, "{:?}", before.bbox);
    assert!((after.bbox.centre().x - 220.0).abs() < 40.0, "{:?}", after.bbox);
    assert_ne!(before.track, after.track);
}

#[test]
fn dark_blurred_and_small_faces_are_reported_and_not_guessed() {
    let source = portrait();
    let dark = Picture { rgb: source.rgb.iter().map(|v| v / 10).collect(), ..source.clone() };
    let blurred = smooth(&source, 5);
    let small = shrunk(&source, 5);
    for (picture, verdict) in [
        (source, QualityVerdict::Good),
        (dark, QualityVerdict::TooDark),
        (blurred, QualityVerdict::TooBlurred),
        (small, QualityVerdict::TooSmall),
    ] {
        let face = face(&picture);
        println!("{verdict:?}: {:?}", face.quality);
        assert_eq!(face.quality.verdict, verdict, "{:?}", face.quality);
        assert_eq!(face.expression.is_some(), verdict == QualityVerdict::Good);
    }
}

/// Every pixel is the mean of `by` x `by`.
fn shrunk(picture: &Picture, by: usize) -> Picture {
    let soft = smooth(picture, by / 2);
    let pixel = |x: usize, y: usize| &soft.rgb[(y * by * 640 + x * by) * 3..][..3];
    let rows = (0..480 / by).flat_map(|y| (0..640 / by).map(move |x| (x, y)));
    let rgb = rows.flat_map(|(x, y)| pixel(x, y).to_vec()).collect();
    let side = |px: u32| px / u32::try_from(by).unwrap();
    Picture { width_px: side(640), height_px: side(480), rgb }
}

/// A box blur of `reach` pixels to each side, rows then columns.
fn smooth(picture: &Picture, reach: usize) -> Picture {
    let (width, height) = (640_usize, 480_usize);
    let pass = |rgb: &[u8], along: usize, across: usize| -> Vec<u8> {
        let mut out = vec![0; rgb.len()];
        let at =
            |i: usize, j: usize| if along == width { j * width + i } else { i * width + j };
        for j in 0..across {
            for i in 0..along {
                let near = i.saturating_sub(reach)..(i + reach + 1).min(along);
                for c in 0..3 {
                    let sum: usize = near.clone().map(|n| rgb[at(n, j) * 3 + c] as usize).sum();
                    out[at(i, j) * 3 + c] = u8::try_from(sum / near.len()).unwrap();
                }
            }
        }
        out
    };
    let rows = pass(&picture.rgb, width, height);
    Picture { rgb: pass(&rows, height, width), ..picture.clone() }
}

#[test]
fn pictures_of_any_size_and_broken_ones_are_survived() {
    let mut analyser = analyser();
    let mut track = FaceTrack::default();
    for (width_px, height_px) in [(1, 1), (1, 4096), (4096, 2), (3, 700)] {
        let rgb = vec![90; (width_px * height_px * 3) as usize];
        let picture = Picture { width_px, height_px, rgb };
        let seen = analyser.observe(&frame(&picture, 0), &mut track, Features::ALL).unwrap();
        assert!(seen.face.is_none());
        assert_eq!((seen.width_px, seen.height_px), (width_px, height_px));
    }
    let good = frame(&portrait(), 66);
    analyser.observe(&good, &mut track, Features::ALL).unwrap();
    let broken = Frame { format: PixelFormat::Jpeg, data: vec![1, 2, 3], ..good.clone() };
    let err = analyser.observe(&broken, &mut track, Features::ALL).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
    let after = analyser.observe(&good, &mut track, Features::ALL).unwrap();
    assert!(!after.detector_ran, "a broken frame does not lose the face");
}

/// boothd's own fer model as an operator would describe it.
fn own_model(change: impl FnOnce(&mut ModelEntry)) -> ExpressionChoice {
    let mut entry = catalog().entry("expression_fer").unwrap().clone();
    entry.sha256 = None;
    entry.inputs.clear();
    change(&mut entry);
    ExpressionChoice::Own(Box::new(entry))
}

#[test]
fn an_operators_model_is_run_by_its_description_alone() {
    let tight = with_face_at(&wall(), 320.0, 202.0, 1.0);
    let judge = |choice| {
        ExpressionModels::load(&catalog(), &choice, None)
            .unwrap()
            .unwrap()
            .runner()
            .judge_aligned(&tight)
            .unwrap()
    };
    let plain = judge(own_model(|_| ()));
    assert!((plain.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    let biased = judge(own_model(|entry| {
        entry.picture.as_mut().unwrap().bias = vec![0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0];
    }));
    assert!(biased[5] > plain[5]);
    let swapped = judge(own_model(|entry| {
        entry.picture.as_mut().unwrap().labels.swap(0, 5);
    }));
    // Only the two names changed places.
    let (odds, expected) = (swapped[0] / swapped[3], plain[5] / plain[3]);
    assert!((odds / expected - 1.0).abs() < 1e-3, "{swapped:?} {plain:?}");
    let unsure = judge(own_model(|entry| entry.picture.as_mut().unwrap().temperature = 50.0));
    assert!(unsure.iter().all(|p| *p < 0.5), "{unsure:?}");
}

/// A grey model, described as one of colours.
fn in_colours(entry: &mut ModelEntry) {
    let picture = entry.picture.as_mut().unwrap();
    (picture.colour, picture.mean, picture.std) = (Colour::Rgb, vec![0.0; 3], vec![1.0; 3]);
}

#[test]
fn a_wrong_description_is_a_config_error_that_names_it() {
    type Change = fn(&mut ModelEntry);
    let cases: [(Change, &str); 12] = [
        (|e| e.picture = None, "lacks `picture`"),
        (|e| e.picture.as_mut().unwrap().labels[1] = "contempt".into(), "`contempt` is none"),
        (|e| e.picture.as_mut().unwrap().labels[1] = "angry".into(), "`angry` stands twice"),
        (|e| drop(e.picture.as_mut().unwrap().labels.pop()), "labels must name each of"),
        (|e| e.picture.as_mut().unwrap().bias = vec![0.1; 6], "bias must have one value"),
        (|e| e.picture.as_mut().unwrap().mean = vec![1.0; 3], "3 values for 1 channels"),
        (|e| e.picture.as_mut().unwrap().std = vec![0.0], "std not 0"),
        (|e| e.picture.as_mut().unwrap().neutral_share = Some(1.0), "neutral_share 0.001"),
        (
            |e| e.picture.as_mut().unwrap().layout = Layout::Nhwc,
            "its description states 1x64x64x1",
        ),
        (in_colours, "is 1x1x64x64, its description states 1x3x64x64"),
        (|e| e.sha256 = Some("ab".repeat(32)), "vision.expression.sha256 states"),
        (|e| e.file = "absent.onnx".into(), "absent.onnx cannot be read"),
    ];
    for (change, expected) in cases {
        let err = ExpressionModels::load(&catalog(), &own_model(change), None).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Config);
        assert!(err.to_string().contains(expected), "{err}");
    }
}

#[test]
fn a_changed_model_file_is_refused_with_both_hashes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy("models/catalog.toml", dir.path().join("catalog.toml")).unwrap();
    std::fs::write(dir.path().join("left_eye.w8.onnx"), b"not the model").unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let err = catalog.load("left_eye").unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Config);
    let stated = catalog.entry("left_eye").unwrap().sha256.clone().unwrap();
    assert!(err.to_string().contains(&stated), "{err}");
    let err = catalog.load("face_landmarks").unwrap_err().to_string();
    assert!(err.contains("face_attention.w8.onnx cannot be read"), "{err}");
}

/// The whole clip, every `every`th frame of it, over and over for `rounds`.
fn observe_clip(every: usize, rounds: usize) -> Vec<FaceObservation> {
    let frames = clip::frames();
    let (mut analyser, mut track) = (analyser(), FaceTrack::default());
    let step = Duration::from_nanos(1_000_000_000 / 15);
    (0..frames.len() * rounds)
        .step_by(every)
        .map(|k| {
            let captured_at = step * u32::try_from(k).unwrap();
            let frame = Frame { captured_at, ..frames[k % frames.len()].clone() };
            analyser.observe(&frame, &mut track, Features::ALL).unwrap()
        })
        .collect()
}

#[test]
fn the_face_of_the_clip_is_one_living_person_at_any_pace() {
    for (every, rounds) in [(1, 1), (7, 6)] {
        let seen = observe_clip(every, rounds);
        let faces: Vec<&Face> = seen.iter().filter_map(FaceObservation::person).collect();
        assert_eq!(faces.len(), seen.iter().filter(|o| o.face.is_some()).count());
        let persons: Vec<u64> = faces.iter().map(|face| face.person).collect();
        assert!(persons.iter().all(|person| *person == persons[0]), "{every}: {persons:?}");
    }
}

/// Another face: the portrait with its colours exchanged and its grey levels turned over outside
/// of the features, which is as far from it as a person of other skin in the same light.
fn other_skin() -> Picture {
    let mut picture = portrait();
    for pixel in picture.rgb.chunks_mut(3) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let darker = [red * 0.75, green * 0.45, blue * 0.3];
        pixel.iter_mut().zip(darker).for_each(|(out, level)| *out = level as u8);
    }
    picture
}

#[test]
fn who_comes_after_5_s_or_sits_elsewhere_is_another_person() {
    let (portrait, wall) = (portrait(), wall());
    let moved = with_face_at(&wall, 540.0, 240.0, 0.8);
    let persons = |pictures: &[&Picture], step_ms| -> Vec<u64> {
        let seen = observe_all(VisionConfig::default(), pictures, step_ms);
        seen.iter().filter_map(FaceObservation::person).map(|face| face.person).collect()
    };
    let back_after = |frames: usize| {
        let mut pictures = vec![&wall; frames + 2];
        (pictures[0], pictures[frames + 1]) = (&portrait, &portrait);
        persons(&pictures, 500)
    };
    assert_eq!(back_after(8), [1, 1], "4.5 s away");
    assert_eq!(back_after(9), [1, 2], "5 s away");
    let alone = with_face_at(&wall, 120.0, 240.0, 0.8);
    assert_eq!(persons(&[&alone, &alone, &moved, &moved], 500), [1, 1, 2, 2]);
    // The same face in the same place, in another light and another's skin: one person still.
    assert_eq!(persons(&[&portrait, &other_skin(), &other_skin(), &other_skin()], 500), [1; 4]);
}

/// The picture with a camera's noise of some grey levels, another in each frame.
fn noisy(picture: &Picture, seed: u32, levels: f32) -> Picture {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    // The sum of three is bell-shaped, with half a level of deviation for each of its width.
    let noise = |level: &u8| {
        let bell = (uniform() + uniform() + uniform()) * 2.0 * levels;
        (f32::from(*level) + bell).clamp(0.0, 255.0) as u8
    };
    Picture { rgb: picture.rgb.iter().map(noise).collect(), ..picture.clone() }
}

#[test]
fn a_poster_is_a_person_for_a_minute_only_whatever_the_noise() {
    let poster = with_face_at(&wall(), 320.0, 202.0, 1.0);
    for levels in [0.0, 3.0, 8.0] {
        let (mut analyser, mut track) = (analyser(), FaceTrack::default());
        let mut look = |second: u64, picture: &Picture| {
            let seed = u32::try_from(second).unwrap() + 1;
            let frame = frame(&noisy(picture, seed, levels), second * 1000);
            let seen = analyser.observe(&frame, &mut track, Features::ALL).unwrap();
            (seen.person().is_some(), seen.face.expect("a face is in it"))
        };
        let seen: Vec<(bool, Face)> = (0..63).map(|second| look(second, &poster)).collect();
        let living = seen.iter().filter(|(is_person, _)| *is_person).count();
        // The crop settles in the first frames, which moves the landmarks.
        assert!((60..=62).contains(&living), "noise of {levels}: {living} s");
        let (is_person, face) = &seen[62];
        assert_eq!((*is_person, face.quality.verdict), (false, QualityVerdict::StillPicture));
        assert_eq!((face.head_pose, face.gaze, face.expression), (None, None, None));
        let (is_person, face) = look(63, &with_face_at(&wall(), 332.0, 202.0, 1.0));
        assert!(is_person && face.head_pose.is_some(), "what moves lives");
    }
}
