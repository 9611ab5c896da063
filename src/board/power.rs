//! The supply, as a Raspberry Pi's firmware and a board's monitor chips report it.

use std::path::Path;

use super::sysfs::{entries, number, text};

/// Supply and clock as a Raspberry Pi's firmware reports them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "these are the firmware's bits")]
pub(super) struct Firmware {
    pub(super) is_under_voltage: bool,
    /// The clock is capped, or the soft limit of the temperature holds it back.
    pub(super) is_capped: bool,
    pub(super) is_throttled: bool,
    pub(super) was_under_voltage: bool,
    pub(super) was_throttled: bool,
}

/// `get_throttled` of the driver `raspberrypi-firmware` (Raspberry Pi's own kernels,
/// drivers/firmware/raspberrypi.c: hexadecimal, without 0x). It is what the driver
/// `raspberrypi-hwmon` read last, every 2 s. The bits are those of `vcgencmd get_throttled`.
/// Newer kernels leave the file out; then `rpi_volt` is the only source.
pub(super) fn firmware(sys: &Path) -> Option<Firmware> {
    // On a Pi 4 `soc:firmware`, on a Pi 5 `soc@107c000000:firmware`.
    let drivers = sys.join("bus/platform/drivers/raspberrypi-firmware");
    let by_driver = entries(&drivers, "soc").into_iter().map(|dev| dev.join("get_throttled"));
    let known = sys.join("devices/platform/soc/soc:firmware/get_throttled");
    let hex = by_driver.chain([known]).find_map(|path| text(&path))?;
    let bits = u32::from_str_radix(hex.trim_start_matches("0x"), 16).ok()?;
    let any = |these: &[u32]| these.iter().any(|bit| bits & (1 << bit) != 0);
    Some(Firmware {
        is_under_voltage: any(&[0]),
        is_capped: any(&[1, 3]),
        is_throttled: any(&[2]),
        was_under_voltage: any(&[0, 16]),
        was_throttled: any(&[1, 2, 3, 17, 18, 19]),
    })
}

/// Alarms of the monitor chips (Documentation/hwmon).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hwmon {
    pub(super) under_voltage: Option<bool>,
    pub(super) over_current: Option<bool>,
    /// Over-current and under-voltage alarms since the board's start.
    pub(super) alarms_total: Option<u64>,
}

/// - `rpi_volt` (raspberrypi-hwmon.rst): `in0_lcrit_alarm`, under-voltage within the last 2 s;
/// - `ina3221` (ina3221.rst; a Jetson's rails): `curr[123]_crit_alarm`;
/// - `soctherm_oc` (a Jetson Orin's kernel): `oc[123]_event_cnt`, how often the board was slowed
///   down since its voltage fell or its current rose too far.
pub(super) fn hwmon(sys: &Path) -> Hwmon {
    let mut alarms = Hwmon::default();
    for chip in entries(&sys.join("class/hwmon"), "hwmon") {
        let alarm = |name: &str| Some(number(&chip.join(name))? != 0);
        match text(&chip.join("name")).as_deref() {
            Some("rpi_volt") => alarms.under_voltage = alarm("in0_lcrit_alarm"),
            Some("ina3221") => {
                let rails = (1..=3).filter_map(|rail| alarm(&format!("curr{rail}_crit_alarm")));
                let any = rails.reduce(|one, other| one || other);
                alarms.over_current = super::either(alarms.over_current, any);
            }
            Some("soctherm_oc") => {
                let counts =
                    (1..=3).filter_map(|k| number(&chip.join(format!("oc{k}_event_cnt"))));
                let counts = counts.filter_map(|count| u64::try_from(count).ok());
                alarms.alarms_total = counts.reduce(u64::saturating_add);
            }
            Some(_) | None => (),
        }
    }
    alarms
}
