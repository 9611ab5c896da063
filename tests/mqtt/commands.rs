//! Commands to the booth, and its answers.

use std::time::Duration;

use boothd::mqtt::{CommandName, MqttConfig};
use rumqttc::v5::mqttbytes::{QoS, v5::PublishProperties};
use serde_json::{Value, json};

use super::{
    BASE,
    booth::{NOTICE, Scene, config},
    broker::Broker,
    fleet_client::{FleetClient, Received},
};

fn obedient(port: u16) -> MqttConfig {
    MqttConfig { commands: CommandName::ALL.into(), ..config(port) }
}

/// A booth that accepts commands, and a client in the place of the fleet server.
async fn scene(broker: &Broker, config: MqttConfig) -> (FleetClient, Scene) {
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config).await;
    // The health comes after the subscription.
    fleet.wait_topic("/health").await;
    (fleet, scene)
}

async fn ask(fleet: &mut FleetClient, name: &str, payload: &Value) -> Value {
    fleet.publish(&format!("{BASE}/cmd/{name}"), &payload.to_string()).await;
    fleet.wait_topic(&format!("/cmd/{name}/result")).await.json()
}

/// The answer and the event that belongs to it, which come in either order.
async fn ask_for_event(fleet: &mut FleetClient, name: &str, payload: &Value) -> (Value, Value) {
    let (command, event) = (format!("{BASE}/cmd/{name}"), format!("{BASE}/event/"));
    let result = format!("{command}/result");
    fleet.publish(&command, &payload.to_string()).await;
    let is_either =
        |received: &Received| received.topic == result || received.topic.starts_with(&event);
    let one = fleet.wait("the answer or the event", is_either).await;
    let other = |received: &Received| is_either(received) && received.topic != one.topic;
    let other = fleet.wait("the other of them", other).await;
    let (answer, event) = if one.topic == result { (one, other) } else { (other, one) };
    (answer.json(), event.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_begun_switched_ended_and_erased_from_afar() {
    let broker = Broker::open();
    let (mut fleet, scene) = scene(&broker, obedient(broker.port)).await;
    let consent_at = scene.consent().consent_at;
    let start = json!({
        "ref": 5, "notice_version": NOTICE, "consent_at": consent_at, "subject_ref": "candidate 7",
    });
    let started = ask(&mut fleet, "start", &start).await;
    assert_eq!((&started["ok"], &started["ref"]), (&json!(true), &json!(5)), "{started}");
    let session_id = started["session_id"].as_str().unwrap().to_owned();
    assert_eq!(
        scene.booth.state().borrow().session.as_ref().unwrap().session_id.as_str(),
        session_id
    );

    let twice = ask(&mut fleet, "start", &start).await;
    assert_eq!(twice["ok"], false);
    assert!(twice["error"].as_str().unwrap().contains("still runs"), "{twice}");

    let switched = ask(&mut fleet, "features", &json!({ "features": { "gaze": false } })).await;
    assert_eq!(switched["features"]["gaze"], false, "{switched}");
    fleet.publish(&format!("{BASE}/feature/gaze/set"), "ON").await;
    let on = |received: &Received| {
        received.topic.ends_with("/feature/gaze/state") && received.text == "ON"
    };
    fleet.wait("the switch", on).await;
    assert!(scene.booth.state().borrow().features.gaze);

    let running = ask(&mut fleet, "erase", &json!({ "session_id": session_id })).await;
    assert!(running["error"].as_str().unwrap().contains("end it first"), "{running}");
    let ended = ask(&mut fleet, "end", &json!({})).await;
    assert_eq!((&ended["ok"], &ended["session_id"]), (&json!(true), &json!(session_id)));
    let subject = json!({ "subject_ref": "candidate 7" });
    let (erased, event) = ask_for_event(&mut fleet, "erase", &subject).await;
    assert_eq!(erased["session_ids"], json!([session_id]), "{erased}");
    assert!(!erased.to_string().contains("candidate"), "{erased}");
    assert_eq!(event["receipt_id"], erased["receipt_id"]);

    let who: Vec<String> =
        scene.store.audit_log(10).await.unwrap().into_iter().map(|entry| entry.actor).collect();
    assert!(who.iter().all(|actor| actor == "mqtt"), "{who:?}");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_does_not_list_is_refused() {
    let broker = Broker::open();
    let allowed =
        MqttConfig { commands: [CommandName::Identify].into(), ..config(broker.port) };
    let (mut fleet, scene) = scene(&broker, allowed).await;
    for name in ["start", "end", "features", "restart", "erase"] {
        let refused = ask(&mut fleet, name, &json!({ "ref": "mine" })).await;
        assert_eq!((&refused["ok"], &refused["ref"]), (&json!(false), &json!("mine")));
        assert!(refused["error"].as_str().unwrap().contains("not allowed"), "{refused}");
    }
    fleet.publish(&format!("{BASE}/feature/gaze/set"), "OFF").await;
    let refused = fleet.wait_topic("/cmd/features/result").await.json();
    assert_eq!((&refused["ok"], &refused["feature"]), (&json!(false), &json!("gaze")));
    fleet.publish(&format!("{BASE}/cmd/dance"), "{}").await;
    let unknown = fleet.wait_topic("/cmd/unknown/result").await.json();
    assert!(unknown["error"].as_str().unwrap().contains("no command"), "{unknown}");
    assert!(!scene.stop.is_requested() && scene.booth.state().borrow().features.gaze);
    let (done, event) = ask_for_event(&mut fleet, "identify", &json!({})).await;
    assert_eq!((&done["ok"], &event["actor"]), (&json!(true), &json!("mqtt")));
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_cannot_be_used_are_answered_so() {
    let broker = Broker::open();
    let (mut fleet, scene) = scene(&broker, obedient(broker.port)).await;
    for (name, payload, words) in [
        ("start", "{", "no JSON"),
        ("start", "[]", "object"),
        ("start", "{}", "notice_version"),
        ("end", r#"{"session": 1}"#, "unknown field"),
        ("end", "", "no session runs"),
        ("features", r#"{"features": {"gase": true}}"#, "gase"),
        ("erase", "{}", "session_id or subject_ref"),
        ("erase", r#"{"session_id": "none"}"#, "no session"),
    ] {
        fleet.publish(&format!("{BASE}/cmd/{name}"), payload).await;
        let refused = fleet.wait_topic(&format!("/cmd/{name}/result")).await.json();
        assert_eq!(refused["ok"], false);
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
    }
    fleet.publish(&format!("{BASE}/feature/gaze/set"), "maybe").await;
    fleet.wait_topic("/cmd/features/result").await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_goes_to_the_response_topic() {
    let broker = Broker::open();
    let (mut fleet, scene) = scene(&broker, obedient(broker.port)).await;
    let ask = |response_topic: &str| PublishProperties {
        response_topic: Some(response_topic.into()),
        correlation_data: Some("mark".into()),
        ..PublishProperties::default()
    };
    let topic = format!("{BASE}/cmd/identify");
    let wanted = ask("desk/answers/7");
    fleet
        .client
        .publish_with_properties(topic.clone(), QoS::AtLeastOnce, false, "{}", wanted)
        .await
        .unwrap();
    let answer = fleet.wait_topic("desk/answers/7").await;
    assert_eq!(answer.json()["ok"], true);
    assert_eq!(answer.properties.correlation_data.as_deref(), Some(&b"mark"[..]));
    // No client can make a booth publish to another one.
    let other = "boothd/v1/site/two/cmd/end";
    let unwanted = ask(other);
    fleet
        .client
        .publish_with_properties(topic, QoS::AtLeastOnce, false, "{}", unwanted)
        .await
        .unwrap();
    fleet.wait_topic("/cmd/identify/result").await;
    fleet.publish("desk/end", "").await;
    let end = |received: &Received| received.topic == "desk/end" || received.topic == other;
    assert_eq!(fleet.wait("the end", end).await.topic, "desk/end");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_command_is_stale_and_not_obeyed() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let topic = format!("{BASE}/cmd/restart");
    let retained = |topic: String| fleet.client.publish(topic, QoS::AtLeastOnce, true, "{}");
    retained(topic.clone()).await.unwrap();
    fleet.wait_topic("/cmd/restart").await;
    let scene = Scene::start(obedient(broker.port)).await;
    let refused = fleet.wait_topic("/cmd/restart/result").await.json();
    assert!(refused["error"].as_str().unwrap().contains("stale"), "{refused}");
    // Nor one that is sent now and would stay.
    fleet.client.publish(topic, QoS::AtLeastOnce, true, "{}").await.unwrap();
    let refused = fleet.wait_topic("/cmd/restart/result").await.json();
    assert_eq!(refused["ok"], false);
    assert!(!scene.stop.is_requested());
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_says_so_and_leaves() {
    let broker = Broker::open();
    let (mut fleet, scene) = scene(&broker, obedient(broker.port)).await;
    assert_eq!(ask(&mut fleet, "restart", &json!({})).await["ok"], true);
    tokio::time::timeout(Duration::from_secs(10), scene.stop.requested()).await.unwrap();
    scene.leave().await;
    let restarting = |received: &Received| {
        received.topic.ends_with("/status") && received.json()["status"] == "restarting"
    };
    let status = fleet.wait("the status", restarting).await.json();
    assert_eq!(status["reason"], "a command asked for it");
    // Nothing else is published after it.
    fleet.publish("desk/end", "").await;
    let later = |received: &Received| {
        received.topic == "desk/end"
            || (received.topic.ends_with("/status")
                && received.json()["status"] != "restarting")
    };
    assert_eq!(fleet.wait("the end", later).await.topic, "desk/end");
}
