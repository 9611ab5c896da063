//! [`FleetState`]: the current state of every booth; applies each message to it. Uses no network, no
//! disk and no clock: the caller passes the time and takes the rows for the archive.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    ops::RangeInclusive,
};

use serde_json::Value;

use super::{
    alert::{AlertChange, AlertKind},
    booth::{Booth, BoothRow, KnownBooth, Limits, Live, Presence, place},
    erasure::Known,
    message::{self, BoothKey, EraseAnswer, Message, Modality, Read, Record, ReportedStatus},
    minute::Minute,
};

/// Booths at most; the messages of further ones are refused and counted, since any client with the
/// right to publish can invent booths. A booth that is away for a day makes room for a new one.
pub const MAX_BOOTHS: usize = 20_000;

/// States and newest reports of all booths in memory, bytes. 20,000 booths take about 120 MiB.
const MAX_HELD_BYTES: usize = 256 << 20;

/// Time between two searches for a booth that can make room, ms.
const LOOK_AGAIN_MS: i64 = 60_000;

/// Longest time between two writes of a booth's row while its messages arrive, ms.
const ARCHIVE_EVERY_MS: i64 = 5 * 60 * 1000;

/// A newer `last_seen_at` alone changes the list's row only after so much time, ms.
const SEEN_STEP_MS: i64 = 10_000;

/// Booths of a known version from which on one of them can differ from the majority.
const MAJORITY_OF: usize = 3;

pub use super::booth::Refused;

/// See the module.
#[derive(Debug)]
pub struct FleetState {
    booths: BTreeMap<BoothKey, Booth>,
    limits: Limits,
    /// Since when the subscription holds, unix ms; `None`: there is none.
    listening_since: Option<i64>,
    revision: u64,
    counts: Counts,
    outgoing: Outgoing,
    erased: Known,
    held_bytes: usize,
    /// Until then no booth is searched for that can make room, unix ms.
    no_eviction_until: i64,
}

/// Messages that arrived since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages.
    pub messages_total: u64,
    /// Bytes of their payloads.
    pub bytes_total: u64,
    /// Messages with live metrics.
    pub metrics_total: u64,
    /// Messages with health.
    pub health_total: u64,
    /// Records; a repeated one counts again.
    pub records_total: u64,
    /// Messages that were invalid, too frequent, or of more than [`MAX_BOOTHS`] booths.
    pub refused_total: u64,
    /// Invalid values that were dropped from accepted messages.
    pub dropped_values_total: u64,
}

/// Rows for the archive, taken by [`FleetState::take_outgoing`].
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Minutes that are over.
    pub minutes: Vec<Minute>,
    /// Alerts that were raised or have ended.
    pub alerts: Vec<AlertChange>,
    /// Booths whose row has changed.
    pub booths: Vec<KnownBooth>,
    /// Answers of booths to erase orders.
    pub answers: Vec<(BoothKey, EraseAnswer)>,
}

/// Filters the list of booths.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of the site's or booth's name or of its version, or the name of an alert.
    pub search: Option<String>,
    /// This site only.
    pub site: Option<String>,
    /// This presence only.
    pub presence: Option<Presence>,
    /// Only what has such an alert.
    pub alert: Option<AlertKind>,
    /// Only what has any alert.
    pub has_alert: bool,
}

/// Counts over all booths.
#[derive(Clone, Debug, Default, Eq, PartialEq, schemars::JsonSchema, serde::Serialize)]
pub struct FleetSummary {
    /// Booths in memory.
    pub booths: usize,
    /// Booths that are online.
    pub online: usize,
    /// Booths with an alert.
    pub with_alerts: usize,
    /// The sites of all booths.
    pub sites: Vec<String>,
}

/// The whole current state of one booth.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Its row in the list.
    pub row: BoothRow,
    /// Its last `info`.
    pub info: Option<Value>,
    /// Its last `health`.
    pub health: Option<Value>,
    /// Its newest reports of video and of audio, and when each arrived, unix ms.
    pub live: [Option<(i64, Value)>; 2],
    /// Its invalid messages and values.
    pub refused: Refused,
}

