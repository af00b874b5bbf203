//! `aws-iam-authenticator`: Kubernetes authentication with AWS IAM, client and webhook server.
//!
//! A drop-in for the Go program of this name, on the `k8s-aws-*` crates. This library is the whole program, so that it can
//! be run inside tests and demos; [`run`] is its `main`. What others want to embed is in those crates, not here.
//!
//! In scope: command line, configuration file, files and sockets, log. Not in scope: what a token is, who a caller is, what
//! a mapping means.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a program: files, sockets and environment")]

mod change;
mod cli;
mod cluster;
mod completions;
mod config;
mod diff;
mod documents;
mod explain;
mod failure;
mod features;
mod kubeconfig;
mod lint;
mod log;
mod names;
mod output;
mod server;
mod sources;
mod sts;
mod token;
mod transport;
mod verify;
mod version;

pub use cli::Cli;
pub use failure::Failure;
pub use log::{Field, Format, Level, Log, Value};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use cli::Command;
use config::Configuration;
use k8s_aws_auth::token::TOKEN_PREFIX;
use names::Program;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the program with these arguments, the first being its name.
///
/// Its exit code is 0 where it did what it was asked, 1 where that failed, 2 where the arguments are wrong, and 3 where it was
/// asked something and the answer is no.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.first().map(|name| Program::called(name)).unwrap_or_default();
    let cli = match parse(program, arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            // It quotes what it did not understand, and that may be a token in the wrong place.
            let _ = io::stderr().write_all(without_tokens(&error.render().to_string()).as_bytes());
            return ExitCode::from(failure::USAGE);
        }
    };
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                let _ = writeln!(io::stderr(), "Error: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Help and errors name the program as it was called.
fn parse(program: Program, arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = command(program);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    cli.global.program = program;
    Ok(cli)
}

/// The command line of the program under one of its names.
fn command(program: Program) -> clap::Command {
    Cli::command().name(program.name).bin_name(program.name)
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    let load = || Configuration::load(&cli.global);
    match &cli.command {
        Command::Version(arguments) => version::run(arguments),
        Command::Completions(arguments) => completions::run(arguments, cli.global.program),
        Command::Man(arguments) => completions::man(arguments, cli.global.program),
        Command::Token(arguments) => token::run(arguments, &load()?),
        Command::Kubeconfig(arguments) => kubeconfig::run(arguments, &load()?, cli.global.program),
        Command::Verify(arguments) => verify::run(arguments, &load()?),
        Command::Explain(arguments) => explain::run(arguments, &load()?),
        Command::Lint(arguments) => lint::run(arguments, &load()?),
        Command::Add(arguments) => change::add(arguments),
        Command::Remove(arguments) => change::remove(arguments),
        Command::Init(arguments) => {
            let configuration = load()?;
            let log = Log::to_stderr(configuration.log_format, configuration.log_level);
            server::init(arguments, &configuration, &log)
        }
        Command::Server(arguments) => {
            let configuration = load()?;
            let log = Arc::new(Log::to_stderr(configuration.log_format, configuration.log_level));
            server::run(arguments, configuration, log)
        }
    }
}

/// A text with the tokens in it cut off behind their prefix.
fn without_tokens(text: &str) -> String {
    let mut pieces = text.split(TOKEN_PREFIX);
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str(TOKEN_PREFIX);
        clean.push_str("...");
        clean.push_str(piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_+/=".contains(c)));
    }
    clean
}

/// Writes to standard output, where nothing but a command's result goes.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}
