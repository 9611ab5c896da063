//! SIGHUP: reads the configuration again, applies the keys that may change while boothd runs, and
//! logs those that may not. A file with mistakes changes nothing.

use std::sync::Arc;

use tokio::{
    signal::unix::Signal,
    sync::{Mutex, watch},
};

use super::fleet_link::FleetLink;
use crate::{
    booth_api::{BoothApiState, Settings},
    config::{Config, Key, Loaded, Reload},
    engine::Stream,
    error::Result,
    features::FeatureChange,
    health::{Code, Finding, Findings, Monitor},
    http::HttpConfig,
    interview::Interview,
    service,
    stop::Stop,
    store::Store,
};

/// Actor in the audit log.
const ACTOR: &str = "configuration";

/// Difference between the file on the disk and the running configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum OnDisk {
    /// None at the last reload.
    #[default]
    Same,
    /// These keys take effect at the next start.
    NeedsRestart(Vec<&'static str>),
    /// The file has mistakes and was not applied.
    Refused,
}

/// The components that apply a new configuration.
pub(super) struct Reloader {
    /// Configuration at the start; it holds for keys that only a restart changes.
    started: Loaded,
    /// Last configuration without mistakes.
    last: Loaded,
    /// Configuration in force: for each key one of the two.
    running: Config,
    booth: Interview,
    stream: Arc<Stream>,
    store: Store,
    settings: watch::Sender<Settings>,
    fleet_link: Arc<Mutex<FleetLink>>,
    on_disk: watch::Sender<OnDisk>,
}

/// Keys that the HTTP server applies while it runs.
pub(super) fn settings(config: &Config) -> Settings {
    Settings {
        features: config.features,
        session: config.session.clone(),
        limits: config.web.limits(),
    }
}

impl Reloader {
    /// A reloader of a booth that runs with `loaded`.
    pub(super) fn new(
        loaded: &Loaded,
        state: &BoothApiState,
        stream: Arc<Stream>,
        settings: watch::Sender<Settings>,
        fleet_link: Arc<Mutex<FleetLink>>,
    ) -> Self {
        Reloader {
            started: loaded.clone(),
            last: loaded.clone(),
            running: loaded.config.clone(),
            booth: state.booth.clone(),
            stream,
            store: state.store.clone(),
            settings,
            fleet_link,
            on_disk: watch::channel(OnDisk::default()).0,
        }
    }

    /// Adds findings about this difference to `health`.
    pub(super) fn add_findings(&self, health: &Monitor) {
        let on_disk = self.on_disk.subscribe();
        health.watch(move |_, findings: &mut Findings| match &*on_disk.borrow() {
            OnDisk::Same => (),
            OnDisk::NeedsRestart(keys) => findings
                .add(Finding::new(Code::ConfigurationNeedsRestart).with(keys.join(", "))),
            OnDisk::Refused => findings.add(Finding::new(Code::ConfigurationRefused)),
        });
    }

    /// Reloads at each SIGHUP, until boothd stops.
    pub(super) async fn follow(mut self, mut hangups: Signal, stop: Stop) {
        while hangup(&mut hangups, &stop).await {
            service::reload_begins();
            self.reload().await;
            service::reload_ends();
        }
    }

    async fn reload(&mut self) {
        let new = match self.started.load_again() {
            Ok(new) => new,
            Err(error) => {
                log::error!(target: "app", error = error.chain().to_string().as_str(); "the configuration was not reloaded; the one before goes on");
                self.on_disk.send_replace(OnDisk::Refused);
                return;
            }
        };
        let changed = self.last.differing(&new);
        let changed: Vec<_> =
            changed.into_iter().filter(|key| key.reload != Reload::Restart).collect();
        let from_the_start = self.started.differing(&new);
        let wait: Vec<_> = from_the_start
            .into_iter()
            .filter(|key| key.reload == Reload::Restart)
            .map(|key| key.name)
            .collect();
        self.take(&new.config, &changed).await;
        self.last = new;
        log::info!(target: "app", keys = names(&changed).as_str(); "the configuration is reloaded");
        if wait.is_empty() {
            self.on_disk.send_replace(OnDisk::Same);
        } else {
            log::warn!(target: "app", keys = wait.join(", ").as_str(); "these keys of the configuration hold when boothd is started again");
            self.on_disk.send_replace(OnDisk::NeedsRestart(wait));
        }
    }

