use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Message,
        protocol::{Role, WebSocketConfig},
    },
};

use super::*;

const MAX_MESSAGE: usize = 1_000_000;

type Client = WebSocketStream<tokio::io::DuplexStream>;
type Server = WebSocketStream<FrameLimiter<tokio::io::DuplexStream>>;

async fn both_ends(turns: &Arc<Semaphore>) -> (Client, Server) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let limiter = FrameLimiter::new(far, MAX_MESSAGE, turns.clone());
    // The codec is never shown a longer frame.
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_frame_size(Some(PIECE_BYTES))
        .max_message_size(Some(MAX_MESSAGE));
    let client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(limiter, Role::Server, Some(config)).await;
    (client, server)
}

fn breach(read: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Breach {
    match read {
        Some(Err(tokio_tungstenite::tungstenite::Error::Io(error))) => {
            Breach::behind(&error).expect("a breach")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_of_every_length_arrive_as_they_were_sent() {
    let (mut client, mut server) = both_ends(&Arc::new(Semaphore::new(1))).await;
    server.get_mut().lift();
    let lengths = [0, 1, 125, 126, 4095, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000];
    let payload = |length: usize| -> Bytes {
        (0..length).map(|k| u8::try_from(k % 251).unwrap()).collect::<Vec<_>>().into()
    };
    let sending = tokio::spawn(async move {
        for length in lengths {
            client.send(Message::Binary(payload(length))).await.unwrap();
            client.send(Message::Ping(payload(length.min(125)))).await.unwrap();
        }
        client
    });
    for length in lengths {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Binary(payload(length)));
        let ping = Message::Ping(payload(length.min(125)));
        assert_eq!(server.next().await.unwrap().unwrap(), ping);
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn before_authentication_a_declared_length_is_enough() {
    let turns = Arc::new(Semaphore::new(1));
    let (near, mut far) = tokio::io::duplex(1024);
    let mut limiter = FrameLimiter::new(near, MAX_MESSAGE, turns);
    use tokio::io::AsyncWriteExt;
    far.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 1, 2, 3, 4]).await.unwrap();
    let mut read = [0; 64];
    let error = limiter.read(&mut read).await.unwrap_err();
    assert_eq!(Breach::behind(&error), Some(Breach::BeforeAuth));
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_at_its_header() {
    let (mut client, mut server) = both_ends(&Arc::new(Semaphore::new(1))).await;
    server.get_mut().lift();
    let long = Message::Binary(vec![0; MAX_MESSAGE + 2 * PIECE_BYTES].into());
    let sending = tokio::spawn(async move { client.send(long).await.ok() });
    assert_eq!(breach(server.next().await), Breach::TooLong);
    server.get_mut().drain().await;
    sending.await.unwrap();
}

#[tokio::test]
async fn long_messages_take_turns_and_one_that_stalls_loses_its_own() {
    let turns = Arc::new(Semaphore::new(1));
    let (mut slow, mut slow_server) = both_ends(&turns).await;
    let (mut other, mut other_server) = both_ends(&turns).await;
    slow_server.get_mut().lift();
    other_server.get_mut().lift();
    slow_server.get_mut().long_time = Duration::from_millis(50);
    // Half of a long message, and then nothing.
    let half = vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0, 0];
    let stalls = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        slow.get_mut().write_all(&half).await.unwrap();
        slow.get_mut().write_all(&vec![0; FREE_BYTES + 1000]).await.unwrap();
        std::future::pending::<()>().await;
    });
    let slow_end = tokio::spawn(async move { breach(slow_server.next().await) });
    while turns.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let long = Message::Binary(vec![7; 2 * FREE_BYTES].into());
    let sent = long.clone();
    tokio::spawn(async move { other.send(sent).await.unwrap() });
    assert_eq!(other_server.next().await.unwrap().unwrap(), long, "once the turn is free");
    assert_eq!(slow_end.await.unwrap(), Breach::TooSlow);
    stalls.abort();
}
