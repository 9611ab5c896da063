//! [`Journal`]: the log as journald's fields, with the levels as syslog's priorities.

use std::{env, io, os::fd::AsFd, thread};

use env_logger::Logger;
use log::{
    Level, Log, Metadata, Record,
    kv::{Error as KvError, Key, Source, Value, VisitSource},
};
use systemd_journal_logger::JournalLog;

use super::sentence::sentence;

/// The name under which `journalctl -t` finds boothd, whatever its file is called.
const IDENTIFIER: &str = "boothd";

/// Whether systemd has connected `file` to the journal. A service's child or a shell may
/// inherit the variable without the file, so both are looked at.
pub fn is_journal(file: impl AsFd) -> bool {
    let Some(stream) = env::var_os("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(file)
        .is_ok_and(|it| stream.to_str() == Some(&format!("{}:{}", it.st_dev, it.st_ino)))
}

/// Sends records to journald; what it does not take goes to standard error.
pub(super) struct Journal {
    journal: JournalLog,
    /// Also decides what is logged at all.
    stderr: Logger,
}

impl Journal {
    /// Connects to journald where that `is_wanted`; gives `stderr` back where there is none.
    pub(super) fn open_if(is_wanted: bool, stderr: Logger) -> Result<Self, Logger> {
        match is_wanted.then(JournalLog::empty) {
            Some(Ok(journal)) => {
                let journal = journal.with_syslog_identifier(IDENTIFIER.into());
                Ok(Journal { journal, stderr })
            }
            Some(Err(_)) | None => Err(stderr),
        }
    }

    /// `journalctl` shows only the message, so the message holds the fields, too.
    fn send(&self, record: &Record<'_>) -> io::Result<()> {
        let thread = thread::current();
        let fields = WithThread { own: record.key_values(), name: thread.name() };
        self.journal.journal_send(
            &Record::builder()
                .args(format_args!("{}", sentence(record)))
                .level(in_syslogs_words(record.level()))
                .target(record.target())
                .module_path(record.module_path())
                .file(record.file())
                .line(record.line())
                .key_values(&fields)
                .build(),
        )
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.stderr.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        // A restarting journald has closed its socket; the stream may still be open.
        if self.stderr.matches(record) && self.send(record).is_err() {
            self.stderr.log(record);
        }
    }

    fn flush(&self) {
        self.stderr.flush();
    }
}

/// The crate makes a notice (5) of info, and info (6) of debug. Moved by one, info is info (6),
/// and debug and trace are debug (7); error (3) and warning (4) are right.
fn in_syslogs_words(level: Level) -> Level {
    match level {
        Level::Error | Level::Warn => level,
        Level::Info => Level::Debug,
        Level::Debug | Level::Trace => Level::Trace,
    }
}

/// A record's fields and the name of its thread.
struct WithThread<'a> {
    own: &'a dyn Source,
    name: Option<&'a str>,
}

impl Source for WithThread<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), KvError> {
        self.own.visit(visitor)?;
        match self.name {
            Some(name) => visitor.visit_pair(Key::from("thread_name"), Value::from(name)),
            None => Ok(()),
        }
    }
}
