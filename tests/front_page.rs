//! README.md, its Chinese twin, and the links and commands of every page.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const BOOTHD: &str = env!("CARGO_BIN_EXE_boothd");
const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// Every Markdown page of the project.
fn pages() -> Vec<PathBuf> {
    fn walk(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, pages);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    let mut pages: Vec<PathBuf> =
        ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
            .map(|name| root().join(name))
            .to_vec();
    for folder in ["docs", "models"] {
        walk(&root().join(folder), &mut pages);
    }
    pages
}

/// What stands between `open` and `close`, each time.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

/// The anchors that a renderer gives to a page's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 30, "the pages were found: {}", pages.len());
    let mut broken = vec![];
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page is text");
        for link in between(&text, "](", ')') {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { page.clone() } else { page.with_file_name("").join(path) };
            let is_there = if anchor.is_empty() || target.is_dir() {
                target.exists()
            } else {
                fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor))
            };
            if !is_there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_front_page_is_short_and_both_languages_say_the_same() {
    let [english, chinese] = READMES.map(read);
    assert!(english.lines().count() <= 100, "{} lines", english.lines().count());
    let links = |text: &str| -> BTreeSet<String> {
        let links = between(text, "](", ')').into_iter();
        links
            .filter(|link| !link.contains("README") && !link.ends_with(".png"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(links(&english), links(&chinese));
    let code = |text: &str| -> Vec<String> {
        let blocks = text.split("```").skip(1).step_by(2);
        blocks.map(str::to_owned).collect()
    };
    assert_eq!(code(&english), code(&chinese));
    let headings = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&chinese));
    let rows = |text: &str| text.lines().filter(|line| line.starts_with('|')).count();
    assert_eq!(rows(&english), rows(&chinese));
}

#[test]
fn every_command_of_the_front_page_is_there_and_none_is_missing() {
    let help = |words: &[&str]| {
        let done =
            Command::new(BOOTHD).args(words).arg("--help").output().expect("boothd runs");
        assert!(done.status.success(), "boothd {words:?} --help");
        String::from_utf8(done.stdout).expect("help is text")
    };
    let listed = help(&[]);
    let listed: BTreeSet<&str> = listed
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    let targets = read("Makefile");
    for name in READMES {
        let readme = read(name);
        let rows: Vec<&str> = readme.lines().filter(|l| l.starts_with("| `boothd ")).collect();
        let mut shown = BTreeSet::new();
        for row in &rows {
            let cell = row.split('|').nth(1).expect("a row has cells");
            let quoted: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            let words: Vec<&str> = quoted[0].split(' ').skip(1).collect();
            shown.insert(words[0]);
            // `boothd token add`, `list`, `revoke`; `boothd export`, `erase`.
            let of_token = words[0] == "token";
            shown.extend(quoted[1..].iter().filter(|_| !of_token));
            let subcommands = words.iter().skip(1).chain(&quoted[1..]).filter(|_| of_token);
            for subcommand in subcommands {
                help(&["token", subcommand]);
            }
            let text = help(&words[..1]);
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(text.contains(flag), "{name}: boothd {} has no {flag}", words[0]);
            }
        }
        assert_eq!(shown, listed, "{name}");
        let quoted =
            readme.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("make "));
        let in_block = readme.lines().filter_map(|line| line.strip_prefix("make "));
        let mut made = 0;
        for target in quoted.chain(in_block).filter_map(|rest| rest.split_whitespace().next()) {
            assert!(targets.contains(&format!("\n{target}:")), "{name}: make {target}");
            made += 1;
        }
        assert!(made >= 5, "{name}: the make targets were found");
    }
}

#[test]
fn the_page_of_measurements_is_what_its_table_gives() {
    let script = root().join("scripts/measurements.py");
    let done =
        Command::new("python3").arg(script).arg("--check").output().expect("python3 runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