    /// Applies the keys that may change while boothd runs.
    async fn take(&mut self, new: &Config, changed: &[&'static Key]) {
        let has = |table: &str| changed.iter().any(|key| key.name.starts_with(table));
        self.running = merged(&self.running, new);
        let running = &self.running;
        service::set_log_level(running.log_level);
        self.settings.send_replace(settings(running));
        if has("eye_contact.") || has("metrics.") {
            complain(self.stream.configure(running.session.clone()).await);
        }
        if has("features.") {
            let change = change_of(new, changed);
            complain(self.booth.configure(&change, ACTOR).await);
        }
        if has("store.") || has("mqtt.") {
            complain(self.store.configure(running.store.clone()).await);
        }
        if has("mqtt.") {
            self.fleet_link.lock().await.reconnect(running).await;
        }
    }
}

/// Configuration in force after `new`: with the values of `running` that only a restart changes.
fn merged(running: &Config, new: &Config) -> Config {
    let mqtt = new.mqtt.clone().map(|mut mqtt| {
        // The booth's name in the topics stays.
        match &running.mqtt {
            Some(before) => mqtt.name = before.name.clone(),
            None => mqtt.name.booth.clone_from(&running.booth_id),
        }
        mqtt
    });
    Config {
        log_level: new.log_level,
        features: new.features.within(running.policy.ceiling),
        session: new.session.clone(),
        store: new.store.clone(),
        web: HttpConfig {
            idle_timeout: new.web.idle_timeout,
            heartbeat: new.web.heartbeat,
            max_message_bytes: new.web.max_message_bytes,
            rate_limit_per_s: new.web.rate_limit_per_s,
            ..running.web.clone()
        },
        mqtt,
        ..running.clone()
    }
}

/// The switches whose keys have changed; others stay as they were switched at run time.
fn change_of(new: &Config, changed: &[&'static Key]) -> FeatureChange {
    let has_changed =
        |name: &str| changed.iter().any(|key| key.name.strip_prefix("features.") == Some(name));
    // The preview is off until the next start: its key does not change at run time.
    FeatureChange::of(new.features, |name, on| {
        (name != "preview" && has_changed(name)).then_some(on)
    })
}

fn names(keys: &[&'static Key]) -> String {
    let names: Vec<_> = keys.iter().map(|key| key.name).collect();
    if names.is_empty() {
        "nothing that may change has changed".into()
    } else {
        names.join(", ")
    }
}

fn complain(done: Result<()>) {
    if let Err(error) = done {
        log::error!(target: "app", error = error.chain().to_string().as_str(); "a part of the new configuration is not taken");
    }
}

/// The next SIGHUP; false when boothd stops.
async fn hangup(hangups: &mut Signal, stop: &Stop) -> bool {
    tokio::select! {
        came = hangups.recv() => came.is_some(),
        () = stop.requested() => false,
    }
}

/// The fleet server at each SIGHUP: applies the level of its log, and logs which keys need a
/// restart.
pub(super) async fn follow_fleet_server(mut hangups: Signal, started: Loaded, stop: Stop) {
    while hangup(&mut hangups, &stop).await {
        service::reload_begins();
        match started.load_again() {
            Ok(new) => {
                service::set_log_level(new.config.log_level);
                let wait: Vec<_> = started
                    .differing(&new)
                    .into_iter()
                    .filter(|key| key.name != "log.level")
                    .collect();
                log::info!(target: "app", level = new.config.log_level.as_str(); "the configuration is reloaded");
                if !wait.is_empty() {
                    log::warn!(target: "app", keys = names(&wait).as_str(); "these keys of the configuration hold when boothd is started again");
                }
            }
            Err(error) => {
                log::error!(target: "app", error = error.chain().to_string().as_str(); "the configuration was not reloaded; the one before goes on");
            }
        }
        service::reload_ends();
    }
}
