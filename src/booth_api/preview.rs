//! GET /preview.mjpeg and /preview.jpg: the booth's picture with the landmarks drawn, for placing
//! the camera. The page takes one picture after the other: a stream would hold one of the six
//! connections that a browser has to a host, and an `<img>` would need the token in its address.
//!
//! Pictures pass from the worker to the viewers; nothing is stored. Without the feature switch there
//! are none, and switching it off ends every open stream.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::Shared;
use crate::{
    http::{Asked, Caller, Parameters, Peer, Refused, bearer, flow},
    interview::InterviewState,
    store::{Role, Token, TokenId},
};

/// Query of the preview: an `<img>` sends no headers, so the token is in the address.
#[derive(Deserialize)]
pub(super) struct Shown {
    token: Option<String>,
}

/// Boundary between the pictures of the multipart stream.
const BOUNDARY: &str = "picture";

const MIME: &str = "multipart/x-mixed-replace; boundary=picture";

/// How long GET /preview.jpg waits for the next picture.
const NEXT_PICTURE: Duration = Duration::from_secs(5);

/// Answers GET /preview.mjpeg.
pub(super) async fn preview(
    State(shared): State<Shared>,
    Parameters(Shown { token }): Parameters<Shown>,
    headers: HeaderMap,
    Extension(peer): Extension<Peer>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, Refused> {
    let shown = token.as_deref().or(bearer(&headers));
    let client = peer.client_address(&asked);
    let viewer = Viewer::admit(shared, shown, &peer, client).await?;
    let body = flow(viewer, Viewer::next);
    Ok(([(header::CONTENT_TYPE, MIME)], body).into_response())
}

/// Answers GET /preview.jpg: the next picture; 204 where none comes in time.
pub(super) async fn picture(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Extension(peer): Extension<Peer>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, Refused> {
    let client = peer.client_address(&asked);
    let mut viewer = Viewer::admit(shared, bearer(&headers), &peer, client).await?;
    let leases = viewer.shared.preview_leases.clone();
    if let Some(pictures) = leases.take(viewer.token.id) {
        viewer.pictures = pictures;
    }
    match timeout(NEXT_PICTURE, viewer.picture()).await {
        Ok(Some(jpeg)) => {
            leases.put(viewer.token.id, viewer.pictures);
            Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg.to_vec()).into_response())
        }
        Ok(None) => Err(is_off()),
        Err(_) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// A client that polls pictures counts as a viewer between two of them: the booth continues to draw,
/// and reports that it is watched.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<Vec<(TokenId, Instant, Pictures)>>>);

type Pictures = watch::Receiver<Option<Arc<[u8]>>>;

/// Longer than the page waits from one picture to the next.
const LEASE: Duration = Duration::from_secs(2);

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Leases {
    fn take(&self, whose: TokenId) -> Option<Pictures> {
        let mut leases = self.0.lock().expect(UNPOISONED);
        // The newest, which is the asker's own: one that another tab left would be renewed in turn
        // with it and counted for ever.
        let place = leases.iter().rposition(|(id, _, _)| *id == whose)?;
        Some(leases.remove(place).2)
    }

    fn put(&self, whose: TokenId, pictures: Pictures) {
        let until = Instant::now() + LEASE;
        self.0.lock().expect(UNPOISONED).push((whose, until, pictures));
        let leases = self.clone();
        tokio::spawn(async move {
            sleep_until(until).await;
            let now = Instant::now();
            leases.0.lock().expect(UNPOISONED).retain(|(_, until, _)| *until > now);
        });
    }
}

fn is_off() -> Refused {
    Refused::not_found(
        "the preview is off; an operator may switch it on where features.preview is true in the \
         configuration",
    )
}

/// One viewer of the preview.
struct Viewer {
    pictures: Pictures,
    state: watch::Receiver<InterviewState>,
    token: Token,
    shared: Shared,
}

impl Viewer {
    async fn admit(
        shared: Shared,
        shown: Option<&str>,
        peer: &Peer,
        client: IpAddr,
    ) -> Result<Self, Refused> {
        let Caller(token) =
            shared.http.authenticator.admit(shown, Role::Operator, peer, client).await?;
        let state = shared.state.booth.state();
        if !state.borrow().features.preview {
            return Err(is_off());
        }
        let pictures = shared.state.engine.preview().subscribe();
        Ok(Viewer { pictures, state, token, shared })
    }

    async fn next(mut self) -> Option<(Bytes, Self)> {
        let picture = self.picture().await?;
        Some((part(&picture), self))
    }

    /// The next picture, or `None` at the end: the switch is off, the right is over, boothd stops.
    async fn picture(&mut self) -> Option<Arc<[u8]>> {
        let mut tokens = self.shared.state.store.tokens();
        loop {
            let now = self.shared.clock.certain_unix_ms();
            let is_on = self.state.borrow_and_update().features.preview;
            let may = tokens.borrow_and_update().still_valid(self.token.id, now).is_ok();
            if !is_on || !may {
                return None;
            }
            let changed = tokio::select! {
                () = self.shared.stop.requested() => return None,
                changed = self.state.changed() => { changed.ok()?; continue }
                changed = tokens.changed() => { changed.ok()?; continue }
                changed = self.pictures.changed() => changed,
            };
            changed.ok()?;
            let picture = self.pictures.borrow_and_update().clone();
            if picture.is_some() {
                return picture;
            }
        }
    }
}

/// One picture as a part of the answer that never ends.
fn part(jpeg: &[u8]) -> Bytes {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        jpeg.len()
    );
    [head.as_bytes(), jpeg, b"\r\n"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lease that a closed tab left is not renewed by the next picture of another.
    #[tokio::test]
    async fn who_looks_on_takes_their_own_lease_back() {
        let (leases, whose) = (Leases::default(), TokenId(7));
        let [left, own] = [watch::channel(None).1, watch::channel(None).1];
        leases.put(whose, left);
        leases.put(whose, own.clone());
        for _ in 0..3 {
            let taken = leases.take(whose).expect("a lease");
            assert!(taken.same_channel(&own));
            leases.put(whose, taken);
        }
        assert!(leases.take(TokenId(8)).is_none());
    }
}
