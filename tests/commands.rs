//! The commands that a person types, as child processes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use boothd::{decode::mjpeg::MjpegReader, vision::EXPRESSIONS};
use boothd_test_support::daemon::printed as boothd;
use serde_json::Value;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The first pictures of the bundled clip.
fn pictures(count: usize) -> Vec<Vec<u8>> {
    let clip = fs::File::open(project().join("demo/face_640x480.mjpeg")).expect("is committed");
    let mut reader = MjpegReader::new(std::io::BufReader::new(clip));
    (0..count).map(|_| reader.read().expect("readable").expect("long enough")).collect()
}

#[test]
fn analyze_tells_every_frame_and_segment_the_same_on_each_run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let video = dir.path().join("a.mjpeg");
    fs::write(&video, pictures(20).concat()).expect("ours");
    let (video, audio) = (video.display().to_string(), project().join("demo/speech_16k.wav"));
    let audio = audio.display().to_string();
    let arguments = [
        "analyze",
        "--video",
        &video,
        "--audio",
        &audio,
        "--video-fps",
        "15",
        "--json",
        "--tracks",
    ];
    let (code, first, error) = boothd(&arguments);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(boothd(&arguments).1, first, "two runs differ");
    let lines = lines(&first);
    let visual = of_kind(&lines, "visual");
    assert_eq!(visual.len(), 20);
    assert!((visual[15]["media_ms"].as_f64().expect("a number") - 1000.0).abs() < 0.01);
    assert_eq!(visual[0]["landmarks"].as_array().map(Vec::len), Some(478));
    // 11 s are 3 whole segments and what is left.
    let audio = of_kind(&lines, "audio");
    let starts: Vec<_> = audio.iter().map(|line| line["media_ms"].as_f64()).collect();
    assert_eq!(starts, [0.0, 3000.0, 6000.0, 9000.0].map(Some));
    assert_eq!(audio[0]["f0_track_hz"].as_array().map(Vec::len), Some(300));
    assert_eq!(audio[3]["segment_ms"], 2000.0);
    assert_eq!(of_kind(&lines, "summary").len(), 1);
    assert_eq!(lines.last().expect("lines")["kind"], "summary");
}

#[test]
fn analyze_paces_when_asked() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let video = dir.path().join("a.mjpeg");
    fs::write(&video, pictures(30).concat()).expect("ours");
    let video = video.display().to_string();
    let (code, out, error) =
        boothd(&["analyze", "--video", &video, "--video-fps", "15", "--fps", "2", "--json"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(of_kind(&lines(&out), "visual").len(), 4);
}

#[test]
fn analyze_passes_over_a_broken_picture_and_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (number, picture) in pictures(3).iter().enumerate() {
        let picture = if number == 1 { &picture[..200] } else { picture };
        fs::write(dir.path().join(format!("{number}.jpg")), picture).expect("ours");
    }
    let folder = dir.path().display().to_string();
    let (code, out, error) = boothd(&["analyze", "--video", &folder, "--json"]);
    assert_eq!(code, Some(0), "{error}");
    let lines = lines(&out);
    assert_eq!(of_kind(&lines, "visual").len(), 2, "{out}");
    assert_eq!(of_kind(&lines, "error").len(), 1, "{out}");
}

