//! The light at a LED that is a folder of plain files, whole and broken.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use tempfile::TempDir;

use super::*;

/// A LED as the kernel shows it, blinking to its heart's content.
struct Double(TempDir);

impl Double {
    fn new() -> Self {
        let double = Double(tempfile::tempdir().unwrap());
        double.write("max_brightness", "255\n");
        double.write("brightness", "255\n");
        double.write("trigger", "none mmc0 [heartbeat]\n");
        double
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    fn shows(&self) -> String {
        fs::read_to_string(self.path("brightness")).unwrap().trim().to_owned()
    }

    fn light(&self) -> Light {
        Light::new(Some(self.0.path()))
    }
}

fn refused(light: &Light) -> Error {
    let error = light.hold().unwrap_err();
    let status = light.component().status();
    assert_eq!(status.state, State::Unavailable);
    assert!(error.to_string().ends_with(&status.error.unwrap()), "{error}");
    assert!(error.to_string().starts_with("nothing is opened"), "{error}");
    error
}

#[test]
fn it_is_lit_until_the_last_one_lets_go() {
    let led = Double::new();
    let light = led.light();
    assert_eq!(led.shows(), "0", "dark at the start, though it was lit");
    assert_eq!(fs::read_to_string(led.path("trigger")).unwrap(), "none");
    let camera = light.hold().unwrap();
    assert_eq!((led.shows().as_str(), light.component().status().on), ("255", Some(true)));
    let microphone = light.hold().unwrap();
    drop(camera);
    assert_eq!(led.shows(), "255");
    drop(microphone);
    assert_eq!((led.shows().as_str(), light.component().status().on), ("0", Some(false)));
    let status = light.component().status();
    assert_eq!((status.state, status.restarts_total), (State::Running, 0));
}

#[test]
fn without_a_light_everything_may_be_opened() {
    let light = Light::none();
    light.hold().unwrap().check().unwrap();
    light.watch(&Stop::default());
    light.put_out();
    assert_eq!(light.component().status().state, State::Off);
}

#[test]
fn a_light_that_cannot_be_switched_on_lets_nothing_be_opened() {
    let led = Double::new();
    let light = Light::new(Some(&led.path("none")));
    let error = refused(&light);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("ls /sys/class/leds"), "{error}");
    assert!(!led.path("none").exists(), "a typing error does not become a light");

    fs::remove_file(led.path("brightness")).unwrap();
    symlink("/proc/sys/kernel/random/boot_id", led.path("brightness")).unwrap();
    let error = refused(&led.light());
    assert!(error.to_string().contains("does not answer as a LED's"), "{error}");
    // May not be written, not even by root.
    fs::remove_file(led.path("brightness")).unwrap();
    symlink("/proc/sys/kernel/ngroups_max", led.path("brightness")).unwrap();
    let error = refused(&led.light());
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("docs/guide/light.md"), "{error}");

    // Takes every write and shows nothing.
    fs::remove_file(led.path("brightness")).unwrap();
    symlink("/dev/null", led.path("brightness")).unwrap();
    refused(&led.light());
}

#[test]
fn what_was_written_is_read_back_and_a_dark_light_is_no_proof() {
    let led = Double::new();
    led.write("max_brightness", "0");
    let light = led.light();
    assert_eq!(light.component().status().state, State::Running, "it can be darkened");
    let error = refused(&light);
    assert!(error.to_string().contains("was switched on and stays dark"), "{error}");
    light.look();
    assert_eq!(
        light.component().status().state,
        State::Unavailable,
        "darkening it mends nothing"
    );
    led.write("max_brightness", "1");
    let lit = light.hold().unwrap();
    assert_eq!((led.shows().as_str(), light.component().status().error), ("1", None));
    lit.check().unwrap();
}

#[test]
fn a_light_that_is_switched_off_is_lit_again_and_one_that_leaves_is_missed() {
    let led = Double::new();
    let light = led.light();
    let lit = light.hold().unwrap();
    led.write("brightness", "0");
    light.look();
    assert_eq!(led.shows(), "255");
    lit.check().unwrap();

    fs::rename(led.path("brightness"), led.path("gone")).unwrap();
    light.look();
    let error = lit.check().unwrap_err();
    assert!(error.to_string().contains("brightness is not there"), "{error}");
    assert_eq!(light.component().status().restarts_total, 1);
    drop(lit);
    refused(&light);
    // It is checked while no device is open, too: a repair is noticed without a device.
    fs::rename(led.path("gone"), led.path("brightness")).unwrap();
    light.look();
    assert_eq!((light.component().status().state, led.shows().as_str()), (State::Running, "0"));
    light.hold().unwrap().check().unwrap();
}

#[test]
fn the_end_is_dark_despite_leases_and_a_device_that_does_not_close_keeps_it() {
    let led = Double::new();
    let light = led.light();
    light.hold().unwrap().keep();
    light.look();
    assert_eq!(led.shows(), "255", "something is open still");
    let lit = light.hold().unwrap();
    light.put_out();
    assert_eq!(led.shows(), "0");
    drop(lit);
    light.look();
    let error = light.hold().unwrap_err();
    assert!(error.to_string().contains("boothd leaves"), "{error}");
    assert_eq!((led.shows().as_str(), light.component().status().state), ("0", State::Stopped));
}
