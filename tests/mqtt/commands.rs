//! What others may ask of the booth, and how it answers.

use std::time::Duration;

use boothd::mqtt::{CommandName, MqttConfig};
use rumqttc::v5::mqttbytes::{QoS, v5::PublishProperties};
use serde_json::{Value, json};

use super::{
    BASE,
    booth::{NOTICE, Scene, config},
    broker::Broker,
    centre::{Centre, Heard},
};

fn obedient(port: u16) -> MqttConfig {
    MqttConfig { commands: CommandName::ALL.into(), ..config(port) }
}

/// A booth that hears, and a centre that hears it.
async fn scene(broker: &Broker, config: MqttConfig) -> (Centre, Scene) {
    let mut centre = Centre::join(broker.port).await;
    let scene = Scene::start(config).await;
    // The health comes after the subscription.
    centre.wait_topic("/health").await;
    (centre, scene)
}

async fn ask(centre: &mut Centre, name: &str, payload: &Value) -> Value {
    centre.say(&format!("{BASE}/cmd/{name}"), &payload.to_string()).await;
    centre.wait_topic(&format!("/cmd/{name}/result")).await.json()
}

/// The answer and the event that belongs to it, which come in either order.
async fn ask_for_event(centre: &mut Centre, name: &str, payload: &Value) -> (Value, Value) {
    let (command, event) = (format!("{BASE}/cmd/{name}"), format!("{BASE}/event/"));
    let result = format!("{command}/result");
    centre.say(&command, &payload.to_string()).await;
    let is_either = |heard: &Heard| heard.topic == result || heard.topic.starts_with(&event);
    let one = centre.wait("the answer or the event", is_either).await;
    let other = |heard: &Heard| is_either(heard) && heard.topic != one.topic;
    let other = centre.wait("the other of them", other).await;
    let (answer, event) = if one.topic == result { (one, other) } else { (other, one) };
    (answer.json(), event.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_begun_switched_ended_and_erased_from_afar() {
    let broker = Broker::open();
    let (mut centre, scene) = scene(&broker, obedient(broker.port)).await;
    let consent_at = scene.consent().consent_at;
    let start = json!({
        "ref": 5, "notice_version": NOTICE, "consent_at": consent_at, "subject_ref": "candidate 7",
    });
    let started = ask(&mut centre, "start", &start).await;
    assert_eq!((&started["ok"], &started["ref"]), (&json!(true), &json!(5)), "{started}");
    let session_id = started["session_id"].as_str().unwrap().to_owned();
    assert_eq!(
        scene.booth.state().borrow().session.as_ref().unwrap().session_id.as_str(),
        session_id
    );

    let twice = ask(&mut centre, "start", &start).await;
    assert_eq!(twice["ok"], false);
    assert!(twice["error"].as_str().unwrap().contains("still runs"), "{twice}");

    let switched =
        ask(&mut centre, "features", &json!({ "features": { "gaze": false } })).await;
    assert_eq!(switched["features"]["gaze"], false, "{switched}");
    centre.say(&format!("{BASE}/feature/gaze/set"), "ON").await;
    let on = |heard: &Heard| heard.topic.ends_with("/feature/gaze/state") && heard.text == "ON";
    centre.wait("the switch", on).await;
    assert!(scene.booth.state().borrow().features.gaze);

    let running = ask(&mut centre, "erase", &json!({ "session_id": session_id })).await;
    assert!(running["error"].as_str().unwrap().contains("end it first"), "{running}");
    let ended = ask(&mut centre, "end", &json!({})).await;
    assert_eq!((&ended["ok"], &ended["session_id"]), (&json!(true), &json!(session_id)));
    let subject = json!({ "subject_ref": "candidate 7" });
    let (erased, told) = ask_for_event(&mut centre, "erase", &subject).await;
    assert_eq!(erased["session_ids"], json!([session_id]), "{erased}");
    assert!(!erased.to_string().contains("candidate"), "{erased}");
    assert_eq!(told["receipt_id"], erased["receipt_id"]);

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
    let (mut centre, scene) = scene(&broker, allowed).await;
    for name in ["start", "end", "features", "restart", "erase"] {
        let refused = ask(&mut centre, name, &json!({ "ref": "mine" })).await;
        assert_eq!((&refused["ok"], &refused["ref"]), (&json!(false), &json!("mine")));
        assert!(refused["error"].as_str().unwrap().contains("not allowed"), "{refused}");
    }
    centre.say(&format!("{BASE}/feature/gaze/set"), "OFF").await;
    let refused = centre.wait_topic("/cmd/features/result").await.json();
    assert_eq!((&refused["ok"], &refused["feature"]), (&json!(false), &json!("gaze")));
    centre.say(&format!("{BASE}/cmd/dance"), "{}").await;
    let unknown = centre.wait_topic("/cmd/unknown/result").await.json();
    assert!(unknown["error"].as_str().unwrap().contains("no command"), "{unknown}");
    assert!(!scene.stop.is_requested() && scene.booth.state().borrow().features.gaze);
    let (done, event) = ask_for_event(&mut centre, "identify", &json!({})).await;
    assert_eq!((&done["ok"], &event["actor"]), (&json!(true), &json!("mqtt")));
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_cannot_be_used_are_answered_so() {
    let broker = Broker::open();
    let (mut centre, scene) = scene(&broker, obedient(broker.port)).await;
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
        centre.say(&format!("{BASE}/cmd/{name}"), payload).await;
        let refused = centre.wait_topic(&format!("/cmd/{name}/result")).await.json();
        assert_eq!(refused["ok"], false);
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
    }
    centre.say(&format!("{BASE}/feature/gaze/set"), "maybe").await;
    centre.wait_topic("/cmd/features/result").await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_goes_where_the_asker_wants_it() {
    let broker = Broker::open();
    let (mut centre, scene) = scene(&broker, obedient(broker.port)).await;
    let ask = |response_topic: &str| PublishProperties {
        response_topic: Some(response_topic.into()),
        correlation_data: Some("mark".into()),
        ..PublishProperties::default()
    };
    let topic = format!("{BASE}/cmd/identify");
    let wanted = ask("desk/answers/7");
    centre
        .client
        .publish_with_properties(topic.clone(), QoS::AtLeastOnce, false, "{}", wanted)
        .await
        .unwrap();
    let answer = centre.wait_topic("desk/answers/7").await;
    assert_eq!(answer.json()["ok"], true);
    assert_eq!(answer.properties.correlation_data.as_deref(), Some(&b"mark"[..]));
    // Nobody makes a booth say something to another one.
    let other = "boothd/v1/site/two/cmd/end";
    let unwanted = ask(other);
    centre
        .client
        .publish_with_properties(topic, QoS::AtLeastOnce, false, "{}", unwanted)
        .await
        .unwrap();
    centre.wait_topic("/cmd/identify/result").await;
    centre.say("desk/end", "").await;
    let end = |heard: &Heard| heard.topic == "desk/end" || heard.topic == other;
    assert_eq!(centre.wait("the end", end).await.topic, "desk/end");
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_command_is_stale_and_not_obeyed() {
    let broker = Broker::open();
    let mut centre = Centre::join(broker.port).await;
    let topic = format!("{BASE}/cmd/restart");
    let retained = |topic: String| centre.client.publish(topic, QoS::AtLeastOnce, true, "{}");
    retained(topic.clone()).await.unwrap();
    centre.wait_topic("/cmd/restart").await;
    let scene = Scene::start(obedient(broker.port)).await;
    let refused = centre.wait_topic("/cmd/restart/result").await.json();
    assert!(refused["error"].as_str().unwrap().contains("stale"), "{refused}");
    // Nor one that is sent now and would stay.
    centre.client.publish(topic, QoS::AtLeastOnce, true, "{}").await.unwrap();
    let refused = centre.wait_topic("/cmd/restart/result").await.json();
    assert_eq!(refused["ok"], false);
    assert!(!scene.stop.is_requested());
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_says_so_and_leaves() {
    let broker = Broker::open();
    let (mut centre, scene) = scene(&broker, obedient(broker.port)).await;
    assert_eq!(ask(&mut centre, "restart", &json!({})).await["ok"], true);
    tokio::time::timeout(Duration::from_secs(10), scene.stop.requested()).await.unwrap();
    scene.leave().await;
    let restarting = |heard: &Heard| {
        heard.topic.ends_with("/status") && heard.json()["status"] == "restarting"
    };
    let status = centre.wait("the status", restarting).await.json();
    assert_eq!(status["reason"], "a command asked for it");
    // Nothing else is said after it.
    centre.say("desk/end", "").await;
    let later = |heard: &Heard| {
        heard.topic == "desk/end"
            || (heard.topic.ends_with("/status") && heard.json()["status"] != "restarting")
    };
    assert_eq!(centre.wait("the end", later).await.topic, "desk/end");
}