impl FleetState {
    /// A fleet state with the archived booths and open alerts.
    pub fn new(
        limits: Limits,
        known: Vec<KnownBooth>,
        open: impl IntoIterator<Item = (BoothKey, AlertKind, i64, String)>,
    ) -> Self {
        let booths = known.into_iter().map(|known| (known.key.clone(), Booth::new(known)));
        let mut booths: BTreeMap<_, _> = booths.collect();
        for (key, kind, since, detail) in open {
            if let Some(booth) = booths.get_mut(&key) {
                booth.alerts.insert(kind, (since, detail));
            }
        }
        for booth in booths.values_mut() {
            if booth.alerts.contains_key(&AlertKind::Offline)
                && booth.presence == Presence::Online
            {
                // It was silent before the restart, and no message has arrived since.
                booth.presence = Presence::Silent;
                booth.presence_since = booth.known.last_seen_at;
            }
        }
        let held_bytes = booths.values().map(Booth::held_bytes).sum();
        FleetState {
            booths,
            limits,
            listening_since: None,
            revision: 1,
            counts: Counts::default(),
            outgoing: Outgoing::default(),
            erased: Known::default(),
            held_bytes,
            no_eviction_until: 0,
        }
    }

    /// Merges archived booths and alerts that could be read only after the start. What arrived
    /// since takes precedence.
    pub(super) fn remember(
        &mut self,
        known: Vec<KnownBooth>,
        open: impl IntoIterator<Item = (BoothKey, AlertKind, i64, String)>,
    ) {
        self.revision += 1;
        for known in known {
            let has_room = self.booths.len() < MAX_BOOTHS;
            match self.booths.entry(known.key.clone()) {
                Entry::Occupied(mut booth) => booth.get_mut().remember(known),
                Entry::Vacant(place) if has_room => {
                    place.insert(Booth::new(known)).revision = self.revision;
                }
                Entry::Vacant(_) => (),
            }
        }
        for (key, kind, since, detail) in open {
            if let Some(booth) = self.booths.get_mut(&key) {
                // An alert that does not hold any more ends with the next tick.
                booth.revision = self.revision;
                let alert = booth.alerts.entry(kind).or_insert((since, detail));
                alert.0 = alert.0.min(since);
            }
        }
        self.held_bytes = self.booths.values().map(Booth::held_bytes).sum();
    }

    /// Notes that the subscription at the broker begins or ends. Only while it holds is a booth
    /// without messages silent.
    pub fn listening(&mut self, is_subscribed: bool, now: i64) {
        match (is_subscribed, self.listening_since) {
            (true, None) => self.listening_since = Some(now),
            (false, _) => self.listening_since = None,
            (true, Some(_)) => (),
        }
    }

    /// Deletes what belongs to erased sessions; their later reports are ignored.
    pub(super) fn forget_erased(&mut self, known: &Known) {
        if known.generation == self.erased.generation {
            return;
        }
        self.erased = known.clone();
        let erased = &self.erased;
        for (key, booth) in &mut self.booths {
            booth.forget_sessions(|id| erased.holds(key, id));
        }
        let is_erased = |minute: &Minute| {
            minute.session_id.as_deref().is_some_and(|id| erased.holds(&minute.key, id))
        };
        self.outgoing.minutes.retain(|minute| !is_erased(minute));
        self.held_bytes = self.booths.values().map(Booth::held_bytes).sum();
    }

    /// Whether a booth reports `online` and has sent a message since the subscription began.
    pub(super) fn is_online(&self, key: &BoothKey) -> bool {
        let since = self.listening_since.unwrap_or(i64::MAX);
        self.booths.get(key).is_some_and(|booth| {
            booth.presence == Presence::Online
                && booth.known.status == Some(ReportedStatus::Online)
                && booth.known.last_seen_at >= since
        })
    }

