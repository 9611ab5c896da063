//! GET /preview.mjpeg: the booth's picture with the landmarks drawn, for placing the camera.
//!
//! Pictures pass from the worker to who looks; nothing is kept. Without the switch there is
//! nothing to see, and who looks when it is switched off is shown the door.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::sync::watch;

use super::{
    Shared,
    access::{Caller, bearer},
    extract::Parameters,
    flow::flow,
    refused::Refused,
};
use crate::{
    booth::BoothState,
    store::{Role, Token},
};

/// What the address may carry: an `<img>` sends no headers.
#[derive(Deserialize)]
pub(super) struct Shown {
    token: Option<String>,
}

/// Stands between the pictures.
const BOUNDARY: &str = "picture";

const MIME: &str = "multipart/x-mixed-replace; boundary=picture";

/// Answers GET /preview.mjpeg.
pub(super) async fn preview(
    State(shared): State<Shared>,
    Parameters(Shown { token }): Parameters<Shown>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let shown = token.as_deref().or(bearer(&headers));
    let Caller(token) = shared.porter.admit(shown, Role::Operator)?;
    let state = shared.state.booth.state();
    if !state.borrow().features.preview {
        let sentence = "the preview is off; an operator may switch it on where features.preview \
                        is true in the configuration";
        return Err(Refused::not_found(sentence));
    }
    let pictures = shared.state.engine.preview().subscribe();
    let viewer = Viewer { pictures, state, token, shared };
    let body = flow(viewer, Viewer::next);
    Ok(([(header::CONTENT_TYPE, MIME)], body).into_response())
}

/// Somebody who looks.
struct Viewer {
    pictures: watch::Receiver<Option<Arc<[u8]>>>,
    state: watch::Receiver<BoothState>,
    token: Token,
    shared: Shared,
}

impl Viewer {
    /// The next picture, or `None` at the end: the switch is off, the right is over, boothd stops.
    async fn next(mut self) -> Option<(Bytes, Self)> {
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
            if let Some(picture) = picture {
                return Some((part(&picture), self));
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
