//! Sessions: one interview of one person each, with what the person agreed to.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    audit,
    database::Database,
    epoch, json,
    outbox::{self, NewRow, Sender},
    token::{self, TokenId},
};
use crate::{
    error::{Error, ErrorKind, Result},
    features::Features,
    names::{NoticeVersion, SessionId, SubjectRef},
};

/// Source of a session's media.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// The booth's own camera and microphone.
    Booth,
    /// Media that a client sends.
    Client,
}

/// State of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// The session runs.
    Running,
    /// The session was ended and has its summary.
    Ended,
    /// boothd stopped before the session was ended; the time of its end is not known.
    Abandoned,
}

/// A session that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSession {
    /// Id of the session, never used before.
    pub session_id: SessionId,
    /// Source of its media.
    pub stream: StreamKind,
    /// The operator's own name for the person.
    pub subject_ref: Option<SubjectRef>,
    /// Start of the session, unix ms.
    pub started_at: i64,
    /// Version of the notice that the person agreed to.
    pub notice_version: NoticeVersion,
    /// Time of the consent, unix ms.
    pub consent_at: i64,
    /// Feature switches of the session.
    pub features: Features,
    /// Who begins it: the name of a token, or a fleet server.
    pub actor: String,
    /// The guest's token that alone may use the id from now on.
    pub owner: Option<TokenId>,
}

/// A session that ends.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionEnd {
    /// Id of the session.
    pub session_id: SessionId,
    /// End of the session, unix ms.
    pub ended_at: i64,
    /// Summary, as JSON.
    pub summary: Value,
    /// Actor of the end, for the audit log.
    pub actor: String,
}

/// A session as it is remembered.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct SessionRecord {
    /// Id of the session as stored: in an older database it may be any text.
    pub session_id: String,
    /// Source of its media.
    pub stream: StreamKind,
    /// The name of the token that began it.
    pub token_name: Option<String>,
    /// The operator's own name for the person.
    pub subject_ref: Option<String>,
    /// State of the session.
    pub state: SessionState,
    /// Start of the session, unix ms.
    pub started_at: i64,
    /// End of the session, unix ms; null while it runs and where the end is not known.
    pub ended_at: Option<i64>,
    /// The version of the notice that the person agreed to.
    pub notice_version: Option<String>,
    /// Time of the consent, unix ms.
    pub consent_at: Option<i64>,
    /// Feature switches of the session.
    pub features: Value,
    /// Summary, once the session has ended.
    pub summary: Option<Value>,
    /// A time server has confirmed the clock of these times. False: not yet, or the times could not
    /// be corrected; then only their order and their distance are right.
    pub clock_set: bool,
}

impl NewSession {
    /// The clock was set since this was judged: it begins then, and a consent that was given by
    /// the same clock goes with it.
    pub(super) fn move_by(&mut self, ms: i64) {
        if epoch::is_same_clock(self.consent_at, self.started_at) {
            self.consent_at += ms;
        }
        self.started_at += ms;
    }

    /// Payload of the record `started`.
    fn started_payload(&self) -> Value {
        serde_json::json!({
            "session_id": self.session_id, "stream": self.stream,
            "subject_ref": self.subject_ref, "started_at": self.started_at,
            "notice_version": self.notice_version, "consent_at": self.consent_at,
            "features": self.features, "started_by": self.actor,
        })
    }
}

/// Only into a row: what comes out of one may be older than the rule.
impl rusqlite::ToSql for SessionId {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl StreamKind {
    /// The name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            StreamKind::Booth => "booth",
            StreamKind::Client => "client",
        }
    }
}

