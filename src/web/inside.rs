//! [`Inside`]: the booth's addresses without a socket, a limit of places or TLS: bytes of any
//! origin are served. For whoever talks to the booth in its own process, as the fuzzer does.

use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{House, Shared, WebState, clients::Clients, router};
use crate::{clock::Clock, error::Result, stop::Stop};

/// See the module.
pub struct Inside {
    router: Router,
    clients: Arc<Clients>,
}

impl Inside {
    /// Everything that [`serve`](super::serve) has behind its door.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be used.
    pub fn open(state: WebState, clock: Arc<dyn Clock>, stop: Stop) -> Result<Self> {
        let house = House::open(&state.config, &state.store, &clock, stop.clone())?;
        let shared = Shared::new(state, clock, stop, &house);
        let clients = shared.clients.clone();
        Ok(Inside { clients, router: house.guarded(router::router(shared)) })
    }

    /// Serves one connection until it ends; a WebSocket goes on in a task of its own.
    pub async fn serve(&self, bytes: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let service = TowerToHyperService::new(self.router.clone());
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