    /// Corrects the times in `noted` (unix ms) by `by` ms, after the fleet server's clock was set.
    /// No booth becomes silent through the correction.
    pub fn clock_moved(&mut self, noted: &RangeInclusive<i64>, by: i64) {
        if let Some(since) = &mut self.listening_since {
            *since = since.saturating_add(by);
        }
        self.booths.values_mut().for_each(|booth| booth.clock_moved(noted, by));
    }

    /// Applies one message. `is_retained`: it was published before the subscription, so it does not
    /// prove that the booth is connected now. A record is returned: the archive must store it.
    pub fn take(
        &mut self,
        topic: &str,
        payload: &[u8],
        is_retained: bool,
        now: i64,
    ) -> Option<Record> {
        self.counts.messages_total += 1;
        self.counts.bytes_total += u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let read = match message::read(topic, payload) {
            Ok(Read { message: Message::Other, .. }) => return None,
            Ok(read) => read,
            Err(why) => return self.refuse(topic, why),
        };
        if let Err(why) = self.admit(&read, payload.len(), now) {
            return self.refuse(topic, why);
        }
        let Read { key, message, dropped_values } = read;
        self.revision += 1;
        self.counts.dropped_values_total += dropped_values;
        let booth = self.booths.entry(key).or_insert_with_key(|key| new_booth(key, now));
        booth.refused.values_total += dropped_values;
        if !is_retained {
            booth.known.last_seen_at = booth.known.last_seen_at.max(now);
        }
        let (before, held) = (booth.row(), booth.held_bytes());
        let record = self.take_message(&before.key, message, now);
        let booth = self.booths.get(&before.key).expect("it was just changed");
        self.held_bytes = (self.held_bytes + booth.held_bytes()).saturating_sub(held);
        self.settle(&before, now);
        record
    }

    fn take_message(&mut self, key: &BoothKey, message: Message, now: i64) -> Option<Record> {
        let booth = self.booths.get_mut(key).expect("the caller has put it there");
        match message {
            Message::Status { status, since, boot_id } => {
                booth.take_status(status, since, boot_id);
                booth.archived_at = None;
            }
            Message::Info(info) => {
                booth.take_info(&info);
                booth.archived_at = None;
            }
            Message::Health(health) => {
                self.counts.health_total += 1;
                booth.take_health(&health, now);
            }
            Message::Metrics(modality, report) => {
                self.counts.metrics_total += 1;
                let session_id = report["session_id"].as_str();
                if session_id.is_some_and(|id| self.erased.holds(key, id)) {
                    return None;
                }
                let over = take_report(booth, modality, &report, now);
                self.outgoing.minutes.extend(over);
            }
            Message::Record(record) => {
                self.counts.records_total += 1;
                forget_erased(booth, &record);
                self.outgoing.minutes.retain(|minute| !is_erased(minute, &record));
                return Some(record);
            }
            Message::EraseAnswer(answer) => {
                self.outgoing.answers.push((key.clone(), answer));
            }
            Message::Other => (),
        }
        None
    }

