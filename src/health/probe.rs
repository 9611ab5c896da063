//! Probes of what has no stage of its own: board, disk, clock.

use std::{path::PathBuf, sync::Arc};

use super::{Code, Finding, Probe};
use crate::{
    board::{self, Trouble},
    clock::Clock,
};

/// Heat, throttling and supply of the computer, as `trouble` reads them.
pub fn board(trouble: impl Fn() -> Option<Trouble> + Send) -> impl Probe {
    move |_, findings: &mut super::Findings| {
        if let Some(trouble) = trouble() {
            findings.add(Finding::new(Code::BoardSlowed).because(trouble.sentence()));
        }
    }
}

/// Free space where `folder` is.
pub fn disk(folder: PathBuf) -> impl Probe {
    move |_, findings: &mut super::Findings| {
        let free_bytes = board::free_bytes(&folder);
        if let Some(free_bytes) = free_bytes.filter(|free| *free < board::LOW_DISK_BYTES) {
            let left = format!("{} MiB left", free_bytes >> 20);
            findings.add(Finding::new(Code::DiskLow).with(left));
        }
    }
}

/// Whether wall time can be trusted. A booth without a network is so by design.
pub fn clock(clock: Arc<dyn Clock>) -> impl Probe {
    move |_, findings: &mut super::Findings| {
        if !clock.is_set() {
            findings.add(Finding::new(Code::ClockUnset));
        }
    }
}
