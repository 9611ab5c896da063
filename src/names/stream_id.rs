//! [`StreamId`]: names one source of pictures and sound, the booth's devices or a client.

use std::{fmt, result, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{InvalidSessionId, SessionId};

/// The text of [`StreamId::Booth`].
const BOOTH: &str = "booth";

/// A stream. Serialised as `booth` or as the id of a session, which is never `booth`; compared by
/// variant and not by text.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum StreamId {
    /// The booth's own camera and microphone.
    Booth,
    /// What a client sends for its session.
    Session(SessionId),
}

impl StreamId {
    /// The session of a client's stream.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            StreamId::Booth => None,
            StreamId::Session(id) => Some(id),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            StreamId::Booth => BOOTH,
            StreamId::Session(id) => id,
        }
    }
}

impl FromStr for StreamId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> result::Result<Self, InvalidSessionId> {
        if text == BOOTH { Ok(StreamId::Booth) } else { text.parse().map(StreamId::Session) }
    }
}

impl TryFrom<String> for StreamId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> result::Result<Self, InvalidSessionId> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> String {
        stream.as_str().to_owned()
    }
}

impl From<SessionId> for StreamId {
    fn from(id: SessionId) -> Self {
        StreamId::Session(id)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl JsonSchema for StreamId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StreamId".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // A session's pattern takes `booth` too.
        let mut schema = json_schema!({ "description": "`booth` or the id of a session." });
        let session = SessionId::json_schema(generator);
        if let Some(fields) = session.as_object() {
            fields.iter().for_each(|(key, value)| {
                schema.insert(key.clone(), value.clone());
            });
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_booth_is_no_session() {
        assert_eq!("booth".parse(), Ok(StreamId::Booth));
        assert_eq!("one".parse::<StreamId>().unwrap().session().unwrap().as_str(), "one");
        assert_eq!("BOOTH".parse::<StreamId>(), Err(InvalidSessionId));
        assert_eq!("..".parse::<StreamId>(), Err(InvalidSessionId));
        for stream in ["booth", "one"] {
            let read: StreamId = serde_json::from_value(stream.into()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), stream);
        }
    }
}
