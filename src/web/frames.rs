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

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::coop,
    time::{Instant, Sleep, sleep},
};

/// Bytes that a connection may send before it is authenticated; `auth` is much shorter.
pub(crate) const UNAUTHENTICATED_BYTES: usize = 16_384;

/// Longest frame that the codec sees. A multiple of 4, the length of a frame's mask.
const PIECE_BYTES: usize = 16_384;

/// Bytes of one message that any authenticated connection may have under way.
pub(crate) const FREE_BYTES: usize = 256 * 1024;

/// Longer messages that may be under way at a time, over all connections.
pub(crate) const LONG_MESSAGES: usize = 2;

/// How long a longer message may take, from its turn on.
const LONG_TIME: Duration = Duration::from_secs(20);

/// What one connection may send in the long run, bytes a second: thirty times what the page's
/// camera sends.
const BYTES_PER_S: f64 = 4e6;

/// What it may send at once after a pause.
const BURST_BYTES: f64 = 16e6;

/// What is read from the socket at once while headers are looked for.
const AHEAD_BYTES: usize = 4096;

/// Longest payload of a ping, pong or close.
const MAX_CONTROL_BYTES: u64 = 125;

const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

/// Why no more is read from a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Breach {
    /// More than [`UNAUTHENTICATED_BYTES`] came, or were declared, before a token.
    BeforeAuth,
    /// More than a message may have came, or was declared.
    TooLong,
    /// A long message did not end within [`LONG_TIME`].
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
    pub(super) fn behind(error: &io::Error) -> Option<Breach> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// See the module.
pub(super) struct FrameLimiter<S> {
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

/// What pieces of a frame have in common.
#[derive(Clone, Copy, Default)]
struct FrameKind {
    is_data: bool,
    is_last: bool,
    mask: Option<[u8; 4]>,
}

/// The right to a long message.
enum Turn {
    None,
    Waiting(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>),
    Mine { _permit: OwnedSemaphorePermit, until: Pin<Box<Sleep>> },
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
    pub(super) fn lift(&mut self) {
        if !self.is_authenticated {
            self.is_authenticated = true;
            self.taken = 0;
        }
    }

    /// Reads and forgets until the other end closes: closed with bytes unread, a connection is
    /// reset, and what it was sent last is lost.
    pub(super) async fn drain(&mut self) {
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
        if matches!(self.turn, Turn::None) {
            self.turn = Turn::Waiting(Box::pin(self.turns.clone().acquire_owned()));
        }
        if let Turn::Waiting(wait) = &mut self.turn {
            let permit = ready!(wait.as_mut().poll(context)).expect("it is never closed");
            self.turn = Turn::Mine { _permit: permit, until: Box::pin(sleep(self.long_time)) };
        }
        if let Turn::Mine { until, .. } = &mut self.turn
            && until.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(Breach::TooSlow));
        }
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

/// Bytes that were read and not handed on.
struct Ahead {
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
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    fn is_empty(&self) -> bool {
        self.from == self.to
    }

    fn take(&mut self, most: usize) -> &[u8] {
        let from = self.from;
        self.from = self.to.min(from + most);
        &self.buffer[from..self.from]
    }

    /// Reads some more behind what is there: less than a header.
    fn poll_fill<S: AsyncRead + Unpin>(
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

const MAX_HEADER_BYTES: usize = 14;

/// A header on its way to the codec.
#[derive(Default)]
struct Short {
    bytes: [u8; MAX_HEADER_BYTES],
    from: usize,
    to: usize,
}

impl Short {
    fn header(first: u8, length: usize, mask: Option<[u8; 4]>) -> Self {
        let masked = if mask.is_some() { MASKED } else { 0 };
        let length = u16::try_from(length).expect("a piece is short");
        let mut header = Short::default();
        match u8::try_from(length) {
            Ok(short @ ..126) => header.push(&[first, masked | short]),
            _ => {
                header.push(&[first, masked | 126]);
                header.push(&length.to_be_bytes());
            }
        }
        header.push(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.to..self.to + bytes.len()].copy_from_slice(bytes);
        self.to += bytes.len();
    }

    fn is_empty(&self) -> bool {
        self.from == self.to
    }

    fn take(&mut self, most: usize) -> &[u8] {
        let from = self.from;
        self.from = self.to.min(from + most);
        &self.bytes[from..self.from]
    }
}

/// The header of a frame as the client sent it.
#[derive(Debug, Eq, PartialEq)]
struct Header {
    /// FIN, reserved bits, opcode.
    first: u8,
    length: u64,
    mask: Option<[u8; 4]>,
    /// Of the header itself.
    bytes: usize,
}

impl Header {
    /// `None` while it is not whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match second & !MASKED {
            126 => {
                let (long, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*long)), rest)
            }
            127 => {
                let (long, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*long), rest)
            }
            short => (u64::from(short), rest),
        };
        let (mask, rest) = match second & MASKED {
            0 => (None, rest),
            _ => {
                let (mask, rest) = rest.split_first_chunk()?;
                (Some(*mask), rest)
            }
        };
        Some(Header { first, length, mask, bytes: bytes.len() - rest.len() })
    }

    fn kind(&self) -> FrameKind {
        FrameKind {
            is_data: self.first & OPCODE & CONTROL == 0,
            is_last: self.first & FIN != 0,
            mask: self.mask,
        }
    }
}

