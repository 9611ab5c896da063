//! Third-party programs, each in a folder of its own under `target/consumers`, which is made again
//! when the file changes that pins its versions.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Pythons that Home Assistant 2024.3 and its pinned packages install on.
const PYTHONS: [&str; 3] = ["python3.11", "python3.12", "python3"];

/// Checks whether it is such a Python, and can make environments.
const IS_RIGHT: &str =
    "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))";

/// A Python environment with exactly what `tests/consumers/<name>.txt` names; its folder.
pub(crate) fn python(name: &str) -> PathBuf {
    let pinned = source(&format!("{name}.txt"));
    install(name, &[&pinned], |folder| {
        let found = PYTHONS.iter().find(|python| {
            let output = Command::new(python).args(["-c", IS_RIGHT]).output();
            output.is_ok_and(|output| output.status.success())
        });
        let python = found.expect(
            "no Python 3.11 or 3.12 with the module venv is here, and newer ones find no Home \
             Assistant 2024.3: install python3.11 and python3.11-venv",
        );
        run(Command::new(python).args(["-m", "venv"]).arg(folder));
        // The file names everything, so nothing has to be resolved. What Python does not run it
        // need not compile.
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(pip.args(["--no-compile", "--no-deps", "-r"]).arg(&pinned));
    })
}

/// A folder with the node modules that `tests/consumers/<name>/package-lock.json` names.
pub(crate) fn node(name: &str) -> PathBuf {
    let files = ["package.json", "package-lock.json"].map(|file| source(name).join(file));
    let [package, lock] = &files;
    install(name, &[package, lock], |folder| {
        for file in [package, lock] {
            let name = file.file_name().expect("it is a file");
            fs::copy(file, folder.join(name)).expect("the folder is ours");
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
        run(npm.current_dir(folder));
    })
}

/// A file of this test.
pub(crate) fn source(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "consumers", name].iter().collect()
}

/// Makes the folder `target/consumers/<name>`, unless it was made from these very files.
fn install(name: &str, pinned: &[&Path], make: impl FnOnce(&Path)) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp");
    let consumers = target.join("consumers");
    fs::create_dir_all(&consumers).expect("the target folder is ours");
    // Another run of the tests may be at it.
    let lock =
        File::create(consumers.join(format!("{name}.lock"))).expect("the folder is ours");
    lock.lock().expect("locks are available");
    let folder = consumers.join(name);
    let read = |file: &&Path| fs::read_to_string(file).expect("it is in the repository");
    // An environment knows its own path: one that was copied from elsewhere is made again too.
    let wanted: String =
        pinned.iter().map(read).chain([folder.display().to_string()]).collect();
    let stamp = folder.join("made-from");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return folder;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the folder is ours");
    }
    fs::create_dir(&folder).expect("the folder is ours");
    make(&folder);
    fs::write(stamp, wanted).expect("the folder is ours");
    folder
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; scripts/install-packages.sh test installs it")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{out}\n{err}");
}
