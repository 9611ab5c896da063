//! From an accepted socket to the router: slots, time limits, TLS.
//!
//! Knows no address and no message. Everything that an unauthenticated client can hold open has a time
//! limit.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::either::Either;
use tower::ServiceExt;

use super::{
    config::HttpConfig, context::HttpContext, peer::Peer, proxy, rejections::Reason,
    socket::Socket, tls::Tls,
};
use crate::stop::Stop;

/// Longest request line with headers, and buffered part of a body, bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Pause of accepting after the system has refused a socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Clients that get the answer "full" at the same time; further ones are closed without it.
const ANSWERS_FULL: usize = 16;

/// How long a refused client may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// The answer to a client without a slot. The request is not read, so it is the same for /health:
/// "full" does not mean "unhealthy".
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Type: application/json\r\nContent-Length: 46\r\nConnection: close\r\n\r\n\
    {\"error\":\"too many connections\",\"code\":\"full\"}";

/// Accepts and serves connections. Clones share their state.
#[derive(Clone)]
pub(super) struct Acceptor {
    router: Router,
    config: Arc<HttpConfig>,
    tls: Option<Arc<Tls>>,
    context: HttpContext,
    answers_full: Arc<Semaphore>,
    stop: Stop,
}

impl Acceptor {
    /// An acceptor for `router`.
    pub(super) fn new(
        router: Router,
        config: HttpConfig,
        tls: Option<Arc<Tls>>,
        context: HttpContext,
        stop: Stop,
    ) -> Self {
        Acceptor {
            router,
            config: Arc::new(config),
            tls,
            context,
            answers_full: Arc::new(Semaphore::new(ANSWERS_FULL)),
            stop,
        }
    }

    /// Accepts until `stop` is requested.
    pub(super) async fn accept_all(&self, listener: TcpListener) {
        let mut is_refused = false;
        loop {
            let accepted = tokio::select! {
                () = self.stop.requested() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    is_refused = false;
                    self.receive(stream, address);
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    if !is_refused {
                        log::warn!(target: "web", error = error.to_string().as_str();
                            "no new connection can be accepted; is the limit of open files reached?");
                    }
                    is_refused = true;
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until every connection has released its slot.
    pub(super) async fn wait_empty(&self) {
        self.context.slots.wait_empty().await;
    }

    fn receive(&self, stream: TcpStream, address: SocketAddr) {
        // A report is small and wanted now: it must not wait for the answer to the one before.
        if let Err(cause) = stream.set_nodelay(true) {
            log::debug!(target: "web", cause = cause.to_string().as_str(); "reports may lag");
        }
        let Some(open) = self.context.slots.socket() else {
            self.context.counters.reject(Reason::Full, address.ip());
            return self.refuse(stream);
        };
        let peer = self.context.accept(address);
        let served = self.clone().serve(stream, peer.clone(), open);
        tokio::spawn(async move {
            tokio::select! {
                () = served => (),
                () = peer.displaced() => not_served(&"a newer connection has its place"),
            }
        });
    }

    /// Answers without parsing and without waiting, so that a flood costs little.
    fn refuse(&self, stream: TcpStream) {
        let Ok(turn) = self.answers_full.clone().try_acquire_owned() else { return };
        if self.tls.is_some() || stream.try_write(FULL).is_err() {
            return;
        }
        tokio::spawn(async move {
            // Closed with its request unread, the client would see a reset in place of the answer.
            let read_out = async {
                let mut unread = [0; 4096];
                while stream.readable().await.is_ok() {
                    match stream.try_read(&mut unread) {
                        Ok(0) => break,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => break,
                    }
                }
            };
            timeout(REFUSAL_TIME, read_out).await.ok();
            drop(turn);
        });
    }

    /// Serves one connection until its end, or as an upgrade takes it over.
    async fn serve(self, stream: TcpStream, peer: Peer, open: OwnedSemaphorePermit) {
        let bytes = match &self.tls {
            None => Either::Left(stream),
            Some(tls) => {
                match timeout(self.config.header_timeout, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => Either::Right(stream),
                    Ok(Err(error)) => return not_served(&error),
                    Err(_) => return not_served(&"no TLS handshake in time"),
                }
            }
        };
        let socket = Socket::new(bytes, self.config.request_timeout, peer.clone(), open);
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(proxy::PeerAddress(peer.address()));
            request.extensions_mut().insert(peer.clone());
            answer(router.clone(), request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.header_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = &mut connection => served,
            () = self.stop.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            not_served(&error);
        }
    }
}

/// Serves one request of a connection by the router.
pub(super) async fn answer(
    router: Router,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}

/// Notes why a connection ended early.
pub(super) fn not_served(why: &dyn std::fmt::Display) {
    log::debug!(target: "web", why = why.to_string().as_str(); "connection ended early");
}

/// Whether the client was gone before it was accepted, which is no fault of the server.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
