//! Browsers' worth of clients against a real daemon: how many it carries, and how fairly.
//!
//! `cargo bench --bench clients -- [--clients N] [--seconds S] [--fps F] [--within S] [--ramp]`
//!
//! Each client sends 640x480 JPEG frames (every other client as data URLs in JSON, the rest as
//! binary messages) and a recording of a real browser's microphone in chunks of 3 s; the booth
//! plays its own clip beside them. `--within` is the time over which they arrive: by default that between
//! two frames, so that all their sound comes in the same half second; with 3, the length of a chunk,
//! their sound is spread evenly. One JSON line a run. `--ramp` raises the number of clients
//! until the 95th percentile from send to result passes 200 ms.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that fails should stop")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of a bench are small"
)]

use std::{
    collections::HashMap,
    env, fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use boothd_test_support::daemon;
use daemon::{BOOTHD, Daemon, TOKEN};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// More than the booth keeps for operators.
const MOST_OPERATOR_SEATS: usize = 20;

/// What every client plays.
struct Media {
    frames: Vec<Vec<u8>>,
    chunks: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    length: Duration,
    fps: f64,
    /// The last client arrives so much later than the first.
    within: Duration,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    sent: u64,
    latencies_ms: Vec<f64>,
    chunks: u64,
    voices: u64,
    foreign: u64,
    dropped: u64,
    errors: u64,
    first_error: Option<String>,
}

const CHUNK_LENGTH: Duration = Duration::from_secs(3);
const ALLOWED_P95_MS: f64 = 200.0;

fn main() {
    let option = |name: &str| env::args().skip_while(|arg| arg != name).nth(1);
    let number = |name: &str, default: f64| {
        option(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let seconds = number("--seconds", 60.0);
    let fps = number("--fps", 2.0);
    let load = Load {
        clients: number("--clients", 50.0) as usize,
        length: Duration::from_secs_f64(seconds),
        fps,
        within: Duration::from_secs_f64(number("--within", 1.0 / fps)),
    };
    let media = Arc::new(Media::read());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if !env::args().any(|arg| arg == "--ramp") {
        return report(load, runtime.block_on(run(load, &media)));
    }
    for clients in (10..=200).step_by(10) {
        let load = Load { clients, ..load };
        let outcome = runtime.block_on(run(load, &media));
        let p95 = outcome["send_to_result_ms_p95"].as_f64();
        report(load, outcome);
        if p95.is_none_or(|p95| p95 > ALLOWED_P95_MS) {
            break;
        }
    }
}

fn report(load: Load, mut outcome: Value) {
    outcome["clients"] = load.clients.into();
    outcome["fps"] = load.fps.into();
    println!("{outcome}");
}

async fn run(load: Load, media: &Arc<Media>) -> Value {
    let daemon = Daemon::start(
        Command::new(&*BOOTHD),
        &[
            "video.source=file",
            "video.file=demo/face_640x480.mjpeg",
            "audio.source=file",
            "audio.file=demo/speech_16k.wav",
            // One more place, for the one who watches the booth.
            &format!("web.max_connections={}", load.clients + 1),
        ],
    );
    daemon.wait_for_health("analysis", |health| health["status"] == "healthy");
    let (cpu_before, began) = (cpu_s(daemon.pid()), Instant::now());
    let booth = tokio::spawn(watch_booth(daemon.address.clone(), load.length));
    // The last client comes and goes instead of sending: what a newcomer meets.
    let senders = load.clients - 1;
    let clients: Vec<_> = (0..senders)
        .map(|k| {
            let phase = load.within.mul_f64(k as f64 / senders as f64);
            tokio::spawn(client(daemon.address.clone(), k as u64, phase, load, media.clone()))
        })
        .collect();
    // Before the others are done, so that the house is full.
    let newcomers = newcomers(&daemon.address, load.length.mul_f64(0.8)).await;
    let refused_ms = one_too_many(&daemon.address).await;
    let mut seen = Vec::new();
    for client in clients {
        seen.push(client.await.unwrap());
    }
    let booth_fps = booth.await.unwrap();
    let cores = (cpu_s(daemon.pid()) - cpu_before) / began.elapsed().as_secs_f64();
    let mut outcome = summary(&seen);
    outcome["booth_fps"] = booth_fps.into();
    outcome["rss_mb_peak"] = status_mb(daemon.pid(), "VmHWM").into();
    outcome["cores"] = cores.into();
    outcome["connect_and_auth_ms_p95"] = quantile(newcomers, 0.95).into();
    outcome["refused_ms"] = refused_ms.into();
    outcome
}

fn summary(seen: &[Seen]) -> Value {
    let answered: Vec<f64> = seen.iter().map(|s| s.latencies_ms.len() as f64).collect();
    let (worst, best) = (
        answered.iter().copied().fold(f64::INFINITY, f64::min),
        answered.iter().copied().fold(0.0, f64::max),
    );
    let latencies: Vec<f64> = seen.iter().flat_map(|s| s.latencies_ms.clone()).collect();
    let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
    json!({
        "frames_sent": sum(|s| s.sent),
        "frames_answered": latencies.len(),
        "worst_to_best": worst / best,
        "worst_answered": worst,
        "send_to_result_ms_p50": quantile(latencies.clone(), 0.5),
        "send_to_result_ms_p95": quantile(latencies, 0.95),
        "chunks_sent": sum(|s| s.chunks),
        "voices_answered": sum(|s| s.voices),
        "least_voices": seen.iter().map(|s| s.voices).min(),
        "reported_dropped": sum(|s| s.dropped),
        "for_the_wrong_client": sum(|s| s.foreign),
        "errors": sum(|s| s.errors),
        "first_error": seen.iter().find_map(|s| s.first_error.clone()),
    })
}

/// One client that sends for the whole run.
async fn client(
    address: String,
    number: u64,
    phase: Duration,
    load: Load,
    media: Arc<Media>,
) -> Seen {
    // Not all in one instant: the booth has few places for unauthenticated clients.
    time::sleep(phase).await;
    let mut socket = let_in(&address, &format!("load-{number}")).await.unwrap();
    let mut seen = Seen::default();
    let mut sent_at = HashMap::new();
    let began = time::Instant::now();
    let mut frames = time::interval_at(began, Duration::from_secs_f64(1.0 / load.fps));
    let mut chunks = time::interval_at(began + CHUNK_LENGTH, CHUNK_LENGTH);
    let end = began + load.length;
    // What is under way at the end is waited for.
    let patience = end + Duration::from_secs(3);
    loop {
        tokio::select! {
            _ = frames.tick(), if time::Instant::now() < end => {
                let stamp = number << 32 | seen.sent;
                let frame = &media.frames[seen.sent as usize * 7 % media.frames.len()];
                sent_at.insert(stamp, Instant::now());
                seen.sent += 1;
                socket.send(frame_message(frame, stamp, number.is_multiple_of(2))).await.unwrap();
            }
            _ = chunks.tick(), if time::Instant::now() < end => {
                let chunk = &media.chunks[seen.chunks as usize % media.chunks.len()];
                seen.chunks += 1;
                socket.send(binary(2, number << 32, chunk)).await.unwrap();
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => seen.take(&text, number, &mut sent_at),
                Some(Ok(_)) => (),
                other => panic!("client {number} was let go: {other:?}"),
            },
            () = time::sleep_until(patience) => return seen,
        }
    }
}

impl Seen {
    fn take(&mut self, text: &str, number: u64, sent_at: &mut HashMap<u64, Instant>) {
        let message: Value = serde_json::from_str(text).unwrap();
        let stamp = message["timestamp"].as_u64();
        let is_foreign = stamp.is_some_and(|stamp| stamp >> 32 != number);
        match message["type"].as_str().unwrap() {
            "visual_analysis" => {
                self.foreign += u64::from(is_foreign);
                self.dropped = message["data"]["dropped_frames"].as_u64().unwrap();
                let sent_at = stamp.and_then(|stamp| sent_at.remove(&stamp));
                let took = sent_at.expect("a report of a frame that was sent").elapsed();
                self.latencies_ms.push(took.as_secs_f64() * 1000.0);
            }
            "audio_analysis" => {
                self.foreign += u64::from(is_foreign);
                self.voices += 1;
            }
            "error" => {
                self.errors += 1;
                self.first_error.get_or_insert(text.to_owned());
            }
            _ => (),
        }
    }
}

fn frame_message(frame: &[u8], stamp: u64, as_data_url: bool) -> Message {
    if !as_data_url {
        return binary(1, stamp, frame);
    }
    let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(frame));
    let data = json!({ "frame": url, "timestamp": stamp, "width": 640, "height": 480 });
    Message::text(json!({ "type": "video_frame", "data": data }).to_string())
}

fn binary(kind: u8, stamp: u64, payload: &[u8]) -> Message {
    let mut message = vec![kind];
    message.extend(stamp.to_le_bytes());
    message.extend(payload);
    Message::binary(message)
}

async fn let_in(address: &str, session_id: &str) -> Result<Socket, Error> {
    let (mut socket, _) =
        connect_async(format!("ws://{address}/ws/multimodal-analysis")).await?;
    let data = json!({ "session_id": session_id, "access_token": TOKEN });
    socket.send(Message::text(json!({ "type": "auth", "data": data }).to_string())).await?;
    while let Some(message) = socket.next().await {
        if message?.to_text()?.contains("auth_success") {
            return Ok(socket);
        }
    }
    Err(Error::ConnectionClosed)
}

/// Milliseconds of connect and auth, again and again beside the others.
async fn newcomers(address: &str, length: Duration) -> Vec<f64> {
    let end = Instant::now() + length;
    let mut took = Vec::new();
    time::sleep(Duration::from_secs(1)).await;
    while Instant::now() < end {
        let began = Instant::now();
        let mut socket = let_in(address, "newcomer").await.unwrap();
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        socket.close(None).await.unwrap();
        while socket.next().await.is_some() {}
        time::sleep(Duration::from_millis(250)).await;
    }
    took
}

/// Milliseconds until one beyond the limit is refused. Operators, as whom the bench comes, have some
/// seats of their own behind those of the clients; they are taken first.
async fn one_too_many(address: &str) -> f64 {
    let mut seated = Vec::new();
    for number in 0..MOST_OPERATOR_SEATS {
        let began = Instant::now();
        match let_in(address, &format!("last-{number}")).await {
            Ok(socket) => seated.push(socket),
            Err(_) => return began.elapsed().as_secs_f64() * 1000.0,
        }
    }
    panic!("{MOST_OPERATOR_SEATS} too many were let in");
}

/// Reports a second of the booth's own camera.
async fn watch_booth(address: String, length: Duration) -> f64 {
    let mut socket = let_in(&address, "desk").await.unwrap();
    let watch = json!({ "type": "watch", "data": { "stream": "booth" } });
    socket.send(Message::text(watch.to_string())).await.unwrap();
    let end = time::Instant::now() + length;
    let mut reports = 0_u32;
    while let Ok(Some(message)) = time::timeout_at(end, socket.next()).await {
        let is_report = message.unwrap().to_text().is_ok_and(|t| t.contains("visual_analysis"));
        reports += u32::from(is_report);
    }
    f64::from(reports) / length.as_secs_f64()
}

impl Media {
    fn read() -> Self {
        let clip = fs::read("demo/face_640x480.mjpeg").unwrap();
        let starts: Vec<usize> = clip
            .windows(3)
            .enumerate()
            .filter(|(_, w)| *w == [0xFF, 0xD8, 0xFF])
            .map(|(at, _)| at)
            .collect();
        let ends = starts.iter().skip(1).copied().chain([clip.len()]);
        let frames =
            starts.iter().zip(ends).map(|(from, to)| clip[*from..to].to_vec()).collect();
        let chunk =
            |k| fs::read(format!("tests/data/webm/chrome156_mediarecorder_3000ms_{k}.bin"));
        Media { frames, chunks: (0..4).map(|k| chunk(k).unwrap()).collect() }
    }
}

fn quantile(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 - 1.0) * q).round() as usize).copied()
}

fn status_mb(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
