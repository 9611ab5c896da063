//! `boothd export`, `erase` and `backup`: what is kept, for whoever answers for it. They work on
//! the database itself, so also while the daemon runs.

use std::{io::Write, path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};

use super::{write_json, write_line};
use crate::{
    clock::SystemClock,
    config::Config,
    error::{Error, ErrorKind, Result},
    store::{Database, EraseTarget, database_path},
};

/// Who the audit log says it was.
const ACTOR: &str = "command line";

/// `boothd export`
#[derive(Args, Debug)]
pub(super) struct ExportArguments {
    /// The session's id, as the page and /api/v1/sessions show it
    session: String,
    /// json: all that is kept; csv: the metrics, one line a second
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Csv,
}

/// `boothd erase`
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct EraseArguments {
    /// A session's id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Every session of this subject, by the reference that it was begun with
    #[arg(long, value_name = "REF")]
    subject: Option<String>,
}

/// `boothd backup`
#[derive(Args, Debug)]
pub(super) struct BackupArguments {
    /// The copy, a file that is not there yet
    file: PathBuf,
}

/// Prints all that is kept of a session; what a running daemon still holds in memory, up to
/// `store.flush_s` of a session that runs, is not among it.
pub(super) fn export(
    config: &Config,
    arguments: &ExportArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let database = Database::open(&database_path(&config.state_dir))?;
    let ExportArguments { session, format } = arguments;
    let export = database.export(session)?.ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("there is no session {session}"))
    })?;
    match format {
        Format::Json => write_json(out, &export),
        Format::Csv => write!(out, "{}", export.to_csv()).map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "the output cannot be written").because(cause)
        }),
    }
}

/// Erases, and prints the receipt.
pub(super) fn erase(
    config: &Config,
    arguments: EraseArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let EraseArguments { session, subject } = arguments;
    let target = match (session, subject) {
        (Some(session), _) => EraseTarget::Session(session),
        (None, Some(subject)) => EraseTarget::Subject(subject),
        (None, None) => {
            let what = "say what to erase: --session ID or --subject REF";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
    };
    let mut database = Database::open(&database_path(&config.state_dir))?;
    let has_desk = config.store.outbox.is_some();
    let clock = Arc::new(SystemClock::default());
    let receipt = database.erase_by_command(&target, ACTOR, (has_desk, clock))?;
    write_json(out, &receipt)
}

/// Copies the database as it is now.
pub(super) fn backup(
    config: &Config,
    arguments: &BackupArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let database = Database::open(&database_path(&config.state_dir))?;
    database.back_up(&arguments.file)?;
    write_line(out, &format!("the database is copied to {}", arguments.file.display()))
}
