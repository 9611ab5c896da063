//! Overwrites the unallocated part of database pages.
//!
//! `secure_delete` zeroes what a deleted row occupied. When SQLite moves rows within a page or to
//! another one, their former place becomes part of the gap between the page's cell pointers and
//! its cells and keeps its bytes; a row that is deleted later would survive there.

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of the file header, which stands before the b-tree of page 1.
const FILE_HEADER: usize = 100;

/// Overwrites the gaps of all tables and indexes but those of `except`; how many pages changed.
/// Call it in the transaction that deletes.
///
/// # Errors
/// `Unavailable` when the disk fails; `Config` when a page is not one of a b-tree: the file is
/// damaged.
pub(crate) fn zero_unallocated(connection: &Connection, except: &[&str]) -> Result<usize> {
    let mut names = connection.prepare_cached(B_TREES)?;
    let names: Vec<(String, String)> = names
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut changed = 0;
    for (name, _) in names.iter().filter(|(_, table)| !except.contains(&&**table)) {
        let pages: Vec<i64> = connection
            .prepare_cached(PAGES)?
            .query_map([name], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for page in pages {
            changed += usize::from(zero_gap(connection, page)?);
        }
    }
    Ok(changed)
}

/// Whether the page was changed.
fn zero_gap(connection: &Connection, page: i64) -> Result<bool> {
    let mut read =
        connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let mut data: Vec<u8> = read.query_row([page], |row| row.get(0))?;
    let header = if page == 1 { FILE_HEADER } else { 0 };
    let gap = gap(&data, header).and_then(|(from, until)| data.get_mut(from..until));
    let Some(gap) = gap else {
        let what = format!("page {page} of the database is damaged; restore a back-up");
        return Err(Error::new(ErrorKind::Config, what));
    };
    if gap.iter().all(|byte| *byte == 0) {
        return Ok(false);
    }
    gap.fill(0);
    let write = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
    connection.prepare_cached(write)?.execute((page, data))?;
    Ok(true)
}

/// From the end of the cell pointers to the first cell
/// (<https://www.sqlite.org/fileformat2.html#b_tree_pages>).
fn gap(data: &[u8], header: usize) -> Option<(usize, usize)> {
    let number = |at: usize| {
        let bytes = data.get(header + at..header + at + 2)?;
        Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let size = match data.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    // 0 stands for 65536.
    let cells = number(5)?.checked_sub(1).map_or(1 << 16, |start| start + 1);
    Some((header + size + 2 * number(3)?, cells))
}

const B_TREES: &str = "\
    SELECT name, tbl_name FROM sqlite_schema WHERE rootpage > 0
    UNION ALL SELECT 'sqlite_schema', 'sqlite_schema'";

/// An overflow page has no gap: it is zeroed as a whole when it becomes free.
const PAGES: &str = "SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype <> 'overflow'";

#[cfg(test)]
mod tests {
    use super::*;

    fn pages_with(connection: &Connection, words: &str) -> usize {
        let mut read = connection.prepare("SELECT data FROM sqlite_dbpage").unwrap();
        let pages: Vec<Vec<u8>> =
            read.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect();
        pages
            .iter()
            .filter(|page| page.windows(words.len()).any(|bytes| bytes == words.as_bytes()))
            .count()
    }

    /// Rows that grew and shrank, so that SQLite moved them, and were then deleted but for a few.
    fn with_moved_rows(longest: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let batch = "PRAGMA page_size = 1024; PRAGMA secure_delete = on;
            CREATE TABLE row (name TEXT PRIMARY KEY, words TEXT) STRICT;";
        connection.execute_batch(batch).unwrap();
        let name = |k: usize| format!("subject-{k:03}-{}", "x".repeat(k * 37 % 90));
        for k in (0..200).map(|k| k * 77 % 200) {
            connection.execute("INSERT INTO row VALUES (?1, '')", [name(k)]).unwrap();
        }
        for turn in 0..600 {
            let words = "y".repeat(turn * 131 % longest);
            let set = "UPDATE row SET words = ?2 WHERE name = ?1";
            connection.execute(set, (name(turn % 200), words)).unwrap();
        }
        for k in (0..200).map(|k| k * 131 % 200).filter(|k| k % 10 != 7) {
            connection.execute("DELETE FROM row WHERE name = ?1", [name(k)]).unwrap();
        }
        connection
    }

    #[test]
    fn copies_of_rows_that_were_moved_are_overwritten() {
        let mut found = 0;
        for longest in (150..600).step_by(50) {
            let connection = with_moved_rows(longest);
            let copies = || -> usize {
                let deleted = (0..200).filter(|k| k % 10 != 7);
                deleted.map(|k| pages_with(&connection, &format!("subject-{k:03}"))).sum()
            };
            let (before, copies_before) = (rows(&connection), copies());
            zero_unallocated(&connection, &["row"]).unwrap();
            assert_eq!(copies(), copies_before, "not of this table");
            zero_unallocated(&connection, &[]).unwrap();
            assert_eq!(copies(), 0);
            assert_eq!(zero_unallocated(&connection, &[]).unwrap(), 0, "once is enough");
            assert_eq!(rows(&connection), before);
            let check = "PRAGMA integrity_check";
            let check: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok");
            found += copies_before;
        }
        assert!(found > 0, "SQLite leaves some");
    }

    fn rows(connection: &Connection) -> Vec<String> {
        let mut ask =
            connection.prepare("SELECT name || words FROM row ORDER BY name").unwrap();
        ask.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect()
    }

    #[test]
    fn a_page_that_is_none_of_a_b_tree_is_an_error() {
        assert_eq!(gap(&[0; 4096], 0), None);
        let mut page = [0; 4096];
        page[0] = 13;
        assert_eq!(gap(&page, 0), Some((8, 1 << 16)), "as of a page of 65536 bytes");
    }
}
