//! [`Erasures`]: digests of erased sessions, which the fleet server refuses, and the open erase
//! orders. The archive's thread writes it; the fleet state and the looker read it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::message::BoothKey;

/// A keyed hash of an erased session or subject: enough to know it again, and nothing more.
pub(super) type Digest = [u8; 32];

/// The archive's own key of its digests.
pub(super) type Salt = [u8; 32];

/// How often an order is sent again: a minute after the first time, then after twice as long.
const FIRST_RETRY_MS: i64 = 60_000;
const LAST_RETRY_MS: i64 = 60 * 60 * 1000;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// Hashes texts with their lengths, so that no two lists of texts look the same.
fn digest(salt: &Salt, texts: &[&str]) -> Digest {
    let mut hash = Sha256::new_with_prefix(salt);
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The digest of a booth's session.
pub(super) fn of_session(salt: &Salt, key: &BoothKey, session_id: &str) -> Digest {
    digest(salt, &["session", &key.site, &key.booth, session_id])
}

/// The digest of a subject, whatever the booth.
pub(super) fn of_subject(salt: &Salt, subject_ref: &str) -> Digest {
    digest(salt, &["subject", subject_ref])
}

/// The target of an erasure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FleetEraseTarget {
    /// One session of one booth.
    Session(BoothKey, String),
    /// Every session of this `subject_ref`, in every booth.
    Subject(String),
}

/// The receipt of an erasure at the fleet server.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct FleetEraseReceipt {
    /// Its id in the audit log.
    pub receipt_id: String,
    /// When, unix ms.
    pub erased_at: i64,
    /// The sessions that were erased.
    pub sessions: Vec<ErasedSession>,
    /// Rows that were deleted or had the name removed, by table.
    pub rows: std::collections::BTreeMap<&'static str, u64>,
    /// Nothing of it is left in the archive's log; false: another process still reads the log,
    /// and it is cleared as soon as that one is done.
    pub is_log_clear: bool,
    /// The orders to the booths to erase the same, open until each has answered.
    pub orders: Vec<i64>,
}

impl FleetEraseReceipt {
    /// Its text for the audit log: counts, never names.
    pub fn summary(&self) -> String {
        let rows: u64 = self.rows.values().sum();
        let (sessions, orders) = (self.sessions.len(), self.orders.len());
        format!("{sessions} sessions, {rows} rows, {orders} orders to booths")
    }
}

/// A session that was erased.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
pub struct ErasedSession {
    /// The booth.
    #[serde(flatten)]
    pub key: BoothKey,
    /// Its id.
    pub session_id: String,
}

/// State of an erase order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// The booth has not confirmed the erasure.
    Open,
    /// The booth has erased the session, or has nothing of it.
    Done,
    /// An operator has closed it after another means, such as destroying the card.
    Closed,
}

/// An order to a booth to erase a session.
#[derive(Clone, Debug, Eq, PartialEq, JsonSchema, Serialize)]
#[schemars(rename = "EraseOrder")]
pub struct OrderRow {
    /// Its number.
    pub order_id: i64,
    /// The receipt of the erasure that it belongs to.
    pub receipt_id: String,
    /// The booth that it is sent to.
    #[serde(flatten)]
    pub key: BoothKey,
    /// The session; null once the order is no longer open.
    pub session_id: Option<String>,
    /// Its state.
    pub state: OrderState,
    /// When it was created, unix ms.
    pub created_at: i64,
    /// How often it was sent.
    pub tries: u32,
    /// When it was sent last, unix ms.
    pub sent_at: Option<i64>,
    /// The booth's last answer, or who has closed the order and why.
    pub answer: Option<String>,
    /// When it was done or closed, unix ms.
    pub ended_at: Option<i64>,
}

/// An open order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OpenOrder {
    pub(super) order_id: i64,
    pub(super) key: BoothKey,
    pub(super) session_id: String,
}

impl OpenOrder {
    /// The reference that the booth repeats in its answer.
    pub(super) fn reference(&self) -> String {
        format!("fleet-erase-{}", self.order_id)
    }
}

/// The number of the order that an answer's reference names.
pub(super) fn order_of(reference: &str) -> Option<i64> {
    reference.strip_prefix("fleet-erase-")?.parse().ok()
}

