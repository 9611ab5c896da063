//! [`Problem`]: one mistake in the configuration, with its place.

use std::{fmt, path::Path};

use crate::error::{Error, ErrorKind};

/// One mistake in the configuration, with place and remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The key; `None` for text that is not TOML.
    pub key: Option<String>,
    /// Place of the mistake.
    pub place: Place,
    /// The mistake and the expected value.
    pub message: String,
}

/// Place of a value.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// In the file; both count from 1, columns in characters.
    File {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// On the command line.
    Override,
    /// None: a default that contradicts a given key.
    Default,
}

impl Place {
    /// The place of the byte at `offset` of `text`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Place::File { line, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { line, column } => write!(f, "line {line}, column {column}"),
            Place::Override => f.write_str("--set"),
            Place::Default => f.write_str("by default"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key} ")?;
        }
        f.write_str(&self.message)
    }
}

/// One `Config` error that lists every problem, one a line.
pub(super) fn to_error(problems: &[Problem], file: Option<&Path>) -> Error {
    let place = file.map_or("the command line".into(), |path| path.display().to_string());
    let count = match problems.len() {
        1 => "1 mistake".into(),
        n => format!("{n} mistakes"),
    };
    let list: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    Error::new(ErrorKind::Config, format!("{count} in the configuration ({place}):{list}"))
}
