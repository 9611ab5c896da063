//! ONNX Runtime beside tract, through the real program: the same report from both, and what an
//! operator reads when the library or a provider is missing or broken.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that shows what it measured"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use boothd::inference::Runtime;
use boothd_test_support::{daemon, onnxruntime};
use daemon::{BOOTHD, Daemon, boothd};
use onnxruntime::{folder, wanted};
use serde_json::Value;

const DEMO: [&str; 4] = [
    "video.source=file",
    "video.file=demo/face_640x480.mjpeg",
    "audio.source=file",
    "audio.file=demo/speech_16k.wav",
];

fn daemon(backend: &str, library: &Path, more: &[&str]) -> Daemon {
    let library = format!("inference.library={}", library.display());
    let backend = format!("inference.backend={backend}");
    let mut settings = vec![&*backend, &*library];
    settings.extend(DEMO);
    settings.extend(more);
    Daemon::start(Command::new(&*BOOTHD), &settings)
}

// -- the same report -----------------------------------------------------------------------------

/// Every report of the bundled clip: of pictures, of sound.
fn reports(backend: &str) -> (Vec<Value>, Vec<Value>) {
    let mut command = boothd(Command::new(&*BOOTHD));
    command.args(["analyze", "--json", "--hop-ms", "1000"]);
    command.args(["--video", "demo/face_640x480.mjpeg", "--audio", "demo/speech_16k.wav"]);
    command.args(["--set", &format!("inference.backend={backend}")]);
    command.args(["--set", &format!("inference.library={}", folder().display())]);
    command.args(["--set", "inference.fallback=false"]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).cloned().collect();
    (of("visual"), of("audio"))
}

/// In how many of the pairs that both know the field differs, and the largest difference.
fn difference(field: &str, ours: &[Value], theirs: &[Value]) -> (usize, f64) {
    let (mut differ, mut largest) = (0, 0.0_f64);
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (ours, theirs) = (ours.pointer(field).unwrap(), theirs.pointer(field).unwrap());
        match (ours.as_f64(), theirs.as_f64()) {
            (Some(ours), Some(theirs)) => largest = largest.max((ours - theirs).abs()),
            _ => differ += usize::from(ours != theirs),
        }
    }
    println!("{field}: {differ} of {} differ, by at most {largest:.5}", ours.len());
    (differ, largest)
}

#[test]
fn both_runtimes_give_the_same_report_on_the_bundled_clip() {
    let (tract, onnxruntime) = (reports("tract"), reports("onnxruntime"));
    let (faces, others) = (&onnxruntime.0, &tract.0);
    assert_eq!((faces.len(), others.len()), (240, 240));
    for field in ["/face_detected", "/eye_contact", "/blink", "/quality/verdict"] {
        assert!(difference(field, faces, others).0 <= 2, "{field}");
    }
    // METRICS' bar for a quantized model is 99 %.
    assert!(difference("/dominant_emotion", faces, others).0 <= 2);
    let with_face = |seen: &[Value]| -> Vec<Value> {
        seen.iter().filter(|seen| !seen["head_pose"].is_null()).cloned().collect()
    };
    let (faces, others) = (with_face(faces), with_face(others));
    assert_eq!(faces.len(), others.len());
    for angle in ["/head_pose/yaw_deg", "/head_pose/pitch_deg", "/head_pose/roll_deg"] {
        assert!(difference(angle, &faces, &others).1 <= 1.0, "{angle}");
    }
    assert!(difference("/mouth_open_ratio", &faces, &others).1 <= 0.02);
    let (voices, others) = (&onnxruntime.1, &tract.1);
    assert!(voices.len() > 5 && voices.len() == others.len());
    for field in ["/audio_detected", "/syllable_count", "/pause_count", "/pitch_median"] {
        assert_eq!(difference(field, voices, others), (0, 0.0), "{field}");
    }
    assert!(difference("/speech_ratio", voices, others).1 <= 0.011);
}

// -- the daemon ----------------------------------------------------------------------------------

#[test]
fn missing_providers_are_reported_one_by_one_and_the_processor_serves() {
    let daemon = daemon("onnxruntime", folder(), &[]);
    for provider in ["tensorrt", "cuda"] {
        let line = daemon.wait_for_log(&format!("provider={provider}"));
        assert!(line.contains("WARN") && line.contains("was built without it"), "{line}");
        assert!(line.contains("onnxruntime-gpu"), "it names the remedy: {line}");
    }
    let line = daemon.wait_for_log("ONNX Runtime runs the models");
    assert!(line.contains("INFO") && line.contains("onnxruntime 1.32.0 (cpu)"), "{line}");
    daemon.wait_for_health("both stages", |health| {
        health["vision"]["source"] == "onnxruntime 1.32.0 (cpu)"
            && health["speech"]["source"] == "onnxruntime 1.32.0 (cpu)"
    });
    let mut watcher = daemon.watch();
    assert_eq!(watcher.next("visual_analysis")["face_detected"], true);
    watcher.next("audio_analysis");
    assert!(daemon.terminate().0.success());
}

