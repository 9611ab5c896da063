//! The server with many booths: whether it loses a message, how fast its page answers, its memory.
//!
//! `cargo bench --bench fleet -- [--booths N] [--seconds S]`
//!
//! A real Mosquitto on the loopback, `boothd fleet` beside it, and simulated booths that each publish
//! video, audio and health once a second and one session (two records of QoS 1) during the run,
//! over 50 connections. A reader asks for the list of booths and for the page ten times a second.
//! One JSON line. Volumes count topics and payloads, without MQTT's and TCP's own heads.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that fails should stop")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "counts of a bench are small"
)]

use std::{
    env, fs,
    time::{Duration, Instant},
};

use boothd::mqtt::client::{Event, Outgoing, Packet, QoS};
use boothd_test_support::{fleet as common, http};
use common::{Broker, FleetServer, audio, health, online, publish, session, topic, video};
use serde_json::{Value, json};

/// Connections of the booths.
const CONNECTIONS: usize = 50;

/// Booths of the volume that is computed, and seconds in a day.
const MANY: f64 = 10_000.0;
const DAY_S: f64 = 86_400.0;

/// What one connection published.
#[derive(Default)]
struct Published {
    metrics: u64,
    healths: u64,
    records: u64,
    bytes: u64,
}

impl Published {
    fn messages(&self) -> u64 {
        self.metrics + self.healths + self.records
    }

