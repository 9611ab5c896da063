//! The HTTP server that the booth and the fleet server share: listener, TLS, connections and their
//! slots, authentication, proxies, limits, WebSocket frames, and what every interface is built of.
//!
//! Must not know a route, a booth or a fleet: its callers bring the router.

mod flow;
mod limit;
mod frames;
mod handshake;
pub(crate) mod page;
mod process;
mod network;
mod proxy;
mod host;
mod refused;
mod tls;
mod config;
mod extract;
mod snapshot;
mod slots;
mod rejections;
mod counters;
mod peer;
mod socket;
mod wrong_tokens;
mod access;
mod context;
mod serve;
mod health;
mod metrics;
mod openapi;
mod server;
mod web_socket;
mod upgrade;
mod inside;
#[cfg(test)]
pub(crate) mod page_wire;

pub(crate) use access::{Caller, bearer, reason};
pub use config::{ConnectionLimits, HttpConfig};
pub(crate) use context::HttpContext;
pub(crate) use extract::{Body, Parameters};
pub(crate) use flow::flow;
pub(crate) use frames::{Breach, FREE_BYTES, LONG_MESSAGES, UNAUTHENTICATED_BYTES};
pub(crate) use health::{
    CertificateHealth, FindingHealth, answer_of, certificates as certificates_health, live,
};
pub use host::{is_host, is_origin};
pub(crate) use inside::InsideServer;
pub(crate) use limit::RateLimit;
pub(crate) use metrics::{count, note_certificates, note_process, note_refusals, number};
pub use network::is_network;
pub(crate) use openapi::{Endpoint, document, json_text, router as endpoints_router};
pub(crate) use peer::Peer;
pub(crate) use proxy::Asked;
pub(crate) use refused::Refused;
pub(crate) use rejections::Reason;
pub(crate) use server::{DRAIN_TIMEOUT, HttpServer};
pub use slots::SocketLimits;
pub(crate) use snapshot::{Buckets, Labels, MetricsSnapshot};
pub use tls::TlsFiles;
pub(crate) use upgrade::{Entry, FOREIGN_ORIGIN, upgrade};
pub(crate) use web_socket::{WebSocket, close_code};
