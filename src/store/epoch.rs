//! Epochs: each start of the machine with its wall time, and the correction of rows when that
//! time becomes better known. See [`crate::clock::keeper`] and docs/ref/time.md.
//!
//! Every row that carries a time names its epoch. `origin_ms` is what its times count from as they
//! stand; `certain_ms` is the same for retention: the time that a row has for certain come after
//! (its own epoch still unvouched) or come before (a later one is vouched for).

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;

use super::{
    database::Database,
    outbox::{self, NewRow, Sender},
};
use crate::{
    clock::{
        Clock, KeptClock, Span,
        keeper::{Change, Keeper, Reading, STEP_MS},
    },
    error::Result,
};

/// A machine's clock is believed to have drifted by 1 ms in so many while boothd was away.
const DRIFT_ONE_IN: i64 = 1000;

/// One start of the machine, as it is kept.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    epoch_id: i64,
    origin_ms: i64,
    certain_ms: i64,
    /// Uptime of the machine at the last write.
    seen_ms: i64,
    is_vouched: bool,
}

impl Epoch {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Epoch {
            epoch_id: row.get("epoch_id")?,
            origin_ms: row.get("origin_ms")?,
            certain_ms: row.get("certain_ms")?,
            seen_ms: row.get("seen_ms")?,
            is_vouched: row.get("is_vouched")?,
        })
    }
}

impl Database {
    /// The time that this process works with: of the epoch that goes on, or of a new one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn keep_time(&mut self, clock: Arc<dyn Clock>) -> Result<Arc<KeptClock>> {
        let (keeper, earlier) = self.epoch(Reading::of(&*clock), &clock.boot_id())?;
        let kept = Arc::new(KeptClock::new(clock, keeper));
        kept.remember(earlier);
        self.clock = Some(kept.clone());
        Ok(kept)
    }

    /// The same for a clock that is in use already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn follow_time(&mut self, clock: &Arc<KeptClock>) -> Result<()> {
        let (keeper, earlier) = self.epoch(clock.reading(), &clock.boot_id())?;
        clock.adopt(keeper);
        clock.remember(earlier);
        self.clock = Some(clock.clone());
        Ok(())
    }

    /// The epoch that goes on, or a new one, and those before it.
    fn epoch(&mut self, reading: Reading, boot_id: &str) -> Result<(Keeper, Vec<Span>)> {
        let transaction = self.begin()?;
        let newest = transaction
            .prepare_cached(NEWEST)?
            .query_row([], |row| Ok((row.get::<_, String>("boot_id")?, Epoch::from_row(row)?)))
            .optional()?;
        let has_floor = has_floor(&transaction)?;
        let keeper = match newest {
            Some((id, epoch))
                if id == boot_id && !id.is_empty() && goes_on(&epoch, reading) =>
            {
                resume(&epoch, reading, has_floor)
            }
            newest => {
                let certain_ms =
                    newest.map_or(0, |(_, epoch)| epoch.certain_ms + epoch.seen_ms);
                let keeper = Keeper::begin(reading, certain_ms, has_floor);
                let row = (boot_id, keeper.origin_ms, certain_ms, reading.since_boot_ms);
                transaction.prepare_cached(INSERT)?.execute(row)?;
                keeper
            }
        };
        let earlier = earlier(&transaction)?;
        transaction.commit()?;
        Ok((keeper, earlier))
    }

    /// The time by which anything may expire, where `now` is the time as it stands.
    pub(super) fn certain_ms(&self, now: i64) -> i64 {
        self.clock.as_ref().map_or(now, |clock| clock.certain_unix_ms())
    }

    /// Notes how long the machine has run, and where its origin has drifted to.
    pub(super) fn note_running(&mut self, keeper: &Keeper, since_boot_ms: i64) -> Result<()> {
        let row = (keeper.origin_ms, keeper.certain_ms, since_boot_ms);
        self.connection.prepare_cached(NOTE_RUNNING)?.execute(row)?;
        Ok(())
    }

    /// Moves what was written in this epoch, and notes it: all or nothing.
    pub(super) fn correct(
        &mut self,
        keeper: &Keeper,
        change: Change,
        reading: Reading,
        sender: &Sender,
    ) -> Result<()> {
        let transaction = self.begin()?;
        let current = transaction.prepare_cached(NEWEST)?.query_row([], Epoch::from_row)?;
        let by = match change {
            Change::Stepped(by) | Change::Vouched(by) => by,
        };
        // A smaller difference is drift: rows keep their time.
        if by.abs() > STEP_MS {
            move_rows(&transaction, current.epoch_id, by)?;
            note_step(&transaction, by, keeper.origin_ms + reading.since_boot_ms, sender)?;
        }
        let is_vouched = matches!(change, Change::Vouched(_));
        transaction.prepare_cached(UPDATE)?.execute((
            keeper.origin_ms,
            keeper.certain_ms,
            reading.since_boot_ms,
            is_vouched,
            current.epoch_id,
        ))?;
        if is_vouched {
            transaction.prepare_cached(OUTBOX_IS_RIGHT)?.execute([current.epoch_id])?;
            bound_earlier(&transaction, current.epoch_id, keeper.origin_ms)?;
        }
        let earlier = earlier(&transaction)?;
        transaction.commit()?;
        if let Some(clock) = &self.clock {
            clock.remember(earlier);
        }
        Ok(())
    }
}

