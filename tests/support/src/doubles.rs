//! Cameras and microphones without hardware: compiles tests/doubles and drives them.
//!
//! A [`Booth`] is a folder with its own /dev and sound set-up. Give its environment to a child
//! process with [`Booth::command`]; then plug in, unplug and break its devices from outside. Or
//! run a whole test inside that environment with [`in_booth`].

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::place::{project, scratch};

/// A folder that stands in for a machine's devices.
pub struct Booth {
    path: PathBuf,
    /// Removes the folder; `None` where the parent process does.
    _dir: Option<TempDir>,
}

/// Both devices, as an appliance has them, and segments that come soon.
pub const DEVICES: [&str; 6] = [
    "video.source=device",
    "audio.source=device",
    "video.device=auto",
    "audio.device=mic",
    "audio.segment_ms=500",
    "audio.hop_ms=500",
];

/// A camera that shows the bundled clip.
pub fn plug_in_camera(booth: &Booth, number: u32, more: &[&str]) {
    let clip = project("demo/face_640x480.mjpeg");
    let media = format!("media={}", clip.display());
    let mut lines = vec![media.as_str(), "formats=MJPG", "fps=15"];
    lines.extend(more);
    booth.camera(number, &lines);
}

/// A microphone that plays the bundled speech.
pub fn plug_in_microphone(booth: &Booth) {
    let clip = project("demo/speech_16k.wav");
    let wav = fs::read(clip).expect("it is in the repository");
    let samples: Vec<i16> =
        wav[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    booth.sound("sound.raw", &samples);
    booth.microphone(&[]);
}

/// The environment variable with the folder of a child process's booth.
const BOOTH_DIR: &str = "BOOTH_DOUBLES_DIR";

/// Runs `body` in a child process that has a booth's devices instead of the machine's.
///
/// The child is this test binary, asked for the test `name`; only there `body` runs, and the
/// test passes only if the child reports that it did.
pub fn in_booth(name: &str, body: impl FnOnce(&Booth)) {
    if let Some(path) = std::env::var_os(BOOTH_DIR) {
        return body(&Booth { path: path.into(), _dir: None });
    }
    let booth = Booth::new();
    let mut child = booth.command(std::env::current_exe().expect("this binary has a path"));
    child.args([name, "--exact", "--nocapture"]).env(BOOTH_DIR, &booth.path);
    let output = child.output().expect("this binary can run itself");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    print!("{out}");
    let ran = out.contains("1 passed");
    assert!(output.status.success() && ran, "in the booth:\n{out}\n{err}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Booth {
    /// Compiles the doubles; nothing is plugged in yet.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let booth = Booth { path: dir.path().to_owned(), _dir: Some(dir) };
        fs::create_dir_all(booth.path("dev/v4l/by-id")).expect("the folder is ours");
        let plugin = compiled("pcm_booth.c", "libasound_module_pcm_boothfile.so", "-lasound");
        let conf = fs::read_to_string(source("asound.conf")).expect("it is in the repository");
        let conf = conf
            .replace("@PLUGIN@", &plugin.display().to_string())
            .replace("@DIR@", &booth.path.display().to_string());
        fs::write(booth.path("asound.conf"), conf).expect("the folder is ours");
        booth
    }

    /// A path inside the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A command that sees this folder's devices instead of the machine's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("LD_PRELOAD", compiled("v4lshim.c", "v4lshim.so", "-ldl"))
            .env("V4LSHIM_DIR", self.path("dev"))
            .env("ALSA_CONFIG_PATH", self.path("asound.conf"));
        command
    }

    /// Plugs in (or changes) the camera `/dev/videoN`; the lines are those of the README.
    pub fn camera(&self, number: u32, lines: &[&str]) {
        self.write_whole(&format!("dev/video{number}"), lines.join("\n"));
    }

    /// Pulls the camera's plug.
    pub fn unplug_camera(&self, number: u32) {
        fs::remove_file(self.path(&format!("dev/video{number}"))).expect("it was plugged in");
    }

    /// Plugs in (or changes) every microphone; the lines are those of the README.
    pub fn microphone(&self, lines: &[&str]) {
        self.write_whole("mic", lines.join("\n"));
    }

    /// Pulls the microphones' plug.
    pub fn unplug_microphone(&self) {
        fs::remove_file(self.path("mic")).expect("it was plugged in");
    }

    /// Writes what the microphones play: `sound.raw` (mono 16 kHz) or `sound48.raw` (stereo).
    pub fn sound(&self, name: &str, samples: &[i16]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.write_whole(name, bytes);
    }

    /// Writes a file that appears whole or not at all: the doubles read it at any moment.
    pub fn write_whole(&self, name: &str, contents: impl AsRef<[u8]>) {
        let draft = self.path("draft");
        fs::write(&draft, contents).expect("the folder is ours");
        fs::rename(&draft, self.path(name)).expect("the folder is ours");
    }
}

fn source(name: &str) -> PathBuf {
    project("tests/doubles").join(name)
}

/// The library that `name` compiles to: made once for each version of its text.
fn compiled(name: &str, library: &str, link: &str) -> PathBuf {
    let modified = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let path = scratch().join(library);
    if modified(&path) > modified(&source(name)) {
        return path;
    }
    // Tests run side by side: each makes its own draft, and the last one renamed stays.
    let draft = tempfile::tempdir().expect("a temporary folder");
    let made = draft.path().join(library);
    // scripts/cross.sh names the compiler for a processor that is not the machine's.
    let cc = std::env::var_os("BOOTHD_TEST_CC").unwrap_or_else(|| "cc".into());
    let mut cc = Command::new(cc);
    cc.args(["-shared", "-fPIC", "-O2", "-DPIC", "-o"]).arg(&made).arg(source(name)).arg(link);
    let output = cc.output().expect("the tests need a C compiler (apt-get install gcc)");
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{name} does not compile (libasound2-dev?):\n{errors}");
    let unique = draft.path().file_name().expect("it has a name").to_string_lossy();
    let beside = path.with_extension(format!("{unique}.so"));
    fs::copy(&made, &beside).expect("cargo made its folder for temporary files");
    fs::rename(&beside, &path).expect("the same folder");
    path
}
