//! The commands of the program, one file each; this file holds the arguments.
//!
//! Commands write their output to the given writer, never to the log.

mod analyze;
mod bench;
mod devices;
mod evaluate;
mod fleet;
mod keep;
mod outbox;
mod run;
mod token;
mod audit;

use std::{io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, Source},
    error::{Error, ErrorKind, Result},
    service,
};

pub use analyze::AnalyzeArguments;
pub use bench::BenchArguments;
pub use evaluate::EvaluateArguments;

/// boothd measures facial and vocal behaviour in an interview booth and streams it live.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Source of the configuration.
#[derive(Args, Debug)]
pub struct Settings {
    /// Configuration file (TOML); without it every key has its default
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder against which relative paths in the configuration are taken
    /// [default: /usr/share/boothd where it exists, else the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Sets one key, after the file: --set video.fps=5
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the booth until SIGTERM
    Run(run::RunArguments),
    /// Run the fleet server: the state of many booths from MQTT on one page, until SIGTERM
    Fleet(fleet::FleetArguments),
    /// Analyse files, faster than real time: one JSON line an observation
    Analyze(AnalyzeArguments),
    /// Judge a model on pictures of your own
    #[command(subcommand)]
    Evaluate(Evaluate),
    /// List the cameras and microphones that boothd can use
    Devices(devices::DevicesArguments),
    /// Make, list and revoke access tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// List the audit log, newest first
    Audit(audit::AuditArguments),
    /// List messages that the broker refused, and send them again
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Print all stored data of a session
    Export(keep::ExportArguments),
    /// Erase a session, or all of a subject, for good; prints a receipt
    Erase(keep::EraseArguments),
    /// Copy the database to a file, also while the booth runs
    Backup(keep::BackupArguments),
    /// Put a back-up in the place of the database, while boothd is stopped
    Restore(keep::RestoreArguments),
    /// Check the configuration and list all its mistakes
    CheckConfig,
    /// Measure speed and memory on the bundled clip
    Bench(BenchArguments),
}

#[derive(Debug, Subcommand)]
enum Evaluate {
    /// The expression models, on a folder with one sub-folder a label
    Expression(EvaluateArguments),
}

impl Settings {
    /// Source of the configuration, for the first read and for reloads.
    pub fn source(&self) -> Source {
        let installed = PathBuf::from("/usr/share/boothd");
        let data_dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| if installed.is_dir() { installed } else { PathBuf::from(".") });
        Source::new(self.config.clone(), self.set.clone(), data_dir)
    }
}

/// Executes the command of the arguments.
///
/// # Errors
/// The error of the command.
pub fn execute(arguments: Arguments, out: &mut dyn Write) -> Result<()> {
    let loaded = arguments.settings.source().load()?;
    let config = &loaded.config;
    service::init_logging(config.log_level);
    service::abort_on_panic();
    match arguments.command {
        Command::Run(arguments) => run::run(&loaded, &arguments, out),
        Command::Fleet(arguments) => fleet::run(&loaded, arguments, out),
        Command::Analyze(arguments) => analyze::run(config, &arguments, out),
        Command::Evaluate(Evaluate::Expression(arguments)) => {
            evaluate::run(config, &arguments, out)
        }
        Command::Devices(arguments) => devices::run(&arguments, out),
        Command::Token(command) => token::run(config, command, out),
        Command::Audit(arguments) => audit::run(config, arguments, out),
        Command::Outbox(command) => outbox::run(config, command, out),
        Command::Export(arguments) => keep::export(config, &arguments, out),
        Command::Erase(arguments) => keep::erase(config, arguments, out),
        Command::Backup(arguments) => keep::backup(config, &arguments, out),
        Command::Restore(arguments) => keep::restore(config, &arguments, out),
        Command::CheckConfig => write_line(out, &judged(config)),
        Command::Bench(arguments) => bench::run(config, &arguments, out),
    }
}

/// Output of `check-config` for a configuration without mistakes.
fn judged(config: &Config) -> String {
    match config.policy.profile.forbids_all() {
        Some(why) => format!("the configuration has no mistakes, but {why}"),
        None => "the configuration is good".into(),
    }
}

/// Writes one line.
fn write_line(out: &mut dyn Write, line: &str) -> Result<()> {
    writeln!(out, "{line}").map_err(|cause| {
        Error::new(ErrorKind::Unavailable, "the output cannot be written").because(cause)
    })
}

/// Writes a value as one line of JSON.
fn write_json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|cause| {
        Error::new(ErrorKind::Internal, "a report cannot be put into JSON").because(cause)
    })?;
    write_line(out, &line)
}
