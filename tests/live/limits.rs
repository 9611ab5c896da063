//! Limits: size, rate, time, number; and those who misbehave.

use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::client_async;

use super::*;

#[tokio::test]
async fn who_does_not_read_is_let_go_and_slows_nobody() {
    let config = WebConfig {
        send_timeout: Duration::from_millis(50),
        rate_limit_per_s: 1e9,
        ..patient()
    };
    let doors = Doors::open(config).await;
    let (mut good, _deaf) = (doors.watcher().await, doors.cramped_watcher().await);
    let until_alone = async {
        for sequence in 1.. {
            doors.publish_frame(sequence);
            let report = good.expect("visual_analysis").await;
            assert_eq!(report["data"]["sequence"], sequence, "the reader misses nothing");
            good.say(json!({ "type": "get_status" })).await;
            let status = good.expect("status").await;
            if status["data"]["server_stats"]["active_connections"] == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, until_alone).await.expect("the deaf one is let go");
}

#[tokio::test]
async fn a_message_over_the_limit_closes_1009() {
    let doors = Doors::open(WebConfig { max_message_bytes: 1024, ..patient() }).await;
    let mut client = doors.operator().await;
    client.send(Message::text("x".repeat(1025))).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn an_echoed_timestamp_over_256_bytes_is_refused_and_the_connection_goes_on() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.operator().await;
    // 9 MB of text would be 140 MB of values.
    let big = format!("[{}1]", "1,".repeat(4_500_000));
    for kind in ["video_frame", "audio_chunk", "ping"] {
        let message = format!(r#"{{"type":"{kind}","data":{{}},"timestamp":{big}}}"#);
        client.send(Message::text(message)).await;
        client.expect_error("timestamp_too_long").await;
    }
    client.say(json!({ "type": "ping", "timestamp": { "id": [1, "a"] } })).await;
    assert_eq!(client.expect("pong").await["timestamp"], json!({ "id": [1, "a"] }));
}

#[tokio::test]
async fn one_clients_garbage_does_not_reach_anothers_stream() {
    let doors = Doors::open(WebConfig { max_message_bytes: 1024, ..patient() }).await;
    let mut good = doors.watcher().await;
    let mut bad = doors.operator().await;
    bad.send(Message::text("x".repeat(5000))).await;
    assert_eq!(bad.close_code().await, 1009);
    doors.publish_frame(9);
    assert_eq!(good.expect("visual_analysis").await["data"]["sequence"], 9);
}

#[tokio::test]
async fn too_many_messages_are_refused_until_time_has_passed() {
    let doors = Doors::open(WebConfig { rate_limit_per_s: 2.0, ..patient() }).await;
    let mut client = doors.client().await;
    for _ in 0..4 {
        client.say(json!({ "type": "ping" })).await;
        client.expect("pong").await;
    }
    client.say(json!({ "type": "ping" })).await;
    client.expect_error("rate_limited").await;
    doors.clock.advance(Duration::from_secs(1));
    client.say(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn a_full_house_answers_503_and_when_to_come_again() {
    let doors = Doors::open(WebConfig { max_connections: 1, ..patient() }).await;
    let mut first = doors.client().await;
    match connect_async(doors.url()).await {
        Err(tungstenite::Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(doors.get("/health").await.0, 200, "health has room");
    first.0.close(None).await.unwrap();
    while first.0.next().await.is_some() {}
    let back = async {
        while connect_async(doors.url()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("room again");
}

#[tokio::test]
async fn a_silent_client_is_closed_1001() {
    let config = WebConfig { idle_timeout: Duration::from_millis(50), ..patient() };
    let doors = Doors::open(config).await;
    assert_eq!(doors.client().await.close_code().await, 1001);
}

/// Hands bytes on both ways until it is told to freeze; then it holds both ends and does nothing,
/// as a network does from which a laptop was carried away.
async fn freezing_proxy(to: String) -> (String, tokio::sync::oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (freeze, mut frozen) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            ended = tokio::io::copy_bidirectional(&mut near, &mut far) => panic!("{ended:?}"),
            told = &mut frozen => told.unwrap(),
        }
        std::future::pending::<()>().await;
    });
    (address, freeze)
}

#[tokio::test]
async fn a_half_open_client_is_let_go_by_the_heartbeat_and_its_place_is_free() {
    let config = WebConfig {
        max_connections: 2,
        heartbeat: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(500),
        ..patient()
    };
    let doors = Doors::open(config).await;
    let (address, freeze) = freezing_proxy(doors.address.clone()).await;
    // Says nothing for longer than the idle timeout, but answers each ping.
    let mut quiet = doors.operator().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let quiet = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = &mut stopped => return quiet,
                next = quiet.next() => assert!(matches!(next, Message::Ping(_)), "{next:?}"),
            }
        }
    });
    let url = format!("{}?token={TOKEN}", doors.url());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut half, _) = client_async(url, stream).await.unwrap();
    for kind in ["connected", "auth_success"] {
        let said = half.next().await.unwrap().unwrap();
        assert!(said.to_text().unwrap().contains(kind), "{said}");
    }
    let refused = doors.url().into_client_request().unwrap();
    assert_eq!(connect(refused).await.err(), Some(503), "both places are taken");
    freeze.send(()).unwrap();
    let free = async {
        while connect_async(doors.url()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("its place is free");
    stop.send(()).unwrap();
    let mut quiet = quiet.await.expect("who answers stays");
    quiet.say(json!({ "type": "ping" })).await;
    while !matches!(quiet.next().await, Message::Text(text) if text.contains("pong")) {}
}

#[tokio::test]
async fn a_heartbeat_comes_by_itself() {
    let config = WebConfig { heartbeat: Duration::from_millis(20), ..patient() };
    let doors = Doors::open(config).await;
    let mut client = doors.client().await;
    assert!(matches!(client.next().await, Message::Ping(_)));
    assert!(matches!(client.next().await, Message::Ping(_)));
}

#[tokio::test]
async fn stop_says_goodbye_and_the_server_leaves() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.watcher().await;
    doors.stop.request();
    assert_eq!(client.close_code().await, 1001);
    let left = tokio::time::timeout(PATIENCE, doors.server).await.expect("in time");
    left.unwrap().unwrap();
}
