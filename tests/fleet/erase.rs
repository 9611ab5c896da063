//! Erasing at the fleet server: with and without the booth, by API and by command; erased data does not
//! come back.

use std::{fs, path::Path, process::Command, time::Duration};

use boothd::mqtt::client::{AsyncClient, Event, EventLoop, Packet, QoS};
use serde_json::{Value, json};

use boothd_test_support::http::Answer;

use crate::common::{
    Broker, FleetServer, PATIENCE, TOKEN, online, publish, session, topic, video,
};

const SESSIONS: &str = "/api/v1/fleet/sessions";
const ORDERS: &str = "/api/v1/fleet/erase/orders";

/// A simulated booth that receives its orders.
struct Obeying {
    client: AsyncClient,
    events: EventLoop,
}

impl Obeying {
    async fn new(broker: &Broker, booth: &str) -> Self {
        let (client, events) = broker.client(booth, Duration::ZERO);
        let mut obeying = Obeying { client, events };
        let orders = topic(booth, "cmd/+");
        obeying.client.try_subscribe(orders, QoS::AtLeastOnce).expect("has room");
        obeying.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await;
        obeying
    }

    async fn until<T>(&mut self, wanted: impl Fn(&Packet) -> Option<T>) -> T {
        // Of the whole wait: pings of the connection are events, too.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let event = tokio::time::timeout_at(deadline, self.events.poll()).await;
            if let Event::Incoming(packet) = event.expect("in time").expect("is connected")
                && let Some(found) = wanted(&packet)
            {
                return found;
            }
        }
    }

    /// The next order.
    async fn order(&mut self) -> Value {
        self.until(|packet| match packet {
            Packet::Publish(publish) => {
                Some(serde_json::from_slice(&publish.payload).expect("JSON"))
            }
            _ => None,
        })
        .await
    }
}

fn list(reply: &Value) -> &Vec<Value> {
    reply["sessions"].as_array().expect("a list")
}

async fn answer(broker: &Broker, booth: &str, order: &Value, answer: Value) {
    let mut answer = answer;
    answer["ref"] = order["ref"].clone();
    let topic = topic(booth, "cmd/erase/result");
    publish(broker, "answerer", &[(topic, QoS::AtLeastOnce, false, answer)]).await;
}