    /// Whether there is room for a message; the error is a sentence.
    fn admit(&mut self, read: &Read, bytes: usize, now: i64) -> Result<(), &'static str> {
        if self.held_bytes + bytes > MAX_HELD_BYTES {
            return Err("exceeds the memory for booths' states and reports");
        }
        if let Some(booth) = self.booths.get_mut(&read.key) {
            return match read.message {
                Message::Record(_) if booth.may_record(bytes, now) => Ok(()),
                Message::Record(_) => {
                    Err("exceeds what the records of one booth may take on one day")
                }
                _ if booth.admits_message(now) => Ok(()),
                _ => Err("exceeds the rate of messages of one booth"),
            };
        }
        let has_room = self.booths.len() < MAX_BOOTHS || self.make_room(now);
        if has_room { Ok(()) } else { Err("exceeds the number of booths") }
    }

    /// Removes the booth whose last message is the oldest, if it is away for a day or more.
    fn make_room(&mut self, now: i64) -> bool {
        if self.no_eviction_until > now {
            return false;
        }
        let gone = self.booths.values().filter(|booth| booth.is_long_gone(now));
        let gone = gone.min_by_key(|booth| booth.last_known_at());
        let Some(key) = gone.map(|booth| booth.known.key.clone()) else {
            // Invented booths must not cause a search through all booths for each message.
            self.no_eviction_until = now + LOOK_AGAIN_MS;
            return false;
        };
        if let Some(booth) = self.booths.remove(&key) {
            self.held_bytes = self.held_bytes.saturating_sub(booth.held_bytes());
        }
        true
    }

    fn refuse(&mut self, topic: &str, why: &'static str) -> Option<Record> {
        log::debug!(target: "fleet", why = why, topic = shown(topic).as_str(); "message refused");
        self.counts.refused_total += 1;
        let booth = message::key_of(topic).and_then(|key| self.booths.get_mut(&key));
        if let Some(booth) = booth {
            booth.refused.messages_total += 1;
            booth.refused.last = Some(why);
        }
        None
    }

    /// Updates presence and revision of a booth after a message.
    fn settle(&mut self, before: &BoothRow, now: i64) {
        let listening_since = self.listening_since.unwrap_or(now);
        let booth = self.booths.get_mut(&before.key).expect("it was just changed");
        let after_ms = self.limits.offline_after_ms;
        set_presence(booth, booth.presence_at(now, listening_since, after_ms), now);
        let is_new = booth.revision == 0;
        let seen = booth.known.last_seen_at;
        let mut shown = booth.row();
        shown.last_seen_at = before.last_seen_at;
        if is_new || shown != *before || seen - booth.listed_seen_at >= SEEN_STEP_MS {
            booth.revision = self.revision;
            booth.listed_seen_at = seen;
        }
    }

    /// Updates presence, alerts and minutes of every booth; called once a second.
    pub fn tick(&mut self, now: i64) {
        let majority = self.majority_version();
        let listening_since = self.listening_since;
        for booth in self.booths.values_mut() {
            for minute in &mut booth.minutes {
                let is_over = minute.as_ref().is_some_and(|minute| minute.is_over(now));
                self.outgoing.minutes.extend(minute.take_if(|_| is_over));
            }
            let mut has_changed = false;
            // Without a subscription no message arrives, so silence proves nothing.
            if let Some(since) = listening_since {
                let presence = booth.presence_at(now, since, self.limits.offline_after_ms);
                has_changed |= set_presence(booth, presence, now);
                let faults = booth.faults(now, &self.limits, majority.as_deref());
                let changes = change_alerts(booth, faults, now);
                has_changed |= !changes.is_empty();
                self.outgoing.alerts.extend(changes);
            }
            if has_changed {
                self.revision += 1;
                booth.revision = self.revision;
                booth.archived_at = None;
            }
            let is_newer = |at: i64| booth.known.last_seen_at > at;
            let is_due =
                booth.archived_at.is_none_or(|at| now - at >= ARCHIVE_EVERY_MS && is_newer(at));
            if is_due {
                booth.archived_at = Some(now);
                self.outgoing.booths.push(booth.known.clone());
            }
        }
    }

    /// Ends every minute and queues every booth for the archive; called when the fleet server stops.
    pub fn close(&mut self) {
        for booth in self.booths.values_mut() {
            self.outgoing.minutes.extend(booth.minutes.iter_mut().filter_map(Option::take));
            self.outgoing.booths.push(booth.known.clone());
        }
    }

    /// Takes the rows for the archive since the last call.
    pub fn take_outgoing(&mut self) -> Outgoing {
        std::mem::take(&mut self.outgoing)
    }

    /// The version of more than half of the online booths.
    fn majority_version(&self) -> Option<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let there = self.booths.values().filter(|booth| booth.presence == Presence::Online);
        for version in there.filter_map(|booth| booth.facts.version.as_deref()) {
            *counts.entry(version).or_default() += 1;
        }
        let all: usize = counts.values().sum();
        let (version, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (all >= MAJORITY_OF && most * 2 > all).then(|| version.to_owned())
    }

    /// Removes booths whose last message is older than `before` (unix ms).
    pub fn forget_booths(&mut self, before: i64) {
        self.booths.retain(|_, booth| {
            let known_at = booth.known.last_seen_at.max(booth.known.first_seen_at);
            known_at >= before || booth.presence == Presence::Online
        });
        self.held_bytes = self.booths.values().map(Booth::held_bytes).sum();
    }

    /// Rows that the filter admits, from `offset`, at most `limit`; and how many it admits.
    pub fn list(&self, filter: &Filter, offset: usize, limit: usize) -> (Vec<BoothRow>, usize) {
        let rows = self.booths.values().filter(|booth| filter.admits(booth));
        let mut total = 0;
        let mut wanted = Vec::new();
        for booth in rows {
            if total >= offset && wanted.len() < limit {
                wanted.push(booth.row());
            }
            total += 1;
        }
        (wanted, total)
    }

    /// Rows that have changed after revision `after`, at most `limit`; and the revision that the
    /// reader has with them.
    pub fn changes(&self, after: u64, limit: usize) -> (Vec<BoothRow>, u64) {
        let changed = self.booths.values().filter(|booth| booth.revision > after);
        let mut changed: Vec<_> = changed.map(|booth| (booth.revision, booth)).collect();
        changed.sort_by_key(|(revision, _)| *revision);
        let is_cut = changed.len() > limit;
        changed.truncate(limit);
        let reached = match changed.last() {
            Some((revision, _)) if is_cut => *revision,
            _ => self.revision,
        };
        (changed.into_iter().map(|(_, booth)| booth.row()).collect(), reached)
    }

    /// The newest revision of the list.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Counts over all booths.
    pub fn fleet_summary(&self) -> FleetSummary {
        let count = |is: fn(&Booth) -> bool| self.booths.values().filter(|b| is(b)).count();
        let mut sites: Vec<_> = self.booths.keys().map(|key| key.site.clone()).collect();
        sites.dedup();
        FleetSummary {
            booths: self.booths.len(),
            online: count(|booth| booth.presence == Presence::Online),
            with_alerts: count(|booth| !booth.alerts.is_empty()),
            sites,
        }
    }

    /// Number of open alerts of each kind.
    pub fn open_alerts(&self) -> BTreeMap<AlertKind, usize> {
        let mut counts: BTreeMap<_, _> = AlertKind::ALL.map(|kind| (kind, 0)).into();
        for kind in self.booths.values().flat_map(|booth| booth.alerts.keys()) {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }

    /// Messages that arrived since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The whole current state of one booth; `None`: the booth is unknown.
    pub fn detail(&self, key: &BoothKey) -> Option<Detail> {
        let booth = self.booths.get(key)?;
        let parse = |text: &Option<Box<str>>| serde_json::from_str(text.as_deref()?).ok();
        let live = |modality| {
            let live = booth.live[place(modality)].as_ref()?;
            Some((live.at, serde_json::from_str(&live.text).ok()?))
        };
        Some(Detail {
            row: booth.row(),
            info: parse(&booth.known.info),
            health: parse(&booth.known.health),
            live: [live(Modality::Video), live(Modality::Audio)],
            refused: booth.refused,
        })
    }

    /// The newest reports of a booth that arrived after `after` (unix ms), each with its time.
    pub fn live_after(&self, key: &BoothKey, after: [i64; 2]) -> [Option<(i64, Box<str>)>; 2] {
        let Some(booth) = self.booths.get(key) else { return [None, None] };
        std::array::from_fn(|k| {
            let live = booth.live[k].as_ref().filter(|live| live.at > after[k])?;
            Some((live.at, live.text.clone()))
        })
    }
}

