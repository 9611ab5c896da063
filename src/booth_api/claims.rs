//! [`Claims`]: which token owns a session id while its connection or stream is open.
//!
//! A guest that is let in claims its session's id. The claim lasts as long as its connection, or
//! as its stream is open, and is in memory only, so that no client fills the database with names.
//! Once a session has begun, its row in the database keeps the owner.

use std::{
    collections::HashMap,
    future,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    names::SessionId,
    store::{Role, Token, TokenId},
};

/// How long an id may be claimed and not used before another token may have it.
const UNUSED_FOR: Duration = Duration::from_secs(60);

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

type Held = Mutex<HashMap<SessionId, Weak<Claim>>>;

/// See the module. As many as there are connections and open streams.
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: Arc<Held>,
}

/// A session id in use; given back when the last holder drops it.
#[derive(Debug)]
pub(super) struct Claim {
    held: Arc<Held>,
    session_id: SessionId,
    token: TokenId,
    role: Role,
    claimed_at: Duration,
    is_lost: watch::Sender<bool>,
}

impl Claims {
    /// Claims the id for a token; `None` while it is another's. `is_used`: its stream is open.
    ///
    /// A token that was made for the session takes it from any other. Operators may touch all,
    /// and keep an id from a guest only while they send media for it. A guest that has claimed an
    /// id for a while and sent nothing loses it to the next.
    pub(super) fn claim(
        &self,
        token: &Token,
        session_id: &SessionId,
        is_used: bool,
        now: Duration,
    ) -> Option<Arc<Claim>> {
        // Declared first, dropped last: the end of a claim takes the lock.
        let found;
        let mut held = self.held.lock().expect(UNPOISONED);
        found = held.get(session_id).and_then(Weak::upgrade);
        if let Some(claim) = &found {
            if claim.token == token.id || token.role == Role::Operator {
                return found;
            }
            if token.session_id.is_none() && !claim.gives_way(is_used, now) {
                return None;
            }
            // An operator may touch all, and goes on.
            claim.is_lost.send_replace(claim.role != Role::Operator);
        }
        let claim = Arc::new(Claim {
            held: self.held.clone(),
            session_id: session_id.clone(),
            token: token.id,
            role: token.role,
            claimed_at: now,
            is_lost: watch::channel(false).0,
        });
        held.insert(session_id.clone(), Arc::downgrade(&claim));
        Some(claim)
    }
}

impl Claim {
    fn gives_way(&self, is_used: bool, now: Duration) -> bool {
        let age = now.saturating_sub(self.claimed_at);
        !is_used && (self.role == Role::Operator || age >= UNUSED_FOR)
    }

    /// Resolves when another token has the id now.
    pub(super) async fn lost(claim: Option<&Arc<Claim>>) {
        if let Some(claim) = claim
            && claim.is_lost.subscribe().wait_for(|is_lost| *is_lost).await.is_ok()
        {
            return;
        }
        future::pending().await
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.held.lock().expect(UNPOISONED);
        // Another one may have it by now.
        if held.get(&self.session_id).is_some_and(|claim| claim.strong_count() == 0) {
            held.remove(&self.session_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: i64, role: Role, session_id: Option<&str>) -> Token {
        Token {
            id: TokenId(id),
            name: "a".into(),
            role,
            session_id: session_id.map(str::to_owned),
            created_at: 0,
            expires_at: None,
            revoked_at: None,
        }
    }

    const EARLY: Duration = Duration::from_secs(59);
    const LATE: Duration = Duration::from_secs(60);
    const USED: Duration = Duration::from_secs(3600);

    #[test]
    fn an_id_is_its_claimants_until_it_is_given_back() {
        let (claims, id) = (Claims::default(), "x".parse().unwrap());
        let (mine, other) = (token(1, Role::Guest, None), token(2, Role::Guest, None));
        let first = claims.claim(&mine, &id, false, Duration::ZERO).unwrap();
        let second = claims.claim(&mine, &id, false, EARLY).unwrap();
        assert!(claims.claim(&other, &id, false, EARLY).is_none());
        drop(first);
        assert!(
            claims.claim(&other, &id, false, EARLY).is_none(),
            "one connection is there yet"
        );
        drop(second);
        assert!(claims.held.lock().unwrap().is_empty(), "nothing is left behind");
        assert!(claims.claim(&other, &id, false, EARLY).is_some());
    }

    #[test]
    fn who_claims_an_id_and_sends_nothing_loses_it() {
        let (claims, id) = (Claims::default(), "x".parse().unwrap());
        let (squatter, other) = (token(1, Role::Guest, None), token(2, Role::Guest, None));
        let squatted = claims.claim(&squatter, &id, false, Duration::ZERO).unwrap();
        assert!(claims.claim(&other, &id, true, USED).is_none(), "it sends media");
        let taken = claims.claim(&other, &id, false, LATE).unwrap();
        assert!(*squatted.is_lost.borrow() && !*taken.is_lost.borrow());
        drop(squatted);
        assert!(claims.claim(&squatter, &id, false, EARLY).is_none(), "the new claim stands");
    }

    #[test]
    fn a_token_made_for_the_session_comes_first_and_an_operator_joins() {
        let (claims, id) = (Claims::default(), "x".parse().unwrap());
        let operator = token(1, Role::Operator, None);
        let (guest, own) = (token(2, Role::Guest, None), token(3, Role::Guest, Some("x")));
        let watching = claims.claim(&operator, &id, false, Duration::ZERO).unwrap();
        assert!(claims.claim(&guest, &id, true, USED).is_none(), "the operator's own media");
        let claim = claims.claim(&guest, &id, false, EARLY).unwrap();
        assert!(!*watching.is_lost.borrow(), "an operator goes on");
        assert!(Arc::ptr_eq(&claim, &claims.claim(&operator, &id, false, EARLY).unwrap()));
        let meant = claims.claim(&own, &id, true, USED).unwrap();
        assert!(*claim.is_lost.borrow() && !*meant.is_lost.borrow());
    }
}
