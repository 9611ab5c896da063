//! Pictures and sound that clients send, through the real decoders and models.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

/// A face that looks into the camera, 640x480.
pub(super) fn face() -> Vec<u8> {
    let clip = fs::read("demo/face_640x480.mjpeg").unwrap();
    let second = clip.windows(3).skip(1).position(|bytes| bytes == [0xFF, 0xD8, 0xFF]).unwrap();
    clip[..=second].to_vec()
}

fn recording(part: u32) -> Vec<u8> {
    let path = format!("tests/data/webm/chrome156_mediarecorder_3000ms_{part}.bin");
    fs::read(path).unwrap()
}

fn video_frame(jpeg: &[u8], timestamp: Value) -> Value {
    let frame = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
    let data = json!({ "frame": frame, "timestamp": timestamp, "width": 640, "height": 480 });
    json!({ "type": "video_frame", "data": data })
}

fn audio_chunk(bytes: &[u8], timestamp: Value) -> Value {
    let data = json!({
        "audio": STANDARD.encode(bytes), "timestamp": timestamp, "duration": 3000
    });
    json!({ "type": "audio_chunk", "data": data })
}

fn binary(kind: u8, timestamp: u64, payload: &[u8]) -> Message {
    let mut message = vec![kind];
    message.extend(timestamp.to_le_bytes());
    message.extend(payload);
    Message::binary(message)
}

async fn open() -> Doors {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    doors
}

#[tokio::test]
async fn a_picture_is_answered_with_its_own_timestamp() {
    let doors = open().await;
    let mut client = doors.operator().await;
    let timestamp = json!({ "any": ["value", 1.5] });
    client.send_json(video_frame(&face(), timestamp.clone())).await;
    let report = client.wait_for("visual_analysis").await;
    assert_eq!(report["timestamp"], timestamp);
    let data = &report["data"];
    assert_eq!(data["face_detected"], true);
    assert!(data["emotion_distribution"]["neutral"].is_f64(), "{data}");
    assert_eq!(data["demo_source"], false);
    client.send(binary(1, 42, &face())).await;
    let report = client.wait_for("visual_analysis").await;
    assert_eq!(report["timestamp"], 42);
    assert_eq!(report["data"]["sequence"], 1);
}

#[tokio::test]
async fn a_recording_cut_anywhere_is_analysed_as_one() {
    let doors = open().await;
    let mut client = doors.operator().await;
    let mut speaks = 0;
    for part in 0..3 {
        client.send_json(audio_chunk(&recording(part), part.into())).await;
        let report = client.wait_for("audio_analysis").await;
        assert_eq!(report["timestamp"], part);
        speaks += u32::from(report["data"]["audio_detected"] == true);
        assert!(report["data"]["volume_mean"].as_f64().unwrap() > 0.0);
    }
    assert!(speaks > 0, "the recording has speech");
}

#[tokio::test]
async fn sound_comes_as_a_whole_webm_a_wav_or_bare_samples() {
    let doors = open().await;
    let mut client = doors.operator().await;
    let whole = fs::read("tests/data/webm/mediarecorder-3s.webm").unwrap();
    client.send(binary(2, 1, &whole)).await;
    assert_eq!(client.wait_for("audio_analysis").await["timestamp"], 1);
    let wav = fs::read("demo/speech_16k.wav").unwrap();
    // The header's lengths are the whole file's: a cut WAV is a WAV that ends early.
    client.send_json(audio_chunk(&wav, 2.into())).await;
    let report = client.wait_for("audio_analysis").await;
    assert_eq!(report["timestamp"], 2);
    assert_eq!(report["data"]["audio_detected"], true);
    client.send(binary(3, 3, &wav[44..44 + 2 * 16_000 * 3])).await;
    assert_eq!(client.wait_for("audio_analysis").await["timestamp"], 3);
}

/// Recordings of all browsers, one after the other on the same connection.
#[tokio::test]
async fn every_container_is_analysed_whole_and_in_slices() {
    let doors = open().await;
    let mut client = doors.operator().await;
    for (number, name) in
        ["opus.ogg", "opus.mp4", "aac_48k.mp4", "aac_44k_stereo.mp4", "aac_with_video.mp4"]
            .into_iter()
            .enumerate()
    {
        let file = fs::read(format!("tests/data/recorders/ffmpeg_{name}")).unwrap();
        client.send_json(audio_chunk(&file, json!(name))).await;
        let report = client.wait_for("audio_analysis").await;
        assert_eq!(report["timestamp"], name);
        assert_eq!(report["data"]["audio_detected"], true, "{name}");
        assert!(report["data"]["pitch_median"].as_f64().is_some(), "{name}: {report:#}");
        // The last slice completes the second that is worth an answer.
        let slices: Vec<&[u8]> = file.chunks(file.len() / 3 + 1).collect();
        for (part, slice) in slices.iter().enumerate() {
            client.send(binary(2, (number * 10 + part) as u64, slice)).await;
        }
        let report = client.wait_for("audio_analysis").await;
        assert!(report["data"]["volume_mean"].as_f64().unwrap() > 0.0, "{name}");
    }
}

