//! [`HttpConfig`]: the `[web]` table of the configuration, less address and token.

use std::time::Duration;

use super::tls::TlsFiles;

/// Limits and addresses of the HTTP server.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// WebSocket connections at a time.
    pub max_connections: usize,
    /// A connection without a message from the client for so long, not even a pong, is closed.
    pub idle_timeout: Duration,
    /// How often clients are pinged.
    pub heartbeat: Duration,
    /// How long a WebSocket may stay without a token.
    pub auth_timeout: Duration,
    /// How long one message to a client may take.
    pub send_timeout: Duration,
    /// A longer message closes its connection.
    pub max_message_bytes: usize,
    /// Messages a second from one client; twice that in a burst.
    pub rate_limit_per_s: f64,
    /// Connections with a token that may be open besides the WebSockets: pages, programs.
    pub spare_connections: usize,
    /// Connections without a token; a further one displaces the oldest. Half as many may be
    /// WebSockets that were not authenticated yet.
    pub unauthenticated_connections: usize,
    /// How long a request's head may take, and before it the TLS handshake.
    pub header_timeout: Duration,
    /// How long the answer to a request may take, and how long a client may read nothing of it.
    pub request_timeout: Duration,
    /// A longer body of a request gets HTTP 413.
    pub max_body_bytes: usize,
    /// The certificate; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Names of the booth beside the machine's own.
    pub hosts: Vec<String>,
    /// Origins beside the booth's own whose pages may connect.
    pub origins: Vec<String>,
    /// Reverse proxies whose `Forwarded` and `X-Forwarded-*` are trusted: addresses, networks.
    pub proxies: Vec<String>,
    /// GET /metrics needs no token.
    pub metrics_public: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            max_connections: 50,
            idle_timeout: Duration::from_secs(300),
            heartbeat: Duration::from_secs(30),
            auth_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(5),
            max_message_bytes: 10_100_000,
            rate_limit_per_s: 20.0,
            spare_connections: 64,
            unauthenticated_connections: 128,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_body_bytes: 64 * 1024,
            tls: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            metrics_public: false,
        }
    }
}

/// The limits of one WebSocket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionLimits {
    /// A connection without a message for so long is closed.
    pub idle_timeout: Duration,
    /// How often it is pinged.
    pub heartbeat: Duration,
    /// A longer message closes its connection, bytes.
    pub max_message_bytes: usize,
    /// Messages a second.
    pub rate_limit_per_s: f64,
}

impl HttpConfig {
    /// The settings that may change.
    pub fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            idle_timeout: self.idle_timeout,
            heartbeat: self.heartbeat,
            max_message_bytes: self.max_message_bytes,
            rate_limit_per_s: self.rate_limit_per_s,
        }
    }
}
