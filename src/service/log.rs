//! The log: to the journal where standard error is the journal, else to standard error.
//!
//! A log line is a fixed sentence plus fields. No line ever holds a token: they travel as
//! [`Secret`](crate::store::Secret), whose `Debug` hides them.

use std::{
    io::{self, Write},
    time::Instant,
};

use env_logger::{Builder, Logger, Target, WriteStyle};
use log::{Level, LevelFilter, Log, Record};

use super::{
    journal::{Journal, is_journal},
    sentence::sentence,
    stderr::Stderr,
};

/// Libraries that log every step; only their warnings are useful to an operator.
const VERBOSE: [&str; 8] =
    ["tract", "hyper", "axum", "mio", "tokio", "tungstenite", "tower", "rustls"];

/// Starts the log. On standard error a line is seconds since the start (the journal has its own
/// time), level, target, sentence, fields. A second call changes nothing.
pub fn init_logging(level: LevelFilter) {
    let is_journal = is_journal(io::stderr());
    let stderr = to_stderr(is_journal);
    let logger: Box<dyn Log> = match Journal::open_if(is_journal, stderr) {
        Ok(journal) => Box::new(journal),
        Err(stderr) => Box::new(stderr),
    };
    match log::set_boxed_logger(logger) {
        Ok(()) => set_log_level(level),
        Err(_) => log::debug!(target: "service", "the log had begun already"),
    }
}

/// Sets the level of the log from now on.
pub fn set_log_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Lines on standard error, all that [`set_log_level`] lets through.
fn to_stderr(is_journal: bool) -> Logger {
    let began_at = (!is_journal).then(Instant::now);
    let mut builder = Builder::new();
    let target = Target::Pipe(Box::new(Stderr::default()));
    builder.filter_level(LevelFilter::Trace).target(target).write_style(WriteStyle::Never);
    for library in VERBOSE {
        builder.filter_module(library, LevelFilter::Warn);
    }
    // It repeats at each message what `mqtt` logs once.
    builder.filter_module("rumqttc", LevelFilter::Error);
    builder.format(move |line, record| {
        match began_at {
            Some(began_at) => write!(line, "{:>10.3} ", began_at.elapsed().as_secs_f64())?,
            None => write!(line, "<{}>", priority(record.level()))?,
        }
        write_line(line, record)
    });
    builder.build()
}

/// Syslog's number for a level, which the journal reads at the begin of a line of a stream.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Writes a last message before the process ends, at the level of an error where standard error is
/// the journal: systemd takes lines of a stream for info. Ignores a failing standard error.
pub fn log_last(text: &str) {
    let prefix = if is_journal(io::stderr()) {
        format!("<{}>", priority(Level::Error))
    } else {
        String::new()
    };
    let lines: String = text.lines().map(|line| format!("{prefix}{line}\n")).collect();
    let mut stderr = Stderr::default();
    stderr.write_all(lines.as_bytes()).expect("it never fails");
}

/// `LEVEL target: sentence key=value …`, always one line.
fn write_line(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    writeln!(out, "{:<5} {}: {}", record.level(), record.target(), sentence(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_field_holds_commands_no_terminal() {
        let fields = [("session", "a\u{1b}[2J\u{202e}b")];
        let record = Record::builder().args(format_args!("left")).key_values(&fields).build();
        assert_eq!(sentence(&record), "left session=a\\u{1b}[2J\\u{202e}b");
    }

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
