//! [`Given`]: what a file and the command line give, each value of the kind that its key takes.
//!
//! Parses low: knows nothing of what the keys mean together.

use std::{collections::BTreeMap, sync::LazyLock};

use sha2::{Digest, Sha256};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    key::{self, Fallback, KEYS, Key, Kind},
    problem::{Place, Problem},
};

/// A value of the kind that its key takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Switch(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<f64>),
}

/// The values that were given, by key, and the mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, (Value, Place)>,
    pub(super) problems: Vec<Problem>,
}

impl Given {
    /// Adds what the text of a file gives.
    pub(super) fn read_file(&mut self, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let place = Place::of(text, error.span().map_or(0, |span| span.start));
            let message = error.message().trim().replace('\n', "; ");
            self.problems.push(Problem { key: None, place, message });
        }
        self.read_table("", document.get_ref(), text);
    }

    /// Adds one `key=value` of the command line, which wins over the file.
    pub(super) fn read_override(&mut self, argument: &str) {
        let place = Place::Override;
        let Some((name, text)) = argument.split_once('=') else {
            self.problem(argument, place, "needs a value: --set key=value");
            return;
        };
        let (name, text) = (name.trim(), text.trim());
        let Some(key) = key::find(name) else {
            self.problem(name, place, unknown(name));
            return;
        };
        let is_text = matches!(key.kind, Kind::Text | Kind::Path | Kind::Word(_));
        let parsed = if is_text && !text.starts_with(['"', '\'']) {
            of_kind(key.kind, &DeValue::String(text.into()))
        } else {
            match DeValue::parse(text) {
                Ok(value) => of_kind(key.kind, value.get_ref()),
                Err(_) => Err(format!("must be {}, is {text}", key.kind.accepts())),
            }
        };
        self.keep(key, parsed, place);
    }

    fn read_table(&mut self, above: &str, table: &DeTable<'_>, text: &str) {
        for (name, value) in table {
            let full = match above {
                "" => name.get_ref().to_string(),
                above => format!("{above}.{}", name.get_ref()),
            };
            if let Some(key) = key::find(&full) {
                let place = Place::of(text, value.span().start);
                self.keep(key, of_kind(key.kind, value.get_ref()), place);
            } else if !is_table(&full) {
                let place = Place::of(text, name.span().start);
                self.problem(&full, place, unknown(&full));
            } else if let DeValue::Table(inner) = value.get_ref() {
                self.read_table(&full, inner, text);
            } else {
                let place = Place::of(text, value.span().start);
                let message =
                    format!("is a table, not {}; write [{full}]", article(value.get_ref()));
                self.problem(&full, place, message);
            }
        }
    }

    fn keep(
        &mut self,
        key: &'static Key,
        parsed: std::result::Result<Value, String>,
        place: Place,
    ) {
        match parsed {
            Ok(value) => drop(self.values.insert(key.name, (value, place))),
            Err(message) => self.problem(key.name, place, message),
        }
    }

    /// Adds a mistake, unless the text there is no TOML, which is reported already.
    pub(super) fn problem(&mut self, key: &str, place: Place, message: impl Into<String>) {
        if self.problems.iter().any(|known| known.key.is_none() && known.place == place) {
            return;
        }
        let key = Some(key.to_owned());
        self.problems.push(Problem { key, place, message: message.into() });
    }

    /// Whether that key was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Place where that key was given.
    pub(super) fn place(&self, name: &str) -> Place {
        self.values.get(name).map_or(Place::Default, |(_, place)| *place)
    }

    /// The value of a key: given, or else its default; `None` where it has none.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        if let Some((value, _)) = self.values.get(name) {
            return Some(value.clone());
        }
        debug_assert!(key::find(name).is_some(), "only keys of the table are asked for");
        DEFAULTS.get(name).cloned()
    }

    /// SHA-256 of what booths of one kind share ([`Config::shared_sha256`](super::Config)), one line
    /// `key=value` a key in the order of their names, the value as JSON.
    pub(super) fn shared_sha256(&self) -> String {
        let is_own =
            |name: &str| ["booth.id", "web.token"].contains(&name) || name.starts_with("mqtt.");
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        let mut hash = Sha256::new();
        for name in names.into_iter().filter(|name| !is_own(name)) {
            if let Some(value) = self.get(name) {
                hash.update(format!("{name}={}\n", value.to_json()));
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Value {
    fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Switch(is_on) => (*is_on).into(),
            Value::Integer(number) => (*number).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Texts(texts) => texts.as_slice().into(),
            Value::Numbers(numbers) => numbers.as_slice().into(),
        }
    }
}

/// Each key's default, where it has one.
static DEFAULTS: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
    KEYS.iter().filter_map(|key| Some((key.name, read_default(key)?))).collect()
});

