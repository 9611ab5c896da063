//! What must hold for the face, measured on the bundled clip (240 frames, 15 fps) against
//! MediaPipe's own landmarks and against the clip's known motion. Prints what it measured.
//!
//! Both runtimes are judged by the same bars: tract, and ONNX Runtime on the processor.
//!
//! The float models of tests/data/models_float are the same networks before quantization.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "helpers of tests; clippy exempts only the tests themselves"
)]

#[path = "accuracy_vision/clip.rs"]
mod clip;
#[cfg(feature = "onnxruntime")]
use boothd_test_support::onnxruntime;

use std::{path::Path, sync::OnceLock, time::Duration};

use boothd::{
    features::Features,
    inference::Catalog,
    vision::{FaceAnalyser, FaceModels, FaceObservation, FaceTrack, HeadPose, VisionConfig},
};
use clip::{Mode, Truth, frames, truth};

/// The results of one set of models, run by one runtime, for the clip.
struct Run {
    /// Every frame, in order.
    tracked: Vec<FaceObservation>,
    /// Every 7th frame: about the 2 fps of a booth, where a face moves far between two.
    sparse: Vec<FaceObservation>,
    /// Every frame, each without memory of the others.
    still: Vec<FaceObservation>,
}

/// Of `Run::sparse`.
const SPARSE_STEP: usize = 7;

fn run_with(catalog: &Catalog) -> Run {
    let config = VisionConfig { expression_cache: Duration::ZERO, ..VisionConfig::default() };
    let models = FaceModels::load(catalog, &config).unwrap();
    let mut analyser = FaceAnalyser::new(&models, config);
    let frames = frames();
    let mut follow = |step: usize| -> Vec<FaceObservation> {
        let mut track = FaceTrack::default();
        let mut observe = |f| analyser.observe(f, &mut track, Features::ALL).unwrap();
        frames.iter().step_by(step).map(&mut observe).collect()
    };
    let (tracked, sparse) = (follow(1), follow(SPARSE_STEP));
    let still = frames.iter().map(|f| analyser.observe_still(f).unwrap()).collect();
    Run { tracked, sparse, still }
}

fn quantized() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| run_with(&Catalog::open(Path::new("models")).unwrap()))
}

fn float() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| run_with(&Catalog::open(Path::new("tests/data/models_float")).unwrap()))
}

/// The quantized models in ONNX Runtime.
#[cfg(feature = "onnxruntime")]
fn in_onnxruntime() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| run_with(&onnxruntime::catalog("models")))
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn xy(points: &[[f32; 3]], landmark: usize) -> [f32; 2] {
    [points[landmark][0], points[landmark][1]]
}

