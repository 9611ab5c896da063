//! The worst case of the memory: the documented numbers follow from the constants, the units leave
//! that much, and under a real limit hostile guests do not end the daemon.
//!
//! `UPDATE_DOCS=1` rewrites the table of docs/ref/memory.md.

use std::{
    env, fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use boothd::{
    app::budget::{self, BASE_BYTES, LEAST_DECODING_BYTES, Line},
    config::Config,
};
use boothd_test_support::daemon;
use daemon::{BOOTHD, Daemon, PATIENCE, Watcher};
use png::{BitDepth, ColorType, Compression};
use serde_json::json;

const PAGE: &str = "docs/ref/memory.md";
const MIB: usize = 1 << 20;

/// The default configuration on a board of four cores, with TLS.
fn four_cores() -> Config {
    let set = ["vision.workers=4", "web.tls_certificate=booth.crt", "web.tls_key=booth.key"];
    Config::resolve(None, &set.map(str::to_owned), Path::new("/data")).expect("is right")
}

/// The sum of everything but the decoding of clients' pictures.
fn sum(lines: &[Line]) -> usize {
    BASE_BYTES + lines.iter().map(|line| line.bytes).sum::<usize>()
}

fn mib(bytes: usize) -> String {
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let mib = bytes as f64 / MIB as f64;
    format!("{mib:.1}")
}

fn table() -> String {
    let lines = budget::lines(&four_cores());
    let mut text = String::from("| what | constant | MiB |\n|---|---|---|\n");
    let base = Line {
        what: "the program, its models and its threads, before anything comes (measured at the start)",
        from: "`BASE_BYTES`",
        bytes: BASE_BYTES,
    };
    for Line { what, from, bytes } in [base].iter().chain(&lines) {
        text += &format!("| {what} | {from} | {} |\n", mib(*bytes));
    }
    text += &format!("| **sum** | | **{}** |\n", mib(sum(&lines)));
    let left = 512 * MIB - sum(&lines);
    text += &format!("| left of 512 MiB for decoding clients' pictures | | {} |\n", mib(left));
    text
}

#[test]
fn the_page_adds_up_what_the_constants_are() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let (begin, end) = ("<!-- table -->\n", "<!-- end -->");
    let (head, rest) = page.split_once(begin).expect("a table begins");
    let (_, tail) = rest.split_once(end).expect("and ends");
    let made = format!("{head}{begin}{}{end}{tail}", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, &made).expect("the page should be writable");
    }
    let kept = fs::read_to_string(PAGE).expect("the page is there");
    assert!(kept == made, "{PAGE} is stale: UPDATE_DOCS=1 cargo test --test memory");
}

#[test]
fn the_units_leave_what_the_worst_case_takes() {
    let needed = sum(&budget::lines(&four_cores())) + LEAST_DECODING_BYTES;
    for unit in ["boothd.service", "boothd.service.d/raspberry-pi.conf.sample"] {
        let text =
            fs::read_to_string(Path::new("systemd").join(unit)).expect("the unit is there");
        let max = text.lines().find_map(|line| line.strip_prefix("MemoryMax="));
        let Some(max) = max.and_then(|max| max.strip_suffix('M')) else { continue };
        let max = max.parse::<usize>().expect("whole MiB") * MIB;
        assert!(max >= needed, "{unit}: {} MiB of {} MiB", mib(needed), mib(max));
    }
    let lines = budget::lines(&four_cores());
    let grows = sum(&lines) - BASE_BYTES;
    let decoding = |left| budget::decoding_bytes(&four_cores(), left);
    assert_eq!(decoding(grows + 100 * MIB), 100 * MIB, "what is left is the pictures'");
    assert_eq!(decoding(0), LEAST_DECODING_BYTES);
    assert_eq!(decoding(usize::MAX), boothd::engine::MOST_WORKING_BYTES);
}

/// 4096x4096 px of 16 bits and four channels: 134 MB unpacked, 130 kB as it comes.
fn largest_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4096, 4096);
    encoder.set_color(ColorType::Rgba);
    encoder.set_depth(BitDepth::Sixteen);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().expect("is right");
    writer.write_image_data(&vec![0; 4096 * 4096 * 8]).expect("fits");
    drop(writer);
    bytes
}