#[tokio::test]
async fn an_empty_recording_is_no_sound_and_no_fault() {
    let doors = open().await;
    let mut client = doors.operator().await;
    let empty = fs::read("tests/data/webm/empty_110B.webm").unwrap();
    client.send_json(audio_chunk(&empty, json!("nothing"))).await;
    let report = client.wait_for("audio_analysis").await;
    assert_eq!(report["timestamp"], "nothing");
    assert_eq!(report["data"]["audio_detected"], false);
    assert_eq!(report["data"]["volume_mean"], Value::Null);
}

#[tokio::test]
async fn garbage_is_refused_with_its_timestamp_and_hurts_no_other_client() {
    let doors = open().await;
    let (mut good, mut bad) = (doors.operator().await, doors.let_in("s2", TOKEN).await);
    let cut = &face()[..2000];
    bad.send_json(video_frame(cut, 1.into())).await;
    let error = bad.wait_for("error").await;
    assert_eq!((&error["code"], &error["timestamp"]), (&json!("invalid_media"), &json!(1)));
    bad.send_json(json!({ "type": "video_frame", "data": { "frame": "data:text/html,x" } }))
        .await;
    assert_eq!(bad.wait_for("error").await["code"], "invalid_media");
    bad.send_json(json!({ "type": "audio_chunk", "data": { "audio": "not base64!" } })).await;
    assert_eq!(bad.wait_for("error").await["code"], "invalid_media");
    // The second slice of a recording whose first one never came.
    bad.send_json(audio_chunk(&recording(1), 7.into())).await;
    let error = bad.wait_for("error").await;
    assert_eq!((&error["code"], &error["timestamp"]), (&json!("invalid_media"), &json!(7)));
    good.send_json(video_frame(&face(), 5.into())).await;
    assert_eq!(good.wait_for("visual_analysis").await["data"]["face_detected"], true);
    bad.send_json(video_frame(&face(), 6.into())).await;
    assert_eq!(bad.wait_for("visual_analysis").await["timestamp"], 6);
    let (code, health) = doors.json("/health").await;
    assert_eq!((code, &health["vision"]["errors_total"]), (200, &json!(0)));
}

#[tokio::test]
async fn too_large_a_picture_is_refused_before_it_is_decoded() {
    let doors = open().await;
    let mut client = doors.operator().await;
    // A start of frame that promises 5000 x 5000 px, and nothing else.
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8];
    jpeg.extend([0x13, 0x88, 0x13, 0x88, 1, 1, 0x11, 0]);
    jpeg.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0xFF, 0xD9]);
    client.send(binary(1, 1, &jpeg)).await;
    let error = client.wait_for("error").await;
    assert_eq!(error["code"], "invalid_media");
    assert!(error["data"].as_str().unwrap().contains("4096"), "{error}");
}

