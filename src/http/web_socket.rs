//! [`WebSocket`]: the codec over the stream of a connection, with its limits.

use std::sync::Arc;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

use super::frames::FrameLimiter;

/// A WebSocket whose frames are limited.
pub(crate) type WebSocket = WebSocketStream<FrameLimiter<TokioIo<Upgraded>>>;

/// Why a WebSocket is closed, as RFC 6455 numbers it.
pub(crate) mod close_code {
    /// The server or the client goes away.
    pub(crate) const AWAY: u16 = 1001;
    /// What came is no WebSocket frame.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// Text that is not UTF-8.
    pub(crate) const INVALID: u16 = 1007;
    /// The client broke a rule that has no code of its own.
    pub(crate) const POLICY: u16 = 1008;
    /// A message that is too long.
    pub(crate) const SIZE: u16 = 1009;
    /// There is no place now; the client may try again.
    pub(crate) const AGAIN: u16 = 1013;
}

/// The codec's read buffer; it takes frames in pieces that are longer.
const READ_BUFFER_BYTES: usize = 4096;

/// What may wait to be sent on one connection: a message is sent whole before the next one, and
/// none is nearly so long.
const MAX_UNSENT_BYTES: usize = 1 << 20;

/// Puts the codec over an upgraded connection; long messages share `turns`.
pub(super) async fn open(
    stream: TokioIo<Upgraded>,
    max_message_bytes: usize,
    turns: Arc<Semaphore>,
) -> WebSocket {
    let stream = FrameLimiter::new(stream, max_message_bytes, turns);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_UNSENT_BYTES)
        .max_message_size(Some(max_message_bytes));
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
}
