//! Watching the booth: reports, status, and the answers to invalid messages.

use super::*;

#[tokio::test]
async fn a_watcher_gets_the_newest_and_then_each_next_report() {
    let doors = Doors::open(patient()).await;
    doors.publish_frame(1);
    let mut client = doors.watcher().await;
    let report = client.expect("visual_analysis").await;
    assert_eq!(report["timestamp"], 1_700_000_000_001_i64);
    let data = &report["data"];
    assert_eq!((&data["sequence"], &data["dropped_frames"]), (&json!(1), &json!(7)));
    assert_eq!(data["face_detected"], false);
    for unknown in ["emotion_distribution", "gaze_direction", "head_pose", "eye_contact_ratio"]
    {
        assert_eq!(data[unknown], Value::Null, "{unknown}");
        assert!(data.as_object().unwrap().contains_key(unknown), "{unknown}");
    }
    doors.publish_frame(2);
    assert_eq!(client.expect("visual_analysis").await["data"]["sequence"], 2);
}

#[tokio::test]
async fn who_comes_after_a_session_sees_nothing_of_it() {
    let doors = Doors::open(patient()).await;
    let mut early = doors.watcher().await;
    doors.publish_frame(1);
    early.wait_for("visual_analysis").await;
    // As the stream does when a session begins or ends.
    doors.live.send_modify(|live| live.face = None);
    doors.publish_segment(4);
    early.wait_for("audio_analysis").await;
    let mut late = doors.watcher().await;
    late.expect("audio_analysis").await;
    doors.publish_frame(2);
    assert_eq!(late.expect("visual_analysis").await["data"]["sequence"], 2);
}

#[tokio::test]
async fn sound_is_reported_beside_pictures() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.watcher().await;
    doors.publish_segment(4);
    let report = client.expect("audio_analysis").await;
    assert_eq!(report["timestamp"], 1_700_000_000_500_i64);
    let data = &report["data"];
    assert_eq!((&data["sequence"], &data["dropped_segments"]), (&json!(4), &json!(2)));
    assert_eq!(data["audio_detected"], false);
    for unknown in ["pitch_mean", "speech_rate", "clarity_score", "emotion", "volume_dbfs"] {
        assert_eq!(data[unknown], Value::Null, "{unknown}");
        assert!(data.as_object().unwrap().contains_key(unknown), "{unknown}");
    }
    doors.publish_frame(1);
    client.expect("visual_analysis").await;
}

#[tokio::test]
async fn every_watcher_gets_the_same_report() {
    let doors = Doors::open(patient()).await;
    let (mut first, mut second) = (doors.watcher().await, doors.watcher().await);
    doors.publish_frame(5);
    let (a, b) = (first.next().await, second.next().await);
    assert_eq!(a, b);
}

#[tokio::test]
async fn a_demo_source_is_named_in_every_report() {
    let doors = Doors::open(patient()).await;
    let mut result = doors::frame(1);
    result.context.demo_source = true;
    doors.live.send_modify(|live| live.face = Some(result.into()));
    let mut client = doors.watcher().await;
    assert_eq!(client.expect("visual_analysis").await["data"]["demo_source"], true);
}

#[tokio::test]
async fn status_reports_the_current_state() {
    let doors = Doors::open(patient()).await;
    let mut other = doors.client().await;
    let mut client = doors.operator().await;
    client.send_json(json!({ "type": "get_status" })).await;
    let status = client.expect("status").await["data"].clone();
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["session_id"], "s1");
    assert_eq!(status["analysis_active"], false);
    let nothing = json!({ "video": null, "audio": null, "timestamp": null });
    assert_eq!(status["latest_results"], nothing);
    let stats = json!({ "active_connections": 2, "processing_queue_size": 0 });
    assert_eq!(status["server_stats"], stats);

    doors.publish_frame(3);
    client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    client.expect("watching").await;
    client.wait_for("visual_analysis").await;
    client.send_json(json!({ "type": "get_status" })).await;
    let status = client.expect("status").await["data"].clone();
    assert_eq!(status["analysis_active"], true);
    assert_eq!(status["latest_results"]["video"]["sequence"], 3);
    assert_eq!(status["latest_results"]["timestamp"], 1_700_000_000_003_i64);
    other.send_json(json!({ "type": "ping" })).await;
    other.expect("pong").await;
}

#[tokio::test]
async fn every_wrong_message_is_answered_and_the_connection_stays() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.operator().await;
    let wrong = [
        ("{", "invalid_json"),
        ("[1]", "invalid_message"),
        (r#"{"data": 1}"#, "invalid_message"),
        (r#"{"type": "dance"}"#, "unknown_type"),
        (r#"{"type": "watch"}"#, "invalid_message"),
        (r#"{"type": "watch", "data": {"stream": "other"}}"#, "unknown_stream"),
        (r#"{"type": "end_session"}"#, "invalid_request"),
    ];
    for (text, code) in wrong {
        client.send(Message::text(text)).await;
        client.expect_error(code).await;
    }
    client.send(Message::binary(vec![1])).await;
    assert_eq!(client.wait_for("error").await["code"], "invalid_message");
    client.send_json(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}
