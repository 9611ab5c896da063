//! What of the memory is whose: the worst case of everything that can grow after the start, and
//! what is left for decoding clients' pictures. docs/ref/memory.md is made of [`lines()`].

use crate::{
    capture::segmenter::{ChunkSegmenter, SegmentConfig},
    config::Config,
    decode::picture::KEPT_BYTES,
    engine::{
        CLIENT_MEDIA_BYTES, Engine, MOST_LONG_CHUNKS, MOST_WORKING_BYTES,
        SOUND_CHUNK_WORKING_BYTES,
    },
    http::{FREE_BYTES, LONG_MESSAGES, SocketLimits, UNAUTHENTICATED_BYTES},
    memory,
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What a vision worker takes for the models' tensors and the picture that it keeps.
const VISION_WORKER_BYTES: usize = 12 * MIB + KEPT_BYTES;

/// What a speech worker takes for its spectra and the model's tensors.
const SPEECH_WORKER_BYTES: usize = 6 * MIB;

/// The booth's own frame, decoded, and as it came: at 1080 lines. It never waits.
const OWN_FRAME_BYTES: usize = 1920 * 1080 * 3 + 4 * MIB;

/// What a connection without a token takes: the request's head or so much of a WebSocket, the
/// buffer that it is read into, the answer.
const WITHOUT_TOKEN_BYTES: usize = 2 * UNAUTHENTICATED_BYTES + 8 * KIB;

/// What an HTTP connection with a token takes: head, body, answer.
const WITH_TOKEN_BYTES: usize = 112 * KIB;

/// What a client's WebSocket takes: a message in a buffer that may have grown to twice its
/// length, the codec's pieces, what is being sent.
const WEB_SOCKET_BYTES: usize = 2 * FREE_BYTES + 128 * KIB;

/// What TLS takes of each connection: a record either way, and what waits to be sent.
const TLS_BYTES: usize = 80 * KIB;

/// A message that is read: its text, and what is decoded of it. One at a time.
const MESSAGE_COPIES: usize = 2;

/// What is remembered of a client's session beside its segment: the first piece of a chunk that
/// waits for its second (3 s), an element of a recording, the decoder (Opus or AAC, 80 KiB), the
/// metrics over time.
const STREAM_BYTES: usize = 455 * KIB;

/// The resamplers' kernels, which streams of one rate share: of all rates that AAC has.
const RESAMPLING_BYTES: usize = 850 * KIB;

/// What it remembers of its sound: a segment and what was in none yet, which is less than a hop.
fn stream_bytes(segments: SegmentConfig) -> usize {
    STREAM_BYTES + 2 * ChunkSegmenter::new(segments).most_samples()
}

/// The database's own cache and statements, and what waits for it.
const STORE_BYTES: usize = 8 * MIB;

/// Records under way to the broker, and its answers.
const MQTT_BYTES: usize = 8 * MIB;

/// The preview's pictures, answers of the API, what the allocator cannot give back.
const SLACK_BYTES: usize = 32 * MIB;

/// The least that is left for decoding: a picture of 3840x2160 px as PNG or baseline JPEG.
pub const LEAST_DECODING_BYTES: usize = 32 * MIB;

/// The program, its models and its threads, before anything comes. The budget goes by what is
/// measured at the start; this is for the page.
pub const BASE_BYTES: usize = 64 * MIB;

/// One line of the page.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What it is.
    pub what: &'static str,
    /// The constants that it comes from.
    pub from: &'static str,
    /// Its worst case.
    pub bytes: usize,
}

