//! [`Timestamp`]: a time as clients may write it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// A moment: ms since 1970, or RFC 3339 text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timestamp {
    /// Wall time, ms since 1970.
    pub unix_ms: i64,
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unix_ms = match &Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => {
                text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
            }
            _ => None,
        };
        let wanted = "a moment is whole ms since 1970 or RFC 3339 text";
        unix_ms.map(|unix_ms| Timestamp { unix_ms }).ok_or_else(|| D::Error::custom(wanted))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "ms since 1970, or RFC 3339 text",
            "anyOf": [{ "type": "integer" }, { "type": "string", "format": "date-time" }],
        })
    }
}
