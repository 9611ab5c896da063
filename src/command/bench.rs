//! `boothd bench`: what a frame and a segment cost on this machine, on the bundled clip.
//!
//! One thread, every frame, tracking as in the daemon, the expression computed each time.

use std::{collections::BTreeMap, fs, io::Write, time::Duration};

use clap::Args;
use serde::Serialize;

use super::{write_json, write_line};
use crate::{
    app,
    capture::{
        files::{FrameFile, SoundFile},
        segmenter::SegmentConfig,
    },
    config::{Config, DEMO_AUDIO, DEMO_VIDEO},
    cost::Cost,
    error::Result,
    features::Features,
    inference::Backend,
    speech::{SpeechTiming, VoiceAnalyser, VoiceModels, VoiceTrack},
    vision::{FaceAnalyser, FaceModels, FaceTrack, VisionConfig, VisionTiming},
};

/// `boothd bench`
#[derive(Args, Debug)]
pub struct BenchArguments {
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Number of passes over the clip
    #[arg(long, default_value_t = 2, value_name = "N")]
    rounds: u32,
    /// Inference backend in place of inference.backend, without a fall-back
    #[arg(long, value_parser = backend, value_name = "tract|onnxruntime")]
    backend: Option<Backend>,
}

fn backend(word: &str) -> std::result::Result<Backend, String> {
    Backend::from_word(word).ok_or_else(|| format!("is one of {}", Backend::WORDS.join(", ")))
}

/// Results of the measurement.
#[derive(Debug, Serialize)]
struct Measured {
    version: &'static str,
    /// Inference backends of the face and of the voice models.
    runtimes: [String; 2],
    /// Milliseconds to load each model.
    model_load_ms: BTreeMap<&'static str, f64>,
    /// Each step of a frame and of a segment.
    #[serde(rename = "stages")]
    steps: BTreeMap<&'static str, Spread>,
    /// A whole frame.
    frame: Spread,
    /// A whole segment.
    segment: Spread,
    /// Resident memory of this process at the end.
    rss_mb: Option<f64>,
}

/// Costs of one step over all frames or segments.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    count: usize,
    cpu_ms_median: f64,
    wall_ms_p50: f64,
    wall_ms_p95: f64,
}

/// The costs of each step, by name.
type Costs = BTreeMap<&'static str, Vec<Cost>>;

pub(super) fn run(
    config: &Config,
    arguments: &BenchArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let mut config = config.clone();
    if let Some(backend) = arguments.backend {
        // A comparison must not measure the other backend by mistake.
        config.inference.backend = backend;
        config.inference.may_fall_back = false;
    }
    let config = &config;
    let catalog = app::catalog(config)?;
    let vision = VisionConfig { expression_cache: Duration::ZERO, ..config.vision.clone() };
    let faces = FaceModels::load(&catalog, &vision)?;
    let voices = VoiceModels::load(&catalog)?;
    let runtimes = [faces.runtimes(), voices.runtimes()];
    let load_times = faces.load_times().iter().chain(voices.load_times());
    let model_load_ms = load_times.map(|(name, time)| (*name, ms(*time))).collect();

    let mut costs = Costs::new();
    let mut analyser = FaceAnalyser::new(&faces, vision);
    let mut listener = VoiceAnalyser::new(voices, config.speech);
    for _ in 0..arguments.rounds.max(1) {
        look(config, &mut analyser, &mut costs)?;
        listen(config, &mut listener, &mut costs)?;
    }
    let mut steps: BTreeMap<_, _> =
        costs.iter_mut().map(|(name, costs)| (*name, Spread::of(costs))).collect();
    let measured = Measured {
        version: env!("CARGO_PKG_VERSION"),
        runtimes,
        model_load_ms,
        frame: steps.remove("frame").expect("the bundled clip has frames"),
        segment: steps.remove("segment").expect("the bundled clip has sound"),
        steps,
        rss_mb: resident_mb(),
    };
    if arguments.json { write_json(out, &measured) } else { write_text(out, &measured) }
}

