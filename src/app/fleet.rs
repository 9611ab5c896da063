//! The fleet server as a process: the same runtime, signals, token and address as a booth's.

use std::{io::Write, sync::Arc};

use super::{
    certificates, join, listen, reload, runtime, signals,
    welcome::{announce, keep_later, token},
};
use crate::{
    clock::Clock,
    config::Loaded,
    error::{Error, ErrorKind, Result},
    fleet::{Fleet, FleetHttp},
    light::Light,
    service::{FleetStatus, Notifier},
    stop::Stop,
    store::{self, StateOwner, Store},
};

/// Runs the fleet server until SIGTERM or SIGINT.
///
/// # Errors
/// `Config` when no broker is configured or the archive or the token cannot be used,
/// `Unavailable` when the address is taken or another daemon owns the state folder.
pub fn run_fleet(loaded: &Loaded, clock: Arc<dyn Clock>, out: &mut dyn Write) -> Result<()> {
    let config = &loaded.config;
    let mqtt = config.mqtt.clone().ok_or_else(|| {
        let what =
            "the fleet server receives the booths' messages from a broker; set mqtt.broker";
        Error::new(ErrorKind::Config, what)
    })?;
    // The booth's default folder is the same: an interview may run in it.
    let owner = StateOwner::take(&config.state_dir, "boothd fleet", clock.unix_ms())?;
    let stop = Stop::default();
    let runtime = runtime()?;
    let listener = runtime.block_on(listen(config))?;
    let hangups = runtime.block_on(async { signals::hangups() })?;
    runtime.spawn(reload::follow_fleet_server(hangups, loaded.clone(), stop.clone()));
    runtime.block_on(signals::stop_on_signal(&stop, Light::none()))?;
    let known = token(config)?;
    let path = store::database_path(&config.state_dir);
    let (store, store_thread) =
        Store::open_owned(&path, config.store.clone(), clock, Some(owner))?;
    store.admit_config_token(&known.token);
    let keeper = keep_later(&known, config, &store, &stop)?;
    let fleet = Fleet::open(config.fleet.clone(), config.state_dir.clone(), store.clock())?;
    certificates::follow(
        &runtime,
        Some(&mqtt),
        &fleet.certificates(),
        store.clock(),
        stop.clone(),
    );
    announce(config, &listener, &known, out);
    let notifier = notifier(&fleet, &store, stop.clone())?;
    let http = FleetHttp { listener, config: config.web.clone(), store };
    let ran = runtime.block_on(fleet.run(mqtt, http, stop));
    store_thread.join();
    notifier.join();
    keeper.into_iter().for_each(join);
    ran
}

/// Reports the fleet server's state to systemd.
fn notifier(fleet: &Fleet, store: &Store, stop: Stop) -> Result<Notifier> {
    let (broker, archive, store) =
        (fleet.broker(), fleet.archive().component(), store.component());
    let status = FleetStatus { broker, archive, store };
    Notifier::start(move || status.look(), stop)
}
