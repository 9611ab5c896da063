//! [`KEYS`]: every key that exists, declared once. Reading, judging, the sample file and
//! docs/ref/config.md all follow from this table.
//!
//! A key exists only once it works.

use crate::inference::Backend;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its table and name, joined by dots.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What holds where it is not given.
    pub default: Fallback,
    /// What it is for, with its unit.
    pub doc: &'static str,
    /// When a changed value holds.
    pub reload: Reload,
}

/// When a new value of a [`Key`] holds for a daemon that runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reload {
    /// When boothd is started again.
    Restart,
    /// When the configuration is read again (SIGHUP, `systemctl reload boothd`).
    AtOnce,
    /// Then, for WebSockets that are opened from there on.
    NextConnection,
    /// Then, for sessions that begin from there on.
    NextSession,
}

impl Reload {
    /// What docs/ref/config.md says.
    pub fn name(self) -> &'static str {
        match self {
            Reload::Restart => "restart",
            Reload::AtOnce => "yes",
            Reload::NextConnection => "next connection",
            Reload::NextSession => "next session",
        }
    }
}

/// What values a [`Key`] takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text but the empty one.
    Text,
    /// A file or folder. Relative to the data directory in the file, to the working directory
    /// with `--set`.
    Path,
    /// A list of texts, from so many to so many.
    Texts(usize, usize),
    /// A list of numbers, from so many to so many.
    Numbers(usize, usize),
}

