//! [`Refusal`]: why a message was refused.

use std::fmt;

/// Why a message was refused: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// One of docs/ref/api.md's codes.
    pub code: &'static str,
    /// What is wrong, with which field, and what to do.
    pub sentence: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Refusal { code, sentence: sentence.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.sentence)
    }
}
