//! `aws-iam-authenticator`: Kubernetes authentication with AWS IAM, client and webhook server.
//!
//! A drop-in for the Go program of this name, on the `k8s-aws-*` crates. This library is the whole program, so that it can
//! be run inside tests and demos; [`run`] is its `main`. What others want to embed is in those crates, not here.
//!
//! In scope: command line, configuration file, files and sockets, log. Not in scope: what a token is, who a caller is, what
//! a mapping means.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a program: files, sockets and environment")]

mod cli;
mod config;
mod failure;
mod features;
mod log;
mod server;
mod token;
mod transport;
mod verify;

pub use cli::Cli;
pub use failure::Failure;
pub use log::{Field, Format, Level, Log, Value};

use clap::{Parser, error::ErrorKind};
use cli::{Command, VersionArgs};
use config::Configuration;
use k8s_aws_auth::token::TOKEN_PREFIX;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the program with these arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            // It quotes what it did not understand, and that may be a token in the wrong place.
            let _ = io::stderr().write_all(without_tokens(&error.render().to_string()).as_bytes());
            return ExitCode::from(1);
        }
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "Error: {failure}");
            ExitCode::from(1)
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Version(arguments) => version(&arguments),
        Command::Token(arguments) => {
            let configuration = Configuration::load(&cli.global)?;
            token::run(&arguments, &configuration)
        }
        Command::Verify(arguments) => {
            let configuration = Configuration::load(&cli.global)?;
            verify::run(&arguments, &configuration)
        }
        Command::Init(arguments) => {
            let configuration = Configuration::load(&cli.global)?;
            let log = Log::to_stderr(configuration.log_format, configuration.log_level);
            server::init(&arguments, &configuration, &log)
        }
        Command::Server(arguments) => {
            let configuration = Configuration::load(&cli.global)?;
            let log = Arc::new(Log::to_stderr(configuration.log_format, configuration.log_level));
            server::run(&arguments, &configuration, log)
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

fn version(arguments: &VersionArgs) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    print(&if arguments.short { format!("{version}\n") } else { format!("Version: {version}\n") })
}

/// Writes to standard output, where nothing but a command's result goes.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}
