//! `boothd outbox`: messages that the broker refused. Works on the database itself, so also while
//! the daemon runs, which sees a change within a second.

use std::io::Write;

use clap::Subcommand;

use super::{write_json, write_line};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    error::Result,
    store::{Database, MAX_LISTED, database_path},
};

/// Actor in the audit log.
const ACTOR: &str = "command line";

/// `boothd outbox`
#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List the messages that the broker refused, one JSON line each, oldest first
    List,
    /// Let them wait for the broker again
    SendAgain {
        /// Their outbox_id; without one all of them
        ids: Vec<i64>,
    },
}

pub(super) fn run(config: &Config, command: OutboxCommand, out: &mut dyn Write) -> Result<()> {
    let mut database = Database::open(&database_path(&config.state_dir))?;
    match command {
        OutboxCommand::List => {
            database.rows_set_aside(MAX_LISTED)?.iter().try_for_each(|row| write_json(out, row))
        }
        OutboxCommand::SendAgain { ids } => {
            let ids = (!ids.is_empty()).then_some(&*ids);
            let now = SystemClock::default().unix_ms();
            let rows = database.send_again(ids, ACTOR, now)?;
            write_line(out, &format!("{rows} messages wait for the broker again"))
        }
    }
}
