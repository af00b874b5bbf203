//! The command line: that of the Go program, flag for flag.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Authenticate to Kubernetes with AWS IAM
// Of a flag that stands twice the last one counts, as in the Go program.
#[derive(Debug, Parser)]
#[command(name = "aws-iam-authenticator", disable_version_flag = true, args_override_self = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Load configuration from this file
    #[arg(long, short = 'c', global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The cluster's id: the same text for the server and for everyone who logs in to it
    #[arg(long, short = 'i', global = true, value_name = "ID", env = "KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID")]
    pub(crate) cluster_id: Option<String>,
    /// Form of the log on standard error: text or json
    #[arg(long, short = 'l', global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// How much to log: panic, fatal, error, warning, info, debug or trace
    #[arg(long, short = 'v', global = true, value_name = "LEVEL", env = "AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY")]
    pub(crate) log_verbosity: Option<String>,
    /// Switches for features under trial: name=true or name=false, separated by commas
    #[arg(long, global = true, value_name = "NAME=BOOL", value_delimiter = ',')]
    pub(crate) feature_gates: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Get a token for a cluster and print it as an ExecCredential
    Token(TokenArgs),
    /// Run the webhook that API servers ask about tokens
    Server(Box<ServerArgs>),
    /// Make certificate, key and webhook kubeconfig before the server runs
    Init(InitArgs),
    /// Ask STS whose a token is, and say why not
    Verify(VerifyArgs),
    /// Print the version
    Version(VersionArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The token; - reads it from standard input
    #[arg(long, short = 't', allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// The form of the answer: text, json or yaml
    #[arg(long, short = 'o', value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// The AWS partition of the caller [default: aws]
    #[arg(long)]
    pub(crate) partition: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The host name by which API servers reach the webhook [default: localhost]
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// The address that the server will listen on [default: 127.0.0.1]
    #[arg(long)]
    pub(crate) address: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The region whose STS endpoint the token is for
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Print the token alone
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) token_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print the version number alone
    #[arg(long, short = 's', num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_value = "false", default_missing_value = "true", hide_default_value = true)]
    pub(crate) short: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ServerArgs {
    /// The AWS partition of the callers [default: aws]
    #[arg(long)]
    pub(crate) partition: Option<String>,
    /// Where to write the kubeconfig for the API server's --authentication-token-webhook-config-file
    /// [default: /etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml]
    #[arg(long, value_name = "PATH")]
    pub(crate) generate_kubeconfig: Option<PathBuf>,
    /// The webhook kubeconfig is there already; do not write one
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", value_parser = boolean)]
    #[arg(default_missing_value = "true")]
    pub(crate) kubeconfig_pregenerated: Option<bool>,
    /// Where the certificate and its key are kept [default: /var/aws-iam-authenticator]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 21362]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Refuse to start where the configuration file has a key that means nothing
    #[arg(long)]
    pub(crate) strict_config: bool,
    /// Check configuration, mappings, certificate and the way to STS; do not listen. Fails on anything that is ignored
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Where mappings come from, in order: MountedFile, DynamicFile [default: MountedFile]
    #[arg(long, value_delimiter = ',', value_name = "BACKENDS")]
    pub(crate) backend_mode: Vec<String>,
}

/// The spellings of Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("neither true nor false"),
    }
}
