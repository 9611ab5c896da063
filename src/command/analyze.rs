//! `boothd analyze`: files in, one JSON line an observation out, faster than real time.
//!
//! The same analysers and the same session as the daemon's, on media time, one thread: the same
//! files give the same lines on every run.

use std::{io::Write, iter::Peekable, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::{Map, Value, json};

use super::{write_json, write_line};
use crate::{
    app,
    capture::{
        files::{FrameFile, SoundFile},
        segmenter::SegmentConfig,
    },
    config::Config,
    error::{Error, ErrorKind, Result},
    media::{Frame, Segment},
    report::{Dropped, FaceResult, ResultContext, SummaryReport, VoiceResult},
    session::SessionMetrics,
    speech::{VoiceAnalyser, VoiceModels, VoiceTrack},
    vision::{Face, FaceAnalyser, FaceModels, FaceTrack},
};

/// `boothd analyze`
#[derive(Args, Debug)]
pub struct AnalyzeArguments {
    /// Pictures: .mjpeg, .y4m or a folder of .jpg and .png
    #[arg(long, value_name = "FILE", required_unless_present = "audio")]
    video: Option<PathBuf>,
    /// Sound: .wav of any rate and width
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Pictures a second in the file; a .y4m holds its own rate
    #[arg(long, value_name = "N")]
    video_fps: Option<f64>,
    /// Analyse at most this many pictures a second, as the daemon would [default: every one]
    #[arg(long, value_name = "N")]
    fps: Option<f64>,
    /// From one segment of sound to the next [default: a segment, so segments do not overlap]
    #[arg(long, value_name = "MS")]
    hop_ms: Option<u64>,
    /// One JSON line an observation, and the summary last, instead of the summary as text
    #[arg(long)]
    json: bool,
    /// Adds the landmarks (468, then 5 of each iris, px), the f0 track (Hz or null per 10 ms) and
    /// what arousal is judged by
    #[arg(long, requires = "json")]
    tracks: bool,
}

/// Sources of the lines; pictures and sound are merged by media time.
struct Analysis<'a> {
    arguments: &'a AnalyzeArguments,
    config: &'a Config,
    session: SessionMetrics,
    out: &'a mut dyn Write,
}

pub(super) fn run(
    config: &Config,
    arguments: &AnalyzeArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let session = SessionMetrics::new(&config.session);
    let mut analysis = Analysis { arguments, config, session, out };
    let (mut frames, mut segments) = (analysis.frames()?, analysis.segments()?);
    let catalog = app::catalog(config)?;
    let mut faces = match arguments.video {
        Some(_) => Some((
            FaceAnalyser::new(
                &FaceModels::load(&catalog, &config.vision)?,
                config.vision.clone(),
            ),
            FaceTrack::default(),
        )),
        None => None,
    };
    let mut voices = match arguments.audio {
        Some(_) => {
            let models = VoiceModels::load(&catalog)?;
            Some((VoiceAnalyser::new(models, config.speech), VoiceTrack::default()))
        }
        None => None,
    };
    loop {
        let frame_at = time_of(&mut frames, |frame| frame.captured_at)?;
        let segment_at = time_of(&mut segments, |segment| segment.captured_at)?;
        let is_frame_next = match (frame_at, segment_at) {
            (None, None) => break,
            (Some(frame_at), Some(segment_at)) => frame_at <= segment_at,
            (frame_at, _) => frame_at.is_some(),
        };
        if is_frame_next {
            let frame = frames.next().expect("just peeked")?;
            let (analyser, track) = faces.as_mut().expect("frames come from a video");
            analysis.take_frame(&frame, analyser, track)?;
        } else {
            let segment = segments.next().expect("just peeked")?;
            let (analyser, track) = voices.as_mut().expect("segments come from sound");
            analysis.take_segment(&segment, analyser, track)?;
        }
    }
    analysis.finish()
}

type Media<T> = Peekable<Box<dyn Iterator<Item = Result<T>>>>;

/// Media time of what comes next; an error is taken out at once.
fn time_of<T>(media: &mut Media<T>, at: impl Fn(&T) -> Duration) -> Result<Option<Duration>> {
    match media.peek() {
        None => Ok(None),
        Some(Ok(next)) => Ok(Some(at(next))),
        Some(Err(_)) => media.next().expect("just peeked").map(|_| None),
    }
}

