//! [`Booth`]: the fleet server's current state of one booth, in memory.

use std::{collections::BTreeMap, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    alert::{AlertKind, alerts_of_health},
    message::{BoothKey, Modality, ReportedStatus},
    minute::Minute,
};

/// Whether a booth is connected, from its reported status and its messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It reports `online`, and its messages arrive.
    Online,
    /// It reports `restarting`, and its last message is recent.
    Restarting,
    /// It reports `offline`, or the broker has published its last will.
    Offline,
    /// It does not report `offline`, and no messages arrive.
    Silent,
}

/// The state of a booth that the archive restores after a restart of the fleet server.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownBooth {
    /// The booth.
    pub key: BoothKey,
    /// When the fleet server first had a message of it, unix ms.
    pub first_seen_at: i64,
    /// When its last message arrived, unix ms; 0: only retained messages.
    pub last_seen_at: i64,
    /// The status that it reported last.
    pub status: Option<ReportedStatus>,
    /// Since when it has this status, unix ms.
    pub since: Option<i64>,
    /// Its last `info`, JSON.
    pub info: Option<Box<str>>,
    /// Its last `health`, JSON.
    pub health: Option<Box<str>>,
}

/// One row of the list of booths. What a booth does not report is null.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct BoothRow {
    /// The booth.
    #[serde(flatten)]
    pub key: BoothKey,
    /// Whether it is connected.
    pub presence: Presence,
    /// Since when, unix ms.
    pub since: i64,
    /// When its first message arrived, unix ms.
    pub first_seen_at: i64,
    /// When its last message arrived, unix ms; null: only retained messages.
    pub last_seen_at: Option<i64>,
    /// `healthy`, `degraded` or `unhealthy`, as it reports.
    pub health: Option<String>,
    /// State of its camera, as it reports.
    pub camera: Option<String>,
    /// State of its microphone, as it reports.
    pub microphone: Option<String>,
    /// A session is running in it.
    pub session_active: Option<bool>,
    /// Temperature of its board.
    pub temperature_c: Option<f64>,
    /// Version of boothd.
    pub version: Option<String>,
    /// Records in its outbox.
    pub outbox_depth: Option<u64>,
    /// Alerts that hold now.
    pub alerts: Vec<AlertKind>,
}

/// The limits by which a booth is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// A booth without a message for so long is silent, ms.
    pub offline_after_ms: i64,
    /// Records in a booth's outbox from which an alert is raised.
    pub outbox_depth: u64,
}

/// For how long records that fell out of a booth's outbox are worth an alert, ms.
const FALLEN_OUT_MS: i64 = 60 * 60 * 1000;

/// A day, ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Messages a second other than records, and how many may come at once. A booth sends about 3.
const RATE_PER_S: i64 = 50;
const BURST: i64 = 200;

/// What one booth's records may add to the archive on one day. An interview's are about 8 kB.
const MAX_RECORDED_BYTES: usize = 256 << 20;

/// A booth's invalid messages and values since the start of the fleet server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, JsonSchema, Serialize)]
pub struct Refused {
    /// Messages that were refused.
    pub messages_total: u64,
    /// Invalid values that were dropped from accepted messages.
    pub values_total: u64,
    /// Why the last message was refused.
    pub last: Option<&'static str>,
}

/// A token bucket: a message takes one token, and time adds [`RATE_PER_S`].
#[derive(Debug)]
struct Rate {
    /// In thousandths.
    tokens: i64,
    at: i64,
}

impl Default for Rate {
    fn default() -> Self {
        Rate { tokens: BURST * 1000, at: 0 }
    }
}

impl Rate {
    fn admits(&mut self, now: i64) -> bool {
        // A clock that was set back neither adds nor removes tokens.
        let passed = now.saturating_sub(self.at).clamp(0, 60_000);
        self.at = now;
        self.tokens = (self.tokens + passed * RATE_PER_S).min(BURST * 1000);
        let admits = self.tokens >= 1000;
        self.tokens -= if admits { 1000 } else { 0 };
        admits
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Booth {
    pub(super) known: KnownBooth,
    pub(super) presence: Presence,
    pub(super) presence_since: i64,
    /// The newest live reports, JSON, in memory only.
    pub(super) live: [Option<Live>; 2],
    pub(super) minutes: [Option<Minute>; 2],
    /// Open alerts: since when (unix ms), and the detail.
    pub(super) alerts: BTreeMap<AlertKind, (i64, String)>,
    pub(super) facts: Facts,
    /// The revision of the list in which it last changed.
    pub(super) revision: u64,
    /// When its row was last sent to the archive, unix ms.
    pub(super) archived_at: Option<i64>,
    /// `last_seen_at` of the row that the list's readers have.
    pub(super) listed_seen_at: i64,
    pub(super) refused: Refused,
    rate: Rate,
    /// Bytes of records on one day: the day's number, the bytes.
    recorded: (i64, usize),
    boot_id: Option<String>,
    fallen_out: Option<(u64, Option<i64>)>,
}

/// A live report.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) at: i64,
    pub(super) session_id: Option<String>,
    pub(super) text: Box<str>,
}

/// What the list shows of /health and of `info`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    health: Option<String>,
    camera: Option<String>,
    microphone: Option<String>,
    session_active: Option<bool>,
    temperature_c: Option<f64>,
    pub(super) version: Option<String>,
    outbox_depth: Option<u64>,
    faults: BTreeMap<AlertKind, String>,
}

