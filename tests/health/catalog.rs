//! Every finding has its words in each language and a row in the guide.

use std::fs;

use boothd::health::Code;

fn names() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.name()).collect()
}

/// What stands in the `findings` of a language's file: one entry a line.
fn findings(words: &str) -> Vec<(&str, &str, &str)> {
    let (_, rest) = words.split_once("\n  findings: {\n").expect("the file has findings");
    let (entries, _) = rest.split_once("\n  },").expect("they end");
    let texts = entries.lines().map(|line| {
        let (code, texts) = line.trim().split_once(": [\"").expect("one entry a line");
        let (what, remedy) = texts.split_once("\", \"").expect("what is wrong, and what to do");
        (code, what, remedy)
    });
    texts.collect()
}

/// English is the daemon's own; a language that lacks a finding would show English.
#[test]
fn every_finding_has_its_words_in_each_language_and_none_is_left_over() {
    let mut wanted = names();
    wanted.sort_unstable();
    let mut languages = 0;
    for entry in fs::read_dir("page/lang").unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("en.js") {
            continue;
        }
        let words = fs::read_to_string(&path).unwrap();
        let texts = findings(&words);
        let mut found: Vec<_> = texts.iter().map(|(code, ..)| *code).collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "{}", path.display());
        for (code, what, remedy) in texts {
            let is_right = |text: &str| !path.ends_with("zh.js") || text.chars().any(is_han);
            assert!(is_right(what) && is_right(remedy), "{code}");
        }
        languages += 1;
    }
    assert!(languages > 0, "there is a language beside English");
}

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
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