impl SessionRecord {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let summary: Option<String> = row.get("summary")?;
        Ok(SessionRecord {
            session_id: row.get("session_id")?,
            stream: match row.get_ref("stream")?.as_str()? {
                "booth" => StreamKind::Booth,
                _ => StreamKind::Client,
            },
            token_name: row.get("token_name")?,
            subject_ref: row.get("subject_ref")?,
            state: match row.get_ref("state")?.as_str()? {
                "running" => SessionState::Running,
                "ended" => SessionState::Ended,
                _ => SessionState::Abandoned,
            },
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            notice_version: row.get("notice_version")?,
            consent_at: row.get("consent_at")?,
            features: json(row.get_ref("features")?.as_str()?)?,
            summary: summary.as_deref().map(json).transpose()?,
            clock_set: row.get("clock_set")?,
        })
    }
}

/// When a session ended that began at `started_at`, and its summary with both: its duration was
/// measured, and the clock may have been set since it began.
fn at_its_times(started_at: i64, ended_at: i64, summary: &Value) -> (i64, Value) {
    let Some(duration_ms) = summary["duration_ms"].as_i64() else {
        return (ended_at, summary.clone());
    };
    let (ended_at, mut summary) = (started_at + duration_ms, summary.clone());
    for (name, at) in [("started_at", started_at), ("ended_at", ended_at)] {
        if let Some(time) = summary.get_mut(name) {
            *time = at.into();
        }
    }
    (ended_at, summary)
}

