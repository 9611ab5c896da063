//! The sample file and docs/ref/config.md, generated from [`KEYS`].

use std::fmt::Write;

use super::key::{Fallback, KEYS, Key};

/// Width at which comments are broken.
const WIDTH: usize = 96;

const SAMPLE_HEAD: &str = "\
# The configuration of boothd. Every key is listed with its default, commented out: remove the #
# in front of those that you want to change. `boothd check-config` lists every mistake at once.
# Generated from src/config/key.rs by `UPDATE_DOCS=1 cargo test --release --test config_docs`;
# docs/ref/config.md has the same content as a table.
";

const REFERENCE_HEAD: &str = "\
# Configuration

Generated from `src/config/key.rs` by `UPDATE_DOCS=1 cargo test --release --test config_docs`; do not
edit. The same content as a sample file: [`boothd.sample.toml`](../../boothd.sample.toml).

boothd reads one TOML file. Any key can be set on the command line with `--set key=value`, which
takes precedence. Keys that are not set have the default below. boothd reports all mistakes at once, with line and
column, and does not start (exit code 78); `boothd check-config` only checks.

A relative path in the file is relative to boothd's data directory, a path given with `--set` to the
working directory.

**Reload**: SIGHUP (`systemctl reload boothd`) makes a running booth read its file again, also during an
interview. A key with \"yes\" in the column *reload* takes effect at once, one with \"next session\" or \"next
connection\" for those that start afterwards. A changed key with \"restart\" is named in the journal and in
/health and takes effect when boothd restarts. The content of certificates and password files is reloaded
automatically. A file with mistakes changes nothing: the journal lists all of them, and /health reports that the
file is not in use. The fleet server applies `log.level` only.
";

/// The commented sample, in which every key has its default.
pub fn sample() -> String {
    let mut text = SAMPLE_HEAD.to_owned();
    let mut table = "";
    for key in KEYS {
        if key.table() != table {
            table = key.table();
            write!(text, "\n[{table}]\n").expect("a String takes everything");
        }
        let (value, note) = match key.default {
            Fallback::Is(value) => (value, ""),
            Fallback::Unset(example) => (example, " Not set by default; for example:"),
        };
        for line in wrapped(&format!("{} ({}){note}", key.doc, key.kind.accepts())) {
            writeln!(text, "# {line}").expect("a String takes everything");
        }
        writeln!(text, "#{} = {value}", key.short_name()).expect("a String takes everything");
    }
    text
}

/// docs/ref/config.md.
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    let mut table = "";
    for key in KEYS {
        if key.table() != table {
            table = key.table();
            write!(
                text,
                "\n## [{table}]\n\n| key | default | accepts | reload | |\n|---|---|---|---|---|\n"
            )
            .expect("a String takes everything");
        }
        text.push_str(&row(key));
    }
    text
}

fn row(key: &Key) -> String {
    let default = match key.default {
        Fallback::Is(value) => format!("`{value}`"),
        Fallback::Unset(_) => "not set".into(),
    };
    let (accepts, reload) = (key.kind.accepts(), key.reload.name());
    format!("| `{}` | {default} | {accepts} | {reload} | {} |\n", key.name, key.doc)
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("begins with one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH - 2 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
