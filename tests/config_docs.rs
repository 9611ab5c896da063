//! The configuration's promises: every mistake is reported at once with its place, the sample file
//! equals the defaults, and the documentation of the keys matches the table.
//!
//! `UPDATE_DOCS=1` rewrites the two files.

use std::{env, fs, path::Path};

use boothd::{
    capture::{camera::CameraConfig, microphone::MicrophoneConfig, source::SourceKind},
    config::{self, Config, Fallback, KEYS, Place, Problem},
    engine::EngineConfig,
    error::ErrorKind,
    features::Features,
    http::HttpConfig,
    inference::{Backend, Provider},
    session::SessionConfig,
    speech::SpeechConfig,
    store::StoreConfig,
    vision::{ExpressionChoice, VisionConfig},
};

fn resolve(text: &str, overrides: &[&str]) -> Result<Config, Vec<Problem>> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Config::resolve(Some(text), &overrides, Path::new("/data"))
}

fn problems(text: &str, overrides: &[&str]) -> Vec<String> {
    let problems = resolve(text, overrides).expect_err("there are mistakes");
    problems.iter().map(Problem::to_string).collect()
}

/// What the files have must be what the table gives.
fn compare(path: &str, made: &str) {
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, made).expect("the file should be writable");
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == made, "{path} is stale: UPDATE_DOCS=1 cargo test --test config_docs");
}

#[test]
fn the_sample_file_is_what_the_table_gives() {
    compare("boothd.sample.toml", &config::sample());
}

#[test]
fn the_reference_is_what_the_table_gives() {
    fs::create_dir_all("docs/ref").expect("docs should be writable");
    compare("docs/ref/config.md", &config::reference());
}

