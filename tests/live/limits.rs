//! Limits of size, rate, time and number, and clients that misbehave.

use futures_util::SinkExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::client_async;

use super::*;

#[tokio::test]
async fn who_does_not_read_is_let_go_and_slows_no_other() {
    let config = HttpConfig {
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
            good.send_json(json!({ "type": "get_status" })).await;
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
    let doors = Doors::open(HttpConfig { max_message_bytes: 1024, ..patient() }).await;
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
    client.send_json(json!({ "type": "ping", "timestamp": { "id": [1, "a"] } })).await;
    assert_eq!(client.expect("pong").await["timestamp"], json!({ "id": [1, "a"] }));
}

#[tokio::test]
async fn one_clients_garbage_does_not_reach_anothers_stream() {
    let doors = Doors::open(HttpConfig { max_message_bytes: 1024, ..patient() }).await;
    let mut good = doors.watcher().await;
    let mut bad = doors.operator().await;
    bad.send(Message::text("x".repeat(5000))).await;
    assert_eq!(bad.close_code().await, 1009);
    doors.publish_frame(9);
    assert_eq!(good.expect("visual_analysis").await["data"]["sequence"], 9);
}

#[tokio::test]
async fn too_many_messages_are_refused_until_time_has_passed() {
    let doors = Doors::open(HttpConfig { rate_limit_per_s: 2.0, ..patient() }).await;
    let mut client = doors.client().await;
    for _ in 0..4 {
        client.send_json(json!({ "type": "ping" })).await;
        client.expect("pong").await;
    }
    client.send_json(json!({ "type": "ping" })).await;
    client.expect_error("rate_limited").await;
    doors.clock.advance(Duration::from_secs(1));
    client.send_json(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

/// A handshake with a token that needs a seat.
async fn with_token(doors: &Doors, token: &str) -> Result<Client, u16> {
    let url = format!("{}?token={token}", doors.url());
    connect(url.into_client_request().unwrap()).await.map(|(client, _)| client)
}

#[tokio::test]
async fn a_full_house_answers_503_full_and_an_operator_comes_in_all_the_same() {
    let doors = Doors::open(HttpConfig { max_connections: 1, ..patient() }).await;
    let (_, guest) = doors.token(Role::Guest).await;
    let mut first = with_token(&doors, &guest).await.unwrap();
    let url = format!("{}?token={guest}", doors.url());
    match connect_async(url).await {
        Err(tungstenite::Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
            let body = response.body().as_deref().unwrap_or_default();
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(body["code"], "full", "which is not unhealthy");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(doors.get("/health").await.status, 200, "health has room");
    // A client whose token comes with the first message gets the refusal there.
    let mut second = doors.client().await;
    second.send_json(auth("s2", &guest)).await;
    assert_eq!(second.expect("auth_error").await["code"], "full");
    assert_eq!(second.close_code().await, 1013);
    doors.operator().await;
    first.0.close(None).await.unwrap();
    while first.0.next().await.is_some() {}
    let back = async {
        while with_token(&doors, &guest).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("room again");
}

#[tokio::test]
async fn silent_unauthenticated_clients_lock_no_other_out() {
    let config = HttpConfig { unauthenticated_connections: 8, ..patient() };
    let doors = Doors::open(config).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(doors.client().await);
    }
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(&doors.address).await.unwrap());
    }
    assert_eq!(doors.get("/health/live").await.status, 200);
    doors.operator().await;
    assert_eq!(sockets[0].close_code().await, 1013, "the oldest went");
    let mut end = [0];
    let closed = idle[0].read(&mut end);
    let closed = tokio::time::timeout(PATIENCE, closed).await.expect("the oldest went");
    assert!(!closed.is_ok_and(|read| read > 0));
    assert!(rejected(&doors, "displaced").await);
}

/// The header of a masked frame, and the upgrade before it, as bytes.
async fn raw_client(doors: &Doors) -> TcpStream {
    let mut stream = TcpStream::connect(&doors.address).await.unwrap();
    let head = format!(
        "GET /ws/multimodal-analysis HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        doors.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 101");
    stream
}

/// Everything that the server sends until it closes.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received);
    tokio::time::timeout(PATIENCE, end).await.expect("closed").ok();
    received
}

#[tokio::test]
async fn an_unauthenticated_client_is_closed_1009_by_what_it_declares_not_by_what_it_has_sent()
{
    let doors = Doors::open(patient()).await;
    // A text frame of 10 MB of which nothing came yet; and a fragment that is never finished.
    for first in [0x81, 0x01] {
        let mut stream = raw_client(&doors).await;
        let mut header = vec![first, 0x80 | 127];
        header.extend(10_000_000_u64.to_be_bytes());
        header.extend([0; 4]);
        stream.write_all(&header).await.unwrap();
        let received = until_closed(&mut stream).await;
        assert!(received.windows(2).any(|two| two == 1009_u16.to_be_bytes()), "{received:?}");
    }
    // Many small fragments come to the same.
    let mut stream = raw_client(&doors).await;
    let mut fragment = vec![0x01, 0x80 | 126];
    fragment.extend(4000_u16.to_be_bytes());
    fragment.extend([0; 4]);
    fragment.extend([b' '; 4000]);
    for number in 0..5 {
        fragment[0] = u8::from(number == 0);
        if stream.write_all(&fragment).await.is_err() {
            break;
        }
    }
    let received = until_closed(&mut stream).await;
    assert!(received.windows(2).any(|two| two == 1009_u16.to_be_bytes()), "{received:?}");
}

#[tokio::test]
async fn a_whole_long_message_before_auth_is_answered_1009() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.client().await;
    client.send(Message::text("x".repeat(1_000_000))).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn long_messages_arrive_whole_one_after_the_other_and_in_fragments() {
    let doors = Doors::open(patient()).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(doors.operator().await);
    }
    let padding = " ".repeat(3_000_000);
    for (number, client) in clients.iter_mut().enumerate() {
        client
            .send(Message::text(format!(r#"{{"type":"ping","timestamp":{number}}}{padding}"#)))
            .await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.expect("pong").await["timestamp"], number);
    }
}

#[tokio::test]
async fn a_flood_of_pongs_is_read_no_faster_than_messages_may_come() {
    let doors = Doors::open(HttpConfig { rate_limit_per_s: 20.0, ..patient() }).await;
    let mut flood = doors.operator().await;
    let pongs = async {
        for _ in 0..2_000_000 {
            if flood.0.feed(Message::Pong(Default::default())).await.is_err() {
                return false;
            }
        }
        flood.0.flush().await.is_ok()
    };
    // The clock stands still: after the burst nothing more is read of it, and TCP stops it.
    let took_all = tokio::time::timeout(Duration::from_secs(2), pongs).await;
    assert!(took_all.is_err(), "12 MB of pongs were taken");
    assert!(rejected(&doors, "rate_limited").await, "a pong counts as a message");
    let mut good = doors.watcher().await;
    doors.publish_frame(9);
    assert_eq!(good.expect("visual_analysis").await["data"]["sequence"], 9);
    assert_eq!(doors.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_silent_client_is_closed_1001() {
    let config = HttpConfig { idle_timeout: Duration::from_millis(50), ..patient() };
    let doors = Doors::open(config).await;
    assert_eq!(doors.client().await.close_code().await, 1001);
}

/// Copies bytes both ways until `freeze` fires; then it holds both ends and does nothing,
/// as a network does after a laptop has left it.
async fn freezing_proxy(to: String) -> (String, tokio::sync::oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (freeze, mut frozen) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            ended = tokio::io::copy_bidirectional(&mut near, &mut far) => panic!("{ended:?}"),
            frozen = &mut frozen => frozen.unwrap(),
        }
        std::future::pending::<()>().await;
    });
    (address, freeze)
}

#[tokio::test]
async fn a_half_open_client_is_let_go_by_the_heartbeat_and_its_place_is_free() {
    let config = HttpConfig {
        max_connections: 2,
        heartbeat: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(500),
        ..patient()
    };
    let doors = Doors::open(config).await;
    let (address, freeze) = freezing_proxy(doors.address.clone()).await;
    // Sends nothing for longer than the idle timeout, but answers each ping.
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
        let message = half.next().await.unwrap().unwrap();
        assert!(message.to_text().unwrap().contains(kind), "{message}");
    }
    let (_, guest) = doors.token(Role::Guest).await;
    assert_eq!(with_token(&doors, &guest).await.err(), Some(503), "both seats are taken");
    freeze.send(()).unwrap();
    let free = async {
        while with_token(&doors, &guest).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("its seat is free");
    stop.send(()).unwrap();
    let mut quiet = quiet.await.expect("who answers stays");
    quiet.send_json(json!({ "type": "ping" })).await;
    while !matches!(quiet.next().await, Message::Text(text) if text.contains("pong")) {}
}

#[tokio::test]
async fn a_heartbeat_comes_by_itself() {
    let config = HttpConfig { heartbeat: Duration::from_millis(20), ..patient() };
    let doors = Doors::open(config).await;
    let mut client = doors.client().await;
    assert!(matches!(client.next().await, Message::Ping(_)));
    assert!(matches!(client.next().await, Message::Ping(_)));
}

#[tokio::test]
async fn stop_closes_every_connection_and_the_server_ends() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.watcher().await;
    doors.stop.request();
    assert_eq!(client.close_code().await, 1001);
    let left = tokio::time::timeout(PATIENCE, doors.server).await.expect("in time");
    left.unwrap().unwrap();
}

/// Whether anything was refused for that reason.
async fn rejected(doors: &Doors, reason: &str) -> bool {
    let metrics = doors.get("/metrics").await.body;
    let name = format!("boothd_rejected_total{{reason=\"{reason}\"}} ");
    let total = metrics.lines().find_map(|line| line.strip_prefix(&name));
    total.expect("it is counted").parse::<f64>().unwrap() > 0.0
}
