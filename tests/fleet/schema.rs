//! The archive's schema: an upgraded file is the same as a new one.

use rusqlite::Connection;

const WHOLE: &str = include_str!("../../src/fleet/archive/schema.sql");
const UPGRADES: &[&str] = &[
    include_str!("../../src/fleet/archive/upgrade/0001_booths_minutes_records_alerts.sql"),
    include_str!("../../src/fleet/archive/upgrade/0002_board_alerts.sql"),
    include_str!("../../src/fleet/archive/upgrade/0003_policy_and_light_alerts.sql"),
    include_str!("../../src/fleet/archive/upgrade/0004_operations.sql"),
];

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
fn an_upgrade_keeps_the_alerts_and_admits_the_new_kinds() {
    let database = Connection::open_in_memory().expect("opens");
    database.pragma_update(None, "foreign_keys", true).expect("a pragma");
    database.execute_batch(UPGRADES[0]).expect("SQL");
    let put = |kind: &str, since: i64| {
        let insert =
            "INSERT INTO alert (booth_id, kind, since_at, detail) VALUES (1, ?1, ?2, 'd')";
        database.execute(insert, (kind, since))
    };
    let booth = "INSERT INTO booth (booth_id, site, booth, first_seen_at, last_seen_at)
                 VALUES (1, 'hq', 'one', 1, 1)";
    database.execute(booth, []).expect("a booth");
    put("offline", 7).expect("an old kind");
    assert!(put("board", 8).is_err(), "version 1 does not know it");
    database.execute_batch(UPGRADES[1]).expect("SQL");
    put("board", 8).expect("the new kind");
    assert!(put("light", 9).is_err(), "version 2 does not know it");
    database.execute_batch(UPGRADES[2]).expect("SQL");
    put("light", 9).expect("the new kind");
    put("policy", 10).expect("the new kind");
    assert!(put("analysis", 11).is_err(), "version 3 does not know it");
    database.execute_batch(UPGRADES[3]).expect("SQL");
    for kind in boothd::fleet::AlertKind::ALL {
        if !["offline", "board", "light", "policy"].contains(&kind.name()) {
            put(kind.name(), 11).expect("every kind of today");
        }
    }
    database.execute("DELETE FROM alert WHERE since_at = 11", []).expect("SQL");
    let ask = "SELECT group_concat(alert_id || kind || since_at) FROM alert";
    let kept: String = database.query_row(ask, [], |row| row.get(0)).expect("rows");
    assert_eq!(kept, "1offline7,2board8,3light9,4policy10");
}

#[test]
fn each_column_of_minutes_is_a_metrics() {
    use boothd::fleet::Modality;
    let database = Connection::open_in_memory().expect("opens");
    database.execute_batch(WHOLE).expect("SQL");
    for modality in [Modality::Video, Modality::Audio] {
        let ask = format!("SELECT name FROM pragma_table_info('{}')", modality.table());
        let mut ask = database.prepare(&ask).expect("SQL");
        let columns = ask.query_map([], |row| row.get::<_, String>(0)).expect("readable");
        let columns: Vec<_> = columns.map(|name| name.expect("a name")).collect();
        let metrics: Vec<_> = modality.minutes().map(|(_, column)| column).collect();
        for column in &columns[4..] {
            assert!(metrics.contains(&&**column), "no metric fills {column}");
        }
    }
}
