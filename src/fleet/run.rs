//! [`Fleet`]: starts and stops the parts of the fleet server: listener, fleet state, archive, HTTP.

use std::{
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

use super::{
    Archive, FleetState, Limits,
    archive::ArchiveThread,
    archive::archive_path,
    erasure::{OpenOrder, Retries},
    listener::{Listener, ListenerDependencies},
    web,
};
use crate::{
    certificate::Certificates,
    clock::{Clock, keeper::STEP_MS},
    component::{Component, ComponentId},
    error::Result,
    heartbeat::Heartbeat,
    http::HttpConfig,
    mqtt::MqttConfig,
    stop::Stop,
    store::Store,
};

/// Limits, history and MQTT client id of the fleet server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetConfig {
    /// How long the archive keeps its rows.
    pub history: Duration,
    /// A booth without a message for so long is silent.
    pub offline_after: Duration,
    /// Records that may wait in a booth without an alert.
    pub outbox_depth: u64,
    /// MQTT client id: identifies the fleet server's session at the broker.
    pub client_id: String,
}

impl Default for FleetConfig {
    fn default() -> Self {
        FleetConfig {
            history: Duration::from_secs(90 * 24 * 60 * 60),
            offline_after: Duration::from_secs(90),
            outbox_depth: 1000,
            client_id: "boothd-fleet".into(),
        }
    }
}

/// How often every booth is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Erase orders that may wait for the connection; the others wait for the next turn.
const ORDERS: usize = 64;

/// Looks between two that forget booths of long ago.
const LOOKS_AN_HOUR: u32 = 3600;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// The fleet server with its archive open, not yet connected to the broker.
pub struct Fleet {
    fleet_state: Arc<Mutex<FleetState>>,
    archive: Archive,
    thread: ArchiveThread,
    broker: Arc<Component>,
    clock: Arc<dyn Clock>,
    config: FleetConfig,
    certificates: Certificates,
    state_dir: PathBuf,
}

/// The HTTP interface of the fleet server, before it serves.
#[derive(Debug)]
pub struct FleetHttp {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its limits.
    pub config: HttpConfig,
    /// Tokens and the audit log.
    pub store: Store,
}

impl Fleet {
    /// Opens the archive in `state_dir` and restores the fleet state from it. While the disk does
    /// not allow that, the archive's thread retries.
    ///
    /// # Errors
    /// `Config` when the archive may not be read or written, is damaged, or is a newer boothd's.
    pub fn open(
        config: FleetConfig,
        state_dir: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let path = archive_path(&state_dir);
        let (archive, thread) = Archive::open(&path, config.history, clock.clone())?;
        let memory = archive.take_memory().unwrap_or_default();
        let limits = Limits {
            offline_after_ms: millis(config.offline_after),
            outbox_depth: config.outbox_depth,
        };
        let fleet_state =
            Arc::new(Mutex::new(FleetState::new(limits, memory.booths, memory.alerts)));
        let broker = Arc::new(Component::new(ComponentId::Broker));
        let certificates = Certificates::default();
        Ok(Fleet {
            fleet_state,
            archive,
            thread,
            broker,
            clock,
            config,
            certificates,
            state_dir,
        })
    }

    /// The current state of every booth.
    pub fn fleet_state(&self) -> Arc<Mutex<FleetState>> {
        self.fleet_state.clone()
    }

    /// The state of the connection to the broker, for /health.
    pub fn broker(&self) -> Arc<Component> {
        self.broker.clone()
    }

    /// The certificates in use.
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// A handle to the archive.
    pub fn archive(&self) -> Archive {
        self.archive.clone()
    }