impl Analysis<'_> {
    fn frames(&self) -> Result<Media<Frame>> {
        let frames: Box<dyn Iterator<Item = _>> = match &self.arguments.video {
            None => Box::new(std::iter::empty()),
            Some(path) => Box::new(
                FrameFile::open(path, self.arguments.video_fps)?
                    .turned(self.config.camera.orientation)
                    .frames(self.arguments.fps),
            ),
        };
        Ok(frames.peekable())
    }

    fn segments(&self) -> Result<Media<Segment>> {
        let length = self.config.microphone.segments.length;
        let hop = self.arguments.hop_ms.map_or(length, Duration::from_millis);
        if hop.is_zero() || hop > length {
            let what =
                format!("--hop-ms must be 1 to {} (audio.segment_ms)", length.as_millis());
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let segments: Box<dyn Iterator<Item = _>> = match &self.arguments.audio {
            None => Box::new(std::iter::empty()),
            Some(path) => {
                Box::new(SoundFile::open(path)?.segments(SegmentConfig { length, hop }))
            }
        };
        Ok(segments.peekable())
    }

    fn take_frame(
        &mut self,
        frame: &Frame,
        analyser: &mut FaceAnalyser,
        track: &mut FaceTrack,
    ) -> Result<()> {
        let observation = match analyser.observe(frame, track, self.config.features) {
            Ok(observation) => observation,
            Err(error) => return self.skip("visual", frame.captured_at, &error),
        };
        let metrics = self.session.observe_face(&observation);
        if !self.arguments.json {
            return Ok(());
        }
        let tracks = observation.face.as_ref().filter(|_| self.arguments.tracks).map(landmarks);
        let context = self.context(observation.timing.total.wall);
        let result = FaceResult::new(observation, metrics, context);
        let mut line = line("visual", frame.captured_at, result.report());
        if self.arguments.tracks {
            line.insert("landmarks".into(), tracks.unwrap_or(Value::Null));
        }
        write_json(self.out, &line)
    }

    fn take_segment(
        &mut self,
        segment: &Segment,
        analyser: &mut VoiceAnalyser,
        track: &mut VoiceTrack,
    ) -> Result<()> {
        let start = segment.captured_at.saturating_sub(segment.duration());
        let observation = match analyser.observe(segment, track, self.config.features) {
            Ok(observation) => observation,
            Err(error) => return self.skip("audio", start, &error),
        };
        let metrics = self.session.observe_voice(&observation);
        if !self.arguments.json {
            return Ok(());
        }
        let f0_track = json!(observation.f0_track_hz);
        let arousal_features = observation.arousal.map(|features| {
            json!({
                "log2_f0_median": features.log2_f0_median,
                "level_db": features.level_db,
                "log10_hf500": features.log10_hf500,
            })
        });
        let syllables: Vec<f64> =
            observation.syllables.iter().map(|at| ms(start + *at)).collect();
        let context = self.context(observation.timing.total.wall);
        let result = VoiceResult::new(observation, metrics, context);
        let mut line = line("audio", start, result.report());
        line.insert("segment_ms".into(), json!(ms(segment.duration())));
        line.insert("syllable_count".into(), json!(syllables.len()));
        if self.arguments.tracks {
            line.insert("f0_track_hz".into(), f0_track);
            line.insert("syllables_ms".into(), json!(syllables));
            line.insert("arousal_features".into(), json!(arousal_features));
        }
        write_json(self.out, &line)
    }

    fn context(&self, latency: Duration) -> ResultContext {
        ResultContext {
            latency,
            dropped_total: 0,
            features: self.config.features,
            session_id: None,
            demo_source: false,
        }
    }

    /// Logs media that cannot be used and skips it; a bug ends the command.
    fn skip(&mut self, of: &str, at: Duration, error: &Error) -> Result<()> {
        let message = error.chain().to_string();
        if self.arguments.json {
            let line =
                json!({"kind": "error", "of": of, "media_ms": ms(at), "message": message});
            write_json(self.out, &line)
        } else {
            write_line(self.out, &format!("{of} at {:.0} ms passed over: {message}", ms(at)))
        }
    }

    fn finish(self) -> Result<()> {
        let summary = SummaryReport::new(self.session.statistics(), Dropped::default());
        if self.arguments.json {
            let end = summary.metrics.values().map(|metric| metric.covered_ms).max();
            let mut line = line("summary", Duration::from_millis(end.unwrap_or(0)), &summary);
            line.remove("dropped_frames");
            line.remove("dropped_segments");
            return write_json(self.out, &line);
        }
        let (frames, segments) = (summary.frames_total, summary.segments_total);
        write_line(self.out, &format!("{frames} frames, {segments} segments"))?;
        for (name, metric) in &summary.metrics {
            let spread = metric.variance.sqrt();
            let (mean, min, max) = (metric.mean, metric.min, metric.max);
            let text = format!("{name:<24} {mean:>10.3} ±{spread:>9.3}  {min:.3} to {max:.3}");
            write_line(self.out, &text)?;
        }
        Ok(())
    }
}

/// A report as a JSON line, less what differs from run to run.
fn line(kind: &str, at: Duration, report: &impl serde::Serialize) -> Map<String, Value> {
    let Ok(Value::Object(report)) = serde_json::to_value(report) else {
        unreachable!("a report is an object of numbers, words and nulls")
    };
    let mut line = Map::new();
    line.insert("kind".into(), json!(kind));
    line.insert("media_ms".into(), json!(ms(at)));
    line.extend(report);
    for timing in ["timestamp", "processing_time", "performance_metrics", "demo_source"] {
        line.remove(timing);
    }
    line
}

/// `[[x_px, y_px], …]`: 468 of the mesh, then 5 of each iris.
fn landmarks(face: &Face) -> Value {
    json!(face.landmarks.iter().map(|[x, y, _]| [x, y]).collect::<Vec<_>>())
}

fn ms(at: Duration) -> f64 {
    at.as_micros() as f64 / 1000.0
}