impl Filter {
    fn admits(&self, booth: &Booth) -> bool {
        let key = &booth.known.key;
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        let is_found = |part: &String| {
            let part = part.to_lowercase();
            has(&key.site, &part)
                || has(&key.booth, &part)
                || booth.facts.version.as_deref().is_some_and(|version| has(version, &part))
                || booth.alerts.keys().any(|kind| kind.name() == part)
        };
        self.search.as_ref().is_none_or(is_found)
            && self.site.as_ref().is_none_or(|site| *site == key.site)
            && self.presence.is_none_or(|presence| presence == booth.presence)
            && self.alert.is_none_or(|kind| booth.alerts.contains_key(&kind))
            && (!self.has_alert || !booth.alerts.is_empty())
    }
}

/// The state of a booth before its first message.
fn new_booth(key: &BoothKey, now: i64) -> Booth {
    let known = KnownBooth {
        key: key.clone(),
        first_seen_at: now,
        last_seen_at: 0,
        status: None,
        since: None,
        info: None,
        health: None,
    };
    Booth::new(known)
}

/// Stores a live report; returns the minute that it ends.
fn take_report(
    booth: &mut Booth,
    modality: Modality,
    report: &Value,
    now: i64,
) -> Option<Minute> {
    let session_id = report["session_id"].as_str();
    let minute = &mut booth.minutes[place(modality)];
    let is_held = minute.as_ref().is_some_and(|minute| minute.holds(now, session_id));
    let over = if is_held { None } else { minute.take() };
    let key = &booth.known.key;
    minute.get_or_insert_with(|| Minute::new(key, modality, now, session_id)).add(report);
    let text = report.to_string().into_boxed_str();
    let session_id = session_id.map(str::to_owned);
    booth.live[place(modality)] = Some(Live { at: now, session_id, text });
    over
}