    fn add(&mut self, other: &Published) {
        self.metrics += other.metrics;
        self.healths += other.healths;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// Topic and payload of one message of video, audio and health.
fn message_bytes() -> [f64; 3] {
    let of_one = [
        ("metrics/video", video(1, Some("interview"))),
        ("metrics/audio", audio(1, Some("interview"))),
        ("health", health()),
    ];
    of_one.map(|(what, value)| (topic(&name(7), what).len() + value.to_string().len()) as f64)
}

/// What many booths publish in a day, so many messages of each kind a second and booth.
fn gb_a_day(bytes: [f64; 3], per_s: [f64; 3]) -> f64 {
    let of_one: f64 = bytes.iter().zip(per_s).map(|(bytes, per_s)| bytes * per_s).sum();
    (of_one * MANY * DAY_S / 1e9).round()
}

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(default, |text| text.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let (booths, seconds) = (argument("--booths", 500), argument("--seconds", 60));
    let broker = Broker::roomy();
    let state = tempfile::tempdir().unwrap();
    let server = FleetServer::start(&broker, state.path(), &[]);
    let all: Vec<_> = (0..booths).flat_map(|k| online(&name(k), "0.1.0")).collect();
    for part in all.chunks(900) {
        publish(&broker, "announcer", part).await;
    }
    let before = counted(&server);
    let reading = tokio::task::spawn_blocking({
        let address = server.address.clone();
        move || read_for(&address, Duration::from_secs(seconds as u64))
    });
    let began = Instant::now();
    let speakers: Vec<_> = (0..CONNECTIONS)
        .map(|k| {
            let own: Vec<usize> = (k..booths).step_by(CONNECTIONS).collect();
            let (client, events) = broker.client(&format!("booths-{k}"), Duration::ZERO);
            tokio::spawn(speak((client, events), own, seconds as u64))
        })
        .collect();
    let mut published = Published::default();
    for speaker in speakers {
        published.add(&speaker.await.unwrap());
    }
    let took_s = began.elapsed().as_secs_f64();
    let latencies = reading.await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = counted(&server);
    let received: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let peak_mb = peak_mb(server.pid());
    let bytes = message_bytes();
    let gb = |per_s| gb_a_day(bytes, per_s);
    let line = json!({
        "booths": booths, "seconds": took_s.round(),
        "published": {
            "metrics": published.metrics, "health": published.healths,
            "records": published.records},
        "received": {"metrics": received[0], "health": received[1], "records": received[2]},
        "lost": {"metrics": published.metrics as i64 - received[0] as i64,
            "health": published.healths as i64 - received[1] as i64,
            "records": published.records as i64 - received[2] as i64},
        "messages_per_s": (published.messages() as f64 / took_s).round(),
        "kb_per_s": (published.bytes as f64 / took_s / 1000.0).round(),
        "list_p95_ms": p95(&latencies.0), "page_p95_ms": p95(&latencies.1),
        "reads": latencies.0.len() + latencies.1.len(),
        "rss_peak_mb": peak_mb, "archive_mb": archive_mb(state.path()),
        "bytes_a_message": {"video": bytes[0], "audio": bytes[1], "health": bytes[2]},
        "gb_a_day_of_10000_booths_as_here": gb([1.0, 1.0, 1.0]),
        "gb_a_day_of_10000_booths_health_each_30_s": gb([1.0, 1.0, 1.0 / 30.0]),
    });
    println!("{line}");
    server.terminate();
}

fn name(k: usize) -> String {
    format!("booth-{k:04}")
}

/// Publishes every message of its booths, a second's worth spread over the second.
async fn speak(
    (client, mut events): (boothd::mqtt::client::AsyncClient, boothd::mqtt::client::EventLoop),
    booths: Vec<usize>,
    seconds: u64,
) -> Published {
    let mut published = Published::default();
    let begin = client.clone();
    let talking = tokio::spawn(async move {
        let mut turn = tokio::time::interval(Duration::from_secs(1) / booths.len() as u32);
        let mut sent_by_second: Vec<(u64, u64, u64, u64)> = Vec::new();
        for k in 0..seconds {
            for booth in &booths {
                turn.tick().await;
                sent_by_second.push(publish_second(&begin, *booth, k, seconds).await);
            }
        }
        sent_by_second
    });
    let (mut sent, mut acknowledged) = (0_u64, 0_u64);
    let mut talking = std::pin::pin!(talking);
    let mut wanted: Option<(u64, u64)> = None;
    loop {
        tokio::select! {
            sent_by_second = &mut talking, if wanted.is_none() => {
                for (metrics, healths, records, bytes) in sent_by_second.unwrap() {
                    published.metrics += metrics;
                    published.healths += healths;
                    published.records += records;
                    published.bytes += bytes;
                }
                wanted = Some((published.messages(), published.records));
            }
            event = events.poll() => match event.expect("the broker stays") {
                Event::Outgoing(Outgoing::Publish(_)) => sent += 1,
                Event::Incoming(Packet::PubAck(_)) => acknowledged += 1,
                _ => (),
            },
        }
        if wanted.is_some_and(|(all, records)| sent >= all && acknowledged >= records) {
            break;
        }
    }
    client.try_disconnect().ok();
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(1), events.poll()).await {}
    published
}

/// One booth's second: messages of each kind, and bytes.
async fn publish_second(
    client: &boothd::mqtt::client::AsyncClient,
    booth: usize,
    k: u64,
    seconds: u64,
) -> (u64, u64, u64, u64) {
    let name = name(booth);
    let interview = format!("interview-{booth}");
    let session_id = (k > seconds / 4 && k < seconds * 3 / 4).then_some(&*interview);
    let mut messages = vec![
        (topic(&name, "metrics/video"), QoS::AtMostOnce, false, video(k, session_id)),
        (topic(&name, "metrics/audio"), QoS::AtMostOnce, false, audio(k, session_id)),
        (topic(&name, "health"), QoS::AtMostOnce, true, health()),
    ];
    let [started, summary] = session(&name, &interview, ("boot", 1));
    let mut records = 0;
    if k == seconds / 4 {
        messages.push(started);
        records = 1;
    } else if k == seconds * 3 / 4 {
        messages.push(summary);
        records = 1;
    }
    let mut bytes = 0;
    for (topic, qos, is_retained, payload) in messages {
        let payload = payload.to_string();
        bytes += topic.len() + payload.len();
        client.publish(topic, qos, is_retained, payload).await.unwrap();
    }
    (2, 1, records, bytes as u64)
}

/// Metrics, healths and records as the server counts them.
fn counted(server: &FleetServer) -> Vec<u64> {
    ["metrics_total", "healths_total", "kept_records_total"]
        .iter()
        .map(|name| server.metric(&format!("boothd_fleet_{name}")) as u64)
        .collect()
}

/// Latencies of the list and of the page, ms, with a new connection each.
fn read_for(address: &str, how_long: Duration) -> (Vec<f64>, Vec<f64>) {
    let (mut list, mut page) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < how_long {
        list.push(ask(address, "/api/v1/fleet/booths?limit=1000"));
        page.push(ask(address, "/"));
        std::thread::sleep(Duration::from_millis(80));
    }
    (list, page)
}

fn ask(address: &str, path: &str) -> f64 {
    let began = Instant::now();
    let answer = http::request(address, "GET", path, common::TOKEN, "").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    began.elapsed().as_secs_f64() * 1000.0
}

fn p95(latencies: &[f64]) -> Value {
    let mut sorted = latencies.to_vec();
    sorted.sort_by(f64::total_cmp);
    let value = sorted[(sorted.len() * 95 / 100).min(sorted.len() - 1)];
    json!((value * 10.0).round() / 10.0)
}

/// The most memory that the process ever had.
fn peak_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kb: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    (kb / 102.4).round() / 10.0
}

fn archive_mb(state: &std::path::Path) -> f64 {
    let bytes = |name: &str| fs::metadata(state.join(name)).map_or(0, |meta| meta.len()) as f64;
    ((bytes("fleet.db") + bytes("fleet.db-wal")) / 1e5).round() / 10.0
}
