//! Tokens: access rights, stored by the hash of their secret.

use std::{fmt, result, str::FromStr, time::Duration};

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    audit,
    cleanup::expires_at,
    database::Database,
    token_file::{Secret, TokenHash},
};
use crate::{
    clock::whole_ms,
    error::{Error, ErrorKind, Result},
    names::{SessionId, TokenName},
};

/// Role of a token; each includes the rights of the one before.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read-only access.
    Viewer,
    /// A session of its own media.
    Guest,
    /// All rights, the booth's own session included.
    Operator,
}

/// The number of a token. Never reused.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Deserialize, JsonSchema, Serialize,
)]
#[serde(transparent)]
pub struct TokenId(pub i64);

impl TokenId {
    /// The token of the configuration, which the database does not hold.
    pub const CONFIGURED: TokenId = TokenId(0);

    /// As the binding's column has it.
    fn as_row(self) -> Option<i64> {
        (self != TokenId::CONFIGURED).then_some(self.0)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Role {
    /// The name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Guest => "guest",
            Role::Operator => "operator",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> result::Result<Self, String> {
        [Role::Viewer, Role::Guest, Role::Operator]
            .into_iter()
            .find(|role| role.name() == word)
            .ok_or_else(|| format!("{word:?} is none of viewer, guest, operator"))
    }
}

/// A token without its secret, which is not stored.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct Token {
    /// Number of the token.
    pub id: TokenId,
    /// Name of the owner, chosen by the operator.
    pub name: String,
    /// Role of the token.
    pub role: Role,
    /// The only session it may touch; `None`: any that it is the first to use. As it stands in
    /// the row: what is no [`SessionId`] opens nothing.
    pub session_id: Option<String>,
    /// Time of creation, unix ms.
    pub created_at: i64,
    /// Expiry, unix ms; `None`: never.
    pub expires_at: Option<i64>,
    /// Time of revocation, unix ms.
    pub revoked_at: Option<i64>,
}

/// A token to be made.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Name of the owner; 1 to 64 characters.
    pub name: TokenName,
    /// Role of the token.
    pub role: Role,
    /// The only session it may touch.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// Expiry, unix ms.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

impl Token {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(Token {
            id: TokenId(row.get("token_id")?),
            name: row.get("name")?,
            role: role.parse().expect("a CHECK keeps the words"),
            session_id: row.get("session_id")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
        })
    }
}

/// A token as the database has it.
#[derive(Clone, Debug)]
pub(super) struct TokenRow {
    pub(super) hash: TokenHash,
    pub(super) token: Token,
    /// On the scale of [`Clock::certain_unix_ms`](crate::clock::Clock).
    pub(super) dead_at: Option<i64>,
}

impl Database {
    /// Makes a token. Its secret is returned only here.
    ///
    /// # Errors
    /// `InvalidInput` when the name, the session or the expiry cannot be; `Unavailable`.
    pub fn add_token(
        &mut self,
        new: NewToken,
        actor: &str,
        now: i64,
    ) -> Result<(Token, Secret)> {
        self.insert_token(new, None, actor, now)
    }

    /// The same for a span from now on; setting the clock does not change its length.
    ///
    /// # Errors
    /// As [`Database::add_token`].
    pub fn add_token_for(
        &mut self,
        new: NewToken,
        lifetime: Duration,
        actor: &str,
        now: i64,
    ) -> Result<(Token, Secret)> {
        let lifetime_ms = whole_ms(lifetime);
        let expires_at = Some(now.saturating_add(lifetime_ms));
        self.insert_token(NewToken { expires_at, ..new }, Some(lifetime_ms), actor, now)
    }

    fn insert_token(
        &mut self,
        new: NewToken,
        lifetime_ms: Option<i64>,
        actor: &str,
        now: i64,
    ) -> Result<(Token, Secret)> {
        judge(&new, now)?;
        let secret = Secret::random();
        let transaction = self.begin()?;
        transaction.prepare_cached(INSERT)?.execute(named_params! {
            ":name": new.name.as_str(), ":role": new.role.name(), ":session_id": new.session_id,
            ":secret_sha256": TokenHash::of(secret.reveal()).as_bytes(),
            ":created_at": now, ":expires_at": new.expires_at, ":lifetime_ms": lifetime_ms,
        })?;
        let id = TokenId(transaction.last_insert_rowid());
        let detail = format!("{} {}", new.role.name(), new.name);
        audit::note(&transaction, now, actor, ["token.add", &format!("token {id}"), &detail])?;
        transaction.commit()?;
        let NewToken { name, role, session_id, expires_at } = new;
        let (name, session_id) = (String::from(name), session_id.map(String::from));
        let token =
            Token { id, name, role, session_id, created_at: now, expires_at, revoked_at: None };
        Ok((token, secret))
    }

