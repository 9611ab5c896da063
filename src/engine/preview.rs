//! [`Preview`]: the booth's picture with the landmarks drawn, for placing the camera.

use std::sync::Arc;

use tokio::sync::watch;

/// The newest preview picture, for those who may see it. Clones share it.
#[derive(Clone, Debug)]
pub struct Preview {
    pictures: Arc<watch::Sender<Option<Arc<[u8]>>>>,
}

impl Default for Preview {
    fn default() -> Self {
        Preview { pictures: Arc::new(watch::channel(None).0) }
    }
}

impl Preview {
    /// Each picture as a JPEG from now on.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<[u8]>>> {
        self.pictures.subscribe()
    }

    /// How many look.
    pub fn viewers(&self) -> usize {
        self.pictures.receiver_count()
    }
}