/// Everything that can grow after the start, but for the decoding of clients' pictures.
pub fn lines(config: &Config) -> Vec<Line> {
    let web = &config.web;
    let connections = SocketLimits::new(web);
    let without_token =
        connections.sockets() - connections.authenticated - connections.web_sockets;
    let line = |what, from, bytes| Line { what, from, bytes };
    vec![
        line(
            "vision workers: tensors, and the last picture of each",
            "`VISION_WORKER_BYTES` × workers",
            config.engine.vision_threads() * VISION_WORKER_BYTES,
        ),
        line(
            "speech workers: spectra and tensors",
            "`SPEECH_WORKER_BYTES` × `speech.workers`",
            config.engine.speech_workers * SPEECH_WORKER_BYTES,
        ),
        line(
            "decoding and analysis of clients' sound: at most four chunks of over 3 s",
            "`SOUND_CHUNK_WORKING_BYTES` × `MOST_LONG_CHUNKS`",
            MOST_LONG_CHUNKS * SOUND_CHUNK_WORKING_BYTES,
        ),
        line("the booth's own frame", "`OWN_FRAME_BYTES`", OWN_FRAME_BYTES),
        line("clients' waiting media", "`CLIENT_MEDIA_BYTES`", CLIENT_MEDIA_BYTES),
        line(
            "connections without a token, and closing connections",
            "`WITHOUT_TOKEN_BYTES` × (`unauthenticated` + `handshaking` + `leaving`)",
            without_token * WITHOUT_TOKEN_BYTES,
        ),
        line(
            "HTTP connections with a token",
            "`WITH_TOKEN_BYTES` × `authenticated`",
            connections.authenticated * WITH_TOKEN_BYTES,
        ),
        line(
            "clients' and operators' WebSockets: one incoming message, the outgoing data",
            "`WEB_SOCKET_BYTES` × `web_sockets`",
            connections.web_sockets * WEB_SOCKET_BYTES,
        ),
        line(
            "TLS, if enabled",
            "`TLS_BYTES` × all of these",
            if web.tls.is_some() { connections.sockets() * TLS_BYTES } else { 0 },
        ),
        line(
            "incoming long messages, and one being parsed",
            "(2 × `LONG_MESSAGES` + `MESSAGE_COPIES`) × `max_message_bytes`",
            (2 * LONG_MESSAGES + MESSAGE_COPIES) * web.max_message_bytes,
        ),
        line(
            "clients' sessions, twice as many as connections",
            "(`STREAM_BYTES` + samples of a segment and a hop) × 2 × `web.max_connections`",
            2 * web.max_connections * stream_bytes(config.engine.segments),
        ),
        line("resampling of clients' sound", "`RESAMPLING_BYTES`", RESAMPLING_BYTES),
        line("the store", "`STORE_BYTES`", STORE_BYTES),
        line("MQTT", "`MQTT_BYTES`", MQTT_BYTES),
        line("the page, the API, the allocator", "`SLACK_BYTES`", SLACK_BYTES),
    ]
}

/// What is left for decoding clients' pictures where so much may still be taken.
pub fn decoding_bytes(config: &Config, left_bytes: usize) -> usize {
    let grows: usize = lines(config).iter().map(|line| line.bytes).sum();
    left_bytes.saturating_sub(grows).clamp(LEAST_DECODING_BYTES, MOST_WORKING_BYTES)
}

/// Sizes the engine's budget by what this process may take. To be called when the models are
/// loaded and nothing else has come yet.
pub(super) fn size(config: &Config, engine: &Engine) {
    let Some(limit) = memory::tightest() else { return };
    let left_bytes = usize::try_from(limit.left_bytes()).unwrap_or(usize::MAX);
    let bytes = decoding_bytes(config, left_bytes);
    engine.limit_decoding(bytes);
    let in_mb = |bytes: u64| bytes / 1_000_000;
    let decoding_mb = in_mb(bytes as u64);
    log::info!(
        target: "app",
        limit_mb = in_mb(limit.limit_bytes), used_mb = in_mb(limit.used_bytes), decoding_mb;
        "clients' pictures share {decoding_mb} MB while they are decoded; least is left by {}",
        limit.source
    );
    if bytes == LEAST_DECODING_BYTES {
        log::warn!(
            target: "app", left_mb = in_mb(limit.left_bytes());
            "little memory is left by {}: many clients at once may end boothd; raise it, or \
             lower web.max_connections or vision.workers (docs/ref/memory.md)",
            limit.source
        );
    }
}
