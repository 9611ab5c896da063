//! Types and ranges of the fields of booths' messages. Any client with the right to publish can send
//! anything: an invalid value is dropped and counted before it reaches the archive, the alerts or
//! the page.
//!
//! Fields that are not listed pass unchanged; nothing reads them by type.

use serde_json::{Map, Value};

use crate::metric::Metric;

/// The year 3000, unix ms. A later time was sent in another unit.
const MAX_UNIX_MS: i64 = 32_503_680_000_000;

/// The largest integer that a page's number holds exactly.
const MAX_COUNT: u64 = 1 << 53;

const WORD_CHARS: usize = 128;
const TEXT_CHARS: usize = 1000;
const MAX_TEXTS: usize = 32;

/// Entries of an object whose names a booth chooses.
const MAX_ENTRIES: usize = 200;

/// The values that a field may have besides null.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Flag,
    /// From the first to the second.
    Number(f64, f64),
    /// An integer from zero.
    Count,
    /// Unix ms.
    Time,
    /// A text of at most 128 letters.
    Word,
    /// A text; a longer one is cut to 1,000 letters.
    Text,
    /// A list of at most 32 texts.
    Texts,
    /// An object with these fields.
    Object(Fields),
    /// A list of at most 32 objects with these fields.
    Objects(Fields),
    /// An object of whatever names, each entry of that kind.
    Each(&'static Kind),
}

/// Names and kinds.
pub(super) type Fields = &'static [(&'static str, Kind)];

use Kind::{Count, Each, Flag, Number, Object, Objects, Text, Texts, Time, Word};

/// A share; a little more for what was rounded.
const SHARE: Kind = Number(-0.01, 1.01);
const MILLIS: Kind = Number(0.0, 1e12);
const FLAGS: Kind = Each(&Flag);

/// Fields of a frame's report that are not in the catalogue of metrics.
pub(super) const VIDEO: Fields = &[
    ("timestamp", Time),
    ("processing_time", MILLIS),
    ("new_person", Flag),
    ("person_count", Count),
    ("dominant_emotion", Word),
    ("emotion_confidence", SHARE),
    ("emotion_distribution", Each(&SHARE)),
    ("head_pose", Object(&[])),
    ("face_actions", Each(&SHARE)),
    ("gaze", Object(&[("confidence", SHARE)])),
    ("eye_contact_probability", SHARE),
    ("face_count", Count),
    ("blink", Flag),
    ("sequence", Count),
    ("dropped_frames", Count),
    (
        "quality",
        Object(&[
            ("sharpness", Number(0.0, 1e12)),
            ("face_px", Number(0.0, 1e6)),
            ("verdict", Word),
            ("covered", Texts),
        ]),
    ),
    ("reasons", Each(&Word)),
    ("features", FLAGS),
    ("session_id", Word),
    ("demo_source", Flag),
];

/// Fields of a segment's report that are not in the catalogue of metrics.
pub(super) const AUDIO: Fields = &[
    ("timestamp", Time),
    ("processing_time", MILLIS),
    ("emotion", Word),
    ("emotion_confidence", SHARE),
    ("pause_count", Count),
    ("quality", Object(&[("verdict", Word), ("offset", Number(-1.0, 1.0))])),
    ("reasons", Each(&Word)),
    ("sequence", Count),
    ("dropped_segments", Count),
    ("features", FLAGS),
    ("session_id", Word),
    ("demo_source", Flag),
];

const STAGE: Kind = Object(&[
    ("state", Word),
    ("source", Text),
    ("error", Text),
    ("demo", Flag),
    ("on", Flag),
    ("last_media_ms_ago", Count),
    ("restarts_total", Count),
    ("dropped_total", Count),
    ("overruns_total", Count),
    ("errors_total", Count),
]);

pub(super) const HEALTH: Fields = &[
    ("status", Word),
    ("sentence", Text),
    (
        "findings",
        Objects(&[
            ("component", Word),
            ("code", Word),
            ("severity", Word),
            ("sentence", Text),
            ("detail", Text),
        ]),
    ),
    ("digest", Word),
    ("version", Word),
    ("booth_id", Word),
    ("uptime_s", Count),
    ("demo", Flag),
    ("camera", STAGE),
    ("microphone", STAGE),
    ("light", STAGE),
    ("vision", STAGE),
    ("speech", STAGE),
    ("store", STAGE),
    ("mqtt", STAGE),
    ("features", FLAGS),
    ("session_active", Flag),
    ("analysing", Flag),
    ("paused", Flag),
    ("connections", Count),
    ("connections_max", Count),
    ("policy", Object(&[("profile", Word), ("require_consent", Flag), ("error", Text)])),
    ("disk", Object(&[("free_bytes", Count), ("database_bytes", Count), ("error", Text)])),
    (
        "board",
        Object(&[
            ("model", Text),
            ("temperature_c", Number(-100.0, 200.0)),
            ("throttled", Flag),
            ("trouble", Word),
            ("error", Text),
        ]),
    ),
    ("clock", Object(&[("set", Flag), ("error", Text)])),
    (
        "outbox",
        Object(&[
            ("depth", Count),
            ("bytes", Count),
            ("oldest_at", Time),
            ("oldest_s", Count),
            ("set_aside", Count),
            ("error", Text),
            ("fallen_out_total", Count),
        ]),
    ),
];