/// What holds where a [`Key`] is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// This value, as TOML writes it.
    Is(&'static str),
    /// Nothing; the TOML shows an example.
    Unset(&'static str),
}

use Fallback::{Is, Unset};
use Kind::{Integer, Number, Numbers, Path, Switch, Text, Texts, Word};
use Reload::{AtOnce, NextConnection, NextSession};

impl Key {
    /// Its table: the name up to the last dot.
    pub fn table(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// The name after the last dot.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, name)| name)
    }
}

impl Kind {
    /// What is accepted, in words.
    pub fn accepts(self) -> String {
        match self {
            Switch => "true or false".into(),
            Integer(min, max) => format!("a whole number from {min} to {max}"),
            Number(min, max) => format!("a number from {min} to {max}"),
            Word(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Text => "a text that is not empty".into(),
            Path => "a path".into(),
            Texts(min, max) => format!("a list of {min} to {max} texts"),
            Numbers(min, max) => format!("a list of {min} to {max} numbers"),
        }
    }
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn key(name: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Key {
    Key { name, kind, default, doc, reload: Reload::Restart }
}

/// A key whose new value holds without a restart.
const fn live(
    reload: Reload,
    name: &'static str,
    kind: Kind,
    default: Fallback,
    doc: &'static str,
) -> Key {
    Key { name, kind, default, doc, reload }
}

const SOURCES: Kind = Word(&["auto", "device", "file", "off"]);

/// Every key, table by table.
pub const KEYS: &[Key] = &[
    key("booth.id", Text, Is("\"booth\""), "Names this booth in /health."),
    key(
        "video.source",
        SOURCES,
        Is("\"auto\""),
        "Where pictures come from. \"auto\": the camera; if neither a camera nor a microphone \
         is present at the start, the bundled clip replaces both, clearly marked as a demo. \
         \"device\": the camera, waited for without limit, as an appliance needs. \"file\": \
         video.file. \"off\": there is no camera; media from clients is still analysed, unless \
         features.video is false.",
    ),
    key(
        "video.device",
        Text,
        Is("\"auto\""),
        "The camera: \"auto\" for the first, else a path (/dev/video0), a name under \
         /dev/v4l/by-id, or a part of the camera's name.",
    ),
    key(
        "video.file",
        Path,
        Unset("\"interview.mjpeg\""),
        "The file that source = \"file\" plays in a loop: MJPEG, Y4M or a folder of pictures.",
    ),
    key(
        "video.file_fps",
        Number(0.1, 240.0),
        Unset("25.0"),
        "Pictures a second of the file; a .y4m file contains its own rate, others default to \
         15.",
    ),
    key(
        "video.fps",
        Number(1.0, 30.0),
        Is("10.0"),
        "Pictures a second that are analysed. A blink lasts 100 to 400 ms: below 8 no blinks \
         are counted.",
    ),
    key(
        "video.width_px",
        Integer(16, 4096),
        Is("640"),
        "Width requested from the camera; it uses the nearest that it offers.",
    ),
    key("video.height_px", Integer(16, 4096), Is("480"), "Height requested from the camera."),
    key(
        "video.rotate_deg",
        Integer(0, 270),
        Is("0"),
        "Clockwise rotation that makes the pictures of the camera or the file upright: 0, 90, \
         180 (a camera on the ceiling) or 270. Pictures from clients are not rotated.",
    ),
    key(
        "video.mirror",
        Switch,
        Is("false"),
        "Exchanges left and right of the pictures of the camera or the file, after rotation: \
         for a camera that mirrors.",
    ),
    key(
        "camera.hfov_deg",
        Number(20.0, 160.0),
        Is("60.0"),
        "Horizontal angle of view of the analysed pictures, for head pose and gaze; for a \
         camera rotated by 90 or 270 degrees this is its vertical angle of view.",
    ),
    key(
        "audio.source",
        SOURCES,
        Is("\"auto\""),
        "Where sound comes from; like video.source, with features.audio.",
    ),
    key(
        "audio.device",
        Text,
        Is("\"auto\""),
        "The microphone: \"auto\", else an ALSA name (plughw:1,0) or a part of the card's name.",
    ),
    key(
        "audio.file",
        Path,
        Unset("\"interview.wav\""),
        "The file that source = \"file\" plays in a loop: WAV.",
    ),
    key(
        "audio.segment_ms",
        Integer(500, 30_000),
        Is("3000"),
        "Duration of sound that is analysed at a time, for the microphone and for clients' \
         chunks.",
    ),
    key(
        "audio.hop_ms",
        Integer(100, 30_000),
        Is("1000"),
        "Interval between the starts of two segments, and the amount of new sound from a \
         client that triggers a report; at most audio.segment_ms.",
    ),
    key(
        "audio.queue",
        Integer(1, 64),
        Is("2"),
        "Segments that may wait for analysis; the oldest is dropped and counted.",
    ),
    key(
        "vision.workers",
        Integer(0, 16),
        Is("0"),
        "Threads that analyse pictures; 0: one for each processor core, at least two, since \
         with one a client's large picture delays the camera. A booth without clients uses one \
         of them.",
    ),
    key(
        "vision.detector_threshold",
        Number(0.05, 0.99),
        Is("0.5"),
        "A detection with at least this score is a face.",
    ),
    key(
        "vision.presence_threshold",
        Number(0.05, 0.99),
        Is("0.5"),
        "With at least this probability, the landmark model confirms a face.",
    ),
    key(
        "vision.refine_lips",
        Switch,
        Is("true"),
        "Refine the lips with a second network, like the eyes; false saves a twentieth of the \
         landmarks' cost and locates the lips less accurately.",
    ),
    key(
        "vision.redetect_ms",
        Integer(0, 60_000),
        Is("2000"),
        "While a face is tracked, the detector still runs at this interval, so that other \
         faces are counted.",
    ),
    key(
        "vision.expression_cache_ms",
        Integer(0, 10_000),
        Is("1000"),
        "How long an expression may be reused while the face hardly changes; 0: never.",
    ),
    key(
        "vision.neutral_share",
        Number(0.05, 0.95),
        Is("0.5"),
        "The expected share of neutral faces. Listeners are mostly neutral, so the default is \
         higher than in the faces on which the models were fitted (0.17); a higher value \
         reports fewer expressions. An expression model of your own is not affected.",
    ),
    key(
        "vision.min_brightness_ratio",
        Number(0.0, 1.0),
        Is("0.12"),
        "Mean luminance of the face below which no expression is reported.",
    ),
    key(
        "vision.min_sharpness",
        Number(0.0, 10_000.0),
        Is("8.0"),
        "Variance of the face's Laplacian (grey levels squared, at 96 px) below which no \
         expression is reported.",
    ),
    key(
        "vision.min_inter_ocular_px",
        Number(0.0, 1000.0),
        Is("20.0"),
        "Distance of the outer eye corners below which no expression is reported.",
    ),
    key(
        "vision.expression.file",
        Path,
        Unset("\"my_expression.onnx\""),
        "An expression model of your own in place of boothd's two. The other keys of this \
         table describe it; size_px and labels are then required.",
    ),
    key(
        "vision.expression.sha256",
        Text,
        Unset("\"64 hex digits\""),
        "The required SHA-256 of the file; unchecked if not given.",
    ),
    key(
        "vision.expression.size_px",
        Integer(16, 1024),
        Unset("112"),
        "Side of the square input picture of the model.",
    ),
    key(
        "vision.expression.layout",
        Word(&["nchw", "nhwc"]),
        Is("\"nchw\""),
        "Order of the input's axes: channels before rows (PyTorch) or last (TensorFlow).",
    ),
    key(
        "vision.expression.colour",
        Word(&["rgb", "bgr", "grey"]),
        Is("\"rgb\""),
        "Channels of the model's input.",
    ),
    key(
        "vision.expression.mean",
        Numbers(1, 3),
        Unset("[127.5, 127.5, 127.5]"),
        "Subtracted from each channel's value of 0 to 255; no subtraction if not given.",
    ),
    key(
        "vision.expression.std",
        Numbers(1, 3),
        Unset("[127.5, 127.5, 127.5]"),
        "Divisor of each channel afterwards; no division if not given.",
    ),
    key(
        "vision.expression.labels",
        Texts(2, 16),
        Unset(
            "[\"angry\", \"disgust\", \"fear\", \"happy\", \"sad\", \"surprise\", \"neutral\"]",
        ),
        "The label of each value of the model's output, in the order of the model.",
    ),
    key(
        "vision.expression.output",
        Word(&["logits", "probabilities"]),
        Is("\"logits\""),
        "The form of the model output.",
    ),
    key(
        "vision.expression.temperature",
        Number(0.01, 100.0),
        Is("1.0"),
        "Divides the logarithm of each probability: a value over 1 lowers the confidence of an \
         over-confident model.",
    ),
    key(
        "vision.expression.crop_scale",
        Number(0.2, 5.0),
        Is("1.1"),
        "Side of the crop, as a multiple of the longer side of the face's box.",
    ),
    key(
        "vision.expression.crop_up_ratio",
        Number(-1.0, 1.0),
        Is("0.0"),
        "Shift of the crop towards the forehead, as a share of the box's height.",
    ),
    key("speech.workers", Integer(1, 16), Is("1"), "Threads that analyse sound."),
    live(
        NextSession,
        "metrics.window_s",
        Number(1.0, 600.0),
        Is("10.0"),
        "Window of the metrics over time, such as stability and eye_contact_ratio.",
    ),
    live(
        AtOnce,
        "eye_contact.cone_deg",
        Number(1.0, 60.0),
        Is("15.0"),
        "Half angle of the cone that counts as eye contact: 0.78 of it to the side, 1.18 of it \
         up and down, since yaw is measured more accurately than pitch.",
    ),
    live(
        AtOnce,
        "eye_contact.hysteresis_deg",
        Number(0.0, 30.0),
        Is("5.0"),
        "Widening of the cone after a contact was made, until the contact ends.",
    ),
    live(
        AtOnce,
        "eye_contact.centre_yaw_deg",
        Number(-60.0, 60.0),
        Is("0.0"),
        "Direction of the cone's axis, from the camera, positive to the picture's left: people \
         look at the screen, not into the camera.",
    ),
    live(
        AtOnce,
        "eye_contact.centre_pitch_deg",
        Number(-60.0, 60.0),
        Is("0.0"),
        "Direction of the cone's axis, positive up.",
    ),
    live(
        NextSession,
        "eye_contact.calibrate_s",
        Number(0.0, 600.0),
        Is("0.0"),
        "Takes the axis from the most frequent gaze direction in the first seconds with a \
         known gaze instead; 0: off.",
    ),
    live(
        AtOnce,
        "eye_contact.personal",
        Switch,
        Is("true"),
        "Continuously moves the axis by the offset measured for this person's eyes, by at most \
         12 degrees, since eyes differ. The offset is discarded when the person leaves.",
    ),
    key(
        "inference.backend",
        Word(Backend::WORDS),
        Is("\"tract\""),
        "What runs the models. \"tract\": built in, on the CPU. \"onnxruntime\": ONNX \
         Runtime's library, installed separately, on the first of inference.providers that \
         works. \"auto\": ONNX Runtime if it computes on a GPU, else tract. See \
         docs/guide/jetson.md.",
    ),
    key(
        "inference.library",
        Path,
        Unset("\"/usr/local/lib/libonnxruntime.so\""),
        "ONNX Runtime's library (1.17 or newer) or its folder; if not given, boothd searches \
         the system's library folders. The library runs inside boothd: name only one that you \
         trust.",
    ),
    key(
        "inference.providers",
        Texts(1, 3),
        Is("[\"tensorrt\", \"cuda\", \"cpu\"]"),
        "Providers of ONNX Runtime, best first. The log names each provider that does not work \
         and what is missing, and the next one is used.",
    ),
    key(
        "inference.fallback",
        Switch,
        Is("true"),
        "If ONNX Runtime cannot serve, tract does, with one warning; false: boothd does not \
         start (exit code 78). With \"auto\" tract takes over in any case.",
    ),
    key(
        "inference.engine_cache",
        Path,
        Unset("\"/var/lib/boothd/tensorrt\""),
        "Folder for the engines that TensorRT builds at the first start, which takes minutes; \
         if not given, tensorrt in state.dir.",
    ),
    key("models.dir", Path, Is("\"models\""), "The folder with catalog.toml and the models."),
    key("demo.dir", Path, Is("\"demo\""), "The folder with the bundled clip."),
    key(
        "state.dir",
        Path,
        Is("\"state\""),
        "Folder for persistent state, such as the database and the generated token.",
    ),
    key(
        "web.bind",
        Text,
        Is("\"127.0.0.1\""),
        "Address to listen on. Any address other than loopback is reachable from the network, \
         without TLS.",
    ),
    key("web.port", Integer(0, 65_535), Is("8000"), "Port to listen on; 0 selects a free one."),
    key(
        "web.token",
        Text,
        Unset("\"at least 16 characters\""),
        "The operator token. If not given, boothd generates one at the first start, stores it \
         in state.dir/token (mode 0600) and prints it once.",
    ),
    key(
        "web.max_connections",
        Integer(1, 10_000),
        Is("50"),
        "WebSocket connections with a token at a time; the next one gets HTTP 503. Operators have 8 more.",
    ),
    live(
        NextConnection,
        "web.idle_timeout_s",
        Number(1.0, 86_400.0),
        Is("300.0"),
        "A client that sends nothing for so long, not even the answer to a heartbeat, is \
         closed (1001).",
    ),
    live(
        NextConnection,
        "web.heartbeat_s",
        Number(1.0, 3600.0),
        Is("30.0"),
        "Interval of the pings to clients; less than web.idle_timeout_s.",
    ),
    live(
        NextConnection,
        "web.max_message_bytes",
        Integer(1024, 16_777_216),
        Is("10100000"),
        "A longer message closes its connection (1009); in addition, a picture is limited to 5 \
         MB and sound to 10 MB.",
    ),
    live(
        NextConnection,
        "web.rate_limit_per_s",
        Number(1.0, 1000.0),
        Is("20.0"),
        "Messages a second that one client may send, twice that in a burst; further messages \
         are answered by `rate_limited`.",
    ),
    key(
        "web.tls_certificate",
        Path,
        Unset("\"booth.crt\""),
        "The booth's certificate and those between it and its root, PEM; with web.tls_key. The \
         server then accepts TLS only (https, wss). Reloaded when the file changes; an invalid \
         new one changes nothing.",
    ),
    key("web.tls_key", Path, Unset("\"booth.key\""), "The certificate's private key, PEM."),
    key(
        "web.hosts",
        Texts(0, 32),
        Is("[]"),
        "Names by which clients may call the booth besides localhost, the machine's own name \
         (also with .local) and any address; another name gets HTTP 421 (against DNS \
         rebinding).",
    ),
    key(
        "web.origins",
        Texts(0, 32),
        Is("[]"),
        "Origins besides the booth's own whose pages may open the WebSocket, such as \
         \"https://app.example\".",
    ),
    key(
        "web.proxies",
        Texts(0, 32),
        Is("[]"),
        "Reverse proxies in front, by address or network such as \"127.0.0.1\" or \
         \"10.0.0.0/8\": Forwarded or X-Forwarded-For, -Host and -Proto are trusted from these \
         only (docs/guide/proxy.md).",
    ),
    key(
        "web.metrics_public",
        Switch,
        Is("false"),
        "GET /metrics needs no token. Otherwise it needs a viewer token: `Authorization: \
         Bearer`.",
    ),
    live(AtOnce, "features.video", Switch, Is("true"), "Analyse pictures."),
    live(AtOnce, "features.audio", Switch, Is("true"), "Analyse sound."),
    live(AtOnce, "features.face_emotion", Switch, Is("true"), "The 7 basic expressions."),
    live(
        AtOnce,
        "features.face_actions",
        Switch,
        Is("false"),
        "Ten coefficients of facial muscle movement (smile, brow_up, jaw_open, ...). They \
         describe movements, not emotions; Article 5(1)(f) of the AI Act prohibits inferring \
         emotions from them at work. Under policy.profile = \"eu\" they can be switched on at \
         run time only if boothd was started with true here.",
    ),
    live(AtOnce, "features.gaze", Switch, Is("true"), "Gaze and eye contact."),
    live(AtOnce, "features.head_pose", Switch, Is("true"), "Head pose and its stability."),
    live(AtOnce, "features.voice_emotion", Switch, Is("true"), "Arousal of the voice."),
    key(
        "features.preview",
        Switch,
        Is("false"),
        "The camera's picture at /preview.mjpeg, for operators. It can be switched on at run \
         time only if this is true.",
    ),
    key(
        "policy.profile",
        Word(&["default", "eu", "unchosen"]),
        Is("\"default\""),
        "\"eu\" (AI Act, Article 5(1)(f): no emotion inference at work and in hiring) switches \
         both emotion features off and refuses to switch them on. \"unchosen\": no decision \
         was made yet; camera and microphone stay closed and nothing is analysed.",
    ),
    key(
        "policy.require_consent",
        Switch,
        Is("false"),
        "Camera and microphone stay closed until a session with consent runs.",
    ),
    key(
        "policy.notice_version",
        Text,
        Is("\"1\""),
        "Version of the notice that people consent to; consent to another version is refused.",
    ),
    key(
        "light.path",
        Path,
        Unset("\"/sys/class/leds/boothd\""),
        "The recording light, an LED of the kernel: lit while camera or microphone is open, \
         dark otherwise. A light that cannot be switched on keeps both closed. \
         docs/guide/light.md explains how a pin becomes an LED.",
    ),
    live(
        AtOnce,
        "log.level",
        Word(&["error", "warn", "info", "debug", "trace"]),
        Is("\"info\""),
        "Minimum severity of log records.",
    ),
    live(
        AtOnce,
        "store.retention_days",
        Integer(1, 3650),
        Is("90"),
        "Days after which an ended session is deleted, with its consent, metrics and summary.",
    ),
    live(
        AtOnce,
        "store.max_mb",
        Integer(16, 1_000_000),
        Is("1024"),
        "Size of the database in MiB above which the oldest sessions' metrics are deleted \
         early; sessions, consents and summaries stay.",
    ),
    live(
        AtOnce,
        "store.flush_s",
        Number(1.0, 600.0),
        Is("120.0"),
        "Seconds that the metrics of a running session may wait in memory, to limit card wear; \
         a power cut may lose them. Sessions, consents and summaries never wait.",
    ),
    live(
        AtOnce,
        "mqtt.broker",
        Text,
        Unset("\"mqtts://broker.example:8883\""),
        "The MQTT 5 broker of the fleet server: mqtt:// without encryption or mqtts:// with \
         TLS. Not set: there is no fleet server, and the outbox stays empty.",
    ),
    key(
        "mqtt.site",
        Text,
        Is("\"site\""),
        "The location of the booth; with booth.id it forms the topics: boothd/v1/SITE/BOOTH/…",
    ),
    live(AtOnce, "mqtt.username", Text, Unset("\"booth-1\""), "User name for the login."),
    live(
        AtOnce,
        "mqtt.password_file",
        Path,
        Unset("\"mqtt_password\""),
        "The file with the password, read at each attempt to connect. Not set: the systemd \
         credential `mqtt_password` (LoadCredential=), if there is one.",
    ),
    live(
        AtOnce,
        "mqtt.ca_file",
        Path,
        Unset("\"broker_ca.crt\""),
        "CA certificates (PEM) that must have issued the broker's certificate; the system's if \
         not given.",
    ),
    live(
        AtOnce,
        "mqtt.client_certificate",
        Path,
        Unset("\"booth_mqtt.crt\""),
        "The booth's own certificate for a broker that requests one, PEM; with \
         mqtt.client_key.",
    ),
    live(AtOnce, "mqtt.client_key", Path, Unset("\"booth_mqtt.key\""), "Its private key, PEM."),
    live(
        AtOnce,
        "mqtt.commands",
        Texts(0, 6),
        Is("[]"),
        "Commands that the booth executes over MQTT: start, end, features, identify, restart, \
         erase. Every other command is refused.",
    ),
    live(
        AtOnce,
        "mqtt.home_assistant",
        Word(&["off", "device", "entities"]),
        Is("\"off\""),
        "How the booth is announced to Home Assistant: \"device\", in one message (2024.11 and \
         later), or \"entities\", one message for each.",
    ),
    live(
        AtOnce,
        "mqtt.home_assistant_prefix",
        Text,
        Is("\"homeassistant\""),
        "Home Assistant's discovery prefix.",
    ),
    live(
        AtOnce,
        "mqtt.replay_per_s",
        Integer(1, 10_000),
        Is("200"),
        "Maximum number of outbox messages a second, so that many booths reconnecting at once \
         do not overload the broker.",
    ),
    live(
        AtOnce,
        "mqtt.outbox_max_mb",
        Integer(1, 100_000),
        Is("64"),
        "Size of the outbox in MiB; above it the oldest messages are deleted and counted.",
    ),
    live(
        AtOnce,
        "mqtt.outbox_max_days",
        Integer(1, 3650),
        Is("30"),
        "Days that a message may wait for the broker.",
    ),
    live(
        AtOnce,
        "mqtt.keep_alive_s",
        Integer(5, 3600),
        Is("30"),
        "Keep-alive interval of the connection; after one and a half intervals without a \
         message the broker publishes the last will.",
    ),
    key(
        "fleet.history_days",
        Integer(1, 3650),
        Is("90"),
        "Of `boothd fleet`: days for which the fleet server stores minute metrics, sessions, \
         summaries, events and alerts, and remembers a silent booth.",
    ),
    key(
        "fleet.offline_after_s",
        Integer(35, 3600),
        Is("90"),
        "Of `boothd fleet`: seconds of silence after which a booth counts as offline; booths \
         publish a message every 30 s.",
    ),
    key(
        "fleet.outbox_depth",
        Integer(1, 10_000_000),
        Is("1000"),
        "Of `boothd fleet`: number of records waiting in a booth above which an alert is \
         raised.",
    ),
    key(
        "fleet.client_id",
        Text,
        Is("\"boothd-fleet\""),
        "Of `boothd fleet`: names the fleet server's session at the broker; two fleet servers \
         at one broker need two names.",
    ),
];
