//! Parses the arguments, runs the command and maps its error to an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use boothd::{
    command,
    error::{Error, ErrorKind},
    service,
};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    let mut out = io::stdout().lock();
    let done = command::execute(arguments, &mut out).and_then(|()| {
        out.flush().map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "the output cannot be written").because(cause)
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_reader_gone(&error) => ExitCode::from(READER_GONE),
        Err(error) => {
            service::log_last(&format!("boothd: {}", error.chain()));
            ExitCode::from(exit_code(error.kind()))
        }
    }
}

/// Exit code of a shell for a program ended by SIGPIPE: `boothd token list | head`.
const READER_GONE: u8 = 141;

/// The reader of the output has closed the pipe, which is no error.
fn is_reader_gone(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
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
