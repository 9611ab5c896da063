//! The archive's schema: it fits the alerts and the metrics.

use rusqlite::Connection;

const WHOLE: &str = include_str!("../../src/fleet/archive/schema.sql");

#[test]
fn each_kind_of_alert_fits_its_table() {
    let database = Connection::open_in_memory().expect("opens");
    database.execute_batch(WHOLE).expect("SQL");
    let booth = "INSERT INTO booth (booth_id, site, booth, first_seen_at, last_seen_at)
                 VALUES (1, 'hq', 'one', 1, 1)";
    database.execute(booth, []).expect("a booth");
    let put = |kind: &str| {
        let insert =
            "INSERT INTO alert (booth_id, kind, since_at, detail) VALUES (1, ?1, 11, 'd')";
        database.execute(insert, [kind])
    };
    for kind in boothd::fleet::AlertKind::ALL {
        put(kind.name()).expect("every kind of today");
    }
    put("unknown").expect_err("no other kind");
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
