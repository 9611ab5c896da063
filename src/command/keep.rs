//! `boothd export`, `erase`, `backup` and `restore`: export, erase or back up recorded data. They
//! work on the database itself, all but `restore` also while the daemon runs.

use std::{io::Write, path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};

use super::{write_json, write_line};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    error::{Error, ErrorKind, Result},
    fleet,
    store::{self, Database, EraseTarget, StateOwner, database_path},
};

/// Actor in the audit log.
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
    /// Copy the archive of the fleet server (fleet.db) instead
    #[arg(long)]
    archive: bool,
}

/// `boothd restore`
#[derive(Args, Debug)]
pub(super) struct RestoreArguments {
    /// A file made by `boothd backup`, of a booth or (--archive) of the fleet server
    file: PathBuf,
}

/// Prints all stored data of a session, without the rows that a running daemon still holds in
/// memory (up to `store.flush_s`).
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
            let what = "give what to erase: --session ID or --subject REF";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
    };
    let mut database = Database::open(&database_path(&config.state_dir))?;
    let has_fleet_server = config.store.outbox.is_some();
    let clock = Arc::new(SystemClock::default());
    let receipt = database.erase_by_command(&target, ACTOR, has_fleet_server, clock)?;
    write_json(out, &receipt)
}

/// Copies the database as it is now.
pub(super) fn backup(
    config: &Config,
    arguments: &BackupArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let BackupArguments { file, archive } = arguments;
    if *archive {
        fleet::back_up(&config.state_dir, file)?;
        return write_line(out, &format!("the archive is copied to {}", file.display()));
    }
    Database::open(&database_path(&config.state_dir))?.back_up(file)?;
    write_line(out, &format!("the database is copied to {}", file.display()))
}

/// Puts a back-up in the place of the database, or of the archive.
pub(super) fn restore(
    config: &Config,
    arguments: &RestoreArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let (file, now) = (&arguments.file, SystemClock::default().unix_ms());
    let _owner = StateOwner::take(&config.state_dir, "boothd restore", now)?;
    let is_archive = fleet::is_archive(file)?;
    let (to, kept) = if is_archive {
        let to = fleet::archive_path(&config.state_dir);
        let kept = fleet::restore(file, &to, now)?;
        (to, kept)
    } else {
        let to = database_path(&config.state_dir);
        let kept = store::restore(file, &to, ACTOR, now)?;
        (to, kept)
    };
    write_line(out, &format!("{} is restored to {}", file.display(), to.display()))?;
    if let Some(kept) = kept {
        let notice = format!(
            "what was there is kept as {} (and -wal); delete it once you no longer need it: it \
             holds interviews",
            kept.display()
        );
        write_line(out, &notice)?;
    }
    let notice = "what was erased or revoked since the back-up was made is back: erase and revoke it \
                again; then start boothd";
    write_line(out, notice)
}
