//! One transaction of the writer. Minutes come before records, so that a record of an erasure finds
//! every earlier minute.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde_json::json;

use super::{
    erase::{self, Tombstones, Verdict},
    inbox::Batch,
    written::Written,
};
use crate::{
    error::{ErrorKind, Result},
    fleet::{
        alert::AlertChange,
        booth::KnownBooth,
        message::{BoothKey, Modality, Record, ReportedStatus},
        minute::Minute,
        state::erased_sessions,
    },
    store,
};

/// Writes everything of the batch.
pub(super) fn write(
    transaction: &mut Transaction<'_>,
    batch: &Batch,
    now: i64,
) -> Result<Written> {
    let mut ids = Ids::default();
    for booth in batch.booths.values() {
        put_booth(transaction, booth)?;
    }
    let tombstones = Tombstones::open(transaction)?;
    for minute in &batch.minutes {
        let session_id = minute.session_id.as_deref().unwrap_or_default();
        if tombstones.holds(transaction, &minute.key, session_id)? {
            continue;
        }
        let booth_id = ids.of(transaction, &minute.key, now)?;
        put_minute(transaction, booth_id, minute)?;
    }
    for change in &batch.alerts {
        let booth_id = ids.of(transaction, &change.key, now)?;
        put_alert(transaction, booth_id, change)?;
    }
    let mut written = Written::default();
    let mut has_deleted = false;
    for (record, _) in &batch.records {
        let booth_id = ids.of(transaction, &record.key, now)?;
        let savepoint = transaction.savepoint()?;
        match take_record(&savepoint, &tombstones, booth_id, record, now) {
            Ok(taken) => {
                savepoint.commit()?;
                *(match taken {
                    Taken::Kept => &mut written.kept,
                    Taken::Repeated => &mut written.repeated,
                    Taken::Erased => &mut written.erased,
                }) += 1;
                let is_erasing = erased_sessions(record).next().is_some();
                has_deleted |= is_erasing;
                written.has_erased |= taken == Taken::Erased;
            }
            // The savepoint takes back what was half done.
            Err(error) if error.kind() == ErrorKind::InvalidInput => written.refused += 1,
            Err(error) => return Err(error),
        }
    }
    for (key, answer) in &batch.answers {
        has_deleted |= erase::take_answer(transaction, key, answer, now)?;
    }
    if has_deleted {
        store::zero_unallocated(transaction, &[])?;
        written.has_erased = true;
    }
    Ok(written)
}

/// What became of a record.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Taken {
    Kept,
    Repeated,
    Erased,
}

fn take_record(
    connection: &Connection,
    tombstones: &Tombstones,
    booth_id: i64,
    record: &Record,
    now: i64,
) -> Result<Taken> {
    match (tombstones.judge(connection, record)?, record.session_id.as_deref()) {
        (Verdict::EraseToo, Some(session_id)) => {
            tombstones.erase_too(connection, &record.key, session_id, now)?;
            Ok(Taken::Erased)
        }
        (Verdict::Drop | Verdict::EraseToo, _) => Ok(Taken::Erased),
        (Verdict::Take, _) if put_record(connection, booth_id, record, now)? => Ok(Taken::Kept),
        (Verdict::Take, _) => Ok(Taken::Repeated),
    }
}

/// The numbers of booths that one transaction has looked up.
#[derive(Default)]
struct Ids(HashMap<BoothKey, i64>);

impl Ids {
    fn of(&mut self, connection: &Connection, key: &BoothKey, now: i64) -> Result<i64> {
        if let Some(id) = self.0.get(key) {
            return Ok(*id);
        }
        let BoothKey { site, booth } = key;
        connection.prepare_cached(INSERT_KEY)?.execute((site, booth, now))?;
        let mut ask = connection.prepare_cached(SELECT_ID)?;
        let id = ask.query_row((site, booth), |row| row.get(0))?;
        self.0.insert(key.clone(), id);
        Ok(id)
    }
}

fn put_booth(connection: &Connection, booth: &KnownBooth) -> Result<()> {
    let BoothKey { site, booth: name } = &booth.key;
    connection.prepare_cached(UPSERT_BOOTH)?.execute((
        site,
        name,
        booth.first_seen_at,
        booth.last_seen_at,
        booth.status.map(status_name),
        booth.since,
        booth.info.as_deref(),
        booth.health.as_deref(),
    ))?;
    Ok(())
}

