//! The parts of the centre, and their order: listener, fleet state, archive, doors.

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
    listener::Listener,
    web,
};
use crate::{
    certificate::Certificates,
    clock::{Clock, keeper::STEP_MS},
    component::{Component, ComponentId},
    error::Result,
    heartbeat::Heartbeat,
    mqtt::MqttConfig,
    stop::Stop,
    store::Store,
    web::WebConfig,
};

/// How the centre judges booths, and how long it remembers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetConfig {
    /// How long anything is kept.
    pub history: Duration,
    /// A booth that was not heard for so long is silent.
    pub offline_after: Duration,
    /// Records that may wait in a booth without an alert.
    pub outbox_depth: u64,
    /// Names the centre's session at the broker.
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

/// Orders to booths that may wait for the connection; the others wait for the next look.
const ORDERS: usize = 64;

/// Looks between two that forget booths of long ago.
const LOOKS_AN_HOUR: u32 = 3600;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// The centre, opened and not yet listening.
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

impl Fleet {
    /// Opens the archive in `state_dir` and takes from it what was known. Where the disk does not
    /// let it be opened yet, both come later.
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

    /// Every booth as it is now.
    pub fn fleet_state(&self) -> Arc<Mutex<FleetState>> {
        self.fleet_state.clone()
    }

    /// What /health shows of the way to the broker.
    pub fn broker(&self) -> Arc<Component> {
        self.broker.clone()
    }

    /// The certificates in use.
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// What is kept.
    pub fn archive(&self) -> Archive {
        self.archive.clone()
    }

    /// Listens, looks and serves until `stop` is requested; then what was heard is on the disk.
    ///
    /// # Errors
    /// `Config` when the certificate of the doors cannot be used.
    pub async fn run(
        self,
        mqtt: MqttConfig,
        (listener, web, store): (TcpListener, WebConfig, Store),
        stop: Stop,
    ) -> Result<()> {
        let (changed, revision) = watch::channel(0);
        let state = web::ServerState {
            config: web,
            fleet_state: self.fleet_state.clone(),
            archive: self.archive.clone(),
            store,
            broker: self.broker.clone(),
            revision,
            certificates: self.certificates.clone(),
            state_dir: self.state_dir.clone(),
        };
        let (orders, to_send) = mpsc::channel(ORDERS);
        let ear = Listener::new(
            (mqtt, &self.config.client_id),
            (self.fleet_state.clone(), self.archive.clone(), to_send),
            self.broker.clone(),
            self.clock.clone(),
        );
        let listening = tokio::spawn(ear.run(stop.clone()));
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
        // A centre whose door has failed does not go on unseen.
        stop.request();
        for task in [listening, looking] {
            if task.await.is_err() {
                log::error!(target: "fleet", "a part of the centre panicked");
            }
        }
        self.close();
        served
    }

    /// Everything that was heard goes to the disk.
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

/// How the centre's wall time was moved since a moment of this start.
struct Moves {
    began: Duration,
    began_at: i64,
}

impl Moves {
    fn since_now(clock: &dyn Clock) -> Self {
        let began = clock.since_boot();
        Moves { began, began_at: clock.unix_ms_at(began) }
    }

    /// The times that were noted since, where they were so much later, ms; drift is no move.
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
