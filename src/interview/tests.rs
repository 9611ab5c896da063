//! The interview with devices that record when they are opened and closed, and a log in memory.

use std::{
    sync::{
        Mutex as Lock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::*;
use crate::{
    capture::{
        camera::{Camera, CameraConfig, CameraOpener, FrameDevice, RawFrame},
        microphone::{Microphone, MicrophoneConfig, SoundDevice, SoundOpener, SoundRead},
        retry::LoopContext,
    },
    clock::SystemClock,
    component::{Component, ComponentId, State},
    engine::{Engine, EngineConfig, Origin, StreamSpec},
    media::PixelFormat,
    names::StreamId,
    policy::Profile,
    session::SessionConfig,
    stop::Stop,
};

const SOON: Duration = Duration::from_secs(20);
const NOTICE: &str = "2026-11";

/// Records the events of the devices and of the log, in order.
#[derive(Clone)]
struct Witness(SyncSender<String>);

impl Witness {
    fn saw(&self, what: impl Into<String>) {
        self.0.send(what.into()).ok();
    }
}

/// A camera or a microphone that always has data.
struct Device {
    name: &'static str,
    witness: Witness,
    never: Receiver<()>,
    _keeps_it_open: SyncSender<()>,
}

impl Device {
    fn open(name: &'static str, witness: &Witness) -> Box<Self> {
        witness.saw(format!("{name} opened"));
        let (keep, never) = sync_channel(1);
        Box::new(Device { name, witness: witness.clone(), never, _keeps_it_open: keep })
    }

    fn wait(&self) {
        self.never
            .recv_timeout(Duration::from_millis(5))
            .expect_err("the channel has no sender");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.witness.saw(format!("{} closed", self.name));
    }
}

impl CameraOpener for Witness {
    fn open(&self, _: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
        Ok(Device::open("camera", self))
    }
}

impl SoundOpener for Witness {
    fn open(&self, _: &str) -> Result<Box<dyn SoundDevice>> {
        Ok(Device::open("microphone", self))
    }
}

impl FrameDevice for Device {
    fn description(&self) -> &str {
        "witness"
    }

    fn next(&mut self, _: Duration) -> Result<Option<RawFrame<'_>>> {
        self.wait();
        Ok(Some(RawFrame {
            format: PixelFormat::Rgb8,
            width_px: 1,
            height_px: 1,
            stride_bytes: 3,
            bytes: &[0; 3],
            is_damaged: false,
        }))
    }
}

impl SoundDevice for Device {
    fn description(&self) -> &str {
        "witness"
    }

    fn read(&mut self, into: &mut [i16], _: Duration) -> Result<SoundRead> {
        self.wait();
        into.fill(0);
        Ok(SoundRead::Samples(into.len()))
    }
}

/// A log in memory that can break.
struct Memory {
    witness: Witness,
    begun: Lock<Vec<NewSession>>,
    ended: Lock<Vec<SessionEnd>>,
    events: Lock<Vec<AuditEvent>>,
    broken: Lock<Option<ErrorKind>>,
}

impl Memory {
    fn write<T>(&self, list: &Lock<Vec<T>>, row: T, what: &str) -> Answer<'_> {
        let answer = if let Some(kind) = *self.broken.lock().unwrap() {
            Err(Error::new(kind, "the disk is full"))
        } else {
            list.lock().unwrap().push(row);
            self.witness.saw(what);
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }
}

impl SessionLog for Memory {
    fn begin(&self, new: NewSession) -> Answer<'_> {
        self.write(&self.begun, new, "begin written")
    }
    fn end(&self, end: SessionEnd) -> Answer<'_> {
        self.write(&self.ended, end, "end written")
    }
    fn audit(&self, event: AuditEvent) -> Answer<'_> {
        let what = format!("{} written", event.action);
        self.write(&self.events, event, &what)
    }
}

