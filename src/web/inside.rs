//! [`Inside`]: the booth's HTTP interface without a socket, slots or TLS, for bytes of any origin.
//! For callers in the same process, such as the fuzzer.

use std::{net::Ipv4Addr, sync::Arc};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    HttpServer, Shared, WebState, clients::Clients, counters::Counters, peer::Peer, router,
    serve, slots::Slots,
};
use crate::{clock::Clock, error::Result, stop::Stop};

/// See the module.
pub struct Inside {
    router: Router,
    clients: Arc<Clients>,
    slots: Arc<Slots>,
    counters: Arc<Counters>,
}

impl Inside {
    /// The interface of [`serve`](super::serve), without its listener.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be used.
    pub fn open(state: WebState, clock: Arc<dyn Clock>, stop: Stop) -> Result<Self> {
        let http_server = HttpServer::open(&state.config, &state.store, &clock, stop.clone())?;
        let shared = Shared::new(state, clock, stop, &http_server);
        let clients = shared.clients.clone();
        let (slots, counters) = (http_server.slots(), http_server.counters());
        Ok(Inside {
            clients,
            router: http_server.guarded(router::router(shared)),
            slots,
            counters,
        })
    }

    /// Serves one connection until it ends; a WebSocket goes on in a task of its own.
    pub async fn serve(&self, bytes: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let rejections = self.counters.rejections().clone();
        let peer =
            Peer::accept((Ipv4Addr::LOCALHOST, 0).into(), self.slots.clone(), rejections);
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
            log::debug!(target: "web", why = error.to_string().as_str(); "connection ended early");
        }
    }

    /// Ends every client's stream, so that each summary is written.
    pub async fn leave(&self) {
        self.clients.end_all().await;
    }
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}
