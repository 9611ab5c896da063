//! Heat, as the kernel's thermal framework reports it
//! (Documentation/driver-api/thermal/sysfs-api).

use std::path::{Path, PathBuf};

use super::sysfs::{entries, number, text};

/// What is known of the heat.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Heat {
    /// Of the chip's hottest part.
    pub(super) temperature_c: Option<f64>,
    /// It has reached the limit at which the board slows down, where that is known.
    pub(super) too_hot: Option<bool>,
}

/// How the zones of the chip itself are called: `cpu-thermal` (Pi, Jetson Orin), `bcm2835_thermal`
/// (an old Pi kernel), `gpu-`, `cv0-`, `soc0-`, `tj-thermal` (Jetson Orin; tj is the hottest of
/// all), `CPU-therm`, `GPU-therm` (Jetson Nano), `x86_pkg_temp` (a PC). Not the others: a Jetson
/// Nano's `PMIC-Die` always shows 100 °C, and a board's or a radio's heat is not the chip's.
const CHIP: [&str; 7] = ["cpu", "gpu", "soc", "tj", "cv", "bcm2835_thermal", "x86_pkg_temp"];

/// A PC's ACPI zone, where its chip has none.
const MACHINE: &str = "acpitz";

/// Plausible readings: a Jetson's zone that is switched off may show -256 °C.
const PLAUSIBLE_MILLI_C: std::ops::RangeInclusive<i64> = -40_000..=150_000;

/// Here the firmware of a Raspberry Pi holds the clock back (its documentation: from 80 °C on a
/// little, at 85 °C hard). It gives the kernel no trip point.
const PI_LIMIT_MILLI_C: i64 = 85_000;

/// A lower trip point is for a fan, or is not set.
const LEAST_LIMIT_MILLI_C: i64 = 60_000;

/// The heat of the chip's hottest zone.
pub(super) fn heat(sys: &Path, is_pi: bool) -> Heat {
    let zones: Vec<(String, PathBuf)> = entries(&sys.join("class/thermal"), "thermal_zone")
        .into_iter()
        .filter_map(|zone| Some((text(&zone.join("type"))?.to_ascii_lowercase(), zone)))
        .collect();
    let hottest = |is_it: &dyn Fn(&str) -> bool| {
        let zones = zones.iter().filter(|(kind, _)| is_it(kind));
        let read = zones.filter_map(|(_, zone)| Some((number(&zone.join("temp"))?, zone)));
        read.filter(|(milli_c, _)| PLAUSIBLE_MILLI_C.contains(milli_c)).max()
    };
    let is_chip = |kind: &str| CHIP.iter().any(|name| kind.starts_with(name));
    let Some((milli_c, zone)) = hottest(&is_chip).or_else(|| hottest(&|kind| kind == MACHINE))
    else {
        return Heat::default();
    };
    let limit = slows_down_at(zone).or(is_pi.then_some(PI_LIMIT_MILLI_C));
    Heat { temperature_c: Some(tenths(milli_c)), too_hot: limit.map(|limit| milli_c >= limit) }
}

/// The lowest trip point at which the kernel slows the zone down.
fn slows_down_at(zone: &Path) -> Option<i64> {
    let kinds = entries(zone, "trip_point_").into_iter();
    let passive = kinds.filter(|path| {
        path.to_string_lossy().ends_with("_type") && text(path).as_deref() == Some("passive")
    });
    let at = passive.filter_map(|path| {
        number(Path::new(&path.to_string_lossy().replace("_type", "_temp")))
    });
    at.filter(|milli_c| *milli_c >= LEAST_LIMIT_MILLI_C).min()
}

/// Whether the kernel holds a processor's clock back because of heat: `cpufreq-cpu0` or, before
/// Linux 5.12, `thermal-cpufreq-0`; `Processor` (ACPI); `cpu-throttle-alert`, `gpu-throttle-alert`
/// and the like, with which a Jetson Orin's kernel shows that a part is slowed down.
pub(super) fn is_throttled(sys: &Path) -> Option<bool> {
    let is_clock = |kind: &str| {
        kind.starts_with("cpufreq-")
            || kind.starts_with("thermal-cpufreq-")
            || kind.ends_with("-throttle-alert")
            || kind == "Processor"
    };
    let devices = entries(&sys.join("class/thermal"), "cooling_device").into_iter();
    let states =
        devices.filter(|device| text(&device.join("type")).is_some_and(|k| is_clock(&k)));
    let states = states.filter_map(|device| number(&device.join("cur_state")));
    states.map(|state| state > 0).reduce(|one, other| one || other)
}

/// Milli degrees as degrees; no sensor is better than a tenth.
#[allow(clippy::cast_precision_loss, reason = "was found to be less than 150 000")]
fn tenths(milli_c: i64) -> f64 {
    (milli_c as f64 / 100.0).round() / 10.0
}
