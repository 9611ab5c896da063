//! The whole path of a frame on a simulated clock with a simulated camera: capture, pace, engine,
//! real models, session, report. The test owns the time; nothing waits for it.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use boothd::{
    capture::{
        camera::{Camera, CameraConfig, CameraOpener, FrameDevice, RawFrame},
        files::FrameFile,
        retry::LoopContext,
    },
    clock::{Clock, SimulatedClock},
    component::{Component, ComponentId},
    engine::{Engine, EngineConfig, Live, Origin, Stream, StreamSpec, Workers},
    error::{Error, ErrorKind, Result},
    features::Features,
    gate::Gate,
    inference::Catalog,
    media::{Frame, Orientation, PixelFormat, SoundChunk, SoundFormat},
    metric::Metric,
    names::StreamId,
    report::{AudioReport, SummaryReport, VisualReport},
    session::SessionConfig,
    speech::{SpeechConfig, VoiceAnalyser, VoiceModels},
    stop::Stop,
    vision::{FaceAnalyser, FaceModels, VisionConfig},
};
use serde::Serialize;
use serde_json::Value;

/// What the camera does next.
enum Tick {
    /// 100 ms pass and a frame is there.
    Frame,
    /// The plug is pulled.
    Gone,
}

/// A camera whose every frame the test asks for.
struct Scripted {
    ticks: Arc<Mutex<mpsc::Receiver<Tick>>>,
    clock: Arc<SimulatedClock>,
    picture: Arc<[u8]>,
}

impl CameraOpener for Scripted {
    fn open(&self, _: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
        let (ticks, clock) = (self.ticks.clone(), self.clock.clone());
        Ok(Box::new(Scripted { ticks, clock, picture: self.picture.clone() }))
    }
}

impl FrameDevice for Scripted {
    fn description(&self) -> &str {
        "scripted camera"
    }

    fn next(&mut self, _: Duration) -> Result<Option<RawFrame<'_>>> {
        let tick = self.ticks.lock().expect("one thread reads").recv();
        match tick {
            Ok(Tick::Frame) => self.clock.advance(Duration::from_millis(100)),
            Ok(Tick::Gone) => return Err(Error::new(ErrorKind::Unavailable, "unplugged")),
            Err(mpsc::RecvError) => return Ok(None),
        }
        Ok(Some(RawFrame {
            format: PixelFormat::Jpeg,
            width_px: 640,
            height_px: 480,
            stride_bytes: 0,
            bytes: &self.picture,
            is_damaged: false,
        }))
    }
}

