//! [`InsideServer`]: a server without a socket, slots or TLS, for bytes of any origin. For callers
//! in the same process, such as the fuzzer.

use std::net::Ipv4Addr;

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{context::HttpContext, serve, server::HttpServer};

/// See the module.
pub(crate) struct InsideServer {
    router: Router,
    context: HttpContext,
}

impl InsideServer {
    /// The server of `router`, without its listener.
    pub(crate) fn new(server: &HttpServer, router: Router) -> Self {
        InsideServer { router: server.guarded(router), context: server.context().clone() }
    }

    /// Serves one connection until it ends; a WebSocket goes on in a task of its own.
    pub(crate) async fn serve(
        &self,
        bytes: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let peer = self.context.accept((Ipv4Addr::LOCALHOST, 0).into());
        let router = self.router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            serve::answer(router.clone(), request)
        });
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(bytes), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            serve::not_served(&error);
        }
    }
}
