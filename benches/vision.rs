//! CPU time (not wall time: the machine may be busy) of a frame of the bundled clip.

#[allow(dead_code, clippy::unwrap_used, reason = "of a test; the bench needs the frames only")]
#[path = "../tests/accuracy_vision/clip.rs"]
mod clip;

use std::{hint::black_box, path::Path, time::Duration};

use boothd::{
    decode::Picture,
    features::Features,
    inference::Catalog,
    media::Frame,
    vision::{FaceAnalyser, FaceModels, FaceTrack, VisionConfig},
};
use criterion::{Criterion, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};

/// The first ones of the clip, which all show the face.
const FRAMES: usize = 60;

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("a thread's CPU time is positive")
}

/// Measures `work` on one frame after the other.
fn measure(
    criterion: &mut Criterion,
    name: &str,
    frames: &[Frame],
    mut work: impl FnMut(&Frame),
) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let began = cpu_time();
            for frame in frames.iter().cycle().take(usize::try_from(iterations).unwrap_or(1)) {
                work(frame);
            }
            cpu_time().saturating_sub(began)
        });
    });
}

fn bench(criterion: &mut Criterion) {
    let frames: Vec<Frame> = clip::frames().into_iter().take(FRAMES).collect();
    let catalog = Catalog::open(Path::new("models")).expect("models are committed");
    let config = VisionConfig { expression_cache: Duration::ZERO, ..VisionConfig::default() };
    let models = FaceModels::load(&catalog, &config).expect("models load");
    let mut analyser = FaceAnalyser::new(&models, config);

    let mut picture = Picture::default();
    measure(criterion, "decode", &frames, |frame| {
        picture.decode(black_box(frame)).expect("the clip decodes");
    });
    let all = Features::ALL;
    let no_gaze = Features { gaze: false, ..all };
    let mesh = Features { face_emotion: false, ..no_gaze };
    for (name, features) in
        [("frame", all), ("frame without gaze", no_gaze), ("mesh only", mesh)]
    {
        let mut track = FaceTrack::default();
        measure(criterion, name, &frames, |frame| {
            black_box(analyser.observe(frame, &mut track, features).expect("the clip decodes"));
        });
    }
    measure(criterion, "still", &frames, |frame| {
        black_box(analyser.observe_still(frame).expect("the clip decodes"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(6));
    targets = bench
}
criterion_main!(benches);