fn first_picture(project: &Path) -> Arc<[u8]> {
    let clip = project.join("demo/face_640x480.mjpeg");
    let first = FrameFile::open(&clip, None).expect("is committed").frames(None).next();
    first.expect("has frames").expect("is whole").data.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_become_reports_in_order_at_the_pace_and_outlive_the_camera() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let picture = first_picture(project);
    let (clock, stop) = (Arc::new(SimulatedClock::default()), Stop::default());
    let engine = Engine::new(EngineConfig::default());
    let origin = Origin::default();
    let (session, features) = (SessionConfig::default(), Features::ALL);
    let spec = StreamSpec { stream: StreamId::Booth, origin, session, features };
    let (stream, task, mut live) = engine.open(&spec);
    let session = tokio::spawn(task.run(clock.clone()));
    let catalog = Catalog::open(&project.join("models")).expect("is committed");
    let vision = VisionConfig::default();
    let models = FaceModels::load(&catalog, &vision).expect("the models load");
    let analyser = || FaceAnalyser::new(&models, vision.clone());
    let component = Arc::new(Component::new(ComponentId::Vision));
    let workers = engine.start_vision(component, analyser).expect("threads");

    let (tick, ticks) = mpsc::sync_channel(16);
    let component = Arc::new(Component::new(ComponentId::Camera));
    let context = LoopContext {
        clock: clock.clone(),
        component: component.clone(),
        stop: stop.clone(),
        gate: Gate::new(true),
    };
    let opener = Scripted { ticks: Arc::new(Mutex::new(ticks)), clock: clock.clone(), picture };
    let config = CameraConfig { fps: 2.0, ..CameraConfig::default() };
    let camera = Camera::new(config, Box::new(opener), context);
    let capture = std::thread::Builder::new().name("camera".into());
    let capture = capture.spawn(move || camera.run(&stream)).expect("a thread");

    let mut reports = Vec::new();
    for round in 0..8 {
        if round == 4 {
            tick.send(Tick::Gone).expect("the camera reads");
        }
        // At 2 of 10 frames a second every fifth is taken; the rest go back to the driver.
        while !live.has_changed().expect("the stream is open") {
            tick.send(Tick::Frame).expect("the camera reads");
            let next = tokio::time::timeout(Duration::from_millis(200), live.changed());
            if next.await.is_ok() {
                break;
            }
        }
        reports
            .push(live.borrow_and_update().visual_report().expect("a frame was seen").clone());
    }
    let sequences: Vec<u64> = reports.iter().map(|report| report.sequence).collect();
    assert_eq!(sequences, (0..8).collect::<Vec<_>>());
    assert!(reports.iter().all(|report| report.face_detected && report.dropped_frames == 0));
    let spacing: Vec<i64> =
        reports.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).collect();
    // 2 a second on the simulated clock; a camera opened again begins with its first frame, after
    // the 250 ms of the first wait and the 100 ms of a frame.
    assert_eq!(spacing, [500, 500, 500, 350, 500, 500, 500]);
    assert_eq!(reports[1].head_pose_stability, None, "two poses give nothing");
    assert!(reports[7].head_pose_stability.is_some_and(|stability| stability > 0.99));
    assert_eq!(component.status().restarts_total, 1);

    stop.request();
    drop(tick);
    capture.join().expect("the camera's loop ends");
    engine.close();
    workers.join();
    let session = session.await.expect("the stream's task ends with the stream");
    assert_eq!(session.statistics().frames_total, 8);
    assert!(clock.monotonic() < Duration::from_secs(10), "the test owned the time");
}

/// A client's stream, with workers that have the real models.
struct Client {
    engine: Engine,
    stream: Stream,
    live: tokio::sync::watch::Receiver<Live>,
    clock: Arc<SimulatedClock>,
    vision: Arc<Component>,
    speech: Arc<Component>,
}

