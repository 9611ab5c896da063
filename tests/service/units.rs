//! Checks systemd/ with systemd's own tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const UNITS: [&str; 2] = ["boothd.service", "boothd-fleet.service"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn analyze(arguments: &[&str], unit: &Path) -> (Output, String) {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).arg("--no-pager").arg(unit);
    let output =
        command.output().expect("the tests need systemd-analyze (apt-get install systemd)");
    let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    (output, text)
}

#[test]
fn the_units_are_clean() {
    let installed = tempfile::tempdir().unwrap();
    for unit in UNITS {
        let text = fs::read_to_string(folder().join(unit)).unwrap();
        // Where the program is here; its manual comes with the package.
        let text = text.replace("/usr/bin/boothd", env!("CARGO_BIN_EXE_boothd"));
        let here = installed.path().join(unit);
        fs::write(&here, text).unwrap();
        let (output, printed) = analyze(&["verify", "--man=no"], &here);
        assert!(output.status.success() && printed.trim().is_empty(), "{unit}: {printed}");
    }
}

#[test]
fn the_units_expose_little() {
    for unit in UNITS {
        let arguments = ["security", "--offline=true", "--threshold=15"];
        let (output, printed) = analyze(&arguments, &folder().join(unit));
        let overall = printed.lines().find(|line| line.contains("Overall exposure"));
        println!("MEASURED {}", overall.expect("systemd prints it").trim());
        assert!(output.status.success(), "{printed}");
    }
}

#[test]
fn a_unit_that_is_wrong_is_noticed() {
    let installed = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(folder().join("boothd.service")).unwrap();
    let here = installed.path().join("boothd.service");
    fs::write(&here, text.replace("ProtectSystem=strict", "ProtectSistem=strict")).unwrap();
    let (_, printed) = analyze(&["verify", "--man=no"], &here);
    assert!(printed.contains("ProtectSistem"), "{printed}");
    fs::write(
        &here,
        text.replace("ProtectKernelTunables=yes", "").replace("PrivateUsers=yes", ""),
    )
    .unwrap();
    let arguments = ["security", "--offline=true", "--threshold=15"];
    assert!(!analyze(&arguments, &here).0.status.success());
}

/// Each sample with its unit is clean, too: a typing mistake would be found on the board.
#[test]
fn the_samples_fit_the_unit() {
    let samples = fs::read_dir(folder().join("boothd.service.d")).unwrap();
    let mut tried = 0;
    for sample in samples.map(|entry| entry.unwrap().path()) {
        let installed = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(folder().join("boothd.service")).unwrap();
        let text = text.replace("/usr/bin/boothd", env!("CARGO_BIN_EXE_boothd"));
        let here = installed.path().join("boothd.service");
        fs::write(&here, text + "\n" + &fs::read_to_string(&sample).unwrap()).unwrap();
        let (output, printed) = analyze(&["verify", "--man=no"], &here);
        assert!(
            output.status.success() && printed.trim().is_empty(),
            "{}: {printed}",
            sample.display()
        );
        tried += 1;
    }
    assert_eq!(tried, 4);
}

#[test]
fn what_the_code_needs_is_not_forbidden() {
    let unit = fs::read_to_string(folder().join("boothd.service")).unwrap();
    let has = |line: &str| unit.lines().any(|is| is == line);
    // Configuration errors are not tried again, and a restart on purpose (exit 0) is one.
    assert!(has("RestartPreventExitStatus=78") && has("Restart=always"));
    // VIDEO_MAJOR and CONFIG_SND_MAJOR, which no kernel changes; names are only known once a driver is.
    assert!(has("DeviceAllow=char-81 rw") && has("DeviceAllow=char-116 rw"));
    assert!(has("SystemCallFilter=setpriority"), "speech workers stand back");
    assert!(!unit.contains("ProcSubset=pid\n"), "the machine's name is read from /proc");
}
