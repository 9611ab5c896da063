//! Sessions: consent, switches, pause, summary, and resuming after a broken connection.

use boothd::{
    features::Features,
    policy::{Policy, Profile},
};

use super::{media::face, *};

fn start(notice: &str) -> Value {
    let data = json!({
        "notice_version": notice, "consent_at": "2027-01-15T08:00:00Z", "subject_ref": "A-17",
    });
    json!({ "type": "start_session", "data": data })
}

fn picture(timestamp: u8) -> Message {
    let mut message = vec![1, timestamp, 0, 0, 0, 0, 0, 0, 0];
    message.extend(face());
    Message::binary(message)
}

fn strict() -> Policy {
    Policy { require_consent: true, ..liberal() }
}

async fn state_of(client: &mut Client, stream: &str) -> Value {
    let state = client.wait_for("state").await;
    assert_eq!(state["data"]["stream"], stream);
    state["data"].clone()
}

#[tokio::test]
async fn the_booths_interview_from_consent_to_summary() {
    let doors = Doors::with_policy(patient(), strict()).await;
    assert!(!doors.gates.camera.is_open(), "nothing is read before consent");
    let mut client = doors.operator().await;
    client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    client.expect("watching").await;
    let state = state_of(&mut client, "booth").await;
    assert_eq!(state["require_consent"], true);
    assert_eq!((&state["analysing"], &state["session"]), (&json!(false), &Value::Null));

    client.send_json(start("7")).await;
    let started = client.wait_for("session_started").await["data"].clone();
    assert_eq!(started["stream"], "booth");
    assert_eq!(started["consent_at"], 1_800_000_000_000_i64);
    assert_eq!(started["subject_ref"], "A-17");
    assert!(doors.gates.camera.is_open() && doors.gates.microphone.is_open());

    client.send_json(json!({ "type": "pause_session" })).await;
    while state_of(&mut client, "booth").await["paused"] != true {}
    assert!(!doors.gates.camera.is_open());
    client.send_json(json!({ "type": "resume_session" })).await;
    while state_of(&mut client, "booth").await["paused"] != false {}
    assert!(doors.gates.camera.is_open());

    doors.clock.advance(Duration::from_secs(90));
    client.send_json(json!({ "type": "end_session" })).await;
    let summary = client.wait_for("session_summary").await["data"].clone();
    assert_eq!(summary["session_id"], started["session_id"]);
    assert_eq!(summary["duration_ms"], 90_000);
    assert_eq!(summary["frames_total"], 0);
    assert!(!doors.gates.camera.is_open(), "and nothing after the end");

    let id = started["session_id"].as_str().unwrap();
    let kept = doors.store.session(id).await.unwrap().expect("is kept");
    assert_eq!(kept.subject_ref.as_deref(), Some("A-17"));
    assert_eq!(kept.notice_version.as_deref(), Some("7"));
    assert_eq!(kept.summary.unwrap()["frames_total"], 0);
}

#[tokio::test]
async fn a_second_start_a_second_end_and_another_notice_are_refused() {
    let doors = Doors::with_policy(patient(), strict()).await;
    let mut client = doors.watcher().await;
    client.send_json(json!({ "type": "end_session" })).await;
    assert_eq!(client.wait_for("error").await["code"], "invalid_request");
    client.send_json(start("6")).await;
    let error = client.wait_for("error").await;
    assert_eq!(error["code"], "invalid_request");
    assert!(error["data"].as_str().unwrap().contains('7'), "names the right version: {error}");
    client.send_json(start("7")).await;
    client.wait_for("session_started").await;
    client.send_json(start("7")).await;
    assert_eq!(client.wait_for("error").await["code"], "invalid_request");
}

