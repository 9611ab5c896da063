//! How right the voice metrics are: against Praat, librosa and syllables counted by hand.
//!
//! Each test prints what it measured (`cargo test --release --test accuracy_speech -- --nocapture`).
//! The goldens are made by tests/data/speech/make_goldens.py.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that shows its measurements"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers are those of known sounds"
)]

#[cfg(feature = "onnxruntime")]
use boothd_test_support::onnxruntime;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use boothd::{
    decode::resample::Resampler,
    features::Features,
    inference::Catalog,
    media::{SAMPLE_RATE_HZ, Segment, duration_of},
    session::{NoRate, SessionConfig, SessionMetrics, Statistics, VoiceMetrics},
    speech::{
        SpeechConfig, VoiceAnalyser, VoiceModels, VoiceObservation, VoiceTrack,
        f0::{F0Config, F0Tracker},
        loudness::loudness,
        spectrum::SpectrumAnalyser,
    },
};
use serde::Deserialize;

const DATA: &str = "tests/data/speech";
const RATE: usize = SAMPLE_RATE_HZ as usize;
const SEGMENT_SAMPLES: usize = 3 * RATE;

/// The clips and the syllables that a person counted in each.
const COUNTED: [(&str, usize); 7] = [
    ("sense_and_sensibility_01_austen_64kb-0870", 30),
    ("sense_and_sensibility_01_austen_64kb-0880", 9),
    ("sense_and_sensibility_01_austen_64kb-0890", 20),
    ("sense_and_sensibility_01_austen_64kb-0920", 27),
    ("sense_and_sensibility_01_austen_64kb-0930", 13),
    ("cards_005", 10),
    ("goforward", 6),
];

#[derive(Deserialize)]
struct PraatTrack {
    first_s: f32,
    f0_hz: Vec<f32>,
    hnr_db: Option<f32>,
}