/// What the archive knows of erasures.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Grows with each change.
    pub(super) generation: u64,
    pub(super) salt: Salt,
    pub(super) digests: Arc<HashSet<Digest>>,
    pub(super) open: Arc<Vec<OpenOrder>>,
}

impl Known {
    /// Whether the archive has been read since the start.
    pub(super) fn is_read(&self) -> bool {
        self.generation > 0
    }

    /// Whether that booth's session was erased.
    pub(super) fn holds(&self, key: &BoothKey, session_id: &str) -> bool {
        // Most fleet servers have never erased: no report is hashed for that.
        !self.digests.is_empty()
            && self.digests.contains(&of_session(&self.salt, key, session_id))
    }
}

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Erasures(Arc<Mutex<Known>>);

impl Erasures {
    /// What is known now.
    pub(super) fn known(&self) -> Known {
        self.0.lock().expect(UNPOISONED).clone()
    }

    /// Replaces what is known by what the archive has just read.
    pub(super) fn set(&self, salt: Salt, digests: HashSet<Digest>, open: Vec<OpenOrder>) {
        let mut known = self.0.lock().expect(UNPOISONED);
        let (digests, open) = (Arc::new(digests), Arc::new(open));
        *known = Known { generation: known.generation + 1, salt, digests, open };
    }
}

/// When which order is sent again. Forgotten at a restart, which sends each once more.
#[derive(Debug, Default)]
pub(super) struct Retries(HashMap<i64, (i64, i64)>);

impl Retries {
    /// The open orders to send now; `is_there`: whether a booth is online.
    pub(super) fn due(
        &mut self,
        open: &[OpenOrder],
        now: i64,
        is_there: impl Fn(&BoothKey) -> bool,
    ) -> Vec<OpenOrder> {
        let numbers: HashSet<_> = open.iter().map(|order| order.order_id).collect();
        self.0.retain(|order_id, _| numbers.contains(order_id));
        let mut due = Vec::new();
        for order in open {
            if !is_there(&order.key) {
                // It is sent at once when the booth comes back.
                self.0.remove(&order.order_id);
                continue;
            }
            let (next, wait) =
                self.0.get(&order.order_id).copied().unwrap_or((now, FIRST_RETRY_MS));
            // A clock that was set back does not hold an order for ever.
            if now >= next || next - now > LAST_RETRY_MS {
                due.push(order.clone());
                self.0.insert(order.order_id, (now + wait, (wait * 2).min(LAST_RETRY_MS)));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(booth: &str) -> BoothKey {
        BoothKey { site: "hq".into(), booth: booth.into() }
    }

    #[test]
    fn a_digest_is_of_one_session_of_one_booth_in_one_archive() {
        let salt = [1; 32];
        let own = of_session(&salt, &key("one"), "s");
        assert_eq!(own, of_session(&salt, &key("one"), "s"));
        assert_ne!(own, of_session(&salt, &key("two"), "s"));
        assert_ne!(own, of_session(&[2; 32], &key("one"), "s"));
        assert_ne!(own, of_session(&salt, &key("one"), "t"));
        assert_ne!(of_session(&salt, &key("a"), "bc"), of_session(&salt, &key("ab"), "c"));
        assert_ne!(of_subject(&salt, "s"), own);
    }

    #[test]
    fn an_order_waits_for_its_booth_and_is_repeated_less_and_less_often() {
        let order = OpenOrder { order_id: 7, key: key("one"), session_id: "s".into() };
        let open = [order];
        let mut retries = Retries::default();
        let mut sent = |now, is_there| retries.due(&open, now, |_| is_there).len();
        assert_eq!(sent(1_000, false), 0);
        assert_eq!(sent(2_000, true), 1);
        assert_eq!(sent(3_000, true), 0);
        assert_eq!(sent(62_000, true), 1);
        assert_eq!(sent(122_000, true), 0);
        assert_eq!(sent(182_000, true), 1);
        assert_eq!(sent(183_000, false), 0);
        assert_eq!(sent(184_000, true), 1, "it has come back");
        assert_eq!(order_of(&open[0].reference()), Some(7));
        assert_eq!((order_of("7"), order_of("fleet-erase-x")), (None, None));
    }
}
