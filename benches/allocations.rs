//! Heap allocations of a frame and of a segment once their buffers have grown: a frame must make none.
//! What libjpeg-turbo takes by itself is not counted; it has an allocator of its own.

#![expect(unsafe_code, reason = "only an allocator can count, and its trait is unsafe")]
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

#[allow(dead_code, clippy::unwrap_used, reason = "of a test; the bench needs the frames only")]
#[path = "../tests/accuracy_vision/clip.rs"]
mod clip;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use boothd::{
    features::Features,
    inference::Catalog,
    media::{Frame, Segment},
    speech::{SpeechConfig, VoiceAnalyser, VoiceModels, VoiceTrack},
    vision::{FaceAnalyser, FaceModels, FaceTrack, VisionConfig},
};

/// The first ones of the clip, which all show the face.
const FRAMES: usize = 60;
const VOICE: &str = "tests/data/speech/sense_and_sensibility_01_austen_64kb-0890.wav";
const SEGMENT_SAMPLES: usize = 48_000;

static MADE: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        MADE.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(work: impl FnOnce()) -> u64 {
    let before = MADE.load(Relaxed);
    work();
    MADE.load(Relaxed) - before
}

/// Allocations of each frame, after a first round of all frames.
fn of_frames(catalog: &Catalog) -> Vec<u64> {
    let config = VisionConfig { expression_cache: Duration::ZERO, ..VisionConfig::default() };
    let models = FaceModels::load(catalog, &config).expect("models load");
    let mut analyser = FaceAnalyser::new(&models, config);
    let frames: Vec<Frame> = clip::frames().into_iter().take(FRAMES).collect();
    let mut track = FaceTrack::default();
    let mut round = || -> Vec<u64> {
        let each = frames.iter().map(|frame| {
            count(|| {
                analyser.observe(frame, &mut track, Features::ALL).expect("the clip decodes");
            })
        });
        each.collect()
    };
    round();
    round()
}

/// Of a segment of speech, after the first ones.
fn of_a_segment(catalog: &Catalog) -> u64 {
    let models = VoiceModels::load(catalog).expect("models load");
    let mut analyser = VoiceAnalyser::new(models, SpeechConfig::default());
    let mut reader = hound::WavReader::open(VOICE).expect("the clip is committed");
    let samples: Vec<i16> =
        reader.samples().map_while(Result::ok).take(SEGMENT_SAMPLES).collect();
    let mut track = VoiceTrack::default();
    let mut last = 0;
    for sequence in 0..5 {
        let segment = Segment {
            sequence,
            captured_at: Duration::from_secs(3 + sequence),
            unix_ms: 0,
            new_samples: SEGMENT_SAMPLES / 3,
            channel_fault: None,
            samples: samples.as_slice().into(),
        };
        last = count(|| {
            analyser.observe(&segment, &mut track, Features::ALL).expect("it runs");
        });
    }
    last
}

fn main() -> ExitCode {
    let catalog = Catalog::open(Path::new("models")).expect("models are committed");
    let (frames, segment) = (of_frames(&catalog), of_a_segment(&catalog));
    let (all, most) =
        (frames.iter().sum::<u64>(), frames.iter().max().copied().unwrap_or_default());
    println!(
        "allocations of {} frames: {all}, at most {most} of one; of a segment: {segment}",
        frames.len()
    );
    if all == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
