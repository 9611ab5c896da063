//! The name that a start of the daemon gives a database: a row of the table `opening`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::random::random_hex;
use crate::error::Result;

/// Bytes of randomness in the name of an opening.
pub(super) const OPENING_BYTES: usize = 16;

/// Stands for a database that has no name yet.
pub(super) const UNNAMED: &str = "none";

/// Gives a copy a name that no log knows.
///
/// # Errors
/// `Unavailable`.
pub(super) fn rename(copy: &Path) -> Result<()> {
    let connection = Connection::open(copy)?;
    connection.pragma_update(None, "synchronous", "full")?;
    give(&connection, &random_hex(OPENING_BYTES))
}

pub(super) fn give(connection: &Connection, name: &str) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("DELETE FROM opening", [])?;
    transaction.execute("INSERT INTO opening (opening_id) VALUES (?1)", [name])?;
    Ok(transaction.commit()?)
}

pub(super) fn name(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let ask = "SELECT opening_id FROM opening";
    connection.query_row(ask, [], |row| row.get(0)).optional()
}

/// The name in the database itself, without its log.
pub(super) fn name_without_log(path: &Path) -> Option<String> {
    let address = immutable(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address, flags).ok()?;
    let ask = "SELECT count(*) FROM sqlite_schema WHERE name = 'opening'";
    let has_names: bool = connection.query_row(ask, [], |row| row.get(0)).ok()?;
    if !has_names {
        return Some(UNNAMED.into());
    }
    Some(name(&connection).ok()?.unwrap_or_else(|| UNNAMED.into()))
}

/// SQLite's address of a file that it reads without its log and locks nothing of.
fn immutable(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                address.push(char::from(*byte));
            }
            _ => write!(address, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    address + "?immutable=1"
}