fn look(config: &Config, analyser: &mut FaceAnalyser, costs: &mut Costs) -> Result<()> {
    let mut track = FaceTrack::default();
    for frame in FrameFile::open(&config.demo_dir.join(DEMO_VIDEO), None)?.frames(None) {
        let seen = analyser.observe(&frame?, &mut track, Features::ALL)?;
        let VisionTiming { decode, detect, landmarks, geometry, expression, total } =
            seen.timing;
        add(costs, "decode", decode);
        // A frame without a face, or with a detection, is other work than tracking.
        if seen.detector_ran {
            add(costs, "detect", detect);
        }
        if seen.face.is_some() {
            add(costs, "landmarks", landmarks);
            add(costs, "geometry", geometry);
            add(costs, "expression", expression);
            add(costs, "frame", total);
        }
    }
    Ok(())
}

fn listen(config: &Config, analyser: &mut VoiceAnalyser, costs: &mut Costs) -> Result<()> {
    let mut track = VoiceTrack::default();
    let segments = SegmentConfig { hop: Duration::from_secs(1), ..config.microphone.segments };
    for segment in SoundFile::open(&config.demo_dir.join(DEMO_AUDIO))?.segments(segments) {
        let segment = segment?;
        if segment.duration() < config.microphone.segments.length {
            continue;
        }
        let voice = analyser.observe(&segment, &mut track, Features::ALL)?;
        let SpeechTiming { activity, f0, spectrum, syllables, total } = voice.timing;
        add(costs, "activity", activity);
        add(costs, "f0", f0);
        add(costs, "spectrum", spectrum);
        add(costs, "syllables", syllables);
        add(costs, "segment", total);
    }
    Ok(())
}

fn add(costs: &mut Costs, name: &'static str, cost: Cost) {
    costs.entry(name).or_default().push(cost);
}

impl Spread {
    fn of(costs: &mut [Cost]) -> Self {
        costs.sort_by_key(|cost| cost.cpu);
        let cpu_ms_median = ms(costs[costs.len() / 2].cpu);
        costs.sort_by_key(|cost| cost.wall);
        let wall = |percent: usize| ms(costs[(costs.len() - 1) * percent / 100].wall);
        Spread {
            count: costs.len(),
            cpu_ms_median,
            wall_ms_p50: wall(50),
            wall_ms_p95: wall(95),
        }
    }
}

/// Resident memory, MiB, as /proc/self/status has it.
fn resident_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

fn write_text(out: &mut dyn Write, measured: &Measured) -> Result<()> {
    write_line(
        out,
        &format!("{:<12} {:>8} {:>8} {:>8}", "ms", "cpu p50", "wall p50", "wall p95"),
    )?;
    let whole = [("frame", measured.frame), ("segment", measured.segment)];
    let steps = measured.steps.iter().map(|(name, spread)| (*name, *spread));
    for (name, spread) in whole.into_iter().chain(steps) {
        let Spread { cpu_ms_median, wall_ms_p50, wall_ms_p95, .. } = spread;
        let numbers = format!("{cpu_ms_median:>8.2} {wall_ms_p50:>8.2} {wall_ms_p95:>8.2}");
        write_line(out, &format!("{name:<12} {numbers}"))?;
    }
    for (name, load_ms) in &measured.model_load_ms {
        write_line(out, &format!("load {name:<18} {load_ms:>6.0} ms"))?;
    }
    let [faces, voices] = &measured.runtimes;
    write_line(out, &format!("models of the face: {faces}; of the voice: {voices}"))?;
    match measured.rss_mb {
        Some(rss_mb) => write_line(out, &format!("resident {rss_mb:.1} MB")),
        None => write_line(out, "resident memory is unknown: /proc is not readable"),
    }
}