impl Database {
    /// Stores the begin of a session, its consent and its audit entry in one transaction.
    ///
    /// # Errors
    /// `InvalidInput` when the id is taken or a text is too long; `Unavailable`.
    pub(super) fn begin_session(
        &mut self,
        new: &NewSession,
        sender: &Sender,
        now: i64,
    ) -> Result<()> {
        let certain_ms = self.certain_ms(now);
        let transaction = self.begin()?;
        if let Some(owner) = new.owner {
            token::bind(&transaction, &new.session_id, owner, certain_ms, now)?;
        }
        let added = transaction.prepare_cached(INSERT)?.execute(named_params! {
            ":session_id": new.session_id, ":stream": new.stream.name(),
            ":token_name": new.actor, ":subject_ref": new.subject_ref.as_deref(),
            ":started_at": new.started_at, ":features": serde_json::json!(new.features).to_string(),
        })?;
        if added == 0 {
            let what = format!("the session {} was begun before", new.session_id);
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        let NewSession { stream, notice_version, consent_at, .. } = new;
        let consent = (&new.session_id, notice_version.as_str(), consent_at);
        transaction.prepare_cached(INSERT_CONSENT)?.execute(consent)?;
        let is_judged =
            sender.is_clock_set || epoch::is_same_clock(*consent_at, new.started_at);
        let doubt = if is_judged { "" } else { ", of a time that the booth cannot judge" };
        let detail = format!("{}, consent to notice {notice_version}{doubt}", stream.name());
        let object = format!("session {}", new.session_id);
        audit::note(&transaction, now, &new.actor, ["session.start", &object, &detail])?;
        let payload = new.started_payload();
        let row = NewRow {
            session_id: Some(&new.session_id),
            kind: "started",
            at: new.started_at,
            payload: &payload,
        };
        outbox::add(&transaction, sender, &row)?;
        transaction.commit()?;
        Ok(())
    }

    /// Stores the end of a session and its summary. Only the daemon that began a session ends it, so
    /// it also ends one that another process has marked as abandoned meanwhile.
    ///
    /// # Errors
    /// `InvalidInput` when there is no such session or it has ended; `Unavailable`.
    pub(super) fn end_session(
        &mut self,
        end: &SessionEnd,
        sender: &Sender,
        now: i64,
    ) -> Result<()> {
        let SessionEnd { session_id, ended_at, summary, actor } = end;
        let transaction = self.begin()?;
        let started_at: Option<i64> = transaction
            .prepare_cached(STARTED_AT)?
            .query_row([session_id], |row| row.get(0))
            .optional()?;
        let Some(started_at) = started_at else {
            // A try whose answer was lost may have ended it before.
            if has_ended_so(&transaction, end)? {
                return Ok(());
            }
            let what = format!("no session {session_id} is running");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        };
        let (ended_at, summary) = at_its_times(started_at, *ended_at, summary);
        transaction.prepare_cached(END)?.execute((
            ended_at,
            summary.to_string(),
            session_id,
        ))?;
        let object = format!("session {session_id}");
        audit::note(&transaction, now, actor, ["session.end", &object, ""])?;
        let row = NewRow {
            session_id: Some(session_id),
            kind: "summary",
            at: ended_at,
            payload: &summary,
        };
        outbox::add(&transaction, sender, &row)?;
        transaction.commit()?;
        Ok(())
    }

    /// Sessions that began before the one of `before` (unix ms), newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn sessions(&self, limit: u32, before: Option<i64>) -> Result<Vec<SessionRecord>> {
        let epoch_id: Option<i64> = match before {
            Some(at) => {
                self.connection.prepare_cached(EPOCH_OF)?.query_row([at], |row| row.get(0))?
            }
            None => None,
        };
        let mut ask = self.connection.prepare_cached(SELECT)?;
        let wanted = (before.unwrap_or(i64::MAX), epoch_id, limit);
        let rows = ask.query_map(wanted, SessionRecord::from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One session.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn session(&self, session_id: &str) -> Result<Option<SessionRecord>> {
        let mut ask = self.connection.prepare_cached(SELECT_ONE)?;
        Ok(ask.query_row([session_id], SessionRecord::from_row).optional()?)
    }

    /// Sessions that a crash left running go on no more, all but those that are `running`; how many
    /// there were. Only for the daemon.
    pub(super) fn abandon_sessions(
        &mut self,
        running: &BTreeSet<String>,
        now: i64,
    ) -> Result<usize> {
        let running = list_of(running);
        let transaction = self.begin()?;
        transaction.prepare_cached(NOTE_ABANDONED)?.execute((now, &running))?;
        let abandoned = transaction.prepare_cached(ABANDON)?.execute([&running])?;
        transaction.commit()?;
        Ok(abandoned)
    }

    /// Adds an audit entry: a back-up has replaced this database.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn note_restored(&mut self, from: &str, actor: &str, now: i64) -> Result<()> {
        audit::note(&self.connection, now, actor, ["database.restore", "database", from])
    }

    /// Takes the sessions that are `running` over from the file that this one has replaced, and
    /// gives no number twice that was given there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn carry_over(
        &mut self,
        from: &Path,
        running: &BTreeSet<String>,
        now: i64,
    ) -> Result<()> {
        self.connection.execute("ATTACH ?1 AS before", [from.to_string_lossy()])?;
        let carry = |database: &mut Database| -> Result<()> {
            let running = list_of(running);
            let transaction = database.begin()?;
            transaction.pragma_update(None, "defer_foreign_keys", true)?;
            for statement in [CARRY_SESSIONS, CARRY_EPOCHS, CARRY_CONSENTS] {
                transaction.execute(statement, [&running])?;
            }
            transaction.execute_batch(CARRY_NUMBERS)?;
            let name = from.file_name().unwrap_or_default().to_string_lossy();
            audit::note(&transaction, now, "boothd", ["store.replaced", "database", &name])?;
            Ok(transaction.commit()?)
        };
        let carried = carry(self);
        self.connection.execute("DETACH before", [])?;
        carried
    }
}

fn has_ended_so(connection: &Connection, end: &SessionEnd) -> Result<bool> {
    let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, json(row.get_ref(1)?.as_str()?)?));
    let mut ask = connection.prepare_cached(ENDED)?;
    let kept = ask.query_row([&end.session_id], row).optional()?;
    Ok(kept.is_some_and(|(started_at, summary)| {
        at_its_times(started_at, end.ended_at, &end.summary).1 == summary
    }))
}

/// Names, as a statement takes a list of them.
fn list_of(names: &BTreeSet<String>) -> String {
    serde_json::json!(names).to_string()
}

