//! The command line: that of the Go program flag for flag, and what it lacks.

mod change;
mod client;
mod server;
mod values;

pub(crate) use change::{
    AddArgs, AddCommand, ChangeArgs, EntryArgs, KubeconfigArgs, RemoveArgs, RemoveCommand, RoleEntry,
};
pub(crate) use client::{
    CompletionsArgs, ExplainArgs, KubeArgs, LintArgs, ManArgs, SourceArgs, TokenArgs, VerifyArgs, VersionArgs,
};
pub(crate) use server::{InitArgs, ServerArgs};
pub(crate) use values::{FailOn, InteractiveMode, LintForm, OutputForm, StsEndpointChoice, VersionForm};

use crate::names::Program;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const GLOBAL: &str = "Global options";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: standard error says why, and what to do
  2  the command line is wrong
  3  the answer is no: `explain` of a caller who is not let in, `lint` with findings,
     `add` and `kubeconfig` that would have to overwrite something";

/// Authenticate to Kubernetes with AWS IAM
///
/// The client makes tokens for kubectl out of AWS credentials (`token`); the server is the webhook that API servers ask whose
/// a token is (`server`). The other commands set both up and find out why somebody is not let in.
// Of a flag that stands twice the last one counts, as in the Go program.
#[derive(Debug, Parser)]
#[command(name = "aws-iam-authenticator", disable_version_flag = true, args_override_self = true, max_term_width = 100)]
#[command(after_help = "Use --help for examples and exit codes, and COMMAND --help for those of one command.")]
#[command(after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Load configuration from this file
    #[arg(long, short = 'c', global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The cluster's id: the same text for the server and for everyone who logs in to it. A server of several clusters has it
    /// several times; for any other command the last one counts
    #[arg(long, short = 'i', global = true, help_heading = GLOBAL, value_name = "ID")]
    #[arg(env = "KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID")]
    pub(crate) cluster_id: Vec<String>,
    /// Form of the log on standard error: text or json
    #[arg(long, short = 'l', global = true, help_heading = GLOBAL, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// How much to log: panic, fatal, error, warning, info, debug or trace
    #[arg(long, short = 'v', global = true, help_heading = GLOBAL, value_name = "LEVEL")]
    #[arg(env = "AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY")]
    pub(crate) log_verbosity: Option<String>,
    /// Switches for features under trial: name=true or name=false, separated by commas
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME=BOOL", value_delimiter = ',')]
    pub(crate) feature_gates: Vec<String>,
    /// By which name the program was called, and so what its files are called.
    #[arg(skip)]
    pub(crate) program: Program,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Get a token for a cluster and print it as an ExecCredential
    Token(TokenArgs),
    /// Write cluster, user and context into a kubeconfig, so that kubectl gets its tokens here
    Kubeconfig(Box<KubeconfigArgs>),
    /// Ask STS whose a token is, and say why not
    Verify(VerifyArgs),
    /// Say step by step why a token or an ARN is let in, or why not
    Explain(Box<ExplainArgs>),
    /// Look for mistakes in mappings: configuration files, aws-auth, IAMIdentityMapping objects
    Lint(Box<LintArgs>),
    /// Add a user or role to the ConfigMap aws-auth
    Add(AddArgs),
    /// Remove a user or role from the ConfigMap aws-auth
    Remove(RemoveArgs),
    /// Run the webhook that API servers ask about tokens
    Server(Box<ServerArgs>),
    /// Make certificate, key and webhook kubeconfig before the server runs
    Init(InitArgs),
    /// Print version, commit and date of the build
    Version(VersionArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page of the program, or of a command
    Man(ManArgs),
}
