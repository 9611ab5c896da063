//! Who may come in, and where: the operator's token and the page's address.

use std::io::{self, Write};

use tokio::net::TcpListener;

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    service,
    store::{self, Secret},
};

/// The operator's own token, or the one that was made at the first start.
pub(super) struct Known {
    pub(super) token: Secret,
    origin: TokenOrigin,
}

/// Where a token is from.
enum TokenOrigin {
    Config,
    Credential,
    Kept,
    /// Made now: it is told this once.
    New,
}

/// Finds it, or makes one.
pub(super) fn token(config: &Config) -> Result<Known> {
    if let Some(token) = &config.token {
        return Ok(Known { token: token.clone(), origin: TokenOrigin::Config });
    }
    if let Some(token) = store::token_of_credential()? {
        return Ok(Known { token, origin: TokenOrigin::Credential });
    }
    let (token, is_new) = store::load_or_make_token(&config.state_dir)?;
    let origin = if is_new { TokenOrigin::New } else { TokenOrigin::Kept };
    Ok(Known { token, origin })
}

/// Tells whoever started the daemon where the page is; a new token is told this once, unless it
/// would stand in the journal, which more people read than the file.
pub(super) fn announce(
    config: &Config,
    listener: &TcpListener,
    known: &Known,
    out: &mut dyn Write,
) -> Result<()> {
    let address = listener.local_addr().unwrap_or(config.listen);
    let scheme = if config.web.tls.is_some() { "https" } else { "http" };
    let kept = config.state_dir.join("token");
    let whose = match known.origin {
        TokenOrigin::New if !service::is_journal(io::stdout()) => format!(
            "#token={}\nThe token is new, is kept in {} and is not shown again.",
            known.token.reveal(),
            kept.display()
        ),
        TokenOrigin::New | TokenOrigin::Kept => {
            format!(" (the token is kept in {})", kept.display())
        }
        TokenOrigin::Config => " (the token is web.token's)".into(),
        TokenOrigin::Credential => " (the token is the credential's)".into(),
    };
    let told = writeln!(out, "page: {scheme}://{address}/{whose}").and_then(|()| out.flush());
    told.map_err(|cause| {
        Error::new(ErrorKind::Unavailable, "the address of the page cannot be printed")
            .because(cause)
    })
}