fn inter_ocular(points: &[[f32; 3]]) -> f32 {
    distance(xy(points, 33), xy(points, 263))
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// Errors in per cent of the inter-ocular distance: mesh points, iris centres.
fn landmark_errors(run: &[FaceObservation], truth: &[Truth]) -> (Vec<f32>, Vec<f32>) {
    let (mut mesh, mut iris) = (Vec::new(), Vec::new());
    for (observation, truth) in run.iter().zip(truth) {
        let (Some(face), true) = (&observation.face, truth.mediapipe_face) else { continue };
        let scale = distance(truth.point(33), truth.point(263));
        for &(landmark, expected) in &truth.points {
            let error = distance(xy(&face.landmarks, landmark), expected) / scale * 100.0;
            if landmark < 468 { &mut mesh } else { &mut iris }.push(error);
        }
    }
    (mesh, iris)
}

/// How far landmarks may lie from MediaPipe's, and how it looked; % of the inter-ocular distance.
#[derive(Clone, Copy)]
struct Bars {
    mode: Mode,
    mesh: f32,
    iris: f32,
}

const TRACKING: Bars = Bars { mode: Mode::Tracking, mesh: 0.5, iris: 0.4 };
/// Where the crop is not the one that MediaPipe would take.
const STILLS: Bars = Bars { mode: Mode::Stills, mesh: 1.2, iris: 1.0 };

fn check_against_mediapipe(name: &str, run: &[FaceObservation], step: usize, bars: Bars) {
    let truth: Vec<Truth> = truth(bars.mode).into_iter().step_by(step).collect();
    let agreeing =
        run.iter().zip(&truth).filter(|(o, t)| o.face.is_some() == t.mediapipe_face).count();
    let agreement = agreeing as f32 / truth.len() as f32 * 100.0;
    let (mesh, iris) = landmark_errors(run, &truth);
    println!(
        "{name}: mesh error {:.2} %, iris error {:.2} % of the inter-ocular distance, \
         detection agrees on {agreement:.1} % of frames",
        mean(&mesh),
        mean(&iris)
    );
    assert_eq!(run.len(), 240_usize.div_ceil(step));
    assert!(mesh.len() > 200 / step * 10 && iris.len() > 200 / step * 2);
    assert!(agreement >= 99.0);
    assert!(mean(&mesh) <= bars.mesh);
    assert!(mean(&iris) <= bars.iris);
}

#[test]
fn landmarks_agree_with_mediapipe_while_tracking() {
    check_against_mediapipe("tracking", &quantized().tracked, 1, TRACKING);
}

#[test]
fn landmarks_agree_with_mediapipe_while_tracking_at_2_fps() {
    check_against_mediapipe("tracking at 2 fps", &quantized().sparse, SPARSE_STEP, STILLS);
}

#[test]
fn landmarks_agree_with_mediapipe_on_stills() {
    check_against_mediapipe("stills", &quantized().still, 1, STILLS);
}

#[cfg(feature = "onnxruntime")]
#[test]
fn landmarks_of_onnxruntime_agree_with_mediapipe() {
    check_against_mediapipe("onnxruntime, tracking", &in_onnxruntime().tracked, 1, TRACKING);
    check_against_mediapipe(
        "onnxruntime, 2 fps",
        &in_onnxruntime().sparse,
        SPARSE_STEP,
        STILLS,
    );
    check_against_mediapipe("onnxruntime, stills", &in_onnxruntime().still, 1, STILLS);
}

fn pose(observation: &FaceObservation) -> Option<HeadPose> {
    observation.face.as_ref()?.head_pose
}

#[test]
fn roll_agrees_with_the_clips_motion() {
    check_roll("tract", quantized());
    #[cfg(feature = "onnxruntime")]
    check_roll("onnxruntime", in_onnxruntime());
}

fn check_roll(runtime: &str, run: &Run) {
    // The portrait's own head is tilted: its roll in the steady part is the zero.
    let truth = truth(Mode::Stills);
    let rolls: Vec<(f32, &Truth)> = run
        .tracked
        .iter()
        .zip(&truth)
        .filter_map(|(o, t)| Some((pose(o)?.roll_deg, t)))
        .collect();
    let steady: Vec<f32> =
        rolls.iter().filter(|(_, t)| t.segment == "steady").map(|(roll, _)| *roll).collect();
    let zero = mean(&steady);
    let errors: Vec<f32> =
        rolls.iter().map(|(roll, t)| (roll - zero - t.roll_deg).abs()).collect();
    let raw: Vec<f32> = rolls.iter().map(|(roll, t)| (roll - t.roll_deg).abs()).collect();
    println!(
        "roll, {runtime}: mean error {:.2} deg ({:.2} deg before the portrait's own tilt of {zero:.2})",
        mean(&errors),
        mean(&raw)
    );
    assert!(errors.len() > 200);
    assert!(mean(&errors) <= 1.5);
}

#[test]
fn yaw_follows_the_sign_of_the_clips_perspective() {
    let truth = truth(Mode::Stills);
    let at = |low: f32, high: f32| {
        let yaws: Vec<f32> = quantized()
            .tracked
            .iter()
            .zip(&truth)
            .filter(|(_, t)| t.segment == "persp_yaw" && (low..high).contains(&t.yaw_deg))
            .filter_map(|(o, _)| Some(pose(o)?.yaw_deg))
            .collect();
        mean(&yaws)
    };
    let (low, high) = (at(-26.0, -20.0), at(20.0, 26.0));
    println!("yaw: {low:.1} deg at -26..-20 of the flat proxy, {high:.1} deg at 20..26");
    // The side that is enlarged is nearer: a positive proxy turns the face to the left.
    assert!(high > low + 2.0);
}

#[test]
fn a_plain_wall_has_no_face() {
    for (observation, truth) in quantized().tracked.iter().zip(truth(Mode::Stills)) {
        if truth.segment == "away" {
            assert!(observation.face.is_none());
            assert_eq!(observation.face_count, 0);
        }
    }
}

#[test]
fn a_tracked_face_is_one_track_and_is_rarely_detected() {
    let tracked = &quantized().tracked;
    let tracks: Vec<u64> =
        tracked.iter().filter_map(|o| Some(o.face.as_ref()?.track)).collect();
    let detections = tracked.iter().filter(|o| o.face.is_some() && o.detector_ran).count();
    println!("detector ran on {detections} of {} frames with a face", tracks.len());
    assert!(tracks.iter().all(|track| *track == tracks[0]));
    // Once a second, and where the clip shakes.
    assert!(detections * 5 < tracks.len());
}

/// How far two runs are from each other, over all frames.
fn check_alike(what: &str, run: &Run, truth: &Run) {
    let (mut shifts, mut turns, mut same, mut judged) = (Vec::new(), Vec::new(), 0, 0);
    let all = run.tracked.iter().zip(&truth.tracked).chain(run.still.iter().zip(&truth.still));
    let (mut kept, mut detected) = (0, 0);
    for (seen, truth) in all {
        detected += usize::from(truth.face.is_some());
        kept += usize::from(truth.face.is_some() && seen.face.is_some());
        if let (Some(a), Some(b)) = (pose(seen), pose(truth)) {
            let each =
                [a.yaw_deg - b.yaw_deg, a.pitch_deg - b.pitch_deg, a.roll_deg - b.roll_deg];
            turns.extend(each.map(f32::abs));
        }
        let (Some(a), Some(b)) = (&seen.face, &truth.face) else { continue };
        let scale = inter_ocular(&b.landmarks);
        let moved: Vec<f32> = (0..b.landmarks.len())
            .map(|i| distance(xy(&a.landmarks, i), xy(&b.landmarks, i)) / scale * 100.0)
            .collect();
        shifts.push(mean(&moved));
        if let (Some(a), Some(b)) = (&a.expression, &b.expression) {
            judged += 1;
            same += usize::from(dominant(&a.probabilities) == dominant(&b.probabilities));
        }
    }
    let agreement = same as f32 / judged as f32 * 100.0;
    println!(
        "{what}: landmarks move {:.4} % of the inter-ocular distance, the head turns by {:.4} \
         deg, same expression on {agreement:.1} % of {judged}, {kept} of {detected} faces kept",
        mean(&shifts),
        mean(&turns)
    );
    assert!(judged > 400);
    assert!(mean(&shifts) <= 0.5);
    assert!(mean(&turns) <= 0.5);
    assert!(agreement >= 99.0);
    assert!(kept >= detected);
}

#[test]
fn quantization_hardly_moves_anything() {
    check_alike("quantized against float", quantized(), float());
}

/// Processor time of a frame with a face, ms.
#[cfg(feature = "onnxruntime")]
fn median_cpu_ms(run: &Run) -> f64 {
    let faces = run.tracked.iter().filter(|seen| seen.face.is_some());
    let mut costs: Vec<Duration> = faces.map(|seen| seen.timing.total.cpu).collect();
    costs.sort();
    costs[costs.len() / 2].as_secs_f64() * 1e3
}

#[cfg(feature = "onnxruntime")]
#[test]
fn onnxruntime_agrees_with_tract() {
    let float_in_onnxruntime = run_with(&onnxruntime::catalog("tests/data/models_float"));
    check_alike("onnxruntime against tract", in_onnxruntime(), quantized());
    check_alike("the same, float files", &float_in_onnxruntime, float());
    check_alike("onnxruntime quantized against tract float", in_onnxruntime(), float());
    println!(
        "MEASURED CPU of a frame, median ms: tract {:.2}, its float files {:.2}; \
         onnxruntime {:.2}, its float files {:.2}",
        median_cpu_ms(quantized()),
        median_cpu_ms(float()),
        median_cpu_ms(in_onnxruntime()),
        median_cpu_ms(&float_in_onnxruntime)
    );
}

fn dominant(probabilities: &[f32; 7]) -> usize {
    (0..7).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap()
}
