//! What the system that runs boothd sees of it: the log on standard error.
//!
//! A log line is a fixed sentence plus fields. No line ever holds a token: they travel as
//! [`Secret`](crate::store::Secret), whose `Debug` hides them.

use std::{
    env,
    io::{self, Write},
    panic, process,
    time::Instant,
};

use env_logger::{Builder, Target, WriteStyle};
use log::{
    LevelFilter, Record,
    kv::{Error as KvError, Key, Value, VisitSource},
};

/// Libraries that log every step of theirs; only their warnings are of use to an operator.
const TALKATIVE: [&str; 8] =
    ["tract", "hyper", "axum", "mio", "tokio", "tungstenite", "tower", "rustls"];

/// Starts the log on standard error: seconds since the start (the journal has its own time),
/// level, target, sentence, fields. A second call changes nothing.
pub fn init_logging(level: LevelFilter) {
    let began_at = (!is_journal()).then(Instant::now);
    let mut builder = Builder::new();
    builder.filter_level(level).target(Target::Stderr).write_style(WriteStyle::Never);
    for library in TALKATIVE {
        builder.filter_module(library, level.min(LevelFilter::Warn));
    }
    // It repeats at each message what `mqtt` tells once.
    builder.filter_module("rumqttc", level.min(LevelFilter::Error));
    builder.format(move |line, record| {
        if let Some(began_at) = began_at {
            write!(line, "{:>10.3} ", began_at.elapsed().as_secs_f64())?;
        }
        write_line(line, record)
    });
    if builder.try_init().is_err() {
        log::debug!(target: "service", "the log had begun already");
    }
}

/// From now on a panic of any thread ends the process, once it has told where it was: systemd
/// restarts a whole daemon, never half of one.
pub fn abort_on_panic() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        tell(what);
        process::abort();
    }));
}

/// systemd sets JOURNAL_STREAM where standard error is the journal.
fn is_journal() -> bool {
    env::var_os("JOURNAL_STREAM").is_some()
}

/// `LEVEL target: sentence key=value …`, always one line.
fn write_line(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let sentence = one_line(&record.args().to_string());
    write!(out, "{:<5} {}: {sentence}", record.level(), record.target())?;
    record.key_values().visit(&mut Fields(out)).map_err(io::Error::other)?;
    writeln!(out)
}

struct Fields<'a, W>(&'a mut W);

impl<'kvs, W: Write> VisitSource<'kvs> for Fields<'_, W> {
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

/// What a device or a client says must not begin a line of its own.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_sentence_and_its_fields() {
        let fields = [("device", "/dev/video0"), ("error", "gone:\nno such device")];
        let record = Record::builder()
            .args(format_args!("camera lost"))
            .level(log::Level::Warn)
            .target("camera")
            .key_values(&fields)
            .build();
        let mut line = Vec::new();
        write_line(&mut line, &record).unwrap();
        let expected = "WARN  camera: camera lost device=/dev/video0 \
                        error=\"gone:; no such device\"\n";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
