//! One 3 s segment with every voice metric, and its parts: wall time by criterion, and the
//! processor time that the bar speaks of. `benches/peers/voice.py` runs the peers beside it.

use std::{fs, path::Path, time::Duration};

use boothd::{
    cost::{Cost, Stopwatch},
    features::Features,
    inference::Catalog,
    media::Segment,
    speech::{
        SpeechConfig, SpeechTiming, VoiceAnalyser, VoiceModels, VoiceTrack,
        f0::{F0Config, F0Tracker},
        spectrum::SpectrumAnalyser,
    },
};
use criterion::{Criterion, criterion_group, criterion_main};

const CLIP: &str = "tests/data/speech/sense_and_sensibility_01_austen_64kb-0890.wav";
const SEGMENT_SAMPLES: usize = 48_000;
const HOP_SAMPLES: usize = 16_000;
const ROUNDS: usize = 100;

fn clip() -> Vec<i16> {
    let mut reader = hound::WavReader::open(CLIP).expect("the clip is committed");
    let samples: Result<Vec<i16>, _> = reader.samples().collect();
    samples.expect("the clip is 16-bit").into_iter().take(SEGMENT_SAMPLES).collect()
}

fn segment(samples: &[i16], sequence: u64, new_samples: usize) -> Segment {
    Segment {
        sequence,
        captured_at: Duration::from_secs(3 + sequence),
        unix_ms: 0,
        new_samples,
        channel_fault: None,
        samples: samples.into(),
    }
}

fn models() -> VoiceModels {
    let catalog = Catalog::open(Path::new("models")).expect("the models are committed");
    VoiceModels::load(&catalog).expect("the models load")
}

/// What each step of one segment cost, of which `new_samples` are new, many times.
fn timings(
    analyser: &mut VoiceAnalyser,
    samples: &[i16],
    new_samples: usize,
) -> Vec<SpeechTiming> {
    let mut track = VoiceTrack::default();
    let rounds = (0..ROUNDS as u64).map(|sequence| {
        let segment = segment(samples, sequence, new_samples);
        analyser.observe(&segment, &mut track, Features::ALL).expect("it runs").timing
    });
    rounds.collect()
}

/// Median processor time of a step.
fn cpu_ms(timings: &[SpeechTiming], step: impl Fn(&SpeechTiming) -> Cost) -> f64 {
    let mut costs: Vec<Duration> = timings.iter().map(|timing| step(timing).cpu).collect();
    costs.sort();
    costs[costs.len() / 2].as_secs_f64() * 1e3
}

/// Writes the processor times where `benches/peers/voice.py` reads them.
fn processor_time(_: &mut Criterion) {
    let mut loading = Stopwatch::start();
    let models = models();
    let load = loading.lap();
    let mut analyser = VoiceAnalyser::new(models, SpeechConfig::default());
    let samples = clip();
    let whole = timings(&mut analyser, &samples, SEGMENT_SAMPLES);
    let hop = timings(&mut analyser, &samples, HOP_SAMPLES);
    let numbers = serde_json::json!({
        "segment_cpu_ms": cpu_ms(&whole, |timing| timing.total),
        "segment_with_1_s_hop_cpu_ms": cpu_ms(&hop, |timing| timing.total),
        "activity_cpu_ms": cpu_ms(&whole, |timing| timing.activity),
        "f0_cpu_ms": cpu_ms(&whole, |timing| timing.f0),
        "spectrum_cpu_ms": cpu_ms(&whole, |timing| timing.spectrum),
        "syllables_cpu_ms": cpu_ms(&whole, |timing| timing.syllables),
        "models_load_ms": load.wall.as_secs_f64() * 1e3,
    });
    fs::write("target/voice_cpu.json", numbers.to_string()).expect("target/ is writable");
}

fn steps(criterion: &mut Criterion) {
    let samples = clip();
    let unit: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut f0 = F0Tracker::new(F0Config::default());
    criterion.bench_function("f0", |b| b.iter(|| f0.track(&unit, |_, _| {})));
    let mut spectrum = SpectrumAnalyser::new();
    criterion.bench_function("spectrum", |b| b.iter(|| spectrum.measure(&unit, |_| true)));
    let mut analyser = VoiceAnalyser::new(models(), SpeechConfig::default());
    let whole = segment(&samples, 0, SEGMENT_SAMPLES);
    criterion.bench_function("segment", |b| {
        b.iter(|| analyser.observe(&whole, &mut VoiceTrack::default(), Features::ALL));
    });
}

criterion_group!(benches, processor_time, steps);
criterion_main!(benches);
