//! The one error type, sorted by what the reader of the error can do about it.

use std::{error, fmt};

/// Shorthand used throughout the crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error with its kind, a sentence for the operator, and its cause.
///
/// The message states what went wrong, with which object, and what to do. It never repeats its
/// source, which [`Error::chain`] prints below it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// What can be done about an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// A person must edit the configuration or repair the installation; restarting will not
    /// help. Exit code 78.
    Config,
    /// A device, broker or disk is away; the component retries with back-off.
    Unavailable,
    /// The caller sent something wrong. HTTP 400.
    InvalidInput,
    /// The caller may not do this. HTTP 401.
    Unauthorized,
    /// A limit was reached; later may work. HTTP 503.
    Exhausted,
    /// A bug in boothd.
    Internal,
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(
        mut self,
        source: impl Into<Box<dyn error::Error + Send + Sync + 'static>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Displays this error and every cause below it, one line each.
    pub fn chain(&self) -> impl fmt::Display + '_ {
        Chain(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = error::Error::source(self.0);
        while let Some(cause) = next {
            write!(f, "\ncaused by: {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_lists_causes_outermost_first() {
        let cause = std::io::Error::other("ENODEV");
        let err =
            Error::new(ErrorKind::Unavailable, "camera /dev/video0 is gone").because(cause);
        assert_eq!(err.chain().to_string(), "camera /dev/video0 is gone\ncaused by: ENODEV");
    }
}
