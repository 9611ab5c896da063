//! Every finding has both languages and a row in the guide.

use std::fs;

use boothd::health::Code;

fn names() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.name()).collect()
}

#[test]
fn every_finding_has_its_chinese_words_and_none_is_left_over() {
    let words = fs::read_to_string("page/lang/findings_zh.js").unwrap();
    let lines = words.lines().filter_map(|line| line.strip_prefix("  "));
    let entries = lines.map(|line| line.split_once(": [\"").expect("one entry a line"));
    let mut found = Vec::new();
    for (code, texts) in entries {
        let (what, remedy) = texts.split_once("\", \"").expect("what is wrong, and what to do");
        let is_chinese =
            |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(is_chinese(what) && is_chinese(remedy), "{code}");
        found.push(code);
    }
    found.sort_unstable();
    let mut wanted = names();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "page/lang/findings_zh.js");
}

#[test]
fn the_guide_has_a_row_for_every_finding_with_its_severity_and_its_sentence() {
    let guide = fs::read_to_string("docs/guide/troubleshooting.md").unwrap();
    for code in Code::ALL {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{}` ", code.name())));
        let row = row.unwrap_or_else(|| panic!("docs/guide/troubleshooting.md lacks {code:?}"));
        assert!(row.contains(&format!("`{}`", code.what())), "{row}");
        let remedy = row.rsplit(" | ").next().unwrap_or_default();
        assert!(remedy.len() > 10, "no remedy: {row}");
    }
    let rows = guide.lines().filter(|line| {
        let code = line.strip_prefix("| `").and_then(|line| line.split('`').next());
        code.is_some_and(|code| names().contains(&code))
    });
    assert_eq!(rows.count(), Code::ALL.len(), "each once");
}
