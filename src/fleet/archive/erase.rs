//! Erasing at the fleet server: a session, or every session of a subject, also while its booth is
//! offline. Later messages of an erased session are refused, and the booth is ordered to erase it.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params,
};
use serde_json::json;

use super::{Archive, inbox::Reply};
use crate::{
    error::{Error, ErrorKind, Result},
    fleet::{
        erasure::{
            Digest, ErasedSession, Erasures, FleetEraseReceipt, FleetEraseTarget, OpenOrder,
            OrderRow, OrderState, Salt, of_session, of_subject, order_of,
        },
        message::{BoothKey, EraseAnswer, Record},
    },
    store,
};

/// A shorter name is not searched within texts, where it would match by chance. An event with it as
/// a whole value is still found.
const SHORTEST_TEXT: usize = 6;

/// Replaces an erased name in a text.
const NAMELESS: &str = "(erased)";

/// Begin of the answer of a booth that has nothing of the session.
const HAS_NOTHING: &str = "there is no session";

/// Longest note, characters.
const MAX_NOTE_CHARS: usize = 300;

/// What a record of an erased session becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Nothing of it was erased.
    Take,
    /// It is of an erased session.
    Drop,
    /// It is the beginning of a session that a subject had before it was erased, and that had
    /// not yet arrived: the booth must erase it, too.
    EraseToo,
}

/// The archive's tombstones, for one transaction.
pub(super) struct Tombstones(Salt);

impl Tombstones {
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        Ok(Tombstones(salt(connection)?))
    }

    /// Whether that booth's session was erased.
    pub(super) fn holds(
        &self,
        connection: &Connection,
        key: &BoothKey,
        session_id: &str,
    ) -> Result<bool> {
        Ok(erased_at(connection, &of_session(&self.0, key, session_id))?.is_some())
    }

    /// What becomes of a record.
    pub(super) fn judge(&self, connection: &Connection, record: &Record) -> Result<Verdict> {
        let Some(session_id) = &record.session_id else { return Ok(Verdict::Take) };
        if self.holds(connection, &record.key, session_id)? {
            return Ok(Verdict::Drop);
        }
        let subject = record.data["subject_ref"].as_str();
        let Some(subject) = subject else { return Ok(Verdict::Take) };
        // An interview that the same person has later is none of the erased.
        match erased_at(connection, &of_subject(&self.0, subject))? {
            Some(at) if record.at <= at => Ok(Verdict::EraseToo),
            _ => Ok(Verdict::Take),
        }
    }

    /// Erases a session that arrives only now, by the order of an earlier erasure.
    pub(super) fn erase_too(
        &self,
        connection: &Connection,
        key: &BoothKey,
        session_id: &str,
        now: i64,
    ) -> Result<()> {
        bury(connection, &of_session(&self.0, key, session_id), now)?;
        let receipt_id = store::random_hex(RECEIPT_BYTES);
        order(connection, &receipt_id, key, session_id, now)?;
        Ok(())
    }
}

/// Random bytes in a receipt's number.
const RECEIPT_BYTES: usize = 8;

/// Erases in one transaction; the log is cleared by the caller.
pub(super) fn erase(
    connection: &mut Connection,
    target: &FleetEraseTarget,
    receipt_id: &str,
    now: i64,
) -> Result<FleetEraseReceipt> {
    let behaviour = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behaviour)?;
    let salt = salt(&transaction)?;
    let found = sessions_of(&transaction, target)?;
    if let FleetEraseTarget::Subject(subject_ref) = target {
        bury(&transaction, &of_subject(&salt, subject_ref), now)?;
    }
    let mut rows = BTreeMap::new();
    let mut orders = Vec::new();
    for (booth_id, session) in &found {
        forget_session(&transaction, *booth_id, &session.session_id, &mut rows)?;
        bury(&transaction, &of_session(&salt, &session.key, &session.session_id), now)?;
        orders.push(order(&transaction, receipt_id, &session.key, &session.session_id, now)?);
    }
    if let FleetEraseTarget::Subject(subject_ref) = target {
        forget_text(&transaction, None, subject_ref, &mut rows)?;
    }
    store::zero_unallocated(&transaction, &[])?;
    transaction.commit()?;
    Ok(FleetEraseReceipt {
        receipt_id: receipt_id.to_owned(),
        erased_at: now,
        sessions: found.into_iter().map(|(_, session)| session).collect(),
        rows,
        is_log_clear: false,
        orders,
    })
}

