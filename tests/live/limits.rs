//! Limits: size, rate, time, number; and those who misbehave.

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

