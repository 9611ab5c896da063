//! Keeps docs/design/threat-model.md and docs/ref/faults.md true: every test that they name exists.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{fs, path::Path};

/// Documents whose tables name tests as `path::name`.
const DOCUMENTS: [&str; 2] = ["docs/design/threat-model.md", "docs/ref/faults.md"];

/// What a code span must look like to be the name of a test.
fn is_test_name(span: &str) -> bool {
    let is_path = |part: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_/.".contains(&b);
        !part.is_empty() && part.bytes().all(plain)
    };
    let parts: Vec<_> = span.split("::").collect();
    parts.len() == 2 && parts.iter().all(|part| is_path(part))
}

/// The source that a name such as `live/limits::who_does_not_read` is about: a file below `tests/`,
/// or below `src/` where the path begins so.
fn source_of(path: &str) -> Option<String> {
    let candidates = match path.strip_prefix("src/") {
        Some(path) => vec![format!("src/{path}.rs"), format!("src/{path}/mod.rs")],
        None => vec![
            format!("tests/{path}.rs"),
            format!("tests/{path}.mjs"),
            format!("tests/{path}.py"),
        ],
    };
    candidates.iter().find_map(|candidate| fs::read_to_string(candidate).ok())
}

fn named_tests(document: &str) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| is_test_name(span)).map(str::to_owned).collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS.iter().filter(|document| Path::new(document).exists()) {
        for span in named_tests(document) {
            let (path, name) = span.split_once("::").expect("it is a path and a name");
            let text = source_of(path).unwrap_or_default();
            if !text.contains(&format!("fn {name}")) && !text.contains(&format!("def {name}")) {
                missing.push(format!("{document}: {span}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

#[test]
fn the_threat_model_names_a_test_for_every_threat() {
    let text = fs::read_to_string(DOCUMENTS[0]).unwrap();
    let rows =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat"));
    let without: Vec<_> = rows
        .filter(|row| !row.split('`').skip(1).step_by(2).any(is_test_name))
        .map(|row| row.chars().take(80).collect::<String>())
        .collect();
    assert!(without.is_empty(), "no test is named for:\n{}", without.join("\n"));
}
