//! docs/guide/troubleshooting.md quotes messages of boothd: each quotation stands in the source.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, path::Path};

/// All of the source, with its sentences in one piece.
fn source(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "js") {
            for line in fs::read_to_string(path).unwrap().lines() {
                match line.strip_suffix('\\') {
                    Some(part) => text.push_str(part.trim_start()),
                    None => text.extend([line.trim_start(), "\n"]),
                }
            }
        }
    }
}

#[test]
fn what_the_guide_quotes_stands_in_the_source() {
    let mut printed = String::new();
    source(Path::new("src"), &mut printed);
    let keys = fs::read_to_string("docs/ref/config.md").unwrap();
    let guide = fs::read_to_string("docs/guide/troubleshooting.md").unwrap();
    let mut quoted = 0;
    for row in guide.lines().filter(|line| line.starts_with("| ")) {
        let (message, remedy) = row.trim_matches('|').split_once(" | ").unwrap();
        for quote in message.split('`').skip(1).step_by(2) {
            let is_printed = printed.contains(quote) || quote.starts_with("systemctl");
            assert!(is_printed, "boothd never prints {quote:?}");
            quoted += 1;
        }
        for word in remedy.split('`').skip(1).step_by(2) {
            let section = word.split_once('.').map_or("", |(section, _)| section);
            let is_key = ["web", "mqtt", "store", "camera", "video", "policy", "light"]
                .contains(&section);
            let name = word.split(' ').next().unwrap();
            assert!(!is_key || keys.contains(name), "there is no key {name:?}");
        }
    }
    assert!(quoted > 35, "{quoted} quotations");
}
