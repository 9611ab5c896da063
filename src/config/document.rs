//! The sample file and docs/ref/config.md, made from [`KEYS`].

use std::fmt::Write;

use super::key::{Fallback, KEYS, Key};

/// Width at which comments are broken.
const WIDTH: usize = 96;

const SAMPLE_HEAD: &str = "\
# The configuration of boothd. Every key stands here with its default, commented out: take away
# the # in front of those that you want to change. `boothd check-config` tells every mistake at once.
# Made from src/config/key.rs by `UPDATE_DOCS=1 cargo test --release --test config_docs`;
# docs/ref/config.md says the same as a table.
";

const REFERENCE_HEAD: &str = "\
# Configuration

Made from `src/config/key.rs` by `UPDATE_DOCS=1 cargo test --release --test config_docs`; do not
edit. The same as a file to begin from: [`boothd.sample.toml`](../../boothd.sample.toml).

boothd reads one TOML file; any key can be given on the command line as `--set key=value`, which
wins. Whatever is not given has the default below. All mistakes are told at once, with line and
column, and boothd does not start (exit code 78); `boothd check-config` only looks.

A relative path in the file is relative to boothd's data directory, one given with `--set` to the
working directory.

**Reload**: SIGHUP (`systemctl reload boothd`) makes a running booth read its file again, in the midst of an
interview too. A key with \"yes\" in the column *reload* holds at once, one with \"next session\" or \"next
connection\" for those that begin from there on; a changed key with \"restart\" is named in the journal and in
/health and holds when boothd is started again. The content of certificates and password files is read anew
by itself. A file with mistakes changes nothing: all of them stand in the journal, and /health says that the
file is not what runs. The fleet server takes `log.level` only.
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