fn sessions_of(
    transaction: &Transaction<'_>,
    target: &FleetEraseTarget,
) -> Result<Vec<(i64, ErasedSession)>> {
    let read = |row: &Row<'_>| {
        let key = BoothKey { site: row.get(1)?, booth: row.get(2)? };
        Ok((row.get(0)?, ErasedSession { key, session_id: row.get(3)? }))
    };
    let found: Vec<_> = match target {
        FleetEraseTarget::Session(BoothKey { site, booth }, session_id) => {
            let mut ask = transaction.prepare_cached(SELECT_SESSION)?;
            ask.query_map((site, booth, session_id), read)?.collect::<rusqlite::Result<_>>()?
        }
        FleetEraseTarget::Subject(subject_ref) => {
            let mut ask = transaction.prepare_cached(SELECT_SUBJECT)?;
            ask.query_map([subject_ref], read)?.collect::<rusqlite::Result<_>>()?
        }
    };
    if found.is_empty() {
        let what = match target {
            FleetEraseTarget::Session(BoothKey { site, booth }, session_id) => {
                format!("the fleet server has no session {session_id} of {site}/{booth}")
            }
            FleetEraseTarget::Subject(_) => {
                "the fleet server has no session of that subject".into()
            }
        };
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(found)
}

/// Everything of a session, row by row counted; the same for a booth's own `event/erased`.
pub(super) fn forget_session(
    connection: &Connection,
    booth_id: i64,
    session_id: &str,
    rows: &mut BTreeMap<&'static str, u64>,
) -> Result<()> {
    for table in ["video_minute", "audio_minute", "record", "session"] {
        let statement = format!("DELETE FROM {table} WHERE booth_id = ?1 AND session_id = ?2");
        let gone = connection.prepare_cached(&statement)?.execute((booth_id, session_id))?;
        add(rows, table, gone);
    }
    forget_text(connection, Some(booth_id), session_id, rows)
}

/// Events and alerts whose texts name it.
fn forget_text(
    connection: &Connection,
    booth_id: Option<i64>,
    text: &str,
    rows: &mut BTreeMap<&'static str, u64>,
) -> Result<()> {
    let quoted = json!(text).to_string();
    let is_long = text.chars().count() >= SHORTEST_TEXT;
    let gone = connection.prepare_cached(FORGET_EVENTS)?.execute(named_params! {
        ":booth_id": booth_id, ":text": text, ":quoted": quoted, ":is_long": is_long,
    })?;
    add(rows, "record", gone);
    if is_long {
        let changed = connection.prepare_cached(FORGET_IN_ALERTS)?.execute(named_params! {
            ":booth_id": booth_id, ":text": text, ":nameless": NAMELESS,
        })?;
        add(rows, "alert", changed);
    }
    Ok(())
}

fn add(rows: &mut BTreeMap<&'static str, u64>, table: &'static str, count: usize) {
    *rows.entry(table).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
}

fn bury(connection: &Connection, digest: &Digest, now: i64) -> Result<()> {
    connection.prepare_cached(BURY)?.execute((digest, now))?;
    Ok(())
}

fn erased_at(connection: &Connection, digest: &Digest) -> Result<Option<i64>> {
    let mut ask =
        connection.prepare_cached("SELECT erased_at FROM erased WHERE digest = ?1")?;
    Ok(ask.query_row([digest], |row| row.get(0)).optional()?)
}

fn order(
    connection: &Connection,
    receipt_id: &str,
    key: &BoothKey,
    session_id: &str,
    now: i64,
) -> Result<i64> {
    let row = (receipt_id, &key.site, &key.booth, session_id, now);
    connection.prepare_cached(INSERT_ORDER)?.execute(row)?;
    Ok(connection.last_insert_rowid())
}

/// The archive's key, made with the first question for it.
fn salt(connection: &Connection) -> Result<Salt> {
    let make = "INSERT OR IGNORE INTO erase_salt (salt_id, salt) VALUES (1, randomblob(32))";
    let ask = "SELECT salt FROM erase_salt";
    let found: Option<Salt> = connection.query_row(ask, [], |row| row.get(0)).optional()?;
    if let Some(salt) = found {
        return Ok(salt);
    }
    connection.execute(make, [])?;
    Ok(connection.query_row(ask, [], |row| row.get(0))?)
}

