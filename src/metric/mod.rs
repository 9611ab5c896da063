//! The catalogue of metrics: each number that boothd measures of a person, once.
//!
//! [`FACE`] and [`VOICE`] say of each [`Metric`] its name, unit, range, and where it goes: a column of the
//! store, the session's summary, the fleet server's minutes, Home Assistant, the page. [`FaceValues`]
//! and [`VoiceValues`] hold its value. Everything else is driven by them: statistics, SQL columns,
//! exports, minutes, discovery, reasons. docs/ref/metrics.md defines each.
//!
//! A new metric is measured in its module (`vision` or `speech`), gets a row here, and is read from the
//! observation in `session/values.rs`: docs/guide/developer/README.md.

mod face;
mod voice;

pub use face::{FACE, FaceValues};
pub use voice::{VOICE, VoiceValues};

/// One number that is measured of a person, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name in exports and, of the voice, in reports: a promise.
    pub name: &'static str,
    /// JSON pointer to it in `visual_analysis` or `audio_analysis`.
    pub pointer: &'static str,
    /// Unit, in the language of docs/ref/metrics.md; empty where it has none.
    pub unit: &'static str,
    /// Smallest and largest value that it can have. The fleet server refuses others.
    pub range: (f64, f64),
    /// Whether it is a yes or no, and not a number; a yes counts as 1.
    pub is_flag: bool,
    /// What it is measured of, and so why it can be null.
    pub needs: Needs,
    /// Its column in the store; `None`: it is not stored.
    pub stored: Option<Stored>,
    /// Its name in a session's summary; `None`: it is not summarised.
    pub summary: Option<&'static str>,
    /// Its column in the fleet server's minutes; `None`: no minutes are kept of it.
    pub minute: Option<&'static str>,
    /// Key and English name of its sensor in Home Assistant; `None`: it has none.
    pub home_assistant: Option<(&'static str, &'static str)>,
}

/// The column of a stored metric, which holds whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored {
    /// Its name, which ends in the column's unit.
    pub column: &'static str,
    /// Stored = value x scale, rounded.
    pub scale: f64,
}

/// What a metric is measured of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// A frame.
    Frame,
    /// Any sound.
    Sound,
    /// Voiced speech.
    Voice,
    /// Syllables.
    Syllables,
    /// Speech, whose pauses count.
    Pauses,
    /// The speaker's own baseline.
    Baseline,
}

impl Needs {
    /// Whether a value stands for the time in which a person speaks, not for the segment's.
    pub fn speech(self) -> bool {
        matches!(self, Needs::Voice | Needs::Syllables | Needs::Pauses | Needs::Baseline)
    }
}

impl Metric {
    /// A metric of the top level of a report that goes nowhere else.
    const fn new(name: &'static str, pointer: &'static str) -> Metric {
        Metric {
            name,
            pointer,
            unit: "",
            range: (0.0, 1.0),
            is_flag: false,
            needs: Needs::Frame,
            stored: None,
            summary: None,
            minute: None,
            home_assistant: None,
        }
    }
}

/// The time that an analysis took, of which the fleet server keeps minutes, too.
pub const ANALYSIS_TIME: Metric = Metric {
    unit: "ms",
    range: (0.0, 1e6),
    minute: Some("processing_ms"),
    ..Metric::new("processing_time", "/processing_time")
};

impl Stored {
    /// In thousandths.
    const fn permille(column: &'static str) -> Option<Stored> {
        Stored::scaled(column, 1000.0)
    }

    /// As whole numbers.
    const fn whole(column: &'static str) -> Option<Stored> {
        Stored::scaled(column, 1.0)
    }

    const fn scaled(column: &'static str, scale: f64) -> Option<Stored> {
        Some(Stored { column, scale })
    }

    /// What the column holds for `value`.
    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates, the schema checks")]
    pub fn of(self, value: f64) -> i64 {
        (value * self.scale).round() as i64
    }
}

