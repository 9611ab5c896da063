//! Who asks, and what the token's role may do.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Shared, refused::Refused};
use crate::store::{Denied, Role, Token};

/// Whose request it is; handlers behind [`require`] find it among the request's extensions.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Token);

impl Caller {
    /// As the audit log names it.
    pub(super) fn actor(&self) -> &str {
        &self.0.name
    }
}

/// Lets a request through whose `Authorization: Bearer` may do what needs `role`.
pub(super) async fn require(
    State((shared, role)): State<(Shared, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&shared, bearer(request.headers()), role) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Judges the token that was shown.
///
/// # Errors
/// 401 where the token is missing, unknown, expired or revoked; 403 where it may do less.
pub(super) fn admit(
    shared: &Shared,
    shown: Option<&str>,
    role: Role,
) -> Result<Caller, Refused> {
    let Some(shown) = shown else {
        return Err(Refused::unauthorized(
            "unauthorized",
            "send `Authorization: Bearer <token>`",
        ));
    };
    let book = shared.state.store.tokens().borrow().clone();
    let token = book.check(shown, shared.clock.unix_ms()).map_err(|denied| {
        shared.counters.auth_failed();
        let (code, sentence) = told(denied);
        Refused::unauthorized(code, sentence)
    })?;
    if token.session_id.is_some() {
        return Err(Refused::forbidden("this token is for one session on the WebSocket only"));
    }
    if !may(token.role, role) {
        return Err(Refused::forbidden(format!(
            "this needs the role {}, the token has {}",
            role.name(),
            token.role.name()
        )));
    }
    Ok(Caller(token))
}

/// Why a token opens nothing: a code for programs, a sentence for people.
pub(super) fn told(denied: Denied) -> (&'static str, &'static str) {
    match denied {
        Denied::Unknown => ("invalid_token", "the token is not valid"),
        Denied::Expired => ("token_expired", "the token has expired"),
        Denied::Revoked => ("token_revoked", "the token was revoked"),
    }
}

/// An operator may do everything; a guest sends media of its own and sees nothing of the booth.
fn may(has: Role, needs: Role) -> bool {
    has == Role::Operator || has == needs
}

/// The token of `Authorization: Bearer <token>`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_operator_may_do_what_others_may() {
        use Role::{Guest, Operator, Viewer};
        assert!(may(Operator, Viewer) && may(Operator, Operator));
        assert!(may(Viewer, Viewer) && !may(Viewer, Operator));
        assert!(!may(Guest, Viewer) && !may(Guest, Operator));
    }

    #[test]
    fn a_bearer_is_found_whatever_its_case() {
        let shown = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, text.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(shown("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(shown("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(shown("Basic abc"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
