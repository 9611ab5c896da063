//! `boothd run`: the daemon.

use std::{io::Write, sync::Arc};

use clap::Args;

use crate::{
    app,
    capture::source::SourceKind,
    clock::{Clock, FastClock, SystemClock},
    config::{Config, Loaded},
    error::{Error, ErrorKind, Result},
};

/// `boothd run`
#[derive(Args, Debug)]
pub(super) struct RunArguments {
    /// Play recordings so many times faster; only where no device is used
    #[arg(long, value_name = "N", default_value_t = 1)]
    speed: u32,
}

pub(super) fn run(
    loaded: &Loaded,
    arguments: &RunArguments,
    out: &mut dyn Write,
) -> Result<()> {
    app::run(loaded, clock(&loaded.config, arguments.speed)?, out)
}

fn clock(config: &Config, speed: u32) -> Result<Arc<dyn Clock>> {
    if speed == 1 {
        return Ok(Arc::new(SystemClock::default()));
    }
    let sources = &config.sources;
    if sources
        .video
        .iter()
        .chain(&sources.audio)
        .any(|kind| !matches!(kind, SourceKind::File { .. }))
    {
        let what = "--speed needs recordings: set video.source and audio.source to \"file\" or \"off\"";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(Arc::new(FastClock::new(speed)))
}
