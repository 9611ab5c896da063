//! Authentication and authorisation of HTTP requests.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use tokio::sync::watch;

use super::{
    counters::Counters,
    network::Network,
    peer::Peer,
    proxy::Asked,
    refused::Refused,
    rejections::Reason,
    wrong_tokens::{Brake, WrongTokens},
};
use crate::{
    clock::Clock,
    store::{Denied, Role, Store, Token, TokenBook},
};

/// The authenticated token of a request; [`Authenticator::guard`] puts it among the
/// request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Token);

impl Caller {
    /// Its name in the audit log.
    pub(crate) fn actor(&self) -> &str {
        &self.0.name
    }
}

/// Checks the tokens of requests. Clones share their state.
#[derive(Clone)]
pub(crate) struct Authenticator {
    tokens: watch::Receiver<Arc<TokenBook>>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    wrong: Arc<WrongTokens>,
}

impl Authenticator {
    /// With the tokens of `store`.
    pub(super) fn new(store: &Store, clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        Authenticator { tokens: store.tokens(), clock, counters, wrong: Arc::default() }
    }

    /// The record of wrong tokens.
    pub(crate) fn wrong_tokens(&self) -> Arc<WrongTokens> {
        self.wrong.clone()
    }

    /// Judges a token that a client at `client` shows. A wrong one is answered more slowly the
    /// more of them came from there; a right one never is.
    ///
    /// # Errors
    /// 401 where the token is unknown, expired or revoked, 429 where it is one of many.
    pub(crate) async fn check(&self, shown: &str, client: IpAddr) -> Result<Token, Refused> {
        let book = self.tokens.borrow().clone();
        let denied = match book.check(shown, self.clock.certain_unix_ms()) {
            Ok(token) => return Ok(token),
            Err(denied) => denied,
        };
        self.counters.auth_failed();
        self.counters.reject(Reason::WrongToken, client);
        match self.wrong.note(Network::of(client), self.clock.monotonic()) {
            Brake::Off => {
                let (code, sentence) = reason(denied);
                Err(Refused::unauthorized(code, sentence))
            }
            Brake::On { delay, retry_after_s } => {
                tokio::time::sleep(delay).await;
                Err(Refused::too_many_attempts(retry_after_s))
            }
        }
    }

    /// Judges the token that was shown with a request on the connection `peer`.
    ///
    /// # Errors
    /// As [`Authenticator::check`]; 401 where the token is missing, 403 where it may do less.
    pub(crate) async fn admit(
        &self,
        shown: Option<&str>,
        role: Role,
        peer: &Peer,
        client: IpAddr,
    ) -> Result<Caller, Refused> {
        let Some(shown) = shown else {
            return Err(Refused::unauthorized(
                "unauthorized",
                "send `Authorization: Bearer <token>`",
            ));
        };
        let token = self.check(shown, client).await?;
        peer.become_authenticated(token.id);
        if token.session_id.is_some() {
            let sentence = "this token is for one session on the WebSocket only";
            return Err(Refused::forbidden(sentence));
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

    /// Puts a route behind a token of this role, or an operator's.
    pub(crate) fn guard<S>(&self, role: Role, route: MethodRouter<S>) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        route.route_layer(from_fn_with_state(
            Guard { authenticator: self.clone(), role },
            require,
        ))
    }

    /// Whether a caller who was let in may stay.
    pub(crate) fn still_admits(&self, caller: &Caller) -> bool {
        let now = self.clock.certain_unix_ms();
        self.tokens.borrow().still_valid(caller.0.id, now).is_ok()
    }
}

/// Who passes: a token of this role, or an operator's.
#[derive(Clone)]
struct Guard {
    authenticator: Authenticator,
    role: Role,
}

/// Lets a request through whose `Authorization: Bearer` passes the guard.
async fn require(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let peer = Peer::of(&request);
    let client = peer.client_address(&Asked::of(&request));
    let shown = bearer(request.headers());
    match guard.authenticator.admit(shown, guard.role, &peer, client).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Why a token was denied: a code for programs, a sentence for people.
pub(crate) fn reason(denied: Denied) -> (&'static str, &'static str) {
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
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
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