impl Booth {
    pub(super) fn new(known: KnownBooth) -> Self {
        let presence = match known.status {
            Some(ReportedStatus::Offline) => Presence::Offline,
            // Until the silence limit has passed without a message.
            _ => Presence::Online,
        };
        let mut booth = Booth {
            presence,
            presence_since: known.since.unwrap_or(known.first_seen_at),
            live: [None, None],
            minutes: [None, None],
            alerts: BTreeMap::new(),
            facts: Facts::default(),
            revision: 0,
            archived_at: None,
            listed_seen_at: known.last_seen_at,
            refused: Refused::default(),
            rate: Rate::default(),
            recorded: (0, 0),
            boot_id: None,
            fallen_out: None,
            known,
        };
        let parse = |text: &Option<Box<str>>| serde_json::from_str(text.as_deref()?).ok();
        if let Some(info) = parse(&booth.known.info) {
            booth.take_info(&info);
        }
        if let Some(health) = parse(&booth.known.health) {
            booth.take_health(&health, 0);
        }
        booth
    }

    /// Merges the archived state; what arrived since the start takes precedence.
    pub(super) fn remember(&mut self, known: KnownBooth) {
        let own = &mut self.known;
        own.first_seen_at = own.first_seen_at.min(known.first_seen_at);
        own.last_seen_at = own.last_seen_at.max(known.last_seen_at);
        if own.status.is_none() {
            (own.status, own.since) = (known.status, known.since);
        }
        own.info = own.info.take().or(known.info);
        own.health = own.health.take().or(known.health);
    }

    pub(super) fn take_status(
        &mut self,
        status: ReportedStatus,
        since: Option<i64>,
        boot_id: Option<String>,
    ) {
        self.known.status = Some(status);
        self.known.since = since;
        if boot_id.is_some() && boot_id != self.boot_id {
            // A new start of the daemon resets its counters.
            self.fallen_out = None;
            self.boot_id = boot_id;
        }
    }

    pub(super) fn take_info(&mut self, info: &Value) {
        self.known.info = Some(info.to_string().into());
        self.facts.version = short_text(&info["version"]).or(self.facts.version.take());
    }

    pub(super) fn take_health(&mut self, health: &Value, now: i64) {
        self.known.health = Some(health.to_string().into());
        let state = |name: &str| short_text(&health[name]["state"]);
        let outbox = &health["outbox"];
        self.note_fallen_out(outbox["fallen_out_total"].as_u64(), now);
        self.facts = Facts {
            health: short_text(&health["status"]),
            camera: state("camera"),
            microphone: state("microphone"),
            session_active: health["session_active"].as_bool(),
            temperature_c: temperature(health),
            version: short_text(&health["version"]).or(self.facts.version.take()),
            outbox_depth: outbox["depth"].as_u64(),
            faults: alerts_of_health(health),
        };
    }

    /// Notes when the count grows. The first count is from before and raises no alert.
    fn note_fallen_out(&mut self, total: Option<u64>, now: i64) {
        let Some(total) = total else { return };
        self.fallen_out = Some(match self.fallen_out {
            Some((before, _)) if total > before => (total, Some(now)),
            Some((_, at)) => (total, at),
            None => (total, None),
        });
    }

    /// Whether a message other than a record is within the booth's rate.
    pub(super) fn admits_message(&mut self, now: i64) -> bool {
        self.rate.admits(now)
    }

    /// Whether a record of so many bytes is within what one booth may write on one day.
    pub(super) fn may_record(&mut self, bytes: usize, now: i64) -> bool {
        let today = now.div_euclid(DAY_MS);
        let (day, recorded) = &mut self.recorded;
        if *day != today {
            (*day, *recorded) = (today, 0);
        }
        *recorded += bytes;
        *recorded <= MAX_RECORDED_BYTES
    }

