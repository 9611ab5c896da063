//! [`TokenBook`]: all tokens by their hash, for checks without the database.

use std::{collections::HashMap, fmt, time::Duration};

use super::{
    database::Database,
    token::{Role, Token, TokenId, TokenRow},
    token_file::{Secret, TokenHash},
};

/// A snapshot of all tokens. A new one is published whenever one is made or revoked, also by
/// another process.
#[derive(Clone, Debug, Default)]
pub struct TokenBook {
    by_hash: HashMap<TokenHash, Known>,
    configured: Option<(TokenHash, Known)>,
}

/// A token, and from when on it opens nothing by the time that is certain.
#[derive(Clone, Debug)]
struct Known {
    token: Token,
    dead_at: Option<i64>,
}

impl Known {
    fn good_at(&self, certain_ms: i64) -> Result<(), Denied> {
        if self.token.revoked_at.is_some() {
            return Err(Denied::Revoked);
        }
        match self.dead_at {
            Some(dead_at) if dead_at <= certain_ms => Err(Denied::Expired),
            _ => Ok(()),
        }
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denied {
    /// There is no such token.
    Unknown,
    /// It has expired at its `expires_at`.
    Expired,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Denied::Unknown => "the token is not known",
            Denied::Expired => "the token has expired",
            Denied::Revoked => "the token was revoked",
        })
    }
}

impl Database {
    /// Every token, for those who judge one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn token_book(&self) -> crate::error::Result<TokenBook> {
        Ok(TokenBook::default().with_rows(self.token_rows()?))
    }
}

impl TokenBook {
    /// The token with that secret, if it is good at `certain_ms`, the time that is certain
    /// ([`Clock::certain_unix_ms`](crate::clock::Clock)): an unsynchronised wall clock ends no token.
    ///
    /// Looked up by the hash of 256 random bits, so the duration leaks nothing useful.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn check(&self, secret: &str, certain_ms: i64) -> Result<Token, Denied> {
        if let Some((hash, known)) = &self.configured
            && hash.matches(secret)
        {
            return Ok(known.token.clone());
        }
        let known = self.by_hash.get(&TokenHash::of(secret)).ok_or(Denied::Unknown)?;
        known.good_at(certain_ms).map(|()| known.token.clone())
    }

    /// Whether a token that was checked before is still good at `certain_ms`.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn still_valid(&self, id: TokenId, certain_ms: i64) -> Result<(), Denied> {
        self.known(id).ok_or(Denied::Unknown)?.good_at(certain_ms)
    }

    /// How long a token is good from `certain_ms` on; `None`: for ever, or it is not known.
    pub fn expires_in(&self, id: TokenId, certain_ms: i64) -> Option<Duration> {
        let left_ms = self.known(id)?.dead_at?.saturating_sub(certain_ms);
        Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }

    /// The token with that id.
    pub fn get(&self, id: TokenId) -> Option<&Token> {
        self.known(id).map(|known| &known.token)
    }

    /// Every token, the configuration's first, the others in no order.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.all().map(|known| &known.token)
    }

    fn all(&self) -> impl Iterator<Item = &Known> {
        self.configured.iter().map(|(_, known)| known).chain(self.by_hash.values())
    }

    fn known(&self, id: TokenId) -> Option<&Known> {
        self.all().find(|known| known.token.id == id)
    }

    /// The same book with the configuration's token, which never expires.
    pub(super) fn with_configured(&self, secret: &Secret, now_unix_ms: i64) -> Self {
        let token = Token {
            id: TokenId::CONFIGURED,
            name: "operator".into(),
            role: Role::Operator,
            session_id: None,
            created_at: now_unix_ms,
            expires_at: None,
            revoked_at: None,
        };
        let known = Known { token, dead_at: None };
        let configured = Some((TokenHash::of(secret.reveal()), known));
        TokenBook { by_hash: self.by_hash.clone(), configured }
    }

    /// The same book with other rows of the database.
    pub(super) fn with_rows(&self, rows: Vec<TokenRow>) -> Self {
        let known = |TokenRow { hash, token, dead_at }| (hash, Known { token, dead_at });
        let by_hash = rows.into_iter().map(known).collect();
        TokenBook { by_hash, configured: self.configured.clone() }
    }
}