/// Updates [`Erasures`] from the archive.
pub(super) fn publish(connection: &Connection, erasures: &Erasures) -> Result<()> {
    let salt = salt(connection)?;
    let mut ask = connection.prepare_cached("SELECT digest FROM erased")?;
    let digests =
        ask.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<HashSet<_>>>()?;
    let mut ask = connection.prepare_cached(SELECT_OPEN)?;
    let open = ask.query_map([], |row| {
        let key = BoothKey { site: row.get(1)?, booth: row.get(2)? };
        Ok(OpenOrder { order_id: row.get(0)?, key, session_id: row.get(3)? })
    })?;
    erasures.set(salt, digests, open.collect::<rusqlite::Result<_>>()?);
    Ok(())
}

/// Takes a booth's answer to an order; whether one of its orders has ended.
pub(super) fn take_answer(
    connection: &Connection,
    key: &BoothKey,
    answer: &EraseAnswer,
    now: i64,
) -> Result<bool> {
    let Some(order_id) = order_of(&answer.reference) else { return Ok(false) };
    let (statement, outcome) = match &answer.error {
        None => (END_ORDER, "the booth has erased it"),
        Some(error) if error.starts_with(HAS_NOTHING) => {
            (END_ORDER, "the booth has nothing of it")
        }
        Some(error) => (NOTE_ANSWER, error.as_str()),
    };
    let row = (order_id, &key.site, &key.booth, outcome, now);
    Ok(connection.prepare_cached(statement)?.execute(row)? > 0)
}

/// A booth's own `event/erased` ends the orders for the sessions that it names.
pub(super) fn end_orders_of(
    connection: &Connection,
    key: &BoothKey,
    session_id: &str,
    now: i64,
) -> Result<bool> {
    let row = (&key.site, &key.booth, session_id, now);
    Ok(connection.prepare_cached(END_BY_EVENT)?.execute(row)? > 0)
}

/// Notes that orders were sent.
pub(super) fn note_sent(connection: &Connection, orders: &[i64], now: i64) -> Result<()> {
    let mut note = connection.prepare_cached(
        "UPDATE erase_order SET tries = tries + 1, sent_at = ?2 WHERE order_id = ?1",
    )?;
    for order_id in orders {
        note.execute((order_id, now))?;
    }
    Ok(())
}

impl Archive {
    /// Erases a session or a subject. What comes later of it is not taken.
    ///
    /// # Errors
    /// `InvalidInput` when there is nothing to erase; `Unavailable`, `Exhausted`.
    pub async fn erase(
        &self,
        target: FleetEraseTarget,
        receipt_id: String,
        now: i64,
    ) -> Result<FleetEraseReceipt> {
        let erasures = self.erasures();
        self.command(move |connection| {
            let mut receipt = erase(connection, &target, &receipt_id, now)?;
            receipt.is_log_clear = store::clear_log(connection)?;
            publish(connection, &erasures)?;
            Ok(receipt)
        })
        .await
    }

