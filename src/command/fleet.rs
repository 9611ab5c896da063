//! `boothd fleet`: the centre of many booths.

use std::{io::Write, sync::Arc};

use crate::{app, clock::SystemClock, config::Config, error::Result};

pub(super) fn run(config: &Config, out: &mut dyn Write) -> Result<()> {
    app::run_fleet(config, Arc::new(SystemClock::default()), out)
}