fn read_default(key: &Key) -> Option<Value> {
    let Fallback::Is(text) = key.default else { return None };
    let parsed = DeValue::parse(text).expect("defaults are TOML");
    Some(of_kind(key.kind, parsed.get_ref()).expect("defaults are of their key's kind"))
}

fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The value, or what it must be instead.
fn of_kind(kind: Kind, value: &DeValue<'_>) -> std::result::Result<Value, String> {
    let judged = match (kind, value) {
        (Kind::Switch, DeValue::Boolean(on)) => Some(Value::Switch(*on)),
        (Kind::Integer(min, max), DeValue::Integer(_)) => number(value)
            .filter(|n| (min as f64..=max as f64).contains(n))
            .map(|n| Value::Integer(whole(n))),
        (Kind::Number(min, max), _) => {
            number(value).filter(|n| (min..=max).contains(n)).map(Value::Number)
        }
        (Kind::Word(words), DeValue::String(word)) => {
            words.contains(&&**word).then(|| Value::Text(word.to_string()))
        }
        (Kind::Text | Kind::Path, DeValue::String(text)) => {
            (!text.is_empty()).then(|| Value::Text(text.to_string()))
        }
        (Kind::Texts(min, max), DeValue::Array(items)) => {
            let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
            let texts: Option<Vec<_>> = items.iter().map(text).collect();
            texts.filter(|texts| (min..=max).contains(&texts.len())).map(Value::Texts)
        }
        (Kind::Numbers(min, max), DeValue::Array(items)) => {
            let numbers: Option<Vec<_>> = items.iter().map(|n| number(n.get_ref())).collect();
            numbers.filter(|numbers| (min..=max).contains(&numbers.len())).map(Value::Numbers)
        }
        _ => None,
    };
    judged.ok_or_else(|| format!("must be {}, is {}", kind.accepts(), shown(value)))
}

/// A finite number, whole or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let parsed = match value {
        DeValue::Integer(n) => {
            i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64)
        }
        DeValue::Float(n) => n.as_str().parse::<f64>().ok(),
        _ => None,
    };
    parsed.filter(|n| n.is_finite())
}

#[allow(clippy::cast_possible_truncation, reason = "a whole number within its key's bounds")]
fn whole(number: f64) -> i64 {
    number as i64
}

/// The value as the file has it, or its type where it is long.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(n) => n.to_string(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        other => article(other),
    }
}

fn article(value: &DeValue<'_>) -> String {
    match value.type_str() {
        kind @ ("array" | "integer") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

/// The sentence for an unknown name, with the nearest known one.
fn unknown(name: &str) -> String {
    // A mistyped name has about the length of the right one.
    let known = KEYS
        .iter()
        .flat_map(|key| [key.name, key.table()])
        .filter(|known| known.len().abs_diff(name.len()) <= 1 + name.len() / 4);
    let nearest = known.map(|known| (distance(name, known), known)).min();
    match nearest {
        Some((steps, known)) if steps <= 1 + name.len() / 4 => {
            format!("is unknown; is {known} meant?")
        }
        _ => "is unknown; docs/ref/config.md lists every key".into(),
    }
}

/// Levenshtein's distance: how many letters to change, add or take away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