    /// Orders to booths, newest first; `is_open`: only those that are open.
    ///
    /// # Errors
    /// `Unavailable`, `Exhausted`.
    pub async fn erase_orders(&self, is_open: bool, limit: u32) -> Result<Vec<OrderRow>> {
        self.ask(move |connection| {
            let mut ask = connection.prepare_cached(SELECT_ORDERS)?;
            let rows = ask.query_map((is_open, limit), order_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Closes an open order that the booth will never answer; `None`: there is no such order.
    ///
    /// # Errors
    /// `InvalidInput` when the note is too long; `Unavailable`, `Exhausted`.
    pub async fn close_order(
        &self,
        order_id: i64,
        actor: &str,
        now: i64,
        note: String,
    ) -> Result<Option<OrderRow>> {
        if note.chars().count() > MAX_NOTE_CHARS {
            let what = format!("a note has at most {MAX_NOTE_CHARS} characters");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let outcome = format!("closed by {actor}: {note}");
        let erasures = self.erasures();
        self.command(move |connection| {
            let changed =
                connection.prepare_cached(CLOSE_ORDER)?.execute((order_id, &outcome, now))?;
            if changed == 0 {
                return Ok(None);
            }
            publish(connection, &erasures)?;
            let mut ask = connection.prepare_cached(SELECT_ORDER)?;
            Ok(ask.query_row([order_id], order_row).optional()?)
        })
        .await
    }

    /// Notes that orders were sent; what cannot be noted is noted the next time.
    pub(in crate::fleet) fn note_sent(&self, orders: Vec<i64>, now: i64) {
        let order = move |connection: Result<&mut Connection>| -> Reply {
            let noted = connection.and_then(|connection| note_sent(connection, &orders, now));
            if let Err(error) = noted {
                let error = error.chain().to_string();
                log::debug!(target: "fleet", error = error.as_str(); "a sent order is not noted");
            }
            Box::new(drop)
        };
        self.shared.inbox.order(Box::new(order)).ok();
    }
}

fn order_row(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    let state: String = row.get("state")?;
    Ok(OrderRow {
        order_id: row.get("order_id")?,
        receipt_id: row.get("receipt_id")?,
        key: BoothKey { site: row.get("site")?, booth: row.get("booth")? },
        session_id: row.get("session_id")?,
        state: match &*state {
            "open" => OrderState::Open,
            "done" => OrderState::Done,
            _ => OrderState::Closed,
        },
        created_at: row.get("created_at")?,
        tries: row.get("tries")?,
        sent_at: row.get("sent_at")?,
        answer: row.get("answer")?,
        ended_at: row.get("ended_at")?,
    })
}

/// Also what has only minutes or events of a session.
const SELECT_SESSION: &str = "\
    SELECT booth_id, site, booth, ?3 FROM booth WHERE site = ?1 AND booth = ?2 AND (
        EXISTS (SELECT 1 FROM session WHERE session_id = ?3 AND booth_id = booth.booth_id)
        OR EXISTS (SELECT 1 FROM record WHERE session_id = ?3 AND booth_id = booth.booth_id)
        OR EXISTS (SELECT 1 FROM video_minute
            WHERE session_id = ?3 AND session_id <> '' AND booth_id = booth.booth_id)
        OR EXISTS (SELECT 1 FROM audio_minute
            WHERE session_id = ?3 AND session_id <> '' AND booth_id = booth.booth_id))";

const SELECT_SUBJECT: &str = "\
    SELECT booth_id, site, booth, session_id FROM session JOIN booth USING (booth_id)
    WHERE started ->> 'subject_ref' = ?1 OR summary ->> 'subject_ref' = ?1
    ORDER BY site, booth, session_id";

const FORGET_EVENTS: &str = "\
    DELETE FROM record WHERE (:booth_id IS NULL OR booth_id = :booth_id)
        AND (instr(data, :quoted) > 0 OR (:is_long AND instr(data, :text) > 0))";

const FORGET_IN_ALERTS: &str = "\
    UPDATE alert SET detail = replace(detail, :text, :nameless),
        note = replace(note, :text, :nameless)
    WHERE (:booth_id IS NULL OR booth_id = :booth_id)
        AND (instr(detail, :text) > 0 OR instr(note, :text) > 0)";

const BURY: &str = "\
    INSERT INTO erased (digest, erased_at) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET erased_at = max(erased_at, excluded.erased_at)";

const INSERT_ORDER: &str = "\
    INSERT INTO erase_order (receipt_id, site, booth, session_id, state, created_at)
    VALUES (?1, ?2, ?3, ?4, 'open', ?5)";

const SELECT_OPEN: &str = "\
    SELECT order_id, site, booth, session_id FROM erase_order WHERE state = 'open'
    ORDER BY order_id";

const SELECT_ORDERS: &str = "\
    SELECT * FROM erase_order WHERE NOT ?1 OR state = 'open' ORDER BY order_id DESC LIMIT ?2";

const SELECT_ORDER: &str = "SELECT * FROM erase_order WHERE order_id = ?1";

const END_ORDER: &str = "\
    UPDATE erase_order SET state = 'done', session_id = NULL, answer = ?4, ended_at = ?5
    WHERE order_id = ?1 AND site = ?2 AND booth = ?3 AND state = 'open'";

const NOTE_ANSWER: &str = "\
    UPDATE erase_order SET answer = ?4
    WHERE order_id = ?1 AND site = ?2 AND booth = ?3 AND state = 'open' AND ?5 IS NOT NULL";

const END_BY_EVENT: &str = "\
    UPDATE erase_order SET state = 'done', session_id = NULL,
        answer = 'the booth has erased it', ended_at = ?4
    WHERE site = ?1 AND booth = ?2 AND session_id = ?3 AND state = 'open'";

const CLOSE_ORDER: &str = "\
    UPDATE erase_order SET state = 'closed', session_id = NULL, answer = ?2, ended_at = ?3
    WHERE order_id = ?1 AND state = 'open'";
