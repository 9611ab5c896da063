//! `boothd fleet`: the fleet server, and erasing at it.

use std::{io::Write, sync::Arc};

use clap::{Args, Subcommand};

use super::write_json;
use crate::{
    app,
    clock::{Clock, SystemClock},
    config::{Config, Loaded},
    error::{Error, ErrorKind, Result},
    fleet::{BoothKey, FleetEraseTarget, archive_path, erase_by_command},
    store::{Database, database_path, random_hex},
};

/// Actor in the audit log.
const ACTOR: &str = "command line";

/// Random bytes in a receipt's number.
const RECEIPT_BYTES: usize = 8;

/// `boothd fleet`
#[derive(Args, Debug)]
pub(super) struct FleetArguments {
    #[command(subcommand)]
    command: Option<FleetCommand>,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// Erase a session, or all of a subject, at the fleet server, and order the booths to do the
    /// same; prints a receipt. Works beside the running server
    Erase(EraseArguments),
}

/// `boothd fleet erase`
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct EraseArguments {
    /// A session: SITE/BOOTH/ID, as the page and /api/v1/fleet/sessions show them
    #[arg(long, value_name = "SITE/BOOTH/ID")]
    session: Option<String>,
    /// Every session of this subject, by the reference that it was begun with
    #[arg(long, value_name = "REF")]
    subject: Option<String>,
}

pub(super) fn run(
    loaded: &Loaded,
    arguments: FleetArguments,
    out: &mut dyn Write,
) -> Result<()> {
    match arguments.command {
        None => app::run_fleet(loaded, Arc::new(SystemClock::default()), out),
        Some(FleetCommand::Erase(arguments)) => erase(&loaded.config, arguments, out),
    }
}

/// The audit log has the receipt before anything is erased.
fn erase(config: &Config, arguments: EraseArguments, out: &mut dyn Write) -> Result<()> {
    let target = target(arguments)?;
    let now = SystemClock::default().unix_ms();
    let receipt_id = random_hex(RECEIPT_BYTES);
    let object = format!("receipt {receipt_id}");
    let database = Database::open(&database_path(&config.state_dir))?;
    let note =
        |detail: &str| database.audit_by_command(now, ACTOR, ["fleet.erase", &object, detail]);
    note("begun")?;
    let path = archive_path(&config.state_dir);
    let erased = erase_by_command(&path, &target, &receipt_id, now);
    note(&erased.as_ref().map_or_else(|_| "nothing was erased".into(), |r| r.summary()))?;
    write_json(out, &erased?)
}

fn target(arguments: EraseArguments) -> Result<FleetEraseTarget> {
    let refused = || {
        let what = "give what to erase: --session SITE/BOOTH/ID or --subject REF";
        Error::new(ErrorKind::InvalidInput, what)
    };
    if let Some(subject) = arguments.subject {
        return Ok(FleetEraseTarget::Subject(subject));
    }
    let session = arguments.session.ok_or_else(refused)?;
    let mut parts = session.splitn(3, '/').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(site), Some(booth), Some(session_id)) => {
            Ok(FleetEraseTarget::Session(BoothKey { site, booth }, session_id))
        }
        _ => Err(refused()),
    }
}