/// A field of a catalogue's values as a number; a flag is 0 or 1.
trait Number {
    const IS_FLAG: bool = false;
    fn number(&self) -> Option<f64>;
}

impl Number for bool {
    const IS_FLAG: bool = true;
    fn number(&self) -> Option<f64> {
        Some(f64::from(u8::from(*self)))
    }
}

impl Number for u32 {
    fn number(&self) -> Option<f64> {
        Some(f64::from(*self))
    }
}

impl Number for f32 {
    fn number(&self) -> Option<f64> {
        Some(f64::from(*self))
    }
}

impl Number for f64 {
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl<T: Number> Number for Option<T> {
    const IS_FLAG: bool = T::IS_FLAG;
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(Number::number)
    }
}

/// Declares a catalogue and the struct of its values, one field a metric. A pointer that is not named
/// is `/` and the metric's name.
macro_rules! catalog {
    (
        $(#[$about:meta])* $catalog:ident,
        $(#[$of:meta])* $values:ident:
        $($(#[doc = $definition:literal])+ $name:ident: $type:ty {
            $($field:ident: $value:expr),* $(,)?
        })+
    ) => {
        $(#[$of])*
        #[derive(Clone, Debug, Default, PartialEq, schemars::JsonSchema, serde::Serialize)]
        pub struct $values {
            $($(#[doc = $definition])+ pub $name: $type,)+
        }

        $(#[$about])*
        pub const $catalog: &[Metric] = &[$(Metric {
            $($field: $value,)*
            is_flag: <$type as super::Number>::IS_FLAG,
            ..Metric::new(stringify!($name), concat!("/", stringify!($name)))
        }),+];

        impl $values {
            /// Each metric of the catalogue with its value; `None` is what could not be known.
            pub fn iter(&self) -> impl Iterator<Item = (&'static Metric, Option<f64>)> {
                use super::Number as _;
                $catalog.iter().zip([$(self.$name.number()),+])
            }
        }
    };
}
use catalog;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../../page/lib/metrics.js");

    #[test]
    fn the_page_has_a_row_for_each_metric_of_a_summary() {
        let (_, voice) = PAGE.split_once("VOICE_METRICS = [").expect("the rows of the voice");
        let (voice, _) = voice.split_once("\n];").expect("their end");
        let rows = voice.split("key: \"").skip(1).filter_map(|row| row.split('"').next());
        let summarised = VOICE.iter().filter_map(|metric| metric.summary);
        assert_eq!(rows.collect::<BTreeSet<_>>(), summarised.collect());
        for name in FACE.iter().filter_map(|metric| metric.summary) {
            let key = name.strip_prefix("face_actions.").unwrap_or(name);
            assert!(PAGE.contains(&format!("\"{key}\"")), "the page has no row of {name}");
        }
    }

    #[test]
    fn each_metric_is_defined_in_the_reference() {
        let reference = include_str!("../../docs/ref/metrics.md");
        for metric in FACE.iter().chain(VOICE) {
            let mut parts = metric.pointer.split('/').filter(|part| !part.is_empty());
            let is_defined = parts.any(|part| reference.contains(&format!("`{part}")));
            assert!(is_defined, "docs/ref/metrics.md has no {}", metric.name);
        }
    }

    #[test]
    fn no_two_metrics_have_one_name_column_or_pointer() {
        for catalog in [FACE, VOICE] {
            let distinct = |of: fn(&Metric) -> Option<&'static str>| {
                let all: Vec<_> = catalog.iter().filter_map(of).collect();
                assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
            };
            distinct(|metric| Some(metric.name));
            distinct(|metric| Some(metric.pointer));
            distinct(|metric| metric.stored.map(|stored| stored.column));
            distinct(|metric| metric.summary);
            distinct(|metric| metric.minute);
            distinct(|metric| metric.home_assistant.map(|(key, _)| key));
        }
    }
}
