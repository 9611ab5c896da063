//! Arguments in, exit code out.

use std::{io, process::ExitCode};

use boothd::{
    command,
    error::{Error, ErrorKind},
    service,
};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    match command::execute(arguments, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(exit_code(error.kind()))
        }
    }
}

#[allow(clippy::print_stderr, reason = "the last words go to whoever started the command")]
fn report(error: &Error) {
    eprintln!("{}", service::last_words(&format!("boothd: {}", error.chain())));
}

/// sysexits.h where it has a word for it; systemd does not restart on 78.
fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Config => 78,
        ErrorKind::Unavailable => 69,
        ErrorKind::InvalidInput => 65,
        ErrorKind::Unauthorized => 77,
        ErrorKind::Exhausted => 75,
        ErrorKind::Internal => 70,
    }
}