    /// Receives, watches and serves until `stop` is requested, and then writes everything received
    /// to the disk.
    ///
    /// # Errors
    /// `Config` when the certificate of the HTTP server cannot be used.
    pub async fn run(self, mqtt: MqttConfig, http: FleetHttp, stop: Stop) -> Result<()> {
        let FleetHttp { listener, config, store } = http;
        let (changed, revision) = watch::channel(0);
        let state = web::ServerState {
            config,
            fleet_state: self.fleet_state.clone(),
            archive: self.archive.clone(),
            store,
            broker: self.broker.clone(),
            revision,
            certificates: self.certificates.clone(),
            state_dir: self.state_dir.clone(),
        };
        let (orders, to_send) = mpsc::channel(ORDERS);
        let mqtt_listener = Listener::new(
            mqtt,
            &self.config.client_id,
            ListenerDependencies {
                fleet_state: self.fleet_state.clone(),
                archive: self.archive.clone(),
                component: self.broker.clone(),
                clock: self.clock.clone(),
            },
            to_send,
        );
        let listening = tokio::spawn(mqtt_listener.run(stop.clone()));
        let looker = Looker {
            fleet_state: self.fleet_state.clone(),
            archive: self.archive.clone(),
            clock: self.clock.clone(),
            history_ms: millis(self.config.history),
            orders,
            retries: Retries::default(),
            heartbeat: self.broker.heartbeat("looker"),
        };
        let looking = tokio::spawn(looker.run(changed, stop.clone()));
        let served = web::serve(listener, state, self.clock.clone(), stop.clone()).await;
        // A fleet server without its HTTP interface must not go on unnoticed.
        stop.request();
        for task in [listening, looking] {
            if task.await.is_err() {
                log::error!(target: "fleet", "a task of the fleet server panicked");
            }
        }
        self.close();
        served
    }

    /// Writes everything received to the disk.
    fn close(self) {
        let outgoing = {
            let mut fleet_state = self.fleet_state.lock().expect(UNPOISONED);
            fleet_state.close();
            fleet_state.take_outgoing()
        };
        self.archive.put(outgoing);
        self.thread.join();
    }
}

/// Detects that the fleet server's wall clock was set since a moment of this start.
struct Moves {
    began: Duration,
    began_at: i64,
}

impl Moves {
    fn since_now(clock: &dyn Clock) -> Self {
        let began = clock.since_boot();
        Moves { began, began_at: clock.unix_ms_at(began) }
    }

    /// The span of times noted since then and their correction, both ms; drift is ignored.
    fn next(&mut self, clock: &dyn Clock) -> Option<(RangeInclusive<i64>, i64)> {
        let now = clock.since_boot();
        let by = clock.unix_ms_at(self.began) - self.began_at;
        if by.abs() <= STEP_MS {
            return None;
        }
        let noted = self.began_at..=self.began_at + millis(now.saturating_sub(self.began));
        self.began_at += by;
        Some((noted, by))
    }
}

/// Looks at every booth once a second.
struct Looker {
    fleet_state: Arc<Mutex<FleetState>>,
    archive: Archive,
    clock: Arc<dyn Clock>,
    history_ms: i64,
    orders: mpsc::Sender<OpenOrder>,
    retries: Retries,
    heartbeat: Arc<Heartbeat>,
}

impl Looker {
    async fn run(mut self, changed: watch::Sender<u64>, stop: Stop) {
        let mut turn = tokio::time::interval(LOOK_EVERY);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut moves = Moves::since_now(&*self.clock);
        for look in 0_u32.. {
            tokio::select! { () = stop.requested() => return, _ = turn.tick() => () }
            self.heartbeat.beat();
            let now = self.clock.unix_ms();
            let known = self.archive.erasures().known();
            let (outgoing, revision, due) = {
                let mut fleet_state = self.fleet_state.lock().expect(UNPOISONED);
                if let Some(memory) = self.archive.take_memory() {
                    fleet_state.remember(memory.booths, memory.alerts);
                }
                fleet_state.forget_erased(&known);
                if let Some((noted, by)) = moves.next(&*self.clock) {
                    fleet_state.clock_moved(&noted, by);
                }
                fleet_state.tick(now);
                let due = self.retries.due(&known.open, now, |key| fleet_state.is_online(key));
                if look % LOOKS_AN_HOUR == 0 {
                    fleet_state.forget_booths(self.clock.forget_before(self.history_ms));
                }
                (fleet_state.take_outgoing(), fleet_state.revision(), due)
            };
            self.archive.put(outgoing);
            self.send(due, now);
            changed.send_replace(revision);
        }
    }
}

impl Looker {
    /// What finds no room is sent with its next turn.
    fn send(&self, due: Vec<OpenOrder>, now: i64) {
        let is_sent = |order: OpenOrder| {
            let order_id = order.order_id;
            self.orders.try_send(order).is_ok().then_some(order_id)
        };
        let sent: Vec<_> = due.into_iter().filter_map(is_sent).collect();
        if !sent.is_empty() {
            self.archive.note_sent(sent, now);
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
