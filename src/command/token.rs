//! `boothd token`: access tokens. Works on the database itself, so also while the daemon
//! runs, which sees a change within a second.

use std::{io::Write, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::write_line;
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    error::{Error, ErrorKind, Result},
    names::{SessionId, TokenName, shown},
    store::{Database, Denied, NewToken, Role, Token, TokenId, database_path},
};

/// Actor in the audit log.
const ACTOR: &str = "command line";

/// A longer span is a mistake: 200 years, s.
const LONGEST_S: u64 = 200 * 366 * 24 * 60 * 60;

/// `boothd token`
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; its secret is shown only once
    Add(AddArguments),
    /// List every token; secrets are not stored
    List,
    /// Revoke a token permanently; its connections are closed within a second
    Revoke {
        /// Number of the token, as `boothd token list` shows it
        id: i64,
    },
}

/// `boothd token add`
#[derive(Args, Debug)]
pub(super) struct AddArguments {
    /// Name of the owner
    #[arg(long)]
    name: TokenName,
    /// viewer: looks; guest: sends media for a session of its own; operator: everything
    #[arg(long)]
    role: Role,
    /// How long it is good (30d, 12h, 45m), or its last day (2026-12-31, UTC); without it: for ever
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// The only session it may touch
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
}

pub(super) fn run(config: &Config, command: TokenCommand, out: &mut dyn Write) -> Result<()> {
    let mut database = Database::open(&database_path(&config.state_dir))?;
    let clock = database.keep_time(Arc::new(SystemClock::default()))?;
    let now = clock.unix_ms();
    match command {
        TokenCommand::Add(arguments) => add(&mut database, arguments, now, out),
        TokenCommand::List => list(&database, clock.certain_unix_ms(), out),
        TokenCommand::Revoke { id } => {
            let token = database.revoke_token(TokenId(id), ACTOR, now)?;
            write_line(out, &format!("token {id} ({}) is revoked", token.name))
        }
    }
}

fn add(
    database: &mut Database,
    arguments: AddArguments,
    now: i64,
    out: &mut dyn Write,
) -> Result<()> {
    let AddArguments { name, role, expires, session } = arguments;
    let expiry = expires.map(|text| expiry(&text)).transpose()?;
    let expires_at = match expiry {
        Some(Expiry::At(at)) => Some(at),
        Some(Expiry::In(_)) | None => None,
    };
    let new = NewToken { name, role, session_id: session, expires_at };
    let (token, secret) = match expiry {
        Some(Expiry::In(span)) => database.add_token_for(new, span, ACTOR, now)?,
        _ => database.add_token(new, ACTOR, now)?,
    };
    write_line(out, secret.reveal())?;
    let until = token.expires_at.map_or("for ever".into(), |at| format!("until {}", utc(at)));
    let notice = format!(
        "This is token {} ({}, {}), good {until}. It is not shown again.",
        token.id,
        token.name,
        token.role.name()
    );
    write_line(out, &notice)
}

fn list(database: &Database, certain_ms: i64, out: &mut dyn Write) -> Result<()> {
    let book = database.token_book()?;
    let mut rows = vec![
        ["ID", "NAME", "ROLE", "SESSION", "CREATED (UTC)", "EXPIRES (UTC)", "STATE"]
            .map(str::to_owned),
    ];
    rows.extend(
        database
            .tokens()?
            .iter()
            .map(|token| row(token, book.still_valid(token.id, certain_ms))),
    );
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 7] = std::array::from_fn(|column| width(column).unwrap_or_default());
    for row in &rows {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        write_line(out, cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(token: &Token, good: std::result::Result<(), Denied>) -> [String; 7] {
    let state = match good {
        Ok(()) => "good",
        Err(Denied::Revoked) => "revoked",
        Err(Denied::Expired | Denied::Unknown) => "expired",
    };
    [
        token.id.to_string(),
        shown(&token.name).into_owned(),
        token.role.name().into(),
        shown(token.session_id.as_deref().unwrap_or("any")).into_owned(),
        utc(token.created_at),
        token.expires_at.map_or_else(|| "never".into(), utc),
        state.into(),
    ]
}

/// A time as people read it, to the minute.
pub(super) fn utc(unix_ms: i64) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{unix_ms} ms"),
    }
}

/// Expiry of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expiry {
    /// The end of a day, unix ms.
    At(i64),
    /// A span of whole days, hours or minutes from now.
    In(Duration),
}

fn expiry(text: &str) -> Result<Expiry> {
    let refuse = || {
        let what = format!(
            "--expires must be a span such as 30d, 12h or 45m, or a day such as 2026-12-31, is \
             {text:?}"
        );
        Error::new(ErrorKind::InvalidInput, what)
    };
    if let Ok(day) = text.parse::<Date>() {
        let end =
            day.tomorrow().and_then(|next| TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)));
        return Ok(Expiry::At(end.map_err(|_| refuse())?.as_millisecond()));
    }
    let unit = text.chars().last().ok_or_else(refuse)?;
    let minutes: u64 = match unit {
        'd' => 24 * 60,
        'h' => 60,
        'm' => 1,
        _ => return Err(refuse()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
    let span = count.checked_mul(minutes).and_then(|minutes| minutes.checked_mul(60));
    let seconds = span.filter(|s| (1..=LONGEST_S).contains(s)).ok_or_else(refuse)?;
    Ok(Expiry::In(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_given_length_and_a_day_ends_at_midnight_utc() {
        let span = |minutes: u64| Expiry::In(Duration::from_secs(minutes * 60));
        assert_eq!(expiry("30d").unwrap(), span(30 * 24 * 60));
        assert_eq!(expiry("12h").unwrap(), span(12 * 60));
        assert_eq!(expiry("45m").unwrap(), span(45));
        let Expiry::At(end) = expiry("2026-12-31").unwrap() else { panic!("a day") };
        assert_eq!(utc(end), "2027-01-01 00:00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let wrong =
            ["", "d", "0d", "-3d", "30", "30 d", "1.5h", "2026-02-30", "99999999999999d"];
        for text in wrong.into_iter().chain(["9223372036854775807m", "5日"]) {
            let error = expiry(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
