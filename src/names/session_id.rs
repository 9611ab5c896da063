//! [`SessionId`]: the name of one interview, safe wherever a name is used.

use std::{borrow::Borrow, error, fmt, ops::Deref, result, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Bytes of the longest id.
const MOST_BYTES: usize = 64;

/// The pattern in the schemas; [`SessionId::from_str`] is what validates an id.
const PATTERN: &str = "^[A-Za-z0-9._-]{1,64}$";

/// The stream of the booth's own devices is called so on the wire, and no session is.
const RESERVED: &str = "booth";

/// The id of a session: 1 to 64 letters, digits, `.`, `_` and `-`; neither `.` nor `..`, which
/// no URL can carry, nor `booth`, which means the booth's own stream.
///
/// Only a text that was checked becomes one, so that it can be a level of a topic, a segment of
/// a path, a field of a file and a word in a log as it is. Ids of older databases may be other
/// texts: they stay texts, and never become a stream again. Clones share the text.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(Arc<str>);

/// A text that cannot be the id of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidSessionId;

impl SessionId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a session id has 1 to {MOST_BYTES} letters (a-z, A-Z), digits, `.`, `_` and `-`, \
             and is neither `.`, `..` nor `{RESERVED}`"
        )
    }
}

impl error::Error for InvalidSessionId {}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> result::Result<Self, InvalidSessionId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_good = (1..=MOST_BYTES).contains(&text.len())
            && text.bytes().all(is_plain)
            && !matches!(text, "." | "..")
            && !text.eq_ignore_ascii_case(RESERVED);
        if is_good { Ok(SessionId(text.into())) } else { Err(InvalidSessionId) }
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> result::Result<Self, InvalidSessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for SessionId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for SessionId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SessionId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_an_id() {
        for good in ["a", "interview_abc", "0f9e", "A.b-c_9", "...", "booth-1", &"x".repeat(64)]
        {
            let id: SessionId = good.parse().expect(good);
            assert_eq!(id.as_str(), good);
        }
        let bad = [
            "",
            ".",
            "..",
            "booth",
            "Booth",
            "a/b",
            "a b",
            "käse",
            "a\u{ffff}",
            "\u{202e}x",
            "a%2e",
            "+",
            "#",
            "=1",
            "\0",
            "a\n",
            &"x".repeat(65),
        ];
        for bad in bad {
            assert_eq!(bad.parse::<SessionId>(), Err(InvalidSessionId), "{bad:?}");
            assert!(serde_json::from_value::<SessionId>(bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_its_text_in_json() {
        let id: SessionId = serde_json::from_str("\"interview_abc\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"interview_abc\"");
    }
}
