//! Labels: lines of text that a person chose and other people read. [`judge`] has the rule, and
//! only a text that was judged becomes one of the types. What a label may do to a URL, to SQL, to
//! HTML or to a spreadsheet is the matter of the code that writes those (docs/ref/names.md).

use std::{borrow::Cow, error, fmt, ops::Deref, result, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A kind of label: its own type, its length, and what it is called in a refusal.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $most:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidLabel;

            fn try_from(text: String) -> result::Result<Self, InvalidLabel> {
                match judge(&text, $most) {
                    Ok(()) => Ok($name(text)),
                    Err(fault) => Err(InvalidLabel { what: $what, fault }),
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidLabel;

            fn from_str(text: &str) -> result::Result<Self, InvalidLabel> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(label: $name) -> String {
                label.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $most })
            }
        }
    };
}

label!(
    /// What a token is called: 1 to 64 characters.
    TokenName, 64, "the name of the token"
);
label!(
    /// The operator's own reference for a person: 1 to 128 characters.
    SubjectRef, 128, "subject_ref"
);
label!(
    /// Which text of the notice a person agreed to: 1 to 64 characters.
    NoticeVersion, 64, "notice_version"
);

/// A text that cannot be a label: which, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidLabel {
    /// What the text was to be.
    pub what: &'static str,
    /// What is wrong with it.
    pub fault: LabelFault,
}

/// Why a text cannot be a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LabelFault {
    /// Nothing, or nothing but white space.
    Blank,
    /// Longer than so many characters.
    TooLong {
        /// Characters that it may have.
        most: usize,
    },
    /// It holds this character, which cannot be seen, or changes how its neighbours are seen.
    Unseen(char),
}

/// Judges a text by the rule of a label.
///
/// # Errors
/// Why it cannot be one.
pub fn judge(text: &str, most: usize) -> result::Result<(), LabelFault> {
    if text.chars().all(char::is_whitespace) {
        return Err(LabelFault::Blank);
    }
    // Counts no further than `most`: an unauthenticated client may have sent a huge text.
    if text.chars().nth(most).is_some() {
        return Err(LabelFault::TooLong { most });
    }
    match text.chars().find(|c| is_unseen(*c)) {
        Some(unseen) => Err(LabelFault::Unseen(unseen)),
        None => Ok(()),
    }
}

/// Whether a character cannot be seen, or changes the order in which its neighbours are seen:
/// control characters, line separators, marks and overrides of direction, invisible signs and
/// tags, and Unicode's noncharacters, for which a broker of MQTT cuts the connection.
///
/// The joiners U+200C and U+200D are letters' own business in Persian, Hindi and emoji.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || is_noncharacter(c)
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text as a line that commands no terminal and hides nothing: what cannot be seen is written
/// as its number.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unseen(c) { line.extend(c.escape_unicode()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

impl fmt::Display for LabelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelFault::Blank => f.write_str("is blank; give it at least one letter"),
            LabelFault::TooLong { most } => {
                write!(f, "is longer than {most} characters; shorten it")
            }
            LabelFault::Unseen(c) => write!(
                f,
                "holds U+{:04X}, which cannot be seen or reorders what is seen; leave that out",
                u32::from(*c)
            ),
        }
    }
}

impl fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.fault)
    }
}

impl error::Error for InvalidLabel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_can_be_seen_whole() {
        let good = [
            "a",
            "北京 1",
            "Jürgen O'Neil <b>=1",
            "نمی\u{200c}خواهم",
            "👩\u{200d}🚀",
            "\u{fffd}",
        ];
        for good in good {
            assert_eq!(judge(good, 64), Ok(()), "{good:?}");
        }
        let unseen = [
            "\0",
            "a\nb",
            "\r",
            "\u{1b}[31m",
            "\u{7f}",
            "\u{85}",
            "\u{200b}",
            "\u{202e}gpj.exe",
            "\u{2066}",
            "\u{2028}",
            "\u{feff}a",
            "\u{ffff}",
            "\u{fdd0}",
            "\u{1fffe}",
            "\u{10ffff}",
            "\u{e0041}",
        ];
        for unseen in unseen {
            let text = format!("a{unseen}");
            assert!(matches!(judge(&text, 64), Err(LabelFault::Unseen(_))), "{text:?}");
        }
        assert_eq!(judge("", 64), Err(LabelFault::Blank));
        assert_eq!(judge(" \t", 64), Err(LabelFault::Blank));
        assert_eq!(judge(&"ü".repeat(64), 64), Ok(()));
        assert_eq!(judge(&"ü".repeat(65), 64), Err(LabelFault::TooLong { most: 64 }));
    }

    #[test]
    fn what_cannot_be_seen_is_shown_as_its_number() {
        assert_eq!(shown("北京 1"), "北京 1");
        assert_eq!(shown("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
    }

    #[test]
    fn only_what_was_judged_is_read_as_a_label() {
        let read = |text: &str| serde_json::from_value::<SubjectRef>(text.into());
        assert_eq!(read("candidate 7").unwrap().as_str(), "candidate 7");
        let error = read("a\u{202e}").unwrap_err().to_string();
        assert!(error.contains("subject_ref holds U+202E"), "{error}");
        assert!(read(&"x".repeat(129)).is_err() && read("").is_err());
    }
}
