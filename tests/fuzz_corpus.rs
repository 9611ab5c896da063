//! Every kept input of the fuzzer (`make fuzz`), run by the same functions in every test run.

use std::{fs, path::Path};

// The fuzzer imports boothd by this name.
extern crate boothd as boothd_whole;

#[path = "../fuzz/src/guest.rs"]
#[allow(unreachable_pub, reason = "the fuzzer's library shares it")]
mod guest;
#[path = "../fuzz/src/targets.rs"]
#[allow(unreachable_pub, reason = "the fuzzer's library shares it")]
mod targets;
#[path = "../fuzz/src/whole_targets.rs"]
#[allow(unreachable_pub, reason = "the fuzzer's library shares it")]
mod whole_targets;

fn replay(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&dir).unwrap_or_else(|err| panic!("{}: {err}", dir.display())) {
        let path = entry.expect("an entry").path();
        run(&fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display())));
        inputs += 1;
    }
    assert!(inputs > 0, "{target} has no kept input");
}

#[test]
fn webm() {
    replay("webm", targets::webm);
}

#[test]
fn ogg() {
    replay("ogg", targets::ogg);
}

#[test]
fn mp4() {
    replay("mp4", targets::mp4);
}

#[test]
fn aac_packet() {
    replay("aac_packet", targets::aac_packet);
}

#[test]
fn opus_packet() {
    replay("opus_packet", targets::opus_packet);
}

#[test]
fn data_url() {
    replay("data_url", targets::data_url);
}

#[test]
fn wav() {
    replay("wav", targets::wav);
}

#[test]
fn y4m() {
    replay("y4m", targets::y4m);
}

#[test]
fn mjpeg() {
    replay("mjpeg", targets::mjpeg);
}

#[test]
fn message() {
    replay("message", targets::message);
}

#[test]
fn guest() {
    replay("guest", guest::guest);
}

#[test]
fn config() {
    replay("config", whole_targets::config);
}