#[tokio::test]
async fn each_kind_of_media_has_its_limit() {
    let doors = open().await;
    let mut client = doors.operator().await;
    client.send(binary(1, 1, &vec![0; 5_000_001])).await;
    assert_eq!(client.close_code().await, 1009);
    let mut client = doors.operator().await;
    client.send(binary(2, 1, &vec![0; 6_000_000])).await;
    assert_eq!(client.wait_for("error").await["code"], "invalid_media", "within its limit");
    client.send(binary(2, 1, &vec![0; 10_000_001])).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn no_client_receives_of_anothers_stream() {
    let doors = open().await;
    let mut clients = Vec::new();
    for k in 0..4 {
        clients.push(doors.let_in(&format!("s{k}"), TOKEN).await);
    }
    for round in 0..3 {
        for (k, client) in clients.iter_mut().enumerate() {
            client.send_json(video_frame(&face(), json!([k, round]))).await;
        }
        for (k, client) in clients.iter_mut().enumerate() {
            let report = client.wait_for("visual_analysis").await;
            assert_eq!(report["timestamp"], json!([k, round]));
        }
    }
}

#[tokio::test]
async fn an_interviewer_watches_a_clients_session() {
    let doors = open().await;
    let (_, viewer) = doors.token(Role::Viewer).await;
    let mut client = doors.operator().await;
    client.send_json(video_frame(&face(), 1.into())).await;
    client.wait_for("visual_analysis").await;
    client.send_json(audio_chunk(&recording(0), 2.into())).await;
    client.wait_for("audio_analysis").await;
    // What could not be used was the sender's concern when it was sent.
    client.send_json(video_frame(&face()[..2000], 3.into())).await;
    client.wait_for("error").await;
    let mut watcher = doors.let_in("desk", &viewer).await;
    watcher.send_json(json!({ "type": "watch", "data": { "stream": "s1" } })).await;
    watcher.expect("watching").await;
    watcher.expect("state").await;
    assert_eq!(watcher.expect("visual_analysis").await["timestamp"], 1, "the newest at once");
    assert_eq!(watcher.expect("audio_analysis").await["timestamp"], 2);
    client.send_json(video_frame(&face(), 4.into())).await;
    assert_eq!(watcher.expect("visual_analysis").await["timestamp"], 4);
}

#[tokio::test]
async fn who_watches_a_client_sees_nothing_of_the_session_before() {
    let doors = open().await;
    let (_, viewer) = doors.token(Role::Viewer).await;
    let mut client = doors.operator().await;
    client.send_json(video_frame(&face(), 1.into())).await;
    client.wait_for("visual_analysis").await;
    let start = json!({ "notice_version": "7", "consent_at": 1_800_000_000_000_i64 });
    client.send_json(json!({ "type": "start_session", "data": start })).await;
    client.wait_for("session_started").await;
    let mut watcher = doors.let_in("desk", &viewer).await;
    watcher.send_json(json!({ "type": "watch", "data": { "stream": "s1" } })).await;
    watcher.expect("watching").await;
    watcher.expect("state").await;
    client.send_json(video_frame(&face(), 2.into())).await;
    assert_eq!(watcher.expect("visual_analysis").await["timestamp"], 2);
}

#[tokio::test]
async fn a_pictures_limit_is_its_own_bytes_in_json_as_in_binary() {
    let doors = open().await;
    let mut client = doors.operator().await;
    // As many bytes as a picture may have are over 5 MB of base64.
    let mut picture = face();
    picture.resize(5_000_000, 0);
    client.send_json(video_frame(&picture, 1.into())).await;
    assert_eq!(client.wait_for("visual_analysis").await["timestamp"], 1);
    client.send(binary(1, 2, &picture)).await;
    assert_eq!(client.wait_for("visual_analysis").await["timestamp"], 2);
    picture.push(0);
    client.send_json(video_frame(&picture, 3.into())).await;
    assert_eq!(client.close_code().await, 1009);
}

/// No worker runs here, so that accepted media waits.
#[tokio::test]
async fn all_clients_together_may_not_fill_the_memory() {
    let doors = Doors::open(patient()).await;
    let sound = vec![0; 10_000_000];
    let (mut first, mut second) = (doors.operator().await, doors.let_in("s2", TOKEN).await);
    for (client, stamps) in [(&mut first, 0..4_u64), (&mut second, 4..6)] {
        for stamp in stamps {
            client.send(binary(2, stamp, &sound)).await;
        }
        client.send_json(json!({ "type": "ping" })).await;
        client.wait_for("pong").await;
    }
    let (_, health) = doors.json("/health").await;
    assert_eq!(doors.engine.usage().waiting, 6, "{health:#}");
    second.send(binary(2, 6, &sound)).await;
    let error = second.wait_for("error").await;
    assert_eq!((&error["code"], &error["timestamp"]), (&json!("exhausted"), &json!(6)));
    second.send_json(video_frame(&face(), 7.into())).await;
    second.send_json(json!({ "type": "ping" })).await;
    second.wait_for("pong").await;
    let usage = doors.engine.usage();
    assert_eq!((usage.waiting, usage.refused_total), (7, 1), "what is small has room");
    // A full queue drops its own oldest, and a client that leaves releases all of its places.
    first.send(binary(2, 8, &sound)).await;
    first.send_json(json!({ "type": "ping" })).await;
    first.wait_for("pong").await;
    assert_eq!(doors.engine.usage().dropped_total, 1);
    let metrics = doors.get("/metrics").await.body;
    assert!(metrics.contains("boothd_media_refused_total 1.0\n"), "{metrics}");
}
