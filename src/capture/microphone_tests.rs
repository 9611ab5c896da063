//! The microphone's loop with simulated sound and a simulated clock.

use std::{collections::VecDeque, sync::Arc};

use super::*;
use crate::{
    clock::{Clock, SimulatedClock},
    component::{Component, ComponentId, State},
    gate::Gate,
    media::{Segment, duration_of},
    stop::Stop,
};

/// What a simulated microphone does next.
#[derive(Clone, Copy)]
enum Step {
    /// This many samples, in real time.
    Sound(usize),
    Overrun,
    Silence,
    Unplugged,
}

struct Scripted {
    devices: Mutex<VecDeque<Vec<Step>>>,
    clock: Arc<SimulatedClock>,
    stop: Stop,
}

struct ScriptedDevice {
    steps: VecDeque<Step>,
    clock: Arc<SimulatedClock>,
    stop: Stop,
    next_sample: i16,
}

impl SoundOpener for Scripted {
    fn open(&self, _: &str) -> Result<Box<dyn SoundDevice>> {
        let Some(steps) = self.devices.lock().unwrap().pop_front() else {
            self.stop.request();
            return Err(Error::new(ErrorKind::Unavailable, "no such microphone"));
        };
        let (clock, stop) = (self.clock.clone(), self.stop.clone());
        Ok(Box::new(ScriptedDevice { steps: steps.into(), clock, stop, next_sample: 0 }))
    }
}

impl SoundDevice for ScriptedDevice {
    fn description(&self) -> &str {
        "simulated"
    }

    fn read(&mut self, into: &mut [i16], timeout: Duration) -> Result<SoundRead> {
        match self.steps.pop_front() {
            Some(Step::Sound(left)) => {
                let count = left.min(into.len());
                for sample in &mut into[..count] {
                    *sample = self.next_sample;
                    self.next_sample = self.next_sample.wrapping_add(1);
                }
                self.clock.advance(duration_of(count));
                if left > count {
                    self.steps.push_front(Step::Sound(left - count));
                }
                Ok(SoundRead::Samples(count))
            }
            Some(Step::Overrun) => Ok(SoundRead::Lost),
            Some(Step::Silence) => {
                self.clock.advance(timeout);
                Ok(SoundRead::Nothing)
            }
            Some(Step::Unplugged) => Err(Error::new(ErrorKind::Unavailable, "unplugged")),
            None => {
                self.stop.request();
                Ok(SoundRead::Nothing)
            }
        }
    }
}

struct Run {
    segments: Vec<Segment>,
    component: Arc<Component>,
    clock: Arc<SimulatedClock>,
}

fn run(devices: Vec<Vec<Step>>) -> Run {
    let (clock, stop) = (Arc::new(SimulatedClock::default()), Stop::default());
    let component = Arc::new(Component::new(ComponentId::Microphone));
    let context = LoopContext {
        clock: clock.clone(),
        component: component.clone(),
        stop: stop.clone(),
        gate: Gate::new(true),
    };
    let devices = Mutex::new(devices.into());
    let opener = Box::new(Scripted { devices, clock: clock.clone(), stop });
    let segments = Mutex::new(Vec::new());
    let sink = |segment| segments.lock().unwrap().push(segment);
    Microphone::new(MicrophoneConfig::default(), opener, context).run(&sink);
    Run { segments: segments.into_inner().unwrap(), component, clock }
}

const SECOND: usize = SAMPLE_RATE_HZ as usize;

#[test]
fn three_second_segments_come_every_second() {
    // In odd pieces, as some drivers give them.
    let run = run(vec![vec![Step::Sound(777); 5 * SECOND / 777 + 1]]);
    assert_eq!(run.segments.len(), 3);
    let ends: Vec<_> = run.segments.iter().map(|s| s.captured_at.as_millis()).collect();
    // Rounded down in each of the 104 pieces.
    assert!(ends.iter().zip([3000, 4000, 5000]).all(|(&end, due)| due - end <= 5), "{ends:?}");
    assert_eq!(run.segments[1].samples[0], 16_000);
    assert_eq!(run.segments[1].new_samples, SECOND);
}

#[test]
fn an_overrun_is_counted_and_no_segment_spans_it() {
    let steps = vec![Step::Sound(2 * SECOND + 800), Step::Overrun, Step::Sound(3 * SECOND)];
    let run = run(vec![steps]);
    assert_eq!(run.segments.len(), 1);
    assert_eq!(usize::try_from(run.segments[0].samples[0]).ok(), None, "wrapped past i16");
    assert_eq!(run.component.status().overruns_total, 1);
    assert_eq!(run.component.status().restarts_total, 0);
}

#[test]
fn an_unplugged_microphone_is_opened_again_and_counting_goes_on() {
    let first = vec![Step::Sound(3 * SECOND), Step::Unplugged];
    let run = run(vec![first, vec![Step::Sound(3 * SECOND)]]);
    assert_eq!(run.segments.iter().map(|s| s.sequence).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(run.segments[1].samples[0], 0, "nothing of before");
    assert_eq!(run.segments[1].new_samples, 3 * SECOND);
    assert_eq!(run.component.status().restarts_total, 1);
    assert_eq!(run.component.status().state, State::Stopped);
}

#[test]
fn a_stuck_microphone_is_noticed_within_three_seconds() {
    let mut steps = vec![Step::Sound(SECOND)];
    steps.extend([Step::Silence; 100]);
    let run = run(vec![steps]);
    assert_eq!(run.component.status().restarts_total, 1);
    assert!(run.clock.monotonic() <= Duration::from_millis(1000 + 2400 + 250 + 500));
}
