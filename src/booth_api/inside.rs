//! [`Inside`]: the booth's HTTP interface without a listener, for callers in the same process, such
//! as the fuzzer.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{BoothApiState, Shared, clients::Clients, router};
use crate::{
    clock::Clock,
    error::Result,
    http::{HttpServer, InsideServer},
    stop::Stop,
};

/// See the module.
pub struct Inside {
    server: InsideServer,
    clients: Arc<Clients>,
}

impl Inside {
    /// The interface of [`serve`](super::serve), without its listener.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be used.
    pub fn open(state: BoothApiState, clock: Arc<dyn Clock>, stop: Stop) -> Result<Self> {
        let server = HttpServer::open(&state.config, &state.store, &clock, stop.clone())?;
        let shared = Shared::new(state, clock, stop, server.context());
        let clients = shared.clients.clone();
        Ok(Inside { server: InsideServer::new(&server, router::router(shared)), clients })
    }

    /// Serves one connection until it ends; a WebSocket goes on in a task of its own.
    pub async fn serve(&self, bytes: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        self.server.serve(bytes).await;
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
