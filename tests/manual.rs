//! The manual pages and shell completions, made from the arguments that the program really takes.
//!
//! `make man` writes them to target/manual, whose `man` and `completions` go into the package. A
//! test makes them and not the program, so that the daemon carries none of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use boothd::command::Arguments;
use clap::CommandFactory;
use clap_complete::Shell;

/// Sections of boothd(1) beside its arguments.
const MORE: &str = r#".SH FILES
.TP
\fI/etc/boothd/boothd.toml\fR
The configuration of the service. \fBboothd check\-config\fR lists every mistake in it.
.TP
\fI/etc/boothd/fleet.toml\fR
The configuration of the fleet server, boothd\-fleet.service.
.TP
\fI/var/lib/boothd\fR, \fI/var/lib/boothd\-fleet\fR
The state of the service and of the fleet server. Only the account boothd may read it.
.TP
\fI/usr/share/boothd\fR
Models and the bundled clip.
.TP
\fI/usr/share/doc/boothd/config.md\fR
Every key of the configuration.
.SH "EXIT STATUS"
.TP
\fB0\fR
Done, or asked to end.
.TP
\fB2\fR
The arguments are wrong.
.TP
\fB65\fR
The input is wrong.
.TP
\fB69\fR
Something that is needed is not there.
.TP
\fB70\fR
A fault in boothd itself.
.TP
\fB75\fR
Too much was asked for; later it may work.
.TP
\fB77\fR
Not allowed.
.TP
\fB78\fR
The configuration is wrong; the service is not started again before it is right.
.SH EXAMPLES
Check the configuration as the service sees it, then restart it:
.PP
.nf
    boothd \-\-config /etc/boothd/boothd.toml check\-config
    systemctl restart boothd
.fi
.PP
Make a token for a tablet that only watches:
.PP
.nf
    sudo \-u boothd boothd \-\-config /etc/boothd/boothd.toml \\
        \-\-set state.dir=/var/lib/boothd token add \-\-name tablet \-\-role viewer
.fi
"#;

fn made() -> PathBuf {
    // Cargo's folder for tests is target/tmp.
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("manual")
}

/// The command and all below it.
fn all_commands(command: &clap::Command) -> Vec<clap::Command> {
    let below = command.get_subcommands().flat_map(all_commands);
    [command.clone()].into_iter().chain(below).collect()
}

/// Name and text of a page, such as boothd-token-add.1.
fn page(command: clap::Command) -> (String, String) {
    let is_whole = command.get_name() == "boothd";
    let man = clap_mangen::Man::new(command)
        .manual("boothd")
        .source(concat!("boothd ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render(&mut text).expect("memory takes everything");
    let mut text = String::from_utf8(text).expect("roff is text");
    if is_whole {
        text.push_str(MORE);
    }
    (man.get_filename(), text)
}

fn all_pages() -> Vec<(String, String)> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    all_commands(&command).into_iter().map(page).collect()
}

#[test]
fn pages_and_completions_are_written() {
    let (man, completions) = (made().join("man"), made().join("completions"));
    for folder in [&man, &completions] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("target is writable");
    }
    for (name, text) in all_pages() {
        fs::write(man.join(name), text).expect("target is writable");
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = Arguments::command();
        clap_complete::generate_to(shell, &mut command, "boothd", &completions)
            .expect("target is writable");
    }
    for shell in ["boothd.bash", "_boothd", "boothd.fish"] {
        let text = fs::read_to_string(completions.join(shell)).expect("was written");
        assert!(text.contains("check-config") && text.contains("expires"), "{shell}: {text}");
    }
}

#[test]
fn every_command_and_every_argument_has_its_place() {
    let pages = all_pages();
    let text = |name: &str| {
        let found = pages.iter().find(|(page, _)| page == name);
        &found.unwrap_or_else(|| panic!("there is no {name}")).1
    };
    assert!(text("boothd.1").contains("boothd\\-check\\-config(1)"), "{}", text("boothd.1"));
    assert!(text("boothd.1").contains("EXIT STATUS"));
    assert!(text("boothd-token-add.1").contains("\\-\\-expires"));
    assert!(text("boothd-token-add.1").contains("boothd token add"));
    assert!(text("boothd-run.1").contains("\\-\\-data\\-dir"), "global arguments, too");
}
