//! The thread `fleet-reader`: answers questions while the writer writes.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::SCHEMA;
use crate::{
    error::{Error, ErrorKind, Result},
    store,
};

/// Questions that may wait; the next one is refused.
const QUESTIONS: usize = 64;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the thread, which leaves with the last handle.
#[derive(Clone)]
pub(super) struct Reader {
    questions: SyncSender<Question>,
}

impl Reader {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let connection = store::connect(path, &SCHEMA)?;
        connection.pragma_update(None, "query_only", true)?;
        let (questions, asked) = sync_channel(QUESTIONS);
        thread::Builder::new()
            .name("fleet-reader".into())
            .spawn(move || answer(&connection, &asked))
            .map_err(|cause| {
                let what = "no thread for the archive's reader; raise the limit of threads";
                Error::new(ErrorKind::Exhausted, what).because(cause)
            })?;
        Ok(Reader { questions })
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        // Whoever asked may have gone away.
        let question = move |connection: &Connection| drop(answer.send(question(connection)));
        self.questions.try_send(Box::new(question)).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                let what = "the archive cannot keep up; try again in a moment";
                Error::new(ErrorKind::Exhausted, what)
            }
            TrySendError::Disconnected(_) => super::has_left(),
        })?;
        answered.await.unwrap_or_else(|_| Err(super::has_left()))
    }
}

fn answer(connection: &Connection, asked: &Receiver<Question>) {
    while let Ok(question) = asked.recv() {
        question(connection);
    }
}
