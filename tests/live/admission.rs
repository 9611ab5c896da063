//! Admission: tokens, sessions, origins.

use super::*;

#[tokio::test]
async fn a_client_is_greeted_at_once_and_let_in_with_the_token() {
    let doors = Doors::open(patient()).await;
    let (socket, _) = connect_async(doors.url()).await.unwrap();
    let mut client = Client(socket);
    let hello = client.expect("connected").await;
    assert!(hello["data"]["connection_id"].is_string());
    assert!(hello["data"]["timestamp"].is_i64());
    let (mut again, _) = connect_async(doors.url()).await.unwrap();
    let again: Value =
        serde_json::from_str(again.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_ne!(again["data"]["connection_id"], hello["data"]["connection_id"]);
    assert_eq!(again["data"]["boot_id"], hello["data"]["boot_id"], "the same boothd");
    let other = Doors::open(patient()).await;
    let (mut other, _) = connect_async(other.url()).await.unwrap();
    let other: Value =
        serde_json::from_str(other.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert!(other["data"]["boot_id"].is_string());
    assert_ne!(other["data"]["boot_id"], hello["data"]["boot_id"]);
    client.send_json(auth("s1", TOKEN)).await;
    let success = client.expect("auth_success").await;
    assert_eq!(success["data"]["session_id"], "s1");
    assert_eq!(success["data"]["user_id"], "operator");
    assert!(success["data"]["authenticated_at"].is_i64());
}

#[tokio::test]
async fn before_auth_only_auth_and_ping_are_served() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.client().await;
    client.send_json(json!({ "type": "ping", "timestamp": [1, "x"] })).await;
    let pong = client.expect("pong").await;
    assert_eq!(pong["timestamp"], json!([1, "x"]));
    for kind in ["get_status", "watch", "video_frame", "end_session"] {
        client.send_json(json!({ "type": kind, "data": { "stream": "booth" } })).await;
        client.expect_error("unauthorized").await;
    }
    client.send(Message::binary(vec![1, 2, 3])).await;
    client.expect_error("unauthorized").await;
}

#[tokio::test]
async fn three_failures_close_the_door() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.client().await;
    client.send_json(json!({ "type": "auth", "data": { "session_id": "s" } })).await;
    let error = client.expect("auth_error").await;
    assert_eq!(error["data"], "缺少session_id或access_token");
    assert_eq!(error["code"], "missing_credentials");
    for _ in 0..2 {
        client.send_json(auth("s", "wrong")).await;
        let error = client.expect("auth_error").await;
        assert_eq!(error["data"], "token验证失败");
        assert_eq!(error["code"], "invalid_token");
    }
    assert_eq!(client.close_code().await, 4401);
}

#[tokio::test]
async fn an_unauthenticated_client_may_not_stay() {
    let config = HttpConfig { auth_timeout: Duration::from_millis(50), ..patient() };
    let doors = Doors::open(config).await;
    assert_eq!(doors.client().await.close_code().await, 4401);
}

#[tokio::test]
async fn who_was_let_in_may_stay() {
    let config = HttpConfig { auth_timeout: Duration::from_millis(500), ..patient() };
    let doors = Doors::open(config.clone()).await;
    let mut client = doors.operator().await;
    // A later unauthenticated client is closed; by then the operator's time would be over, too.
    assert_eq!(doors.client().await.close_code().await, 4401);
    client.send_json(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn the_token_may_come_with_the_request() {
    let doors = Doors::open(patient()).await;
    let bearer = format!("Bearer {TOKEN}");
    let (mut client, _) = connect_with(&doors, "authorization", &bearer).await.unwrap();
    let id = client.expect("connected").await["data"]["connection_id"].clone();
    assert_eq!(client.expect("auth_success").await["data"]["session_id"], id);

    let protocols = format!("bearer, {TOKEN}");
    let (mut client, headers) =
        connect_with(&doors, "sec-websocket-protocol", &protocols).await.unwrap();
    assert_eq!(headers["sec-websocket-protocol"], "bearer");
    client.expect("connected").await;
    client.expect("auth_success").await;

    let query = format!("{}?token={TOKEN}", doors.url()).into_client_request().unwrap();
    let (mut client, _) = connect(query).await.unwrap();
    client.expect("connected").await;
    client.expect("auth_success").await;

    assert_eq!(connect_with(&doors, "authorization", "Bearer wrong").await.err(), Some(401));
}

#[tokio::test]
async fn only_the_own_page_may_connect() {
    let doors = Doors::open(patient()).await;
    let own = format!("http://{}", doors.address);
    assert!(connect_with(&doors, "origin", &own).await.is_ok());
    for origin in ["http://elsewhere.example", "null"] {
        assert_eq!(connect_with(&doors, "origin", origin).await.err(), Some(403));
    }
}
