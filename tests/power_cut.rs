//! What a power cut in the middle of a write leaves on the card: data that was not synced may be
//! there, or not, or in part, sector by sector and in any order. A kill of the process alone
//! (tests/faults.rs) leaves all of it in the kernel's hands and does not test that.
//!
//! A real daemon writes; tests/doubles/black_box.c writes down what it asked of the card and when
//! it waited for it. From that the files are made as the cut leaves them, at many moments.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use boothd::store::{Database, SessionState, database_path};
use boothd_test_support::{daemon, operator};
use daemon::{BOOTHD, Daemon};
use operator::{begin, end};

/// Size of a sector, which a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The database, its log, its rollback journal.
const FILES: [&str; 3] = ["", "-wal", "-journal"];

/// How often the power is cut; BOOTHD_POWER_CUTS=5000 for the long run.
fn power_cuts() -> u64 {
    env::var("BOOTHD_POWER_CUTS").map_or(200, |count| count.parse().unwrap())
}

/// Sessions that the daemon is asked for. The log is written back into the database several times.
const SESSIONS: usize = 150;

/// A request to the card.
#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// A file as the card may have it.
#[derive(Clone, Default)]
struct File {
    /// Synced content.
    bytes: Vec<u8>,
    /// Unsynced writes, which may be there too.
    unsynced: Vec<Change>,
    is_there: bool,
}

impl File {
    fn ask(&mut self, change: Change) {
        self.is_there = true;
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        let changes = std::mem::take(&mut self.unsynced);
        changes.iter().for_each(|change| apply(&mut self.bytes, change, |_| true));
    }

    /// The file after a cut, which leaves each sector that was on its way to `fate`.
    fn after_cut(&self, mut fate: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for change in &self.unsynced {
            apply(&mut bytes, change, |_| fate());
        }
        bytes
    }
}

fn apply(file: &mut Vec<u8>, change: &Change, mut is_kept: impl FnMut(usize) -> bool) {
    match change {
        Change::Truncate { length } if is_kept(0) => file.resize(*length, 0),
        Change::Truncate { .. } => (),
        Change::Write { at, bytes } => {
            for (k, sector) in bytes.chunks(SECTOR).enumerate() {
                let from = at + k * SECTOR;
                if is_kept(k) {
                    file.resize(file.len().max(from + sector.len()), 0);
                    file[from..from + sector.len()].copy_from_slice(sector);
                }
            }
        }
    }
}

/// Content of the black box: entries and their ends.
struct BlackBox(Vec<u8>);

impl BlackBox {
    fn path(folder: &Path) -> PathBuf {
        folder.join("black_box")
    }

    /// Where each entry ends.
    fn ends(&self) -> Vec<usize> {
        let (mut ends, mut at) = (Vec::new(), 0);
        while at < self.0.len() {
            at += 18 + if self.0[at] == b'w' { self.number(at + 10) } else { 0 };
            ends.push(at);
        }
        assert_eq!(at, self.0.len(), "whole entries");
        ends
    }

    fn number(&self, at: usize) -> usize {
        let bytes = self.0[at..at + 8].try_into().unwrap();
        usize::try_from(u64::from_le_bytes(bytes)).unwrap()
    }

    /// Applies the entry to the files.
    fn play(&self, from: usize, to: usize, files: &mut [File; 3]) {
        let file = &mut files[usize::from(self.0[from + 1])];
        match self.0[from] {
            b'w' => {
                let (at, bytes) = (self.number(from + 2), self.0[from + 18..to].to_vec());
                file.ask(Change::Write { at, bytes });
            }
            b't' => file.ask(Change::Truncate { length: self.number(from + 10) }),
            b's' => file.sync(),
            b'd' => *file = File::default(),
            other => panic!("an entry of kind {other}"),
        }
    }
}

