//! Which source a stream has: a device, a recording, or the bundled demo clip.
//!
//! `auto` is decided once, at the start: the devices if either is there, else the demo clip.
//! - It is never a mixture: a real face with the demo's voice would be reported as one person.
//!   Where only a camera is there, the microphone is waited for.
//! - It does not change later: a camera that is plugged in while the demo plays is used from the
//!   next start on. An appliance is installed with `device`, which waits for its devices for
//!   ever and never falls back.

use std::path::PathBuf;

use crate::light::Light;

use super::{
    FrameSink, SegmentSink,
    camera::{Camera, CameraConfig},
    cards, devices,
    light_opener::LightOpener,
    microphone::{Microphone, MicrophoneConfig, SoundOpener},
    pcm::AlsaOpener,
    replay::{ReplayCamera, ReplayConfig, ReplayMicrophone},
    retry::LoopContext,
    v4l2::V4l2Opener,
};

/// Where media comes from, as configured.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// The device if one is there, else the demo clip.
    Auto,
    /// The device, however long it takes.
    Device,
    /// A recording, again and again.
    File {
        /// Which recording.
        path: PathBuf,
        /// Its rate, where it has none of its own (pictures only).
        fps: Option<f64>,
    },
}

/// The two sources of a booth; `None` is switched off.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// Where pictures come from.
    pub video: Option<SourceKind>,
    /// Where sound comes from.
    pub audio: Option<SourceKind>,
}

/// Which devices are there now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Present {
    /// The configured camera.
    pub camera: bool,
    /// The configured microphone.
    pub microphone: bool,
}

impl Present {
    /// Devices that must not be looked for: boothd waits for what is configured, without a demo clip.
    pub const EXPECTED: Present = Present { camera: true, microphone: true };

    /// Looks for the configured devices, under the light: a microphone may have to be opened for
    /// the answer. Without the light it returns [`Present::EXPECTED`].
    pub fn look(camera: &str, microphone: &str, light: &Light) -> Self {
        let Ok(_lit) = light.hold() else { return Present::EXPECTED };
        let is_there = |node: PathBuf| std::fs::symlink_metadata(node).is_ok();
        let camera = devices::find_camera(camera).is_ok_and(is_there);
        // `default` may be a sound server without a card of its own: opening it is the answer.
        let microphone = cards::any_microphone() || AlsaOpener.open(microphone).is_ok();
        Present { camera, microphone }
    }
}

impl Sources {
    /// Whether it depends on what is there, which source it is.
    pub fn depend_on_presence(&self) -> bool {
        let mut wanted = self.video.iter().chain(&self.audio).peekable();
        wanted.peek().is_some() && wanted.all(|kind| *kind == SourceKind::Auto)
    }

    /// Replaces `auto` by what `present` makes of it; true when the demo clip stands in,
    /// which the caller must report in the log, in /health and in every report.
    pub fn resolve(self, present: Present, demo: &Sources) -> (Sources, bool) {
        let nothing_is_there = !present.camera && !present.microphone;
        if nothing_is_there && self.depend_on_presence() {
            let video = self.video.and_then(|_| demo.video.clone());
            let audio = self.audio.and_then(|_| demo.audio.clone());
            return (Sources { video, audio }, true);
        }
        let device = |kind| if kind == SourceKind::Auto { SourceKind::Device } else { kind };
        (Sources { video: self.video.map(device), audio: self.audio.map(device) }, false)
    }
}

/// A source of frames.
pub enum VideoSource {
    /// A camera.
    Camera(Camera),
    /// A recording.
    Replay(ReplayCamera),
}

impl VideoSource {
    /// The source that `kind` means; an unresolved `auto` waits for the device.
    /// A camera is opened only under `light`.
    pub fn new(
        kind: SourceKind,
        config: CameraConfig,
        context: LoopContext,
        light: &Light,
    ) -> Self {
        match kind {
            SourceKind::Auto | SourceKind::Device => {
                let opener = LightOpener::new(V4l2Opener, light.clone());
                VideoSource::Camera(Camera::new(config, Box::new(opener), context))
            }
            SourceKind::File { path, fps } => {
                let CameraConfig { fps: taken_fps, orientation, .. } = config;
                let config = ReplayConfig { path, file_fps: fps, fps: taken_fps, orientation };
                VideoSource::Replay(ReplayCamera::new(config, context))
            }
        }
    }

    /// Captures until stop is requested.
    pub fn run(&self, sink: &dyn FrameSink) {
        match self {
            VideoSource::Camera(camera) => camera.run(sink),
            VideoSource::Replay(replay) => replay.run(sink),
        }
    }
}

/// A source of segments.
pub enum AudioSource {
    /// A microphone.
    Microphone(Microphone),
    /// A recording.
    Replay(ReplayMicrophone),
}

impl AudioSource {
    /// The source that `kind` means; an unresolved `auto` waits for the device.
    /// A microphone is opened only under `light`.
    pub fn new(
        kind: SourceKind,
        config: MicrophoneConfig,
        context: LoopContext,
        light: &Light,
    ) -> Self {
        match kind {
            SourceKind::Auto | SourceKind::Device => {
                let opener = LightOpener::new(AlsaOpener, light.clone());
                AudioSource::Microphone(Microphone::new(config, Box::new(opener), context))
            }
            SourceKind::File { path, .. } => {
                AudioSource::Replay(ReplayMicrophone::new(path, config.segments, context))
            }
        }
    }

    /// Captures until stop is requested.
    pub fn run(&self, sink: &dyn SegmentSink) {
        match self {
            AudioSource::Microphone(microphone) => microphone.run(sink),
            AudioSource::Replay(replay) => replay.run(sink),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Option<SourceKind> {
        Some(SourceKind::File { path: name.into(), fps: None })
    }

    fn demo() -> Sources {
        Sources { video: file("demo.mjpeg"), audio: file("demo.wav") }
    }

    fn resolve(
        video: Option<SourceKind>,
        audio: Option<SourceKind>,
        camera: bool,
        microphone: bool,
    ) -> (Sources, bool) {
        Sources { video, audio }.resolve(Present { camera, microphone }, &demo())
    }

    const AUTO: Option<SourceKind> = Some(SourceKind::Auto);
    const DEVICE: Option<SourceKind> = Some(SourceKind::Device);

    #[test]
    fn the_demo_stands_in_for_both_or_for_none() {
        assert_eq!(resolve(AUTO, AUTO, false, false), (demo(), true));
        let devices = Sources { video: DEVICE, audio: DEVICE };
        for (camera, microphone) in [(true, true), (true, false), (false, true)] {
            assert_eq!(resolve(AUTO, AUTO, camera, microphone), (devices.clone(), false));
        }
    }

    #[test]
    fn a_configured_device_or_file_never_falls_back() {
        assert_eq!(resolve(DEVICE, DEVICE, false, false).0.video, DEVICE);
        let (sources, is_demo) = resolve(file("a.mjpeg"), AUTO, false, false);
        assert_eq!((sources.video, sources.audio, is_demo), (file("a.mjpeg"), DEVICE, false));
    }

    #[test]
    fn what_is_switched_off_stays_off() {
        let only_sound = Sources { video: None, audio: file("demo.wav") };
        assert!(Sources { video: None, audio: AUTO }.depend_on_presence());
        assert!(!Sources { video: None, audio: None }.depend_on_presence());
        assert!(!Sources { video: AUTO, audio: DEVICE }.depend_on_presence());
        assert_eq!(resolve(None, AUTO, false, false), (only_sound, true));
        let nothing = Sources { video: None, audio: None };
        assert_eq!(resolve(None, None, false, false), (nothing, false));
    }
}
