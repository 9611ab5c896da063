//! The booth respects the broker's limits and reports their effects.

use std::time::Duration;

use boothd::{
    mqtt::{CommandName, HomeAssistant, Limit},
    store::EventRecord,
};
use rumqttc::v5::mqttbytes::QoS;
use serde_json::json;

use super::{
    BASE,
    booth::{Scene, config},
    broker::Broker,
    fleet_client::FleetClient,
    script::{Answer, Script},
};

fn broker(line: &str) -> Broker {
    Broker::with(&format!("allow_anonymous true\npersistence false\n{line}\n"), |_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_retained_messages_the_state_is_published_periodically() {
    let broker = broker("retain_available false");
    let mut config = config(broker.port);
    config.republish_every = Duration::from_millis(300);
    let mut scene = Scene::start(config).await;
    let sentence = scene.wait_limit(Limit::RetainAvailable).await;
    assert!(sentence.contains("retain_available true"), "{sentence}");
    // A later subscriber receives it all the same.
    let mut fleet = FleetClient::join(broker.port).await;
    for topic in ["/status", "/info", "/health"] {
        assert!(!fleet.wait_topic(topic).await.is_retained);
    }
    scene.record(1).await;
    assert_eq!(fleet.wait_topic("/event/test").await.qos, QoS::AtLeastOnce);
    scene.wait_empty().await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_acknowledgements_no_row_leaves_the_outbox() {
    let broker = broker("max_qos 0");
    let mut fleet = FleetClient::join(broker.port).await;
    let mut scene = Scene::start(config(broker.port)).await;
    scene.record(1).await;
    let sentence = scene.wait_limit(Limit::MaximumQos).await;
    assert!(sentence.contains("max_qos 1"), "{sentence}");
    assert_eq!(scene.wait_error("QoS 0 only").await, sentence);
    // The booth's state is published meanwhile.
    assert_eq!(fleet.wait_topic("/status").await.qos, QoS::AtMostOnce);
    fleet.wait_topic("/health").await;
    assert_eq!(scene.store.outbox().borrow().unwrap().depth, 1);
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_packet_than_the_broker_takes_is_not_sent_and_named() {
    let broker = broker("max_packet_size 1500");
    let mut fleet = FleetClient::join(broker.port).await;
    let mut config = config(broker.port);
    config.home_assistant = HomeAssistant::Device;
    let mut scene = Scene::start(config).await;
    let sentence = scene.wait_limit(Limit::MessageSize).await;
    let words = ["Home Assistant discovery", "max_packet_size", "\"entities\"", "1500"];
    assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
    let data = json!({ "text": "x".repeat(2000) });
    let (at, kind) = (scene.clock.unix_ms(), "long".into());
    scene.store.event(EventRecord { session_id: None, at, kind, data }).await.unwrap();
    scene.record(1).await;
    let reason = scene.wait_set_aside(1).await;
    assert!(reason.contains("Maximum Packet Size 1500"), "{reason}");
    fleet.wait_topic("/event/test").await;
    scene.wait_delivered(1).await;
    assert_eq!(scene.component.status().restarts_total, 0, "the connection stands");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_at_a_time_is_slow_and_loses_nothing() {
    let broker = broker("max_inflight_messages 1");
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    for number in 0..20 {
        scene.record(number).await;
    }
    for number in 0..20 {
        assert_eq!(fleet.wait_topic("/event/test").await.json()["number"], number);
    }
    scene.wait_empty().await;
    scene.leave().await;
}

/// CONNACK properties: 0x21 Receive Maximum, 0x13 Server Keep Alive.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_one_connection_do_not_outlast_it() {
    let script = Script::start(Box::new(|topic, payload, times| {
        // At the last of many the connection ends, once; then the broker takes less at a time.
        let is_last = topic.ends_with("/event/test") && payload.contains("\"number\":59,");
        if is_last && times == 0 { Answer::Close } else { Answer::Code(0) }
    }));
    let script = script.await;
    script.set_properties(&[0x21, 0, 60]);
    let scene = Scene::start(config(script.port)).await;
    for number in 0..59 {
        scene.record(number).await;
    }
    scene.wait_empty().await;
    script.set_properties(&[0x21, 0, 4, 0x13, 0, 0]);
    for number in 59..120 {
        scene.record(number).await;
    }
    scene.wait_empty().await;
    assert_eq!(script.connections(), 2, "no packet id was out of its range");
    scene.leave().await;
}

/// 0x28 Wildcard Subscription Available.
#[tokio::test(flavor = "multi_thread")]
async fn without_wildcards_each_command_is_subscribed_by_its_name() {
    let take_all = Box::new(|_: &str, _: &str, _| Answer::Code(0));
    let script = Script::with(take_all, &[0x28, 0], Some(1)).await;
    let mut config = config(script.port);
    config.commands = CommandName::ALL.into();
    let scene = Scene::start(config).await;
    scene.record(1).await;
    scene.wait_empty().await;
    let filters = script.filters();
    assert!(filters.contains(&format!("{BASE}/cmd/start")), "{filters:?}");
    assert!(filters.contains(&format!("{BASE}/feature/gaze/set")), "{filters:?}");
    assert!(!filters.iter().any(|filter| filter.contains(['+', '#'])), "{filters:?}");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_broker_is_named() {
    let broker = broker("max_connections 1");
    // Mosquitto counts every connection, also the probe whether it listens.
    let connect = |_| std::net::TcpStream::connect(("127.0.0.1", broker.port)).unwrap();
    let _others: Vec<_> = (0..4).map(connect).collect();
    let scene = Scene::start(config(broker.port)).await;
    scene.wait_error("max_connections").await;
    scene.leave().await;
}

/// A topic chosen by a client must not end the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_old_database_has_a_topic_that_the_broker_takes() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    let (at, kind) = (scene.clock.unix_ms(), "bad\u{ffff}".into());
    scene
        .store
        .event(EventRecord { session_id: None, at, kind, data: json!({}) })
        .await
        .unwrap();
    fleet.wait_topic("/event/bad%EF%BF%BF").await;
    scene.wait_empty().await;
    assert_eq!(scene.component.status().restarts_total, 0);
    scene.leave().await;
}
