use tempfile::TempDir;

use super::*;

const FIRST: Schema = Schema {
    whole: "CREATE TABLE row (a INTEGER) STRICT",
    upgrades: &[],
    add_columns: |_| Ok(()),
    page_bytes: 1024,
};

const NEXT: Schema = Schema {
    whole: "CREATE TABLE row (a INTEGER, b INTEGER) STRICT",
    upgrades: &["ALTER TABLE row ADD COLUMN b INTEGER"],
    ..FIRST
};

fn version_and_table(connection: &Connection) -> (u32, String) {
    let ask = "SELECT sql FROM sqlite_schema";
    let table = connection.query_row(ask, [], |row| row.get(0)).unwrap();
    (version(connection).unwrap(), table)
}

#[test]
fn a_file_of_an_older_version_becomes_the_same_as_a_new_one() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let first = connect(&old, &FIRST).unwrap();
    assert_eq!(version(&first).unwrap(), FIRST_VERSION);
    first.execute("INSERT INTO row VALUES (7)", []).unwrap();
    drop(first);
    let upgraded = connect(&old, &NEXT).unwrap();
    let found = version_and_table(&upgraded);
    assert_eq!(found, version_and_table(&connect(&new, &NEXT).unwrap()));
    assert_eq!(found.0, FIRST_VERSION + 1);
    let kept: i64 = upgraded.query_row("SELECT a FROM row", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 7);
}

#[test]
fn a_file_of_an_unreleased_or_a_newer_version_is_refused_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("boothd.db");
    drop(connect(&path, &NEXT).unwrap());
    let newer = connect(&path, &FIRST).expect_err("is of a newer boothd");
    assert!(newer.to_string().contains("install the newer boothd again"), "{newer}");
    let file = Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", FIRST_VERSION - 1).unwrap();
    drop(file);
    let older = connect(&path, &NEXT).expect_err("was never released");
    assert_eq!(older.kind(), ErrorKind::Config);
    assert!(older.to_string().contains("move it"), "{older}");
}
