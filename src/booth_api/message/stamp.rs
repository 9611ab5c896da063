//! [`Stamp`]: a client's own `timestamp`, which comes back with the report on its media.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::refusal::Refusal;

/// Bytes of JSON text that a `timestamp` may have: a number, a date, a short id.
pub const MAX_STAMP_BYTES: usize = 256;

/// Any JSON value of at most [`MAX_STAMP_BYTES`], kept as the text that the client sent: a tree
/// of values would take up to a hundred times its text.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Stamp(Box<RawValue>);

impl Stamp {
    /// As JSON text.
    pub fn json(&self) -> &str {
        self.0.get()
    }

    fn of(number: String) -> Self {
        Stamp(RawValue::from_string(number).expect("a whole number is JSON"))
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl From<i64> for Stamp {
    fn from(unix_ms: i64) -> Self {
        Stamp::of(unix_ms.to_string())
    }
}

impl From<u64> for Stamp {
    fn from(number: u64) -> Self {
        Stamp::of(number.to_string())
    }
}

/// A `timestamp` of any length where it stands in the message: nothing of it was copied yet.
#[derive(Clone, Copy, Debug)]
pub struct RawStamp<'a>(&'a RawValue);

impl PartialEq for RawStamp<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawStamp<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(RawStamp)
    }
}

impl RawStamp<'_> {
    /// Judges the length.
    ///
    /// # Errors
    /// `timestamp_too_long`.
    pub fn judge(self) -> Result<Stamp, Refusal> {
        let bytes = self.0.get().len();
        if bytes > MAX_STAMP_BYTES {
            let sentence = format!(
                "`timestamp` has {bytes} bytes of JSON, and {MAX_STAMP_BYTES} are allowed; \
                 send a number or a short id"
            );
            return Err(Refusal::new("timestamp_too_long", sentence));
        }
        Ok(Stamp(self.0.to_owned()))
    }
}
