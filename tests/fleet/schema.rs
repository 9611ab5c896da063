//! The archive's schema: an upgraded file is the same as a new one.

use rusqlite::Connection;

const WHOLE: &str = include_str!("../../src/fleet/archive/schema.sql");
const UPGRADES: &[&str] =
    &[include_str!("../../src/fleet/archive/upgrade/0001_booths_minutes_records_alerts.sql")];

/// Every table and index, without comments and white space.
fn shape(database: &Connection) -> Vec<(String, String, Option<String>)> {
    let ask = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
    let mut ask = database.prepare(ask).expect("SQL");
    let bare = |sql: String| {
        let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        lines.flat_map(str::split_whitespace).collect::<String>()
    };
    let rows = ask.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.map(bare)))
    });
    rows.expect("readable").collect::<rusqlite::Result<_>>().expect("rows")
}

#[test]
fn the_upgrades_make_the_same_as_the_whole() {
    let made = |steps: &[&str]| {
        let database = Connection::open_in_memory().expect("opens");
        steps.iter().for_each(|step| database.execute_batch(step).expect("SQL"));
        shape(&database)
    };
    assert_eq!(made(&[WHOLE]), made(UPGRADES));
}

#[test]
fn the_columns_of_minutes_are_the_metrics() {
    use boothd::fleet::Modality;
    let database = Connection::open_in_memory().expect("opens");
    database.execute_batch(WHOLE).expect("SQL");
    for modality in [Modality::Video, Modality::Audio] {
        let ask = format!("SELECT name FROM pragma_table_info('{}')", modality.table());
        let mut ask = database.prepare(&ask).expect("SQL");
        let columns = ask.query_map([], |row| row.get::<_, String>(0)).expect("readable");
        let columns: Vec<_> = columns.map(|name| name.expect("a name")).collect();
        let metrics: Vec<_> = modality.metrics().iter().map(|metric| metric.column).collect();
        assert_eq!(columns[4..], metrics);
    }
}