#[test]
fn what_cannot_be_analysed_is_refused_with_what_to_do() {
    for (arguments, words) in [
        (&["analyze", "--video", "no-such.mjpeg"][..], "no-such.mjpeg"),
        (&["analyze", "--video", "clip.mp4"], "ffmpeg"),
        (&["analyze", "--audio", "clip.ogg"], "ffmpeg"),
        (&["analyze"], "--video"),
    ] {
        let (code, _, error) = boothd(arguments);
        assert_ne!(code, Some(0));
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

fn labelled(dir: &Path, label: &str, pictures: &[Vec<u8>]) {
    let folder = dir.join(label);
    fs::create_dir_all(&folder).expect("ours");
    for (number, picture) in pictures.iter().enumerate() {
        fs::write(folder.join(format!("{number}.jpg")), picture).expect("ours");
    }
}

#[test]
fn evaluate_judges_labelled_pictures_both_ways() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // The person of the clip smiles; half of the truth is a lie, so half must be wrong.
    labelled(dir.path(), "happy", &pictures(4));
    labelled(dir.path(), "sad", &pictures(4));
    let folder = dir.path().display().to_string();
    let (code, out, error) = boothd(&["evaluate", "expression", &folder, "--json"]);
    assert_eq!(code, Some(0), "{error}");
    let found = &lines(&out)[0];
    assert_eq!((&found["n"], &found["skipped"]), (&8.into(), &0.into()), "{out}");
    assert_eq!((&found["accuracy"], &found["mean_recall"]), (&0.5.into(), &0.5.into()));
    let happy = EXPRESSIONS.iter().position(|label| *label == "happy").expect("is one");
    let sad = EXPRESSIONS.iter().position(|label| *label == "sad").expect("is one");
    assert_eq!(found["confusion"][sad][happy], 4, "{out}");
    assert!(found["ece"].as_f64().expect("a number") > 0.3, "{out}");
    let (code, out, error) =
        boothd(&["evaluate", "expression", &folder, "--aligned", "--json"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(lines(&out)[0]["n"], 8);
    let (code, out, _) = boothd(&["evaluate", "expression", &folder]);
    assert!(code == Some(0) && out.contains("mean recall"), "{out}");
}

#[test]
fn an_operators_own_expression_model_comes_in_by_config_alone() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    labelled(dir.path(), "happy", &pictures(2));
    let folder = dir.path().display().to_string();
    let model = project().join("models/emotion_fer.w8.onnx");
    let file = format!("vision.expression.file={}", model.display());
    let evaluate = |labels: &str| {
        let labels = format!("vision.expression.labels={labels}");
        let settings = [
            file.as_str(),
            "vision.expression.size_px=64",
            "vision.expression.colour=grey",
            "vision.expression.mean=[127.5]",
            "vision.expression.std=[127.5]",
            "vision.expression.output=probabilities",
            &labels,
        ];
        let mut arguments = vec!["evaluate", "expression", &folder, "--json"];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        boothd(&arguments)
    };
    let labels = r#"["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]"#;
    let (code, out, error) = evaluate(labels);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(lines(&out)[0]["accuracy"], 1.0, "{out}");
    // The same model with its labels in another order gives other results: the order is used.
    let turned = r#"["happy", "disgust", "fear", "angry", "sad", "surprise", "neutral"]"#;
    let (code, out, error) = evaluate(turned);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(lines(&out)[0]["accuracy"], 0.0, "{out}");
    let (code, _, error) = evaluate(r#"["joy", "a", "b", "c", "d", "e", "f"]"#);
    assert!(code == Some(78) && error.contains("joy"), "{code:?} {error}");
}

#[test]
fn evaluate_refuses_what_is_no_label() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    labelled(dir.path(), "joyful", &pictures(1));
    let (code, _, error) =
        boothd(&["evaluate", "expression", &dir.path().display().to_string()]);
    assert_eq!(code, Some(65));
    assert!(error.contains("joyful") && error.contains("happy"), "{error}");
}

#[test]
fn check_config_tells_five_mistakes_at_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("boothd.toml");
    let text = "[video]\nfsp = 2\nfps = 31\nwidth_px = \"wide\"\nsource = \"camera\"\n[webb]\nport = 1\n";
    fs::write(&path, text).expect("ours");
    let path = path.display().to_string();
    let (code, _, error) = boothd(&["--config", &path, "check-config"]);
    assert_eq!(code, Some(78));
    for line in 2..=5 {
        assert!(error.contains(&format!("line {line}, column")), "{error}");
    }
    assert!(error.contains("5 mistakes"), "{error}");
    let (code, out, _) = boothd(&["check-config"]);
    assert!(code == Some(0) && out.contains("good"), "{out}");
}

#[test]
fn bench_measures_every_step() {
    let (code, out, error) = boothd(&["bench", "--json", "--rounds", "1"]);
    assert_eq!(code, Some(0), "{error}");
    let measured = &lines(&out)[0];
    for name in ["frame", "segment"] {
        for number in ["cpu_ms_median", "wall_ms_p50", "wall_ms_p95"] {
            assert!(measured[name][number].as_f64().is_some_and(|ms| ms > 0.0), "{out}");
        }
    }
    let components = ["decode", "landmarks", "geometry", "expression", "activity", "f0"];
    for component in components {
        assert!(measured["stages"][component]["cpu_ms_median"].is_f64(), "{component}: {out}");
    }
    assert!(measured["rss_mb"].as_f64().is_some_and(|mb| mb > 1.0), "{out}");
}

#[test]
fn devices_and_version_answer() {
    let (code, out, _) = boothd(&["devices", "--json"]);
    assert_eq!(code, Some(0));
    assert!(lines(&out)[0]["cameras"].is_array());
    let (code, out, _) = boothd(&["--version"]);
    assert_eq!((code, out.trim()), (Some(0), concat!("boothd ", env!("CARGO_PKG_VERSION"))));
}
