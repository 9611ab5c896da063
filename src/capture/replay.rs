//! [`ReplayCamera`] and [`ReplayMicrophone`]: recordings that play in real time, again and
//! again, with the same face as the devices they stand in for.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind, Result},
    media::Orientation,
};

use super::{
    FrameSink, SegmentSink,
    files::{FrameFile, SoundFile},
    pace::Pace,
    retry,
    retry::LoopContext,
    segmenter::{SegmentConfig, Segmenter},
};

/// Later than this, the machine slept or was overloaded: what was missed is not played in a burst.
const LATEST: Duration = Duration::from_secs(1);

/// Which recording is played, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayConfig {
    /// An `.mjpeg`, a `.y4m` or a folder of pictures.
    pub path: PathBuf,
    /// The rate of the recording, where it has none of its own.
    pub file_fps: Option<f64>,
    /// How many frames a second are taken.
    pub fps: f64,
    /// How its pictures lie.
    pub orientation: Orientation,
}

/// A recording of pictures in the place of a camera.
pub struct ReplayCamera {
    config: ReplayConfig,
    context: LoopContext,
    taken_total: AtomicU64,
}

impl ReplayCamera {
    /// A recording that does not play yet.
    pub fn new(config: ReplayConfig, context: LoopContext) -> Self {
        ReplayCamera { config, context, taken_total: AtomicU64::new(0) }
    }

    /// Plays the recording again and again until stop is requested.
    pub fn run(&self, sink: &dyn FrameSink) {
        retry::run_for_ever(&self.context, || self.run_once(sink));
    }

    /// Plays the recording once, in real time, or until stop is requested or the gate is
    /// closed.
    ///
    /// # Errors
    ///
    /// The errors of [`FrameFile`], and [`ErrorKind::InvalidInput`] when it holds no picture.
    pub fn run_once(&self, sink: &dyn FrameSink) -> Result<()> {
        let LoopContext { clock, component, .. } = &self.context;
        let ReplayConfig { path, file_fps, orientation, .. } = &self.config;
        let mut file = FrameFile::open(path, *file_fps)?.turned(*orientation);
        let source = format!("{} at {} fps", name_of(&self.config.path), file.fps());
        component.update(|status| status.source = Some(source));
        let mut pace = Pace::new(self.config.fps);
        let mut due = Due::from_now(&self.context);
        while let Some(mut frame) = file.next_frame(|time| pace.take(time))? {
            due.wait(frame.captured_at, &self.context);
            if !self.context.may_go_on() {
                return Ok(());
            }
            frame.sequence = self.taken_total.fetch_add(1, Ordering::Relaxed);
            (frame.captured_at, frame.unix_ms) = (clock.monotonic(), clock.unix_ms());
            component.media_passed(frame.captured_at);
            sink.put(frame);
        }
        component.update(|status| status.errors_total += file.broken_total());
        if file.position().is_zero() {
            let message = format!("{} holds no picture", self.config.path.display());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        // The last picture lasts as long as the others.
        due.wait(file.position(), &self.context);
        Ok(())
    }
}

/// A recording of sound in the place of a microphone.
pub struct ReplayMicrophone {
    path: PathBuf,
    /// Goes on counting from one round to the next. Only the loop locks it.
    segmenter: Mutex<Segmenter>,
    context: LoopContext,
}

impl ReplayMicrophone {
    /// A `.wav` that does not play yet.
    pub fn new(path: PathBuf, segments: SegmentConfig, context: LoopContext) -> Self {
        ReplayMicrophone { path, segmenter: Mutex::new(Segmenter::new(segments)), context }
    }

    /// Plays the recording again and again until stop is requested.
    pub fn run(&self, sink: &dyn SegmentSink) {
        retry::run_for_ever(&self.context, || self.run_once(sink));
    }

