//! Records of the outbox arrive in order, however the broker ends.

use std::{collections::BTreeSet, env, time::Duration};

use serde_json::Value;

use super::{
    booth::{Scene, config},
    broker::Broker,
    fleet_client::{FleetClient, Received},
};

/// Records that are put in.
const RECORDS: u32 = 60;

/// Numbers of the received records in order of arrival, without duplicates.
async fn collect(fleet: &mut FleetClient, until: u32) -> Vec<u64> {
    let (mut seen, mut numbers) = (BTreeSet::new(), Vec::new());
    while numbers.len() < usize::try_from(until).unwrap() {
        let received =
            fleet.wait("a record", |received| received.topic.ends_with("event/test")).await;
        let record = received.json();
        assert!(record["ts"].is_i64() && record["clock_set"].is_boolean(), "{record}");
        let key = (record["boot_id"].as_str().unwrap().to_owned(), record["seq"].as_i64());
        if seen.insert(key) {
            numbers.push(record["number"].as_u64().unwrap());
        }
    }
    numbers
}

fn in_order() -> Vec<u64> {
    (0..u64::from(RECORDS)).collect()
}

/// The bar has 5 records a second and 15 s: `BOOTHD_FULL_FREEZE=1`. The loss that it looks for
/// is the same when everything is shorter.
fn times() -> (Duration, Duration) {
    match env::var_os("BOOTHD_FULL_FREEZE") {
        Some(_) => (Duration::from_millis(200), Duration::from_secs(15)),
        None => (Duration::from_millis(40), Duration::from_secs(3)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_records_survive_a_frozen_broker_that_lost_its_sessions() {
    let mut broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    fleet.wait_topic("/status").await;
    let (pace, freeze) = times();
    let putting = async {
        let mut ticks = tokio::time::interval(pace);
        for number in 0..RECORDS {
            ticks.tick().await;
            scene.record(number).await;
        }
    };
    let breaking = async {
        tokio::time::sleep(pace * 20).await;
        broker.freeze();
        tokio::time::sleep(freeze).await;
        broker.kill();
        broker.start_again();
    };
    let (numbers, ..) = tokio::join!(collect(&mut fleet, RECORDS), putting, breaking);
    assert_eq!(numbers, in_order(), "all, in order, once");
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_only_slow_gets_all_of_them() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    fleet.wait_topic("/status").await;
    broker.freeze();
    for number in 0..RECORDS {
        scene.record(number).await;
    }
    broker.thaw();
    assert_eq!(collect(&mut fleet, RECORDS).await, in_order());
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_survive_restarts_and_kills_of_the_broker() {
    let persistent = "allow_anonymous true\npersistence true\npersistence_location FOLDER/\n";
    let mut broker = Broker::with(persistent, |_| ());
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    let putting = async {
        for number in 0..RECORDS {
            scene.record(number).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let breaking = async {
        for round in 0..4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if round % 2 == 0 {
                broker.terminate()
            } else {
                broker.kill()
            }
            broker.start_again();
        }
    };
    let (numbers, ..) = tokio::join!(collect(&mut fleet, RECORDS), putting, breaking);
    assert_eq!(numbers, in_order());
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_broker_comes_at_the_configured_rate() {
    let mut broker = Broker::open();
    broker.terminate();
    let mut config = config(broker.port);
    let (records, per_s) = replay();
    config.replay_per_s = per_s;
    let scene = Scene::start(config).await;
    scene.wait_error("no broker answers").await;
    for number in 0..records {
        scene.record(number).await;
    }
    assert_eq!(scene.store.outbox().borrow().unwrap().depth, u64::from(records));
    broker.start_again();
    let mut fleet = FleetClient::join(broker.port).await;
    let first = collect(&mut fleet, 1).await;
    let began = std::time::Instant::now();
    let rest = collect(&mut fleet, records - 1).await;
    let took = began.elapsed();
    assert_eq!((first[0], *rest.last().unwrap()), (0, u64::from(records - 1)));
    // A tenth of a second's may come at once.
    let least = f64::from(records) / f64::from(per_s) - 0.3;
    assert!(took.as_secs_f64() > least, "{took:?}");
    println!("{} records at {per_s} a second in {took:?}", rest.len());
    scene.wait_empty().await;
    scene.leave().await;
}

/// How many records wait, and at what rate they may come; the bar has 10 000 within 60 s at the
/// default rate: `BOOTHD_FULL_REPLAY=1`.
fn replay() -> (u32, u32) {
    if env::var_os("BOOTHD_FULL_REPLAY").is_some() { (10_000, 200) } else { (300, 100) }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_until_there_is_a_subscriber() {
    let broker = Broker::open();
    let scene = Scene::start(config(broker.port)).await;
    for number in 0..RECORDS {
        scene.record(number).await;
    }
    scene.wait_error("no client at the broker subscribes").await;
    assert_eq!(scene.store.outbox().borrow().unwrap().depth, u64::from(RECORDS));
    let mut fleet = FleetClient::join(broker.port).await;
    assert_eq!(collect(&mut fleet, RECORDS).await, in_order());
    scene.wait_empty().await;
    scene.leave().await;
}

/// Mosquitto cuts the connection of a client that publishes to a topic with a noncharacter.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_an_older_boothds_odd_session_id_stops_nothing() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    fleet.wait_topic("/status").await;
    let database = rusqlite::Connection::open(scene.folder.path().join("boothd.db")).unwrap();
    for id in ["bad-\u{ffff}", "x\u{fdd0}", "a/+/#", "\u{1}\u{202e}", ".."] {
        let row = "INSERT INTO outbox (boot_id, session_id, kind, at, is_clock_set, payload)
            VALUES (?1, ?2, 'started', 1790000000000, 1, '{}')";
        database.execute(row, (scene.store.boot_id(), id)).unwrap();
    }
    scene.record(0).await;
    let started = fleet.wait_topic("/session/bad-%EF%BF%BF/started").await.json();
    assert_eq!(started["session_id"], "bad-\u{ffff}");
    fleet.wait_topic("/session/x%EF%B7%90/started").await;
    fleet.wait_topic("/session/../started").await;
    assert_eq!(collect(&mut fleet, 1).await, [0]);
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_published_from_start_to_end_and_the_last_status_comes_last() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    let session = scene.booth.start_session(scene.consent(), "op").await.unwrap();
    let started = format!("/session/{}/started", session.session_id);
    let started = fleet.wait_topic(&started).await;
    assert_eq!((started.is_retained, started.json()["seq"].is_i64()), (false, true));
    let boot_id = started.json()["boot_id"].clone();
    assert_eq!(boot_id, scene.store.boot_id());
    // The last records are published before the disconnect.
    scene.booth.end_session("op").await.unwrap();
    scene.leave().await;
    let summary = format!("/session/{}/summary", session.session_id);
    let summary = fleet.wait_topic(&summary).await.json();
    assert_eq!(summary["frames_total"], 0);
    assert!(summary["seq"].as_i64() > started.json()["seq"].as_i64());
    let goodbye = |received: &Received| {
        received.topic.ends_with("/status") && received.json()["status"] == "offline"
    };
    let goodbye = fleet.wait("the goodbye", goodbye).await.json();
    assert_eq!((&goodbye["reason"], &goodbye["boot_id"]), (&Value::from("stopped"), &boot_id));
    assert!(goodbye["since"].is_i64());
}
