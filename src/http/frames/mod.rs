//! [`FrameLimiter`]: the bytes of a WebSocket on their way from the socket to the codec, judged
//! as they arrive.
//!
//! The codec reserves what a frame's header declares, and keeps a buffer of that size afterwards:
//! left to itself, a header of 10 bytes costs 10 MB. So the limiter reads the headers first. It
//! refuses what is declared too long before a byte of it is taken, and hands long frames on in
//! pieces of [`PIECE_BYTES`] (as fragments, which RFC 6455 lets any intermediary make), so that
//! the codec grows with what has really come.
//!
//! A message of up to [`FREE_BYTES`] needs no turn. A longer one waits for one of
//! [`LONG_MESSAGES`] turns, which all connections share, and must end within [`LONG_TIME`].

mod breach;
mod header;
mod ahead;
mod pace;
mod turn;
#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::Semaphore,
    task::coop,
    time::Instant,
};

use ahead::{AHEAD_BYTES, Ahead};
pub(crate) use breach::Breach;
use header::{FIN, FrameKind, Header, Short};
use pace::Pace;
use turn::{LONG_TIME, Turn};

/// Bytes that a connection may send before it is authenticated; `auth` is much shorter.
pub(crate) const UNAUTHENTICATED_BYTES: usize = 16_384;

/// Longest frame that the codec sees. A multiple of 4, the length of a frame's mask.
const PIECE_BYTES: usize = 16_384;

/// Bytes of one message that any authenticated connection may have under way.
pub(crate) const FREE_BYTES: usize = 256 * 1024;

/// Longer messages that may be under way at a time, over all connections.
pub(crate) const LONG_MESSAGES: usize = 2;

/// Longest payload of a ping, pong or close.
const MAX_CONTROL_BYTES: u64 = 125;