pub(super) const INFO: Fields = &[
    ("version", Word),
    ("board", Text),
    ("config_sha256", Word),
    ("addresses", Texts),
    ("features", FLAGS),
    ("allowed", FLAGS),
    ("profile", Word),
    ("boot_id", Word),
];

pub(super) const STARTED: Fields = &[
    ("stream", Word),
    ("subject_ref", Text),
    ("started_at", Time),
    ("notice_version", Text),
    ("consent_at", Time),
    ("features", FLAGS),
    ("started_by", Text),
];

const STATISTIC: Kind = Object(&[
    ("count", Count),
    ("mean", Number(-1e12, 1e12)),
    ("variance", Number(-1e12, 1e24)),
    ("min", Number(-1e12, 1e12)),
    ("max", Number(-1e12, 1e12)),
    ("covered_ms", MILLIS),
    ("covered_s", MILLIS),
]);

pub(super) const SUMMARY: Fields = &[
    ("subject_ref", Text),
    ("started_at", Time),
    ("ended_at", Time),
    ("duration_ms", MILLIS),
    ("frames_total", Count),
    ("segments_total", Count),
    ("dropped_frames", Count),
    ("dropped_segments", Count),
    ("eye_contact_ms", MILLIS),
    ("person_count", Count),
    ("metrics", Each(&STATISTIC)),
    ("features", FLAGS),
];

/// Drops invalid values from `value`, an object; returns how many.
pub(super) fn clean(value: &mut Value, fields: Fields) -> u64 {
    value.as_object_mut().map_or(0, |object| clean_fields(object, fields))
}

/// Drops values outside the catalogue's range from a report; returns how many.
pub(super) fn clean_metrics(report: &mut Value, catalog: &[Metric]) -> u64 {
    let mut dropped = 0;
    for metric in catalog.iter().filter(|metric| is_wrong(report, metric)).collect::<Vec<_>>() {
        let (parent, name) = metric.pointer.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(parent)) = report.pointer_mut(parent) {
            parent.remove(name);
            dropped += 1;
        }
    }
    dropped
}

/// A value may exceed the range of its metric by this, in the metric's unit.
const ROUNDING: f64 = 0.01;

/// Whether the report has a value there that the metric cannot have, but for [`ROUNDING`].
fn is_wrong(report: &Value, metric: &Metric) -> bool {
    let (min, max) = metric.range;
    match report.pointer(metric.pointer) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(_)) => !metric.is_flag,
        Some(Value::Number(number)) if !metric.is_flag => {
            !number.as_f64().is_some_and(|n| (min - ROUNDING..=max + ROUNDING).contains(&n))
        }
        Some(_) => true,
    }
}

fn clean_fields(object: &mut Map<String, Value>, fields: Fields) -> u64 {
    let mut dropped = 0;
    for (name, kind) in fields {
        let Some(value) = object.get_mut(*name) else { continue };
        let (is_right, below) = judge(value, *kind);
        dropped += below;
        if !is_right {
            object.remove(*name);
            dropped += 1;
        }
    }
    dropped
}

/// Whether the value is of that kind, and how many values within it were dropped.
fn judge(value: &mut Value, kind: Kind) -> (bool, u64) {
    if value.is_null() {
        return (true, 0);
    }
    let is_right = match kind {
        Flag => value.is_boolean(),
        Number(min, max) => value.as_f64().is_some_and(|number| (min..=max).contains(&number)),
        Count => value.as_u64().is_some_and(|number| number <= MAX_COUNT),
        Time => value.as_i64().is_some_and(|at| (0..=MAX_UNIX_MS).contains(&at)),
        Word => value.as_str().is_some_and(|text| text.chars().count() <= WORD_CHARS),
        Text => cut(value),
        Texts => value.as_array_mut().is_some_and(|texts| {
            texts.truncate(MAX_TEXTS);
            texts.iter_mut().all(cut)
        }),
        Object(fields) => {
            return (value.is_object(), clean(value, fields));
        }
        Objects(fields) => {
            let Some(objects) = value.as_array_mut() else { return (false, 0) };
            let all = objects.len();
            objects.retain(Value::is_object);
            objects.truncate(MAX_TEXTS);
            let gone = u64::try_from(all - objects.len()).unwrap_or(u64::MAX);
            let below: u64 = objects.iter_mut().map(|object| clean(object, fields)).sum();
            return (true, gone + below);
        }
        Each(kind) => {
            let Some(entries) = value.as_object_mut() else { return (false, 0) };
            return (true, clean_entries(entries, *kind));
        }
    };
    (is_right, 0)
}

fn clean_entries(entries: &mut Map<String, Value>, kind: Kind) -> u64 {
    let mut dropped = 0;
    let mut kept = 0;
    entries.retain(|name, value| {
        let (is_right, below) = judge(value, kind);
        let is_kept = is_right && kept < MAX_ENTRIES && name.chars().count() <= WORD_CHARS;
        kept += usize::from(is_kept);
        dropped += below + u64::from(!is_kept);
        is_kept
    });
    dropped
}

/// Whether it is a text, which is cut to the letters that one may have.
fn cut(value: &mut Value) -> bool {
    let Value::String(text) = value else { return false };
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
        text.truncate(end);
    }
    true
}

#[cfg(test)]
mod tests;