/// A bucket of bytes: who has taken more than it held waits until it is filled again.
struct Pace {
    left: f64,
    filled_at: Instant,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Pace { left: BURST_BYTES, filled_at: now, wait: None }
    }

    #[allow(clippy::cast_precision_loss, reason = "a buffer's length")]
    fn count(&mut self, bytes: usize) {
        self.left -= bytes as f64;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        if self.left > 0.0 {
            return Poll::Ready(());
        }
        let now = Instant::now();
        let passed_s = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.left = (self.left + passed_s * BYTES_PER_S).min(BURST_BYTES);
        if self.left > 0.0 {
            return Poll::Ready(());
        }
        let missing_s = (1.0 - self.left) / BYTES_PER_S;
        let mut wait = Box::pin(sleep(Duration::from_secs_f64(missing_s)));
        // Registers for the waking.
        let over = wait.as_mut().poll(context);
        self.wait = over.is_pending().then_some(wait);
        over
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{
            Bytes, Message,
            protocol::{Role, WebSocketConfig},
        },
    };

    use super::*;

    const MAX_MESSAGE: usize = 1_000_000;

    type Client = WebSocketStream<tokio::io::DuplexStream>;
    type Server = WebSocketStream<FrameLimiter<tokio::io::DuplexStream>>;

    async fn both_ends(turns: &Arc<Semaphore>) -> (Client, Server) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let limiter = FrameLimiter::new(far, MAX_MESSAGE, turns.clone());
        // The codec is never shown a longer frame.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_frame_size(Some(PIECE_BYTES))
            .max_message_size(Some(MAX_MESSAGE));
        let client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let server =
            WebSocketStream::from_raw_socket(limiter, Role::Server, Some(config)).await;
        (client, server)
    }

    fn breach(read: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Breach {
        match read {
            Some(Err(tokio_tungstenite::tungstenite::Error::Io(error))) => {
                Breach::behind(&error).expect("a breach")
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn messages_of_every_length_arrive_as_they_were_sent() {
        let (mut client, mut server) = both_ends(&Arc::new(Semaphore::new(1))).await;
        server.get_mut().lift();
        let lengths = [0, 1, 125, 126, 4095, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000];
        let payload = |length: usize| -> Bytes {
            (0..length).map(|k| u8::try_from(k % 251).unwrap()).collect::<Vec<_>>().into()
        };
        let sending = tokio::spawn(async move {
            for length in lengths {
                client.send(Message::Binary(payload(length))).await.unwrap();
                client.send(Message::Ping(payload(length.min(125)))).await.unwrap();
            }
            client
        });
        for length in lengths {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::Binary(payload(length)));
            let ping = Message::Ping(payload(length.min(125)));
            assert_eq!(server.next().await.unwrap().unwrap(), ping);
        }
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn before_authentication_a_declared_length_is_enough() {
        let turns = Arc::new(Semaphore::new(1));
        let (near, mut far) = tokio::io::duplex(1024);
        let mut limiter = FrameLimiter::new(near, MAX_MESSAGE, turns);
        use tokio::io::AsyncWriteExt;
        far.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 1, 2, 3, 4]).await.unwrap();
        let mut read = [0; 64];
        let error = limiter.read(&mut read).await.unwrap_err();
        assert_eq!(Breach::behind(&error), Some(Breach::BeforeAuth));
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_refused_at_its_header() {
        let (mut client, mut server) = both_ends(&Arc::new(Semaphore::new(1))).await;
        server.get_mut().lift();
        let long = Message::Binary(vec![0; MAX_MESSAGE + 2 * PIECE_BYTES].into());
        let sending = tokio::spawn(async move { client.send(long).await.ok() });
        assert_eq!(breach(server.next().await), Breach::TooLong);
        server.get_mut().drain().await;
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn long_messages_take_turns_and_one_that_stalls_loses_its_own() {
        let turns = Arc::new(Semaphore::new(1));
        let (mut slow, mut slow_server) = both_ends(&turns).await;
        let (mut other, mut other_server) = both_ends(&turns).await;
        slow_server.get_mut().lift();
        other_server.get_mut().lift();
        slow_server.get_mut().long_time = Duration::from_millis(50);
        // Half of a long message, and then nothing.
        let half = vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0, 0];
        let stalls = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            slow.get_mut().write_all(&half).await.unwrap();
            slow.get_mut().write_all(&vec![0; FREE_BYTES + 1000]).await.unwrap();
            std::future::pending::<()>().await;
        });
        let slow_end = tokio::spawn(async move { breach(slow_server.next().await) });
        while turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let long = Message::Binary(vec![7; 2 * FREE_BYTES].into());
        let sent = long.clone();
        tokio::spawn(async move { other.send(sent).await.unwrap() });
        assert_eq!(other_server.next().await.unwrap().unwrap(), long, "once the turn is free");
        assert_eq!(slow_end.await.unwrap(), Breach::TooSlow);
        stalls.abort();
    }
}