/// See the module.
pub(crate) struct FrameLimiter<S> {
    inner: S,
    /// Longest message of an authenticated connection, bytes.
    max_message: usize,
    is_authenticated: bool,
    ahead: Ahead,
    /// A header that the codec has not taken yet.
    header: Short,
    /// Of the piece that the codec is reading.
    piece_left: usize,
    /// Of the frame, behind that piece.
    frame_left: usize,
    frame: FrameKind,
    /// Of the message under way; before authentication of everything.
    taken: usize,
    /// A message has been handed on whole.
    is_whole: bool,
    turn: Turn,
    turns: Arc<Semaphore>,
    long_time: Duration,
    pace: Pace,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameLimiter<S> {
    /// Judges what comes from `inner`; long messages share `turns`.
    pub(super) fn new(inner: S, max_message: usize, turns: Arc<Semaphore>) -> Self {
        FrameLimiter {
            inner,
            max_message,
            is_authenticated: false,
            ahead: Ahead::default(),
            header: Short::default(),
            piece_left: 0,
            frame_left: 0,
            frame: FrameKind::default(),
            taken: 0,
            is_whole: true,
            turn: Turn::None,
            turns,
            long_time: LONG_TIME,
            pace: Pace::new(Instant::now()),
        }
    }

    /// From now on messages may be as long as those of authenticated connections.
    pub(crate) fn lift(&mut self) {
        if !self.is_authenticated {
            self.is_authenticated = true;
            self.taken = 0;
        }
    }

    /// Reads and forgets until the other end closes: closed with bytes unread, a connection is
    /// reset, and what it was sent last is lost.
    pub(crate) async fn drain(&mut self) {
        let mut unread = [0; AHEAD_BYTES];
        while self.inner.read(&mut unread).await.is_ok_and(|read| read > 0) {}
    }

    fn start_frame(&mut self, header: &Header) -> Result<(), Breach> {
        let kind = header.kind();
        if !kind.is_data && header.length > MAX_CONTROL_BYTES {
            return Err(Breach::Protocol);
        }
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if !self.is_authenticated {
            self.taken += header.bytes;
            if self.taken.saturating_add(length) > UNAUTHENTICATED_BYTES {
                return Err(Breach::BeforeAuth);
            }
        } else if kind.is_data {
            // The codec counts exactly; headers of many fragments count here as well.
            if self.taken.saturating_add(length) > self.max_message + PIECE_BYTES {
                return Err(Breach::TooLong);
            }
            self.taken += header.bytes;
        }
        self.frame = kind;
        self.piece_left = length.min(PIECE_BYTES);
        self.frame_left = length - self.piece_left;
        let is_end = kind.is_last && self.frame_left == 0;
        let first = if is_end { header.first } else { header.first & !FIN };
        self.header = Short::header(first, self.piece_left, kind.mask);
        self.end_piece();
        Ok(())
    }

    fn next_piece(&mut self) {
        self.piece_left = self.frame_left.min(PIECE_BYTES);
        self.frame_left -= self.piece_left;
        let is_end = self.frame.is_last && self.frame_left == 0;
        let first = if is_end { FIN } else { 0 };
        self.header = Short::header(first, self.piece_left, self.frame.mask);
    }

    /// Notes that a message is whole with the last byte of its last piece.
    fn end_piece(&mut self) {
        let is_end = self.piece_left == 0 && self.frame_left == 0;
        self.is_whole |= is_end && self.frame.is_data && self.frame.is_last;
    }

    /// The message before was handed on and is done with.
    fn forget_whole(&mut self) {
        if std::mem::take(&mut self.is_whole) {
            self.turn = Turn::None;
            if self.is_authenticated {
                self.taken = 0;
            }
        }
    }

    /// How many bytes of payload may be taken now.
    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Breach>> {
        if !self.is_authenticated || !self.frame.is_data {
            return Poll::Ready(Ok(self.piece_left));
        }
        ready!(self.pace.poll(context));
        let free = FREE_BYTES.saturating_sub(self.taken);
        if free > 0 {
            return Poll::Ready(Ok(self.piece_left.min(free)));
        }
        ready!(self.turn.poll(&self.turns, self.long_time, context))?;
        Poll::Ready(Ok(self.piece_left))
    }

    fn poll_payload(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = ready!(self.poll_leave(context)).map_err(io::Error::other)?;
        let most = most.min(buffer.remaining());
        if self.ahead.is_empty() && most < AHEAD_BYTES {
            ready!(self.ahead.poll_fill(&mut self.inner, context))?;
        }
        let read = if self.ahead.is_empty() {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
            ready!(Pin::new(&mut self.inner).poll_read(context, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
            read
        } else {
            let part = self.ahead.take(most);
            buffer.put_slice(part);
            part.len()
        };
        self.piece_left -= read;
        if self.frame.is_data || !self.is_authenticated {
            self.taken += read;
        }
        self.pace.count(read);
        self.end_piece();
        Poll::Ready(Ok(read))
    }

    fn poll_header(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Header>>> {
        loop {
            if let Some(header) = Header::parse(self.ahead.bytes()) {
                self.ahead.take(header.bytes);
                return Poll::Ready(Ok(Some(header)));
            }
            if ready!(self.ahead.poll_fill(&mut self.inner, context))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// Hands on one header or a part of one piece; nothing at the end of the stream.
    fn poll_some(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.header.is_empty() && self.piece_left == 0 {
            if self.frame_left > 0 {
                self.next_piece();
            } else {
                self.forget_whole();
                let Some(header) = ready!(self.poll_header(context))? else {
                    return Poll::Ready(Ok(()));
                };
                self.start_frame(&header).map_err(io::Error::other)?;
            }
        }
        if !self.header.is_empty() {
            let part = self.header.take(buffer.remaining());
            buffer.put_slice(part);
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_payload(context, buffer))?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrameLimiter<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A codec that finds only empty fragments goes on for as long as it is given any.
        let turn = ready!(coop::poll_proceed(context));
        let done = self.get_mut().poll_some(context, buffer);
        if done.is_ready() {
            turn.made_progress();
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameLimiter<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
