//! `boothd audit`: lists the audit log, newest first. Reads the database itself, so also while the daemon
//! runs.

use std::io::Write;

use clap::Args;

use super::{token::utc, write_line};
use crate::{
    config::Config,
    error::Result,
    names::shown,
    store::{AuditEntry, AuditQuery, Database, database_path},
};

/// `boothd audit`
#[derive(Args, Debug)]
pub(super) struct AuditArguments {
    /// Entries at most, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only those before the entry of this number: for the next part
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// Only those of this actor: a token's name, operator, boothd, mqtt or "command line"
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only those of this action, such as token.add
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
}

/// Prints a line an entry.
pub(super) fn run(
    config: &Config,
    arguments: AuditArguments,
    out: &mut dyn Write,
) -> Result<()> {
    let AuditArguments { limit, before, actor, action } = arguments;
    let database = Database::open(&database_path(&config.state_dir))?;
    let query = AuditQuery { limit, before, actor, action };
    for entry in database.audit_part(&query)? {
        write_line(out, line(&entry).trim_end())?;
    }
    Ok(())
}

fn line(entry: &AuditEntry) -> String {
    let AuditEntry { audit_id, at, actor, action, object, detail } = entry;
    let [actor, object, detail] = [actor, object, detail].map(|text| shown(text));
    format!("{audit_id}  {}  {actor}  {action}  {object}  {detail}", utc(*at))
}
