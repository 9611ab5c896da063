//! [`TokenBook`]: every token there is, by its hash, for those who must answer at once.

use std::{collections::HashMap, fmt};

use super::{
    token::{Role, Token, TokenId},
    token_file::{Secret, TokenHash},
};

/// A snapshot of all tokens. A new one is published whenever one is made or revoked, also by
/// another process.
#[derive(Clone, Debug, Default)]
pub struct TokenBook {
    by_hash: HashMap<TokenHash, Token>,
    configured: Option<(TokenHash, Token)>,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denied {
    /// Nobody has such a token.
    Unknown,
    /// It was good until its `expires_at`.
    Expired,
    /// Somebody took it back.
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

impl TokenBook {
    /// The token with that secret, if it is good at `now_unix_ms`.
    ///
    /// Looked up by the hash of 256 random bits, so how long it takes tells nothing of use.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, secret: &str, now_unix_ms: i64) -> Result<Token, Denied> {
        if let Some((hash, token)) = &self.configured
            && hash.matches(secret)
        {
            return Ok(token.clone());
        }
        let token = self.by_hash.get(&TokenHash::of(secret)).ok_or(Denied::Unknown)?;
        token.good_at(now_unix_ms).map(|()| token.clone())
    }

    /// Whether a token that was checked before is still good at `now_unix_ms`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn still_valid(&self, id: TokenId, now_unix_ms: i64) -> Result<(), Denied> {
        self.get(id).ok_or(Denied::Unknown)?.good_at(now_unix_ms)
    }

    /// The token with that id.
    pub fn get(&self, id: TokenId) -> Option<&Token> {
        self.tokens().find(|token| token.id == id)
    }

    /// Every token, the configuration's first, the others in no order.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.configured.iter().map(|(_, token)| token).chain(self.by_hash.values())
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
        let configured = Some((TokenHash::of(secret.reveal()), token));
        TokenBook { by_hash: self.by_hash.clone(), configured }
    }

    /// The same book with other rows of the database.
    pub(super) fn with_rows(&self, rows: Vec<(TokenHash, Token)>) -> Self {
        TokenBook { by_hash: rows.into_iter().collect(), configured: self.configured.clone() }
    }
}