    /// Revokes a token permanently.
    ///
    /// # Errors
    /// `InvalidInput` when there is none or it was revoked before; `Unavailable`.
    pub fn revoke_token(&mut self, id: TokenId, actor: &str, now: i64) -> Result<Token> {
        if id == TokenId::CONFIGURED {
            let what = "token 0 is the configuration's: change web.token, or delete the file \
                        state.dir/token, and start boothd again";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let transaction = self.begin()?;
        let found = transaction
            .prepare_cached(SELECT_ONE)?
            .query_row([id.0], Token::from_row)
            .optional()?;
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        let Some(token) = found else {
            return refuse(format!("there is no token {id}; `boothd token list` shows them"));
        };
        if token.revoked_at.is_some() {
            return refuse(format!("token {id} ({}) was revoked before", token.name));
        }
        transaction.prepare_cached(REVOKE)?.execute((now, id.0))?;
        audit::note(
            &transaction,
            now,
            actor,
            ["token.revoke", &format!("token {id}"), &token.name],
        )?;
        transaction.commit()?;
        Ok(Token { revoked_at: Some(now), ..token })
    }

    /// Every token, by its number.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        Ok(self.token_rows()?.into_iter().map(|row| row.token).collect())
    }

    /// Every token with its hash, by its number.
    pub(super) fn token_rows(&self) -> Result<Vec<TokenRow>> {
        let mut ask = self.connection.prepare_cached(&select_all())?;
        let rows = ask.query_map([], |row| {
            Ok(TokenRow {
                hash: TokenHash::from_bytes(row.get("secret_sha256")?),
                token: Token::from_row(row)?,
                dead_at: row.get("dead_at")?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether the token may use that session id: the id is unused, or this token began its session.
    /// An operator may use all ids.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn may_use_session(
        &self,
        session_id: &SessionId,
        id: TokenId,
        now: i64,
    ) -> Result<bool> {
        let Some(row) = id.as_row() else { return Ok(true) };
        let mut ask = self.connection.prepare_cached(SELECT_ONE)?;
        let Some(token) = ask.query_row([row], Token::from_row).optional()? else {
            return Ok(false);
        };
        if let Some(only) = &token.session_id {
            return Ok(only == session_id.as_str());
        }
        let certain_ms = self.certain_ms(now);
        Ok(token.role == Role::Operator
            || !is_anothers(&self.connection, session_id, id, certain_ms)?)
    }
}

fn is_anothers(
    connection: &Connection,
    session_id: &SessionId,
    id: TokenId,
    certain_ms: i64,
) -> Result<bool> {
    let mut ask = connection.prepare_cached(&select_anothers())?;
    Ok(ask.query_row((session_id, id.0, certain_ms), |row| row.get(0))?)
}

/// A session begins: its id is that token's from now on. Part of the caller's transaction.
///
/// # Errors
/// `InvalidInput` when it is another's; `Unavailable`.
pub(super) fn bind(
    connection: &Connection,
    session_id: &SessionId,
    id: TokenId,
    certain_ms: i64,
    now: i64,
) -> Result<()> {
    if is_anothers(connection, session_id, id, certain_ms)? {
        let what = format!("the session {session_id} is another token's");
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    connection.prepare_cached(BIND)?.execute((session_id, id.as_row(), now))?;
    Ok(())
}

/// Names in the audit log of actors without a token of the database.
const RESERVED_NAMES: [&str; 3] = ["boothd", "mqtt", "command line"];

fn judge(new: &NewToken, now: i64) -> Result<()> {
    let refuse = |what: &str| Err(Error::new(ErrorKind::InvalidInput, what));
    if RESERVED_NAMES.iter().any(|reserved| new.name.eq_ignore_ascii_case(reserved)) {
        let what = format!("no token is called {}: the audit log calls others so", new.name);
        return refuse(&what);
    }
    match new.expires_at {
        Some(expires_at) if expires_at <= now => refuse("the token would have expired already"),
        _ => Ok(()),
    }
}

const INSERT: &str = "\
    INSERT INTO token
        (name, role, secret_sha256, session_id, created_at, expires_at, lifetime_ms, epoch_id)
    VALUES (:name, :role, :secret_sha256, :session_id, :created_at, :expires_at, :lifetime_ms,
        (SELECT max(epoch_id) FROM clock_epoch))";

const SELECT_ONE: &str = "SELECT * FROM token WHERE token_id = ?1";

fn select_all() -> String {
    format!("SELECT *, {} AS dead_at FROM token ORDER BY token_id", expires_at())
}

const REVOKE: &str = "\
    UPDATE token SET revoked_at = ?1, revoked_epoch_id = (SELECT max(epoch_id) FROM clock_epoch)
    WHERE token_id = ?2";

/// Bound to another token, meant for another one that is still good, or recorded before by one
/// that is gone.
fn select_anothers() -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM session_binding WHERE session_id = ?1 AND token_id IS NOT ?2)
            OR EXISTS (
                SELECT 1 FROM token
                WHERE session_id = ?1 AND token_id <> ?2 AND revoked_at IS NULL
                  AND ifnull({} > ?3, TRUE)
            )
            OR EXISTS (SELECT 1 FROM session WHERE session_id = ?1)
                AND NOT EXISTS (SELECT 1 FROM session_binding WHERE session_id = ?1)",
        expires_at()
    )
}

const BIND: &str = "\
    INSERT INTO session_binding (session_id, token_id, bound_at, epoch_id)
    VALUES (?1, ?2, ?3, (SELECT max(epoch_id) FROM clock_epoch))
    ON CONFLICT (session_id) DO NOTHING";