    /// Length of the texts in memory, bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let live = self.live.iter().flatten().map(|live| live.text.len());
        length(&self.known.info) + length(&self.known.health) + live.sum::<usize>()
    }

    /// Whether another booth may take its place: it is away, and its last message is a day old.
    pub(super) fn is_long_gone(&self, now: i64) -> bool {
        let is_away = matches!(self.presence, Presence::Offline | Presence::Silent);
        is_away && now.saturating_sub(self.last_known_at()) >= DAY_MS
    }

    pub(super) fn last_known_at(&self) -> i64 {
        self.known.last_seen_at.max(self.known.first_seen_at)
    }

    /// Its presence at `now`, where the fleet server listens since `listening_since` (unix ms).
    pub(super) fn presence_at(
        &self,
        now: i64,
        listening_since: i64,
        after_ms: i64,
    ) -> Presence {
        let silent_since = self.known.last_seen_at.max(listening_since);
        let is_silent = now.saturating_sub(silent_since) >= after_ms;
        match self.known.status {
            Some(ReportedStatus::Offline) => Presence::Offline,
            _ if is_silent => Presence::Silent,
            Some(ReportedStatus::Restarting) => Presence::Restarting,
            // No message yet: a silent booth stays silent, others get the full time.
            _ if self.known.last_seen_at < listening_since
                && self.presence == Presence::Silent =>
            {
                Presence::Silent
            }
            _ => Presence::Online,
        }
    }

    /// The faults that hold at `now`, with their details. An absent booth keeps those that it had.
    pub(super) fn faults(
        &self,
        now: i64,
        limits: &Limits,
        majority: Option<&str>,
    ) -> BTreeMap<AlertKind, String> {
        let kept = |kind: &AlertKind| *kind != AlertKind::Offline;
        let mut faults = match self.presence {
            Presence::Online | Presence::Restarting => self.facts.faults.clone(),
            Presence::Offline | Presence::Silent => {
                let old = self.alerts.iter().filter(|(kind, _)| kept(kind));
                old.map(|(kind, (_, detail))| (*kind, detail.clone())).collect()
            }
        };
        match self.presence {
            Presence::Offline => drop(faults.insert(AlertKind::Offline, "disconnected".into())),
            Presence::Silent => drop(faults.insert(AlertKind::Offline, "is silent".into())),
            Presence::Online | Presence::Restarting => {
                faults.extend(self.outbox_fault(now, limits));
            }
        }
        match (&self.facts.version, majority) {
            (Some(own), Some(most)) if own != most => {
                faults.insert(AlertKind::Version, format!("{own}, most have {most}"));
            }
            _ => drop(faults.remove(&AlertKind::Version)),
        }
        faults
    }

    fn outbox_fault(&self, now: i64, limits: &Limits) -> Option<(AlertKind, String)> {
        let is_late = |at: i64| now.saturating_sub(at) < FALLEN_OUT_MS;
        if let Some((total, Some(at))) = self.fallen_out
            && is_late(at)
        {
            return Some((AlertKind::Outbox, format!("{total} records have fallen out")));
        }
        let depth = self.facts.outbox_depth?;
        let is_deep = depth >= limits.outbox_depth;
        is_deep.then(|| (AlertKind::Outbox, format!("{depth} records wait")))
    }

    /// Corrects the times in `noted` by `by` ms, after the fleet server's clock was set.
    pub(super) fn clock_moved(&mut self, noted: &RangeInclusive<i64>, by: i64) {
        let moved = |at: &mut i64| {
            if noted.contains(at) {
                *at = at.saturating_add(by).max(0);
            }
        };
        moved(&mut self.known.first_seen_at);
        moved(&mut self.known.last_seen_at);
        moved(&mut self.presence_since);
        moved(&mut self.listed_seen_at);
        self.archived_at.iter_mut().for_each(moved);
        self.live.iter_mut().flatten().for_each(|live| moved(&mut live.at));
        self.alerts.values_mut().for_each(|(since, _)| moved(since));
        if let Some((_, Some(at))) = &mut self.fallen_out {
            moved(at);
        }
    }

    /// Deletes reports and minutes of the sessions for which `is_erased` is true.
    pub(super) fn forget_sessions(&mut self, is_erased: impl Fn(&str) -> bool) {
        let is_it = |id: &Option<String>| id.as_deref().is_some_and(&is_erased);
        for live in &mut self.live {
            if live.as_ref().is_some_and(|live| is_it(&live.session_id)) {
                *live = None;
            }
        }
        for minute in &mut self.minutes {
            if minute.as_ref().is_some_and(|minute| is_it(&minute.session_id)) {
                *minute = None;
            }
        }
    }

    pub(super) fn row(&self) -> BoothRow {
        let facts = self.facts.clone();
        BoothRow {
            key: self.known.key.clone(),
            presence: self.presence,
            since: self.presence_since,
            first_seen_at: self.known.first_seen_at,
            last_seen_at: Some(self.known.last_seen_at).filter(|at| *at > 0),
            health: facts.health,
            camera: facts.camera,
            microphone: facts.microphone,
            session_active: facts.session_active,
            temperature_c: facts.temperature_c,
            version: facts.version,
            outbox_depth: facts.outbox_depth,
            alerts: self.alerts.keys().copied().collect(),
        }
    }
}

/// The index of a modality in a pair.
pub(super) fn place(modality: Modality) -> usize {
    match modality {
        Modality::Video => 0,
        Modality::Audio => 1,
    }
}

/// The board's temperature, °C. Its place in `health` depends on the booth's version.
fn temperature(health: &Value) -> Option<f64> {
    let pointers = ["/board/temperature_c", "/temperature_c", "/thermal/temperature_c"];
    pointers.iter().find_map(|pointer| health.pointer(pointer)?.as_f64())
}

/// A short text of a booth, cut to 64 characters.
fn short_text(value: &Value) -> Option<String> {
    Some(value.as_str()?.chars().take(64).collect())
}
