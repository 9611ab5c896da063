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
    engine::{Engine, EngineConfig, Origin, StreamSpec},
    error::{Error, ErrorKind, Result},
    features::Features,
    gate::Gate,
    inference::Catalog,
    media::PixelFormat,
    report::VisualReport,
    session::SessionConfig,
    stage::Stage,
    stop::Stop,
    vision::{FaceAnalyser, FaceModels, VisionConfig},
};

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

#[tokio::test(flavor = "multi_thread")]
async fn frames_become_reports_in_order_at_the_pace_and_outlive_the_camera() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clip = project.join("demo/face_640x480.mjpeg");
    let first = FrameFile::open(&clip, None).expect("is committed").frames(None).next();
    let picture: Arc<[u8]> = first.expect("has frames").expect("is whole").data.into();
    let (clock, stop) = (Arc::new(SimulatedClock::default()), Stop::default());
    let engine = Engine::new(EngineConfig::default());
    let name = "booth".to_owned();
    let origin = Origin::default();
    let (session, features, is_client) = (SessionConfig::default(), Features::ALL, false);
    let spec = StreamSpec { name, origin, session, features, is_client };
    let (stream, task, mut live) = engine.open(&spec);
    let session = tokio::spawn(task.run(clock.clone()));
    let catalog = Catalog::open(&project.join("models")).expect("is committed");
    let vision = VisionConfig::default();
    let models = FaceModels::load(&catalog, &vision).expect("the models load");
    let analyser = || FaceAnalyser::new(models.clone(), vision.clone());
    let workers =
        engine.start_vision(Arc::new(Stage::new("vision")), analyser).expect("threads");

    let (tick, ticks) = mpsc::sync_channel(16);
    let stage = Arc::new(Stage::new("camera"));
    let context = LoopContext {
        clock: clock.clone(),
        stage: stage.clone(),
        stop: stop.clone(),
        gate: Gate::new(true),
    };
    let opener = Scripted { ticks: Arc::new(Mutex::new(ticks)), clock: clock.clone(), picture };
    let camera = Camera::new(CameraConfig::default(), Box::new(opener), context);
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
            .push(VisualReport::newest(&live.borrow_and_update()).expect("a frame was seen"));
    }
    let sequences: Vec<u64> = reports.iter().map(|report| report.sequence).collect();
    assert_eq!(sequences, (0..8).collect::<Vec<_>>());
    assert!(reports.iter().all(|report| report.face_detected && report.dropped_frames == 0));
    let spacing: Vec<i64> =
        reports.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).collect();
    // 2 a second on the simulated clock; a camera opened again begins with its first frame, after
    // the 250 ms of the first wait and the 100 ms of a frame.
    assert_eq!(spacing, [500, 500, 500, 350, 500, 500, 500]);
    assert_eq!(reports[1].head_pose_stability, None, "two poses say nothing");
    assert!(reports[7].head_pose_stability.is_some_and(|stability| stability > 0.99));
    assert_eq!(stage.status().restarts_total, 1);

    stop.request();
    drop(tick);
    capture.join().expect("the camera's loop ends");
    engine.close();
    workers.join();
    let session = session.await.expect("the stream's task ends with the stream");
    assert_eq!(session.statistics().frames_total, 8);
    assert!(clock.monotonic() < Duration::from_secs(10), "the test owned the time");
}