#[tokio::test]
async fn media_of_a_client_waits_for_consent() {
    let mut doors = Doors::with_policy(patient(), strict()).await;
    doors.analyse();
    let (_, guest) = doors.token(Role::Guest).await;
    let mut client = doors.let_in("mine", &guest).await;
    client.send(picture(1)).await;
    assert_eq!(client.wait_for("error").await["code"], "consent_required");
    client.send_json(start("7")).await;
    let started = client.wait_for("session_started").await;
    assert_eq!(started["data"]["stream"], "client");
    assert_eq!(started["data"]["session_id"], "mine");
    client.send(picture(2)).await;
    let report = client.wait_for("visual_analysis").await;
    assert_eq!(
        (&report["timestamp"], &report["data"]["session_id"]),
        (&json!(2), &json!("mine"))
    );
    client.send_json(json!({ "type": "end_session" })).await;
    let summary = client.wait_for("session_summary").await;
    assert_eq!(summary["data"]["frames_total"], 1);
    client.send(picture(3)).await;
    assert_eq!(client.wait_for("error").await["code"], "consent_required");
}

#[tokio::test]
async fn a_switch_is_obeyed_where_the_media_is() {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let mut client = doors.operator().await;
    client.send(picture(1)).await;
    let report = client.wait_for("visual_analysis").await;
    assert!(report["data"]["emotion_distribution"].is_object());
    assert_eq!(report["data"]["features"]["face_emotion"], true);

    let off = json!({ "features": { "face_emotion": false, "audio": false } });
    client.send_json(json!({ "type": "configure", "data": off })).await;
    while state_of(&mut client, "s1").await["features"]["face_emotion"] != false {}
    client.send(picture(2)).await;
    let report = client.wait_for("visual_analysis").await;
    assert_eq!(report["data"]["emotion_distribution"], Value::Null);
    assert_eq!(report["data"]["features"]["face_emotion"], false);
    assert!(report["data"]["head_pose"].is_object());
    client.send(Message::binary(vec![3; 100])).await;
    assert_eq!(client.wait_for("error").await["code"], "feature_off");
}

#[tokio::test]
async fn under_the_eu_profile_no_emotion_can_be_switched_on() {
    let ceiling = Features { face_emotion: false, voice_emotion: false, ..Features::ALL };
    let policy = Policy { profile: Profile::Eu, ceiling, ..liberal() };
    let mut doors = Doors::with_policy(patient(), policy).await;
    doors.analyse();
    let mut client = doors.operator().await;
    client.send(picture(1)).await;
    let report = client.wait_for("visual_analysis").await;
    assert_eq!(report["data"]["dominant_emotion"], Value::Null);
    let on = json!({ "features": { "face_emotion": true } });
    client.send_json(json!({ "type": "configure", "data": on })).await;
    let error = client.wait_for("error").await;
    assert_eq!(error["code"], "invalid_request");
    assert!(error["data"].as_str().unwrap().contains("face_emotion"), "{error}");
    let mut data = start("7")["data"].clone();
    data["features"] = json!({ "voice_emotion": true });
    client.send_json(json!({ "type": "start_session", "data": data })).await;
    assert_eq!(client.wait_for("error").await["code"], "invalid_request");
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let mut first = doors.operator().await;
    first.send_json(start("7")).await;
    first.wait_for("session_started").await;
    first.send(picture(1)).await;
    first.wait_for("visual_analysis").await;
    first.0.close(None).await.unwrap();
    while first.0.next().await.is_some() {}
    let mut second = doors.operator().await;
    second.send(picture(2)).await;
    let report = second.wait_for("visual_analysis").await;
    assert_eq!(report["data"]["sequence"], 1, "the same stream");
    second.send_json(json!({ "type": "end_session" })).await;
    let summary = second.wait_for("session_summary").await;
    assert_eq!(summary["data"]["frames_total"], 2);
}

#[tokio::test]
async fn a_second_sender_takes_over_from_a_connection_that_hangs() {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let mut hangs = doors.operator().await;
    hangs.send(picture(1)).await;
    hangs.wait_for("visual_analysis").await;
    let mut second = doors.operator().await;
    second.send(picture(2)).await;
    assert_eq!(second.wait_for("visual_analysis").await["timestamp"], 2);
    assert_eq!(hangs.close_code().await, 4409);
}
