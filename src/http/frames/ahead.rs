//! [`Ahead`]: bytes that were read from the socket while a header was looked for.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// What is read from the socket at once while headers are looked for.
pub(super) const AHEAD_BYTES: usize = 4096;

/// Bytes that were read and not handed on.
pub(super) struct Ahead {
    buffer: Box<[u8; AHEAD_BYTES]>,
    from: usize,
    to: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Ahead { buffer: Box::new([0; AHEAD_BYTES]), from: 0, to: 0 }
    }
}

impl Ahead {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(super) fn take(&mut self, most: usize) -> &[u8] {
        let from = self.from;
        self.from = self.to.min(from + most);
        &self.buffer[from..self.from]
    }

    /// Reads some more behind what is there: less than a header.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        inner: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        let mut part = ReadBuf::new(&mut self.buffer[self.to..]);
        ready!(Pin::new(inner).poll_read(context, &mut part))?;
        let read = part.filled().len();
        self.to += read;
        Poll::Ready(Ok(read))
    }
}
