use std::path::Path;

use super::*;
use crate::decode::wav::WavReader;

const SECOND: usize = SAMPLE_RATE_HZ as usize;

fn speech() -> Vec<i16> {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech_16k.wav");
    let clip = std::fs::read(clip).unwrap();
    let mut reader = WavReader::new(&*clip).unwrap();
    let mut samples = vec![0; 20 * SECOND];
    let count = reader.read(&mut samples).unwrap();
    samples.truncate(count);
    samples
}

/// Speech that grows louder and has a silence, so that what looks at the whole matters.
fn segment(sequence: u64, length: usize) -> Segment {
    let clip = speech();
    let loud = |(at, sample): (usize, i16)| {
        let share = if at % (10 * SECOND) < SECOND { 0 } else { 1 + at * 3 / length };
        i16::try_from((i64::from(sample) * share as i64 / 3).clamp(-32_768, 32_767)).unwrap()
    };
    let samples: Vec<i16> =
        clip.into_iter().cycle().take(length).enumerate().map(loud).collect();
    let captured_at = Duration::from_secs(sequence);
    Segment {
        sequence,
        captured_at,
        unix_ms: 0,
        new_samples: length - 777,
        channel_fault: None,
        samples,
    }
}

fn analyser(models: &VoiceModels, piece_samples: usize) -> VoiceAnalyser {
    let analyser = VoiceAnalyser::new(models.clone(), SpeechConfig::default());
    VoiceAnalyser { piece_samples, ..analyser }
}

/// All of an observation but what it cost; a float is written so that no two are alike.
fn numbers(observation: VoiceObservation) -> String {
    format!("{:?}", VoiceObservation { timing: SpeechTiming::default(), ..observation })
}

#[test]
fn in_pieces_with_others_between_the_numbers_are_those_of_the_whole() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let models = VoiceModels::load(&Catalog::open(&models).unwrap()).unwrap();
    let mut whole = analyser(&models, 100 * PIECE_SAMPLES);
    let mut workers = [analyser(&models, PIECE_SAMPLES), analyser(&models, PIECE_SAMPLES)];
    let (mut track, mut other, mut pieced) = Default::default();
    for (sequence, length) in
        [(0, 60 * SECOND - 5), (1, 3 * SECOND), (2, 3 * SECOND + 1), (3, 13 * SECOND + 99)]
    {
        let whole_segment = segment(sequence, length);
        let expected = whole.observe(&whole_segment, &mut track, Features::ALL).unwrap();
        assert!(expected.audio_detected && expected.arousal.is_some());
        let mut analysis = workers[0].begin(&whole_segment, &mut pieced);
        let (mut turns, mut done) = (0, None);
        while done.is_none() {
            let worker = &mut workers[turns % 2];
            done = worker
                .advance(&mut analysis, &whole_segment, &mut pieced, Features::ALL)
                .unwrap();
            // Another stream's segment, between.
            let between = segment(turns as u64, 2 * SECOND);
            worker.observe(&between, &mut other, Features::ALL).unwrap();
            turns += 1;
        }
        assert_eq!(numbers(done.unwrap()), numbers(expected), "{length}");
        let pieces = length.div_ceil(PIECE_SAMPLES);
        assert!(if pieces == 1 { turns == 1 } else { turns > 2 * pieces }, "{turns}");
    }
}
