//! A row that the broker will not take is set aside, and the others go on.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use boothd::{mqtt::Limit, store::EventRecord};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    booth::{Scene, config},
    broker::Broker,
    fleet_client::FleetClient,
    house::{BOOTHD, Daemon, boothd},
    operator,
    script::{Answer, Script},
};

/// Whether the payload is that of the bad record, number 1.
fn is_bad(payload: &str) -> bool {
    payload.contains("\"number\":1,")
}

async fn scene(port: u16) -> Scene {
    let mut config = config(port);
    // What the broker takes in between comes soon.
    config.republish_every = Duration::from_millis(100);
    let scene = Scene::start(config).await;
    for number in 0..4 {
        // The bad one is the longest: where it is too large, those of its size would go with it.
        let length = if number == 1 { 100 } else { 10 };
        record(&scene, number, length).await;
    }
    scene
}

/// Puts a row with a text of so many bytes into the outbox.
async fn record(scene: &Scene, number: u32, length: usize) {
    let data = json!({ "number": number, "text": "x".repeat(length) });
    let (at, kind) = (scene.clock.unix_ms(), "test".into());
    scene.store.event(EventRecord { session_id: None, at, kind, data }).await.unwrap();
}

/// Numbers of the records that the double accepted.
fn numbers(script: &Script) -> Vec<u64> {
    let number = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    script.taken().into_iter().filter_map(|text| number(text)["number"].as_u64()).collect()
}

