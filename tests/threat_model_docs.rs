//! Keeps docs/design/threat-model.md and docs/ref/faults.md true: every test that they name exists, and
//! every threat and every fault of a component has one.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::fs;

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

/// The source that a name such as `live/limits::who_does_not_read` refers to: a file below `tests/`,
/// or, where the path begins so, a module below `src/` with its unit tests.
fn source_of(path: &str) -> String {
    let candidates = match path.strip_prefix("src/") {
        Some(path) => vec![
            format!("src/{path}.rs"),
            format!("src/{path}/mod.rs"),
            format!("src/{path}/tests.rs"),
        ],
        None => vec![
            format!("tests/{path}.rs"),
            format!("tests/{path}.mjs"),
            format!("tests/{path}.py"),
        ],
    };
    candidates.iter().filter_map(|candidate| fs::read_to_string(candidate).ok()).collect()
}

fn named_tests(document: &str) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| is_test_name(span)).map(str::to_owned).collect()
}

/// The rows of the tables whose last column names the test that fails without the defence.
fn rows_about_tests(document: &str) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let mut rows = Vec::new();
    let mut is_in_table = false;
    for line in text.lines() {
        if !line.starts_with('|') {
            is_in_table = false;
        } else if line.ends_with("| test that fails without it |") {
            is_in_table = true;
        } else if is_in_table && !line.starts_with("|---") {
            rows.push(line.to_owned());
        }
    }
    rows
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        for span in named_tests(document) {
            let (path, name) = span.split_once("::").expect("it is a path and a name");
            let text = source_of(path);
            let is_there = |word: &str| text.contains(&format!("{word} {name}("));
            if !is_there("fn") && !is_there("def") {
                missing.push(format!("{document}: {span}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

#[test]
fn every_threat_and_every_fault_of_a_component_names_a_test() {
    for document in DOCUMENTS {
        let rows = rows_about_tests(document);
        assert!(rows.len() > 40, "{document} has {} rows", rows.len());
        let names_one = |row: &&String| {
            let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            last.split('`').skip(1).step_by(2).any(is_test_name)
        };
        let without: Vec<_> = rows.iter().filter(|row| !names_one(row)).collect();
        assert!(without.is_empty(), "{document}: no test is named for {without:#?}");
    }
}

#[test]
fn the_threat_model_has_no_other_rows() {
    let text = fs::read_to_string(DOCUMENTS[0]).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| threat |");
    assert_eq!(text.lines().filter(is_row).count(), rows_about_tests(DOCUMENTS[0]).len());
}
