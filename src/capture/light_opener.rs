//! [`LightOpener`]: opens devices under the recording light only. It is lit before a device is
//! opened and goes out after it was closed; a device whose light fails is closed.

use std::time::Duration;

use crate::{
    error::Result,
    light::{Light, LightLease},
};

use super::{
    camera::{CameraConfig, CameraOpener, FrameDevice, RawFrame},
    microphone::{SoundDevice, SoundOpener, SoundRead},
};

/// Opens the devices of another opener, under the light.
pub struct LightOpener<O> {
    opener: O,
    light: Light,
}

impl<O> LightOpener<O> {
    /// `opener` opens the device, `light` is lit before.
    pub fn new(opener: O, light: Light) -> Self {
        LightOpener { opener, light }
    }
}

/// The device stands first: it is closed before the light goes out.
struct LitCamera {
    device: Box<dyn FrameDevice>,
    /// `None` once the camera has refused to close.
    lit: Option<LightLease>,
}

/// The same for a microphone, which always closes.
struct LitMicrophone {
    device: Box<dyn SoundDevice>,
    lit: LightLease,
}

impl<O: CameraOpener> CameraOpener for LightOpener<O> {
    fn open(&self, wanted: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
        let lit = Some(self.light.hold()?);
        Ok(Box::new(LitCamera { device: self.opener.open(wanted)?, lit }))
    }
}

impl<O: SoundOpener> SoundOpener for LightOpener<O> {
    fn open(&self, device: &str) -> Result<Box<dyn SoundDevice>> {
        let lit = self.light.hold()?;
        Ok(Box::new(LitMicrophone { device: self.opener.open(device)?, lit }))
    }
}

impl FrameDevice for LitCamera {
    fn description(&self) -> &str {
        self.device.description()
    }

    fn next(&mut self, timeout: Duration) -> Result<Option<RawFrame<'_>>> {
        self.lit.as_ref().map_or(Ok(()), LightLease::check)?;
        self.device.next(timeout)
    }

    fn stop(&mut self) -> bool {
        let is_closed = self.device.stop();
        if !is_closed && let Some(lit) = self.lit.take() {
            lit.keep();
        }
        is_closed
    }
}

impl Drop for LitCamera {
    fn drop(&mut self) {
        self.stop();
    }
}

impl SoundDevice for LitMicrophone {
    fn description(&self) -> &str {
        self.device.description()
    }

    fn read(&mut self, into: &mut [i16], timeout: Duration) -> Result<SoundRead> {
        self.lit.check()?;
        self.device.read(into, timeout)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::error::{Error, ErrorKind};

    /// A device that looks at the LED when it is opened, used and closed.
    struct Witness {
        brightness: PathBuf,
        refuses_to_stop: bool,
    }

    impl Witness {
        fn sees_it_lit(&self) {
            assert_eq!(fs::read_to_string(&self.brightness).unwrap(), "7");
        }
    }

    impl Drop for Witness {
        fn drop(&mut self) {
            self.sees_it_lit();
        }
    }

    impl FrameDevice for Witness {
        fn description(&self) -> &str {
            "witness"
        }

        fn next(&mut self, _: Duration) -> Result<Option<RawFrame<'_>>> {
            self.sees_it_lit();
            Ok(None)
        }

        fn stop(&mut self) -> bool {
            self.sees_it_lit();
            !self.refuses_to_stop
        }
    }

    impl SoundDevice for Witness {
        fn description(&self) -> &str {
            "witness"
        }

        fn read(&mut self, _: &mut [i16], _: Duration) -> Result<SoundRead> {
            self.sees_it_lit();
            Ok(SoundRead::Nothing)
        }
    }

    struct Opener {
        brightness: PathBuf,
        refuses_to_stop: bool,
    }

    impl Opener {
        fn witness(&self) -> Box<Witness> {
            let Opener { brightness, refuses_to_stop } = self;
            let witness =
                Witness { brightness: brightness.clone(), refuses_to_stop: *refuses_to_stop };
            witness.sees_it_lit();
            Box::new(witness)
        }
    }

    impl CameraOpener for Opener {
        fn open(&self, _: &CameraConfig) -> Result<Box<dyn FrameDevice>> {
            Ok(self.witness())
        }
    }

    impl SoundOpener for Opener {
        fn open(&self, device: &str) -> Result<Box<dyn SoundDevice>> {
            match device {
                "away" => Err(Error::new(ErrorKind::Unavailable, "it is away")),
                _ => Ok(self.witness()),
            }
        }
    }

    /// An opener that looks, and what the LED shows.
    fn scene(refuses_to_stop: bool) -> (LightOpener<Opener>, tempfile::TempDir) {
        let led = tempfile::tempdir().unwrap();
        let brightness = led.path().join("brightness");
        fs::write(led.path().join("max_brightness"), "7").unwrap();
        fs::write(&brightness, "0").unwrap();
        let light = Light::new(Some(led.path()));
        (LightOpener::new(Opener { brightness, refuses_to_stop }, light), led)
    }

    fn shows(led: &tempfile::TempDir) -> String {
        fs::read_to_string(led.path().join("brightness")).unwrap()
    }

    #[test]
    fn it_is_lit_from_before_a_device_is_opened_until_after_it_is_closed() {
        let (opener, led) = scene(false);
        let mut camera = CameraOpener::open(&opener, &CameraConfig::default()).unwrap();
        let mut microphone = SoundOpener::open(&opener, "mic").unwrap();
        camera.next(Duration::ZERO).unwrap();
        microphone.read(&mut [0; 4], Duration::ZERO).unwrap();
        drop(camera);
        assert_eq!(shows(&led), "7", "the microphone is open");
        drop(microphone);
        assert_eq!(shows(&led), "0");
        assert!(SoundOpener::open(&opener, "away").is_err());
        assert_eq!(shows(&led), "0", "nothing was opened");
    }

    #[test]
    fn a_camera_that_refuses_to_close_keeps_it_lit() {
        let (opener, led) = scene(true);
        drop(CameraOpener::open(&opener, &CameraConfig::default()).unwrap());
        assert_eq!(shows(&led), "7");
        drop(SoundOpener::open(&opener, "mic").unwrap());
        assert_eq!(shows(&led), "7");
    }

    #[test]
    fn without_the_light_nothing_is_opened() {
        let (opener, led) = scene(false);
        fs::remove_file(led.path().join("brightness")).unwrap();
        // The witness would panic: its LED is not there.
        assert!(CameraOpener::open(&opener, &CameraConfig::default()).is_err());
        assert!(SoundOpener::open(&opener, "mic").is_err());
    }
}
