//! A streaming response body: each piece is sent when it is ready.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

/// A body whose next piece `step` gives, once the last has left; `None` ends it.
pub(crate) fn flow<S, F>(teller: S, step: fn(S) -> F) -> Body
where
    S: Send + 'static,
    F: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    Body::new(Flow { next: Box::pin(step(teller)), step })
}

type Next<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

struct Flow<S, F> {
    next: Next<S>,
    step: fn(S) -> F,
}

impl<S, F> HttpBody for Flow<S, F>
where
    S: Send + 'static,
    F: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((piece, teller)) = ready!(self.next.as_mut().poll(context)) else {
            self.next = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.next = Box::pin((self.step)(teller));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
