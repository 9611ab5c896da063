//! A broker double that answers each message as the test sets it: reason codes, limits and ends of
//! connections that Mosquitto cannot be made to give.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What it does with a QoS 1 message.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// PUBACK with this reason code.
    Code(u8),
    /// DISCONNECT with this reason code, and the end.
    Disconnect(u8),
    /// The end, without a word.
    Close,
    /// Nothing at all.
    Silence,
}

/// How it answers: the topic and the payload of a message, and how often it was sent before.
pub type Judge = Box<dyn Fn(&str, &str, u32) -> Answer + Send + Sync>;

struct Shared {
    judge: Judge,
    /// Properties of its CONNACK, as bytes.
    properties: Mutex<Vec<u8>>,
    seen: Mutex<Seen>,
    /// What it grants of each subscription; `None`: it closes the connection.
    grants: Mutex<Option<u8>>,
    /// Ends the connection that stands.
    ends: Notify,
}

/// What came in.
#[derive(Default)]
struct Seen {
    /// Of each message (topic and payload's number), how often.
    times: BTreeMap<String, u32>,
    /// Payloads that were taken, in order.
    taken: Vec<String>,
    connections: u32,
    filters: Vec<String>,
}

/// The running double.
pub struct Script {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Script {
    /// Grants every subscription.
    pub async fn start(judge: Judge) -> Self {
        Script::with(judge, &[], Some(1)).await
    }

    /// With these CONNACK properties and that answer to subscriptions.
    pub async fn with(judge: Judge, properties: &[u8], grants: Option<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            judge,
            properties: Mutex::new(properties.to_vec()),
            seen: Mutex::default(),
            grants: Mutex::new(grants),
            ends: Notify::new(),
        });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.seen.lock().unwrap().connections += 1;
                // The end of a connection is no error here.
                serve(stream, &serving).await.ok();
            }
        });
        Script { port, shared, task }
    }

    /// Payloads of the topic's end that were taken, in order.
    pub fn taken(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().taken.clone()
    }

    /// Of the last subscription.
    pub fn filters(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().filters.clone()
    }

    /// How many there were.
    pub fn connections(&self) -> u32 {
        self.shared.seen.lock().unwrap().connections
    }

    /// Ends the connection that stands; the next subscription is answered so.
    pub fn end_and_grant(&self, grants: Option<u8>) {
        *self.shared.grants.lock().unwrap() = grants;
        self.shared.ends.notify_one();
    }

    /// Its CONNACK properties from the next connection on.
    pub fn set_properties(&self, properties: &[u8]) {
        *self.shared.properties.lock().unwrap() = properties.to_vec();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    loop {
        let (kind, body) = tokio::select! {
            packet = packet(&mut stream) => packet?,
            () = shared.ends.notified() => return Ok(()),
        };
        match kind >> 4 {
            1 => {
                let properties = shared.properties.lock().unwrap().clone();
                let length = u8::try_from(properties.len()).unwrap();
                let mut answer = vec![0x20, 3 + length, 0, 0, length];
                answer.extend(properties);
                stream.write_all(&answer).await?;
            }
            3 => {
                let qos = kind >> 1 & 3;
                let (topic, packet_id, payload) = publish(&body, qos);
                if qos == 0 {
                    continue;
                }
                match judge(shared, &topic, &payload) {
                    Answer::Code(code) => {
                        let [high, low] = packet_id.to_be_bytes();
                        stream.write_all(&[0x40, 3, high, low, code]).await?;
                    }
                    Answer::Disconnect(code) => {
                        stream.write_all(&[0xE0, 2, code, 0]).await?;
                        return stream.shutdown().await;
                    }
                    Answer::Close => return Ok(()),
                    Answer::Silence => (),
                }
            }
            8 => {
                let Some(grant) = *shared.grants.lock().unwrap() else { return Ok(()) };
                let filters = filters(&body[2..]);
                let granted = vec![grant; filters.len()];
                shared.seen.lock().unwrap().filters = filters;
                let length = 3 + u8::try_from(granted.len()).unwrap();
                let mut answer = vec![0x90, length, body[0], body[1], 0];
                answer.extend(granted);
                stream.write_all(&answer).await?;
            }
            12 => stream.write_all(&[0xD0, 0]).await?,
            14 => return Ok(()),
            _ => (),
        }
    }
}

fn judge(shared: &Shared, topic: &str, payload: &str) -> Answer {
    let mut seen = shared.seen.lock().unwrap();
    let key = format!("{topic} {payload}");
    let times = seen.times.entry(key).or_default();
    let answer = (shared.judge)(topic, payload, *times);
    *times += 1;
    if matches!(answer, Answer::Code(code) if code < 0x80) && topic.contains("/event/") {
        seen.taken.push(payload.to_owned());
    }
    answer
}

async fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

/// Topic, packet id (0 at QoS 0) and payload; all properties together are shorter than 128 bytes.
fn publish(body: &[u8], qos: u8) -> (String, u16, String) {
    let (topic, mut rest) = text(body);
    let mut packet_id = 0;
    if qos > 0 {
        packet_id = u16::from_be_bytes([rest[0], rest[1]]);
        rest = &rest[2..];
    }
    let payload = &rest[1 + usize::from(rest[0])..];
    (topic, packet_id, String::from_utf8(payload.to_vec()).unwrap())
}

/// The filters behind the (short) properties.
fn filters(body: &[u8]) -> Vec<String> {
    let mut rest = &body[1 + usize::from(body[0])..];
    let mut filters = Vec::new();
    while !rest.is_empty() {
        let (filter, after) = text(rest);
        filters.push(filter);
        rest = &after[1..];
    }
    filters
}

fn text(bytes: &[u8]) -> (String, &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let (text, rest) = bytes[2..].split_at(length);
    (String::from_utf8(text.to_vec()).unwrap(), rest)
}
