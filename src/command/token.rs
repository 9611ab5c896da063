//! `boothd token`: who may open a door. Works on the database itself, so also while the daemon
//! runs, which sees a change within a second.

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::write_line;
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    error::{Error, ErrorKind, Result},
    names::SessionId,
    store::{Database, Denied, NewToken, Role, Token, TokenId, database_path},
};

/// Who the audit log says it was.
const ACTOR: &str = "command line";

/// `boothd token`
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; its secret is shown this once
    Add(AddArguments),
    /// List every token, without its secret, which nobody keeps
    List,
    /// Take a token back, for good; whoever uses it is cut off within a second
    Revoke {
        /// Its number, as `boothd token list` shows it
        id: i64,
    },
}

/// `boothd token add`
#[derive(Args, Debug)]
pub(super) struct AddArguments {
    /// Whose it is
    #[arg(long)]
    name: String,
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
    let now = SystemClock::default().unix_ms();
    let mut database = Database::open(&database_path(&config.state_dir))?;
    match command {
        TokenCommand::Add(arguments) => add(&mut database, arguments, now, out),
        TokenCommand::List => list(&database, now, out),
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
    let expires_at = expires.map(|text| expiry(&text, now)).transpose()?;
    let new = NewToken { name, role, session_id: session, expires_at };
    let (token, secret) = database.add_token(new, ACTOR, now)?;
    write_line(out, secret.reveal())?;
    let until = token.expires_at.map_or("for ever".into(), |at| format!("until {}", utc(at)));
    let told = format!(
        "This is token {} ({}, {}), good {until}. It is not shown again.",
        token.id,
        token.name,
        token.role.name()
    );
    write_line(out, &told)
}

fn list(database: &Database, now: i64, out: &mut dyn Write) -> Result<()> {
    let mut rows = vec![
        ["ID", "NAME", "ROLE", "SESSION", "CREATED (UTC)", "EXPIRES (UTC)", "STATE"]
            .map(str::to_owned),
    ];
    rows.extend(database.tokens()?.iter().map(|token| row(token, now)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 7] = std::array::from_fn(|column| width(column).unwrap_or_default());
    for row in &rows {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        write_line(out, cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(token: &Token, now: i64) -> [String; 7] {
    let state = match token.good_at(now) {
        Ok(()) => "good",
        Err(Denied::Revoked) => "revoked",
        Err(Denied::Expired | Denied::Unknown) => "expired",
    };
    [
        token.id.to_string(),
        token.name.clone(),
        token.role.name().into(),
        token.session_id.clone().unwrap_or_else(|| "any".into()),
        utc(token.created_at),
        token.expires_at.map_or_else(|| "never".into(), utc),
        state.into(),
    ]
}

/// A time as people read it, to the minute.
fn utc(unix_ms: i64) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{unix_ms} ms"),
    }
}

/// From when on a token opens nothing: a span of whole days, hours or minutes from now, or the
/// end of a day.
fn expiry(text: &str, now: i64) -> Result<i64> {
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
        return Ok(end.map_err(|_| refuse())?.as_millisecond());
    }
    let unit = text.chars().last().ok_or_else(refuse)?;
    let minutes: i64 = match unit {
        'd' => 24 * 60,
        'h' => 60,
        'm' => 1,
        _ => return Err(refuse()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
    let span = count.checked_mul(minutes).and_then(|minutes| minutes.checked_mul(60));
    let span = SignedDuration::from_secs(span.filter(|s| *s > 0).ok_or_else(refuse)?);
    let now = Timestamp::from_millisecond(now).map_err(|_| refuse())?;
    Ok(now.checked_add(span).map_err(|_| refuse())?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T12:00:00Z
    const NOON: i64 = 1_795_521_600_000;

    #[test]
    fn a_span_counts_from_now_and_a_day_ends_at_midnight_utc() {
        let told = |text| utc(expiry(text, NOON).unwrap());
        assert_eq!(told("30d"), "2026-12-24 12:00");
        assert_eq!(told("12h"), "2026-11-25 00:00");
        assert_eq!(told("45m"), "2026-11-24 12:45");
        assert_eq!(told("2026-12-31"), "2027-01-01 00:00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let wrong =
            ["", "d", "0d", "-3d", "30", "30 d", "1.5h", "2026-02-30", "99999999999999d"];
        for text in wrong.into_iter().chain(["9223372036854775807m", "5日"]) {
            let error = expiry(text, NOON).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