const INSERT: &str = "\
    INSERT INTO session
        (session_id, stream, token_name, subject_ref, state, started_at, features, epoch_id)
    VALUES (:session_id, :stream, :token_name, :subject_ref, 'running', :started_at, :features,
        (SELECT max(epoch_id) FROM clock_epoch))
    ON CONFLICT (session_id) DO NOTHING";

const INSERT_CONSENT: &str = "\
    INSERT INTO consent (session_id, notice_version, consent_at) VALUES (?1, ?2, ?3)";

const STARTED_AT: &str = "\
    SELECT started_at FROM session
    WHERE session_id = ?1 AND state IN ('running', 'abandoned')";

const END: &str = "\
    UPDATE session SET state = 'ended', ended_at = max(?1, started_at), summary = ?2
    WHERE session_id = ?3 AND state IN ('running', 'abandoned')";

/// The epoch of the session that began at ?1, the newest of several.
const EPOCH_OF: &str = "SELECT max(ifnull(epoch_id, 0)) FROM session WHERE started_at = ?1";

/// In the order in which they began, independent of the clock; before ?1, which is of the epoch
/// ?2.
const SELECT: &str = "\
    SELECT *, ifnull((SELECT is_vouched FROM clock_epoch e WHERE e.epoch_id = session.epoch_id), 1)
        AS clock_set
    FROM session LEFT JOIN consent USING (session_id)
    WHERE ?2 IS NULL AND started_at < ?1
        OR ifnull(epoch_id, 0) < ?2 OR ifnull(epoch_id, 0) = ?2 AND started_at < ?1
    ORDER BY epoch_id DESC, started_at DESC, session_id DESC LIMIT ?3";

const SELECT_ONE: &str = "\
    SELECT *, ifnull((SELECT is_vouched FROM clock_epoch e WHERE e.epoch_id = session.epoch_id), 1)
        AS clock_set
    FROM session LEFT JOIN consent USING (session_id) WHERE session_id = ?1";

const NOTE_ABANDONED: &str = "\
    INSERT INTO audit (at, actor, action, object, detail, epoch_id)
    SELECT ?1, 'boothd', 'session.abandon', 'session ' || session_id, '',
        (SELECT max(epoch_id) FROM clock_epoch)
    FROM session
    WHERE state = 'running' AND session_id NOT IN (SELECT value FROM json_each(?2))";

const ABANDON: &str = "\
    UPDATE session SET state = 'abandoned'
    WHERE state = 'running' AND session_id NOT IN (SELECT value FROM json_each(?1))";

const ENDED: &str = "\
    SELECT started_at, summary FROM session WHERE session_id = ?1 AND state = 'ended'";

const CARRY_SESSIONS: &str = "\
    INSERT INTO session SELECT * FROM before.session
    WHERE session_id IN (SELECT value FROM json_each(?1))
    ON CONFLICT (session_id) DO UPDATE SET
        state = excluded.state, ended_at = excluded.ended_at, summary = excluded.summary";

/// Their times are of this start of the machine.
const CARRY_EPOCHS: &str = "\
    UPDATE session SET epoch_id = (SELECT max(epoch_id) FROM clock_epoch)
    WHERE session_id IN (SELECT value FROM json_each(?1))";

const CARRY_CONSENTS: &str = "\
    INSERT OR IGNORE INTO consent SELECT * FROM before.consent
    WHERE session_id IN (SELECT value FROM json_each(?1))";

const CARRY_NUMBERS: &str = "\
    UPDATE sqlite_sequence SET seq = max(seq, ifnull(
        (SELECT b.seq FROM before.sqlite_sequence b WHERE b.name = sqlite_sequence.name), 0));
    INSERT INTO sqlite_sequence (name, seq)
    SELECT b.name, b.seq FROM before.sqlite_sequence b
    WHERE b.name NOT IN (SELECT name FROM main.sqlite_sequence);";