/// The same after a lost connection: unanswered records come again.
fn numbers_once(script: &Script) -> Vec<u64> {
    let mut once = Vec::new();
    for number in numbers(script) {
        if !once.contains(&number) {
            once.push(number);
        }
    }
    once
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_set_aside_with_its_reason_and_the_others_arrive_in_order() {
    let cases = [
        (0x80, "unspecified error"),
        (0x83, "implementation specific error"),
        (0x90, "topic name invalid"),
        (0x91, "packet identifier in use"),
        (0x95, "packet too large"),
        (0x99, "payload format invalid"),
        (0xB7, "a code of its own"),
    ];
    let each = cases.map(|(code, name)| {
        tokio::spawn(async move {
            let script = Script::start(Box::new(move |_, payload, _| match is_bad(payload) {
                true => Answer::Code(code),
                false => Answer::Code(0),
            }));
            let script = script.await;
            let scene = scene(script.port).await;
            let reason = scene.wait_set_aside(1).await;
            assert!(reason.contains(name) && reason.contains("send it again"), "{reason}");
            scene.wait_delivered(1).await;
            // The client library cannot read these two, and ends the connection.
            let taken = match code {
                0x95 | 0xB7 => numbers_once(&script),
                _ => numbers(&script),
            };
            assert_eq!(taken, [0, 2, 3], "{code:#x}");
            let listed = scene.store.rows_set_aside(9).await.unwrap();
            assert_eq!((listed.len(), &*listed[0].kind), (1, "event/test"), "{code:#x}");
            scene.leave().await;
        })
    });
    for case in each {
        case.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_at_which_the_broker_closes_the_connection_is_found_among_others() {
    let ends = [Answer::Close, Answer::Disconnect(0x81), Answer::Disconnect(0x95)];
    for end in ends {
        let script = Script::start(Box::new(move |_, payload, _| match is_bad(payload) {
            true => end,
            false => Answer::Code(0),
        }));
        let script = script.await;
        let scene = scene(script.port).await;
        let reason = scene.wait_set_aside(1).await;
        let why = match end {
            Answer::Disconnect(0x95) => "packet too large",
            _ => "closed the connection 3 times",
        };
        assert!(reason.contains(why), "{reason}");
        scene.wait_delivered(1).await;
        assert_eq!(numbers(&script), [0, 2, 3], "{end:?}");
        assert!(script.connections() <= 6, "{}", script.connections());
        scene.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_and_quotas_are_the_brokers_and_its_rows_wait_for_them() {
    for (code, limit) in [(0x87, Limit::NotAuthorized), (0x97, Limit::Busy)] {
        // The broker is mended after two refusals.
        let refusals = AtomicU32::new(0);
        let script = Script::start(Box::new(move |topic, _, _| {
            let is_refused =
                topic.ends_with("/event/test") && refusals.fetch_add(1, Relaxed) < 2;
            Answer::Code(if is_refused { code } else { 0 })
        }));
        let script = script.await;
        let mut scene = scene(script.port).await;
        let sentence = scene.wait_limit(limit).await;
        assert!(sentence.contains(&format!("0x{code:X}")), "{sentence}");
        scene.wait_delivered(0).await;
        let mut all = numbers(&script);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
        let quiet = scene.delivery.wait_for(|delivery| delivery.notices.is_empty());
        timeout(super::PATIENCE, quiet).await.expect("it is over").unwrap();
        scene.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_may_not_be_published_does_not_stop_the_others() {
    let script = Script::start(Box::new(|topic, _, _| {
        Answer::Code(if topic.ends_with("/event/test") { 0x87 } else { 0 })
    }));
    let script = script.await;
    let mut scene = scene(script.port).await;
    let (at, kind) = (scene.clock.unix_ms(), "allowed".into());
    let event = EventRecord { session_id: None, at, kind, data: json!({ "number": 9 }) };
    scene.store.event(event).await.unwrap();
    scene.wait_limit(Limit::NotAuthorized).await;
    scene.wait_delivered_rows(4).await;
    assert_eq!(numbers(&script), [9]);
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_everything_gets_no_row_set_aside() {
    let script = Script::start(Box::new(|_, _, _| Answer::Code(0x83))).await;
    let mut scene = scene(script.port).await;
    let sentence = scene.wait_limit(Limit::RefusesAll).await;
    assert!(sentence.contains("0x83"), "{sentence}");
    scene.wait_limit(Limit::Message).await;
    // Each row was refused, and more than once.
    let refusals = async {
        while scene.component.status().errors_total < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(super::PATIENCE, refusals).await.expect("refuses on");
    assert_eq!(scene.store.set_aside().borrow().rows, 0);
    assert_eq!(scene.store.outbox().borrow().unwrap().depth, 4);
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_sent_again_by_hand_and_arrives_once_the_broker_takes_it() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let takes_all = is_mended.clone();
    let script = Script::start(Box::new(move |_, payload, _| {
        let is_refused = is_bad(payload) && !takes_all.load(Relaxed);
        Answer::Code(if is_refused { 0x95 } else { 0 })
    }));
    let script = script.await;
    let scene = scene(script.port).await;
    scene.wait_set_aside(1).await;
    scene.wait_delivered(1).await;
    is_mended.store(true, Relaxed);
    assert_eq!(scene.store.send_again(None, "Anna").await.unwrap(), 1);
    scene.wait_delivered(0).await;
    assert_eq!(numbers_once(&script), [0, 2, 3, 1]);
    scene.leave().await;
}

/// A broker's limit is found once, not by a lost connection for each message.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_long_as_a_message_that_was_too_large_is_set_aside_unsent() {
    let script = Script::start(Box::new(|_, payload, _| match payload.contains("xxx") {
        true => Answer::Code(0x95),
        false => Answer::Code(0),
    }));
    let script = script.await;
    let scene = Scene::start(config(script.port)).await;
    record(&scene, 0, 3).await;
    scene.wait_set_aside(1).await;
    record(&scene, 1, 0).await;
    scene.wait_delivered(1).await;
    let connections = script.connections();
    for (number, length) in [(2, 3), (3, 0), (4, 100), (5, 2)] {
        record(&scene, number, length).await;
    }
    scene.wait_set_aside(3).await;
    scene.wait_delivered(3).await;
    assert_eq!(numbers(&script), [1, 3, 5]);
    for row in &scene.store.rows_set_aside(9).await.unwrap()[1..] {
        assert!(row.reason.contains("is not sent, as the broker refused one"), "{row:?}");
    }
    assert_eq!(script.connections(), connections, "none was lost for them");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_row_does_not_stop_the_rows_either() {
    let script = Script::start(Box::new(|topic, _, _| match topic.ends_with("/info") {
        true => Answer::Close,
        false => Answer::Code(0),
    }));
    let script = script.await;
    let mut scene = scene(script.port).await;
    let sentence = scene.wait_limit(Limit::Message).await;
    assert!(
        sentence.starts_with("info: the broker closed the connection 3 times"),
        "{sentence}"
    );
    scene.wait_delivered(0).await;
    assert_eq!(numbers(&script), [0, 1, 2, 3]);
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_at_which_the_broker_closes_costs_the_commands_only() {
    let take_all = Box::new(|_: &str, _: &str, _| Answer::Code(0));
    let script = Script::with(take_all, &[], None).await;
    let mut scene = scene(script.port).await;
    let sentence = scene.wait_limit(Limit::Subscription).await;
    assert!(sentence.contains("commands"), "{sentence}");
    scene.wait_delivered(0).await;
    assert_eq!(numbers(&script), [0, 1, 2, 3]);
    scene.leave().await;
}

/// MQTT 5 has no such answer to a message, and the client library cannot read it.
#[tokio::test(flavor = "multi_thread")]
async fn mosquittos_message_size_limit_sets_the_long_ones_aside() {
    let lines = "allow_anonymous true\npersistence false\nmessage_size_limit 700\n";
    let broker = Broker::with(lines, |_| ());
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    for (number, length) in [(0, 10), (1, 3000), (2, 10), (3, 3000), (4, 10)] {
        record(&scene, number, length).await;
    }
    let reason = scene.wait_set_aside(2).await;
    assert!(reason.contains("message_size_limit"), "{reason}");
    scene.wait_delivered(2).await;
    // Records unanswered at the end of the connection come again.
    let mut numbers = Vec::new();
    while numbers.len() < 3 {
        let received = fleet.wait_topic("/event/test").await.json();
        let number = received["number"].as_u64().unwrap();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    assert_eq!(numbers, [0, 2, 4]);
    scene.leave().await;
}

/// The daemon itself: what an operator sees of it, and what the operator can do.
#[test]
fn an_operator_sees_what_is_set_aside_and_sends_it_again() {
    let lines = "allow_anonymous true\npersistence false\nmessage_size_limit 200\n";
    let broker = Broker::with(lines, |_| ());
    let state = tempfile::tempdir().unwrap();
    let settings = [
        format!("state.dir={}", state.path().display()),
        format!("mqtt.broker=mqtt://127.0.0.1:{}", broker.port),
    ];
    let [folder, address] = settings.each_ref().map(String::as_str);
    let closed = ["video.source=off", "audio.source=off", "booth.id=one", folder, address];
    let daemon = Daemon::start(Command::new(&*BOOTHD), &closed);
    let ask = |method: &str, path: &str, body: Value| {
        operator::ask(&daemon.address, method, path, &body).expect("the daemon answers")
    };
    let wait = |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        let began = std::time::Instant::now();
        loop {
            let health = ask("GET", "/health", Value::Null).1;
            if is_so(&health) {
                return health;
            }
            assert!(began.elapsed() < super::PATIENCE, "{what}: {health:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let session = operator::begin(&daemon.address).unwrap();
    assert_eq!(operator::end(&daemon.address, &session), Some(200));
    let health = wait("both rows are set aside", &|health| health["outbox"]["set_aside"] == 2);
    let text = health.to_string();
    assert!(!text.contains(&session), "/health is public: {text}");
    let health = wait("it is found", &|health| {
        health["findings"].to_string().contains("mqtt_set_aside")
    });
    assert!(health["findings"].to_string().contains("message_size_limit"), "{health:#}");
    let (status, list) = ask("GET", "/api/v1/outbox/set-aside", Value::Null);
    assert_eq!((status, &list["total"]), (200, &json!(2)));
    assert_eq!(list["rows"][0]["session_id"], json!(session));
    let command = |arguments: &[&str]| {
        let mut command = boothd(Command::new(&*BOOTHD));
        let output = command.args(["outbox"]).args(arguments).args(["--set", folder]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(command(&["list"]).lines().count(), 2);
    // Sent again, they are refused again: nothing at the broker has changed.
    let id = list["rows"][0]["outbox_id"].clone();
    let (status, sent) =
        ask("POST", "/api/v1/outbox/send-again", json!({ "outbox_ids": [id] }));
    assert_eq!((status, sent), (200, json!({ "rows": 1 })));
    wait("it is refused again", &|health| health["outbox"]["set_aside"] == 2);
    assert_eq!(command(&["send-again"]), "2 messages wait for the broker again\n");
    let audit = ask("GET", "/api/v1/audit", Value::Null).1.to_string();
    assert!(audit.contains("outbox.send_again") && audit.contains("command line"), "{audit}");
    // Erasing the session erases them.
    wait("they are refused again", &|health| health["outbox"]["set_aside"] == 2);
    let erase = format!("/api/v1/sessions/{session}");
    assert_eq!(ask("DELETE", &erase, Value::Null).0, 200);
    wait("they are gone", &|health| health["outbox"]["set_aside"] == 0);
}