    /// Plays the recording once, in real time, or until stop is requested or the gate is
    /// closed. Its begin is a gap:
    /// no segment spans the place where the end meets the beginning.
    ///
    /// # Errors
    ///
    /// The errors of [`SoundFile`], and [`ErrorKind::InvalidInput`] when it holds no sound.
    pub fn run_once(&self, sink: &dyn SegmentSink) -> Result<()> {
        let LoopContext { clock, component, .. } = &self.context;
        let mut file = SoundFile::open(&self.path)?;
        component.update(|status| status.source = Some(name_of(&self.path)));
        let mut due = Due::from_now(&self.context);
        while let Some(mut period) = file.next_period()? {
            due.wait(period.captured_at, &self.context);
            if !self.context.may_go_on() {
                return Ok(());
            }
            (period.captured_at, period.unix_ms) = (clock.monotonic(), clock.unix_ms());
            component.media_passed(period.captured_at);
            let mut segmenter = self.segmenter.lock().expect("only the loop locks it");
            segmenter.push(&period, |segment| sink.put(segment));
        }
        if file.position().is_zero() {
            let message = format!("{} holds no sound", self.path.display());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}

/// When media time falls on the clock.
struct Due {
    began_at: Duration,
}

impl Due {
    fn from_now(context: &LoopContext) -> Self {
        Due { began_at: context.clock.monotonic() }
    }

    /// Waits until `media_time` is due, or stop is requested.
    fn wait(&mut self, media_time: Duration, context: &LoopContext) {
        let (now, due) = (context.clock.monotonic(), self.began_at + media_time);
        if now > due + LATEST {
            self.began_at += now - due;
        } else if due > now {
            context.rest(due - now);
        }
    }
}

/// The name of a recording in /health: of the file, without its folder.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::{Clock, SimulatedClock},
        component::{Component, ComponentId},
        gate::Gate,
        media::Frame,
        stop::Stop,
    };

    fn context() -> LoopContext {
        LoopContext {
            clock: Arc::new(SimulatedClock::default()),
            component: Arc::new(Component::new(ComponentId::Camera)),
            stop: Stop::default(),
            gate: Gate::new(true),
        }
    }

    fn demo(name: &str) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "demo", name].iter().collect()
    }

    #[test]
    fn the_clip_plays_in_real_time_and_begins_again() {
        let context = context();
        let stop = context.stop.clone();
        let config = ReplayConfig {
            path: demo("face_640x480.mjpeg"),
            file_fps: None,
            fps: 2.0,
            orientation: Orientation::Upright,
        };
        let camera = ReplayCamera::new(config, context.clone());
        let frames = Mutex::new(Vec::new());
        let sink = |frame: Frame| {
            let mut frames = frames.lock().unwrap();
            frames.push((frame.sequence, frame.captured_at, frame.data.len()));
            // 240 frames at 15 fps are 16 s: 32 frames a round.
            if frames.len() == 70 {
                stop.request();
            }
        };
        camera.run(&sink);
        let frames = frames.into_inner().unwrap();
        assert_eq!(frames[0].2, frames[32].2, "the second round begins with the first picture");
        for (k, (sequence, captured_at, _)) in (0_u32..).zip(&frames) {
            assert_eq!(*sequence, u64::from(k));
            let error = captured_at.abs_diff(Duration::from_millis(500) * k);
            assert!(error < Duration::from_millis(67), "frame {k} is {error:?} off");
        }
    }

    #[test]
    fn the_sound_plays_in_real_time_and_no_segment_spans_the_seam() {
        let context = context();
        let stop = context.stop.clone();
        let config = SegmentConfig::default();
        let microphone = ReplayMicrophone::new(demo("speech_16k.wav"), config, context.clone());
        let segments = Mutex::new(Vec::new());
        let sink = |segment: crate::media::Segment| {
            let mut segments = segments.lock().unwrap();
            segments.push(segment);
            if segments.len() == 12 {
                stop.request();
            }
        };
        microphone.run(&sink);
        let live = segments.into_inner().unwrap();
        let file = SoundFile::open(&demo("speech_16k.wav")).unwrap();
        let whole: Vec<_> = file.segments(config).map(Result::unwrap).collect();
        assert_eq!(whole.len(), 9, "11 s");
        for (k, segment) in live.iter().enumerate() {
            assert_eq!(segment.sequence, k as u64);
            assert_eq!(segment.samples, whole[k % 9].samples, "segment {k}");
        }
        assert_eq!(live[0].captured_at, Duration::from_secs(3));
        assert!(live[9].captured_at > Duration::from_secs(13));
    }

    #[test]
    fn an_overloaded_machine_does_not_catch_up_in_a_burst() {
        let clock = Arc::new(SimulatedClock::default());
        let context = LoopContext { clock: clock.clone(), ..context() };
        let mut due = Due::from_now(&context);
        clock.advance(Duration::from_secs(60));
        due.wait(Duration::from_secs(1), &context);
        assert_eq!(clock.monotonic(), Duration::from_secs(60));
        due.wait(Duration::from_secs(2), &context);
        assert_eq!(clock.monotonic(), Duration::from_secs(61));
    }
}
