//! A broker that is away for days: the records wait within their limits, and arrive.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use boothd::{
    clock::{Clock, SimulatedClock},
    store::{EventRecord, OutboxLimits},
};
use serde_json::json;

use super::{
    booth::{LIMITS, Scene, config},
    broker::Broker,
    fleet_client::{FleetClient, Received},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// From nine to five, one of 15 minutes each 20.
const INTERVIEWS_A_DAY: u32 = 24;

/// A booth whose broker is away from the start, on a clock of our own.
async fn without_broker(limits: OutboxLimits) -> (Broker, Scene, Arc<SimulatedClock>) {
    let mut broker = Broker::open();
    broker.terminate();
    let clock = Arc::new(SimulatedClock::default());
    clock.advance(21_000 * DAY);
    let scene = Scene::start_at(config(broker.port), limits, clock.clone()).await;
    scene.wait_error("no broker answers").await;
    (broker, scene, clock)
}

/// One interview, in which the camera goes and comes back.
async fn interview(scene: &Scene, clock: &SimulatedClock) -> String {
    let session = scene.booth.start_session(scene.consent(), "op").await.unwrap();
    for change in ["lost", "back"] {
        clock.advance(5 * MINUTE);
        let event = EventRecord {
            session_id: Some(session.session_id.to_string()),
            at: clock.unix_ms(),
            kind: format!("camera_{change}"),
            data: json!({ "device": "camera", "state": change, "reason": "unplugged" }),
        };
        scene.store.event(event).await.unwrap();
    }
    clock.advance(5 * MINUTE);
    scene.booth.end_session("op").await.unwrap();
    clock.advance(5 * MINUTE);
    session.session_id.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_days_of_interviews_come_when_the_broker_is_back() {
    let (mut broker, scene, clock) = without_broker(LIMITS).await;
    let mut sessions = Vec::new();
    for _ in 0..7 {
        clock.advance(9 * 60 * MINUTE);
        for _ in 0..INTERVIEWS_A_DAY {
            sessions.push(interview(&scene, &clock).await);
        }
        clock.advance(7 * 60 * MINUTE);
    }
    let waiting = scene.store.outbox().borrow().unwrap();
    let wanted = sessions.len() * 4;
    assert_eq!((waiting.depth, waiting.fallen_out_total), (u64::try_from(wanted).unwrap(), 0));
    assert!(waiting.bytes <= LIMITS.max_bytes, "{waiting:?}");
    assert!(scene.store.outbox_age().unwrap() > 6 * DAY);
    let mib = f64::from(u32::try_from(waiting.bytes).unwrap()) / 1_048_576.0;
    println!("MEASURED {} interviews, {wanted} messages, {mib:.2} MiB", sessions.len());

    broker.start_again();
    let mut fleet = FleetClient::join(broker.port).await;
    let (mut arrived, mut order) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    while arrived.values().map(Vec::len).sum::<usize>() < wanted {
        let of_a_session = |received: &Received| {
            received.topic.contains("/session/") || received.topic.contains("/event/camera")
        };
        let received = fleet.wait("a record", of_a_session).await;
        let record = received.json();
        let seq = record["seq"].as_i64().unwrap();
        order.push(seq);
        let kind = received.topic.rsplit_once('/').unwrap().1.to_owned();
        let session = record["session_id"].as_str().unwrap().to_owned();
        arrived.entry(session).or_default().push(kind);
    }
    assert!(order.is_sorted_by(|a, b| a < b), "in order, each once");
    for session in &sessions {
        assert_eq!(arrived[session], ["started", "camera_lost", "camera_back", "summary"]);
    }
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_at_its_limit_loses_its_oldest_at_once_and_counts_them() {
    const RECORDS: u32 = 400;
    let limits = OutboxLimits { max_bytes: 2048, ..LIMITS };
    let (mut broker, scene, _clock) = without_broker(limits).await;
    for number in 0..RECORDS {
        scene.record(number).await;
        let outbox = scene.store.outbox().borrow().unwrap();
        assert!(outbox.bytes <= limits.max_bytes, "{outbox:?}");
    }
    let outbox = scene.store.outbox().borrow().unwrap();
    assert_eq!(outbox.depth + outbox.fallen_out_total, u64::from(RECORDS));
    assert!(outbox.bytes > limits.max_bytes / 2, "no more goes than must: {outbox:?}");
    broker.start_again();
    let mut fleet = FleetClient::join(broker.port).await;
    for number in outbox.fallen_out_total..u64::from(RECORDS) {
        let received = fleet.wait_topic("event/test").await;
        assert_eq!(received.json()["number"], number, "the newest are kept");
    }
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_too_long_falls_out() {
    let (_broker, scene, clock) = without_broker(LIMITS).await;
    scene.record(0).await;
    clock.advance(LIMITS.max_age + DAY);
    scene.record(1).await;
    let mut outbox = scene.store.outbox();
    let trimmed = outbox.wait_for(|outbox| outbox.unwrap().fallen_out_total == 1);
    let trimmed =
        *tokio::time::timeout(super::PATIENCE, trimmed).await.expect("looks").unwrap();
    assert_eq!(trimmed.unwrap().depth, 1);
    scene.leave().await;
}