#[derive(Deserialize)]
struct LibrosaFrames {
    centroid_hz: Vec<f32>,
    rms: Vec<f32>,
    whole_rms: f32,
}

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> BTreeMap<String, T> {
    let text = fs::read_to_string(Path::new(DATA).join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn wav(name: &str) -> Vec<i16> {
    let mut reader = hound::WavReader::open(format!("{DATA}/{name}.wav")).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (SAMPLE_RATE_HZ, 1));
    reader.samples().collect::<Result<_, _>>().unwrap()
}

fn unit_scale(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

fn analyser() -> VoiceAnalyser {
    let catalog = Catalog::open(Path::new("models")).unwrap();
    VoiceAnalyser::new(VoiceModels::load(&catalog).unwrap(), SpeechConfig::default())
}

/// One for each runtime that can run the voice activity model.
fn analysers() -> Vec<(&'static str, VoiceAnalyser)> {
    let mut all = vec![("tract", analyser())];
    #[cfg(feature = "onnxruntime")]
    {
        let models = VoiceModels::load(&onnxruntime::catalog("models")).unwrap();
        all.push(("onnxruntime", VoiceAnalyser::new(models, SpeechConfig::default())));
    }
    all
}

fn segment(sequence: u64, end: usize, new_samples: usize, samples: &[i16]) -> Segment {
    Segment {
        sequence,
        captured_at: duration_of(end),
        unix_ms: 0,
        new_samples,
        channel_fault: None,
        samples: samples.into(),
    }
}

/// Analyses a sound as one segment.
fn observe(analyser: &mut VoiceAnalyser, samples: &[i16]) -> VoiceObservation {
    let whole = segment(0, samples.len(), samples.len(), samples);
    analyser.observe(&whole, &mut VoiceTrack::default(), Features::ALL).unwrap()
}

/// Analyses a sound in segments of 3 s, one each `hop` samples; the rest is a shorter segment.
fn observe_pieces(
    analyser: &mut VoiceAnalyser,
    samples: &[i16],
    hop: usize,
) -> Vec<VoiceObservation> {
    let mut track = VoiceTrack::default();
    let mut done = 0;
    let mut pieces = Vec::new();
    while done < samples.len() {
        let end = if done == 0 { SEGMENT_SAMPLES } else { done + hop }.min(samples.len());
        let start =
            if hop == SEGMENT_SAMPLES { done } else { end.saturating_sub(SEGMENT_SAMPLES) };
        let piece = segment(pieces.len() as u64, end, end - done, &samples[start..end]);
        pieces.push(analyser.observe(&piece, &mut track, Features::ALL).unwrap());
        done = end;
    }
    pieces
}

// -- f0 ------------------------------------------------------------------------------------------

#[derive(Default)]
struct Agreement {
    cents: Vec<f32>,
    gross: usize,
    frames: usize,
    voicing_differs: usize,
}

impl Agreement {
    fn add(&mut self, ours: &[Option<f32>], praat: &PraatTrack) {
        for (k, theirs) in praat.f0_hz.iter().enumerate() {
            let time_s = praat.first_s + 0.01 * k as f32;
            let Some(ours) = ours.get((time_s * 100.0).round() as usize) else { continue };
            self.frames += 1;
            match (ours, *theirs > 0.0) {
                (Some(ours), true) => {
                    self.cents.push(1200.0 * (ours / theirs).log2().abs());
                    self.gross += usize::from((ours / theirs - 1.0).abs() > 0.2);
                }
                (None, false) => {}
                _ => self.voicing_differs += 1,
            }
        }
    }

    fn percentile(&self, share: f32) -> f32 {
        let mut sorted = self.cents.clone();
        sorted.sort_by(f32::total_cmp);
        sorted[(share * (sorted.len() - 1) as f32).round() as usize]
    }

    fn gross_ratio(&self) -> f32 {
        self.gross as f32 / self.cents.len() as f32
    }

    fn voicing_ratio(&self) -> f32 {
        self.voicing_differs as f32 / self.frames as f32
    }

    fn print(&self, what: &str) {
        println!(
            "f0 {what}: {} both-voiced, median {:.2} cents, p90 {:.2}, over 20 %: {:.2} %, \
             voicing differs {:.2} %",
            self.cents.len(),
            self.percentile(0.5),
            self.percentile(0.9),
            100.0 * self.gross_ratio(),
            100.0 * self.voicing_ratio()
        );
    }

    fn check(&self) {
        assert!(self.percentile(0.5) <= 10.0);
        assert!(self.percentile(0.9) <= 40.0);
        assert!(self.gross_ratio() <= 0.005);
        assert!(self.voicing_ratio() <= 0.06);
    }
}

#[test]
fn f0_of_whole_clips_agrees_with_praat() {
    let praat: BTreeMap<String, PraatTrack> = golden("praat_f0.json");
    let mut tracker = F0Tracker::new(F0Config::default());
    let mut all = Agreement::default();
    for (name, _) in COUNTED {
        let track = tracker.track(&unit_scale(&wav(name)), |_, _| {});
        let mut clip = Agreement::default();
        clip.add(&track, &praat[name]);
        clip.print(name);
        all.add(&track, &praat[name]);
    }
    all.print("whole clips");
    all.check();
}

#[test]
fn f0_of_segments_agrees_with_praat_on_the_whole_clip() {
    let praat: BTreeMap<String, PraatTrack> = golden("praat_f0.json");
    let mut analyser = analyser();
    let mut all = Agreement::default();
    for (name, _) in COUNTED {
        let pieces = observe_pieces(&mut analyser, &wav(name), SEGMENT_SAMPLES);
        let track: Vec<Option<f32>> =
            pieces.into_iter().flat_map(|piece| piece.f0_track_hz).collect();
        let mut clip = Agreement::default();
        clip.add(&track, &praat[name]);
        clip.print(name);
        all.add(&track, &praat[name]);
    }
    all.print("3 s segments");
    all.check();
}

#[test]
fn harmonics_to_noise_ratio_agrees_with_praat() {
    let praat: BTreeMap<String, PraatTrack> = golden("praat_f0.json");
    let mut analyser = analyser();
    for (name, _) in COUNTED {
        let found = observe(&mut analyser, &wav(name)).harmonics_to_noise_db.unwrap();
        let expected = praat[name].hnr_db.unwrap();
        println!("{name}: harmonics to noise {found:.2} dB, Praat {expected:.2} dB");
        assert!((found - expected).abs() <= 0.5, "{name}: {found} dB, not {expected}");
    }
}

#[test]
fn f0_of_a_glide_and_a_sine_is_the_truth() {
    let mut tracker = F0Tracker::new(F0Config::default());
    let glide = tracker.track(&unit_scale(&wav("glide110_220_3s")), |_, _| {});
    let praat: BTreeMap<String, PraatTrack> = golden("praat_f0.json");
    let mut agreement = Agreement::default();
    agreement.add(&glide, &praat["glide110_220_3s"]);
    agreement.print("glide");
    assert!(agreement.percentile(0.5) <= 3.0);
    assert_eq!(agreement.voicing_differs, 0);
    let track = tracker.track(&unit_scale(&sine(220.0, 3)), |_, _| {});
    let mut sorted: Vec<f32> = track.iter().map(|f0| f0.unwrap()).collect();
    sorted.sort_by(f32::total_cmp);
    let median_hz = sorted[150];
    let cents = 1200.0 * (median_hz / 220.0).log2().abs();
    println!("f0 sine 220 Hz: median {median_hz:.4} Hz, off by {cents:.3} cents");
    assert!(cents <= 3.0);
    assert_eq!(track.len(), 300);
}

// -- level and spectrum --------------------------------------------------------------------------

fn relative(ours: f32, theirs: f32) -> f32 {
    (ours - theirs).abs() / theirs.abs().max(1e-9)
}

#[test]
fn rms_and_centroid_agree_with_librosa() {
    let librosa: BTreeMap<String, LibrosaFrames> = golden("librosa.json");
    let mut spectrum = SpectrumAnalyser::new();
    let (mut worst_rms, mut worst_centroid) = (0.0f32, 0.0f32);
    for (name, frames) in &librosa {
        let samples = wav(name);
        let centroids_hz = spectrum.centroids_hz(&unit_scale(&samples));
        assert_eq!(centroids_hz.len(), frames.centroid_hz.len());
        for (ours, theirs) in centroids_hz.iter().zip(&frames.centroid_hz) {
            worst_centroid = worst_centroid.max(relative(*ours, *theirs));
        }
        worst_rms = worst_rms.max(relative(loudness(&samples).rms, frames.whole_rms));
        for (k, theirs) in frames.rms.iter().enumerate() {
            let (start, end) =
                ((k * 512).saturating_sub(1024), (k * 512 + 1024).min(samples.len()));
            if end - start == 2048 {
                let ours = loudness(&samples[start..end]).rms;
                worst_rms = worst_rms.max(relative(ours, *theirs));
            }
        }
    }
    println!(
        "librosa: worst relative error of rms {worst_rms:.2e}, centroid {worst_centroid:.2e}"
    );
    assert!(worst_rms <= 1e-4);
    assert!(worst_centroid <= 1e-3);
}

/// A Butterworth high-pass of the second order at 25 Hz, as R. Bristow-Johnson's "Audio EQ cookbook"
/// has it.
fn without_rumble(samples: &[f32]) -> Vec<f32> {
    let w = std::f64::consts::TAU * 25.0 / RATE as f64;
    let alpha = w.sin() / 2.0 / std::f64::consts::FRAC_1_SQRT_2;
    let (a0, a1, a2) = (1.0 + alpha, -2.0 * w.cos(), 1.0 - alpha);
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / samples.len() as f64;
    let (mut x, mut y) = ([mean; 2], [0.0; 2]);
    let next = |sample: &f32| {
        let new = f64::from(*sample);
        let feed = (1.0 + w.cos()) / 2.0 * (new - 2.0 * x[0] + x[1]);
        let out = (feed - a1 * y[0] - a2 * y[1]) / a0;
        (x, y) = ([new, x[0]], [out, y[0]]);
        out as f32
    };
    samples.iter().map(next).collect()
}

#[test]
fn the_centroid_metric_is_the_mean_over_voiced_frames() {
    let (mut analyser, mut spectrum) = (analyser(), SpectrumAnalyser::new());
    for (name, _) in COUNTED {
        let voice = observe(&mut analyser, &wav(name));
        // Librosa's, as the test above has it, of what is left of the clip's rumble.
        let centroids_hz = spectrum.centroids_hz(&without_rumble(&unit_scale(&wav(name))));
        let voiced = centroids_hz
            .iter()
            .enumerate()
            .filter(|(k, _)| voice.f0_track_hz.get(k * 512 / 160).is_some_and(Option::is_some));
        let (sum, count) = voiced.fold((0.0, 0), |(sum, n), (_, hz)| (sum + hz, n + 1));
        let expected_hz = sum / count as f32;
        let found_hz = voice.spectral_centroid_hz.unwrap();
        println!(
            "{name}: centroid {found_hz:.1} Hz over {count} voiced frames, clarity {:.2}",
            voice.clarity.unwrap()
        );
        assert!(relative(found_hz, expected_hz) <= 1e-3, "{found_hz} against {expected_hz}");
    }
}

// -- syllables -----------------------------------------------------------------------------------

/// Nuclei of successive observations on the sound's own time; where two observations overlap,
/// the later one speaks from 250 ms after its start.
fn joined(pieces: &[VoiceObservation]) -> Vec<Duration> {
    let mut nuclei: Vec<Duration> = Vec::new();
    let mut end = Duration::ZERO;
    for piece in pieces {
        let start = piece.captured_at - piece.duration;
        let cut = if start < end { start + Duration::from_millis(250) } else { start };
        nuclei.retain(|at| *at < cut);
        nuclei.extend(piece.syllables.iter().map(|at| start + *at).filter(|at| *at >= cut));
        end = piece.captured_at;
    }
    nuclei
}

#[test]
fn syllables_are_counted_as_a_person_does() {
    for (runtime, analyser) in &mut analysers() {
        check_syllables(runtime, analyser);
    }
}

fn check_syllables(runtime: &str, analyser: &mut VoiceAnalyser) {
    let mut errors = [0usize; 3];
    for (name, counted) in COUNTED {
        let samples = wav(name);
        let found = [
            observe(analyser, &samples).syllables.len(),
            joined(&observe_pieces(analyser, &samples, SEGMENT_SAMPLES)).len(),
            joined(&observe_pieces(analyser, &samples, RATE)).len(),
        ];
        println!(
            "syllables {name}: counted {counted}, found (whole, 3 s, 3 s each 1 s) {found:?}"
        );
        for (error, found) in errors.iter_mut().zip(found) {
            *error += found.abs_diff(counted);
        }
    }
    let mean = errors.map(|error| error as f32 / COUNTED.len() as f32);
    println!(
        "syllables, {runtime}: mean absolute error a clip (whole, 3 s, 3 s each 1 s) {mean:.2?}"
    );
    assert!(mean[0] <= 0.6);
}

// -- what is no speech ---------------------------------------------------------------------------

fn sine(hz: f32, seconds: usize) -> Vec<i16> {
    let turn = std::f32::consts::TAU * hz / RATE as f32;
    (0..seconds * RATE).map(|k| (8000.0 * (turn * k as f32).sin()) as i16).collect()
}

#[test]
fn silence_noise_and_tone_are_no_speech() {
    for (runtime, analyser) in &mut analysers() {
        println!("{runtime}:");
        check_no_speech(analyser);
    }
}

fn check_no_speech(analyser: &mut VoiceAnalyser) {
    for (what, samples) in [
        ("silence", vec![0; SEGMENT_SAMPLES]),
        ("noise", wav("noise_3s")),
        ("tone", sine(220.0, 3)),
    ] {
        let voice = observe(analyser, &samples);
        println!("{what}: {:?} dBFS, {:?}", voice.dbfs, voice.f0);
        assert!(!voice.audio_detected, "{what}");
        assert!(voice.syllables.is_empty() && voice.pauses.is_empty(), "{what}");
        assert_eq!((voice.clarity, voice.spectral_centroid_hz), (None, None), "{what}");
        assert_eq!(voice.arousal, None, "{what}");
        assert_eq!(voice.f0, None, "{what}");
        assert_eq!(voice.dbfs.is_some(), what != "silence");
    }
}

// -- what a daemon meets -------------------------------------------------------------------------

#[test]
fn any_length_is_analysed_and_no_number_is_nan() {
    let mut analyser = analyser();
    let clip = wav(COUNTED[0].0);
    for length in [0, 1, 160, 639, 640, 800, 8_000, 12_345, 48_000, clip.len()] {
        let voice = observe(&mut analyser, &clip[..length]);
        assert_eq!(voice.f0_track_hz.len(), length / 160, "{length} samples");
        let numbers = [voice.speech_ratio, voice.rms, voice.clipping_ratio];
        let maybe = [voice.dbfs, voice.clarity, voice.spectral_centroid_hz];
        let mut all = numbers.into_iter().chain(maybe.into_iter().flatten());
        assert!(all.all(f32::is_finite), "{length} samples: {voice:?}");
        assert!((0.0..=1.0).contains(&voice.speech_ratio), "{length} samples");
    }
    let long: Vec<i16> = clip.iter().cycle().take(30 * RATE).copied().collect();
    let voice = observe(&mut analyser, &long);
    println!("30 s: {} syllables, {:?} in all", voice.syllables.len(), voice.timing.total);
    assert!(voice.audio_detected && voice.speech_ratio > 0.5);
    let square: Vec<i16> =
        (0..RATE).map(|k| if k / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let voice = observe(&mut analyser, &square);
    assert!(voice.clipping_ratio > 0.99);
}

#[test]
fn overlapping_segments_hear_the_speech_that_one_long_segment_hears() {
    let mut analyser = analyser();
    let samples = wav(COUNTED[0].0);
    let whole = observe(&mut analyser, &samples);
    for hop in [RATE, 12_345, SEGMENT_SAMPLES] {
        for piece in observe_pieces(&mut analyser, &samples, hop) {
            let start = piece.captured_at - piece.duration;
            let inside =
                |at: Duration| whole.speech.iter().any(|s| s.start <= at && at < s.end);
            let (mut differ, mut steps) = (0, 0);
            for step in 0..piece.duration.as_millis() as u64 / 10 {
                let at = Duration::from_millis(step * 10 + 5);
                steps += 1;
                differ += usize::from(
                    piece.speech.iter().any(|s| s.start <= at && at < s.end)
                        != inside(start + at),
                );
            }
            // A pause that a segment's edge cuts is no pause to it; nothing else may differ.
            assert!(differ * 12 <= steps, "hop {hop}, at {start:?}: {differ} of {steps}");
        }
    }
}

/// Metrics that hang on the voice activity model, and what they cost, with each runtime.
#[cfg(feature = "onnxruntime")]
#[test]
fn both_runtimes_find_the_same_speech() {
    let mut analysers = analysers();
    let mut costs = vec![Vec::new(); analysers.len()];
    let (mut segments, mut worst_ratio) = (0, 0.0_f32);
    for (name, _) in COUNTED {
        let observed: Vec<_> = analysers
            .iter_mut()
            .map(|(_, analyser)| observe_pieces(analyser, &wav(name), RATE))
            .collect();
        for (tract, other) in observed[0].iter().zip(&observed[1]) {
            segments += 1;
            assert_eq!(tract.audio_detected, other.audio_detected, "{name}");
            assert_eq!(tract.syllables, other.syllables, "{name}");
            worst_ratio = worst_ratio.max((tract.speech_ratio - other.speech_ratio).abs());
        }
        for (costs, voices) in costs.iter_mut().zip(&observed) {
            costs.extend(voices.iter().map(|voice| voice.timing.total.cpu.as_secs_f32() * 1e3));
        }
    }
    let medians = costs.iter_mut().map(|costs| {
        costs.sort_by(f32::total_cmp);
        costs[costs.len() / 2]
    });
    println!(
        "MEASURED {segments} segments of 3 s, one each second: speech_ratio differs by at most \
         {worst_ratio}; CPU of a segment, median ms (tract, onnxruntime): {:.2?}",
        medians.collect::<Vec<_>>()
    );
    assert!(segments > 20);
    // One chunk of 32 ms in 3 s.
    assert!(worst_ratio <= 0.011);
}

#[test]
fn noise_and_clipping_lower_clarity() {
    let mut analyser = analyser();
    let (speech, noise) = (wav(COUNTED[0].0), wav("noise_3s"));
    let clean = observe(&mut analyser, &speech[..SEGMENT_SAMPLES]).clarity.unwrap();
    let mut last = clean;
    let gain = loudness(&speech[..SEGMENT_SAMPLES]).rms / loudness(&noise).rms;
    for snr_db in [15.0f32, 5.0] {
        let gain = gain * 10f32.powf(-snr_db / 20.0);
        let noisy: Vec<i16> = speech
            .iter()
            .zip(&noise)
            .map(|(s, n)| (f32::from(*s) + gain * f32::from(*n)) as i16)
            .collect();
        let clarity = observe(&mut analyser, &noisy).clarity.unwrap_or(0.0);
        println!("clarity: clean {clean:.2}, {snr_db} dB over white noise {clarity:.2}");
        assert!(clarity < last);
        last = clarity;
    }
    let loud: Vec<i16> =
        speech[..SEGMENT_SAMPLES].iter().map(|sample| sample.saturating_mul(20)).collect();
    let clipped = observe(&mut analyser, &loud);
    println!(
        "clarity: {:.1} % clipped {:.2}",
        100.0 * clipped.clipping_ratio,
        clipped.clarity.unwrap_or(0.0)
    );
    assert!(clipped.clarity.unwrap_or(0.0) < clean);
}

#[test]
fn arousal_features_are_those_of_the_recipe() {
    // log2 of the f0 median, level in dB, log10 of the energy ratio. Made by
    // scripts/compare_arousal_with_recipe.py --recipe-of, as the folder's README has it.
    let recipe: BTreeMap<String, [f32; 3]> = golden("arousal.json");
    let mut analyser = analyser();
    for (name, [log2_f0, level_db, log10_hf500]) in recipe {
        let found = observe(&mut analyser, &wav(&name)).arousal.unwrap();
        // Of the pitch, of the level as an amplitude and of the ratio: a logarithm may be 0.
        let off = [
            (found.log2_f0_median - log2_f0).exp2() - 1.0,
            10f32.powf((found.level_db - level_db) / 20.0) - 1.0,
            10f32.powf(found.log10_hf500 - log10_hf500) - 1.0,
        ];
        let [f0, level, hf500] = off.map(|off| 100.0 * off);
        println!(
            "{name}: f0 {f0:+.2} %, level {level:+.2} %, HF500 {hf500:+.2} % off the recipe"
        );
        assert!(off.iter().all(|off| off.abs() < 0.02), "{name}: {off:?}");
    }
}

#[test]
fn arousal_features_follow_the_voice_and_the_switch() {
    let mut analyser = analyser();
    let speech = &wav(COUNTED[0].0)[..SEGMENT_SAMPLES];
    let voice = observe(&mut analyser, speech);
    let (features, f0) = (voice.arousal.unwrap(), voice.f0.unwrap());
    println!("arousal: {features:?}");
    assert!((features.log2_f0_median - f0.median_hz.log2()).abs() < 1e-6);
    assert!(features.level_db.is_finite() && features.log10_hf500.is_finite());
    let louder: Vec<i16> = speech.iter().map(|sample| sample * 2).collect();
    let louder = observe(&mut analyser, &louder).arousal.unwrap();
    assert!((louder.level_db - features.level_db - 6.02).abs() < 0.05);
    let off = Features { voice_emotion: false, ..Features::ALL };
    let whole = segment(0, speech.len(), speech.len(), speech);
    let voice = analyser.observe(&whole, &mut VoiceTrack::default(), off).unwrap();
    assert_eq!(voice.arousal, None);
    assert!(voice.f0.is_some());
}

// -- what is not a voice, and what a bad microphone does to one -------------------------------------

/// Six seconds of one speaker: 30 syllables in the first 7.1 s.
fn speech() -> Vec<f32> {
    unit_scale(&wav(COUNTED[0].0)[..6 * RATE])
}

fn to_16_bit(samples: impl IntoIterator<Item = f32>) -> Vec<i16> {
    samples
        .into_iter()
        .map(|x| (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// Noise of a normal distribution, near enough: always the same.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    move || (0..12).map(|_| uniform()).sum()
}

/// Partials (Hz, amplitude) at sample `k`.
fn partials(partials: &[(f32, f32)], k: usize) -> f32 {
    let at = |hz: f32| (f64::from(hz) * k as f64 / RATE as f64 * std::f64::consts::TAU).sin();
    partials.iter().map(|(hz, amplitude)| amplitude * at(*hz) as f32).sum()
}

/// A fan: air and the tone of its blades, as loud as it is in a booth.
fn fan(seconds: usize) -> Vec<f32> {
    let (mut noise, mut air) = (noise(2), [0.0; 20]);
    let mut sample = |k: usize| {
        air[k % 20] = 0.05 * noise();
        0.3 * air.iter().sum::<f32>() / 20.0 + partials(&[(118.0, 0.003), (236.0, 0.002)], k)
    };
    (0..seconds * RATE).map(&mut sample).collect()
}

/// Chords of plucked strings.
fn music(seconds: usize) -> Vec<f32> {
    let sample = |k: usize| {
        let (chord, at) = (k / 8000, (k % 8000) as f32 / RATE as f32);
        let root = [130.8, 174.6, 196.0, 130.8][chord % 4];
        let notes = [1.0, 1.26, 1.498]
            .iter()
            .flat_map(|note| (1..5).map(move |n| (root * note * n as f32, 0.05 / n as f32)));
        (-3.0 * at).exp() * partials(&notes.collect::<Vec<_>>(), k)
    };
    (0..seconds * RATE).map(sample).collect()
}

/// What a session makes of a sound in segments of 3 s, one each `hop` samples.
fn interview(
    analyser: &mut VoiceAnalyser,
    samples: &[i16],
    hop: usize,
) -> (Vec<(VoiceObservation, VoiceMetrics)>, Statistics) {
    let mut session = SessionMetrics::new(&SessionConfig::default());
    let voices = observe_pieces(analyser, samples, hop);
    let voices = voices.into_iter().map(|voice| {
        let metrics = session.observe_voice(&voice);
        (voice, metrics)
    });
    let voices = voices.collect();
    (voices, session.statistics().clone())
}

fn mean(statistics: &Statistics, name: &str) -> Option<f64> {
    statistics.metrics().find(|(known, _)| *known == name).map(|(_, s)| s.mean)
}

const OF_A_VOICE: [&str; 11] = [
    "pitch_mean",
    "pitch_median",
    "pitch_variance",
    "pitch_range",
    "spectral_centroid_hz",
    "clarity_score",
    "speech_rate",
    "articulation_rate",
    "arousal",
    "pause_count",
    "longest_pause_ms",
];

#[test]
fn what_has_a_tone_and_is_no_voice_has_no_pitch() {
    let mut analyser = analyser();
    let hum = [(50.0, 0.01), (100.0, 0.02), (150.0, 0.008), (200.0, 0.006)];
    for (what, samples) in [
        ("mains hum", (0..6 * RATE).map(|k| partials(&hum, k)).collect()),
        ("beep", (0..6 * RATE).map(|k| partials(&[(440.0, 0.14)], k)).collect()),
        ("fan", fan(6)),
        ("music", music(6)),
    ] {
        let (voices, statistics) = interview(&mut analyser, &to_16_bit(samples), RATE);
        for (voice, metrics) in voices {
            assert!(!voice.audio_detected, "{what}: {}", voice.speech_ratio);
            assert!(voice.f0_track_hz.iter().all(Option::is_none), "{what}");
            assert_eq!(metrics.no_rate, Some(NoRate::TooLittle), "{what}");
        }
        for name in OF_A_VOICE {
            assert_eq!(mean(&statistics, name), None, "{what}: {name}");
        }
        println!("{what}: no voice at {:.1} dBFS", mean(&statistics, "volume_dbfs").unwrap());
    }
}

#[test]
fn a_fan_that_goes_on_is_no_part_of_the_speakers_pitch() {
    let praat: BTreeMap<String, PraatTrack> = golden("praat_f0.json");
    let praat = &praat[COUNTED[0].0];
    let mut voiced: Vec<f32> =
        praat.f0_hz.iter().take(600).copied().filter(|f0| *f0 > 0.0).collect();
    voiced.sort_by(f32::total_cmp);
    let expected_hz = f64::from(voiced[voiced.len() / 2]);
    let mut analyser = analyser();
    let all = speech().into_iter().chain(std::iter::repeat(0.0)).zip(fan(24));
    let all = to_16_bit(all.map(|(speech, fan)| speech + fan));
    for hop in [RATE, SEGMENT_SAMPLES] {
        let (_, before) = interview(&mut analyser, &all[..6 * RATE], hop);
        let (_, statistics) = interview(&mut analyser, &all, hop);
        let pitch = statistics.metrics().find(|(name, _)| *name == "pitch_median").unwrap().1;
        println!(
            "6 s of speech and 18 s of fan, a segment each {} s: median {:.1} Hz over {:.1} s, Praat \
             {expected_hz:.1} Hz",
            hop / RATE,
            pitch.mean,
            pitch.covered.as_secs_f32()
        );
        assert!((pitch.mean / expected_hz - 1.0).abs() < 0.05);
        assert!((4.5..6.5).contains(&pitch.covered.as_secs_f32()), "{:?}", pitch.covered);
        for name in ["pitch_mean", "clarity_score", "speech_rate"] {
            let (alone, with_fan) = (mean(&before, name), mean(&statistics, name));
            let (alone, with_fan) = (alone.unwrap(), with_fan.unwrap());
            println!("  {name}: {alone:.3} of the speech, {with_fan:.3} of all");
            assert!((with_fan / alone - 1.0).abs() < 0.1, "{name}");
        }
    }
}

#[test]
fn an_offset_is_reported_and_changes_nothing_else() {
    let mut analyser = analyser();
    let clean = to_16_bit(speech().into_iter().map(|x| 0.5 * x));
    let shifted: Vec<i16> = clean.iter().map(|sample| sample + 655).collect();
    let (clean, _) = interview(&mut analyser, &clean, SEGMENT_SAMPLES);
    let (shifted, _) = interview(&mut analyser, &shifted, SEGMENT_SAMPLES);
    for ((clean, _), (shifted, _)) in clean.iter().zip(&shifted) {
        // The clip has one of its own.
        assert!((shifted.offset - clean.offset - 0.02).abs() < 1e-4);
        for (what, clean, shifted) in [
            ("clarity", clean.clarity.unwrap(), shifted.clarity.unwrap()),
            ("rms", clean.rms, shifted.rms),
            ("median", clean.f0.unwrap().median_hz, shifted.f0.unwrap().median_hz),
            (
                "centroid",
                clean.spectral_centroid_hz.unwrap(),
                shifted.spectral_centroid_hz.unwrap(),
            ),
            ("speech", clean.speech_ratio, shifted.speech_ratio),
        ] {
            println!("{what}: {clean:.4}, with an offset of 2 % {shifted:.4}");
            assert!(relative(shifted, clean) < 1e-3, "{what}");
        }
        assert_eq!(clean.syllables, shifted.syllables);
    }
    let nothing = observe(&mut analyser, &[3000; SEGMENT_SAMPLES]);
    assert_eq!((nothing.dbfs, nothing.rms), (None, 0.0), "a constant is silence");
}

/// The same words without a voice: what the vocal tract does to noise (linear prediction, 18 poles).
fn whisper(speech: &[f32]) -> Vec<f32> {
    const POLES: usize = 18;
    const FRAME: usize = 400;
    let (mut noise, mut past, mut out) = (noise(1), [0.0f32; POLES], Vec::new());
    for frame in speech.windows(FRAME).step_by(160) {
        let window =
            |k: usize| 0.5 - 0.5 * (std::f32::consts::TAU * k as f32 / FRAME as f32).cos();
        let frame: Vec<f32> = frame.iter().enumerate().map(|(k, x)| x * window(k)).collect();
        let r =
            |lag: usize| -> f32 { frame[lag..].iter().zip(&frame).map(|(a, b)| a * b).sum() };
        let (mut filter, mut energy) = ([0.0f32; POLES], 1.001 * r(0) + 1e-6);
        for order in 0..POLES {
            let known: f32 = (0..order).map(|k| filter[k] * r(order - k)).sum();
            let reflection = -(r(order + 1) + known) / energy;
            let before = filter;
            (0..order).for_each(|k| filter[k] += reflection * before[order - 1 - k]);
            filter[order] = reflection;
            energy *= 1.0 - reflection * reflection;
        }
        let gain = (energy.max(0.0) / (0.375 * FRAME as f32)).sqrt();
        for _ in 0..160 {
            // Blunter resonances than the frame's own: breath excites them all the time.
            let mut bluntness = 1.0;
            let memory = filter.iter().zip(&past).map(|(a, x)| {
                bluntness *= 0.98;
                bluntness * a * x
            });
            let sample = gain * noise() - memory.sum::<f32>();
            past.rotate_right(1);
            past[0] = sample;
            out.push(sample);
        }
    }
    out
}

#[test]
fn a_whisper_has_neither_pitch_nor_rate() {
    let mut analyser = analyser();
    let (voices, statistics) =
        interview(&mut analyser, &to_16_bit(whisper(&speech())), SEGMENT_SAMPLES);
    for (voice, metrics) in &voices {
        println!(
            "whisper: speech {:.2}, {:?}, {:?}",
            voice.speech_ratio,
            voice.f0.map(|f0| f0.voiced_frames),
            metrics.no_rate
        );
        assert!(voice.audio_detected && voice.f0.is_none());
        assert_eq!((metrics.speech_rate, metrics.no_rate), (None, Some(NoRate::Unvoiced)));
    }
    for name in ["speech_rate", "pitch_mean"] {
        assert_eq!(mean(&statistics, name), None, "{name}");
    }
}

#[test]
fn quiet_is_not_fast() {
    let mut analyser = analyser();
    let mut loud = None;
    for gain_db in [0.0f32, -10.0, -20.0, -30.0, -40.0, -50.0] {
        let gain = 10f32.powf(gain_db / 20.0);
        let quiet = to_16_bit(speech().into_iter().map(|x| gain * x));
        let (voices, statistics) = interview(&mut analyser, &quiet, RATE);
        let rate = mean(&statistics, "speech_rate");
        println!(
            "{gain_db} dB: rate {rate:.0?}, {:?}; speech {:.2}, clarity {:.2?}, pitch {:.1?}",
            voices.last().unwrap().1.no_rate,
            mean(&statistics, "speech_ratio").unwrap(),
            mean(&statistics, "clarity_score"),
            mean(&statistics, "pitch_median"),
        );
        let loud = *loud.get_or_insert_with(|| rate.unwrap());
        assert!(rate.is_none_or(|rate| (rate / loud - 1.0).abs() < 0.1), "{rate:?} of {loud}");
    }
}

/// What comes of speech that drives a device too hard by `drive`: sharp corners, as the converter
/// gives them, or rounded by a resampler behind it.
fn driven(drive: f32, gain: f32, is_resampled: bool) -> (f32, Vec<i16>) {
    let speech = speech();
    let peak = speech.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let clip = |x: f32| gain * (drive * x / peak).clamp(-1.0, 1.0);
    let truth = speech.iter().filter(|x| drive * x.abs() >= peak).count();
    let truth = truth as f32 / speech.len() as f32;
    if !is_resampled {
        return (truth, to_16_bit(speech.into_iter().map(clip)));
    }
    let thrice = speech
        .windows(2)
        .flat_map(|w| (0..3).map(move |k| clip(w[0] + (w[1] - w[0]) * k as f32 / 3.0)));
    let mut out = Vec::new();
    Resampler::new(48_000).unwrap().push(&thrice.collect::<Vec<_>>(), &mut out);
    (truth, to_16_bit(out))
}

#[test]
fn clipped_speech_is_reported_at_any_gain_and_is_less_clear() {
    let mut analyser = analyser();
    for (gain, is_resampled) in [(1.0, false), (0.89, false), (0.2, false), (0.7, true)] {
        let mut last_clarity = 1.0;
        for drive in [0.9, 2.0, 4.0] {
            let (truth, samples) = driven(drive, gain, is_resampled);
            let (_, statistics) = interview(&mut analyser, &samples, SEGMENT_SAMPLES);
            let found = mean(&statistics, "clipping_ratio").unwrap() as f32;
            let clarity = mean(&statistics, "clarity_score").unwrap_or(0.0);
            println!(
                "drive {drive}, gain {gain}, resampled {is_resampled}: {:.2} % clipped, found \
                 {:.2} %, clarity {clarity:.3}",
                100.0 * truth,
                100.0 * found
            );
            if truth == 0.0 {
                assert!(found < 1e-4, "{found}");
            } else {
                assert!(found > 0.5 * truth && found < 2.5 * truth, "{found} of {truth}");
                assert!(clarity < 0.9 * last_clarity);
            }
            last_clarity = clarity;
        }
    }
}
