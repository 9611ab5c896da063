//! A disk of a few KiB for one process: a tmpfs in a mount namespace of its own (root or user
//! namespaces).

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs `program` with such a disk over the folder `at`. Arguments may follow.
pub fn command(at: &Path, kib: u32, program: &str) -> Command {
    unshared(at, kib, "", program)
}

/// The same, full from the start: `filler` is its name.
pub fn full_command(at: &Path, kib: u32, program: &str) -> Command {
    unshared(at, kib, &filled(at), program)
}

/// The same with what the folder `from` holds on it.
pub fn full_command_with(from: &Path, at: &Path, kib: u32, program: &str) -> Command {
    let copy = format!("cp -p {}/* {}/ && {}", from.display(), at.display(), filled(at));
    unshared(at, kib, &copy, program)
}

/// A piece of a script that leaves no byte free; `cat` fails at that point, as it should.
fn filled(at: &Path) -> String {
    format!("! cat /dev/zero >{}/filler 2>/dev/null && ", at.display())
}

fn unshared(at: &Path, kib: u32, prepare: &str, program: &str) -> Command {
    let at = at.display();
    let script =
        format!("mount -t tmpfs -o size={kib}k tmpfs {at} && {prepare}exec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, program]);
    command
}

/// Where that process' path is found from outside.
pub fn seen_by(pid: u32, path: &Path) -> PathBuf {
    format!("/proc/{pid}/root{}", path.display()).into()
}

/// Leaves no byte free on the disk of `filler`, which is created again.
pub fn fill(filler: &Path) {
    let mut file = fs::File::create(filler).expect("the disk has room");
    let block = [0xA5; 4096];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&block[..1]).is_ok() {}
}