/// Every booth that is known from before.
pub(super) fn known_booths(connection: &Connection) -> Result<Vec<KnownBooth>> {
    let mut ask = connection.prepare("SELECT * FROM booth")?;
    let rows = ask.query_map([], |row| {
        let status: Option<String> = row.get("said")?;
        Ok(KnownBooth {
            key: BoothKey { site: row.get("site")?, booth: row.get("booth")? },
            first_seen_at: row.get("first_seen_at")?,
            last_seen_at: row.get("last_seen_at")?,
            status: status.and_then(|name| status_of(&name)),
            since: row.get("since_at")?,
            info: row.get("info")?,
            health: row.get("health")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn status_name(status: ReportedStatus) -> &'static str {
    match status {
        ReportedStatus::Online => "online",
        ReportedStatus::Offline => "offline",
        ReportedStatus::Restarting => "restarting",
    }
}

fn status_of(name: &str) -> Option<ReportedStatus> {
    [ReportedStatus::Online, ReportedStatus::Offline, ReportedStatus::Restarting]
        .into_iter()
        .find(|status| status_name(*status) == name)
}

/// A restart of the fleet server splits a minute into two rows: their means are merged by weight.
fn put_minute(connection: &Connection, booth_id: i64, minute: &Minute) -> Result<()> {
    let statement = upsert_minute(minute.modality);
    let mut insert = connection.prepare_cached(&statement)?;
    insert.raw_bind_parameter(1, booth_id)?;
    insert.raw_bind_parameter(2, minute.minute_at)?;
    insert.raw_bind_parameter(3, minute.session_id.as_deref().unwrap_or_default())?;
    insert.raw_bind_parameter(4, minute.samples)?;
    for (k, mean) in minute.means().enumerate() {
        insert.raw_bind_parameter(5 + k, mean)?;
    }
    insert.raw_execute()?;
    Ok(())
}

/// The statement follows the table of metrics, so that the two cannot differ.
fn upsert_minute(modality: Modality) -> String {
    let columns: Vec<_> = modality.minutes().map(|(_, column)| column).collect();
    let places: Vec<_> = (5..5 + columns.len()).map(|k| format!("?{k}")).collect();
    let mut statement = format!(
        "INSERT INTO {} (booth_id, minute_at, session_id, samples, {}) \
         VALUES (?1, ?2, ?3, ?4, {}) ON CONFLICT DO UPDATE SET samples = samples + excluded.samples",
        modality.table(),
        columns.join(", "),
        places.join(", ")
    );
    for column in columns {
        write!(
            statement,
            ", {column} = ifnull(({column} * samples + excluded.{column} * excluded.samples) \
             / (samples + excluded.samples), ifnull({column}, excluded.{column}))"
        )
        .expect("a String takes everything");
    }
    statement
}

fn put_alert(connection: &Connection, booth_id: i64, change: &AlertChange) -> Result<()> {
    let kind = change.kind.name();
    match &change.detail {
        Some(detail) => {
            let row = (booth_id, kind, change.at, detail);
            connection.prepare_cached(RAISE)?.execute(row)?;
        }
        None => drop(connection.prepare_cached(END)?.execute((booth_id, kind, change.at))?),
    }
    Ok(())
}

/// Whether it was new.
fn put_record(
    connection: &Connection,
    booth_id: i64,
    record: &Record,
    now: i64,
) -> Result<bool> {
    let erased: Vec<&str> = erased_sessions(record).collect();
    let data = match &*record.kind {
        "started" | "summary" => None,
        // The names of what was erased are not kept either.
        "event/erased" => {
            let receipt = &record.data["receipt_id"];
            Some(json!({ "receipt_id": receipt, "sessions": erased.len() }).to_string())
        }
        _ => Some(record.data.to_string()),
    };
    let row = (
        (booth_id, &record.boot_id, record.seq, &record.kind),
        (&record.session_id, record.at, now, record.is_clock_set, data),
    );
    let ((a, b, c, d), (e, f, g, h, i)) = row;
    let added =
        connection.prepare_cached(INSERT_RECORD)?.execute((a, b, c, d, e, f, g, h, i))?;
    // Also when it comes again: what came again before it may have brought the session back.
    for session_id in erased {
        erase::forget_session(connection, booth_id, session_id, &mut BTreeMap::new())?;
        erase::end_orders_of(connection, &record.key, session_id, now)?;
    }
    if added == 0 {
        return Ok(false);
    }
    if let Some(session_id) = &record.session_id
        && data_of_session(record)
    {
        put_session(connection, booth_id, session_id, record, now)?;
    }
    Ok(true)
}

fn data_of_session(record: &Record) -> bool {
    matches!(&*record.kind, "started" | "summary")
}

fn put_session(
    connection: &Connection,
    booth_id: i64,
    session_id: &str,
    record: &Record,
    now: i64,
) -> Result<()> {
    let statement = if record.kind == "started" { STARTED } else { SUMMARY };
    // A booth whose clock is not set may report 1970: the session would be deleted at once.
    let listed_at = if record.is_clock_set { record.at } else { now };
    let row = (booth_id, session_id, listed_at, record.at, record.data.to_string());
    connection.prepare_cached(statement)?.execute(row)?;
    Ok(())
}

/// Tables of means with the names of sessions, nearly all of the file: they are searched for copies
/// of rows only when a session is erased.
const MINUTES: &[&str] = &["video_minute", "audio_minute"];

/// Deletes what is older than `before`; how many rows.
pub(super) fn forget(connection: &mut Connection, before: i64) -> Result<usize> {
    let transaction = connection.transaction()?;
    let mut deleted = 0;
    for statement in OLD {
        deleted += transaction.prepare_cached(statement)?.execute([before])?;
    }
    if deleted > 0 {
        store::zero_unallocated(&transaction, MINUTES)?;
    }
    transaction.commit()?;
    store::give_back_pages(connection)?;
    Ok(deleted)
}

/// Whether there is such a booth.
pub(super) fn booth_id(connection: &Connection, key: &BoothKey) -> Result<Option<i64>> {
    let mut ask = connection.prepare_cached(SELECT_ID)?;
    Ok(ask.query_row((&key.site, &key.booth), |row| row.get(0)).optional()?)
}

const INSERT_KEY: &str = "\
    INSERT OR IGNORE INTO booth (site, booth, first_seen_at, last_seen_at)
    VALUES (?1, ?2, ?3, 0)";

const SELECT_ID: &str = "SELECT booth_id FROM booth WHERE site = ?1 AND booth = ?2";

const UPSERT_BOOTH: &str = "\
    INSERT INTO booth (site, booth, first_seen_at, last_seen_at, said, since_at, info, health)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (site, booth) DO UPDATE SET
        first_seen_at = min(first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at, said = excluded.said,
        since_at = excluded.since_at, info = excluded.info, health = excluded.health";

const RAISE: &str = "\
    INSERT OR IGNORE INTO alert (booth_id, kind, since_at, detail) VALUES (?1, ?2, ?3, ?4)";

const END: &str = "\
    UPDATE alert SET until_at = max(?3, since_at)
    WHERE booth_id = ?1 AND kind = ?2 AND until_at IS NULL";

const INSERT_RECORD: &str = "\
    INSERT INTO record (booth_id, boot_id, seq, kind, session_id, at, received_at, is_clock_set,
        data)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (booth_id, boot_id, seq) DO NOTHING";

const STARTED: &str = "\
    INSERT INTO session (booth_id, session_id, listed_at, started_at, started)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET started_at = excluded.started_at, started = excluded.started,
        listed_at = excluded.listed_at";

const SUMMARY: &str = "\
    INSERT INTO session (booth_id, session_id, listed_at, ended_at, summary)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET ended_at = excluded.ended_at, summary = excluded.summary";

const OLD: [&str; 6] = [
    "DELETE FROM video_minute WHERE minute_at < ?1",
    "DELETE FROM audio_minute WHERE minute_at < ?1",
    "DELETE FROM session WHERE listed_at < ?1",
    "DELETE FROM record WHERE received_at < ?1",
    "DELETE FROM alert WHERE until_at < ?1",
    "DELETE FROM booth WHERE max(last_seen_at, first_seen_at) < ?1",
];
