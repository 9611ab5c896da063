//! [`Reading`]: the state of a board at one moment, and which of it is trouble.

use serde::Serialize;

/// The state of a board at one moment. What the system does not report is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reading {
    /// The maker's name of the board.
    pub model: Option<String>,
    /// Temperature of the chip's hottest part, °C, to a tenth.
    pub temperature_c: Option<f64>,
    /// It has reached the limit at which the board slows down.
    pub too_hot: Option<bool>,
    /// The clock is held back now, because of heat or of the supply.
    pub throttled: Option<bool>,
    /// A Raspberry Pi's clock is capped now.
    pub frequency_capped: Option<bool>,
    /// The supply gives too little voltage now.
    pub under_voltage: Option<bool>,
    /// The board draws more current than it may now.
    pub over_current: Option<bool>,
    /// It was throttled or capped since boothd's start, or since the board's where it reports that.
    pub has_been_throttled: Option<bool>,
    /// The same of the voltage.
    pub has_been_under_voltage: Option<bool>,
    /// Memory of the machine, bytes.
    pub memory_total_bytes: Option<u64>,
    /// The part of it that programs may still take, bytes.
    pub memory_available_bytes: Option<u64>,
}

/// What costs frames, the cause before its effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The supply gives too little voltage.
    UnderVoltage,
    /// More current than the board may draw.
    OverCurrent,
    /// The limit of the temperature is reached.
    TooHot,
    /// The clock is held back, and the board does not report why.
    Throttled,
}

impl Reading {
    /// The trouble now; of several the cause of the others.
    pub fn trouble(&self) -> Option<Trouble> {
        let is = |flag: Option<bool>| flag == Some(true);
        match () {
            () if is(self.under_voltage) => Some(Trouble::UnderVoltage),
            () if is(self.over_current) => Some(Trouble::OverCurrent),
            () if is(self.too_hot) => Some(Trouble::TooHot),
            () if is(self.throttled) || is(self.frequency_capped) => Some(Trouble::Throttled),
            () => None,
        }
    }
}

impl Trouble {
    /// The problem and its remedy, for the operator.
    pub fn sentence(self) -> &'static str {
        match self {
            Trouble::UnderVoltage => {
                "the power supply gives the board too little voltage, which slows it down; use \
                 the board's own supply and a short cable"
            }
            Trouble::OverCurrent => {
                "the board draws more current than it may and is slowed down; use the board's \
                 own supply, or a lower power mode"
            }
            Trouble::TooHot => {
                "the board is so hot that it slows down; give it a heat sink, a fan or a cooler \
                 place"
            }
            Trouble::Throttled => {
                "the board holds its clock back, since it is too hot or its supply is too weak; \
                 cool it, and look at its supply"
            }
        }
    }
}
