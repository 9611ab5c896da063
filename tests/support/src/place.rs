//! Where the project, the program under test and the room for temporary files are.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// The project's folder.
pub const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The program under test: cargo builds it before the tests, one folder above theirs.
pub static BOOTHD: LazyLock<String> = LazyLock::new(|| {
    let path = test_folder().with_file_name("boothd");
    path.into_os_string().into_string().expect("the target folder's name is UTF-8")
});

/// A folder that stays from run to run, for what tests make or fetch once.
pub fn scratch() -> PathBuf {
    let target = test_folder().ancestors().nth(2).expect("target/release/deps").join("tmp");
    std::fs::create_dir_all(&target).expect("cargo's folder can be written");
    target
}

/// A file of the project.
pub fn project(name: &str) -> PathBuf {
    Path::new(PROJECT).join(name)
}

/// The folder that holds the test that runs.
fn test_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.parent().expect("a file is in a folder").to_owned()
}
