//! Named threads.

use std::thread::{self, JoinHandle};

use crate::error::{Error, ErrorKind, Result};

/// Starts a thread of that name.
///
/// # Errors
/// `Exhausted` when the system has no thread left.
pub(super) fn spawn(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(|cause| {
        let what = format!("no thread for the {name}; raise the limit of threads");
        Error::new(ErrorKind::Exhausted, what).because(cause)
    })
}

/// Waits for a thread; logs its panic.
pub(super) fn join(thread: JoinHandle<()>) {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        log::error!(target: "app", thread = name.as_str(); "thread panicked");
    }
}