impl Client {
    /// Opens the stream; its media waits until [`Client::start`].
    fn open() -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let engine = Engine::new(EngineConfig::default());
        let spec = StreamSpec {
            stream: "a-client".parse().expect("is an id"),
            origin: Origin::default(),
            session: SessionConfig::default(),
            features: Features::ALL,
        };
        let (stream, task, live) = engine.open(&spec);
        tokio::spawn(task.run(clock.clone()));
        let component = |name| Arc::new(Component::new(name));
        Client {
            engine,
            stream,
            live,
            clock,
            vision: component(ComponentId::Vision),
            speech: component(ComponentId::Speech),
        }
    }

    fn start(&self) -> [Workers; 2] {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let catalog = Catalog::open(&project.join("models")).expect("is committed");
        let config = VisionConfig { expression_cache: Duration::ZERO, ..Default::default() };
        let faces = FaceModels::load(&catalog, &config).expect("the models load");
        let voices = VoiceModels::load(&catalog).expect("the model loads");
        let looks = || FaceAnalyser::new(&faces, config.clone());
        let listens = || VoiceAnalyser::new(voices.clone(), SpeechConfig::default());
        let vision = self.engine.start_vision(self.vision.clone(), looks);
        let speech = self.engine.start_speech(self.speech.clone(), listens);
        [vision.expect("threads"), speech.expect("threads")]
    }

    fn chunk(&self, sequence: u64, format: SoundFormat, data: Vec<u8>) -> SoundChunk {
        let (captured_at, unix_ms) = (self.clock.monotonic(), self.clock.unix_ms());
        SoundChunk { sequence, captured_at, unix_ms, format, gap_before: false, data }
    }

    fn frame(&self, sequence: u64, data: Vec<u8>) -> Frame {
        let (captured_at, unix_ms) = (self.clock.monotonic(), self.clock.unix_ms());
        let (width_px, height_px, format) = (640, 480, PixelFormat::Jpeg);
        let orientation = Orientation::Upright;
        Frame { sequence, captured_at, unix_ms, width_px, height_px, format, orientation, data }
    }

    /// Waits until what is live is so.
    async fn until(&mut self, is_so: impl FnMut(&Live) -> bool) -> Live {
        let seen = tokio::time::timeout(Duration::from_secs(60), self.live.wait_for(is_so));
        seen.await.expect("it becomes so").expect("the stream is open").clone()
    }

    async fn look(&mut self, sequence: u64, data: &[u8]) -> VisualReport {
        boothd::capture::FrameSink::put(&self.stream, self.frame(sequence, data.to_vec()));
        let of = |live: &Live| live.face.as_ref().map(|face| face.observation.sequence);
        let live = self.until(|live| of(live) == Some(sequence)).await;
        live.visual_report().expect("just seen").clone()
    }

    async fn listen(&mut self, chunk: SoundChunk) -> AudioReport {
        let sequence = chunk.sequence;
        self.stream.put_chunk(chunk).expect("little waits");
        let of = |live: &Live| live.voice.as_ref().map(|voice| voice.observation.sequence);
        let live = self.until(|live| of(live) == Some(sequence)).await;
        live.audio_report().expect("just published").clone()
    }
}

fn demo(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(name);
    std::fs::read(path).expect("is committed")
}

