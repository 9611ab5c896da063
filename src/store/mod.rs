//! What boothd remembers over a restart: tokens, sessions with their consent, and who did what.
//!
//! The thread `store` is the sole owner of the daemon's connection to `state.dir/boothd.db`;
//! everyone else holds a [`Store`] and asks. What was answered with `Ok` is on the disk. Must
//! not hold a metric as it happens, a picture, a sound, or a secret in the clear.

mod audit;
mod cleanup;
mod database;
mod fault;
mod handle;
mod session;
mod thread;
mod token;
mod token_book;
mod token_file;

use std::{path::PathBuf, time::Duration};

pub use audit::AuditEntry;
pub use database::Database;
pub use handle::{Store, StoreThread};
pub use session::{NewSession, SessionRecord, SessionState, StreamKind};
pub use token::{NewToken, Role, Token, TokenId};
pub use token_book::{Denied, TokenBook};
pub(crate) use token_file::random_hex;
pub use token_file::{Secret, TokenHash, load_or_make_token};

/// The database's name in `state.dir`.
pub const DATABASE_FILE: &str = "boothd.db";

/// How long what is remembered is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreConfig {
    /// Age at which a session that is over is deleted, with its consent and its summary.
    pub retention: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig { retention: DAY * 90 }
    }
}

/// The database of a booth that keeps its state in `state_dir`.
pub fn database_path(state_dir: &std::path::Path) -> PathBuf {
    state_dir.join(DATABASE_FILE)
}

/// A duration as the `_at` columns count it.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
