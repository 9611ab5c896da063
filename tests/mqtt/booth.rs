//! A booth with a real store and a real broker, whose live results are the test's own.

use std::{sync::Arc, time::Duration};

use boothd::{
    board::Reading,
    clock::{Clock, SystemClock},
    component::{Component, ComponentId},
    engine::{Engine, EngineConfig, Live, StreamSpec},
    features::Features,
    interview::{Dependencies, Gates, Interview, StartSession},
    mqtt::{
        About, Delivery, Limit, Mqtt, MqttConfig, MqttDependencies, Notice, topics::BoothName,
    },
    names::StreamId,
    policy::{Policy, Profile},
    session::SessionConfig,
    stop::Stop,
    store::{EventRecord, OutboxLimits, Store, StoreConfig, StoreThread},
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use super::PATIENCE;

pub(crate) const NOTICE: &str = "7";

/// Default limits of the outbox.
pub(crate) const LIMITS: OutboxLimits =
    OutboxLimits { max_bytes: 64 << 20, max_age: Duration::from_secs(30 * 86_400) };

pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) booth: Interview,
    pub(crate) live: watch::Sender<Live>,
    pub(crate) component: Arc<Component>,
    pub(crate) stop: Stop,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mqtt: Mqtt,
    /// The broker's limits.
    pub(crate) delivery: watch::Receiver<Delivery>,
    /// Content of /health, and how often the publisher has read it.
    pub(crate) health: watch::Sender<Value>,
    pub(crate) looks: watch::Receiver<u64>,
    thread: StoreThread,
    pub(crate) folder: tempfile::TempDir,
}

/// The booth `site/one`, that tries again soon.
pub(crate) fn config(port: u16) -> MqttConfig {
    let retry = (Duration::from_millis(50), Duration::from_millis(500));
    MqttConfig { retry, ..MqttConfig::new("127.0.0.1", port, BoothName::new("site", "one")) }
}

impl Scene {
    pub(crate) async fn start(config: MqttConfig) -> Self {
        Scene::start_at(config, LIMITS, Arc::new(SystemClock::default())).await
    }

    /// Starts the booth with these limits of the outbox and this clock.
    pub(crate) async fn start_at(
        config: MqttConfig,
        limits: OutboxLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store_config = StoreConfig { outbox: Some(limits), ..StoreConfig::default() };
        let path = folder.path().join("boothd.db");
        let (store, thread) = Store::open_with(&path, store_config, clock.clone()).unwrap();
        let booth = booth(&store, &clock);
        let (live, receiver) = watch::channel(Live::default());
        let (component, stop) = (Arc::new(Component::new(ComponentId::Mqtt)), Stop::default());
        let (health, content) =
            watch::channel(json!({ "status": "healthy", "digest": "none" }));
        let (looked, looks) = watch::channel(0);
        let (delivery, delivered) = watch::channel(Delivery::default());
        let dependencies = MqttDependencies {
            delivery,
            store: store.clone(),
            booth: booth.clone(),
            live: receiver,
            component: component.clone(),
            clock: clock.clone(),
            stop: stop.clone(),
            about: About {
                version: "1.2.3",
                board: Reading { model: Some("test board".into()), ..Reading::default() },
                models: vec![("left_eye".into(), "ab".repeat(32))],
                config_sha256: "cd".repeat(32),
                listen: ([127, 0, 0, 1], 8000).into(),
            },
            health: Arc::new(move || {
                looked.send_modify(|looks| *looks += 1);
                content.borrow().clone()
            }),
        };
        let mqtt = Mqtt::start(&config, dependencies);
        Scene {
            store,
            booth,
            live,
            component,
            stop,
            clock,
            mqtt,
            delivery: delivered,
            health,
            looks,
            thread,
            folder,
        }
    }

    /// Puts a row into the outbox.
    pub(crate) async fn record(&self, number: u32) {
        let (at, data) = (self.clock.unix_ms(), json!({ "number": number }));
        let event = EventRecord { session_id: None, at, kind: "test".into(), data };
        self.store.event(event).await.unwrap();
    }

    pub(crate) async fn wait_empty(&self) {
        let mut outbox = self.store.outbox();
        let empty = outbox.wait_for(|outbox| outbox.unwrap().depth == 0);
        timeout(PATIENCE, empty).await.expect("the outbox empties").unwrap();
    }

    /// Waits for an error of the component with these words.
    pub(crate) async fn wait_error(&self, words: &str) -> String {
        let error = async {
            loop {
                let error = self.component.status().error.unwrap_or_default();
                if error.contains(words) {
                    return error;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match timeout(PATIENCE, error).await {
            Ok(error) => error,
            Err(_) => panic!("no {words:?} in {:?}", self.component.status()),
        }
    }

    /// Waits for a notice of that limit; its sentence.
    pub(crate) async fn wait_limit(&mut self, limit: Limit) -> String {
        let is_it = |notice: &&Notice| notice.limit == limit;
        let delivery =
            self.delivery.wait_for(|delivery| delivery.notices.iter().any(|n| is_it(&n)));
        let delivery =
            timeout(PATIENCE, delivery).await.unwrap_or_else(|_| panic!("no {limit:?}"));
        delivery.unwrap().notices.iter().find(is_it).unwrap().sentence.clone()
    }

    /// Waits until that many rows are set aside; the reason of the oldest.
    pub(crate) async fn wait_set_aside(&self, rows: u64) -> String {
        let mut aside = self.store.set_aside();
        let aside = timeout(PATIENCE, aside.wait_for(|aside| aside.rows == rows)).await;
        let aside = aside.expect("is set aside").unwrap();
        aside.reason.as_deref().unwrap_or_default().to_owned()
    }

    /// Waits until the outbox holds only rows that are set aside.
    pub(crate) async fn wait_delivered(&self, rows_set_aside: u64) {
        self.wait_delivered_rows(rows_set_aside).await;
        assert_eq!(self.store.set_aside().borrow().rows, rows_set_aside);
    }

    /// Waits until the outbox holds that many rows, set aside or not.
    pub(crate) async fn wait_delivered_rows(&self, rows: u64) {
        let mut outbox = self.store.outbox();
        let left = outbox.wait_for(|outbox| outbox.unwrap().depth == rows);
        timeout(PATIENCE, left).await.expect("the others go on").unwrap();
    }

    pub(crate) fn consent(&self) -> StartSession {
        StartSession {
            notice_version: NOTICE.parse().unwrap(),
            consent_at: self.clock.unix_ms(),
            subject_ref: Some("candidate 7".parse().unwrap()),
            features: None,
        }
    }

    pub(crate) async fn leave(self) {
        let Scene { store, booth, mqtt, thread, .. } = self;
        mqtt.leave().await;
        drop((booth, store));
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap();
    }
}

fn booth(store: &Store, clock: &Arc<dyn Clock>) -> Interview {
    let features = Features { preview: false, ..Features::ALL };
    let policy = Policy {
        profile: Profile::Standard,
        require_consent: false,
        ceiling: features,
        notice_version: NOTICE.parse().unwrap(),
    };
    let engine = Engine::new(EngineConfig::default());
    let spec = StreamSpec {
        stream: StreamId::Booth,
        origin: Default::default(),
        session: SessionConfig::default(),
        features,
    };
    let (stream, task, _) = engine.open(&spec);
    tokio::spawn(task.run(clock.clone()));
    let log = Arc::new(store.clone());
    let dependencies = Dependencies { policy, features, log, clock: clock.clone() };
    Interview::new(StreamId::Booth, Arc::new(stream), Gates::closed(), dependencies)
}