/// The sessions that an `event/erased` names.
pub(super) fn erased_sessions(record: &Record) -> impl Iterator<Item = &str> {
    let is_erasing = record.kind == "event/erased";
    let named = record.data["session_ids"].as_array().filter(|_| is_erasing);
    named.into_iter().flatten().filter_map(Value::as_str)
}

fn forget_erased(booth: &mut Booth, record: &Record) {
    erased_sessions(record).for_each(|erased| booth.forget_sessions(|id| id == erased));
}

fn is_erased(minute: &Minute, record: &Record) -> bool {
    minute.key == record.key
        && erased_sessions(record).any(|id| minute.session_id.as_deref() == Some(id))
}

fn set_presence(booth: &mut Booth, presence: Presence, now: i64) -> bool {
    if booth.presence == presence {
        return false;
    }
    let was_silent = booth.presence == Presence::Silent;
    booth.presence = presence;
    booth.presence_since = match presence {
        // Silence begins with the last message and ends now; the booth's own `since` is ignored.
        Presence::Silent => booth.known.last_seen_at.max(booth.known.first_seen_at),
        Presence::Online if was_silent => now,
        Presence::Online | Presence::Offline => booth.known.since.unwrap_or(now).min(now),
        Presence::Restarting => now,
    };
    true
}

/// Raises alerts for new faults and ends those whose fault is over.
fn change_alerts(
    booth: &mut Booth,
    faults: BTreeMap<AlertKind, String>,
    now: i64,
) -> Vec<AlertChange> {
    let key = booth.known.key.clone();
    let change = |kind, detail| AlertChange { key: key.clone(), kind, at: now, detail };
    let over = booth.alerts.keys().filter(|kind| !faults.contains_key(kind));
    let over: Vec<_> = over.copied().collect();
    let mut changes = Vec::new();
    for kind in over {
        booth.alerts.remove(&kind);
        changes.push(change(kind, None));
    }
    for (kind, detail) in faults {
        booth.alerts.entry(kind).or_insert_with(|| {
            changes.push(change(kind, Some(detail.clone())));
            (now, detail)
        });
    }
    changes
}

/// A topic for the log: shortened, since any client can choose it.
fn shown(topic: &str) -> String {
    topic.chars().filter(|c| !c.is_control()).take(80).collect()
}
