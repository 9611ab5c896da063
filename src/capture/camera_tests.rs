//! The camera's loop with simulated cameras and a simulated clock.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    clock::{Clock, SimulatedClock},
    component::{Component, ComponentId, State},
    gate::Gate,
    stop::Stop,
};

/// What a simulated camera does next; a step holds how long it takes.
#[derive(Clone)]
enum Step {
    Frame { after_ms: u64, bytes: Vec<u8> },
    Silence,
    AnswersNothingAtOnce,
    Unplugged,
}

type Script = Arc<Mutex<VecDeque<Vec<Step>>>>;

/// Opens the scripted devices one after the other; once they are used up it requests a stop.
struct Scripted {
    devices: Script,
    clock: Arc<SimulatedClock>,
    stop: Stop,
}

struct ScriptedDevice {
    steps: VecDeque<Step>,
    held: Vec<u8>,
    clock: Arc<SimulatedClock>,
    stop: Stop,
}

impl CameraOpener for Scripted {
    fn open(&self, _: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
        let Some(steps) = self.devices.lock().unwrap().pop_front() else {
            self.stop.request();
            return Err(Error::new(ErrorKind::Unavailable, "no such camera"));
        };
        if steps.is_empty() {
            return Err(Error::new(ErrorKind::Unavailable, "no such camera"));
        }
        Ok(Box::new(ScriptedDevice {
            steps: steps.into(),
            held: Vec::new(),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
        }))
    }
}

impl FrameDevice for ScriptedDevice {
    fn description(&self) -> &str {
        "Simulated (/dev/video7), YUYV 4x2"
    }

    fn next(&mut self, timeout: Duration) -> Result<Option<RawFrame<'_>>> {
        match self.steps.pop_front() {
            Some(Step::Frame { after_ms, bytes }) => {
                self.clock.advance(Duration::from_millis(after_ms));
                self.held = bytes;
                Ok(Some(yuyv_4x2(&self.held)))
            }
            Some(Step::Silence) => {
                self.clock.advance(timeout);
                Ok(None)
            }
            Some(Step::AnswersNothingAtOnce) => Ok(None),
            Some(Step::Unplugged) => Err(Error::new(ErrorKind::Unavailable, "unplugged")),
            None => {
                self.stop.request();
                Ok(None)
            }
        }
    }
}

fn yuyv_4x2(bytes: &[u8]) -> RawFrame<'_> {
    RawFrame {
        format: PixelFormat::Yuyv,
        width_px: 4,
        height_px: 2,
        stride_bytes: 8,
        bytes,
        is_damaged: false,
    }
}

struct Run {
    frames: Vec<Frame>,
    component: Arc<Component>,
    clock: Arc<SimulatedClock>,
}

fn run(fps: f64, devices: Vec<Vec<Step>>) -> Run {
    let (clock, stop) = (Arc::new(SimulatedClock::default()), Stop::default());
    let component = Arc::new(Component::new(ComponentId::Camera));
    let context = LoopContext {
        clock: clock.clone(),
        component: component.clone(),
        stop: stop.clone(),
        gate: Gate::new(true),
    };
    let devices = Arc::new(Mutex::new(devices.into()));
    let opener = Box::new(Scripted { devices, clock: clock.clone(), stop });
    let config = CameraConfig { fps, ..CameraConfig::default() };
    let frames = Mutex::new(Vec::new());
    let sink = |frame| frames.lock().unwrap().push(frame);
    Camera::new(config, opener, context).run(&sink);
    Run { frames: frames.into_inner().unwrap(), component, clock }
}

fn frames(count: u8, after_ms: u64) -> Vec<Step> {
    (0..count).map(|i| Step::Frame { after_ms, bytes: vec![i; 16] }).collect()
}

#[test]
fn the_pace_decides_what_is_copied() {
    let run = run(2.0, vec![frames(100, 100)]);
    let firsts: Vec<_> = run.frames.iter().map(|frame| frame.data[0]).collect();
    assert_eq!(firsts, (0..100).step_by(5).collect::<Vec<u8>>());
    let sequences: Vec<_> = run.frames.iter().map(|frame| frame.sequence).collect();
    assert_eq!(sequences, (0..20).collect::<Vec<u64>>());
    assert_eq!(run.frames[1].captured_at, Duration::from_millis(600));
}

#[test]
fn an_unplugged_camera_is_opened_again_and_counting_goes_on() {
    let mut first = frames(2, 500);
    first.push(Step::Unplugged);
    let run = run(2.0, vec![first, vec![], vec![], frames(2, 500)]);
    assert_eq!(run.frames.iter().map(|f| f.sequence).collect::<Vec<_>>(), [0, 1, 2, 3]);
    // 1 s of frames, waits of 250, 500 and 1000 ms, and half a second to the first new frame.
    assert_eq!(run.frames[2].captured_at, Duration::from_millis(3250));
    let status = run.component.status();
    assert_eq!((status.restarts_total, status.error), (1, None));
    assert_eq!(status.state, State::Stopped);
}

#[test]
fn a_stuck_camera_is_noticed_within_three_seconds() {
    let mut steps = frames(1, 500);
    steps.extend(std::iter::repeat_n(Step::Silence, 100));
    let run = run(2.0, vec![steps]);
    let status = run.component.status();
    assert_eq!(status.restarts_total, 1);
    // The frame, the stall (in whole polls) and the wait before the failing open that ends this.
    assert!(run.clock.monotonic() <= Duration::from_millis(500 + 2400 + 250 + 500));
}

#[test]
fn short_and_damaged_frames_are_counted_and_a_camera_of_nothing_else_is_reopened() {
    let mut steps = frames(1, 500);
    steps.extend((0..30).map(|_| Step::Frame { after_ms: 100, bytes: vec![0; 15] }));
    let run = run(2.0, vec![steps]);
    assert_eq!(run.frames.len(), 1);
    let status = run.component.status();
    assert_eq!((status.errors_total, status.restarts_total), (22, 1));
}

#[test]
fn a_driver_that_answers_at_once_cannot_spin_the_loop() {
    let run = run(2.0, vec![vec![Step::AnswersNothingAtOnce; 10_000]]);
    // 2.2 s at 20 ms a rest: 110 questions, not 10,000 in no time.
    assert!(run.clock.monotonic() >= STALL);
    assert!(run.frames.is_empty());
}

#[test]
fn padding_behind_each_row_is_left_out() {
    let bytes: Vec<u8> = (0..20).collect();
    let padded = RawFrame { stride_bytes: 12, ..yuyv_4x2(&bytes) };
    assert_eq!(padded.problem(), None);
    assert_eq!(padded.to_packed(), [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19]);
    assert!(RawFrame { bytes: &bytes[..19], ..padded }.problem().is_some());
}

#[test]
fn a_jpeg_must_begin_like_one() {
    let jpeg = |bytes| RawFrame { format: PixelFormat::Jpeg, ..yuyv_4x2(bytes) };
    assert_eq!(jpeg(&[0xff, 0xd8, 0xff, 0xe0]).problem(), None);
    assert!(jpeg(&[0, 0, 0, 0]).problem().is_some());
    assert!(jpeg(&[]).problem().is_some());
    assert!(
        RawFrame { is_damaged: true, ..jpeg(&[0xff, 0xd8, 0xff, 0xe0]) }.problem().is_some()
    );
}
