//! Admission of WebSocket clients: tokens, sessions, and the end of a token's right.

use std::{sync::Arc, time::Duration};

use super::{Connection, End, Guest, Step, UNAUTHORIZED};
use crate::{
    booth_api::{
        claims::Claim,
        message::{self, client::AuthData, refusal::Refusal, server::AuthSuccess},
    },
    http::{Reason, Refused, close_code, reason},
    names::{InvalidSessionId, SessionId},
    store::{Denied, Role, Token},
};

/// Wrong tokens that one connection may show.
const MAX_AUTH_FAILURES: u32 = 3;

/// Sentences of the older system's protocol.
const MISSING: &str = "缺少session_id或access_token";
const NOT_VALID: &str = "token验证失败";

/// The session of a client whose token came with the request: the token's, or else the unique
/// connection id.
pub(super) fn session_of(token: &Token, connection_id: &str) -> Result<SessionId, End> {
    let named = token.session_id.as_deref().unwrap_or(connection_id);
    named.parse().map_err(|_| {
        let reason = "the token is for a session whose id is not allowed any more";
        End::Close(UNAUTHORIZED, reason)
    })
}

impl Connection {
    pub(super) async fn authenticate(&mut self, auth: AuthData) -> Step {
        match self.judge(&auth).await {
            Ok(guest) => self.let_in(guest).await,
            Err(refusal) => self.turn_away(refusal).await,
        }
    }

    async fn judge(&mut self, auth: &AuthData) -> Result<Guest, Refusal> {
        if auth.session_id.is_empty() || auth.access_token.is_empty() {
            self.shared.http.counters.auth_failed();
            return Err(Refusal::new("missing_credentials", MISSING));
        }
        let token = self.shared.http.authenticator.check(&auth.access_token, self.client).await;
        let token = token.map_err(|refused| Refusal::new(refused.code, NOT_VALID))?;
        let judged = self.judge_session(token, &auth.session_id).await;
        judged.inspect_err(|_| self.shared.http.counters.auth_failed())
    }

    async fn judge_session(&mut self, token: Token, named: &str) -> Result<Guest, Refusal> {
        let session_id: SessionId = named.parse().map_err(|invalid| {
            let invalid: InvalidSessionId = invalid;
            Refusal::new("invalid_session_id", invalid.to_string())
        })?;
        if !self.may_use(&token, &session_id).await? {
            return Err(Refusal::new("wrong_session", NOT_VALID));
        }
        let claim = self.claim(&token, &session_id)?;
        Ok(Guest { token, session_id, claim })
    }

    /// Takes a seat, unless the connection has one.
    async fn take_seat(&mut self, role: Role) -> Step {
        if self.seat.is_none() {
            self.seat = self.shared.http.slots.seat(role);
        }
        if self.seat.is_none() {
            self.shared.http.counters.reject(Reason::NoSeat, self.client);
            let refusal: Refusal = Refused::full().into();
            let reference = self.next_reference();
            self.send_text(message::refused("auth_error", &refusal, &reference, None)).await?;
            return Err(End::Close(close_code::AGAIN, "too many connections"));
        }
        self.peer.release();
        self.socket.get_mut().lift();
        Ok(())
    }

    /// The id for as long as it is used, unless another token has it; who only looks claims
    /// nothing.
    pub(super) fn claim(
        &self,
        token: &Token,
        session_id: &SessionId,
    ) -> Result<Option<Arc<Claim>>, Refusal> {
        if token.role == Role::Viewer {
            return Ok(None);
        }
        let claim = self.shared.clients.claim(token, session_id);
        claim.map(Some).ok_or_else(|| Refusal::new("wrong_session", NOT_VALID))
    }

    /// Whether the session is the token's: its own, the first to begin it, or an operator's
    /// choice.
    async fn may_use(
        &mut self,
        token: &Token,
        session_id: &SessionId,
    ) -> Result<bool, Refusal> {
        match (token.role, &token.session_id) {
            (Role::Operator | Role::Viewer, None) => Ok(true),
            (_, Some(own)) => Ok(own == session_id.as_str()),
            (Role::Guest, None) => {
                let allowed =
                    self.shared.state.store.may_use_session(session_id, token.id).await;
                allowed.map_err(|error| {
                    let chain = error.chain().to_string();
                    log::error!(target: "web", error = chain.as_str(); "whose a session is cannot be looked up");
                    Refusal::new("unavailable", "the booth cannot keep sessions now; try again")
                })
            }
        }
    }

    pub(super) async fn let_in(&mut self, guest: Guest) -> Step {
        self.take_seat(guest.token.role).await?;
        let Guest { token, session_id, .. } = &guest;
        let success = AuthSuccess {
            session_id,
            user_id: &token.name,
            authenticated_at: self.shared.clock.unix_ms(),
            role: token.role,
        };
        let text = message::text("auth_success", success, None);
        // Another session: what was sent for the one before is over.
        if let Some(own) = self.own.take_if(|own| own.client.session_id != *session_id) {
            own.client.detach(&self.id);
        }
        self.guest = Some(guest);
        self.send_text(text).await
    }

    async fn turn_away(&mut self, refusal: Refusal) -> Step {
        self.auth_failures += 1;
        self.stats.refused_total += 1;
        // The client gets the reason; the journal has one line a minute for all refusals.
        log::debug!(
            target: "web", connection = self.id.as_str(), code = refusal.code;
            "client was not let in"
        );
        let reference = self.next_reference();
        self.send_text(message::refused("auth_error", &refusal, &reference, None)).await?;
        if self.auth_failures >= MAX_AUTH_FAILURES {
            return Err(End::Close(UNAUTHORIZED, "too many failed attempts to authenticate"));
        }
        Ok(())
    }

    /// Ends the connection when the token's right has ended.
    pub(super) fn check_token(&mut self) -> Step {
        let Some(guest) = &self.guest else { return Ok(()) };
        let now = self.shared.clock.certain_unix_ms();
        let judged = self.tokens.borrow_and_update().still_valid(guest.token.id, now);
        // One that is not in the book any more was revoked long ago.
        let gone = |denied| if denied == Denied::Unknown { Denied::Revoked } else { denied };
        judged.map_err(|denied| End::Close(UNAUTHORIZED, reason(gone(denied)).1))
    }

    /// Time until the token expires.
    pub(super) fn expires_in(&self) -> Option<Duration> {
        let (id, now) = (self.guest.as_ref()?.token.id, self.shared.clock.certain_unix_ms());
        self.tokens.borrow().expires_in(id, now)
    }
}