fn assert_gone(state: &Path, words: &[&str]) {
    for name in ["fleet.db", "fleet.db-wal", "boothd.db", "boothd.db-wal"] {
        let bytes = fs::read(state.join(name)).unwrap_or_default();
        for word in words {
            let is_there = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!is_there, "{word} is in {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_though_her_booth_is_gone_and_nothing_that_comes_later_brings_her_back()
 {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let all = session("one", "forget-me", ("b1", 1));
    let live =
        (topic("one", "metrics/video"), QoS::AtMostOnce, false, video(1, Some("forget-me")));
    let note = json!({"reason": "seat of forget-me", "seq": 3, "ts": 5, "boot_id": "b1"});
    let event = (topic("one", "event/seat"), QoS::AtLeastOnce, false, note);
    publish(&broker, "publisher", &[all.to_vec(), vec![live.clone(), event]].concat()).await;
    publish(&broker, "publisher", &session("one", "stays", ("b1", 8))).await;
    server.wait_for(SESSIONS, |reply| list(reply).len() == 2);
    let unknown = "/api/v1/fleet/sessions/hq/one/other";
    assert_eq!(server.request("DELETE", unknown, TOKEN, "").status, 404);
    let Answer { status, body, .. } =
        server.request("DELETE", "/api/v1/fleet/sessions/hq/one/forget-me", TOKEN, "");
    assert_eq!(status, 200, "{body}");
    let receipt: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(receipt["sessions"][0]["session_id"], "forget-me");
    assert_eq!(
        (&receipt["rows"]["session"], &receipt["rows"]["record"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(receipt["is_log_clear"], true, "{receipt}");
    assert_eq!(list(&server.json(SESSIONS)).len(), 1);
    // The booth's outbox sends all of it again, as another boot; and a report was on its way.
    let again: Vec<_> = session("one", "forget-me", ("b2", 1)).into();
    publish(&broker, "publisher", &[again, vec![live]].concat()).await;
    publish(&broker, "publisher", &session("one", "after", ("b2", 8))).await;
    let reply = server.wait_for(SESSIONS, |reply| list(reply).len() == 2);
    assert!(!reply.to_string().contains("forget-me"), "{reply}");
    assert!(server.metric("boothd_fleet_erased_records_total") >= 2.0);
    let now = server.json("/api/v1/fleet/booths/hq/one");
    assert!(!now.to_string().contains("forget-me"), "{now}");
    // Only the open order names the session; once it is closed, nothing does.
    let order = server.json(ORDERS)["orders"][0].clone();
    assert_eq!((&order["state"], &order["tries"]), (&json!("open"), &json!(0)));
    assert_eq!(server.json("/health")["erase_orders_open"], 1);
    let close = format!("{ORDERS}/{}/close", order["order_id"]);
    let note = json!({"note": "card destroyed"}).to_string();
    assert_eq!(server.request("POST", &close, TOKEN, &note).status, 200);
    assert_eq!(server.request("POST", &close, TOKEN, &note).status, 404, "it is closed");
    server.terminate();
    assert_gone(state.path(), &["forget-me"]);
    let log = rusqlite::Connection::open(state.path().join("boothd.db")).expect("opens");
    let ask = "SELECT group_concat(detail, '|') FROM audit WHERE action = 'fleet.erase' AND object = ?1";
    let object = format!("receipt {}", receipt["receipt_id"].as_str().expect("text"));
    let noted: String = log.query_row(ask, [object], |row| row.get(0)).expect("is noted");
    assert!(noted.contains("begun") && noted.contains("1 sessions"), "{noted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_that_comes_back_is_ordered_until_it_has_erased() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let subject = "REFERENCE-4711";
    let mut messages = Vec::new();
    for (booth, id) in [("one", "first"), ("two", "second")] {
        let [mut started, summary] = session(booth, id, ("b1", 1));
        started.3["subject_ref"] = subject.into();
        messages.extend([started, summary]);
    }
    messages.extend(session("one", "stays", ("b1", 8)));
    publish(&broker, "publisher", &messages).await;
    server.wait_for(SESSIONS, |reply| list(reply).len() == 3);
    let wanted = json!({ "subject_ref": subject }).to_string();
    let Answer { status, body, .. } =
        server.request("POST", "/api/v1/fleet/erase", TOKEN, &wanted);
    assert_eq!(status, 200, "{body}");
    assert_eq!(list(&server.json(SESSIONS)).len(), 1);
    // A session of that subject that arrives late is erased; one that begins later is kept.
    let [mut late, _] = session("one", "third", ("b1", 20));
    late.3["subject_ref"] = subject.into();
    late.3["ts"] = 1000.into();
    let [mut newer, _] = session("one", "fourth", ("b1", 22));
    newer.3["subject_ref"] = subject.into();
    newer.3["ts"] = 32_000_000_000_000_i64.into();
    publish(&broker, "publisher", &[late, newer]).await;
    let reply = server.wait_for(SESSIONS, |reply| list(reply).len() == 2);
    assert!(reply.to_string().contains("fourth") && !reply.to_string().contains("third"));
    server.terminate();
    // A restarted fleet server knows its orders.
    let server = FleetServer::start(&broker, state.path(), &[]);
    assert_eq!(server.json("/health")["erase_orders_open"], 3);
    let mut one = Obeying::new(&broker, "one").await;
    publish(&broker, "announcer", &online("one", "1")).await;
    let (first, third) = (one.order().await, one.order().await);
    assert_eq!(
        (&first["session_id"], &third["session_id"]),
        (&json!("first"), &json!("third"))
    );
    answer(&broker, "one", &first, json!({"ok": true, "error": null, "rows": 7})).await;
    let refused = "erase is not allowed here; mqtt.commands does not list it";
    answer(&broker, "one", &third, json!({"ok": false, "error": refused})).await;
    // Another booth cannot answer for it.
    answer(&broker, "two", &third, json!({"ok": true, "error": null})).await;
    let open = format!("{ORDERS}?open=true");
    let reply = server.wait_for(&open, |reply| {
        let orders = reply["orders"].as_array().expect("a list");
        orders.len() == 2 && orders.iter().any(|order| order["answer"] == refused)
    });
    assert!(reply.to_string().contains("third"), "{reply}");
    let mut two = Obeying::new(&broker, "two").await;
    publish(&broker, "announcer", &online("two", "1")).await;
    let second = two.order().await;
    let nothing = json!({"ok": false, "error": "there is no session second"});
    answer(&broker, "two", &second, nothing).await;
    // Erased at the booth itself, by hand: its event ends the order.
    let erased = json!({"receipt_id": "r1", "session_ids": ["third"], "seq": 30, "ts": 9,
        "boot_id": "b1"});
    let event = (topic("one", "event/erased"), QoS::AtLeastOnce, false, erased);
    publish(&broker, "publisher", &[event]).await;
    server.wait_for("/health", |health| health["erase_orders_open"] == 0);
    let reply = server.json(ORDERS);
    let ended = reply["orders"].as_array().expect("a list");
    assert!(ended.iter().all(|o| o["state"] == "done" && o["session_id"].is_null()), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_erases_beside_the_running_fleet_server() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let live =
        (topic("one", "metrics/video"), QoS::AtMostOnce, false, video(1, Some("forget-me")));
    let all = [session("one", "forget-me", ("b1", 1)).to_vec(), vec![live.clone()]].concat();
    publish(&broker, "publisher", &all).await;
    server.wait_for("/api/v1/fleet/booths/hq/one", |now| now["video"].is_object());
    server.wait_for(SESSIONS, |reply| list(reply).len() == 1);
    let erase = |what: [&str; 2]| {
        let setting = format!("state.dir={}", state.path().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_boothd"));
        command.args(["fleet", "erase", what[0], what[1], "--set", &setting]);
        command.output().expect("boothd runs")
    };
    let wrong = erase(["--session", "forget-me"]);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("SITE/BOOTH/ID"));
    let done = erase(["--session", "hq/one/forget-me"]);
    let receipt: Value = serde_json::from_slice(&done.stdout).expect("a receipt");
    assert_eq!(receipt["rows"]["session"], 1, "{receipt}");
    // The server notices the erasure of the command and refuses later reports of the session.
    server.wait_for("/health", |health| health["erase_orders_open"] == 1);
    server.wait_for("/api/v1/fleet/booths/hq/one", |now| now["video"].is_null());
    publish(&broker, "publisher", &[live]).await;
    let marker = (topic("one", "metrics/video"), QoS::AtMostOnce, false, video(7, None));
    publish(&broker, "publisher", &[marker]).await;
    let now = server.wait_for("/api/v1/fleet/booths/hq/one", |now| now["video"].is_object());
    assert_eq!(now["video"]["report"]["sequence"], 7);
    assert!(!erase(["--subject", "unknown"]).status.success());
    assert_eq!(list(&server.json(SESSIONS)).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booths_own_erasing_holds_though_its_records_come_again() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let erased = json!({"receipt_id": "r1", "session_ids": ["forget-me"], "seq": 9, "ts": 1,
        "boot_id": "b1"});
    let erased = (topic("one", "event/erased"), QoS::AtLeastOnce, false, erased);
    let all = [session("one", "forget-me", ("b1", 1)).to_vec(), vec![erased]].concat();
    // As a broker sends it again after the acknowledgements were lost with the fleet server.
    for _ in 0..2 {
        publish(&broker, "publisher", &all).await;
    }
    publish(&broker, "publisher", &session("one", "stays", ("b1", 20))).await;
    let reply = server.wait_for(SESSIONS, |reply| reply.to_string().contains("stays"));
    assert_eq!(list(&reply).len(), 1, "{reply}");
}