/// The sample with the `#` in front of its keys taken away.
fn uncommented(with_examples: bool) -> String {
    let mut text = String::new();
    let mut table = String::new();
    for line in config::sample().lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
        }
        let bare = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        let name = bare.and_then(|bare| bare.split_once(" = ")).map(|(name, _)| name);
        let key = name.map(|name| format!("{table}.{name}"));
        let key = key.map(|name| KEYS.iter().find(|key| key.name == name).expect("is a key"));
        match (bare, key) {
            (Some(bare), Some(key))
                if with_examples || matches!(key.default, Fallback::Is(_)) =>
            {
                text.push_str(bare);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_sample_file_is_empty_and_uncommented_it_is_the_defaults() {
    let defaults = Config::resolve(None, &[], Path::new("/data")).expect("defaults are right");
    let sample = resolve(&config::sample(), &[]).expect("a sample without mistakes");
    assert_eq!(format!("{sample:?}"), format!("{defaults:?}"));
    // Keys that stand for each other may not both be given, even as they are by default.
    let given: String = uncommented(false)
        .lines()
        .filter(|line| !line.starts_with("centre_") && !of_own_expression(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let given = resolve(&given, &[]).expect("defaults without mistakes");
    assert_eq!(format!("{given:?}"), format!("{defaults:?}"));
}

/// Keys that need `vision.expression.file` beside them.
fn of_own_expression(line: &str) -> bool {
    let name = line.split_once(" = ").map(|(name, _)| name);
    KEYS.iter().any(|key| key.table() == "vision.expression" && Some(key.short_name()) == name)
}

#[test]
fn the_tables_defaults_are_the_stages_own() {
    let config = Config::resolve(None, &[], Path::new("/data")).expect("defaults are right");
    assert_eq!(config.camera, CameraConfig::default());
    assert_eq!(config.microphone, MicrophoneConfig::default());
    assert_eq!(config.vision, VisionConfig::default());
    assert_eq!(config.speech, SpeechConfig::default());
    assert_eq!(format!("{:?}", config.engine), format!("{:?}", EngineConfig::default()));
    assert_eq!(format!("{:?}", config.session), format!("{:?}", SessionConfig::default()));
    assert_eq!(format!("{:?}", config.web), format!("{:?}", HttpConfig::default()));
    assert_eq!(config.store, StoreConfig::default());
}

#[test]
fn providers_are_known_words_each_once() {
    let of = |text: &str| resolve(&format!("[inference]\n{text}"), &[]).map(|c| c.inference);
    let inference =
        of("backend = \"auto\"\nproviders = [\"cuda\", \"cpu\"]").expect("is right");
    assert_eq!(inference.backend, Backend::Auto);
    assert_eq!(inference.providers, [Provider::Cuda, Provider::Cpu]);
    assert_eq!(inference.engine_cache, Path::new("/data/state/tensorrt"));
    assert_eq!(
        problems("[inference]\nproviders = [\"cuda\", \"gpu\", \"cuda\"]", &[]),
        [
            "line 2, column 13: inference.providers knows \"tensorrt\", \"cuda\" and \"cpu\", not \"gpu\"",
            "line 2, column 13: inference.providers names \"cuda\" twice",
        ]
    );
}

#[test]
fn every_example_is_of_its_keys_kind() {
    let examples = uncommented(true)
        .replace("64 hex digits", &"ab".repeat(32))
        .replace("at least 16 characters", "at-least-16-characters");
    let config = resolve(&examples, &[]).expect("examples without mistakes");
    let ExpressionChoice::Own(own) = config.vision.expression else {
        panic!("the example is an own model")
    };
    assert_eq!(own.file, Path::new("/data/my_expression.onnx"));
    assert_eq!(own.picture.expect("is described").labels.len(), 7);
}

#[test]
fn five_mistakes_are_reported_at_once_with_line_and_column() {
    let text = "\
[video]
fsp = 2
fps = 31
width_px = \"wide\"
source = \"camera\"
fps = 5
";
    let found = problems(text, &[]);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(found[0], "line 2, column 1: video.fsp is unknown; is video.fps meant?");
    assert_eq!(found[1], "line 3, column 7: video.fps must be a number from 1 to 30, is 31");
    assert_eq!(
        found[2],
        "line 4, column 12: video.width_px must be a whole number from 16 to 4096, is \"wide\""
    );
    assert_eq!(
        found[3],
        "line 5, column 10: video.source must be one of \"auto\", \"device\", \"file\", \"off\", \
         is \"camera\""
    );
    assert_eq!(found[4], "line 6, column 1: duplicate key");
}

#[test]
fn broken_toml_does_not_hide_other_mistakes() {
    let found = problems("[audio]\nhop_ms = \n[web]\nport = 70000\n", &[]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("line 2, column "), "{}", found[0]);
    assert!(found[1].starts_with("line 4, column 8: web.port must be"), "{}", found[1]);
}

#[test]
fn a_column_counts_characters_not_bytes() {
    let found =
        resolve("booth.id = \"北京\"\nweb = { port = \"北\", 口 = 1 }\n", &[]).unwrap_err();
    let places: Vec<Place> = found.iter().map(|problem| problem.place).collect();
    let at = |column| Place::File { line: 2, column };
    assert_eq!(places, [at(16), at(21)]);
}

#[test]
fn a_misspelt_table_is_one_mistake() {
    let found = problems("[vidoe]\nfps = 3\nsource = \"off\"\n", &[]);
    assert_eq!(found, ["line 1, column 2: vidoe is unknown; is video meant?"]);
    let found = problems("video = 3\nzzzzzzzzzzzzz = 1\n", &[]);
    assert_eq!(found[0], "line 1, column 9: video is a table, not an integer; write [video]");
    assert!(found[1].ends_with("is unknown; docs/ref/config.md lists every key"));
}

#[test]
fn keys_are_judged_together() {
    let text = "\
[audio]
source = \"file\"
segment_ms = 1000
hop_ms = 1500
[web]
heartbeat_s = 60
idle_timeout_s = 20
bind = \"localhost\"
token = \"short\"
tls_key = \"key.pem\"
hosts = [\"http://booth\"]
origins = [\"https://desk.example/\"]
[policy]
profile = \"eu\"
[features]
voice_emotion = true
[vision.expression]
size_px = 112
";
    let found = problems(text, &[]);
    let expected = [
        "line 2, column 10: audio.source is \"file\"",
        "line 4, column 10: audio.hop_ms must be at most audio.segment_ms (1000), is 1500",
        "line 6, column 15: web.heartbeat_s must be less than",
        "line 8, column 8: web.bind must be an IP address",
        "line 9, column 9: web.token must have at least 16 characters",
        "line 10, column 11: web.tls_key is given, so web.tls_certificate must be given too",
        "line 11, column 9: web.hosts holds \"http://booth\", which must be a host's name",
        "line 12, column 11: web.origins holds \"https://desk.example/\", which must be an origin",
        "line 16, column 17: features.voice_emotion may not be true under policy.profile",
        "line 18, column 11: vision.expression.size_px is given without vision.expression.file",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn the_other_key_of_a_pair_is_blamed_when_only_it_was_given() {
    let found = problems("[audio]\nsegment_ms = 600\n", &[]);
    assert!(
        found[0].starts_with("line 2, column 14: audio.hop_ms must be at most"),
        "{found:?}"
    );
}

#[test]
fn eu_switches_emotion_off() {
    let features = resolve("policy.profile = \"eu\"", &[]).expect("no mistakes").features;
    assert!(!features.face_emotion && !features.voice_emotion);
    assert!(features.gaze && features.video);
}

#[test]
fn the_actions_of_the_face_are_off_until_they_are_asked_for() {
    let standard = resolve("", &[]).expect("no mistakes");
    assert!(!standard.features.face_actions && standard.policy.ceiling.face_actions);
    let eu = resolve("policy.profile = \"eu\"", &[]).expect("no mistakes");
    assert!(!eu.features.face_actions && !eu.policy.ceiling.face_actions);
    let text = "policy.profile = \"eu\"\nfeatures.face_actions = true";
    let decided = resolve(text, &[]).expect("the law's text leaves it to the operator");
    assert!(decided.features.face_actions && decided.policy.ceiling.face_actions);
}

#[test]
fn an_unchosen_policy_switches_everything_off_and_is_no_mistake() {
    let text = "policy.profile = \"unchosen\"\nfeatures.face_emotion = true";
    let config = resolve(text, &[]).expect("no mistakes");
    assert_eq!((config.features, config.policy.ceiling), (Features::NONE, Features::NONE));
    assert!(config.policy.check_chosen().is_err());
}

#[test]
fn overrides_win_and_are_judged_alike() {
    let set =
        ["video.fps=5", "video.device=/dev/video2", "web.port = 0", "video.source=\"off\""];
    let config = resolve("[video]\nfps = 3\n", &set).expect("no mistakes");
    assert!((config.camera.fps - 5.0).abs() < f64::EPSILON);
    assert_eq!(config.camera.device, "/dev/video2");
    assert_eq!(config.sources.video, None);
    assert_eq!(config.listen.port(), 0);
    let found = problems("", &["video.fps=fast", "vidoe.fps=1", "video.fps"]);
    assert_eq!(
        found,
        [
            "--set: video.fps must be a number from 1 to 30, is fast",
            "--set: vidoe.fps is unknown; is video.fps meant?",
            "--set: video.fps needs a value: --set key=value",
        ]
    );
}

#[test]
fn paths_are_meant_from_the_data_directory_or_from_the_shell() {
    let text = "video = { source = \"file\", file = \"a.mjpeg\", file_fps = 5 }";
    let config = resolve(text, &["audio.source=file", "audio.file=b.wav"]).expect("right");
    let file = |path: &str, fps| Some(SourceKind::File { path: path.into(), fps });
    assert_eq!(config.sources.video, file("/data/a.mjpeg", Some(5.0)));
    assert_eq!(config.sources.audio, file("b.wav", None));
    assert_eq!(config.models_dir, Path::new("/data/models"));
}

#[test]
fn a_file_becomes_one_error_that_lists_them_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("boothd.toml");
    fs::write(&path, "[video]\nfps = 0\n[web]\nport = -1\n").expect("written");
    let error = Config::load(Some(&path), &[], folder.path()).expect_err("two mistakes");
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.starts_with(&format!("2 mistakes in the configuration ({})", path.display())));
    assert!(text.contains("line 2, column 7: video.fps") && text.contains("line 4, column 8"));
    let missing = folder.path().join("none.toml");
    let error = Config::load(Some(&missing), &[], folder.path()).expect_err("no file");
    assert!(error.to_string().contains("none.toml"));
}

#[test]
fn every_key_stands_in_the_reference_and_a_token_in_no_debug_output() {
    let reference = config::reference();
    for key in KEYS {
        assert!(reference.contains(&format!("| `{}` |", key.name)), "{} is missing", key.name);
    }
    let config = resolve("web.token = \"correct-horse-battery\"", &[]).expect("right");
    assert!(!format!("{config:?}").contains("horse"));
}

#[test]
fn the_broker_and_what_belongs_to_it_are_judged_together() {
    let found = problems(
        "\
booth.id = \"a/b\"
[mqtt]
broker = \"mqtt://broker:1883\"
site = \"+\"
password_file = \"secret\"
ca_file = \"ca.crt\"
client_certificate = \"booth.crt\"
commands = [\"start\", \"dance\"]
home_assistant_prefix = \"ha/#\"
",
        &[],
    );
    let expected = [
        "line 1, column 12: booth.id must be a level of MQTT topics",
        "line 4, column 8: mqtt.site must be a level of MQTT topics",
        "line 5, column 17: mqtt.password_file is given, so mqtt.username must be given too",
        "line 6, column 11: mqtt.ca_file needs mqtt.broker to begin with mqtts://",
        "line 7, column 22: mqtt.client_certificate needs mqtt.broker to begin with mqtts://",
        "line 7, column 22: mqtt.client_certificate is given, so mqtt.client_key must be given",
        "line 8, column 12: mqtt.commands holds \"dance\", which must be one of start, end,",
        "line 9, column 25: mqtt.home_assistant_prefix must be the begin of a topic",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    let found = problems("[mqtt]\nusername = \"a\"\n", &[]);
    assert_eq!(found, ["line 2, column 12: mqtt.username is given without mqtt.broker"]);
    for bad in [
        "broker",
        "http://a",
        "mqtt://",
        "mqtt://a:0",
        "mqtt://a:b",
        "mqtt://u:p@a",
        "mqtts://[::1]",
    ] {
        assert_eq!(problems("", &[&format!("mqtt.broker={bad}")]).len(), 1, "{bad}");
    }
}

#[test]
fn a_broker_has_a_port_and_fills_the_outbox() {
    let without = resolve("", &[]).expect("no broker");
    assert!(without.mqtt.is_none() && without.store.outbox.is_none());
    for (text, host, port, is_tls) in [
        ("mqtt://a", "a", 1883, false),
        ("mqtts://a/", "a", 8883, true),
        ("mqtt://[::1]:1884", "[::1]", 1884, false),
    ] {
        let config = resolve("", &[&format!("mqtt.broker={text}")]).expect("is right");
        let mqtt = config.mqtt.expect("a broker");
        let found = (&*mqtt.host, mqtt.port, mqtt.tls.is_some());
        assert_eq!(found, (host, port, is_tls));
        assert_eq!(config.store.outbox.expect("an outbox").max_bytes, 64 << 20);
    }
}