/// Every epoch but the newest.
fn earlier(connection: &Connection) -> Result<Vec<Span>> {
    let mut ask = connection.prepare_cached(SPANS)?;
    let rows = ask.query_map([], |row| {
        let Epoch { origin_ms, certain_ms, seen_ms, .. } = Epoch::from_row(row)?;
        Ok(Span { origin_ms, certain_ms, seen_ms })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether the epoch continues. False: the machine was restarted under the same boot id (a
/// snapshot, a container's own time).
fn goes_on(epoch: &Epoch, reading: Reading) -> bool {
    reading.since_boot_ms >= epoch.seen_ms
}

fn resume(epoch: &Epoch, reading: Reading, has_floor: bool) -> Keeper {
    let offset_ms = reading.wall_ms - reading.since_boot_ms;
    let gone_ms = reading.since_boot_ms - epoch.seen_ms;
    let is_drift = (offset_ms - epoch.origin_ms).abs() <= STEP_MS + gone_ms / DRIFT_ONE_IN;
    let origin_ms = if is_drift { offset_ms } else { epoch.origin_ms };
    let certain_ms = if epoch.is_vouched { origin_ms } else { epoch.certain_ms };
    Keeper::resume(origin_ms, certain_ms, epoch.is_vouched, has_floor)
}

fn has_floor(connection: &Connection) -> Result<bool> {
    let ask = "SELECT EXISTS (SELECT 1 FROM clock_epoch WHERE is_vouched)";
    Ok(connection.prepare_cached(ask)?.query_row([], |row| row.get(0))?)
}

fn move_rows(connection: &Connection, epoch_id: i64, by: i64) -> Result<()> {
    for statement in MOVE {
        connection.prepare_cached(statement)?.execute((epoch_id, by))?;
    }
    Ok(())
}

/// Adds an event that the clock was set: earlier times may be stored elsewhere already.
fn note_step(connection: &Connection, by: i64, at: i64, sender: &Sender) -> Result<()> {
    let (at, data) = (at.max(0), json!({ "moved_ms": by }));
    connection.prepare_cached(INSERT_EVENT)?.execute((at, data.to_string()))?;
    let row = NewRow { session_id: None, kind: "event/clock_set", at, payload: &data };
    outbox::add(connection, sender, &row)
}

/// Epochs before one that is vouched for and after the last that was: when they were is not known,
/// but for that they were over when the next one began. Times that cannot be are moved there.
fn bound_earlier(connection: &Connection, epoch_id: i64, origin_ms: i64) -> Result<()> {
    let mut ask = connection.prepare_cached(EARLIER)?;
    let earlier: Vec<Epoch> =
        ask.query_map([epoch_id], Epoch::from_row)?.collect::<rusqlite::Result<_>>()?;
    let last_vouched = earlier.iter().position(|epoch| epoch.is_vouched);
    let begins_after =
        last_vouched.map_or(i64::MIN, |k| earlier[k].origin_ms + earlier[k].seen_ms);
    let (mut latest_ms, mut next_ms) = (origin_ms, origin_ms);
    for epoch in &earlier[..last_vouched.unwrap_or(earlier.len())] {
        latest_ms -= epoch.seen_ms;
        let can_be =
            epoch.origin_ms >= begins_after && epoch.origin_ms + epoch.seen_ms <= next_ms;
        next_ms = if can_be { epoch.origin_ms } else { latest_ms };
        if !can_be {
            move_rows(connection, epoch.epoch_id, latest_ms - epoch.origin_ms)?;
        }
        let row = (next_ms, latest_ms, epoch.seen_ms, false, epoch.epoch_id);
        connection.prepare_cached(UPDATE)?.execute(row)?;
    }
    Ok(())
}

/// A consent was given by the clock that its session began by: ten minutes before it, or little after.
pub(super) fn is_same_clock(consent_at: i64, started_at: i64) -> bool {
    (started_at - 600_000..=started_at + 120_000).contains(&consent_at)
}

/// How far labels of before were moved since the time began at `origin_ms`; less is drift.
pub(super) fn moved(clock: &KeptClock, origin_ms: i64) -> i64 {
    let by = clock.keeper().origin_ms - origin_ms;
    if by.abs() > STEP_MS { by } else { 0 }
}

/// SQL: the epoch that rows are written in.
macro_rules! current_epoch {
    () => {
        "(SELECT max(epoch_id) FROM clock_epoch)"
    };
}
pub(super) use current_epoch;

const NEWEST: &str = "SELECT * FROM clock_epoch ORDER BY epoch_id DESC LIMIT 1";

const SPANS: &str = "\
    SELECT * FROM clock_epoch WHERE epoch_id < (SELECT max(epoch_id) FROM clock_epoch)";

const EARLIER: &str = "\
    SELECT * FROM clock_epoch WHERE epoch_id < ?1 ORDER BY epoch_id DESC";

const INSERT: &str = "\
    INSERT INTO clock_epoch (boot_id, origin_ms, certain_ms, seen_ms, is_vouched)
    VALUES (?1, ?2, ?3, ?4, 0)";

const UPDATE: &str = "\
    UPDATE clock_epoch SET origin_ms = ?1, certain_ms = ?2, seen_ms = ?3, is_vouched = ?4
    WHERE epoch_id = ?5";

const NOTE_RUNNING: &str = "\
    UPDATE clock_epoch SET origin_ms = ?1, certain_ms = ?2, seen_ms = max(seen_ms, ?3)
    WHERE epoch_id = (SELECT max(epoch_id) FROM clock_epoch)";

const OUTBOX_IS_RIGHT: &str = "UPDATE outbox SET is_clock_set = 1 WHERE epoch_id = ?1";

const INSERT_EVENT: &str = concat!(
    "INSERT INTO event (session_id, at, kind, data, epoch_id)
    VALUES (NULL, ?1, 'clock_set', ?2, ",
    current_epoch!(),
    ")"
);

/// Moves every time of the epoch ?1 by ?2 ms. A consent goes with its session where it was
/// given by the booth's own clock: within ten minutes before the session began. The expiry of a token
/// is a span, or a day: where both could be, whatever leaves it the shorter life.
const MOVE: [&str; 9] = [
    "UPDATE consent SET consent_at = max(0, consent_at + ?2) WHERE EXISTS (
        SELECT 1 FROM session WHERE session.session_id = consent.session_id AND epoch_id = ?1
            AND consent_at BETWEEN started_at - 600000 AND started_at + 120000)",
    "UPDATE session SET started_at = max(0, started_at + ?2), ended_at = max(0, ended_at + ?2)
        WHERE epoch_id = ?1",
    "UPDATE session SET summary = json_replace(summary,
            '$.started_at', started_at, '$.ended_at', ended_at,
            '$.consent_at', ifnull((SELECT consent_at FROM consent
                WHERE consent.session_id = session.session_id),
                json_extract(summary, '$.consent_at')))
        WHERE epoch_id = ?1 AND summary IS NOT NULL AND ?2 <> 0",
    "UPDATE token SET created_at = max(0, created_at + ?2), expires_at = CASE
            WHEN lifetime_ms IS NOT NULL THEN min(created_at + ?2 + lifetime_ms, 32503680000000)
            WHEN ?2 > 0 AND expires_at > created_at + ?2 THEN expires_at
            ELSE min(max(0, expires_at + ?2), 32503680000000)
        END WHERE epoch_id = ?1",
    "UPDATE token SET revoked_at = max(0, revoked_at + ?2) WHERE revoked_epoch_id = ?1",
    "UPDATE session_binding SET bound_at = max(0, bound_at + ?2) WHERE epoch_id = ?1",
    "UPDATE event SET at = max(0, at + ?2) WHERE epoch_id = ?1",
    "UPDATE audit SET at = max(0, at + ?2) WHERE epoch_id = ?1",
    "UPDATE outbox SET at = max(0, at + ?2), set_aside_at = max(0, set_aside_at + ?2), payload = CASE
            WHEN kind IN ('started', 'summary') THEN json_replace(payload,
                '$.started_at', max(0, json_extract(payload, '$.started_at') + ?2),
                '$.ended_at', max(0, json_extract(payload, '$.ended_at') + ?2),
                '$.consent_at', ifnull((SELECT consent_at FROM consent
                    WHERE consent.session_id = outbox.session_id),
                    json_extract(payload, '$.consent_at')))
            ELSE payload
        END WHERE epoch_id = ?1",
];