#[test]
fn a_broken_library_is_one_line_and_tract_serves() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("libonnxruntime.so");
    fs::write(&broken, "a page that says that the download has failed").unwrap();
    let daemon = daemon("onnxruntime", &broken, &[]);
    let line = daemon.wait_for_log("tract runs the models");
    assert!(line.contains("WARN  inference: ONNX Runtime cannot serve"), "{line}");
    assert!(line.contains("it is no library; reinstall ONNX Runtime"), "{line}");
    daemon.wait_for_health("tract", |health| health["vision"]["source"] == "tract");
    assert_eq!(daemon.watch().next("visual_analysis")["face_detected"], true);
    assert!(daemon.terminate().0.success());
}

#[test]
fn auto_leaves_the_processor_to_tract() {
    let daemon = daemon("auto", folder(), &["audio.source=off"]);
    let line = daemon.wait_for_log("tract runs the models");
    assert!(line.contains("would compute on the processor"), "{line}");
    daemon.wait_for_health("tract", |health| health["vision"]["source"] == "tract");
}

// -- what may be wrong with a library ------------------------------------------------------------

/// A wrong file, and the error that reports it.
fn unusable(dir: &Path) -> Vec<(PathBuf, &'static str)> {
    let whole = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let whole =
        whole.into_iter().find(|path| path.to_string_lossy().contains("libonnxruntime.so"));
    let whole = fs::read(whole.unwrap()).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(dir.join(name), bytes).unwrap();
        dir.join(name)
    };
    let mut other_machine = whole[..4096].to_vec();
    other_machine[18..20].copy_from_slice(&8_u16.to_le_bytes());
    vec![
        (dir.join("gone.so"), "No such file"),
        (dir.to_owned(), "there is no libonnxruntime.so in"),
        (file("text.so", b"<html>"), "it is no library"),
        (file("short.so", &whole[..whole.len() / 2]), "it is cut short"),
        (file("mips.so", &other_machine), "it is for another processor"),
        (compiled(dir, "other", ""), "it is another library"),
        (compiled(dir, "needy", "-lgone"), "libgone.so: cannot open shared object file"),
        (compiled(dir, "old", OLD), "it is version 1.12.1; install 1.17 or newer"),
        (compiled(dir, "empty", "base null"), "it gives no interface"),
    ]
}

const OLD: &str = "an old version";

/// A library made here: with `OrtGetApiBase` as an old ONNX Runtime has it, one that needs a
/// library that is not there, or none of it.
fn compiled(dir: &Path, name: &str, kind: &str) -> PathBuf {
    let source = match kind {
        OLD => {
            "static const void *api(unsigned v) { return 0; }\n\
             static const char *version(void) { return \"1.12.1\"; }\n\
             static const void *base[2] = {(void *)api, (void *)version};\n\
             const void *OrtGetApiBase(void) { return base; }\n"
        }
        "base null" => "const void *OrtGetApiBase(void) { return 0; }\n",
        _ => "int nothing_of_onnxruntime;\n",
    };
    let gcc = |name: &str, source: &str, more: &[&str]| {
        let (from, to) = (dir.join(format!("{name}.c")), dir.join(format!("{name}.so")));
        fs::write(&from, source).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-o"]).arg(&to).arg(&from).args(more);
        assert!(gcc.status().unwrap().success());
        to
    };
    if kind != "-lgone" {
        return gcc(name, source, &[]);
    }
    let gone = gcc("libgone", "int gone = 1;\n", &["-Wl,-soname,libgone.so"]);
    let uses = "extern int gone;\nint *use(void) { return &gone; }\n";
    let needy = gcc(name, uses, &[gone.to_str().unwrap()]);
    fs::remove_file(gone).unwrap();
    needy
}

#[test]
fn every_unusable_library_is_one_clear_line_and_exit_code_78() {
    let dir = tempfile::tempdir().unwrap();
    for (library, expected) in unusable(dir.path()) {
        let mut command = boothd(Command::new(&*BOOTHD));
        command.args(["run", "--set", "web.port=0", "--set", "inference.backend=onnxruntime"]);
        command.args(["--set", "inference.fallback=false"]);
        command.args(["--set", &format!("inference.library={}", library.display())]);
        command.args(["--set", &format!("state.dir={}/state", dir.path().display())]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        println!("{stderr}");
        assert_eq!(output.status.code(), Some(78), "{stderr}");
        assert!(stderr.contains(expected), "{expected:?} is not in {stderr}");
        assert_eq!(stderr.lines().count(), 2, "the sentence and its cause: {stderr}");
        // The same where tract may take over: no panic, no crash.
        let mut config = wanted(&library);
        config.may_fall_back = true;
        assert!(Runtime::start(&config).is_ok());
    }
}
