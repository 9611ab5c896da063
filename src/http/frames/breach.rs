//! [`Breach`]: why no more is read from a connection.

use std::{fmt, io};

/// Why no more is read from a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Breach {
    /// More than [`super::UNAUTHENTICATED_BYTES`] came, or were declared, before a token.
    BeforeAuth,
    /// More than a message may have came, or was declared.
    TooLong,
    /// A long message did not end within [`super::turn::LONG_TIME`].
    TooSlow,
    /// A control frame that is too long for one.
    Protocol,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Breach::BeforeAuth => "the message is too long before auth",
            Breach::TooLong => "the message is too long",
            Breach::TooSlow => "the long message took too long",
            Breach::Protocol => "not what a WebSocket sends",
        })
    }
}

impl std::error::Error for Breach {}

impl Breach {
    /// The breach behind an error of reading, if it is one.
    pub(crate) fn behind(error: &io::Error) -> Option<Breach> {
        error.get_ref()?.downcast_ref().copied()
    }
}