struct Scene {
    booth: Interview,
    log: Arc<Memory>,
    components: [Arc<Component>; 2],
    stream: Arc<Stream>,
    clock: Arc<SystemClock>,
    happened: Receiver<String>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl Scene {
    /// Everything allowed but emotion; the camera alone is on, so that the order is certain.
    fn new(require_consent: bool) -> Self {
        let (witness, happened) = sync_channel(1000);
        let witness = Witness(witness);
        let (clock, stop) = (Arc::new(SystemClock::default()), Stop::default());
        let ceiling = Features { face_emotion: false, voice_emotion: false, ..Features::ALL };
        let features = Features { audio: false, preview: false, ..ceiling };
        let notice_version = NOTICE.parse().unwrap();
        let profile = Profile::Eu;
        let policy = Policy { profile, require_consent, ceiling, notice_version };
        let engine = Engine::new(EngineConfig::default());
        let spec = StreamSpec {
            stream: StreamId::Booth,
            origin: Origin::default(),
            session: SessionConfig::default(),
            features,
        };
        let (stream, task, _) = engine.open(&spec);
        tokio::spawn(task.run(clock.clone()));
        let stream = Arc::new(stream);
        let gates = Gates::closed();
        let log = Arc::new(Memory {
            witness: witness.clone(),
            begun: Lock::default(),
            ended: Lock::default(),
            events: Lock::default(),
            broken: Lock::default(),
        });
        let dependencies =
            Dependencies { policy, features, log: log.clone(), clock: clock.clone() };
        let booth =
            Interview::new(StreamId::Booth, stream.clone(), gates.clone(), dependencies);
        let components =
            [ComponentId::Camera, ComponentId::Microphone].map(|c| Arc::new(Component::new(c)));
        let context = |component: &Arc<Component>, gate| LoopContext {
            clock: clock.clone(),
            component: component.clone(),
            stop: stop.clone(),
            gate,
        };
        let camera = Camera::new(
            CameraConfig::default(),
            Box::new(witness.clone()),
            context(&components[0], gates.camera),
        );
        let microphone = Microphone::new(
            MicrophoneConfig::default(),
            Box::new(witness),
            context(&components[1], gates.microphone),
        );
        let sinks = (stream.clone(), stream.clone());
        let threads = vec![
            spawn("camera", move || camera.run(&*sinks.0)),
            spawn("microphone", move || microphone.run(&*sinks.1)),
        ];
        Scene { booth, log, components, stream, clock, happened, stop, threads }
    }

    #[track_caller]
    fn expect(&self, what: &[&str]) {
        for expected in what {
            assert_eq!(self.happened.recv_timeout(SOON).as_deref(), Ok(*expected));
        }
    }

    /// Two things happen, in either order; `a` sorts first.
    #[track_caller]
    fn expect_both(&self, a: &str, b: &str) {
        let mut both = [(); 2].map(|()| self.happened.recv_timeout(SOON).unwrap());
        both.sort();
        assert_eq!(both, [a, b]);
    }

    /// Waits until a device's loop reports that it is closed on purpose.
    fn await_paused(&self, device: usize) {
        while self.components[device].status().state != State::Paused {
            thread::yield_now();
        }
    }

    fn consent(&self) -> StartSession {
        StartSession {
            notice_version: NOTICE.parse().unwrap(),
            consent_at: self.clock.unix_ms(),
            subject_ref: Some("candidate 7".parse().unwrap()),
            features: None,
        }
    }

    fn break_log(&self, is_broken: bool) {
        *self.log.broken.lock().unwrap() = is_broken.then_some(ErrorKind::Exhausted);
    }

    fn state(&self) -> InterviewState {
        self.booth.state().borrow().clone()
    }

    fn leave(self) {
        self.stop.request();
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.into()).spawn(work).unwrap()
}

fn switch(name: &str, on: bool) -> FeatureChange {
    serde_json::from_value(serde_json::json!({ name: on })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_before_consent_is_on_the_disk_nor_after_the_session() {
    let scene = Scene::new(true);
    scene.await_paused(0);
    scene.await_paused(1);
    assert!(!scene.state().analysing);
    // Switching things on and going on after a pause is no consent.
    scene.booth.configure(&switch("gaze", false), "op").await.unwrap();
    scene.booth.pause(false, "op").await.unwrap();
    scene.expect(&["features.change written", "session.resume written"]);
    // Nor is a consent to another text, from the future, or one that could not be written.
    let old = StartSession { notice_version: "1".parse().unwrap(), ..scene.consent() };
    let future = StartSession { consent_at: i64::MAX, ..scene.consent() };
    for bad in [old, future] {
        let error = scene.booth.start_session(bad, "op").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    scene.break_log(true);
    let error = scene.booth.start_session(scene.consent(), "op").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    scene.break_log(false);
    assert!(scene.state().session.is_none() && !scene.state().analysing);

    let session = scene.booth.start_session(scene.consent(), "op").await.unwrap();
    scene.expect(&["begin written", "camera opened"]);
    assert!(scene.state().analysing);
    let begun = scene.log.begun.lock().unwrap()[0].clone();
    assert_eq!(
        (begun.session_id, begun.stream),
        (session.session_id.clone(), StreamKind::Booth)
    );
    assert_eq!(begun.consent_at, session.consent_at);
    let live = scene.stream.watch().borrow().clone();
    assert_eq!(live.session_id.as_deref(), Some(&*session.session_id));

    let summary = scene.booth.end_session("op").await.unwrap();
    assert_eq!(summary.session_id, session.session_id);
    scene.expect_both("camera closed", "end written");
    scene.await_paused(0);
    assert!(!scene.state().analysing && scene.state().session.is_none());
    let written = scene.log.ended.lock().unwrap()[0].summary.clone();
    assert_eq!(written["subject_ref"], "candidate 7");
    assert_eq!(written["frames_total"], 0);
    scene.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn configure_closes_the_camera_and_opens_the_microphone() {
    let scene = Scene::new(false);
    scene.expect(&["camera opened"]);
    scene.await_paused(1);
    scene.booth.configure(&switch("video", false), "op").await.unwrap();
    scene.expect_both("camera closed", "features.change written");
    scene.await_paused(0);
    assert!(!scene.state().features.video && !scene.stream.features().video);
    scene.booth.configure(&switch("audio", true), "op").await.unwrap();
    scene.expect(&["features.change written", "microphone opened"]);
    let events = scene.log.events.lock().unwrap().clone();
    assert_eq!(events[1].detail.as_deref(), Some(r#"{"audio":true}"#));
    scene.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_refuses_and_a_broken_log_switches_nothing_on() {
    let scene = Scene::new(false);
    let before = scene.state();
    let error = scene.booth.configure(&switch("face_emotion", true), "op").await.unwrap_err();
    assert!(error.to_string().contains("Article 5(1)(f)"), "{error}");
    assert_eq!(scene.state(), before);
    scene.break_log(true);
    scene.booth.configure(&switch("audio", true), "op").await.unwrap_err();
    assert!(!scene.state().features.audio);
    scene.booth.configure(&switch("gaze", false), "op").await.unwrap_err();
    assert!(!scene.state().features.gaze, "off is obeyed all the same");
    scene.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_closes_the_devices_even_where_it_cannot_be_written() {
    let scene = Scene::new(false);
    scene.expect(&["camera opened"]);
    scene.break_log(true);
    scene.booth.pause(true, "op").await.unwrap_err();
    scene.expect(&["camera closed"]);
    scene.booth.pause(false, "op").await.unwrap_err();
    assert!(scene.state().paused, "what cannot be written is not opened");
    scene.break_log(false);
    scene.booth.pause(false, "op").await.unwrap();
    scene.expect(&["session.resume written", "camera opened"]);
    scene.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_was_not_written_is_kept_for_the_next_try() {
    let scene = Scene::new(false);
    scene.booth.end_session("op").await.unwrap_err();
    let features = Some(switch("gaze", false));
    let start = StartSession { features, ..scene.consent() };
    let session = scene.booth.start_session(start, "op").await.unwrap();
    assert!(!scene.state().features.gaze);
    let again = scene.booth.start_session(scene.consent(), "op").await.unwrap_err();
    assert!(again.to_string().contains(session.session_id.as_str()), "{again}");
    scene.break_log(true);
    scene.booth.end_session("op").await.unwrap_err();
    scene.break_log(false);
    assert!(scene.state().paused);
    scene.booth.pause(false, "op").await.unwrap_err();
    let summary = scene.booth.end_session("op").await.unwrap();
    assert_eq!(summary.session_id, session.session_id);
    assert!(!summary.features.gaze, "what was analysed, not what is now");
    assert!(scene.state().features.gaze, "the session's own switches end with it");
    assert_eq!(scene.log.ended.lock().unwrap().len(), 1);
    scene.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_is_refused_for_good_holds_up_no_other_session() {
    let scene = Scene::new(false);
    let session = scene.booth.start_session(scene.consent(), "op").await.unwrap();
    *scene.log.broken.lock().unwrap() = Some(ErrorKind::InvalidInput);
    let error = scene.booth.end_session("op").await.unwrap_err();
    assert!(error.to_string().contains(session.session_id.as_str()), "{error}");
    assert!(error.to_string().contains("its summary is not kept"), "{error}");
    scene.break_log(false);
    assert!(scene.state().session.is_none(), "it is over");
    scene.booth.start_session(scene.consent(), "op").await.unwrap();
    scene.booth.end_session("op").await.unwrap();
    scene.leave();
}
