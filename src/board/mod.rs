//! [`Board`]: temperature, power and memory of the computer, read from sysfs.
//!
//! Holds everything that is particular to a board: where a Raspberry Pi, a Jetson and a PC report
//! temperature, throttling and supply. Only reads. What the system does not report is `None`,
//! never a zero.

mod disk;
mod reading;
mod follow;
mod sysfs;
mod power;
mod thermal;

use std::path::{Path, PathBuf};

pub use disk::{LOW_DISK_BYTES, free_bytes, low_disk};
pub use follow::follow;
pub use reading::{Reading, Trouble};

pub(crate) use sysfs::field;
use sysfs::text;

/// The computer that boothd runs on.
#[derive(Debug)]
pub struct Board {
    root: PathBuf,
    model: Option<String>,
    /// Of a Jetson's over-current alarms, at the last look.
    alarms_total: Option<u64>,
}

impl Board {
    /// This computer.
    pub fn this() -> Self {
        Board::at(Path::new("/"))
    }

    /// A computer whose `sys` and `proc` stand in `root`.
    pub fn at(root: &Path) -> Self {
        Board { root: root.to_owned(), model: model(root), alarms_total: None }
    }

    /// Reads its state now. Blocks for as long as its drivers take, which is some milliseconds
    /// where one asks a chip on a bus.
    pub fn read(&mut self) -> Reading {
        let sys = self.root.join("sys");
        let is_pi =
            self.model.as_deref().is_some_and(|model| model.starts_with("Raspberry Pi"));
        let heat = thermal::heat(&sys, is_pi);
        let firmware = power::firmware(&sys);
        let hwmon = power::hwmon(&sys);
        let alarms = hwmon.alarms_total;
        let has_new = alarms.map(|now| self.alarms_total.is_some_and(|before| now > before));
        self.alarms_total = alarms.or(self.alarms_total);
        let meminfo = text(&self.root.join("proc/meminfo")).unwrap_or_default();
        let memory = |name| Some(field(&meminfo, name)? * 1024);
        Reading {
            model: self.model.clone(),
            temperature_c: heat.temperature_c,
            too_hot: heat.too_hot,
            throttled: either(firmware.map(|f| f.is_throttled), thermal::is_throttled(&sys)),
            frequency_capped: firmware.map(|f| f.is_capped),
            under_voltage: either(firmware.map(|f| f.is_under_voltage), hwmon.under_voltage),
            over_current: either(has_new, hwmon.over_current),
            has_been_throttled: firmware.map(|f| f.was_throttled),
            has_been_under_voltage: firmware.map(|f| f.was_under_voltage),
            memory_total_bytes: memory("MemTotal:"),
            memory_available_bytes: memory("MemAvailable:"),
        }
    }
}

/// The name of the board or machine, from its device tree or its firmware.
fn model(root: &Path) -> Option<String> {
    const PLACES: [&str; 2] =
        ["sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name"];
    PLACES.iter().find_map(|place| text(&root.join(place)))
}

/// True where one of the two is true, `None` where both are `None`.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one || other),
        (one, other) => one.or(other),
    }
}
