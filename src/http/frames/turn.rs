//! [`Turn`]: the right to a long message, of which few may be under way.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use super::breach::Breach;

/// How long a longer message may take, from its turn on.
pub(super) const LONG_TIME: Duration = Duration::from_secs(20);

/// The right to a long message.
pub(super) enum Turn {
    None,
    Waiting(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>),
    Mine { _permit: OwnedSemaphorePermit, until: Pin<Box<Sleep>> },
}

impl Turn {
    /// Waits for the turn; it lasts `long_time`.
    pub(super) fn poll(
        &mut self,
        turns: &Arc<Semaphore>,
        long_time: Duration,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Breach>> {
        if matches!(self, Turn::None) {
            *self = Turn::Waiting(Box::pin(turns.clone().acquire_owned()));
        }
        if let Turn::Waiting(wait) = self {
            let permit = ready!(wait.as_mut().poll(context)).expect("it is never closed");
            *self = Turn::Mine { _permit: permit, until: Box::pin(sleep(long_time)) };
        }
        if let Turn::Mine { until, .. } = self
            && until.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(Breach::TooSlow));
        }
        Poll::Ready(Ok(()))
    }
}
