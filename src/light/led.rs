//! [`Led`]: one LED of the kernel, through its files in sysfs. Knows nothing of devices.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// A folder such as `/sys/class/leds/boothd`.
#[derive(Debug)]
pub(super) struct Led {
    folder: PathBuf,
}

impl Led {
    pub(super) fn at(folder: &Path) -> Self {
        Led { folder: folder.to_owned() }
    }

    /// Makes it as bright as it goes, or dark; writes only where it is not so already.
    ///
    /// # Errors
    /// `Config` when this account may not write it, `Unavailable` when it is away, answers no
    /// number, or does not take the written value.
    pub(super) fn set(&self, lit: bool) -> Result<()> {
        self.free_of_trigger()?;
        let most = self.number("max_brightness")?;
        if self.is_lit()? == lit {
            return self.is_writable();
        }
        self.write("brightness", &if lit { most } else { 0 }.to_string())?;
        // A driver may take a write and do nothing.
        if self.is_lit()? == lit { Ok(()) } else { Err(self.disobeys(lit)) }
    }

    /// A trigger of the kernel (`heartbeat`, `mmc0`) would switch it behind our back.
    fn free_of_trigger(&self) -> Result<()> {
        let path = self.folder.join("trigger");
        let triggers = match fs::read_to_string(path) {
            Ok(triggers) => triggers,
            // A kernel without triggers has no such file.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(self.failed("trigger", cause)),
        };
        if triggers.contains("[none]") || triggers.trim() == "none" {
            return Ok(());
        }
        self.write("trigger", "none")
    }

    fn is_lit(&self) -> Result<bool> {
        Ok(self.number("brightness")? > 0)
    }

    /// Checks that it can be switched, although it need not be now.
    fn is_writable(&self) -> Result<()> {
        let path = self.folder.join("brightness");
        let opened = OpenOptions::new().write(true).open(path);
        opened.map(drop).map_err(|cause| self.failed("brightness", cause))
    }

    fn number(&self, file: &str) -> Result<u32> {
        let text = fs::read_to_string(self.folder.join(file));
        let text = text.map_err(|cause| self.failed(file, cause))?;
        text.trim().parse().map_err(|cause| {
            self.failed(file, io::Error::new(io::ErrorKind::InvalidData, cause))
        })
    }

    /// Creates nothing: a path with a typing error must not become a light.
    fn write(&self, file: &str, text: &str) -> Result<()> {
        let opened = OpenOptions::new().write(true).truncate(true).open(self.folder.join(file));
        let written = opened.and_then(|mut opened| opened.write_all(text.as_bytes()));
        written.map_err(|cause| self.failed(file, cause))
    }

    fn failed(&self, file: &str, cause: io::Error) -> Error {
        let path = self.folder.join(file);
        let (kind, what) = match cause.kind() {
            io::ErrorKind::NotFound => (
                ErrorKind::Unavailable,
                "is not there; set light.path to a LED that `ls /sys/class/leds` lists",
            ),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
                ErrorKind::Config,
                "may not be written by boothd; see docs/guide/light.md for the udev rule and the \
                 drop-in that allow it",
            ),
            _ => (ErrorKind::Unavailable, "does not answer as a LED's file should"),
        };
        Error::new(kind, format!("{} {what}", path.display())).because(cause)
    }

    fn disobeys(&self, lit: bool) -> Error {
        let asked = if lit { "on and stays dark" } else { "off and stays lit" };
        let what = format!(
            "the LED {} was switched {asked}; look at its wiring, driver and max_brightness",
            self.folder.display()
        );
        Error::new(ErrorKind::Unavailable, what)
    }
}
