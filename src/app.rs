//! Every channel, thread and join of the daemon, in the order of the data.
//!
//! Shutdown has the same order: capture stops, the queues close, the workers finish what waits, the
//! stream's task ends, the servers close their connections.

pub mod budget;
mod threads;
mod components;
mod fleet_link;
mod certificates;
mod recording_light;
mod loaded;
mod parts;
mod monitor;
mod reload;
mod signals;
mod welcome;
mod fleet;

use std::{io::Write, sync::Arc};

use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{Mutex, watch},
};

use crate::{
    board::{self, Board, Reading},
    booth_api::{self, BoothApiState, Settings},
    certificate::Certificates,
    clock::Clock,
    config::{Config, Loaded},
    error::{Error, ErrorKind, Result},
    health::{self, Monitor},
    inference::Catalog,
    service::{BoothStatus, Notifier},
    stop::Stop,
    store::{self, StateOwner, Store},
};

use components::{Components, Context};
pub use fleet::run_fleet;
use fleet_link::FleetLink;
pub(crate) use loaded::catalog;
use parts::Parts;
use recording_light::RecordingLight;
use reload::Reloader;
use threads::join;
use welcome::{announce, keep_later, token};

/// Runs the booth until SIGTERM or SIGINT.
///
/// # Errors
/// `Config` when the models or the token cannot be used, `Unavailable` when the address is taken
/// or another daemon owns the state folder.
pub fn run(loaded: &Loaded, clock: Arc<dyn Clock>, out: &mut dyn Write) -> Result<()> {
    let config = &loaded.config;
    // Before anything else: another daemon may run an interview in this folder.
    let owner = StateOwner::take(&config.state_dir, "boothd run", clock.unix_ms())?;
    let stop = Stop::default();
    let runtime = runtime()?;
    let hangups = runtime.block_on(async { signals::hangups() })?;
    let listener = runtime.block_on(listen(config))?;
    let recording_light = RecordingLight::start(config.light.as_deref(), stop.clone())?;
    runtime.block_on(signals::stop_on_signal(&stop, recording_light.light()))?;
    let known = token(config)?;
    let path = store::database_path(&config.state_dir);
    let (store, store_thread) =
        Store::open_owned(&path, config.store.clone(), clock, Some(owner))?;
    // From here on all components use the store's clock.
    let clock = store.clock();
    store.admit_config_token(&known.token);
    let keeper = keep_later(&known, config, &store, &stop)?;
    if let Some(why) = config.policy.profile.forbids_all() {
        log::warn!(target: "app", "POLICY NOT CHOSEN: {why}");
    }
    let components = Components::new(store.component(), recording_light.light());
    let context = Context {
        config,
        components: &components,
        runtime: &runtime,
        clock: &clock,
        stop: &stop,
    };
    let catalog = catalog(config)?;
    let mut parts = Parts::open(&context, store, store_thread)?;
    let _inside = runtime.enter();
    let board = board::follow(Board::this(), stop.clone());
    let health = monitor::monitor(&context, &parts.booth, &parts.store, &board);
    runtime.spawn(monitor::look(health.clone(), stop.clone()));
    let status = BoothStatus { health: health.clone() };
    let notifier = Notifier::start(move || status.look(), stop.clone())?;
    let certificates = certificates(&context, &health);
    let (settings, taken) = watch::channel(reload::settings(config));
    let shown = Shown { health, settings: taken, certificates, board };
    let state = booth_api_state(config, &parts, &catalog, shown);
    let listen = listener.local_addr().unwrap_or(config.listen);
    let fleet_link = Arc::new(Mutex::new(FleetLink::start(&context, state.clone(), listen)));
    let stream = parts.stream.clone();
    let reloader = Reloader::new(loaded, &state, stream, settings, fleet_link.clone());
    reloader.add_findings(&state.health);
    runtime.spawn(reloader.follow(hangups, stop.clone()));
    announce(config, &listener, &known, out);
    let server = runtime.spawn(serve(listener, state, clock.clone(), stop.clone()));
    parts.start_workers(&context, &catalog)?;
    runtime.block_on(stop.requested());
    let served = runtime.block_on(server).map_err(|cause| {
        Error::new(ErrorKind::Internal, "the HTTP server panicked").because(cause)
    })?;
    parts.leave(&runtime, fleet_link);
    notifier.join();
    keeper.into_iter().for_each(join);
    served
}

/// Watches the certificates in use, and adds their findings to `monitor`.
fn certificates(context: &Context<'_>, monitor: &Monitor) -> Certificates {
    let Context { config, runtime, clock, stop, .. } = *context;
    let certificates = Certificates::default();
    let broker = config.mqtt.as_ref();
    certificates::follow(runtime, broker, &certificates, clock.clone(), stop.clone());
    monitor.watch(health::certificates(certificates.clone(), clock.clone()));
    certificates
}

/// A booth without its HTTP server must not go on: it stops, and systemd restarts it.
async fn serve(
    listener: TcpListener,
    state: BoothApiState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let served = booth_api::serve(listener, state, clock, stop.clone()).await;
    stop.request();
    served
}

/// Two threads serve the network: fifty clients that read JSON are little work, and while one of
/// them reads a message of 10 MB, the other answers /health.
fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|cause| {
            Error::new(ErrorKind::Exhausted, "the network runtime cannot start").because(cause)
        })
}

async fn listen(config: &Config) -> Result<TcpListener> {
    TcpListener::bind(config.listen).await.map_err(|cause| {
        let what = format!(
            "cannot listen on {}; is another boothd running, or choose another web.port",
            config.listen
        );
        Error::new(ErrorKind::Unavailable, what).because(cause)
    })
}

/// What the HTTP server shows beside the components themselves.
struct Shown {
    health: Arc<Monitor>,
    settings: watch::Receiver<Settings>,
    certificates: Certificates,
    board: watch::Receiver<Reading>,
}

fn booth_api_state(
    config: &Config,
    parts: &Parts,
    catalog: &Catalog,
    shown: Shown,
) -> BoothApiState {
    let Shown { health, settings, certificates, board } = shown;
    BoothApiState {
        config: config.web.clone(),
        booth_id: config.booth_id.clone(),
        policy: config.policy.clone(),
        settings,
        health,
        models: loaded::models(config, catalog),
        engine: parts.engine.clone(),
        live: parts.live.clone(),
        booth: parts.booth.clone(),
        devices: parts.devices.clone(),
        store: parts.store.clone(),
        certificates,
        state_dir: config.state_dir.clone(),
        board,
    }
}