/// A daemon that is asked for sessions and then killed: what it wrote, and how much of that there
/// was when each session's beginning and end were acknowledged.
fn record(folder: &Path) -> (BlackBox, Vec<(String, usize, usize)>) {
    let (source, library) = (folder.join("black_box.c"), folder.join("black_box.so"));
    let program =
        include_str!("doubles/black_box.c").replace("FOLDER", &folder.display().to_string());
    fs::write(&source, program).unwrap();
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]);
    assert!(build.args(["-ldl", "-lpthread"]).status().unwrap().success());
    let mut command = Command::new(&*BOOTHD);
    command.env("LD_PRELOAD", &library);
    let state = format!("state.dir={}", folder.join("state").display());
    // A broker is configured, so each session writes into the outbox too.
    let settings =
        ["video.source=off", "audio.source=off", "mqtt.broker=mqtt://127.0.0.1:1", &state];
    let daemon = Daemon::start(command, &settings);
    let written = || {
        let length = fs::metadata(BlackBox::path(folder)).unwrap().len();
        usize::try_from(length).unwrap()
    };
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let session = begin(&daemon.address).expect("begins");
        let begun_by = written();
        assert_eq!(end(&daemon.address, &session), Some(200));
        sessions.push((session, begun_by, written()));
    }
    drop(daemon);
    (BlackBox(fs::read(BlackBox::path(folder)).unwrap()), sessions)
}

/// A reproducible coin (a 64-bit linear congruential generator, Knuth's
/// constants; its upper bits).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

#[test]
fn a_cut_in_the_middle_of_a_write_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (black_box, sessions) = record(folder.path());
    let ends = black_box.ends();
    let cuts = power_cuts();
    let entries = u64::try_from(ends.len()).unwrap();
    assert!(entries > cuts, "{entries} entries");
    let (mut files, mut played, mut torn) = (<[File; 3]>::default(), 0, 0);
    for cut in 1..=cuts {
        let until = usize::try_from(entries * cut / cuts).unwrap();
        while played < until {
            let from = if played == 0 { 0 } else { ends[played - 1] };
            black_box.play(from, ends[played], &mut files);
            played += 1;
        }
        torn += usize::from(files.iter().any(|file| !file.unsynced.is_empty()));
        let at = ends[until - 1];
        // Nothing, all and any part of what was on its way: three fates for each moment.
        let mut coin = Coin(cut);
        let (mut none, mut all, mut by_chance) = (|| false, || true, || coin.toss());
        for fate in [&mut none as &mut dyn FnMut() -> bool, &mut all, &mut by_chance] {
            let after = tempfile::tempdir().unwrap();
            let database = database_path(after.path());
            for (file, ending) in files.iter().zip(FILES).filter(|(file, _)| file.is_there) {
                let path = format!("{}{ending}", database.display());
                fs::write(path, file.after_cut(&mut *fate)).unwrap();
            }
            must_hold(&database, &sessions, at);
        }
    }
    assert!(torn > usize::try_from(cuts / 4).unwrap(), "{torn} cuts came in mid-write");
    println!(
        "MEASURED {cuts} moments of {entries} writes and syncs, {torn} in mid-write, 3 fates each: none lost"
    );
}

/// The database is whole, and holds what had been acknowledged when so much was written.
fn must_hold(database: &Path, sessions: &[(String, usize, usize)], written: usize) {
    let opened = Database::open(database).unwrap_or_else(|error| panic!("{}", error.chain()));
    opened.check().unwrap();
    let found = opened.sessions(u32::MAX, None).unwrap();
    for (session, begun_by, ended_by) in sessions {
        let kept = found.iter().find(|kept| kept.session_id == *session);
        if *begun_by <= written {
            let kept = kept.expect("what was begun is there");
            assert_eq!(kept.notice_version.as_deref(), Some("1"), "with its consent");
        }
        if *ended_by <= written {
            assert_eq!(kept.unwrap().state, SessionState::Ended);
        }
        if let Some(kept) = kept {
            assert_eq!(kept.state == SessionState::Ended, kept.summary.is_some(), "no half");
        }
    }
}
