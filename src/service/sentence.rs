//! A log record as one line of text.

use std::fmt::Write as _;

use log::{
    Record,
    kv::{Error as KvError, Key, Value, VisitSource},
};

use super::one_line;

/// `sentence key=value …`, always one line.
pub(super) fn sentence(record: &Record<'_>) -> String {
    let mut text = one_line(&record.args().to_string());
    // Writing to a text fails only where a value's own `Display` does.
    if record.key_values().visit(&mut Fields(&mut text)).is_err() {
        text.push_str(" (a field cannot be written)");
    }
    text
}

struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), KvError> {
        let text = one_line(&value.to_string());
        let written = if text.contains([' ', '"', '=']) || text.is_empty() {
            write!(self.0, " {key}={text:?}")
        } else {
            write!(self.0, " {key}={text}")
        };
        written.map_err(KvError::boxed)
    }
}
