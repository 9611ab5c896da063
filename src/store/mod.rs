//! Persistent state: tokens, sessions with their consent and their metrics, events, the audit log
//! and the outbox.
//!
//! The thread `store` is the sole owner of the daemon's connection to `state.dir/boothd.db`;
//! other threads hold a [`Store`]. A request answered with `Ok` is on the disk; the metrics of a
//! running session are written in batches. Must not hold a picture, a sound, or a secret in the
//! clear.

mod fault;
mod owner;
mod random;
mod opening_name;
mod file;
mod scrub;
mod metric;
mod opening;
mod pending;
mod retention;
mod standing;
mod database;
mod cleanup;
mod outbox;
mod epoch;
mod audit;
mod erase;
mod event;
mod recording;
mod restore;
mod set_aside;
mod token_file;
mod token;
mod session;
mod export;
mod token_book;
mod worker;
mod handle;

use std::{path::PathBuf, time::Duration};

pub use audit::{AuditEntry, AuditQuery};
pub use database::Database;
pub use erase::{EraseReceipt, EraseTarget};
pub use event::EventRecord;
pub use export::Export;
pub(crate) use fault::{at_start, is_disks};
pub(crate) use file::{
    Column, Schema, add_columns, check, clear_log, connect, copy, give_back_pages,
};
pub use handle::{Store, StoreThread};
pub use metric::{MetricRow, Modality};
pub(crate) use opening::{connect_first, note as note_opening};
pub use outbox::{OutboxLimits, OutboxRow, OutboxState};
pub use owner::StateOwner;
pub(crate) use random::random_hex;
pub use recording::{History, Series};
pub use restore::restore;
pub(crate) use restore::{has_table, put_back};
pub(crate) use scrub::zero_unallocated;
pub use session::{NewSession, SessionEnd, SessionRecord, SessionState, StreamKind};
pub use set_aside::{MAX_LISTED, SetAside, SetAsideRow};
pub(crate) use standing::{Found, Saved, Standing, kept_beside, let_go};
pub use token::{NewToken, Role, Token, TokenId};
pub use token_book::{Denied, TokenBook};
pub use token_file::{
    Secret, TokenHash, credential, keep_token, load_or_make_token, token_of_credential,
};
pub(crate) use token_file::{faults_of_token, without_bom};

/// The database's name in `state.dir`.
pub const DATABASE_FILE: &str = "boothd.db";

/// Retention: maximum age and size of the stored data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreConfig {
    /// Age at which a session that is over is deleted, with its consent and its metrics.
    pub retention: Duration,
    /// The database's size at which the oldest sessions' metrics are deleted before their time.
    pub max_bytes: u64,
    /// How long metrics of a running session may wait in memory; a power cut loses them.
    pub flush_interval: Duration,
    /// Limits of the outbox; `None`: there is no fleet server, and the outbox stays empty.
    pub outbox: Option<OutboxLimits>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            retention: DAY * 90,
            max_bytes: 1 << 30,
            flush_interval: Duration::from_secs(120),
            outbox: None,
        }
    }
}

/// The database of a booth that keeps its state in `state_dir`.
pub fn database_path(state_dir: &std::path::Path) -> PathBuf {
    state_dir.join(DATABASE_FILE)
}

/// What the database and its log take on the disk of `state_dir`, bytes; `None` where there is
/// none to be seen.
pub fn size_on_disk(state_dir: &std::path::Path) -> Option<u64> {
    let size = |ending: &str| {
        std::fs::metadata(state_dir.join(format!("{DATABASE_FILE}{ending}"))).map(|m| m.len())
    };
    Some(size("").ok()? + size("-wal").unwrap_or(0))
}

/// A duration as the `_at` columns count it.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// JSON of a column whose CHECK guarantees valid JSON.
fn json(text: &str) -> rusqlite::Result<serde_json::Value> {
    serde_json::from_str(text).map_err(|cause| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(cause))
    })
}
