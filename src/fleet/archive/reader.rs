//! The thread `fleet-reader`: runs queries while the writer writes.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
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

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

type Question = Box<dyn FnOnce(Option<&Connection>) + Send>;

/// The reader's connection. The writer opens it, and takes it away where the file was deleted or
/// replaced: SQLite must not have the old file open while the new one is used.
#[derive(Clone, Default)]
pub(super) struct ReadersPlace(Arc<Mutex<Option<Connection>>>);

impl ReadersPlace {
    /// Opens the file for the reader.
    pub(super) fn open(&self, path: &Path) -> Result<()> {
        let connection = store::connect(path, &SCHEMA)?;
        connection.pragma_update(None, "query_only", true)?;
        *self.0.lock().expect(UNPOISONED) = Some(connection);
        Ok(())
    }

    /// Takes the connection, after the current query.
    pub(super) fn take(&self) -> Option<Connection> {
        self.0.lock().expect(UNPOISONED).take()
    }
}

/// A handle to the thread, which ends with the last handle.
#[derive(Clone)]
pub(super) struct Reader {
    questions: SyncSender<Question>,
}

impl Reader {
    pub(super) fn start(place: ReadersPlace) -> Result<Self> {
        let (questions, asked) = sync_channel(QUESTIONS);
        thread::Builder::new()
            .name("fleet-reader".into())
            .spawn(move || answer(&place, &asked))
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
        let question = move |connection: Option<&Connection>| {
            let answered = connection.ok_or_else(super::is_away).and_then(question);
            // The caller may be gone.
            drop(answer.send(answered));
        };
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

fn answer(place: &ReadersPlace, asked: &Receiver<Question>) {
    while let Ok(question) = asked.recv() {
        question(place.0.lock().expect(UNPOISONED).as_ref());
    }
}
