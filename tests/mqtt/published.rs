//! The messages that a booth publishes.

use std::{sync::Arc, time::Duration};

use boothd::{
    engine::Live,
    features::Features,
    mqtt::{CommandName, HomeAssistant},
    report::{FaceResult, ResultContext, VoiceResult},
    session::{FaceMetrics, VoiceMetrics},
    speech::VoiceObservation,
    vision::{FaceObservation, VisionTiming},
};
use rumqttc::v5::mqttbytes::QoS;
use serde_json::json;

use super::{
    BASE,
    booth::{Scene, config},
    broker::Broker,
    fleet_client::FleetClient,
};

#[tokio::test(flavor = "multi_thread")]
async fn status_info_health_and_features_are_kept_by_the_broker() {
    let broker = Broker::open();
    let scene = Scene::start(config(broker.port)).await;
    let mut first = FleetClient::join(broker.port).await;
    first.wait_topic("/health").await;
    // A later subscriber receives the same.
    drop(first);
    let mut fleet = FleetClient::join(broker.port).await;
    let mut kept = std::collections::BTreeMap::new();
    while kept.len() < 4 + 7 {
        let received = fleet.wait("what is kept", |received| received.is_retained).await;
        kept.insert(
            received.topic.strip_prefix(&format!("{BASE}/")).unwrap().to_owned(),
            received,
        );
    }
    let status = kept["status"].json();
    assert_eq!((&status["status"], &status["reason"]), (&json!("online"), &json!(null)));
    assert_eq!(status["boot_id"], scene.store.boot_id());
    assert_eq!(kept["status"].qos, QoS::AtLeastOnce);
    let info = kept["info"].json();
    assert_eq!((&info["version"], &info["board"]), (&json!("1.2.3"), &json!("test board")));
    assert_eq!(info["addresses"], json!(["127.0.0.1:8000"]));
    assert_eq!(info["models"]["left_eye"], "ab".repeat(32));
    assert_eq!(kept["health"].json()["status"], "healthy");
    assert_eq!(kept["feature/gaze/state"].text, "ON");
    assert_eq!(kept["feature/preview/state"].text, "OFF");
    let change = serde_json::from_value(json!({ "gaze": false })).unwrap();
    scene.booth.configure(&change, "op").await.unwrap();
    let off = |received: &super::fleet_client::Received| {
        received.topic.ends_with("feature/gaze/state") && received.text == "OFF"
    };
    fleet.wait("the switch", off).await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boards_trouble_is_published_at_once_with_its_temperature() {
    let broker = Broker::open();
    let mut scene = Scene::start(config(broker.port)).await;
    let mut fleet = FleetClient::join(broker.port).await;
    fleet.wait_topic("/health").await;
    let set_board = |scene: &Scene, celsius: f64, trouble: Option<&str>| {
        let board = json!({ "temperature_c": celsius, "trouble": trouble });
        let digest = trouble.unwrap_or("none");
        let health = json!({ "status": "healthy", "digest": digest, "board": board });
        scene.health.send_replace(health);
    };
    for celsius in [60.1, 60.0, 61.0] {
        set_board(&scene, celsius, None);
        let before = *scene.looks.borrow();
        scene.looks.wait_for(|looks| *looks > before).await.unwrap();
    }
    set_board(&scene, 85.0, Some("too_hot"));
    let health = fleet.wait_topic("/health").await.json();
    assert_eq!(health["board"]["trouble"], "too_hot", "the degrees before were not published");
    assert_eq!(health["board"]["temperature_c"], 85.0);
    set_board(&scene, 70.0, None);
    let health = fleet.wait_topic("/health").await.json();
    assert_eq!(health["board"], json!({ "temperature_c": 70.0, "trouble": null }));
    scene.leave().await;
}

/// Results of an empty, silent room, with that sequence number.
fn live(sequence: u64) -> Live {
    let (features, session_id) = (Features::ALL, Some("s".parse().unwrap()));
    let (captured_at, latency) = (Duration::from_secs(sequence), Duration::from_millis(9));
    let face = FaceObservation {
        sequence,
        captured_at,
        unix_ms: 1_700_000_000_000,
        width_px: 640,
        height_px: 480,
        brightness: 0.5,
        face_count: 0,
        face: None,
        turned_deg: None,
        detector_ran: true,
        timing: VisionTiming::default(),
    };
    let voice = VoiceObservation {
        sequence,
        captured_at,
        unix_ms: 1_700_000_000_500,
        duration: Duration::from_secs(3),
        new_duration: Duration::from_secs(1),
        ..VoiceObservation::default()
    };
    let context =
        ResultContext { latency, dropped_total: 0, features, session_id, demo_source: false };
    let face = FaceResult::new(face, FaceMetrics::default(), context.clone());
    let voice = VoiceResult::new(voice, VoiceMetrics::default(), context);
    Live { face: Some(Arc::new(face)), voice: Some(Arc::new(voice)), ..Live::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_numbers_come_once_a_second_and_expire() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    fleet.wait_topic("/health").await;
    scene.live.send_replace(live(1));
    let video = fleet.wait_topic("/metrics/video").await;
    assert_eq!((video.qos, video.is_retained), (QoS::AtMostOnce, false));
    assert!(video.properties.message_expiry_interval.is_some_and(|expiry| expiry <= 10));
    assert_eq!(
        (&video.json()["sequence"], &video.json()["session_id"]),
        (&json!(1), &json!("s"))
    );
    let audio = fleet.wait_topic("/metrics/audio").await.json();
    assert_eq!(audio["pitch_mean"], json!(null));
    // Of several results within a second only the newest is published.
    let began = std::time::Instant::now();
    for sequence in 2..=9 {
        scene.live.send_replace(live(sequence));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = fleet.wait_topic("/metrics/video").await.json();
    assert_eq!(next["sequence"], 9);
    assert!(began.elapsed() > Duration::from_millis(800), "{:?}", began.elapsed());
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_picture_and_a_sound_only_their_report_is_published() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    let on = serde_json::from_value(json!({ "preview": true })).unwrap();
    scene.booth.configure(&on, "op").await.ok();
    fleet.wait_topic("/health").await;
    let live = live(1);
    scene.live.send_replace(live.clone());
    // Every published message, and the whole text of each report.
    let mut reports = std::collections::BTreeMap::new();
    while reports.len() < 2 {
        let received = fleet.wait("a message", |_| true).await;
        let topic =
            received.topic.strip_prefix(&format!("{BASE}/")).expect("a topic of its own");
        let state = topic.starts_with("feature/") && topic.ends_with("/state");
        if ["metrics/video", "metrics/audio"].contains(&topic) {
            reports.insert(topic.to_owned(), received.json());
        } else {
            assert!(state || ["status", "info", "health"].contains(&topic), "{received:?}");
            assert!(received.text.len() < 2000, "{received:?}");
        }
    }
    assert_eq!(reports["metrics/video"], json!(live.visual_report().unwrap()));
    assert_eq!(reports["metrics/audio"], json!(live.audio_report().unwrap()));
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_is_published_and_again_when_home_assistant_starts() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let mut config = config(broker.port);
    config.home_assistant = HomeAssistant::Device;
    config.commands = [CommandName::Features].into();
    let scene = Scene::start(config.clone()).await;
    let topic = "homeassistant/device/site_one/config";
    let device = fleet.wait_topic(topic).await.json();
    assert_eq!(device["availability"][0]["topic"], format!("{BASE}/status"));
    let switch = &device["components"]["feature_gaze"];
    assert_eq!(switch["command_topic"], format!("{BASE}/feature/gaze/set"));
    fleet.wait_topic("/health").await;
    fleet.publish("homeassistant/status", "online").await;
    let again = fleet.wait_topic(topic).await;
    assert_eq!(again.json(), device);
    scene.leave().await;

    config.home_assistant = HomeAssistant::Entities;
    let scene = Scene::start(config).await;
    let entity = fleet.wait_topic("homeassistant/sensor/site_one/pitch_mean/config").await;
    assert_eq!(entity.json()["state_topic"], format!("{BASE}/metrics/audio"));
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_will_of_an_old_connection_heals() {
    let broker = Broker::open();
    let mut fleet = FleetClient::join(broker.port).await;
    let mut config = config(broker.port);
    config.republish_every = Duration::from_millis(300);
    let scene = Scene::start(config).await;
    fleet.wait_topic("/health").await;
    let late = json!({ "status": "offline", "since": null, "boot_id": "old" }).to_string();
    let status = format!("{BASE}/status");
    fleet.client.publish(status, QoS::AtLeastOnce, true, late).await.unwrap();
    let reports = |word: &'static str| {
        move |received: &super::fleet_client::Received| {
            received.topic.ends_with("/status") && received.json()["status"] == word
        }
    };
    fleet.wait("the will", reports("offline")).await;
    fleet.wait("the booth", reports("online")).await;
    scene.leave().await;
}
