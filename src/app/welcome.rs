//! The operator's token and the address of the page.

use std::{
    io::{self, Write},
    thread::JoinHandle,
    time::Duration,
};

use tokio::net::TcpListener;

use super::threads::spawn;
use crate::{
    config::Config,
    error::Result,
    service,
    stop::Stop,
    store::{self, Secret, Store},
};

/// The operator's own token, or the one that was made at the first start.
pub(super) struct Known {
    pub(super) token: Secret,
    origin: TokenOrigin,
}

/// Origin of a token.
enum TokenOrigin {
    Config,
    Credential,
    Kept,
    /// Made now: shown only once.
    New,
    /// Made now; the disk did not let it be kept yet.
    Unkept,
}

/// Interval between two attempts to keep a token.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// Reads the token, or makes one.
pub(super) fn token(config: &Config) -> Result<Known> {
    if let Some(token) = &config.token {
        return Ok(Known { token: token.clone(), origin: TokenOrigin::Config });
    }
    if let Some(token) = store::token_of_credential()? {
        return Ok(Known { token, origin: TokenOrigin::Credential });
    }
    let (token, origin) = match store::load_or_make_token(&config.state_dir) {
        Ok((token, true)) => (token, TokenOrigin::New),
        Ok((token, false)) => (token, TokenOrigin::Kept),
        Err(error) if store::is_disks(&error) => {
            let reason = error.chain().to_string();
            log::error!(target: "app", error = &*reason; "the operator's new token cannot be kept yet; boothd tries again by itself, or set web.token");
            (Secret::random(), TokenOrigin::Unkept)
        }
        Err(error) => return Err(error),
    };
    Ok(Known { token, origin })
}

/// Keeps the token once the disk lets it, where it could not be kept at the start.
pub(super) fn keep_later(
    known: &Known,
    config: &Config,
    store: &Store,
    stop: &Stop,
) -> Result<Option<JoinHandle<()>>> {
    if !matches!(known.origin, TokenOrigin::Unkept) {
        return Ok(None);
    }
    let (token, state_dir) = (known.token.clone(), config.state_dir.clone());
    let (store, stop) = (store.clone(), stop.clone());
    let keep = move || {
        while !stop.wait_timeout(KEEP_EVERY) {
            match store::keep_token(&state_dir, &token) {
                Ok(other) => {
                    if let Some(other) = other {
                        store.admit_config_token(&other);
                    }
                    return log::info!(target: "app", "the operator's token is kept in state.dir/token");
                }
                Err(error) => {
                    log::debug!(target: "app", error = &*error.chain().to_string(); "the token is not kept yet");
                }
            }
        }
    };
    spawn("token", keep).map(Some)
}

/// Prints the address of the page; a new token once with it, unless standard output is the
/// journal, which more people read than the file.
pub(super) fn announce(
    config: &Config,
    listener: &TcpListener,
    known: &Known,
    out: &mut dyn Write,
) {
    let address = listener.local_addr().unwrap_or(config.listen);
    let scheme = if config.web.tls.is_some() { "https" } else { "http" };
    let kept = config.state_dir.join("token");
    let whose = match known.origin {
        TokenOrigin::New if !service::is_journal(io::stdout()) => format!(
            "#token={}\nThe token is new, is kept in {} and is not shown again.",
            known.token.reveal(),
            kept.display()
        ),
        TokenOrigin::Unkept if !service::is_journal(io::stdout()) => format!(
            "#token={}\nThe token is new. The disk does not let it be kept yet: it will be in {} and \
             is not shown again.",
            known.token.reveal(),
            kept.display()
        ),
        TokenOrigin::New | TokenOrigin::Kept => {
            format!(" (the token is kept in {})", kept.display())
        }
        TokenOrigin::Unkept => format!(
            " (the token is new and will be kept in {} once the disk lets it)",
            kept.display()
        ),
        TokenOrigin::Config => " (the token is web.token's)".into(),
        TokenOrigin::Credential => " (the token is the credential's)".into(),
    };
    let printed =
        writeln!(out, "page: {scheme}://{address}/{whose}").and_then(|()| out.flush());
    // An interview needs no standard output; it may be closed.
    if let Err(cause) = printed {
        log::warn!(target: "app", address = address.to_string().as_str(), cause:display; "the address of the page cannot be printed");
    }
}
