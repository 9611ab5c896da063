//! The AsyncAPI description, compared with the messages that are really sent.

use super::{media::face, *};

/// Every message that a whole conversation brings, by type.
async fn conversation(doors: &Doors) -> Vec<Value> {
    let mut client = doors.client().await;
    let mut sent = Vec::new();
    client.send_json(auth("s", "wrong")).await;
    sent.push(client.expect("auth_error").await);
    client.send_json(auth("s", TOKEN)).await;
    sent.push(client.expect("auth_success").await);
    for kind in ["ping", "get_status", "get_performance_stats", "dance"] {
        client.send_json(json!({ "type": kind, "timestamp": 5 })).await;
        sent.push(client.next_json().await);
    }
    let mut picture = vec![1, 0, 0, 0, 0, 0, 0, 0, 0];
    picture.extend(face());
    client.send(Message::binary(picture)).await;
    sent.push(client.wait_for("visual_analysis").await);
    let recording = fs::read("tests/data/webm/mediarecorder-3s.webm").unwrap();
    let mut sound = vec![2, 0, 0, 0, 0, 0, 0, 0, 0];
    sound.extend(recording);
    client.send(Message::binary(sound)).await;
    sent.push(client.wait_for("audio_analysis").await);
    doors.camera.lost("unplugged");
    client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    sent.push(client.wait_for("watching").await);
    let mut rest = vec!["state", "device"];
    while !rest.is_empty() {
        let message = client.next_json().await;
        rest.retain(|kind| message["type"] != *kind);
        sent.push(message);
    }
    let consent = json!({ "notice_version": "7", "consent_at": 1 });
    client.send_json(json!({ "type": "start_session", "data": consent })).await;
    sent.push(client.wait_for("session_started").await);
    client.send_json(json!({ "type": "end_session" })).await;
    sent.push(client.wait_for("session_summary").await);
    sent
}

#[tokio::test]
async fn what_is_sent_is_as_described() {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let (code, document) = doors.json("/api/v1/asyncapi.json").await;
    assert_eq!((code, &document["asyncapi"]), (200, &json!("3.0.0")));
    let messages = &document["channels"]["analysis"]["messages"];
    let sent = conversation(&doors).await;
    for message in &sent {
        let kind = message["type"].as_str().unwrap();
        let payload = &messages[kind]["payload"];
        assert!(payload.is_object(), "{kind} is not described");
        let wrong = schema::mismatch(&document, payload, message);
        assert_eq!(wrong, None, "{kind}: {message:#}");
    }
    let described = messages.as_object().unwrap().keys();
    let from_clients = &document["operations"]["hear"]["messages"];
    for kind in
        described.filter(|kind| !from_clients.to_string().contains(&format!("/{kind}\"")))
    {
        let was_sent = sent.iter().any(|message| message["type"] == **kind);
        assert!(was_sent || kind == "connected", "{kind} was never sent in the conversation");
    }
}

#[tokio::test]
async fn the_reference_names_every_field() {
    let reference = fs::read_to_string("docs/ref/api.md").unwrap();
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let mut sent = conversation(&doors).await;
    sent.push(doors.json("/health").await.1);
    for value in &sent {
        for name in names(value) {
            assert!(reference.contains(&format!("`{name}`")), "docs/ref/api.md lacks {name}");
        }
    }
}

/// Every field name; the names of models, components, steps and metrics are not fields.
fn names(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let of = |(name, value): (&String, &Value)| match name.as_str() {
        "models" | "stages" | "timings" | "metrics" | "emotion_distribution" => {
            let inner = value.as_object().into_iter().flat_map(|map| map.values());
            inner.flat_map(names).chain([name.clone()]).collect::<Vec<_>>()
        }
        _ => names(value).into_iter().chain([name.clone()]).collect(),
    };
    object.iter().flat_map(of).collect()
}