fn face() -> Vec<u8> {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/face_640x480.mjpeg");
    let mut frames = FrameFile::open(&clip, None).expect("is committed").frames(None);
    frames.next().expect("has frames").expect("is whole").data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_chunk_becomes_one_result_and_garbage_harms_no_other_client() {
    let mut client = Client::open();
    let workers = client.start();
    let wav = client.chunk(7, SoundFormat::Detect, demo("speech_16k.wav"));
    let report = client.listen(wav).await;
    assert!(
        report.values.audio_detected && report.values.volume_mean.is_some_and(|rms| rms > 0.01)
    );
    assert_at_the_catalogues_pointers(report.values.iter(), &report);
    assert_eq!(report.session_id.as_deref(), Some("a-client"));
    assert_eq!(report.features, Features::ALL);

    client
        .stream
        .put_chunk(client.chunk(8, SoundFormat::Detect, b"neither of them".to_vec()))
        .unwrap();
    let is_refused = |live: &Live| live.refused.is_some();
    let refused = client.until(is_refused).await.refused.expect("just seen");
    assert_eq!((refused.total, refused.is_video, refused.sequence), (1, false, 8));
    assert!(!refused.sentence.is_empty() && !refused.sentence.contains('\n'));
    let frame = client.frame(3, b"\xff\xd8\xff no picture".to_vec());
    boothd::capture::FrameSink::put(&client.stream, frame);
    let is_second = |live: &Live| live.refused.as_ref().is_some_and(|r| r.total == 2);
    let refused = client.until(is_second).await.refused.expect("just seen");
    assert_eq!((refused.is_video, refused.sequence), (true, 3));
    for component in [&client.vision, &client.speech] {
        let status = component.status();
        assert_eq!((status.errors_total, status.error), (0, None), "{}", component.name());
    }

    let silent = client.listen(client.chunk(9, SoundFormat::Pcm16k, Vec::new())).await;
    assert!(!silent.values.audio_detected);
    assert_eq!(
        (silent.values.volume_mean, silent.values.speech_ratio, silent.values.pause_count),
        Default::default()
    );
    let noise = client.chunk(10, SoundFormat::Pcm16k, vec![1; 32_000]);
    assert!(client.listen(noise).await.values.volume_mean.is_some(), "the stage works on");
    let steps: Vec<_> = client.speech.timings().into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, ["decode", "latency", "total"]);
    client.engine.close();
    workers.into_iter().for_each(Workers::join);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_not_run_from_the_next_frame_on() {
    let mut client = Client::open();
    let workers = client.start();
    let picture = face();
    let expressions = |client: &Client| {
        let timings = client.vision.timings();
        timings.iter().find(|(step, _)| *step == "expression").map(|(_, took)| took.count())
    };
    assert!(client.look(0, &picture).await.dominant_emotion.is_some());
    assert_eq!(expressions(&client), Some(1));
    let calm = Features { face_emotion: false, gaze: false, ..Features::ALL };
    client.stream.set_features(calm);
    let seen = client.look(1, &picture).await;
    assert!(seen.face_detected && seen.head_pose.is_some());
    assert!(seen.dominant_emotion.is_none() && seen.gaze.is_none());
    assert_eq!((expressions(&client), seen.features), (Some(1), calm), "the model did not run");
    client.stream.set_features(Features { video: false, ..calm });
    boothd::capture::FrameSink::put(&client.stream, client.frame(2, picture.clone()));
    client.stream.set_features(Features::ALL);
    assert!(client.look(3, &picture).await.dominant_emotion.is_some());

    client.clock.advance(Duration::from_secs(1));
    client.stream.begin_session("interview-1".parse().unwrap()).await.expect("the task runs");
    assert!(client.until(|live| live.face.is_none()).await.session_id.is_some());
    let seen = client.look(4, &picture).await;
    assert_eq!(seen.session_id.as_deref(), Some("interview-1"));
    let finished = client.stream.finish_session().await.expect("the task runs");
    assert_eq!(
        SummaryReport::new(&finished.statistics, finished.dropped).frames_total,
        1,
        "its own alone"
    );
    client.engine.close();
    workers.into_iter().for_each(Workers::join);
    let analysed = client.vision.timings().into_iter().find(|(step, _)| *step == "total");
    assert_eq!(
        analysed.map(|(_, took)| took.count()),
        Some(4),
        "not the one while video was off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actions_of_a_face_are_known_once_its_rest_is() {
    let mut client = Client::open();
    let workers = client.start();
    let picture = face();
    let reason = |report: &VisualReport| report.reasons.get("face_actions").copied();
    client.stream.set_features(Features { face_actions: false, ..Features::ALL });
    let off = client.look(0, &picture).await;
    assert!(off.face_actions.is_none());
    assert_eq!(reason(&off), Some("off"));
    client.stream.set_features(Features::ALL);
    let mut reports = Vec::new();
    for sequence in 1..23 {
        reports.push(client.look(sequence, &picture).await);
        client.clock.advance(Duration::from_millis(500));
    }
    assert!(reports[..20].iter().all(|report| reason(report) == Some("needs_10_s")));
    let last = &reports[21];
    let actions = last.face_actions.expect("10 s were seen");
    assert_eq!(reason(last), None);
    // The same picture is its own rest.
    assert_eq!((actions.smile, actions.brow_up, actions.eye_wide), (0.0, 0.0, Some(0.0)));
    let live = client.until(|live| live.face.is_some()).await;
    let values = &live.face.as_ref().expect("it was waited for").metrics.values;
    assert_eq!((values.smile, values.eye_wide), (Some(0.0), Some(0.0)));
    assert_at_the_catalogues_pointers(values.iter(), last);
    let finished = client.stream.finish_session().await.expect("the task runs");
    let summary = SummaryReport::new(&finished.statistics, finished.dropped);
    assert_eq!(summary.metrics["face_actions.smile"].count, 2);
    client.engine.close();
    workers.into_iter().for_each(Workers::join);
}

/// Each metric's pointer leads to its value in the report.
fn assert_at_the_catalogues_pointers(
    values: impl Iterator<Item = (&'static Metric, Option<f64>)>,
    report: &impl Serialize,
) {
    let report = serde_json::to_value(report).expect("it is JSON");
    for (metric, value) in values {
        let found = report.pointer(metric.pointer).and_then(|found| match found {
            Value::Bool(yes) if metric.is_flag => Some(f64::from(u8::from(*yes))),
            other => other.as_f64(),
        });
        // A number of 32 bits is written with the digits that it needs.
        let is_same = match (found, value) {
            (Some(found), Some(value)) => (found - value).abs() <= 1e-6 * value.abs(),
            (found, value) => found == value,
        };
        assert!(is_same, "{}: {found:?}, not {value:?}", metric.pointer);
        let in_range = |value| (metric.range.0..=metric.range.1).contains(&value);
        assert!(value.is_none_or(in_range), "{}: {value:?}", metric.name);
    }
}

/// A picture without a face, as a baseline JPEG.
fn empty_room() -> Vec<u8> {
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    let wall = vec![130; 640 * 480 * 3];
    encoder.encode(&wall, 640, 480, jpeg_encoder::ColorType::Rgb).expect("it is encoded");
    jpeg
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_person_inherits_nothing_of_the_one_before() {
    let mut client = Client::open();
    let workers = client.start();
    let (face, empty) = (face(), empty_room());
    let half = Duration::from_millis(500);
    let mut reports = Vec::new();
    let pictures = [&face; 8].into_iter().chain([&empty; 9]).chain([&face; 4]);
    for (picture, sequence) in pictures.zip(0..) {
        reports.push(client.look(sequence, picture).await);
        client.clock.advance(half);
    }
    let first: Vec<bool> = reports.iter().map(|report| report.new_person).collect();
    assert_eq!(first.iter().filter(|first| **first).count(), 2);
    assert!(first[0] && first[17], "{first:?}");
    assert_eq!((reports[16].person_count, reports[17].person_count), (1, 2));
    // The window of 10 s would still hold poses, looks and absence of before.
    assert!(reports[7].head_pose_stability.is_some() && reports[7].emotion_stability.is_some());
    for report in &reports[17..19] {
        assert_eq!(report.head_pose_stability, None);
    }
    assert_eq!((reports[17].emotion_stability, reports[17].blink), (None, None));
    assert_eq!(reports[16].face_present_ratio.map(|ratio| ratio < 0.5), Some(true));
    assert_eq!(reports[17].face_present_ratio, Some(1.0));
    assert!(reports[20].head_pose_stability.is_some());
    let finished = client.stream.finish_session().await.expect("the task runs");
    assert_eq!(SummaryReport::new(&finished.statistics, finished.dropped).person_count, 2);
    client.engine.close();
    workers.into_iter().for_each(Workers::join);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_drops_the_oldest_chunks_and_no_segment_spans_the_loss() {
    let mut client = Client::open();
    let second = |value: u8| vec![value; 32_000];
    client.stream.put_chunk(client.chunk(0, SoundFormat::Pcm16k, second(0))).unwrap();
    for sequence in 1..6 {
        client
            .stream
            .put_chunk(client.chunk(sequence, SoundFormat::Pcm16k, second(1)))
            .unwrap();
    }
    let workers = client.start();
    let of = |live: &Live| live.voice.as_ref().map(|voice| voice.observation.sequence);
    let live = client.until(|live| of(live) == Some(5)).await;
    let voice = live.voice.expect("just published");
    assert_eq!(voice.context.dropped_total, 2);
    assert_eq!(voice.observation.duration, Duration::from_secs(3), "four were left");
    client.engine.close();
    workers.into_iter().for_each(Workers::join);
}