/// 4096x4096 px in two scans: 100 MB of coefficients beside the picture, 100 kB as it comes.
fn largest_jpeg() -> Vec<u8> {
    let blocks = 512 * 512;
    let table = |class: u8, symbols: &[u8], length: usize| {
        let mut counts = [0; 16];
        counts[length - 1] = u8::try_from(symbols.len()).expect("few");
        let bytes = u8::try_from(19 + symbols.len()).expect("few");
        [&[0xFF, 0xC4, 0, bytes, class << 4], &counts[..], symbols].concat()
    };
    [
        &[0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0][..],
        &[1; 64],
        &[0xFF, 0xC2, 0, 17, 8, 16, 0, 16, 0, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0],
        &table(0, &[0], 1),
        &[0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0],
        &vec![0; blocks * 3 / 8],
        &table(1, &[0xE0, 0x00], 2),
        &[0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 1],
        &vec![0b0101_0101; blocks / 4],
        &[0xFF, 0xD9],
    ]
    .concat()
}

fn frame(kind: &str, picture: &[u8]) -> serde_json::Value {
    let url = format!("data:image/{kind};base64,{}", STANDARD.encode(picture));
    json!({ "type": "video_frame", "data": { "frame": url, "timestamp": 1 } })
}

/// A number of /proc/PID/status, MiB.
fn status_mib(daemon: &Daemon, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let line =
        status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel reports it");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).expect("kB") / 1024
}

/// Starts a daemon of four workers that may have so much data.
fn limited(mib: usize) -> Daemon {
    let mut command = Command::new("prlimit");
    command.arg(format!("--data={}", mib * MIB)).arg(&*BOOTHD);
    let settings = [
        "vision.workers=4",
        "video.source=file",
        "video.file=demo/face_640x480.mjpeg",
        "audio.source=off",
        "web.metrics_public=true",
    ];
    let daemon = Daemon::start(command, &settings);
    daemon.wait_for_health("the booth is analysed", |health| {
        health["vision"]["last_media_ms_ago"].is_u64()
    });
    daemon
}

/// Results of the pictures of hostile guests.
#[derive(Debug, Default)]
struct Outcome {
    analysed: usize,
    refused: usize,
    own_reports: usize,
}

/// Six guests send the largest legal pictures at once, each the next one after the answer to the
/// one before.
fn besieged(daemon: &Daemon) -> Outcome {
    let pictures = [frame("png", &largest_png()), frame("jpeg", &largest_jpeg())];
    let mut own = daemon.watch();
    own.next("visual_analysis");
    let guests: Vec<Watcher> = (0..6).map(|_| daemon.client()).collect();
    let (began, mut outcome) = (Instant::now(), Outcome::default());
    // Outside of the scope: what its threads borrow must live longer than they do.
    let send = |mut guest: Watcher| {
        let mut analysed = 0;
        for picture in &pictures {
            guest.say(picture);
            let (kind, data) = guest.next_of(&["visual_analysis", "error"]);
            // A refusal names the available memory.
            assert!(kind != "error" || data.to_string().contains(" MB "), "{data:#}");
            analysed += usize::from(kind != "error");
        }
        analysed
    };
    let send = &send;
    thread::scope(|scope| {
        let guests: Vec<_> =
            guests.into_iter().map(|guest| scope.spawn(move || send(guest))).collect();
        while !guests.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!(began.elapsed() < 4 * PATIENCE, "every picture is answered");
            own.next("visual_analysis");
            outcome.own_reports += 1;
        }
        let analysed = guests.into_iter().map(|guest| guest.join().expect("all were answered"));
        outcome.analysed = analysed.sum();
        outcome.refused = 2 * 6 - outcome.analysed;
    });
    outcome
}

/// Without the budget four at work take over 600 MB, and the daemon aborts.
#[test]
fn the_largest_legal_pictures_of_many_guests_do_not_end_the_daemon() {
    for limit_mib in [512, 800] {
        let daemon = limited(limit_mib);
        let outcome = besieged(&daemon);
        let peak_mib = status_mib(&daemon, "VmHWM:");
        println!("under {limit_mib} MiB: {outcome:?}, at most {peak_mib} MiB");
        assert!(peak_mib < 400, "{peak_mib} MiB");
        assert_eq!(daemon.health().0, 200);
        let (_, metrics) = daemon.get("/metrics");
        let refused = format!("boothd_media_too_large_total {}.0\n", outcome.refused);
        assert!(metrics.contains(&refused), "{metrics}");
        if limit_mib == 800 {
            assert_eq!(outcome.refused, 0, "there is memory for each of them, in turn");
        } else {
            assert!(outcome.refused >= 6, "there is none for the largest");
        }
        // What a large picture took is given back.
        let deadline = Instant::now() + PATIENCE;
        while status_mib(&daemon, "VmRSS:") > 200 {
            let stays = status_mib(&daemon, "VmRSS:");
            assert!(Instant::now() < deadline, "{stays} MiB stay");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
